/*
 * notify.h - tells the command that the fleet file names (notify:).
 *
 * It gets one event (notice.h) as a JSON object on its standard input, without
 * a shell, one after the other, and 30 seconds for each.  What it does never
 * changes a run: a failure is a warning.  Each event is told at least once:
 * what was told is remembered in <state>/<fleet>/notified, and what a kill or a
 * power cut kept from being told, or remembered, is told by whoever continues,
 * with the same id.
 */
#ifndef SUPERVISOR_REPORT_NOTIFY_H
#define SUPERVISOR_REPORT_NOTIFY_H

#include <event2/event.h>

#include "supervisor/report/notice.h"

struct notify;

/* argv ends with NULL; it and what is in about are copied.  folder: where the
 * fleet's state is.  The commands run on base. */
struct notify *notify_new(struct event_base *base, char *const argv[],
	const struct notice_about *about, const char *folder);
/* Kills a command that is under way; it is told again another time. */
void notify_free(struct notify *notify);
/* Tells what has come about and was not told.  A run that had ended before
 * anything was remembered of it is old news. */
void notify_look(struct notify *notify, const struct run_state *state);
void notify_refused(
	struct notify *notify, const char *run, int code, const char *why);
void notify_failed(struct notify *notify, const struct run_state *state,
	const char *once, const char *why, const char *next);
bool notify_is_busy(const struct notify *notify);

#endif
