/*
 * load.c - makes the source's collections, and an empty change log.
 */
#include <inttypes.h>
#include <stdio.h>

#include "tests/workload/change_log.h"
#include "tests/workload/server.h"
#include "tests/workload/workload.h"

#define AT_ONCE 500

static bool load_collection(mongoc_client_t *client,
	const struct collection *collection, const struct options *options,
	int64_t *ret_loaded, struct err *err)
{
	int64_t count = documents_of(collection, options->documents);
	bson_t *docs[AT_ONCE];
	bool ok = server_create(client, collection->db, collection->name, err);

	for (int64_t number = 0; ok && number < count;) {
		size_t n = 0;

		while (n < AT_ONCE && number < count)
			docs[n++] = document_make(collection,
				(uint64_t)options->seed, number++, 0);
		ok = server_insert(
			client, collection->db, collection->name, docs, n, err);
		while (n)
			bson_destroy(docs[--n]);
	}
	*ret_loaded += count;
	return ok;
}

static bool load(mongoc_client_t *client, const struct options *options,
	int64_t *ret_loaded, struct err *err)
{
	if (!change_log_create(client, err))
		return false;
	for (size_t i = 0; i < COLLECTION_COUNT; i++)
		if (!server_drop_database(client, collections[i].db, err))
			return false;
	for (size_t i = 0; i < COLLECTION_COUNT; i++)
		if (!load_collection(
			    client, &collections[i], options, ret_loaded, err))
			return false;
	return true;
}

bool workload_load(const struct options *options, struct err *err)
{
	mongoc_client_t *client;
	int64_t loaded = 0;
	bool ok;

	if (!server_open(options->uri, &client, err))
		return false;
	ok = load(client, options, &loaded, err);
	mongoc_client_destroy(client);
	if (ok)
		(void)printf("loaded=%" PRId64 " collections=%d\n", loaded,
			COLLECTION_COUNT);
	return ok;
}
