/*
 * test_check_sync.c - what an interruption costs a sync: when that is said, and
 * when it is not.
 */
#include "preflight_world.h"

/* in JSON, of globalState */
static void set_options(struct survey *survey, const char *options)
{
	json_t *json = json_loads(options, 0, NULL);

	assert_non_null(json);
	assert_int_equal(json_object_set_new(
				 survey->cluster[0].summary, "options", json),
		0);
}

static void set_info(struct survey *survey, unsigned index, const char *info)
{
	struct sync_progress *progress = &survey->instance[index].progress;

	(void)snprintf(progress->info, sizeof(progress->info), "%s", info);
}

static void set_phase(struct survey *survey, unsigned index, const char *text)
{
	struct sync_progress *progress = &survey->instance[index].progress;

	progress->phase = sync_phase_parse(text);
	(void)snprintf(
		progress->phase_text, sizeof(progress->phase_text), "%s", text);
	made_up_metadata_set(survey, index, "state", text);
}

/* lag */

static void test_check_lag_that_is_large(void **state)
{
	struct survey *survey = *state;

	survey->instance[0].progress.lag_s = 600;
	survey->instance[1].progress.lag_s = 601;
	assert_warns(survey, "lag", "b", "601 s behind the source");
	assert_non_null(find(survey, FINDING_PASS, "lag", "a"));
}

static void test_check_lag_that_is_not_told(void **state)
{
	struct survey *survey = *state;

	survey->instance[0].progress.lag_s = -1;
	survey->instance[1].progress.lag_s = -1;
	set_phase(survey, 1, "PAUSED");
	assert_warns(survey, "lag", "a", "does not tell");
	assert_says(survey, FINDING_PASS, "lag", "b", "PAUSED: it tells none");
}

/* phase */

static void test_check_phase_of_a_copy(void **state)
{
	struct survey *survey = *state;

	set_info(survey, 0, "change event application");
	set_info(survey, 1, "collection copy");
	for (unsigned i = 0; i < 2; i++) {
		survey->instance[i].progress.copied_bytes = (1 + i) << 20;
		survey->instance[i].progress.total_bytes = 10 << 20;
	}
	assert_warns(survey, "phase", "shop",
		"collection copy, 3.0 of 10.0 MiB are copied: what it has not "
		"finished is done again");
	survey->finding_count = 0;
	(void)json_object_set_new(survey->cluster[0].summary, "partitions",
		json_pack("{s:i, s:i, s:i, s:i}", "total", 40, "done", 12,
			"in_progress", 3, "in_progress_bytes", 512 << 10));
	assert_warns(survey, "phase", "shop",
		"collection copy: 12 of 40 partitions are done, 3.0 of 10.0 "
		"MiB are copied; 3 in progress (0.5 MiB of them) are copied "
		"again");
}

static void test_check_phase_that_only_the_metadata_tells(void **state)
{
	struct survey *survey = *state;

	for (unsigned i = 0; i < 2; i++)
		set_phase(survey, i, "PAUSED");
	made_up_metadata_set(survey, 0, "phase", "initializing partitions");
	assert_warns(survey, "phase", "shop", "initializing partitions");
}

static void test_check_phase_that_nobody_knows(void **state)
{
	struct survey *survey = *state;

	set_info(survey, 1, "washing up");
	assert_warns(survey, "phase", "shop", "unproven");
	survey->finding_count = 0;
	set_info(survey, 1, "");
	for (unsigned i = 0; i < 2; i++)
		made_up_metadata_set(survey, i, "phase", "");
	assert_warns(survey, "phase", "shop", "does not tell whether");
}

static void test_check_phase_of_what_was_not_started(void **state)
{
	struct survey *survey = take_fleet(state, made_up_fleet(1));

	set_phase(survey, 0, "IDLE");
	made_up_metadata_set(survey, 0, "", NULL);
	check(survey);
	assert_says(survey, FINDING_PASS, "phase", "shop", "no sync");
	assert_int_equal(survey_refused(survey), ERR_NONE);
}

/* natural order */

static void test_check_natural_order_in_a_copy(void **state)
{
	static const struct {
		const char *options, *text;
	} forms[] = {
		{"{\"natural_order\":\"all\"}", "all collections"},
		{"{\"natural_order\":\"some\",\"random_id\":\"on\"}",
			"some collections"},
		{"{\"natural_order\":\"none\",\"random_id\":\"on\"}",
			"_id looks random"},
		{"{\"natural_order\":\"unknown\"}", "unproven"},
		{"{\"random_id\":\"unknown\"}", "unproven"},
	};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct survey *survey = take_fleet(state, made_up_fleet(2));

		set_options(survey, forms[i].options);
		set_info(survey, 0, "collection copy");
		assert_warns(survey, "natural-order", "shop", forms[i].text);
		survey->finding_count = 0;
		set_info(survey, 0, "copying, in other words");
		assert_warns(survey, "natural-order", "shop", forms[i].text);
		survey->finding_count = 0;
		set_info(survey, 0, "change event application");
		check(survey);
		assert_non_null(
			find(survey, FINDING_PASS, "natural-order", "shop"));
	}
}

static void test_check_natural_order_not_asked_for(void **state)
{
	static const char *const forms[] = {"{}",
		"{\"natural_order\":\"none\",\"random_id\":\"off\"}",
		"{\"natural_order\":null,\"random_id\":null}"};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct survey *survey = take_fleet(state, made_up_fleet(2));

		set_options(survey, forms[i]);
		set_info(survey, 0, "collection copy");
		check(survey);
		assert_non_null(
			find(survey, FINDING_PASS, "natural-order", "shop"));
	}
}

/* write blocking */

static void test_check_write_blocking_modes(void **state)
{
	static const struct {
		const char *options;
		enum finding_level level;
		const char *text;
	} modes[] = {
		{"{\"write_blocking\":\"none\"}", FINDING_PASS, "blocks no"},
		{"{\"write_blocking\":null}", FINDING_PASS, "none that"},
		{"{\"write_blocking\":\"destinationOnly\"}", FINDING_WARNING,
			"writes to the destination are refused"},
		{"{\"write_blocking\":\"sourceAndDestination\"}",
			FINDING_WARNING, "clusters that it blocks"},
		{"{\"write_blocking\":\"sometimes\"}", FINDING_WARNING,
			"unproven"},
	};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct survey *survey = take_fleet(state, made_up_fleet(2));

		set_options(survey, modes[i].options);
		check(survey);
		assert_says(survey, modes[i].level, "write-blocking", "shop",
			modes[i].text);
		assert_int_equal(survey_refused(survey), ERR_NONE);
	}
}

static void test_check_write_blocking_whose_option_is_gone(void **state)
{
	json_t *fleet = made_up_fleet(2);
	struct survey *survey;

	(void)json_object_set_new(fleet, "version", json_string("1.20.0"));
	survey = take_fleet(state, fleet);
	set_options(survey, "{\"write_blocking\":\"destinationOnly\"}");
	check(survey);
	assert_says(survey, FINDING_WARNING, "write-blocking", "shop",
		"/start has no enableUserWriteBlocking from 1.20 on");
}

/* verifier */

static void test_check_verifier_that_works(void **state)
{
	struct survey *survey = *state;
	struct sync_progress *progress = &survey->instance[0].progress;

	progress->verifier = true;
	progress->verifier_docs = -1;
	assert_warns(survey, "verifier", "a", "is not told");
	assert_non_null(find(survey, FINDING_PASS, "verifier", "b"));
	survey->finding_count = 0;
	progress->verifier_docs = 4000000;
	progress->verifier_hashed = 1000000;
	progress->verifier_collections = 7;
	assert_warns(survey, "verifier", "a",
		"4000000 documents in 7 collections to hash (1000000 are), and "
		"takes about 12.0 GB");
}

static void test_check_verifier_that_loses_nothing(void **state)
{
	struct survey *survey = *state;

	for (unsigned i = 0; i < 2; i++)
		survey->instance[i].progress.verifier = true;
	(void)snprintf(survey->instance[0].progress.verifier_phase,
		sizeof(survey->instance[0].progress.verifier_phase),
		"not started");
	set_phase(survey, 1, "PAUSED");
	check(survey);
	assert_says(survey, FINDING_PASS, "verifier", "a", "not started");
	assert_says(survey, FINDING_PASS, "verifier", "b", "lost already");
}

/* A lane that runs the version already is not interrupted. */
static void test_check_syncs_of_a_lane_that_stays(void **state)
{
	struct survey *survey = *state;

	survey->instance[0].progress.lag_s = 5000;
	set_info(survey, 0, "collection copy");
	(void)snprintf(
		survey->lane[0].from, sizeof(survey->lane[0].from), MADE_UP_TO);
	for (unsigned i = 0; i < 2; i++)
		(void)snprintf(survey->instance[i].version,
			sizeof(survey->instance[i].version), MADE_UP_TO);
	check(survey);
	assert_int_equal(count_findings(survey, FINDING_WARNING), 0);
	assert_int_equal(survey_refused(survey), ERR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SURVEY(test_check_lag_that_is_large),
		IN_SURVEY(test_check_lag_that_is_not_told),
		IN_SURVEY(test_check_phase_of_a_copy),
		IN_SURVEY(test_check_phase_that_only_the_metadata_tells),
		IN_SURVEY(test_check_phase_that_nobody_knows),
		IN_SURVEY(test_check_phase_of_what_was_not_started),
		IN_SURVEY(test_check_natural_order_in_a_copy),
		IN_SURVEY(test_check_natural_order_not_asked_for),
		IN_SURVEY(test_check_write_blocking_modes),
		IN_SURVEY(test_check_write_blocking_whose_option_is_gone),
		IN_SURVEY(test_check_verifier_that_works),
		IN_SURVEY(test_check_verifier_that_loses_nothing),
		IN_SURVEY(test_check_syncs_of_a_lane_that_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
