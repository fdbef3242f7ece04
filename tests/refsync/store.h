/*
 * store.h - a cluster, as far as the reference process needs one.
 *
 * "mongodb://..." is a server, reached by libmongoc.  "light:/some/dir" is a
 * directory <dir>/<database>/<collection>.ndjson, one document a line in
 * extended JSON, ordered by _id, each file rewritten whole by rename.
 *
 * Metadata passes as relaxed extended JSON.  Users' documents stay in the
 * store's own form inside a batch, so that nothing is lost in translation;
 * both ends of a copy are therefore of one kind.
 *
 * ERR_AGAIN: the cluster cannot be reached now.
 */
#ifndef REFSYNC_STORE_H
#define REFSYNC_STORE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "state/err.h"

#define CHANGES_DATABASE "refsync_changelog"
#define CHANGES_COLLECTION "events"

struct name { /* a collection's full name */
	const char *db, *coll;
};

struct range { /* of _id, both ends inclusive */
	struct name name;
	const json_t *from, *upto;
};

struct batch { /* documents in the order of _id, or changes in theirs */
	size_t count;
	int64_t first_seq, last_seq; /* of a non-empty batch of changes */
	int64_t last_time; /* seconds, if the writer gave one; else 0 */
	void *docs;
	void (*docs_free)(struct batch *batch);
};

void batch_done(struct batch *batch);

/* Whether a change is this instance's to apply; hash is of ns and _id. */
struct share {
	uint32_t instances, mine;
};

struct store;

struct store_ops {
	void (*free)(struct store *store);
	/* array of names */
	bool (*databases)(struct store *, json_t **ret, struct err *);
	/* array of {"name":...,"uuid":{"$binary":...}} */
	bool (*collections)(
		struct store *, const char *db, json_t **ret, struct err *);
	/* array of ids, empty if the cluster has no shards or does not say */
	bool (*shards)(struct store *, json_t **ret, struct err *);
	/* all documents by _id; an unknown collection is empty */
	bool (*read)(struct store *, struct name, json_t **ret, struct err *);
	/* replaces or inserts by _id */
	bool (*put)(
		struct store *, struct name, const json_t *doc, struct err *);
	bool (*create)(struct store *, struct name, struct err *);
	/* coll NULL: the whole database */
	bool (*drop)(struct store *, struct name, struct err *);
	/* array of {"from":id,"upto":id,"docs":n}: consecutive ranges of at
	 * most so many documents, each of ids that compare with each other */
	bool (*ranges)(struct store *, struct name, long docs, json_t **ret,
		int64_t *ret_bytes, struct err *);
	bool (*read_docs)(struct store *, const struct range *,
		struct batch *ret, struct err *);
	/* so many documents from the one at first on; those that are there
	 * already, from an interrupted copy, are replaced */
	bool (*write_docs)(struct store *, struct name, const struct batch *,
		size_t first, size_t count, struct err *);
	/* the ends of the change log; 0 when it is empty */
	bool (*first_change)(struct store *, int64_t *ret_seq, struct err *);
	bool (*last_change)(struct store *, int64_t *ret_seq, struct err *);
	bool (*read_changes)(struct store *, int64_t after, size_t max,
		struct batch *ret, struct err *);
	/* in order, those of the share; *ret_applied counts them */
	bool (*apply_changes)(struct store *, struct batch *, struct share,
		size_t *ret_applied, struct err *);
};

struct store { /* the first member of each kind */
	const struct store_ops *ops;
	char address[300]; /* for people: no credentials */
};

/* Does not connect yet. */
bool store_open(
	const char *uri, struct store **ret_store, struct err *err) WARN_UNUSED;
void store_free(struct store *store);

/* Finds one document of read()'s by its _id, a string; borrowed, or NULL. */
json_t *store_find(const json_t *docs, const char *id);
/* For kinds: a UUID that is the same for the same name, as extended JSON. */
json_t *store_make_uuid(struct name name);
uint32_t store_hash(uint32_t hash, const void *data, size_t len);
#define STORE_HASH_START 2166136261u

bool store_light_open(
	const char *dir, struct store **ret_store, struct err *err) WARN_UNUSED;
bool store_mongo_open(
	const char *uri, struct store **ret_store, struct err *err) WARN_UNUSED;

#endif
