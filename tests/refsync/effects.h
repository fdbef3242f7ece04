/*
 * effects.h - what really happened, for the tests that judge it.
 *
 * One NDJSON file shared by all processes of a test; each line is one write to
 * a descriptor in append mode, so lines never mix:
 *
 *   {"t_ns":1,"pid":2,"id":"shard0","version":"1.18.0","event":"request",...}
 *
 * A line is written before its effect begins, or as soon as it is true.
 */
#ifndef REFSYNC_EFFECTS_H
#define REFSYNC_EFFECTS_H

#include <jansson.h>

#include "state/err.h"

/* path NULL or "": nothing is written. */
bool effects_open(
	const char *path, const char *id, struct err *err) WARN_UNUSED;
void effects_close(void);
/* more may be NULL; it is an object whose members are added, and is taken. */
void effects_add(const char *event, json_t *more);
/* Whether any process logged this partition as complete before now. */
bool effects_has_partition(const char *namespace, const char *partition);
/* Logs event, says text on stderr and ends the process at once. */
__attribute__((noreturn)) void effects_die(
	const char *event, int code, const char *text);

#endif
