/*
 * run_clock.h - how long a lane has stood still, and how long it still may.
 *
 * Pure: a fold of "clock" records, and arithmetic.  Time that passed is the
 * larger of what the wall clock says and what this boot's clock says, so that a
 * wall clock that jumps back never gives time.
 *
 * Members of a "clock" record.  On disk: never rename.
 *   lane, text (for people)
 *   since     when it began to stand still, wall clock ms
 *   stood_ms  how long it has stood by now
 *   stood     {process: wall clock ms}, when each of them began to
 *   margin_s, how, resume_s: a reading of the margin; see plan/margin.h.  The
 *             first is what was planned, of the time before it stood still
 *   loud      0 ... 4, how urgently it is said
 *   over      true: it stands no longer
 */
#ifndef STATE_RUN_CLOCK_H
#define STATE_RUN_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "state/record.h"

struct run_clock {
	bool runs; /* something of the lane stands still */
	char how[24]; /* the margin was found; "" if it is not known */
	int64_t since; /* wall clock, ms */
	int64_t stood_ms; /* up to the last record */
	int64_t resume_s; /* resume point, the servers' time; 0: not told */
	int64_t margin_ms; /* of the last reading */
	int64_t rate; /* milliseconds of margin that go in a second, >= 1000 */
	int64_t read_stood_ms; /* how long it had stood then */
	int64_t first_margin_ms, first_stood_ms; /* of the first reading */
	unsigned loud;
	/* Of the last record: what passed since is counted from here. */
	int64_t at, up;
	char boot[37];
};

/* boot: of the supervisor that wrote it. */
void run_clock_apply(
	struct run_clock *clock, const struct record *record, const char *boot);

/* By now: wall clock ms, CLOCK_BOOTTIME ms, and of which boot that is. */
int64_t run_clock_stood_ms(const struct run_clock *clock, int64_t wall,
	int64_t up, const char *boot);
/* The time that is left; -1 if that is not known. */
int64_t run_clock_left_ms(const struct run_clock *clock, int64_t stood_ms);
/* Percent of all the time that it may stand still, or of the margin, whichever
 * is more; 0 if that is not known. */
unsigned run_clock_used(const struct run_clock *clock, int64_t stood_ms);

#endif
