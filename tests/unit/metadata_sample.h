/*
 * metadata_sample.h - metadata that a test has in memory instead of a cluster.
 */
#ifndef TESTS_UNIT_METADATA_SAMPLE_H
#define TESTS_UNIT_METADATA_SAMPLE_H

#include "sync_client/metadata_digest.h"
#include "tests/unit/scratch.h"

#define SAMPLE_DATABASE "__mdb_internal_mongosync"

struct sample_item { /* a collection, or (database NULL) a document in it */
	const char *database, *name, *about;
	const char *document;
};

struct sample {
	const struct sample_item *items;
	size_t count;
	unsigned walks;
	unsigned
		changes_at; /* the walk that finds one document less; 0: none */
};

static inline bool sample_walk(
	void *arg, const struct metadata_visitor *visitor, struct err *err)
{
	struct sample *sample = arg;
	size_t count = sample->count;

	sample->walks++;
	if (sample->walks == sample->changes_at)
		count--;
	for (size_t i = 0; i < count; i++) {
		const struct sample_item *item = &sample->items[i];
		const struct metadata_collection at = {
			.database = item->database,
			.name = item->name,
			.about = item->about,
			.about_file = item->about,
			.suffix = ".bson",
		};
		bool ok = item->database
				  ? visitor->collection(visitor->arg, &at, err)
				  : visitor->document(visitor->arg,
					    item->document,
					    strlen(item->document), err);

		if (!ok)
			return false;
	}
	return true;
}

static inline struct metadata_source sample_source(struct sample *sample)
{
	return (struct metadata_source){.walk = sample_walk, .arg = sample};
}

#endif
