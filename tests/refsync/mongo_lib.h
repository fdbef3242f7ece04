/*
 * mongo_lib.h - libmongoc, loaded when a database is asked for.
 *
 * It and what it needs would cost a light process more than 10 MiB.  Its
 * functions are called as mongo.mongoc_client_destroy(...); libbson is small
 * and linked as usual.
 */
#ifndef REFSYNC_MONGO_LIB_H
#define REFSYNC_MONGO_LIB_H

#include <mongoc/mongoc.h>

#include "state/err.h"

#define MONGO_FUNCTIONS(X)                                                     \
	X(mongoc_init)                                                         \
	X(mongoc_cleanup)                                                      \
	X(mongoc_log_set_handler)                                              \
	X(mongoc_uri_new_with_error)                                           \
	X(mongoc_uri_destroy)                                                  \
	X(mongoc_uri_get_hosts)                                                \
	X(mongoc_uri_has_option)                                               \
	X(mongoc_uri_get_read_concern)                                         \
	X(mongoc_uri_get_write_concern)                                        \
	X(mongoc_uri_set_option_as_int32)                                      \
	X(mongoc_read_concern_get_level)                                       \
	X(mongoc_write_concern_is_default)                                     \
	X(mongoc_write_concern_get_wmajority)                                  \
	X(mongoc_client_new_from_uri_with_error)                               \
	X(mongoc_client_set_error_api)                                         \
	X(mongoc_client_destroy)                                               \
	X(mongoc_client_command_simple)                                        \
	X(mongoc_client_get_database_names_with_opts)                          \
	X(mongoc_client_get_database)                                          \
	X(mongoc_client_get_collection)                                        \
	X(mongoc_database_find_collections_with_opts)                          \
	X(mongoc_database_create_collection)                                   \
	X(mongoc_database_drop)                                                \
	X(mongoc_database_destroy)                                             \
	X(mongoc_collection_find_with_opts)                                    \
	X(mongoc_collection_insert_many)                                       \
	X(mongoc_collection_delete_many)                                       \
	X(mongoc_collection_replace_one)                                       \
	X(mongoc_collection_drop)                                              \
	X(mongoc_collection_destroy)                                           \
	X(mongoc_cursor_next)                                                  \
	X(mongoc_cursor_error)                                                 \
	X(mongoc_cursor_destroy)

struct mongo_lib {
#define X(function) __typeof__(function) *function;
	MONGO_FUNCTIONS(X)
#undef X
};

extern struct mongo_lib mongo;

/* Loads and initialises it; each success needs one mongo_lib_close(). */
bool mongo_lib_open(struct err *err) WARN_UNUSED;
void mongo_lib_close(void);

#endif
