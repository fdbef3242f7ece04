/*
 * again.h - preflight of a run that is taken up again.
 *
 * Between a plan and its first pause there may be days: its supervisor was
 * killed, and nobody typed the command again.  What was passed then may be
 * forbidden now, and can still be refused: nothing stands still yet.
 */
#ifndef SUPERVISOR_PLAN_AGAIN_H
#define SUPERVISOR_PLAN_AGAIN_H

#include "state/run_state.h"
#include "supervisor/plan/survey.h"

/* Nothing was paused, held or stopped yet, and nobody asked for the way back.
 */
bool again_is_due(const struct run_state *state);
/* Judges a survey of the plan's fleet: adds what differs from the plan, and
 * leaves to the engine what it decides by itself; pure.  lost: the run that was
 * taken over, or NULL. */
void again_judge(
	struct survey *survey, const struct run_state *state, const char *lost);

#endif
