/*
 * window.h - when a run may work, and until when: times that people write, in
 * local time.  Pure, but for the time zone.
 *
 * Days are calendar days, not 24 hours: a window from 22:00 to 04:00 ends at
 * 04:00 also in the nights when the clocks change.
 */
#ifndef SUPERVISOR_FLEET_WINDOW_H
#define SUPERVISOR_FLEET_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "state/err.h"

struct fleet_window;

/* "HH:MM": minutes since midnight. */
bool window_minute(const char *text, int *ret_minute) WARN_UNUSED;
/* "mon" ... "sun": as in struct tm, 0 is Sunday. */
bool window_day(const char *text, int *ret_day) WARN_UNUSED;

/* True inside of it; *ret_until is when it closes.  False: *ret_from is when it
 * opens next.  Wall clock ms. */
bool window_is_open(const struct fleet_window *window, int64_t now,
	int64_t *ret_from, int64_t *ret_until) WARN_UNUSED;

/* "04:00" (the next such time), "2026-11-28 04:00" (or with a T), "+90m",
 * "+2h",
 * "+90s".  ERR_USAGE for anything else, and for what is past. */
bool finish_by_parse(const char *text, int64_t now, int64_t *ret_ms,
	struct err *err) WARN_UNUSED;

#endif
