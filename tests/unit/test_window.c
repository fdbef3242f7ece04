/*
 * Unit tests of maintenance windows and --finish-by: fleet/window.c, in a time
 * zone whose clocks change.
 */
#include "supervisor/fleet/window.h"

#include <time.h>

#include "scratch.h"
#include "supervisor/fleet/fleet.h"

#define HOUR (3600 * (int64_t)1000)

/* Local time of Central Europe, in ms. */
static int64_t at(int year, int month, int day, int hour, int minute)
{
	struct tm tm = {
		.tm_year = year - 1900,
		.tm_mon = month - 1,
		.tm_mday = day,
		.tm_hour = hour,
		.tm_min = minute,
		.tm_isdst = -1,
	};

	return (int64_t)mktime(&tm) * 1000;
}

static bool is_open(const char *from, const char *until, const char *day,
	int64_t now, int64_t *ret_from, int64_t *ret_until)
{
	char *days[] = {(char *)(uintptr_t)day, NULL};
	const struct fleet_window window = {
		.from = (char *)(uintptr_t)from,
		.until = (char *)(uintptr_t)until,
		.days = {.item = days, .count = day ? 1 : 0},
	};

	return window_is_open(&window, now, ret_from, ret_until);
}

static void test_window_minute(void **state)
{
	int minute = 7;

	(void)state;
	assert_true(window_minute("00:00", &minute));
	assert_int_equal(minute, 0);
	assert_true(window_minute("23:59", &minute));
	assert_int_equal(minute, 1439);
	assert_false(window_minute("24:00", &minute));
	assert_false(window_minute("9:00", &minute));
	assert_false(window_minute("09:60", &minute));
	assert_false(window_minute("09:00 ", &minute));
	assert_false(window_minute("", &minute));
	assert_false(window_minute("0", &minute));
}

static void test_window_day(void **state)
{
	int day;

	(void)state;
	assert_true(window_day("sun", &day));
	assert_int_equal(day, 0);
	assert_true(window_day("sat", &day));
	assert_int_equal(day, 6);
	assert_false(window_day("Sat", &day));
	assert_false(window_day("sunday", &day));
}

static void test_window_within_a_day(void **state)
{
	int64_t from, until;

	(void)state;
	assert_true(is_open(
		"09:00", "17:30", NULL, at(2026, 11, 25, 9, 0), &from, &until));
	assert_int_equal(until, at(2026, 11, 25, 17, 30));
	assert_false(is_open("09:00", "17:30", NULL, at(2026, 11, 25, 17, 30),
		&from, &until));
	assert_int_equal(from, at(2026, 11, 26, 9, 0));
	assert_false(is_open("09:00", "17:30", NULL, at(2026, 11, 25, 8, 59),
		&from, &until));
	assert_int_equal(from, at(2026, 11, 25, 9, 0));
}

static void test_window_over_midnight(void **state)
{
	int64_t from, until;

	(void)state;
	assert_true(is_open("22:00", "04:00", NULL, at(2026, 11, 25, 23, 0),
		&from, &until));
	assert_int_equal(until, at(2026, 11, 26, 4, 0));
	assert_true(is_open("22:00", "04:00", NULL, at(2026, 11, 26, 3, 59),
		&from, &until));
	assert_int_equal(until, at(2026, 11, 26, 4, 0));
	assert_false(is_open(
		"22:00", "04:00", NULL, at(2026, 11, 26, 4, 0), &from, &until));
	assert_int_equal(from, at(2026, 11, 26, 22, 0));
}

/* The day is the one on which it opens. */
static void test_window_on_some_days(void **state)
{
	int64_t from, until;

	(void)state;
	/* 2026-11-28 is a Saturday. */
	assert_true(is_open("22:00", "04:00", "sat", at(2026, 11, 29, 3, 0),
		&from, &until));
	assert_false(is_open("22:00", "04:00", "sat", at(2026, 11, 28, 3, 0),
		&from, &until));
	assert_int_equal(from, at(2026, 11, 28, 22, 0));
	assert_false(is_open("22:00", "04:00", "sat", at(2026, 11, 29, 4, 0),
		&from, &until));
	assert_int_equal(from, at(2026, 12, 5, 22, 0));
}

/* In the night of 2026-10-25 the clocks go back, in that of 2026-03-29 they go
 * ahead: a window has an hour more, and an hour less. */
static void test_window_while_the_clocks_change(void **state)
{
	int64_t from, until;

	(void)state;
	assert_true(is_open("22:00", "04:00", NULL, at(2026, 10, 24, 22, 0),
		&from, &until));
	assert_int_equal(until - from, 7 * HOUR);
	assert_int_equal(until, at(2026, 10, 25, 4, 0));
	assert_true(is_open(
		"22:00", "04:00", NULL, at(2026, 3, 28, 22, 0), &from, &until));
	assert_int_equal(until - from, 5 * HOUR);
	assert_int_equal(until, at(2026, 3, 29, 4, 0));
}

static int64_t parsed(const char *text, int64_t now)
{
	struct err err = {0};
	int64_t ms = -1;

	if (!finish_by_parse(text, now, &ms, &err)) {
		assert_int_equal(err.code, ERR_USAGE);
		return -1;
	}
	return ms;
}

static void test_finish_by_parse(void **state)
{
	int64_t now = at(2026, 11, 25, 23, 10);

	(void)state;
	assert_int_equal(parsed("23:30", now), at(2026, 11, 25, 23, 30));
	assert_int_equal(parsed("04:00", now), at(2026, 11, 26, 4, 0));
	assert_int_equal(parsed("23:10", now), at(2026, 11, 26, 23, 10));
	assert_int_equal(
		parsed("2026-12-01 04:00", now), at(2026, 12, 1, 4, 0));
	assert_int_equal(
		parsed("2026-12-01T04:00", now), at(2026, 12, 1, 4, 0));
	assert_int_equal(parsed("+90m", now), now + 90 * 60000);
	assert_int_equal(parsed("+2h", now), now + 2 * HOUR);
	assert_int_equal(parsed("+45s", now), now + 45000);
	/* "The next 04:00" in a night that has an hour more. */
	assert_int_equal(parsed("04:00", at(2026, 10, 24, 22, 0)),
		at(2026, 10, 24, 22, 0) + 7 * HOUR);
}

static void test_finish_by_parse_refuses(void **state)
{
	static const char *const bad[] = {"", "4:00", "24:00", "+", "+5", "+0m",
		"+-5m", "+5d", "+5mm", "+99999999999999999999h", "soon",
		"2026-12-01", "2026-13-01 04:00", "2026-02-31 04:00",
		"2026-12-01  04:00", "2026-12-01 04:00:00", "2025-12-01 04:00"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (parsed(bad[i], at(2026, 11, 25, 23, 10)) != -1)
			fail_msg("\"%s\" was taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window_minute),
		cmocka_unit_test(test_window_day),
		cmocka_unit_test(test_window_within_a_day),
		cmocka_unit_test(test_window_over_midnight),
		cmocka_unit_test(test_window_on_some_days),
		cmocka_unit_test(test_window_while_the_clocks_change),
		cmocka_unit_test(test_finish_by_parse),
		cmocka_unit_test(test_finish_by_parse_refuses),
	};

	(void)setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
