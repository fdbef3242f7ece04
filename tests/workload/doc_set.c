/*
 * doc_set.c - an array of entries, sorted when two sets are compared.
 */
#include "tests/workload/doc_set.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST_LEN 32

struct doc_entry {
	bson_t *id;
	unsigned char digest[DIGEST_LEN];
};

void doc_set_done(struct doc_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		bson_destroy(set->entries[i].id);
	free(set->entries);
	*set = (struct doc_set){.count = 0};
}

static bool make_room(struct doc_set *set)
{
	size_t room = set->room ? 2 * set->room : 256;
	struct doc_entry *entries;

	if (set->count < set->room)
		return true;
	entries = realloc(set->entries, room * sizeof(*entries));
	if (!entries)
		return false;
	set->entries = entries;
	set->room = room;
	return true;
}

bool doc_set_add(struct doc_set *set, const bson_t *doc, struct err *err)
{
	struct doc_entry *entry;
	bson_iter_t iter;

	if (!bson_iter_init_find(&iter, doc, "_id"))
		return err_set(err, ERR_CONFIG, "a document without _id");
	if (!make_room(set))
		return err_set(err, ERR_BUG, "out of memory");
	entry = &set->entries[set->count];
	if (!EVP_Digest(bson_get_data(doc), doc->len, entry->digest, NULL,
		    EVP_sha256(), NULL))
		return err_set(err, ERR_BUG, "no SHA-256");
	entry->id = bson_new();
	(void)bson_append_iter(entry->id, "_id", -1, &iter);
	set->count++;
	return true;
}

/* By bytes: any order will do that is the same for both. */
static int compare_ids(const void *one, const void *other)
{
	return bson_compare(((const struct doc_entry *)one)->id,
		((const struct doc_entry *)other)->id);
}

static void sort(struct doc_set *set)
{
	if (set->count)
		qsort(set->entries, set->count, sizeof(*set->entries),
			compare_ids);
}

static const struct doc_entry *entry_at(const struct doc_set *set, size_t i)
{
	return i < set->count ? &set->entries[i] : NULL;
}

size_t doc_set_compare(struct doc_set *one, struct doc_set *other,
	doc_difference_fn *fn, void *arg)
{
	size_t i = 0, j = 0, ids = 0;

	sort(one);
	sort(other);
	for (; i < one->count || j < other->count; ids++) {
		const struct doc_entry *left = entry_at(one, i);
		const struct doc_entry *right = entry_at(other, j);
		int order = !left ? 1 : !right ? -1 : compare_ids(left, right);

		if (order < 0)
			fn(arg, DOC_MISSING, left->id);
		else if (order > 0)
			fn(arg, DOC_EXTRA, right->id);
		else if (memcmp(left->digest, right->digest, DIGEST_LEN) != 0)
			fn(arg, DOC_UNEQUAL, left->id);
		i += order <= 0;
		j += order >= 0;
	}
	return ids;
}
