/*
 * settings.h - how this process is to behave, and misbehave.
 *
 * Read from the environment (REFSYNC_PAUSE_MS=...), then from the JSON file
 * that REFSYNC_FAULTS names, then from <config>.refsync; a later one wins, and
 * in a file a section named like this instance's id wins, and over that one
 * named like the version that runs ("1.13.0").  Files are read again when they
 * change.  An unknown name ends the process: a test with a misspelt fault would
 * prove nothing.
 */
#ifndef REFSYNC_SETTINGS_H
#define REFSYNC_SETTINGS_H

#include <jansson.h>

#include "state/err.h"

enum setting {
	SET_PAUSE_MS, /* from the answer of /pause to PAUSED */
	SET_RESUME_MS, /* from the answer of /resume to RUNNING */
	SET_COMMIT_MS, /* least time in COMMITTING */
	SET_REVERSE_MS, /* least time in REVERSING */
	SET_STOP_MS, /* from a stop signal to the end */
	SET_SILENCE_MS, /* the API is dead after a start */
	SET_SILENCE_HANGS, /* dead means accepted, not answered */
	SET_MIGRATE_DOC_MS, /* time for each migrated document */
	SET_RETRY_MS, /* how long a lost cluster is tried */
	SET_NOOP_MS, /* a quiet sync's resume point moves this often */
	SET_PARTITION_DOCS, /* documents a partition holds */
	SET_BATCH_DOCS, /* documents read and written at once */
	SET_PARTITION_DOCS_PER_S, /* throttle of the copy; 0: none */
	SET_SYNTHETIC_DOCS, /* in a light source without data */
	SET_OPLOG_MINUTES, /* what the estimate says is left */
	SET_NEVER_PAUSES, /* /pause succeeds, nothing happens */
	SET_IGNORE_SIGTERM, /* stop signals are only logged */
	SET_CRASH_AT_START, /* exit code; 0: no crash */
	SET_QUIT_AT_START, /* ends at once, with exit code 0 */
	SET_HANG_AT_START, /* neither API nor work, only signals */
	SET_START_IDLE, /* as if there were no metadata */
	SET_DIE_AFTER_ANSWERS, /* of /progress, once it is ready; 0: never */
	SET_MIGRATE_THEN_DIE, /* after so many documents; 0: never */
	SET_MIGRATE_DIES_AT, /* the same, earlier starts' documents count */
	SET_MIGRATE_THEN_IDLE, /* gives up there, as if there were none */
	SET_ACCEPT_METADATA, /* in place of the minimum; 0: that */
	SET_LAG_S, /* the API tells so much more than there is */
	SET_VERIFIER_DOCS, /* that it has to hash; 0: it is off */
	SET_VERIFIER_HASHED, /* of them */
	SET_NATURAL_ORDER, /* at /start; 1: of a collection, 2: of all */
	SETTINGS,
};

enum fault_kind {
	FAULT_NONE,
	FAULT_GARBAGE, /* 200 and a body that is no JSON */
	FAULT_HALF, /* closes in the middle of the answer */
	FAULT_HUGE, /* an answer of "mb" megabytes */
	FAULT_HTTP_500, /* does nothing */
	FAULT_SUCCESS_FALSE, /* 200; does nothing */
	FAULT_LIE, /* does nothing; a progress says "state" */
	FAULT_EFFECT_THEN_CLOSE,
	FAULT_RESET, /* does nothing, resets the connection */
	FAULT_OTHER_ID, /* a progress with a foreign mongosyncID */
	FAULT_OTHER_LANE, /* a progress with a foreign coordinatorID */
	FAULT_RAW, /* any bytes, see raw.h; with "effect" it is done first */
	FAULTS,
};

enum raw_end {
	RAW_CLOSE,
	RAW_RESET,
	RAW_OPEN,
};

struct fault {
	enum fault_kind kind;
	long mb, slow_ms, gap_ms;
	bool effect;
	enum raw_end end;
	char state[16], file[256], filler[256];
};

/* config may be NULL. */
bool settings_open(
	const char *config, const char *id, struct err *err) WARN_UNUSED;
void settings_close(void);
/* Reads the files again if they changed.  A bad file is reported in the
 * effects, and what was known before stays. */
void settings_refresh(void);
long setting(enum setting name);
/* "effects" of the files or REFSYNC_EFFECTS; caller frees, NULL if unset. */
char *settings_effects(void);
/* What resumeData is to say in place of the state, or NULL; caller frees. */
char *settings_metadata_state(void);
/* Ids of "instances", or NULL; caller owns. */
json_t *settings_instances(void);
/* What is to go wrong with this request; uses up one of its "times". */
void settings_fault(const char *endpoint, struct fault *ret_fault);
const char *fault_name(enum fault_kind kind);

#endif
