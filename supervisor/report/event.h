/*
 * event.h - what an operator acts on, read out of a run's records.  Pure.
 *
 * The same events go to the system's journal (journald.h) and to the command
 * that the fleet file names (notify.h).
 */
#ifndef SUPERVISOR_REPORT_EVENT_H
#define SUPERVISOR_REPORT_EVENT_H

#include <jansson.h>

#include "state/err.h"

enum event_kind {
	EVENT_NONE = 0,
	EVENT_STARTED, /* a run began */
	EVENT_CONTINUED, /* a supervisor took it up again */
	EVENT_MARGIN_LOW, /* a lane has stood still for too long */
	EVENT_TURNING, /* a lane turns back */
	EVENT_STEP_FAILED, /* a lane stopped; "run" may go on (exit 6) */
	EVENT_NEEDS_PERSON, /* a lane stopped; only a person can go on */
	EVENT_TURNED_BACK, /* the run ended with the old version */
	EVENT_DONE, /* the run ended with the new version */
	EVENT_REFUSED, /* fleet file or preflight: nothing was touched */
	EVENT_HELD, /* another supervisor or run holds it */
	EVENT_JOURNAL, /* the state file cannot be used */
	EVENT_STORAGE, /* the disk is full or fails */
	EVENT_GIVEN_UP, /* the supervisor is not started again by systemd */
};

/* NULL for EVENT_NONE. */
const char *event_id(enum event_kind kind);
enum event_kind event_of_record(const json_t *record);
/* Of an error that ended a command; EVENT_NONE: no more than a message. */
enum event_kind event_of_error(enum err_code code);
/* As syslog(3) counts: of the event, and of any record's line. */
int event_kind_priority(enum event_kind kind);
int event_priority(const json_t *record);
/* The exit code that a record stands for; -1: none. */
int event_exit(const json_t *record);

#endif
