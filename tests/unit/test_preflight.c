/*
 * test_preflight.c - each check of an instance: a survey in which it passes,
 * and each way in which it does not.
 */
#include "preflight_world.h"

static void set_phase(struct seen_instance *seen, const char *text)
{
	seen->progress.phase = sync_phase_parse(text);
	(void)snprintf(seen->progress.phase_text,
		sizeof(seen->progress.phase_text), "%s", text);
}

static void test_preflight_passes_what_is_well(void **state)
{
	static const struct {
		const char *check, *subject, *text;
	} passes[] = {
		{"artifact", "/srv/mongosync.tgz",
			"says version 1.13.0, 3 files, 5 MiB"},
		{"signature", "/srv/mongosync.tgz", "not asked for"},
		{"claim", "/opt/mongosync", "claims can be made"},
		{"claim", "a", "no run owns it"},
		{"claim", "b", "no run owns it"},
		{"claim", "/opt/mongosync/shop/current", "no run owns it"},
		{"process", "a", "it runs"},
		{"process", "b", "it runs"},
		{"table", "shop", "is looked up in"},
		{"version", "a", "pid 1000 runs 1.12.0"},
		{"version", "b", "pid 1001 runs 1.12.0"},
		{"api", "a", "answers on port 27182"},
		{"api", "b", "answers on port 27183"},
		{"identity", "a", "mongosyncID \"a\""},
		{"identity", "b", "mongosyncID \"b\""},
		{"state", "a", "RUNNING, no phase told, 3 s behind"},
		{"state", "b", "RUNNING"},
		{"verifier", "a", "it has none"},
		{"verifier", "b", "it has none"},
		{"configuration", "a", "/etc/a.yaml has nothing that 1.13.0"},
		{"configuration", "b", "nothing"},
		{"uri", "a", "no option that 1.13.0 is known to refuse"},
		{"uri", "b", "no option"},
		{"unchanged", "a", "/etc/a.yaml is as it was"},
		{"unchanged", "b", "/etc/b.yaml is as it was"},
		{"start", "a", "no difference"},
		{"start", "b", "no difference"},
		{"destination", "shop", "cluster:aa"},
		{"coordinator", "shop", "by all that tell one"},
		{"pause", "shop", "can be put back"},
		{"complete", "shop", "2 of 2 instances"},
		{"version", "shop", "1.12.0 to 1.13.0"},
		{"host", "/opt/mongosync", "executables run"},
		{"lag", "a", "3 s behind"},
		{"lag", "b", "3 s behind"},
		{"phase", "shop", "change event application"},
		{"natural-order", "shop", "no copy in natural order"},
		{"write-blocking", "shop", "none"},
		{"metadata", "shop", "in the states that the APIs say"},
		{"way-back", "shop", "versions/1.12.0 is kept"},
		{"privileges", "shop",
			"for 1.13.0: cluster0 has no access control, cluster1 "
			"has no access control"},
		{"link", "shop", "goes to versions/1.12.0"},
		{"reach", "this machine", "2 of the processes are there"},
		{"machine", "this machine", ""},
		{"clock", "this machine", "this clock is what counts"},
		{"margin", "shop", "it may stand still for 23 h 59 min"},
		{"save", "shop", "takes about 1 s (an assumed 10 MiB/s)"},
		{"time", "shop", "about 4 min (median of 3 earlier runs)"},
	};
	struct survey *survey = *state;

	check(survey);
	for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]); i++)
		assert_says(survey, FINDING_PASS, passes[i].check,
			passes[i].subject, passes[i].text);
	assert_int_equal(
		survey->finding_count, sizeof(passes) / sizeof(passes[0]));
	assert_int_equal(survey_refused(survey), ERR_NONE);
}

/* artifact */

static void test_check_artifact_that_cannot_be_read(void **state)
{
	struct survey *survey = *state;

	(void)err_set(&survey->artifact_err, ERR_CONFIG, "not an archive");
	assert_refuses(survey, "artifact", "/srv/mongosync.tgz",
		"not an archive", ERR_CONFIG);
}

static void test_check_artifact_of_another_version(void **state)
{
	struct survey *survey = *state;

	(void)snprintf(survey->artifact.version,
		sizeof(survey->artifact.version), "1.14.0");
	assert_refuses(survey, "artifact", "/srv/mongosync.tgz",
		"says version 1.14.0, the fleet asks for 1.13.0", ERR_CONFIG);
}

/* claims */

static void test_check_claim_on_an_instance(void **state)
{
	struct survey *survey = *state;

	claim_it(&survey->instance[1].claim);
	assert_refuses(survey, "claim", "b",
		"run other-run of fleet theirs, begun from host ops2 (state in "
		"/their)",
		ERR_HELD);
}

static void test_check_claim_on_a_link(void **state)
{
	struct survey *survey = *state;

	claim_it(&survey->lane[0].link[0].claim);
	assert_refuses(survey, "claim", "/opt/mongosync/shop/current",
		"run other-run", ERR_HELD);
}

/* process */

static void test_check_process_that_does_not_run(void **state)
{
	struct survey *survey = *state;
	struct seen_instance *b = &survey->instance[1];

	b->process = (struct process_seen){
		.view = PROCESS_GONE, .why = "nothing listens"};
	assert_refuses(survey, "process", "b", "not running: nothing listens",
		ERR_CONFIG);
}

static void test_check_process_that_cannot_be_seen(void **state)
{
	struct survey *survey = *state;
	struct seen_instance *b = &survey->instance[1];

	b->process = (struct process_seen){
		.view = PROCESS_UNKNOWN, .why = "another user's"};
	assert_refuses(survey, "process", "b",
		"cannot be told whether it runs: another user's", ERR_CONFIG);
}

static void test_check_process_of_unknown_version(void **state)
{
	struct survey *survey = *state;
	struct seen_instance *b = &survey->instance[1];

	b->version[0] = '\0';
	b->version_proof = NULL;
	(void)err_set(&b->version_err, ERR_CONFIG, "--version did not end");
	assert_refuses(
		survey, "version", "b", "--version did not end", ERR_CONFIG);
}

static void test_check_process_known_by_its_link_only(void **state)
{
	struct survey *survey = *state;

	survey->instance[1].version_proof = "link";
	assert_warns(survey, "version", "b",
		"version 1.12.0 is known only from the link");
}

/* api */

static void test_check_api_that_is_silent(void **state)
{
	struct survey *survey = *state;

	(void)err_set(&survey->instance[1].progress_err, ERR_AGAIN,
		"connection refused");
	assert_refuses(survey, "api", "b",
		"port 27183 does not answer: connection refused", ERR_CONFIG);
}

static void test_check_api_of_another_process(void **state)
{
	struct survey *survey = *state;
	struct sync_progress *progress = &survey->instance[1].progress;

	(void)snprintf(progress->id, sizeof(progress->id), "z");
	assert_refuses(survey, "identity", "b",
		"answered by mongosyncID \"z\", but /etc/b.yaml says id \"b\"",
		ERR_CONFIG);
}

static void test_check_api_without_an_id_is_believed(void **state)
{
	struct survey *survey = *state;

	survey->instance[1].progress.id[0] = '\0';
	check(survey);
	assert_non_null(find(survey, FINDING_PASS, "state", "b"));
	assert_int_equal(survey_refused(survey), ERR_NONE);
}

static void test_check_api_in_a_cut_over(void **state)
{
	static const char *const phases[] = {
		"COMMITTING", "COMMITTED", "REVERSING"};

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		struct survey *survey = take_fleet(state, made_up_fleet(2));

		set_phase(&survey->instance[1], phases[i]);
		assert_refuses(survey, "state", "b", phases[i], ERR_CONFIG);
		assert_says(survey, FINDING_REFUSAL, "state", "b",
			"must not be disturbed");
	}
}

static void test_check_api_that_lets_write(void **state)
{
	struct survey *survey = *state;

	survey->instance[0].progress.can_write = true;
	assert_refuses(survey, "state", "a", "RUNNING and writes are allowed",
		ERR_CONFIG);
}

static void test_check_api_in_a_passing_state(void **state)
{
	static const char *const phases[] = {"INITIALIZING", "DREAMING"};

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		struct survey *survey = take_fleet(state, made_up_fleet(2));

		set_phase(&survey->instance[1], phases[i]);
		assert_refuses(survey, "state", "b", phases[i], ERR_CONFIG);
	}
}

static void test_check_api_passes_all_that_can_wait(void **state)
{
	static const char *const phases[] = {"RUNNING", "PAUSED", "IDLE"};

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		struct survey *survey = take_fleet(state, made_up_fleet(2));

		survey->instance[1].progress.lag_s = -1;
		made_up_metadata_set(survey, 1, "state", phases[i]);
		if (strcmp(phases[i], "IDLE") == 0)
			made_up_metadata_set(survey, 1, "", NULL);
		else if (strcmp(phases[i], "RUNNING") == 0)
			survey->instance[1].progress.lag_s = 0;
		set_phase(&survey->instance[1], phases[i]);
		check(survey);
		assert_says(survey, FINDING_PASS, "state", "b", phases[i]);
		assert_int_equal(survey_refused(survey), ERR_NONE);
		assert_int_equal(count_findings(survey, FINDING_WARNING), 0);
	}
}

/* how it is started */

static json_t *fleet_with_argv(const char *program, const char *link)
{
	json_t *fleet = made_up_fleet(1);

	if (link)
		(void)json_object_set_new(fleet, "link", json_string(link));
	made_up_instance_set(fleet, 0, "spawn",
		json_pack("{s:[s, s, s]}", "argv", program, "--config",
			"/etc/a.yaml"));
	return fleet;
}

static void test_check_start_through_the_link(void **state)
{
	static const char *const ways[][2] = {
		{"/opt/mongosync/shop/current/bin/mongosync", NULL},
		{"/opt/sync/now/bin/mongosync", "/opt/sync/now"},
		{"/usr/local/bin/mongosync", "/usr/local/bin/mongosync"},
	};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct survey *survey = take_fleet(
			state, fleet_with_argv(ways[i][0], ways[i][1]));

		check(survey);
		assert_null(find(survey, FINDING_REFUSAL, "link", "a"));
		assert_int_equal(survey_refused(survey), ERR_NONE);
	}
}

static void test_check_start_past_the_link(void **state)
{
	static const char *const programs[] = {
		"/usr/bin/mongosync",
		"/opt/mongosync/shop/current2/bin/mongosync",
		"/opt/mongosync/versions/1.12.0/bin/mongosync",
	};

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		struct survey *survey =
			take_fleet(state, fleet_with_argv(programs[i], NULL));

		assert_refuses(survey, "link", "a",
			"not reached through the link "
			"/opt/mongosync/shop/current",
			ERR_CONFIG);
	}
}

static void test_check_start_by_a_command(void **state)
{
	json_t *fleet = made_up_fleet(1);

	made_up_instance_set(fleet, 0, "command",
		json_pack("{s:[s], s:[s], s:[s]}", "start", "/bin/start",
			"stop", "/bin/stop", "status", "/bin/status"));
	assert_warns(take_fleet(state, fleet), "link", "a",
		"whether its start command goes through");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SURVEY(test_preflight_passes_what_is_well),
		IN_SURVEY(test_check_artifact_that_cannot_be_read),
		IN_SURVEY(test_check_artifact_of_another_version),
		IN_SURVEY(test_check_claim_on_an_instance),
		IN_SURVEY(test_check_claim_on_a_link),
		IN_SURVEY(test_check_process_that_does_not_run),
		IN_SURVEY(test_check_process_that_cannot_be_seen),
		IN_SURVEY(test_check_process_of_unknown_version),
		IN_SURVEY(test_check_process_known_by_its_link_only),
		IN_SURVEY(test_check_api_that_is_silent),
		IN_SURVEY(test_check_api_of_another_process),
		IN_SURVEY(test_check_api_without_an_id_is_believed),
		IN_SURVEY(test_check_api_in_a_cut_over),
		IN_SURVEY(test_check_api_that_lets_write),
		IN_SURVEY(test_check_api_in_a_passing_state),
		IN_SURVEY(test_check_api_passes_all_that_can_wait),
		IN_SURVEY(test_check_start_through_the_link),
		IN_SURVEY(test_check_start_past_the_link),
		IN_SURVEY(test_check_start_by_a_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
