/*
 * server.h - a MongoDB server, with this project's errors.
 */
#ifndef TESTS_WORKLOAD_SERVER_H
#define TESTS_WORKLOAD_SERVER_H

#include <mongoc/mongoc.h>

#include "state/err.h"

/* The message names no part of the URI: it may hold a password. */
bool server_open(const char *uri, mongoc_client_t **ret_client,
	struct err *err) WARN_UNUSED;
/* What a server or the way to it refused is ERR_AGAIN: servers come back. */

typedef bool doc_fn(void *arg, const bson_t *doc, struct err *err);

/* Calls fn for every document that matches; filter and opts may be NULL. */
bool server_find(mongoc_client_t *client, const char *db, const char *name,
	const bson_t *filter, const bson_t *opts, doc_fn *fn, void *arg,
	struct err *err) WARN_UNUSED;
/* In order, stopping at the first that fails. */
bool server_insert(mongoc_client_t *client, const char *db, const char *name,
	bson_t *const *docs, size_t count, struct err *err) WARN_UNUSED;
bool server_delete(mongoc_client_t *client, const char *db, const char *name,
	const bson_t *filter, struct err *err) WARN_UNUSED;
bool server_drop_database(
	mongoc_client_t *client, const char *db, struct err *err) WARN_UNUSED;
bool server_create(mongoc_client_t *client, const char *db, const char *name,
	struct err *err) WARN_UNUSED;

#endif
