/*
 * Unit tests of when a lane stands still: the procedure's clock.
 */
#include "procedure_world.h"

struct world {
	struct survey survey;
	json_t *plan;
	struct made_up_run run;
};

static int make(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	made_up_survey(&world->survey, made_up_fleet(2));
	made_up_group(&world->survey);
	world->survey.lane[0].margin = (struct margin){
		.how = MARGIN_OPLOG,
		.s = 7200,
		.resume_s = 7,
	};
	world->survey.finish_by_ms = 99000;
	world->plan = mongosync()->forward(&world->survey);
	made_up_begin(&world->run, world->plan);
	*state = world;
	return 0;
}

static int drop(void **state)
{
	struct world *world = *state;

	made_up_done(&world->run);
	json_decref(world->plan);
	made_up_survey_done(&world->survey);
	free(world);
	return 0;
}

/* Which processes stand, as "a b"; "" and false: none does. */
static void assert_stands(struct world *world, const char *names)
{
	struct procedure_clock clock;
	bool stands = mongosync()->clock(&world->run.state.lane[0], &clock);
	char text[100] = "";
	const char *key;
	json_t *since;

	assert_int_equal(stands, names[0] != '\0');
	json_object_foreach (clock.stood, key, since) {
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
			"%s%s", text[0] ? " " : "", key);
		assert_true(json_integer_value(since) > 0);
	}
	assert_string_equal(text, names);
	if (stands) {
		assert_non_null(clock.since);
		assert_string_equal(clock.look.kind, "margin");
		assert_string_equal(clock.look.target, "metadata:shop");
	}
	json_decref(clock.stood);
}

static void test_clock_runs_from_the_first_pause_to_the_last_resume(
	void **state)
{
	struct world *world = *state;
	struct made_up_run *run = &world->run;
	struct procedure_clock clock;
	int64_t began;

	go_before(run, "shop", "pause");
	assert_stands(world, "");
	made_up_intent(run, "shop", "pause", "b", NULL);
	began = run->at;
	assert_stands(world, "b");
	made_up_step_done(run, "shop", "pause", "b", "acted");
	made_up_act(run, "shop", "pause", "a");
	assert_stands(world, "a b");
	for (const char *const *kind = (const char *const[]){"hold", "stop",
		     "save", "activate", "start", "verify", NULL};
		*kind; kind++)
		go_stage(run, "shop",
			run_course_stage(&run->state.lane[0].forward, *kind),
			true);
	assert_stands(world, "a b");
	assert_true(mongosync()->clock(&run->state.lane[0], &clock));
	assert_int_equal(clock.since->first_intent_at, began);
	json_decref(clock.stood);
	made_up_act(run, "shop", "resume", "b");
	assert_stands(world, "a");
	made_up_act(run, "shop", "resume", "a");
	assert_stands(world, "");
}

/* The clock turns nobody who may sync on the new version. */
static void test_clock_syncs_from_the_first_resume_on(void **state)
{
	struct world *world = *state;
	struct made_up_run *run = &world->run;
	const struct run_lane *lane = &run->state.lane[0];

	assert_false(mongosync()->syncs(lane));
	go_through(run, "shop", "verify");
	assert_false(mongosync()->syncs(lane));
	made_up_intent(run, "shop", "resume", "b", NULL);
	assert_true(mongosync()->syncs(lane));
}

static void test_clock_syncs_from_the_start_on_under_pause_never(void **state)
{
	json_t *fleet = made_up_fleet(2), *plan;
	struct made_up_run run;
	struct survey survey;

	(void)state;
	(void)json_object_set_new(fleet, "pause", json_string("never"));
	made_up_survey(&survey, fleet);
	made_up_group(&survey);
	plan = mongosync()->forward(&survey);
	made_up_begin(&run, plan);
	go_through(&run, "shop", "activate");
	assert_false(mongosync()->syncs(&run.state.lane[0]));
	made_up_intent(&run, "shop", "start", "a", NULL);
	assert_true(mongosync()->syncs(&run.state.lane[0]));
	made_up_done(&run);
	json_decref(plan);
	made_up_survey_done(&survey);
}

/* Going back it runs on until the old version was resumed. */
static void test_clock_runs_on_the_way_back(void **state)
{
	struct world *world = *state;
	struct made_up_run *run = &world->run;

	go_through(run, "shop", "start");
	made_up_write(run, "turn",
		json_pack("{s:s, s:s, s:s, s:o}", "lane", "shop", "why", "x",
			"outcome", "turned-back", "course",
			mongosync()->back(
				world->plan, &run->state.lane[0], false)));
	assert_stands(world, "a b");
	go_through(run, "shop", "start");
	assert_stands(world, "a b");
	go_stage(run, "shop",
		run_course_stage(&run->state.lane[0].back, "resume"), true);
	assert_stands(world, "");
}

/* However the wall clock jumps, who was resumed stands no longer. */
static void test_clock_ends_though_the_wall_clock_was_set_back(void **state)
{
	struct world *world = *state;
	struct made_up_run *run = &world->run;

	go_through(run, "shop", "verify");
	assert_stands(world, "a b");
	run->at -= 3600000;
	made_up_act(run, "shop", "resume", "a");
	made_up_act(run, "shop", "resume", "b");
	assert_stands(world, "");
}

/* Somebody had it PAUSED: that is not our standstill, its stop is. */
static void test_clock_of_who_was_not_paused_by_us(void **state)
{
	struct world *world = *state;
	struct made_up_run *run = &world->run;

	go_before(run, "shop", "pause");
	made_up_step_done(run, "shop", "pause", "a", "found");
	made_up_step_done(run, "shop", "pause", "b", "found");
	assert_stands(world, "");
	go_stage(run, "shop",
		run_course_stage(&run->state.lane[0].forward, "hold"), true);
	made_up_intent(run, "shop", "stop", "a", NULL);
	assert_stands(world, "a");
}

static void test_forward_freezes_margin_and_time(void **state)
{
	struct world *world = *state;
	const json_t *lane =
		json_array_get(json_object_get(world->plan, "lanes"), 0);
	const json_t *margin = json_object_get(lane, "margin");
	const json_t *time = json_object_get(world->plan, "time");

	assert_string_equal(
		json_string_value(json_object_get(margin, "how")), "oplog");
	assert_int_equal(
		json_integer_value(json_object_get(margin, "s")), 7200);
	assert_int_equal(
		json_integer_value(json_object_get(margin, "resume_s")), 7);
	assert_int_equal(
		json_integer_value(json_object_get(time, "finish_by")), 99000);
	assert_int_equal(
		json_integer_value(json_object_get(time, "run_s")), 240);
	assert_int_equal(
		json_integer_value(json_object_get(time, "still_s")), 150);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(
			test_clock_runs_from_the_first_pause_to_the_last_resume),
		IN_WORLD(test_clock_syncs_from_the_first_resume_on),
		cmocka_unit_test(
			test_clock_syncs_from_the_start_on_under_pause_never),
		IN_WORLD(test_clock_runs_on_the_way_back),
		IN_WORLD(test_clock_ends_though_the_wall_clock_was_set_back),
		IN_WORLD(test_clock_of_who_was_not_paused_by_us),
		IN_WORLD(test_forward_freezes_margin_and_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
