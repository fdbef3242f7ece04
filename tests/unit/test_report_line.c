/*
 * Unit tests of a whole run in one line.
 */
#include <time.h>

#include "report_world.h"

static int make(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	json_t *fleet = made_up_fleet(2);

	assert_non_null(world);
	(void)setenv("TZ", "UTC", 1);
	tzset();
	(void)json_object_set_new(fleet, "on_failure", json_string("rollback"));
	world_make(world, fleet, "RUNNING");
	*state = world;
	return 0;
}

static int drop(void **state)
{
	world_done(*state);
	free(*state);
	return 0;
}

static void assert_line(struct world *world, int now, const char *expected)
{
	char buf[400];

	assert_string_equal(
		report_line(&world->run.state, second(now), buf, sizeof(buf)),
		expected);
}

static void stand(struct world *world)
{
	made_up_write(at(world, 110), "clock",
		json_pack("{s:s, s:I, s:i, s:i, s:s}", "lane", "shop", "since",
			(json_int_t)second(100), "stood_ms", 10000, "margin_s",
			600, "how", "oplog"));
}

static void test_report_line_tells_what_is_done(void **state)
{
	struct world *world = *state;

	world_before(world, "pause");
	assert_line(world, 5,
		"0 of 2 processes on 1.13.0; lane shop: pausing a and 1 more");
	world_act(world, "pause", "a", 10, 12, "PAUSED");
	assert_line(
		world, 13, "0 of 2 processes on 1.13.0; lane shop: pausing b");
}

/* 22:13:20 is second 0; half of 610 s from second 100 on is 22:20:05. */
static void test_report_line_tells_by_when_it_turns(void **state)
{
	struct world *world = *state;

	world_before(world, "pause");
	stand(world);
	assert_line(world, 110,
		"0 of 2 processes on 1.13.0; lane shop: pausing a and 1 more, "
		"turn back by 22:20");
}

static void test_report_line_on_the_way_back(void **state)
{
	struct world *world = *state;

	world_upgrade_a(world);
	assert_line(
		world, 45, "1 of 2 processes on 1.13.0; lane shop: pausing b");
	stand(world);
	world_turn(world, 120, "turned-back");
	assert_line(world, 130,
		"1 of 2 processes on 1.13.0; lane shop: going back, holding "
		"link:shop, may stand still until 22:25");
}

static void test_report_line_of_a_lane_that_stopped(void **state)
{
	struct world *world = *state;

	world_before(world, "pause");
	made_up_write(at(world, 20), "halt",
		json_pack("{s:s, s:i, s:s}", "lane", "shop", "code", 7, "why",
			"who knows"));
	assert_line(world, 30,
		"0 of 2 processes on 1.13.0; lane shop: stopped (7) at pausing "
		"a and 1 more");
}

static void test_report_line_is_cut_where_it_has_to_be(void **state)
{
	struct world *world = *state;
	char buf[20];

	assert_string_equal(
		report_line(&world->run.state, second(1), buf, sizeof(buf)),
		"0 of 2 processes on");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
		TEST(test_report_line_tells_what_is_done),
		TEST(test_report_line_tells_by_when_it_turns),
		TEST(test_report_line_on_the_way_back),
		TEST(test_report_line_of_a_lane_that_stopped),
		TEST(test_report_line_is_cut_where_it_has_to_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
