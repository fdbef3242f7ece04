/*
 * metadata_about.c - see metadata_about.h.
 */
#include "sync_client/metadata_about.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"

enum {
	UUID_LEN = 16,
};

struct field {
	const char *key;
	bson_iter_t iter;
};

static int compare_fields(const void *a, const void *b)
{
	const struct field *left = a, *right = b;

	return strcmp(left->key, right->key);
}

/* Only the fields at the top: what is in them keeps its order, which for an
 * index's key means something. */
static bool append_sorted(bson_t *to, const bson_t *from, const char *without)
{
	size_t count = bson_count_keys(from), used = 0;
	_cleanup_free_ struct field *fields =
		calloc(count + 1, sizeof(*fields));
	bson_iter_t iter;
	bool ok = fields && bson_iter_init(&iter, from);

	while (ok && bson_iter_next(&iter))
		if (!without || strcmp(bson_iter_key(&iter), without) != 0)
			fields[used++] =
				(struct field){bson_iter_key(&iter), iter};
	if (ok)
		qsort(fields, used, sizeof(*fields), compare_fields);
	for (size_t i = 0; ok && i < used; i++)
		ok = bson_append_iter(to, fields[i].key, -1, &fields[i].iter);
	return ok;
}

static bool find_document(
	const bson_t *in, const char *key, bson_t *ret_document)
{
	const uint8_t *data;
	bson_iter_t iter;
	uint32_t len;

	if (!bson_iter_init_find(&iter, in, key))
		return false;
	if (BSON_ITER_HOLDS_DOCUMENT(&iter))
		bson_iter_document(&iter, &len, &data);
	else if (BSON_ITER_HOLDS_ARRAY(&iter))
		bson_iter_array(&iter, &len, &data);
	else
		return false;
	return bson_init_static(ret_document, data, len);
}

static const char *find_text(const bson_t *in, const char *key)
{
	bson_iter_t iter;

	return bson_iter_init_find(&iter, in, key) &&
			       BSON_ITER_HOLDS_UTF8(&iter)
		       ? bson_iter_utf8(&iter, NULL)
		       : NULL;
}

struct index {
	const char *name;
	const uint8_t *data; /* a document; a bson_t cannot be in an array */
	uint32_t len;
};

static int compare_indexes(const void *a, const void *b)
{
	const struct index *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static size_t collect_indexes(const bson_t *indexes, struct index *found)
{
	size_t count = 0;
	bson_iter_t iter;

	if (!bson_iter_init(&iter, indexes))
		return 0;
	while (bson_iter_next(&iter)) {
		struct index *index = &found[count];
		bson_t spec;

		if (!BSON_ITER_HOLDS_DOCUMENT(&iter))
			continue;
		bson_iter_document(&iter, &index->len, &index->data);
		if (!bson_init_static(&spec, index->data, index->len))
			continue;
		index->name = find_text(&spec, "name");
		count += index->name != NULL;
	}
	return count;
}

static bool append_sorted_indexes(bson_t *to, const bson_t *indexes)
{
	_cleanup_free_ struct index *found =
		calloc(bson_count_keys(indexes) + 1, sizeof(*found));
	size_t count = found ? collect_indexes(indexes, found) : 0;
	bool ok = found != NULL;

	if (found)
		qsort(found, count, sizeof(*found), compare_indexes);
	for (size_t i = 0; ok && i < count; i++) {
		bson_t spec, child;

		ok = bson_init_static(&spec, found[i].data, found[i].len) &&
		     bson_append_document_begin(
			     to, found[i].name, -1, &child) &&
		     append_sorted(&child, &spec, "ns") &&
		     bson_append_document_end(to, &child);
	}
	return ok;
}

static char *print_digested(const bson_t *info, const bson_t *indexes)
{
	bson_t about = BSON_INITIALIZER, options, child;
	const char *type = find_text(info, "type");
	char *text = NULL;

	if (BSON_APPEND_UTF8(&about, "type", type ? type : "collection") &&
		BSON_APPEND_DOCUMENT_BEGIN(&about, "options", &child) &&
		(!find_document(info, "options", &options) ||
			append_sorted(&child, &options, NULL)) &&
		bson_append_document_end(&about, &child) &&
		BSON_APPEND_DOCUMENT_BEGIN(&about, "indexes", &child) &&
		append_sorted_indexes(&child, indexes) &&
		bson_append_document_end(&about, &child))
		text = bson_as_canonical_extended_json(&about, NULL);
	bson_destroy(&about);
	return text;
}

static bool append_uuid(bson_t *to, const bson_t *info)
{
	char hex[2 * UUID_LEN + 1];
	bson_subtype_t subtype;
	const uint8_t *bytes;
	bson_iter_t iter, uuid;
	uint32_t len;

	if (!bson_iter_init(&iter, info) ||
		!bson_iter_find_descendant(&iter, "info.uuid", &uuid) ||
		!BSON_ITER_HOLDS_BINARY(&uuid))
		return true;
	bson_iter_binary(&uuid, &subtype, &len, &bytes);
	if (len != UUID_LEN)
		return true;
	for (size_t i = 0; i < UUID_LEN; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	return BSON_APPEND_UTF8(to, "uuid", hex);
}

static char *print_file(const bson_t *info, const bson_t *indexes)
{
	const char *name = find_text(info, "name");
	const char *type = find_text(info, "type");
	bson_t about = BSON_INITIALIZER, options;
	char *text = NULL;

	if ((!find_document(info, "options", &options) ||
		    bson_empty(&options) ||
		    BSON_APPEND_DOCUMENT(&about, "options", &options)) &&
		BSON_APPEND_ARRAY(&about, "indexes", indexes) &&
		append_uuid(&about, info) &&
		BSON_APPEND_UTF8(&about, "collectionName", name ? name : "") &&
		BSON_APPEND_UTF8(&about, "type", type ? type : "collection"))
		text = bson_as_canonical_extended_json(&about, NULL);
	bson_destroy(&about);
	return text;
}

bool metadata_about_make(
	struct metadata_about *about, const bson_t *info, const bson_t *indexes)
{
	about->digested = print_digested(info, indexes);
	about->file = print_file(info, indexes);
	if (about->digested && about->file)
		return true;
	metadata_about_done(about);
	return false;
}

void metadata_about_done(struct metadata_about *about)
{
	bson_free(about->digested);
	bson_free(about->file);
	*about = (struct metadata_about){0};
}

/* ---- and back ---- */

bool metadata_about_create(
	const char *file, const char *collection, bson_t *ret_command)
{
	bson_t *about = bson_new_from_json((const uint8_t *)file, -1, NULL);
	bson_t options;
	bool ok = about && BSON_APPEND_UTF8(ret_command, "create", collection);

	if (ok && find_document(about, "options", &options))
		ok = bson_concat(ret_command, &options);
	bson_destroy(about);
	return ok;
}

/* The one on _id, whatever a clustered collection calls it. */
static bool comes_with_create(const bson_t *spec)
{
	const char *name = find_text(spec, "name");
	bson_iter_t iter;

	return (name && strcmp(name, "_id_") == 0) ||
	       bson_iter_init_find(&iter, spec, "clustered");
}

/* What a server gives an index that does not ask for another. */
static bool has_usual_version(const bson_t *spec)
{
	bson_iter_t iter;

	return bson_iter_init_find(&iter, spec, "v") &&
	       BSON_ITER_HOLDS_NUMBER(&iter) && bson_iter_as_int64(&iter) == 2;
}

static bool append_index(bson_t *array, uint32_t at, const bson_t *spec)
{
	const char *key;
	char buffer[16];
	bson_t child;

	(void)bson_uint32_to_string(at, &key, buffer, sizeof(buffer));
	if (!bson_append_document_begin(array, key, -1, &child))
		return false;
	bson_copy_to_excluding_noinit(
		spec, &child, "ns", has_usual_version(spec) ? "v" : NULL, NULL);
	return bson_append_document_end(array, &child);
}

bool metadata_about_indexes(const char *file, const char *collection,
	bson_t *ret_command, bool *ret_any)
{
	bson_t *about = bson_new_from_json((const uint8_t *)file, -1, NULL);
	bson_t indexes, array, spec;
	bson_iter_t iter;
	uint32_t count = 0;
	bool ok = about && find_document(about, "indexes", &indexes) &&
		  BSON_APPEND_UTF8(ret_command, "createIndexes", collection) &&
		  BSON_APPEND_ARRAY_BEGIN(ret_command, "indexes", &array) &&
		  bson_iter_init(&iter, &indexes);

	while (ok && bson_iter_next(&iter)) {
		const uint8_t *data;
		uint32_t len;

		if (!BSON_ITER_HOLDS_DOCUMENT(&iter)) {
			ok = false;
			break;
		}
		bson_iter_document(&iter, &len, &data);
		ok = bson_init_static(&spec, data, len);
		if (ok && !comes_with_create(&spec))
			ok = append_index(&array, count++, &spec);
	}
	ok = ok && bson_append_array_end(ret_command, &array);
	*ret_any = count > 0;
	bson_destroy(about);
	return ok;
}
