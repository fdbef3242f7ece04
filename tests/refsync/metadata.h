/*
 * metadata.h - what the sync keeps on the destination to continue from.
 *
 * Collections of one database (its name depends on the version):
 *   globalState  one document: persistedMetadataVersion, the options of
 *                /start, instances; migratingTo while a migration is going on
 *   resumeData   one document per instance: state, syncPhase, ...
 *   partitions   ranges of _id: who copies them and how far it is
 *   uuidMap, statistics  one document per collection
 *
 * globalState is written by /start and by a migration only, every other
 * document by its owner only.  Nothing is written while PAUSED.
 */
#ifndef REFSYNC_METADATA_H
#define REFSYNC_METADATA_H

#include <jansson.h>

#include "tests/refsync/store.h"

enum metadata_found {
	METADATA_NONE, /* this instance was never started */
	METADATA_READY,
	METADATA_OLDER, /* ours to migrate */
	METADATA_OTHERS, /* older; the coordinator migrates it */
};

struct metadata {
	struct store *store; /* borrowed */
	const char *id; /* borrowed */
	const char *from; /* database that a migration reads */
	json_t *global, *resume;
	bool gave_up; /* a migration, by migrate_then_idle */
};

void metadata_init(struct metadata *m, struct store *store, const char *id);
void metadata_done(struct metadata *m);

/* ERR_CONFIG: this version must not touch it; nothing was changed. */
bool metadata_load(struct metadata *m, enum metadata_found *ret_found,
	struct err *err) WARN_UNUSED;
/* Idempotent; keep_on (may be NULL) is asked before each document. */
bool metadata_migrate(struct metadata *m, bool (*keep_on)(void *), void *arg,
	struct err *err) WARN_UNUSED;
/* /start: writes globalState and this instance's resumeData, RUNNING. */
bool metadata_begin(struct metadata *m, const json_t *body, json_t *instances,
	struct store *const clusters[2], struct err *err) WARN_UNUSED;
/* Writes this instance's resumeData. */
bool metadata_save(struct metadata *m, struct err *err) WARN_UNUSED;

const char *metadata_state(const struct metadata *m);
void metadata_set_state(struct metadata *m, const char *state);
const char *metadata_phase(const struct metadata *m);
void metadata_set_phase(struct metadata *m, const char *phase);
/* The change up to which all is applied, and its time. */
int64_t metadata_position(const struct metadata *m);
int64_t metadata_position_time(const struct metadata *m);
void metadata_set_position(struct metadata *m, int64_t seq, int64_t when);
/* Ids of all instances, sorted; borrowed. */
const json_t *metadata_instances(const struct metadata *m);

bool metadata_peers(
	struct metadata *m, json_t **ret_docs, struct err *err) WARN_UNUSED;
bool metadata_partitions(
	struct metadata *m, json_t **ret_docs, struct err *err) WARN_UNUSED;
bool metadata_put(struct metadata *m, const char *collection, json_t *doc,
	struct err *err) WARN_UNUSED;
bool metadata_clear(struct metadata *m, const char *collection,
	struct err *err) WARN_UNUSED;

#endif
