/*
 * copy.h - a copy of a light cluster's metadata on our own disk.
 *
 * <directory>/<database>/<collection>.ndjson and copy.json, the inventory of
 * files.h.  It is made as <directory>.partial and renamed when all is synced:
 * what has the name <directory> is whole.
 */
#ifndef LIGHT_HELPER_COPY_H
#define LIGHT_HELPER_COPY_H

#include <jansson.h>

#include "state/err.h"

/* before_second_look may be NULL.  ERR_DECIDE: somebody writes; ERR_STEP: the
 * directory holds something else; ERR_STORAGE. */
bool copy_save(const char *cluster, const char *directory,
	void (*before_second_look)(const char *cluster), json_t **ret_inventory,
	struct err *err) WARN_UNUSED;
/* ERR_STEP: it is not what was saved. */
bool copy_check(const char *directory, json_t **ret_inventory,
	struct err *err) WARN_UNUSED;
/* May be repeated after a kill at any point.  Nothing is touched if the copy
 * is bad. */
bool copy_put_back(const char *cluster, const char *directory,
	json_t **ret_inventory, struct err *err) WARN_UNUSED;

#endif
