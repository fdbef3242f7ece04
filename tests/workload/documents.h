/*
 * documents.h - the documents that the tests sync, made from numbers.
 *
 * Seed, collection, number and revision decide every byte.  The number decides
 * the _id and stands in the document as "number", so that a writer that starts
 * anew can find out what there is.  The shapes keep to what FerretDB v1.24
 * stores unchanged: no arrays in arrays, no empty keys, no '.' or '$' in keys,
 * no NaN, no infinity, no negative zero.
 */
#ifndef TESTS_WORKLOAD_DOCUMENTS_H
#define TESTS_WORKLOAD_DOCUMENTS_H

#include <bson/bson.h>
#include <stddef.h>
#include <stdint.h>

#define COLLECTION_COUNT 7
#define DOCUMENT_SIZE_MAX 9000 /* bytes of BSON */

struct random {
	uint64_t state;
};

typedef void id_fn(bson_t *doc, int64_t number);
typedef void fields_fn(bson_t *doc, struct random *random);

struct collection {
	const char *db, *name;
	unsigned weight; /* its share of all documents */
	id_fn *append_id;
	fields_fn *append_fields;
};

extern const struct collection collections[COLLECTION_COUNT];

uint64_t random_next(struct random *random);
/* From 0 to below - 1; below is not 0. */
uint64_t random_below(struct random *random, uint64_t below);

/* {"_id": ...} alone; the caller destroys it. */
bson_t *document_id(const struct collection *collection, int64_t number);
bson_t *document_make(const struct collection *collection, uint64_t seed,
	int64_t number, int32_t revision);
/* How many of so many documents belong in this collection: at least 1. */
int64_t documents_of(const struct collection *collection, int64_t total);

#endif
