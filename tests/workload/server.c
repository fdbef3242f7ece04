/*
 * server.c - each call once, and its error.
 */
#include "tests/workload/server.h"

bool server_open(const char *uri, mongoc_client_t **ret_client, struct err *err)
{
	bson_error_t why;
	mongoc_uri_t *parsed = mongoc_uri_new_with_error(uri, &why);
	mongoc_client_t *client;

	if (!parsed)
		return err_set(err, ERR_USAGE, "not a connection string");
	client = mongoc_client_new_from_uri(parsed);
	mongoc_uri_destroy(parsed);
	if (!client)
		return err_set(
			err, ERR_USAGE, "not a usable connection string");
	(void)mongoc_client_set_error_api(client, MONGOC_ERROR_API_VERSION_2);
	*ret_client = client;
	return true;
}

static bool fail(struct err *err, const bson_error_t *why, const char *doing,
	const char *db, const char *name)
{
	return err_set(
		err, ERR_AGAIN, "%s %s.%s: %s", doing, db, name, why->message);
}

bool server_find(mongoc_client_t *client, const char *db, const char *name,
	const bson_t *filter, const bson_t *opts, doc_fn *fn, void *arg,
	struct err *err)
{
	mongoc_collection_t *collection =
		mongoc_client_get_collection(client, db, name);
	const bson_t empty = BSON_INITIALIZER;
	mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(
		collection, filter ? filter : &empty, opts, NULL);
	const bson_t *doc;
	bson_error_t why;
	bool ok = true;

	while (ok && mongoc_cursor_next(cursor, &doc))
		ok = fn(arg, doc, err);
	if (ok && mongoc_cursor_error(cursor, &why))
		ok = fail(err, &why, "reading", db, name);
	mongoc_cursor_destroy(cursor);
	mongoc_collection_destroy(collection);
	return ok;
}

bool server_insert(mongoc_client_t *client, const char *db, const char *name,
	bson_t *const *docs, size_t count, struct err *err)
{
	mongoc_collection_t *collection;
	bson_error_t why;
	bool ok;

	if (!count)
		return true;
	collection = mongoc_client_get_collection(client, db, name);
	ok = mongoc_collection_insert_many(
		collection, (const bson_t **)docs, count, NULL, NULL, &why);
	mongoc_collection_destroy(collection);
	return ok || fail(err, &why, "inserting into", db, name);
}

bool server_delete(mongoc_client_t *client, const char *db, const char *name,
	const bson_t *filter, struct err *err)
{
	mongoc_collection_t *collection =
		mongoc_client_get_collection(client, db, name);
	bson_error_t why;
	bool ok = mongoc_collection_delete_many(
		collection, filter, NULL, NULL, &why);

	mongoc_collection_destroy(collection);
	return ok || fail(err, &why, "deleting from", db, name);
}

bool server_drop_database(
	mongoc_client_t *client, const char *db, struct err *err)
{
	mongoc_database_t *database = mongoc_client_get_database(client, db);
	bson_error_t why;
	bool ok = mongoc_database_drop(database, &why);

	mongoc_database_destroy(database);
	return ok || fail(err, &why, "dropping", db, "*");
}

bool server_create(mongoc_client_t *client, const char *db, const char *name,
	struct err *err)
{
	mongoc_database_t *database = mongoc_client_get_database(client, db);
	bson_error_t why;
	mongoc_collection_t *made =
		mongoc_database_create_collection(database, name, NULL, &why);

	mongoc_database_destroy(database);
	mongoc_collection_destroy(made);
	return made || fail(err, &why, "creating", db, name);
}
