/*
 * Unit tests of the checks margin, save and time.
 */
#include <time.h>

#include "preflight_world.h"

/* The resume points of a made-up survey are at 7 s. */
static struct survey *with_oplog(void **state, const char *text)
{
	struct survey *survey = *state;

	survey->cluster[0].oplog = json_loads(text, 0, NULL);
	assert_non_null(survey->cluster[0].oplog);
	return survey;
}

static void set_resume(struct survey *survey, const char *moment)
{
	size_t i;
	json_t *instance;

	json_array_foreach (
		json_object_get(survey->cluster[0].summary, "instances"), i,
		instance)
		(void)json_object_set_new(
			instance, "last_event", json_string(moment));
}

static void test_margin_by_the_oplog(void **state)
{
	struct survey *survey = with_oplog(state,
		"{\"shards\":[{\"id\":\"a\",\"first\":\"100.1\"},"
		"{\"id\":\"b\",\"first\":\"100000.1\"}]}");

	set_resume(survey, "110000.5");
	check(survey);
	assert_says(survey, FINDING_PASS, "margin", "shop",
		"it may stand still for 2 h 46 min (read from the oplog)");
	assert_string_equal(survey->lane[0].margin.how, MARGIN_OPLOG);
	assert_int_equal(survey->lane[0].margin.s, 10000);
	assert_int_equal(survey->lane[0].margin.resume_s, 110000);
}

static void test_margin_too_small(void **state)
{
	struct survey *survey = with_oplog(
		state, "{\"shards\":[{\"id\":\"a\",\"first\":\"1000.1\"}]}");

	set_resume(survey, "1100.5");
	assert_refuses(survey, "margin", "shop",
		"it may stand still for 100 s (read from the oplog)",
		ERR_CONFIG);
}

static void test_margin_that_is_little(void **state)
{
	struct survey *survey = with_oplog(
		state, "{\"shards\":[{\"id\":\"a\",\"first\":\"1000.1\"}]}");

	set_resume(survey, "1500.5");
	assert_warns(
		survey, "margin", "shop", "it would turn back after 4 min");
}

static void estimates(struct survey *survey, const char *a, const char *b)
{
	(void)snprintf(survey->instance[0].progress.oplog_left,
		sizeof(survey->instance[0].progress.oplog_left), "%s", a);
	(void)snprintf(survey->instance[1].progress.oplog_left,
		sizeof(survey->instance[1].progress.oplog_left), "%s", b);
}

/* Their own word goes before the fleet file's, and the least of them counts. */
static void test_margin_by_estimate(void **state)
{
	struct survey *survey = *state;

	estimates(survey, "more than 72 hours", "12 hours");
	check(survey);
	assert_says(survey, FINDING_PASS, "margin", "shop",
		"it may stand still for 11 h 30 min (the process's own "
		"estimate)");
	assert_string_equal(survey->lane[0].margin.how, MARGIN_ESTIMATE);
}

static void test_margin_by_the_fleet_file(void **state)
{
	struct survey *survey = *state;

	estimates(survey, "12 hours", "not checked yet");
	survey->instance[0].progress.lag_s = 5000;
	check(survey);
	assert_says(survey, FINDING_PASS, "margin", "shop",
		"it may stand still for 22 h 36 min (oplog_window in the fleet "
		"file, minus the lag)");
}

/* One that was paused long ago, and whose metadata has an unknown form. */
static void test_margin_of_an_unknown_lag(void **state)
{
	struct survey *survey = *state;

	survey->instance[0].progress.lag_s = -1;
	check(survey);
	assert_null(find(survey, FINDING_WARNING, "margin", "shop"));
	set_resume(survey, "");
	survey->finding_count = 0;
	check(survey);
	assert_says(survey, FINDING_PASS, "margin", "shop",
		"(oplog_window in the fleet file, minus the lag)");
	assert_says(survey, FINDING_WARNING, "margin", "shop",
		"how far the sync is behind its source is told by nobody");
	survey->instance[0].progress.lag_s = 3;
	survey->finding_count = 0;
	check(survey);
	assert_null(find(survey, FINDING_WARNING, "margin", "shop"));
}

/* It needs all since its copy began, though it tells a lag of 3 s. */
static void test_margin_by_the_window_of_a_copy(void **state)
{
	struct survey *survey = *state;
	json_t *instance;
	size_t i;

	(void)err_set(&survey->cluster[0].oplog_err, ERR_CONFIG,
		"not authorized on local");
	survey->now_ms = 90000000;
	json_array_foreach (
		json_object_get(survey->cluster[0].summary, "instances"), i,
		instance) {
		(void)json_object_set_new(
			instance, "copy_started", json_string("18000.1"));
		(void)json_object_set_new(
			instance, "phase", json_string("collection copy"));
	}
	check(survey);
	assert_string_equal(survey->lane[0].margin.how, MARGIN_WINDOW);
	assert_int_equal(survey->lane[0].margin.s, 86400 - 72000);
}

static void test_margin_that_nobody_knows(void **state)
{
	json_t *fleet = made_up_fleet(2);
	struct survey *survey;

	(void)json_object_del(fleet, "oplog_window");
	survey = take_fleet(state, fleet);
	(void)err_set(&survey->cluster[0].oplog_err, ERR_CONFIG,
		"not authorized on local");
	assert_refuses(survey, "margin", "shop",
		"how long the sync may stand still is not known: not "
		"authorized on local",
		ERR_CONFIG);
}

static void test_margin_of_nothing(void **state)
{
	struct survey *survey = *state;

	survey->instance[0].progress.phase = SYNC_PHASE_IDLE;
	survey->instance[1].progress.phase = SYNC_PHASE_IDLE;
	check(survey);
	assert_says(
		survey, FINDING_PASS, "margin", "shop", "no sync is under way");
}

static void set_bytes(struct survey *survey, json_int_t bytes)
{
	(void)json_object_set_new(
		survey->cluster[0].summary, "bytes", json_integer(bytes));
}

static void test_save_that_takes_too_long(void **state)
{
	struct survey *survey = *state;

	survey->expected.bytes_per_s = 1000;
	survey->expected.save_measured = true;
	set_bytes(survey, 21000 * 1000);
	check(survey);
	assert_says(survey, FINDING_PASS, "save", "shop",
		"takes about 5 h 50 min (as fast as in earlier runs)");
	survey->finding_count = 0;
	set_bytes(survey, 22000 * 1000);
	check(survey);
	assert_says(survey, FINDING_REFUSAL, "save", "shop",
		"more than a quarter of the time that the sync may stand "
		"still: 5 h 59 min");
}

static void test_save_of_an_unknown_size(void **state)
{
	struct survey *survey = *state;

	(void)json_object_del(survey->cluster[0].summary, "bytes");
	assert_warns(survey, "save", "shop", "its size is not known");
}

static void test_time_by_a_word(void **state)
{
	struct survey *survey = *state;

	survey->options.finish_by_ms = survey->now_ms + 240000;
	check(survey);
	assert_says(survey, FINDING_PASS, "time", "shop",
		"it takes about 4 min (median of 3 earlier runs), and has 4 "
		"min, until ");
	assert_int_equal(survey->finish_by_ms, survey->now_ms + 240000);
}

static void test_time_too_short(void **state)
{
	struct survey *survey = *state;

	survey->options.finish_by_ms = survey->now_ms + 239000;
	assert_refuses(
		survey, "time", "shop", "and has 3 min, until ", ERR_CONFIG);
}

static struct survey *with_window(
	void **state, const char *from, const char *to)
{
	json_t *fleet = made_up_fleet(2);

	(void)json_object_set_new(fleet, "window",
		json_pack("{s:s, s:s}", "from", from, "until", to));
	return take_fleet(state, fleet);
}

static void test_time_in_a_window(void **state)
{
	struct survey *survey = with_window(state, "23:00", "00:30");

	/* The earlier one counts. */
	survey->options.finish_by_ms = 3 * 3600000;
	check(survey);
	assert_says(survey, FINDING_PASS, "time", "shop", "and has 29 min");
	assert_int_equal(survey->finish_by_ms, 1800000);
}

static void test_time_outside_of_the_window(void **state)
{
	struct survey *survey = with_window(state, "23:00", "00:00");

	assert_refuses(survey, "time", "shop",
		"the window 23:00 to 00:00 is shut; it opens Thu 1970-01-01 "
		"23:00:00",
		ERR_CONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SURVEY(test_margin_by_the_oplog),
		IN_SURVEY(test_margin_too_small),
		IN_SURVEY(test_margin_that_is_little),
		IN_SURVEY(test_margin_by_estimate),
		IN_SURVEY(test_margin_by_the_fleet_file),
		IN_SURVEY(test_margin_of_an_unknown_lag),
		IN_SURVEY(test_margin_by_the_window_of_a_copy),
		IN_SURVEY(test_margin_that_nobody_knows),
		IN_SURVEY(test_margin_of_nothing),
		IN_SURVEY(test_save_that_takes_too_long),
		IN_SURVEY(test_save_of_an_unknown_size),
		IN_SURVEY(test_time_by_a_word),
		IN_SURVEY(test_time_too_short),
		IN_SURVEY(test_time_in_a_window),
		IN_SURVEY(test_time_outside_of_the_window),
	};

	(void)setenv("TZ", "UTC0", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
