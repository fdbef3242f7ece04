/*
 * Unit tests of the clock of a lane that stands still: state/run_clock.c.
 */
#include "state/run_clock.h"

#include "scratch.h"

#define BOOT "b1"

static void apply(struct run_clock *clock, const char *boot, const char *text)
{
	struct record record = {.json = json_loads(text, 0, NULL)};

	assert_non_null(record.json);
	run_clock_apply(clock, &record, boot);
	json_decref(record.json);
}

/* It stands since 100 s, with 600 s of margin. */
static struct run_clock begun(void)
{
	struct run_clock clock = {0};

	apply(&clock, BOOT,
		"{\"at\":100000,\"up\":5000,\"since\":100000,\"stood_ms\":0,"
		"\"margin_s\":600,\"how\":\"oplog\",\"loud\":0}");
	assert_true(clock.runs);
	return clock;
}

static void test_run_clock_counts_down(void **state)
{
	struct run_clock clock = begun();
	int64_t stood = run_clock_stood_ms(&clock, 250000, 155000, BOOT);

	(void)state;
	assert_int_equal(stood, 150000);
	assert_int_equal(run_clock_left_ms(&clock, stood), 450000);
	assert_int_equal(run_clock_used(&clock, stood), 25);
	assert_int_equal(run_clock_left_ms(&clock, 700000), 0);
	assert_int_equal(run_clock_used(&clock, 700000), 100);
}

static void test_run_clock_takes_the_larger_clock(void **state)
{
	struct run_clock clock = begun();

	(void)state;
	/* The wall clock jumped back, stood, jumped ahead. */
	assert_int_equal(run_clock_stood_ms(&clock, 50000, 65000, BOOT), 60000);
	assert_int_equal(
		run_clock_stood_ms(&clock, 100000, 65000, BOOT), 60000);
	assert_int_equal(
		run_clock_stood_ms(&clock, 400000, 65000, BOOT), 300000);
	/* Another boot: at least since then, whatever the wall clock says. */
	assert_int_equal(run_clock_stood_ms(&clock, 90000, 40000, "b2"), 40000);
	assert_int_equal(
		run_clock_stood_ms(&clock, 300000, 40000, "b2"), 200000);
}

static void test_run_clock_never_gives_time_back(void **state)
{
	struct run_clock clock = begun();

	(void)state;
	apply(&clock, BOOT,
		"{\"at\":160000,\"up\":65000,\"since\":100000,\"stood_ms\":"
		"60000,\"loud\":0}");
	apply(&clock, "b2",
		"{\"at\":20000,\"up\":1000,\"since\":100000,\"stood_ms\":10000,"
		"\"loud\":0}");
	assert_int_equal(clock.stood_ms, 60000);
	assert_int_equal(run_clock_stood_ms(&clock, 20000, 1000, "b2"), 60000);
	assert_int_equal(run_clock_left_ms(&clock, 60000), 540000);
}

static void test_run_clock_follows_the_trend(void **state)
{
	struct run_clock clock = begun();

	(void)state;
	apply(&clock, BOOT,
		"{\"at\":100000,\"up\":5000,\"stood_ms\":0,\"margin_s\":6000,"
		"\"how\":\"estimate\",\"resume_s\":77,\"loud\":0}");
	/* Ten minutes took forty of the oplog: 3600 s of it are 900 s. */
	apply(&clock, BOOT,
		"{\"at\":700000,\"up\":605000,\"stood_ms\":600000,\"margin_s\":"
		"3600,\"how\":\"estimate\",\"resume_s\":77,\"loud\":0}");
	assert_int_equal(clock.resume_s, 77);
	assert_int_equal(run_clock_left_ms(&clock, 600000), 900000);
	assert_int_equal(run_clock_left_ms(&clock, 900000), 600000);
	assert_int_equal(run_clock_used(&clock, 600000), 40);
}

/* A piece of the oplog that is cut off is no trend, but it is gone. */
static void test_run_clock_of_a_piece_that_is_cut(void **state)
{
	struct run_clock clock = begun();

	(void)state;
	apply(&clock, BOOT,
		"{\"at\":100500,\"up\":5500,\"stood_ms\":500,\"margin_s\":"
		"600,\"how\":\"oplog\",\"resume_s\":77,\"loud\":0}");
	apply(&clock, BOOT,
		"{\"at\":110000,\"up\":15000,\"stood_ms\":10000,\"margin_s\":"
		"360,\"how\":\"oplog\",\"resume_s\":77,\"loud\":0}");
	assert_int_equal(run_clock_left_ms(&clock, 10000), 360000);
	assert_int_equal(run_clock_used(&clock, 10000), 40);
}

static void test_run_clock_of_an_oplog_that_stands(void **state)
{
	struct run_clock clock = begun();

	(void)state;
	/* Nothing is lost, but it is never counted on more than there is. */
	apply(&clock, BOOT,
		"{\"at\":400000,\"up\":305000,\"stood_ms\":300000,\"margin_s\":"
		"600,\"how\":\"oplog\",\"loud\":0}");
	assert_int_equal(run_clock_left_ms(&clock, 300000), 600000);
	assert_int_equal(run_clock_used(&clock, 300000), 33);
}

static void test_run_clock_of_another_way_begins_a_new_line(void **state)
{
	struct run_clock clock = begun();

	(void)state;
	apply(&clock, BOOT,
		"{\"at\":160000,\"up\":65000,\"stood_ms\":60000,\"margin_s\":"
		"100,\"how\":\"oplog_window\",\"loud\":1}");
	assert_int_equal(run_clock_left_ms(&clock, 60000), 100000);
	assert_int_equal(clock.loud, 1);
}

/* Nothing was left, and then an operator made the oplog larger. */
static void test_run_clock_of_an_oplog_that_grows(void **state)
{
	struct run_clock clock = {0};

	(void)state;
	apply(&clock, BOOT,
		"{\"at\":1000,\"up\":5,\"since\":1000,\"stood_ms\":0,"
		"\"margin_s\":0,\"how\":\"oplog\",\"loud\":4}");
	assert_int_equal(run_clock_used(&clock, 1000), 100);
	apply(&clock, BOOT,
		"{\"at\":2000,\"up\":1005,\"stood_ms\":1000,"
		"\"margin_s\":99,\"how\":\"oplog\",\"loud\":4}");
	assert_int_equal(run_clock_left_ms(&clock, 1000), 99000);
	assert_int_equal(run_clock_used(&clock, 1000), 1);
}

/* The sync ran on between the plan and the pause: that its margin was larger
 * then is no trend, and nothing of it was used up. */
static void test_run_clock_of_a_plan_that_is_old(void **state)
{
	struct run_clock clock = {0};

	(void)state;
	apply(&clock, BOOT,
		"{\"at\":1000,\"up\":5,\"since\":1000,\"stood_ms\":0,"
		"\"margin_s\":36000,\"how\":\"oplog\",\"loud\":0}");
	apply(&clock, BOOT,
		"{\"at\":1100,\"up\":105,\"stood_ms\":100,\"margin_s\":18000,"
		"\"how\":\"oplog\",\"resume_s\":77,\"loud\":0}");
	assert_int_equal(run_clock_used(&clock, 100), 0);
	apply(&clock, BOOT,
		"{\"at\":401000,\"up\":400005,\"stood_ms\":400000,"
		"\"margin_s\":17600,\"how\":\"oplog\",\"resume_s\":77,"
		"\"loud\":0}");
	assert_int_equal(run_clock_left_ms(&clock, 400000), 17600000);
	assert_int_equal(run_clock_used(&clock, 400000), 2);
}

/* It begins late: power went right after the pause, and came back an hour
 * later.  What was planned is counted from the pause. */
static void test_run_clock_of_a_late_begin(void **state)
{
	struct run_clock clock = {0};

	(void)state;
	apply(&clock, "b2",
		"{\"at\":3601000,\"up\":60000,\"since\":1000,\"stood_ms\":"
		"3600000,\"margin_s\":7200,\"how\":\"estimate\",\"loud\":0}");
	assert_int_equal(run_clock_left_ms(&clock, 3600000), 3600000);
	assert_int_equal(run_clock_used(&clock, 3600000), 50);
	assert_int_equal(run_clock_left_ms(&clock, 7300000), 0);
}

static void test_run_clock_ends(void **state)
{
	struct run_clock clock = begun();

	(void)state;
	apply(&clock, BOOT, "{\"at\":160000,\"stood_ms\":60000,\"over\":true}");
	assert_false(clock.runs);
	assert_int_equal(run_clock_left_ms(&clock, 0), -1);
	assert_int_equal(run_clock_used(&clock, 1000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_clock_counts_down),
		cmocka_unit_test(test_run_clock_takes_the_larger_clock),
		cmocka_unit_test(test_run_clock_never_gives_time_back),
		cmocka_unit_test(test_run_clock_follows_the_trend),
		cmocka_unit_test(test_run_clock_of_a_piece_that_is_cut),
		cmocka_unit_test(test_run_clock_of_an_oplog_that_stands),
		cmocka_unit_test(
			test_run_clock_of_another_way_begins_a_new_line),
		cmocka_unit_test(test_run_clock_of_an_oplog_that_grows),
		cmocka_unit_test(test_run_clock_of_a_plan_that_is_old),
		cmocka_unit_test(test_run_clock_of_a_late_begin),
		cmocka_unit_test(test_run_clock_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
