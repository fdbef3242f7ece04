/*
 * earlier.h - what earlier runs of the same fleet took, so that it is known
 * what the next will take.
 *
 * Only runs that reached their goal in one go count: a run that waited for a
 * person says nothing about the work.
 */
#ifndef SUPERVISOR_PLAN_EARLIER_H
#define SUPERVISOR_PLAN_EARLIER_H

#include <stdint.h>

#include "state/run_state.h"

#define EARLIER_MAX 20 /* the newest ones */

struct fleet;

struct earlier {
	unsigned count;
	int64_t run_ms[EARLIER_MAX]; /* from the beginning to the end */
	int64_t still_ms[EARLIER_MAX]; /* the longest that a process stood */
	unsigned saves;
	int64_t save_ms[EARLIER_MAX], save_bytes[EARLIER_MAX];
};

struct expected { /* of the next run, seconds */
	unsigned runs; /* that it is known from; 0: assumed */
	int64_t run_s, still_s;
	int64_t bytes_per_s; /* of saved metadata, all three readings together
			      */
	bool save_measured;
};

/* One run; false: it does not count, or there is no room. */
bool earlier_add(struct earlier *earlier, const struct run_state *state);
/* Medians, or what is assumed. */
struct expected earlier_expect(const struct earlier *earlier);
/* The newest of <state>/run.journal and <state>/history/; what cannot be read
 * is left out. */
void earlier_read(const struct fleet *fleet, struct earlier *ret_earlier);

#endif
