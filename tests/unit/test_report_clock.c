/*
 * Unit tests of the time that is left, as the views of a run show it.
 */
#include "report_world.h"

static int make(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world_make(world, made_up_fleet(2), "RUNNING");
	*state = world;
	return 0;
}

static int drop(void **state)
{
	world_done(*state);
	free(*state);
	return 0;
}

/* Since second 100, with ten minutes of margin then; told at second 110. */
static void stand(struct world *world, int loud)
{
	made_up_write(at(world, 110), "clock",
		json_pack("{s:s, s:I, s:i, s:i, s:s, s:i}", "lane", "shop",
			"since", (json_int_t)second(100), "stood_ms", 10000,
			"margin_s", 600, "how", "oplog", "loud", loud));
}

static char *printed(struct world *world, int now, bool lanes)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	if (lanes)
		report_lanes(&world->run.state, second(now), out);
	else
		report_present(&world->run.state, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void assert_says(
	struct world *world, int now, bool lanes, const char *expected)
{
	char *text = printed(world, now, lanes);

	if (!strstr(text, expected))
		fail_msg("\"%s\" is not in \"%s\"", expected, text);
	free(text);
}

static void test_report_lanes_counts_down(void **state)
{
	struct world *world = *state;
	char *text = printed(world, 105, true);

	assert_null(strstr(text, "stands still"));
	free(text);
	stand(world, 0);
	assert_says(world, 130, true,
		"\n  stands still for 30 s, 9 min left (read from the "
		"oplog)\n");
	assert_says(world, 1000, true, "for 15 min, 0 s left");
	stand(world, 1);
	assert_says(world, 130, true, "oplog): time runs out\n");
	stand(world, 4);
	assert_says(world, 130, true, "oplog): HURRY\n");
	made_up_write(at(world, 140), "clock",
		json_pack("{s:s, s:b}", "lane", "shop", "over", 1));
	text = printed(world, 150, true);
	assert_null(strstr(text, "stands still"));
	free(text);
}

static void test_report_present_says_what_is_left(void **state)
{
	struct world *world = *state;

	world_before(world, "pause");
	world_act(world, "pause", "a", 100, 101, "PAUSED");
	stand(world, 0);
	assert_says(world, 0, false,
		"a is paused; lane shop stands still for 10 s, 9 min left "
		"(read from the oplog).\n");
}

static void test_report_json_tells_the_clock(void **state)
{
	struct world *world = *state;
	json_t *json, *clock;

	stand(world, 2);
	json = report_json(&world->run.state, second(120));
	clock = json_object_get(
		json_array_get(json_object_get(json, "lanes"), 0), "clock");
	assert_int_equal(json_integer_value(json_object_get(clock, "since")),
		second(100));
	assert_int_equal(
		json_integer_value(json_object_get(clock, "stood_ms")), 20000);
	assert_int_equal(
		json_integer_value(json_object_get(clock, "left_ms")), 580000);
	assert_int_equal(
		json_integer_value(json_object_get(clock, "used_percent")), 3);
	assert_int_equal(json_integer_value(json_object_get(clock, "loud")), 2);
	assert_non_null(
		json_object_get(json_object_get(json, "time"), "run_s"));
	json_decref(json);
}

static void test_report_lanes_says_when_it_has_to_be_over(void **state)
{
	struct world *world = *state;
	json_t *time = json_object_get(world->run.state.plan, "time");

	(void)json_object_set_new(
		time, "finish_by", json_integer((json_int_t)second(60)));
	assert_says(world, 50, true,
		", to be over by 2023-11-14 22:14:20 UTC\nlane");
	assert_says(world, 61, true, "22:14:20 UTC: it is LATE\nlane");
}

static void test_clock_of_an_unknown_lane_is_refused(void **state)
{
	struct world *world = *state;

	assert_false(made_up_try(
		&world->run, "clock", json_pack("{s:s}", "lane", "no such")));
	assert_int_equal(world->run.err.code, ERR_JOURNAL);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, make, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(test_report_lanes_counts_down),
		IN_WORLD(test_report_present_says_what_is_left),
		IN_WORLD(test_report_json_tells_the_clock),
		IN_WORLD(test_report_lanes_says_when_it_has_to_be_over),
		IN_WORLD(test_clock_of_an_unknown_lane_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
