/*
 * doc_set.h - which documents a collection holds, in little memory.
 *
 * A document is its _id and the SHA-256 of all its bytes, so that two equal
 * sets are collections that are equal byte for byte, whatever order a server
 * returned them in.
 */
#ifndef TESTS_WORKLOAD_DOC_SET_H
#define TESTS_WORKLOAD_DOC_SET_H

#include <bson/bson.h>
#include <stddef.h>

#include "state/err.h"

struct doc_entry;

struct doc_set {
	struct doc_entry *entries;
	size_t count, room;
};

enum doc_difference {
	DOC_MISSING, /* only in the first set */
	DOC_EXTRA, /* only in the second */
	DOC_UNEQUAL,
};

/* id is {"_id": ...}. */
typedef void doc_difference_fn(
	void *arg, enum doc_difference difference, const bson_t *id);

/* ERR_CONFIG if it has no _id. */
bool doc_set_add(
	struct doc_set *set, const bson_t *doc, struct err *err) WARN_UNUSED;
/* Sorts both; fn is called for each difference.  Returns how many different
 * _ids the two hold together. */
size_t doc_set_compare(struct doc_set *one, struct doc_set *other,
	doc_difference_fn *fn, void *arg);
void doc_set_done(struct doc_set *set);

#endif
