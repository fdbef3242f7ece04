#include "run_state_world.h"

/* run */

static void test_run_builds_lanes_stages_and_steps(void **state)
{
	const struct made_up_run *run = *state;
	const struct run_state *seen = &run->state;

	assert_string_equal(seen->run, "made-up");
	assert_string_equal(seen->boot, MADE_UP_BOOT);
	assert_string_equal(seen->syncup, "0.1.0");
	assert_int_equal(seen->pid, 4711);
	assert_int_equal(seen->started_at, run->at);
	assert_int_equal(seen->records, 1);
	assert_int_equal(seen->outcome, RUN_UNFINISHED);
	assert_int_equal(seen->lane_count, 2);
	assert_string_equal(seen->lane[0].name, "east");
	assert_int_equal(seen->lane[0].forward.stage_count, 3);
	assert_int_equal(seen->lane[0].back.stage_count, 0);
	assert_string_equal(seen->lane[0].forward.stage[1].kind, "stop");
	assert_int_equal(seen->lane[0].forward.stage[1].step_count, 2);
	assert_int_equal(seen->lane[0].forward.stage[1].patience_s, 300);
	assert_int_equal(seen->lane[0].forward.stage[1].quiet_s, 30);
	assert_string_equal(seen->lane[1].name, "west");
	assert_int_equal(east(run, "pause", "b")->status, RUN_PENDING);
	assert_int_equal(east(run, "pause", "b")->how, RUN_HOW_NONE);
}

static void test_run_keeps_the_longest_id_whole(void **state)
{
	char run[RUN_ID_MAX + 1];
	struct run_state folded = {0};
	struct record record = {0};
	struct err err = {0};

	(void)state;
	memset(run, 'r', RUN_ID_MAX);
	run[RUN_ID_MAX] = '\0';
	record.json = made_up_json(json_pack(
		"{s:s, s:s, s:{}}", "kind", "run", "run", run, "plan"));
	assert_true(run_state_apply(&folded, &record, &err));
	assert_string_equal(folded.run, run);
	run_state_done(&folded);
	record_done(&record);
}

static void test_run_twice_is_refused(void **state)
{
	assert_refused(*state, "run", json_pack("{s:s}", "run", "again"),
		"second run record");
}

static void test_run_must_come_first(void **state)
{
	struct made_up_run run = {0};

	(void)state;
	assert_refused(&run, "resumed", NULL, "first record");
	assert_refused(&run, "note", NULL, "first record");
	made_up_done(&run);
}

static void assert_plan_refused(json_t *broken, const char *why)
{
	struct made_up_run run = {0};

	assert_refused(&run, "run",
		json_pack("{s:s, s:o}", "run", "made-up", "plan",
			made_up_json(broken)),
		why);
	made_up_done(&run);
}

static void test_run_with_a_broken_plan_is_refused(void **state)
{
	(void)state;
	assert_plan_refused(
		json_pack("{s:[{s:[]}]}", "lanes", "stages"), "without a name");
	assert_plan_refused(
		json_pack("{s:[{s:s, s:[{s:s, s:[]}]}]}", "lanes", "name",
			"east", "stages", "kind", "pause", "targets"),
		"lane east: stage without kind or targets");
	assert_plan_refused(json_pack("{s:[{s:s, s:[{s:[s]}]}]}", "lanes",
				    "name", "east", "stages", "targets", "a"),
		"without kind or targets");
	assert_plan_refused(
		json_pack("{s:[{s:s, s:[{s:s, s:[i]}]}]}", "lanes", "name",
			"east", "stages", "kind", "pause", "targets", 7),
		"a target that is no name");
}

static void test_run_state_of_plan_shows_a_plan_without_a_run(void **state)
{
	struct run_state shown = {0};
	struct err err = {0};
	json_t *json = two_lanes();

	(void)state;
	assert_true(run_state_of_plan(&shown, json, &err));
	assert_int_equal(shown.lane_count, 2);
	assert_string_equal(shown.run, "");
	run_state_done(&shown);
	json_decref(json);
}

/* intent, done, failed */

static void test_intent_is_remembered_with_its_clocks(void **state)
{
	struct made_up_run *run = *state;
	const struct run_step *a = east(run, "pause", "a");
	int64_t first;

	made_up_intent(run, "east", "pause", "a", made_up_state("RUNNING"));
	first = run->at;
	assert_int_equal(a->status, RUN_INTENT);
	assert_int_equal(a->intents, 1);
	assert_int_equal(a->intent_seq, 1);
	assert_int_equal(a->intent_at, first);
	assert_int_equal(a->intent_up, first - MADE_UP_START_MS);
	assert_string_equal(a->intent_boot, MADE_UP_BOOT);
	assert_string_equal(
		json_string_value(json_object_get(a->saw, "state")), "RUNNING");
	assert_true(run_step_ours(a));

	made_up_write(run, "resumed", json_pack("{s:s}", "boot", "another"));
	made_up_intent(run, "east", "pause", "a", NULL);
	assert_int_equal(a->intents, 2);
	assert_int_equal(a->first_intent_at, first);
	assert_int_equal(a->intent_at, run->at);
	assert_int_equal(a->intent_seq, 3);
	assert_string_equal(a->intent_boot, "another");
	assert_non_null(a->saw); /* a record without saw keeps the last one */
	assert_int_equal(east(run, "pause", "b")->status, RUN_PENDING);
	assert_int_equal(step_of(run, "west", "pause", "c")->intents, 0);
}

static void test_done_says_how(void **state)
{
	struct made_up_run *run = *state;

	made_up_act(run, "east", "pause", "a");
	assert_int_equal(east(run, "pause", "a")->status, RUN_DONE);
	assert_int_equal(east(run, "pause", "a")->how, RUN_HOW_ACTED);
	assert_int_equal(east(run, "pause", "a")->done_at, run->at);
	assert_true(run_step_ours(east(run, "pause", "a")));

	made_up_step_done(run, "east", "pause", "b", "found");
	assert_int_equal(east(run, "pause", "b")->how, RUN_HOW_FOUND);
	assert_false(run_step_ours(east(run, "pause", "b")));

	made_up_intent(run, "east", "stop", "a", NULL);
	made_up_step_done(run, "east", "stop", "a", "recovered");
	assert_int_equal(east(run, "stop", "a")->how, RUN_HOW_RECOVERED);
	assert_true(run_step_ours(east(run, "stop", "a")));
	assert_false(run_step_ours(NULL));
}

static void test_done_found_never_hides_that_we_acted(void **state)
{
	struct made_up_run *run = *state;
	const struct run_step *a = east(run, "pause", "a");

	made_up_act(run, "east", "pause", "a");
	made_up_write(
		run, "reopen", made_up_step(run, "east", "pause", "a", NULL));
	made_up_step_done(run, "east", "pause", "a", "found");
	assert_int_equal(a->how, RUN_HOW_ACTED);
	assert_true(run_step_ours(a));

	made_up_intent(run, "east", "pause", "b", NULL);
	made_up_step_done(run, "east", "pause", "b", "recovered");
	made_up_step_done(run, "east", "pause", "b", "found");
	assert_int_equal(east(run, "pause", "b")->how, RUN_HOW_RECOVERED);
}

static void test_done_found_gives_way_to_acted(void **state)
{
	struct made_up_run *run = *state;

	made_up_step_done(run, "east", "pause", "a", "found");
	made_up_write(
		run, "reopen", made_up_step(run, "east", "pause", "a", NULL));
	made_up_act(run, "east", "pause", "a");
	assert_int_equal(east(run, "pause", "a")->how, RUN_HOW_ACTED);
}

static void test_done_with_an_unknown_how_is_refused(void **state)
{
	struct made_up_run *run = *state;
	static const char *const hows[] = {"guessed", "", "Acted"};

	for (size_t i = 0; i < 3; i++)
		assert_refused(run, "done",
			made_up_step(run, "east", "pause", "a",
				json_pack("{s:s}", "how", hows[i])),
			"unknown \"how\"");
	assert_refused(run, "done",
		made_up_step(run, "east", "pause", "a", NULL),
		"unknown \"how\"");
}

static void test_failed_counts_until_done(void **state)
{
	struct made_up_run *run = *state;
	const struct run_step *a = east(run, "start", "a");

	for (unsigned i = 1; i <= 2; i++) {
		made_up_intent(run, "east", "start", "a", NULL);
		made_up_write(run, "failed",
			made_up_step(run, "east", "start", "a",
				json_pack("{s:s}", "why", "it ended")));
		assert_int_equal(a->failures, i);
		assert_int_equal(a->failed_seq, a->intent_seq);
	}
	assert_string_equal(a->why, "it ended");
	assert_int_equal(a->status, RUN_INTENT);
	made_up_step_done(run, "east", "start", "a", "acted");
	assert_int_equal(a->failures, 0);
	assert_int_equal(a->intents, 2);
}

static void test_record_of_a_step_that_the_plan_lacks_is_refused(void **state)
{
	static const char *const kinds[] = {
		"intent", "done", "failed", "reopen"};
	static const struct {
		const char *lane, *step, *target;
		int stage;
	} lacks[] = {
		{"north", "pause", "a", 0},
		{"east", "pause", "c", 0}, /* a target of the other lane */
		{"east", "stop", "a", 0}, /* a stage of another kind */
		{"east", "pause", "a", 1},
		{"east", "pause", "a", 3},
		{"east", "pause", "a", -1},
		{"west", "stop", "c", 1},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		for (size_t j = 0; j < sizeof(lacks) / sizeof(lacks[0]); j++)
			assert_refused(*state, kinds[i],
				json_pack("{s:s, s:s, s:s, s:i, s:s}", "lane",
					lacks[j].lane, "step", lacks[j].step,
					"target", lacks[j].target, "stage",
					lacks[j].stage, "how", "acted"),
				"that the plan lacks");
		assert_refused(*state, kinds[i], NULL, "that the plan lacks");
	}
}

/* reopen */

static void do_all_of_east(struct made_up_run *run)
{
	static const char *const kinds[] = {"pause", "stop", "start"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		made_up_act(run, "east", kinds[i], "a");
		made_up_act(run, "east", kinds[i], "b");
	}
}

static void test_reopen_makes_what_came_later_be_looked_at_again(void **state)
{
	struct made_up_run *run = *state;

	do_all_of_east(run);
	made_up_act(run, "west", "pause", "c");
	made_up_write(
		run, "reopen", made_up_step(run, "east", "stop", "a", NULL));

	assert_int_equal(east(run, "stop", "a")->status, RUN_PENDING);
	assert_int_equal(east(run, "stop", "a")->reopened, 1);
	assert_false(east(run, "stop", "a")->recheck);
	assert_true(run_step_ours(east(run, "stop", "a")));
	/* Neither what came before nor what is done beside it. */
	assert_false(east(run, "pause", "a")->recheck);
	assert_false(east(run, "stop", "b")->recheck);
	assert_int_equal(east(run, "stop", "b")->status, RUN_DONE);
	assert_true(east(run, "start", "a")->recheck);
	assert_true(east(run, "start", "b")->recheck);
	assert_int_equal(east(run, "start", "b")->status, RUN_DONE);
	assert_false(step_of(run, "west", "pause", "c")->recheck);
}

static void test_reopen_marks_only_what_is_done(void **state)
{
	struct made_up_run *run = *state;

	made_up_act(run, "east", "pause", "a");
	made_up_act(run, "east", "stop", "a");
	made_up_intent(run, "east", "stop", "b", NULL);
	made_up_write(
		run, "reopen", made_up_step(run, "east", "pause", "a", NULL));
	assert_true(east(run, "stop", "a")->recheck);
	assert_false(east(run, "stop", "b")->recheck);
	assert_int_equal(east(run, "stop", "b")->status, RUN_INTENT);
	assert_false(east(run, "start", "a")->recheck);
}

static void test_reopen_is_settled_by_intent_or_done(void **state)
{
	struct made_up_run *run = *state;

	do_all_of_east(run);
	made_up_write(
		run, "reopen", made_up_step(run, "east", "pause", "a", NULL));
	made_up_intent(run, "east", "stop", "a", NULL);
	assert_false(east(run, "stop", "a")->recheck);
	assert_int_equal(east(run, "stop", "a")->status, RUN_INTENT);
	made_up_step_done(run, "east", "stop", "b", "found");
	assert_false(east(run, "stop", "b")->recheck);
	assert_int_equal(east(run, "stop", "b")->status, RUN_DONE);
	assert_true(east(run, "start", "a")->recheck);
}

/* finding one's way */

static void test_run_course_began_means_an_intent(void **state)
{
	struct made_up_run *run = *state;
	const struct run_course *course = &run->state.lane[0].forward;

	assert_false(run_course_began(course, "pause"));
	made_up_step_done(run, "east", "pause", "a", "found");
	assert_false(run_course_began(course, "pause"));
	made_up_intent(run, "east", "pause", "b", NULL);
	assert_true(run_course_began(course, "pause"));
	made_up_write(
		run, "failed", made_up_step(run, "east", "pause", "b", NULL));
	assert_true(run_course_began(course, "pause"));
	assert_false(run_course_began(course, "stop"));
	assert_false(run_course_began(course, "no such kind"));
	assert_true(run_course_reached(course, "pause"));
	assert_false(run_course_reached(course, "stop"));
	assert_false(run_course_reached(course, "no such kind"));
}

static void test_lookups_of_what_is_not_there_say_so(void **state)
{
	const struct made_up_run *run = *state;
	const struct run_course *course = &run->state.lane[0].forward;

	assert_null(run_state_lane(&run->state, "north"));
	assert_null(run_state_lane(&run->state, NULL));
	assert_null(run_course_stage(course, "resume"));
	assert_null(run_stage_step(&course->stage[0], "c"));
	assert_null(run_stage_step(&course->stage[0], NULL));
	assert_null(run_course_step(course, "resume", "a"));
	assert_null(run_course_step(course, "pause", "c"));
	assert_null(run_state_answer(&run->state, "pause", "a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_RUN(test_run_builds_lanes_stages_and_steps),
		IN_RUN(test_run_twice_is_refused),
		cmocka_unit_test(test_run_keeps_the_longest_id_whole),
		cmocka_unit_test(test_run_must_come_first),
		cmocka_unit_test(test_run_with_a_broken_plan_is_refused),
		cmocka_unit_test(
			test_run_state_of_plan_shows_a_plan_without_a_run),
		IN_RUN(test_intent_is_remembered_with_its_clocks),
		IN_RUN(test_done_says_how),
		IN_RUN(test_done_found_never_hides_that_we_acted),
		IN_RUN(test_done_found_gives_way_to_acted),
		IN_RUN(test_done_with_an_unknown_how_is_refused),
		IN_RUN(test_failed_counts_until_done),
		IN_RUN(test_record_of_a_step_that_the_plan_lacks_is_refused),
		IN_RUN(test_reopen_makes_what_came_later_be_looked_at_again),
		IN_RUN(test_reopen_marks_only_what_is_done),
		IN_RUN(test_reopen_is_settled_by_intent_or_done),
		IN_RUN(test_run_course_began_means_an_intent),
		IN_RUN(test_lookups_of_what_is_not_there_say_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
