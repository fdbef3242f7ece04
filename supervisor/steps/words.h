/*
 * words.h - what a sync process said last, for people who ask why it failed.
 *
 * Its log is NDJSON, one event a line, as mongosync writes it, but plain text
 * may stand in between (a panic).  Nothing is decided by it.
 */
#ifndef SUPERVISOR_STEPS_WORDS_H
#define SUPERVISOR_STEPS_WORDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	WORDS_LINES = 5,
	WORDS_PRINTED = 2, /* at least, of what is on standard output */
	WORDS_BYTES = 200, /* of each line */
	WORDS_TAIL = 16384, /* of a file that is looked at */
};

/* The last lines of the tail of a log, as "level: message: error", scrubbed
 * before they are cut; the last fatal one comes first.  whole: it begins at the
 * beginning, and so with a whole line.  The caller owns the array. */
json_t *words_of(const char *text, size_t len, bool whole);
/* Adds the last lines of what it printed.  A log without a fatal line gives way
 * to them: who dies before it has a log can only print. */
void words_join(json_t *lines, const json_t *printed);
/* Keeps what the process seen in this step printed, if its manager told; "" is
 * nothing. */
struct step_run;
void step_said(struct step_run *run, const char *said);
/* The one that tells why it ended: the fatal one, else the last; or "". */
const char *words_reason(const json_t *words);

/* Where it writes its log, on its host; NULL: nowhere.  The caller frees. */
struct target;
char *words_log_path(const struct target *target);

#endif
