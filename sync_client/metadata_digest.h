/*
 * metadata_digest.h - metadata as a walk over it, and the digest of a walk.
 *
 * A walk tells a visitor of each collection, and after it of each of its
 * documents in _id order: databases sorted by bytes, collections too.  A
 * database without collections is not there.
 *
 * The digest is a SHA-256 over what the walk says, each piece with a letter and
 * its length in front, so that nothing can be shifted from one to the next:
 *   "d" database  "c" collection  "o" options and indexes  "b" document
 */
#ifndef SYNC_CLIENT_METADATA_DIGEST_H
#define SYNC_CLIENT_METADATA_DIGEST_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "state/err.h"
#include "sync_client/sha256.h"

struct metadata_collection { /* borrowed by the visitor for the call */
	const char *database, *name;
	const char *about; /* options and indexes as text that is always the
			      same; "" if it has none */
	const char *about_file; /* the same for <name>.metadata.json; or NULL */
	const char *suffix; /* of the file of documents: ".bson" */
};

struct metadata_visitor {
	bool (*collection)(
		void *arg, const struct metadata_collection *, struct err *);
	bool (*document)(void *arg, const void *data, size_t len, struct err *);
	void *arg;
};

/* Where metadata is: on a cluster, or wherever a test keeps it. */
struct metadata_source {
	bool (*walk)(void *arg, const struct metadata_visitor *, struct err *);
	void *arg;
};

struct metadata_totals { /* zero is empty */
	char digest[SHA256_HEX_SIZE];
	uint64_t documents, bytes;
	json_t *databases; /* array of names */
};

void metadata_totals_done(struct metadata_totals *totals);
/* {found, databases, digest, documents, bytes}; NULL: no memory. */
json_t *metadata_totals_json(const struct metadata_totals *totals);

struct metadata_digest {
	struct sha256 sha;
	struct metadata_totals totals;
};

void metadata_digest_init(struct metadata_digest *digest);
void metadata_digest_done(struct metadata_digest *digest);
/* The visitor's two, with the digest as arg. */
bool metadata_digest_collection(
	void *arg, const struct metadata_collection *at, struct err *err);
bool metadata_digest_document(
	void *arg, const void *data, size_t len, struct err *err);
/* The caller owns *ret_totals. */
bool metadata_digest_end(struct metadata_digest *digest,
	struct metadata_totals *ret_totals, struct err *err) WARN_UNUSED;

/* All of it: one walk. */
bool metadata_digest_of(const struct metadata_source *source,
	struct metadata_totals *ret_totals, struct err *err) WARN_UNUSED;

#endif
