/*
 * run_state_world.h - the run that the tests of run_state begin with.
 */
#ifndef TESTS_UNIT_RUN_STATE_WORLD_H
#define TESTS_UNIT_RUN_STATE_WORLD_H

#include "made_up_run.h"

/* Two lanes: east has all that a lane can have, west only shows that it is
 * left alone by what happens in east. */
static inline json_t *two_lanes(void)
{
	return made_up_json(json_pack("{s:[{s:s, s:[o,o,o]}, {s:s, s:[o]}]}",
		"lanes", "name", "east", "stages",
		made_up_stage("pause", "a b"), made_up_stage("stop", "a b"),
		made_up_stage("start", "a b"), "name", "west", "stages",
		made_up_stage("pause", "c")));
}

static inline int begin_run(void **state)
{
	struct made_up_run *run = calloc(1, sizeof(*run));
	json_t *json = two_lanes();

	assert_non_null(run);
	made_up_begin(run, json);
	json_decref(json);
	*state = run;
	return 0;
}

static inline int end_run(void **state)
{
	made_up_done(*state);
	free(*state);
	return 0;
}

static inline const struct run_step *step_of(const struct made_up_run *run,
	const char *lane, const char *kind, const char *target)
{
	const struct run_step *step = run_course_step(
		run_lane_course(run_state_lane(&run->state, lane)), kind,
		target);

	assert_non_null(step);
	return step;
}

static inline const struct run_step *east(
	const struct made_up_run *run, const char *kind, const char *target)
{
	return step_of(run, "east", kind, target);
}

static inline void assert_refused(struct made_up_run *run, const char *kind,
	json_t *body, const char *why)
{
	assert_false(made_up_try(run, kind, body));
	assert_int_equal(run->err.code, ERR_JOURNAL);
	if (!strstr(run->err.msg, why))
		fail_msg("\"%s\" is not in \"%s\"", why, run->err.msg);
}

#define IN_RUN(test) cmocka_unit_test_setup_teardown(test, begin_run, end_run)

#endif
