/*
 * run_course.c - looking things up in a folded run.
 */
#include <string.h>

#include "state/run_state.h"

struct run_lane *run_state_lane(const struct run_state *state, const char *name)
{
	for (unsigned i = 0; name && i < state->lane_count; i++)
		if (strcmp(state->lane[i].name, name) == 0)
			return &state->lane[i];
	return NULL;
}

struct run_course *run_lane_course(struct run_lane *lane)
{
	return lane->turned ? &lane->back : &lane->forward;
}

const struct run_stage *run_course_stage(
	const struct run_course *course, const char *kind)
{
	for (unsigned i = 0; i < course->stage_count; i++)
		if (strcmp(course->stage[i].kind, kind) == 0)
			return &course->stage[i];
	return NULL;
}

struct run_step *run_stage_step(
	const struct run_stage *stage, const char *target)
{
	for (unsigned i = 0; target && i < stage->step_count; i++)
		if (strcmp(stage->step[i].target, target) == 0)
			return &stage->step[i];
	return NULL;
}

const struct run_step *run_course_step(
	const struct run_course *course, const char *kind, const char *target)
{
	const struct run_stage *stage = run_course_stage(course, kind);

	return stage ? run_stage_step(stage, target) : NULL;
}

bool run_course_began(const struct run_course *course, const char *kind)
{
	const struct run_stage *stage = run_course_stage(course, kind);

	for (unsigned i = 0; stage && i < stage->step_count; i++)
		if (stage->step[i].intents)
			return true;
	return false;
}

bool run_course_reached(const struct run_course *course, const char *kind)
{
	const struct run_stage *stage = run_course_stage(course, kind);

	for (unsigned i = 0; stage && i < stage->step_count; i++)
		if (stage->step[i].intents || stage->step[i].done_at)
			return true;
	return false;
}

/* Is it up again?  What was not opened again is, even if the wall clock was set
 * back meanwhile. */
static bool is_up(const struct run_step *end, const struct run_step *begin)
{
	return end && end->status == RUN_DONE &&
	       (!end->recheck || end->done_at >= begin->first_intent_at);
}

const struct run_step *run_lane_down(const struct run_lane *lane,
	const char *down, const char *up, const char *target)
{
	const struct run_course *courses[] = {&lane->forward, &lane->back};
	const struct run_step *begin = NULL;

	for (unsigned i = 0; i < 2; i++) {
		const struct run_step *end =
			run_course_step(courses[i], up, target);

		if (!begin)
			begin = run_course_step(courses[i], down, target);
		if (!begin || !begin->first_intent_at || is_up(end, begin))
			begin = NULL;
	}
	return begin;
}

bool run_step_ours(const struct run_step *step)
{
	if (!step)
		return false;
	return step->status == RUN_INTENT || step->how == RUN_HOW_ACTED ||
	       step->how == RUN_HOW_RECOVERED;
}

const struct run_answer *run_state_answer(
	const struct run_state *state, const char *step, const char *target)
{
	for (unsigned i = state->answer_count; i > 0; i--) {
		const struct run_answer *answer = &state->answer[i - 1];

		if (!answer->used && strcmp(answer->step, step) == 0 &&
			strcmp(answer->target, target) == 0)
			return answer;
	}
	return NULL;
}
