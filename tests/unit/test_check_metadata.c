/*
 * test_check_metadata.c - where the metadata is, whether it says what the
 * processes say, and whether what runs can be gone back to.
 */
#include "preflight_world.h"

#include "supervisor/plan/checks.h"

static void set_phase(struct survey *survey, unsigned index, const char *text)
{
	struct sync_progress *progress = &survey->instance[index].progress;

	progress->phase = sync_phase_parse(text);
	(void)snprintf(
		progress->phase_text, sizeof(progress->phase_text), "%s", text);
}

static void set_databases(
	struct survey *survey, const char *main, const char *other)
{
	json_t *summary = survey->cluster[0].summary;

	(void)json_object_set_new(summary, "database", json_string(main));
	(void)json_object_set_new(summary, "generations",
		other ? json_pack("[s, s]", main, other)
		      : json_pack("[s]", main));
}

static void test_check_metadata_that_has_cut_over(void **state)
{
	static const char *const states[] = {
		"COMMITTING", "COMMITTED", "REVERSING"};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct survey *survey = take_fleet(state, made_up_fleet(2));

		made_up_metadata_set(survey, 1, "state", states[i]);
		assert_true(metadata_is_at_odds(survey));
		assert_refuses(survey, "metadata", "b", states[i], ERR_CONFIG);
	}
}

static void test_check_metadata_of_an_idle_process(void **state)
{
	struct survey *survey = *state;

	set_phase(survey, 1, "IDLE");
	assert_refuses(survey, "metadata", "b",
		"its API says IDLE, its metadata on the destination RUNNING",
		ERR_CONFIG);
}

static void test_check_metadata_that_lags(void **state)
{
	struct survey *survey = *state;

	made_up_metadata_set(survey, 1, "state", "PAUSED");
	assert_true(metadata_is_at_odds(survey));
	assert_warns(survey, "metadata", "b", "its API says RUNNING");
}

static void test_check_metadata_without_an_instance(void **state)
{
	json_t *fleet = made_up_fleet(2);
	struct survey *survey = *state;

	made_up_metadata_set(survey, 1, "", NULL);
	assert_refuses(
		survey, "metadata", "b", "knows no instance \"b\"", ERR_CONFIG);
	(void)json_object_set_new(
		fleet, "lane_complete", json_string("assumed"));
	survey = take_fleet(state, fleet);
	made_up_metadata_set(survey, 1, "", NULL);
	assert_warns(survey, "metadata", "b", "knows no instance \"b\"");
}

static void test_check_metadata_in_unknown_words(void **state)
{
	struct survey *survey = *state;

	made_up_metadata_set(survey, 0, "state", "DREAMING");
	assert_false(metadata_is_at_odds(survey));
	assert_warns(survey, "metadata", "a", "unproven");
}

static void test_check_metadata_that_nothing_is_compared_with(void **state)
{
	struct survey *survey = *state;

	(void)err_set(&survey->instance[1].progress_err, ERR_AGAIN, "silence");
	made_up_metadata_set(survey, 1, "state", "COMMITTED");
	assert_false(metadata_is_at_odds(survey));
	assert_refuses(survey, "api", "b", "silence", ERR_CONFIG);
}

static void test_check_metadata_of_two_generations(void **state)
{
	struct survey *survey = *state;

	set_databases(survey, "__mdb_internal_mongosync",
		"mongosync_reserved_for_internal_use");
	assert_refuses(survey, "metadata", "shop",
		"two databases that a sync would continue from, "
		"__mdb_internal_mongosync and "
		"mongosync_reserved_for_internal_use",
		ERR_CONFIG);
}

static void test_check_metadata_that_is_renamed(void **state)
{
	json_t *fleet = made_up_fleet(2);
	struct survey *survey;

	(void)json_object_set_new(fleet, "version", json_string("1.20.0"));
	survey = take_fleet(state, fleet);
	check(survey);
	assert_says(survey, FINDING_PASS, "metadata", "shop",
		"mongosync_reserved_for_internal_use, version 10, in the "
		"states that the APIs say; 1.20.0 renames it to "
		"__mdb_internal_mongosync");
}

static void test_check_metadata_of_another_generation(void **state)
{
	struct survey *survey = *state;

	set_databases(survey, "__mdb_internal_mongosync", NULL);
	assert_warns(survey, "metadata", "shop", "1.12.0 runs and keeps");
	survey->finding_count = 0;
	set_databases(survey, "mongosync_internal_beta", NULL);
	check(survey);
	assert_says(survey, FINDING_PASS, "metadata", "shop",
		"mongosync_internal_beta");
}

/* the host */

static void test_check_host_that_cannot_take_a_version(void **state)
{
	struct survey *survey = *state;

	(void)err_set(&survey->host[0].root_err, ERR_CONFIG, "mounted noexec");
	assert_refuses(survey, "host", "/opt/mongosync", "noexec", ERR_CONFIG);
}

/* the way back */

static void test_check_way_back_that_lies(void **state)
{
	struct survey *survey = *state;

	(void)snprintf(survey->lane[0].link[0].kept_version,
		sizeof(survey->lane[0].link[0].kept_version), "1.11.0");
	assert_refuses(survey, "way-back", "shop", "says that it is 1.11.0",
		ERR_CONFIG);
}

static void test_check_way_back_that_does_not_run(void **state)
{
	struct survey *survey = *state;

	survey->lane[0].link[0].kept_version[0] = '\0';
	(void)err_set(
		&survey->lane[0].link[0].kept_err, ERR_CONFIG, "exit code 1");
	assert_refuses(
		survey, "way-back", "shop", "but: exit code 1", ERR_CONFIG);
}

static void test_check_way_back_that_is_to_be_made(void **state)
{
	struct survey *survey = *state;

	survey->lane[0].link[0].kept = false;
	check(survey);
	assert_says(survey, FINDING_PASS, "way-back", "shop",
		"what pid 1000 executes will be kept as versions/1.12.0");
	survey->finding_count = 0;
	survey->instance[0].process.exe_known = false;
	assert_refuses(
		survey, "way-back", "shop", "cannot be read", ERR_CONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SURVEY(test_check_metadata_that_has_cut_over),
		IN_SURVEY(test_check_metadata_of_an_idle_process),
		IN_SURVEY(test_check_metadata_that_lags),
		IN_SURVEY(test_check_metadata_without_an_instance),
		IN_SURVEY(test_check_metadata_in_unknown_words),
		IN_SURVEY(test_check_metadata_that_nothing_is_compared_with),
		IN_SURVEY(test_check_metadata_of_two_generations),
		IN_SURVEY(test_check_metadata_that_is_renamed),
		IN_SURVEY(test_check_metadata_of_another_generation),
		IN_SURVEY(test_check_host_that_cannot_take_a_version),
		IN_SURVEY(test_check_way_back_that_lies),
		IN_SURVEY(test_check_way_back_that_does_not_run),
		IN_SURVEY(test_check_way_back_that_is_to_be_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
