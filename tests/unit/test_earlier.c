/*
 * Unit tests of what earlier runs tell of the next one: plan/earlier.c.
 */
#include "supervisor/plan/earlier.h"

#include "made_up_run.h"

static json_t *one_lane(void)
{
	return made_up_json(json_pack("{s:[{s:s, s:[o,o,o,o,o]}]}", "lanes",
		"name", "east", "stages", made_up_stage("pause", "a b"),
		made_up_stage("stop", "a b"), made_up_stage("save", "m"),
		made_up_stage("start", "a b"), made_up_stage("resume", "a b")));
}

static void act(struct made_up_run *run, const char *kind, int64_t seconds)
{
	made_up_intent(run, "east", kind, "a", NULL);
	run->at += seconds * 1000;
	made_up_step_done(run, "east", kind, "a", "acted");
	made_up_act(run, "east", kind, "b");
}

/* Stopped for `seconds`, and as many megabytes were saved as `megabytes`. */
static void made_up_past(struct made_up_run *run, int64_t seconds,
	int megabytes, const char *outcome)
{
	json_t *json = one_lane();

	made_up_begin(run, json);
	json_decref(json);
	act(run, "pause", 1);
	act(run, "stop", 1);
	made_up_intent(run, "east", "save", "m", NULL);
	run->at += 9000;
	made_up_saw_done(run, "east", "save", "m", "acted",
		json_pack("{s:I}", "bytes", (json_int_t)megabytes << 20));
	act(run, "start", seconds);
	act(run, "resume", 1);
	made_up_write(run, "end",
		json_pack("{s:s, s:i}", "outcome", outcome, "exit", 0));
}

static bool add(struct earlier *earlier, int64_t seconds, int megabytes,
	const char *outcome)
{
	struct made_up_run run;
	bool added;

	made_up_past(&run, seconds, megabytes, outcome);
	added = earlier_add(earlier, &run.state);
	made_up_done(&run);
	return added;
}

static void test_earlier_expect_of_no_run_is_assumed(void **state)
{
	const struct earlier none = {0};
	struct expected expected = earlier_expect(&none);

	(void)state;
	assert_int_equal(expected.runs, 0);
	assert_false(expected.save_measured);
	assert_true(expected.run_s >= expected.still_s);
	assert_true(expected.still_s >= 120);
	assert_true(expected.bytes_per_s > 0);
}

static void test_earlier_expect_is_the_median(void **state)
{
	struct earlier earlier = {0};
	struct expected expected;

	(void)state;
	assert_true(add(&earlier, 100, 50, "reached"));
	assert_true(add(&earlier, 9000, 50, "reached"));
	assert_true(add(&earlier, 200, 50, "reached"));
	expected = earlier_expect(&earlier);
	assert_int_equal(expected.runs, 3);
	/* Besides the start it is some seconds of each run. */
	assert_in_range(expected.still_s, 200, 240);
	assert_in_range(expected.run_s, expected.still_s, 240);
	assert_true(expected.save_measured);
	assert_int_equal(expected.bytes_per_s, 5 << 20);
}

static void test_earlier_add_only_what_reached_its_goal(void **state)
{
	struct earlier earlier = {0};

	(void)state;
	assert_false(add(&earlier, 100, 50, "turned-back"));
	assert_false(add(&earlier, 100, 50, "aborted"));
	assert_int_equal(earlier.count, 0);
}

static void test_earlier_add_not_one_that_was_taken_up_again(void **state)
{
	struct earlier earlier = {0};
	struct made_up_run run;

	(void)state;
	made_up_past(&run, 100, 50, "reached");
	run.state.resumed = 1;
	assert_false(earlier_add(&earlier, &run.state));
	made_up_done(&run);
}

/* Of a few bytes it is not the reading that took the time. */
static void test_earlier_add_no_rate_of_little(void **state)
{
	struct earlier earlier = {0};

	(void)state;
	assert_true(add(&earlier, 100, 0, "reached"));
	assert_int_equal(earlier.saves, 0);
	assert_false(earlier_expect(&earlier).save_measured);
}

static void test_earlier_add_up_to_its_room(void **state)
{
	struct earlier earlier = {0};

	(void)state;
	for (int i = 0; i < EARLIER_MAX; i++)
		assert_true(add(&earlier, 10, 5, "reached"));
	assert_false(add(&earlier, 10, 5, "reached"));
	assert_int_equal(earlier_expect(&earlier).runs, EARLIER_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_earlier_expect_of_no_run_is_assumed),
		cmocka_unit_test(test_earlier_expect_is_the_median),
		cmocka_unit_test(test_earlier_add_only_what_reached_its_goal),
		cmocka_unit_test(
			test_earlier_add_not_one_that_was_taken_up_again),
		cmocka_unit_test(test_earlier_add_no_rate_of_little),
		cmocka_unit_test(test_earlier_add_up_to_its_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
