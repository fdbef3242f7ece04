/*
 * pool.h - laps side by side, each in a process of its own.
 */
#ifndef TESTS_SIM_POOL_H
#define TESTS_SIM_POOL_H

#include "tests/sim/lap.h"

/* The next lap to run; false: there is none any more. */
typedef bool pool_next_fn(void *arg, struct lap *ret_lap);
/* What became of one; in the caller's process. */
typedef void pool_done_fn(
	void *arg, const struct lap *lap, const struct lap_result *result);

/* Up to `jobs` at once, until next says no and all have ended. */
void pool_run(const struct lap_place *place, unsigned jobs, pool_next_fn *next,
	pool_done_fn *done, void *arg);

#endif
