/*
 * notice.h - what the command that the fleet file names is told.  Pure.
 *
 * A fold of the run's state, like every view: which events have come about,
 * each with an id that is the same whenever it is asked.  So an event whose
 * telling was cut short is told again, with the same id.  For scripts: never
 * rename a member.
 *
 *   schema 1, event, id, fleet, run ("" if none), host, at (wall clock, ms),
 *   exit (null while it runs), summary (a sentence), next (what to type, or
 * ""), status (what to type to see more), processes (as in status --json)
 *
 *   event  started       a run began
 *          needs-person  a lane stopped and stays so, or a run that nobody
 *                        watches was refused
 *          failed        the supervisor died and is not started again; its
 *                        run, if it has one, stays as it is (exit: null)
 *          turned-back   the run ended, and at least one lane with its old
 *                        version
 *          done          the run reached its goal
 *          aborted       the run was ended by "syncup abort"
 */
#ifndef SUPERVISOR_REPORT_NOTICE_H
#define SUPERVISOR_REPORT_NOTICE_H

#include <jansson.h>

#include "state/run_state.h"

struct notice_about { /* borrowed */
	const char *fleet;
	const char *operand; /* what to type after the verb */
};

/* An array, in the order in which they came about. */
json_t *notices(const struct run_state *state, const struct notice_about *about,
	int64_t now);
/* No run, or none that tells it: the command ended with this exit code. */
json_t *notice_refused(const struct notice_about *about, const char *run,
	int code, const char *why, int64_t now);
/* state: NULL if there is no run, or it cannot be read.  once: what no other
 * failure has in common with this one. */
json_t *notice_failed(const struct notice_about *about,
	const struct run_state *state, const char *once, const char *why,
	const char *next, int64_t now);

#endif
