/*
 * metadata_summary.h - what the metadata says about the sync.
 *
 * Its format is documented nowhere and may change with any version, so that
 * each field may be absent, and "recognised" says whether all that we look for
 * was found where we look for it.  Documents come as extended JSON, relaxed or
 * canonical.
 */
#ifndef SYNC_CLIENT_METADATA_SUMMARY_H
#define SYNC_CLIENT_METADATA_SUMMARY_H

#include <jansson.h>
#include <stdint.h>

#include "state/err.h"

struct metadata_summary { /* zero is empty */
	json_t *instances;
	json_t *options; /* what globalState says of /start's */
	json_int_t metadata_version; /* 0: not told */
	int64_t partitions, partitions_done, partitions_begun;
	int64_t partition_bytes, begun_bytes, statistics_bytes;
	bool global, statistics, odd;
};

void metadata_summary_done(struct metadata_summary *summary);
/* Collections that matter, ending in NULL; others need not be read. */
extern const char *const metadata_summary_collections[];
/* One document of one of them. */
bool metadata_summary_add(struct metadata_summary *summary,
	const char *collection, const json_t *doc, struct err *err) WARN_UNUSED;
/*
 * databases: array of names, may be empty; main may be NULL.
 * {found, databases, generations, database, metadata_version, recognised,
 * instances: [{id,state,phase,last_event,copy_started}], options, partitions
 * {total,done,in_progress,in_progress_bytes}, copied_bytes}
 *
 * generations: those of the databases that a sync would continue from; one.
 * options, each null if it is not told, "unknown" if its form is not known:
 * write_blocking (in its own word), natural_order ("none", "some" collections,
 * "all"), random_id ("on", "off": such collections are read in natural order,
 * too), verification (in its own word).
 */
bool metadata_summary_end(struct metadata_summary *summary,
	const json_t *databases, const char *main, json_t **ret_json,
	struct err *err) WARN_UNUSED;

/* A number in any spelling of extended JSON; false if it is none. */
bool metadata_number(const json_t *value, int64_t *ret_number);
/* The main database of these; NULL if none is.  Borrowed. */
const char *metadata_main(const json_t *databases,
	bool (*has_global)(void *arg, const char *database), void *arg);

#endif
