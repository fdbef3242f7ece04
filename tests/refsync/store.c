/*
 * store.c - what both kinds of store share.
 */
#include <string.h>

#include "tests/refsync/store.h"

bool store_open(const char *uri, struct store **ret_store, struct err *err)
{
	if (!strncmp(uri, "light:", 6))
		return store_light_open(uri + 6, ret_store, err);
	if (!strncmp(uri, "mongodb://", 10) ||
		!strncmp(uri, "mongodb+srv://", 14))
		return store_mongo_open(uri, ret_store, err);
	return err_set(err, ERR_CONFIG,
		"cluster URI begins with none of mongodb://, mongodb+srv://, "
		"light:");
}

void store_free(struct store *store)
{
	if (store)
		store->ops->free(store);
}

void batch_done(struct batch *batch)
{
	if (batch->docs_free)
		batch->docs_free(batch);
	*batch = (struct batch){0};
}

json_t *store_find(const json_t *docs, const char *id)
{
	size_t i;
	json_t *doc;

	json_array_foreach (docs, i, doc) {
		const char *its =
			json_string_value(json_object_get(doc, "_id"));

		if (its && !strcmp(its, id))
			return doc;
	}
	return NULL;
}

/* FNV-1a. */
uint32_t store_hash(uint32_t hash, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash;
}

static void print_base64(const unsigned char *bytes, size_t len, char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t out = 0;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t three = (uint32_t)bytes[i] << 16;

		if (i + 1 < len)
			three |= (uint32_t)bytes[i + 1] << 8;
		if (i + 2 < len)
			three |= bytes[i + 2];
		text[out++] = digits[three >> 18];
		text[out++] = digits[three >> 12 & 63];
		text[out++] = i + 1 < len ? digits[three >> 6 & 63] : '=';
		text[out++] = i + 2 < len ? digits[three & 63] : '=';
	}
	text[out] = '\0';
}

json_t *store_make_uuid(struct name name)
{
	unsigned char bytes[16];
	char text[25];

	for (size_t i = 0; i < 4; i++) {
		uint32_t hash = store_hash(STORE_HASH_START + (uint32_t)i,
			name.db, strlen(name.db) + 1);

		hash = store_hash(hash, name.coll, strlen(name.coll));
		memcpy(&bytes[4 * i], &hash, 4);
	}
	print_base64(bytes, sizeof(bytes), text);
	return json_pack(
		"{s:{s:s, s:s}}", "$binary", "base64", text, "subType", "04");
}
