/*
 * journald.h - the system's journal, where our output goes to it.
 *
 * Lines get their priority in front ("<3>"), as sd-daemon(3) says; the events
 * that an operator acts on are sent with fields: MESSAGE_ID, which the catalog
 * explains (journalctl -x), SYNCUP_FLEET, SYNCUP_RUN, SYNCUP_LANE,
 * SYNCUP_TARGET, SYNCUP_STEP, SYNCUP_EXIT.  All of it is scrubbed.  Without a
 * journal nothing is said here: who calls prints the line then.
 */
#ifndef SUPERVISOR_REPORT_JOURNALD_H
#define SUPERVISOR_REPORT_JOURNALD_H

#include <stdio.h>

#include "state/run_state.h"
#include "supervisor/report/event.h"

#define JOURNALD_FIELDS_MAX 10

struct journald_event {
	enum event_kind kind;
	const char *fleet, *run, *lane, *target, *step; /* "" or NULL: none */
	int exit; /* -1: none */
	const char *text;
};

/* Is this stream read by the journal? */
bool journald_is(FILE *out);
/* "<4>" if it is, else "". */
const char *journald_level(FILE *out, int priority);
/* For all that is sent from now on; either may be NULL: as it was. */
void journald_about(const char *fleet, const char *run);
/* False: it was not sent, print it. */
bool journald_send(enum event_kind kind, int exit, const char *text);
bool journald_send_record(const struct run_state *state, const json_t *record);
/* "NAME=value" each, freed by the caller; returns how many. */
unsigned journald_fields(const struct journald_event *event,
	char *ret_field[JOURNALD_FIELDS_MAX]);

#endif
