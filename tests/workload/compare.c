/*
 * compare.c - is every document of the one side on the other, and the same?
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/workload/change_log.h"
#include "tests/workload/doc_set.h"
#include "tests/workload/server.h"
#include "tests/workload/workload.h"

#define SHOWN_MAX 20

struct comparison {
	mongoc_client_t *source, *destination;
	const char *db, *name; /* being compared */
	size_t documents, differing;
};

static bool is_users(const char *db)
{
	static const char *const names[] = {
		"admin", "local", "config", CHANGE_LOG_DB};
	static const char *const prefixes[] = {"mongosync_reserved_for_",
		"mongosync_internal_", "__mdb_internal"};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(db, names[i]))
			return false;
	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(db, prefixes[i], strlen(prefixes[i])))
			return false;
	return true;
}

static bool has(char **names, const char *name)
{
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

static char **databases_of(mongoc_client_t *client, struct err *err)
{
	bson_error_t why;
	char **names =
		mongoc_client_get_database_names_with_opts(client, NULL, &why);

	if (!names)
		(void)err_set(
			err, ERR_AGAIN, "listing databases: %s", why.message);
	return names;
}

static char **collections_of(
	mongoc_client_t *client, const char *db, struct err *err)
{
	mongoc_database_t *database = mongoc_client_get_database(client, db);
	bson_error_t why;
	char **names = mongoc_database_get_collection_names_with_opts(
		database, NULL, &why);

	mongoc_database_destroy(database);
	if (!names)
		(void)err_set(err, ERR_AGAIN, "listing collections of %s: %s",
			db, why.message);
	return names;
}

static void show(
	struct comparison *comparison, const char *what, const char *id)
{
	if (comparison->differing++ < SHOWN_MAX)
		(void)printf("%s: %s.%s %s\n", what, comparison->db,
			comparison->name, id);
}

static void on_difference(
	void *arg, enum doc_difference difference, const bson_t *id)
{
	static const char *const what[] = {
		[DOC_MISSING] = "only on the source",
		[DOC_EXTRA] = "only on the destination",
		[DOC_UNEQUAL] = "not the same",
	};
	char *text = bson_as_canonical_extended_json(id, NULL);

	show(arg, what[difference], text ? text : "?");
	bson_free(text);
}

static bool add_doc(void *arg, const bson_t *doc, struct err *err)
{
	return doc_set_add(arg, doc, err);
}

static bool compare_collection(struct comparison *comparison, struct err *err)
{
	struct doc_set source = {.count = 0}, destination = {.count = 0};
	bool ok =
		server_find(comparison->source, comparison->db,
			comparison->name, NULL, NULL, add_doc, &source, err) &&
		server_find(comparison->destination, comparison->db,
			comparison->name, NULL, NULL, add_doc, &destination,
			err);

	if (ok)
		comparison->documents += doc_set_compare(
			&source, &destination, on_difference, comparison);
	doc_set_done(&source);
	doc_set_done(&destination);
	return ok;
}

/* A collection that is on one side only is a difference even when it is empty;
 * its documents count as well. */
static bool compare_collections(struct comparison *comparison, char **names,
	char **others, bool both, const char *what, struct err *err)
{
	for (; *names; names++) {
		bool missing = !has(others, *names);

		if (!strncmp(*names, "system.", strlen("system.")) ||
			!(both || missing))
			continue;
		comparison->name = *names;
		if (missing)
			show(comparison, what, "(the collection)");
		if (!compare_collection(comparison, err))
			return false;
	}
	return true;
}

static bool compare_database(struct comparison *comparison, struct err *err)
{
	char **here, **there = NULL;
	bool ok;

	here = collections_of(comparison->source, comparison->db, err);
	if (here)
		there = collections_of(
			comparison->destination, comparison->db, err);
	ok = here && there &&
	     compare_collections(comparison, here, there, true,
		     "only on the source", err) &&
	     compare_collections(comparison, there, here, false,
		     "only on the destination", err);
	bson_strfreev(here);
	bson_strfreev(there);
	return ok;
}

static bool compare_all(struct comparison *comparison, char **here,
	char **there, struct err *err)
{
	for (int side = 0; side < 2; side++)
		for (char **db = side ? there : here; *db; db++) {
			if (!is_users(*db) || (side && has(here, *db)))
				continue;
			comparison->db = *db;
			if (!compare_database(comparison, err))
				return false;
		}
	return true;
}

static bool compare(struct comparison *comparison, struct err *err)
{
	char **here, **there = NULL;
	bool ok;

	here = databases_of(comparison->source, err);
	if (here)
		there = databases_of(comparison->destination, err);
	ok = here && there && compare_all(comparison, here, there, err);
	bson_strfreev(here);
	bson_strfreev(there);
	return ok;
}

bool workload_compare(const struct options *options, struct err *err)
{
	struct comparison comparison = {.source = NULL};
	bool ok;

	ok = server_open(options->source, &comparison.source, err) &&
	     server_open(options->destination, &comparison.destination, err) &&
	     compare(&comparison, err);
	if (ok) {
		(void)printf("documents=%zu differing=%zu\n",
			comparison.documents, comparison.differing);
		ok = !comparison.differing && comparison.documents;
	}
	if (comparison.source)
		mongoc_client_destroy(comparison.source);
	if (comparison.destination)
		mongoc_client_destroy(comparison.destination);
	return ok;
}
