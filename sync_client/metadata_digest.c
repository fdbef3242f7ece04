/*
 * metadata_digest.c - see metadata_digest.h.
 */
#include "sync_client/metadata_digest.h"

#include <endian.h>
#include <string.h>

static const char format[] = "syncup metadata 1";

void metadata_totals_done(struct metadata_totals *totals)
{
	json_decref(totals->databases);
	*totals = (struct metadata_totals){0};
}

json_t *metadata_totals_json(const struct metadata_totals *totals)
{
	return json_pack("{s:b, s:O, s:s, s:I, s:I}", "found",
		json_array_size(totals->databases) > 0, "databases",
		totals->databases, "digest", totals->digest, "documents",
		(json_int_t)totals->documents, "bytes",
		(json_int_t)totals->bytes);
}

static void add_piece(
	struct sha256 *sha, char kind, const void *data, size_t len)
{
	uint64_t length = htole64((uint64_t)len);

	sha256_add(sha, &kind, 1);
	sha256_add(sha, &length, sizeof(length));
	sha256_add(sha, data, len);
}

static void add_text(struct sha256 *sha, char kind, const char *text)
{
	add_piece(sha, kind, text, strlen(text));
}

void metadata_digest_init(struct metadata_digest *digest)
{
	*digest =
		(struct metadata_digest){.totals = {.databases = json_array()}};
	sha256_init(&digest->sha);
	sha256_add(&digest->sha, format, sizeof(format));
}

void metadata_digest_done(struct metadata_digest *digest)
{
	sha256_done(&digest->sha);
	metadata_totals_done(&digest->totals);
}

bool metadata_digest_collection(
	void *arg, const struct metadata_collection *at, struct err *err)
{
	struct metadata_digest *digest = arg;
	json_t *databases = digest->totals.databases;
	const char *last = json_string_value(
		json_array_get(databases, json_array_size(databases) - 1));

	if (!last || strcmp(last, at->database) != 0) {
		if (json_array_append_new(
			    databases, json_string(at->database)) != 0)
			return err_set(err, ERR_STEP,
				"a database's name cannot be kept");
		add_text(&digest->sha, 'd', at->database);
	}
	add_text(&digest->sha, 'c', at->name);
	add_text(&digest->sha, 'o', at->about);
	return true;
}

bool metadata_digest_document(
	void *arg, const void *data, size_t len, struct err *err)
{
	struct metadata_digest *digest = arg;

	(void)err;
	add_piece(&digest->sha, 'b', data, len);
	digest->totals.documents++;
	digest->totals.bytes += len;
	return true;
}

bool metadata_digest_end(struct metadata_digest *digest,
	struct metadata_totals *ret_totals, struct err *err)
{
	if (!sha256_end(&digest->sha, digest->totals.digest, err))
		return false;
	*ret_totals = digest->totals;
	digest->totals = (struct metadata_totals){0};
	return true;
}

bool metadata_digest_of(const struct metadata_source *source,
	struct metadata_totals *ret_totals, struct err *err)
{
	struct metadata_digest digest;
	const struct metadata_visitor visitor = {
		.collection = metadata_digest_collection,
		.document = metadata_digest_document,
		.arg = &digest,
	};
	bool ok;

	metadata_digest_init(&digest);
	ok = source->walk(source->arg, &visitor, err) &&
	     metadata_digest_end(&digest, ret_totals, err);
	metadata_digest_done(&digest);
	return ok;
}
