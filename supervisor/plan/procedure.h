/*
 * procedure.h - recipes: what is to be done, in which order.
 *
 * A procedure is pure: no I/O, so that it is tested by comparing the plan that
 * it makes.  Going back is not the mirror image of going forward; each
 * procedure says itself how it is done.
 */
#ifndef SUPERVISOR_PLAN_PROCEDURE_H
#define SUPERVISOR_PLAN_PROCEDURE_H

#include <jansson.h>

#include "state/run_state.h"
#include "supervisor/plan/survey.h"

struct procedure_proof {
	const char *kind; /* of step: its observe must say REACHED */
	const char *stage; /* whose patience and saw it judges by */
	const char *target;
};

struct procedure_clock { /* of a lane that stands still */
	struct procedure_proof look; /* what tells the margin */
	const struct run_step *since; /* what it began with */
	json_t *stood; /* {process: wall clock ms}, each one's; the caller's */
};

struct procedure {
	const char *name;
	/* The whole plan, frozen in record 0 of the journal. */
	json_t *(*forward)(const struct survey *survey);
	/* The course that takes a lane back from where it is.  restore: saved
	 * metadata may be put back. */
	json_t *(*back)(
		const json_t *plan, const struct run_lane *lane, bool restore);
	/* The course of a lane that is left just as it is (abort). */
	json_t *(*leave)(const struct run_lane *lane);
	/* What must be seen before the lane may turn without restore; false:
	 * it may turn at once. */
	bool (*proof)(const struct run_lane *lane, struct procedure_proof *ret);
	/* True while something of the lane stands still that would lose its
	 * place if it did so for too long. */
	bool (*clock)(const struct run_lane *lane, struct procedure_clock *ret);
	/* True once something of the lane may sync in its new form: what that
	 * writes may close the way back behind a lane that has just turned, so
	 * that no clock turns it any more. */
	bool (*syncs)(const struct run_lane *lane);
};

const struct procedure *procedure_find(const char *name); /* NULL: unknown */

#endif
