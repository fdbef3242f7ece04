/*
 * test_preflight_lanes.c - the checks of what instances have in common, and
 * what follows from all findings.
 */
#include "preflight_world.h"

/* is the lane complete */

static void test_check_complete_metadata_names_a_stranger(void **state)
{
	struct survey *survey = *state;

	(void)json_array_append_new(
		json_object_get(survey->cluster[0].summary, "instances"),
		json_pack("{s:s}", "id", "z"));
	assert_refuses(survey, "complete", "shop",
		"the sync's metadata names \"z\"", ERR_CONFIG);
}

static void test_check_complete_a_shard_without_an_instance(void **state)
{
	struct survey *survey = *state;

	(void)json_array_append_new(
		survey->cluster[0].shards, json_string("z"));
	assert_refuses(survey, "complete", "shop",
		"the source's listShards names \"z\"", ERR_CONFIG);
}

/* One instance without an id serves all shards, as "coordinator". */
static void test_check_complete_one_instance_for_all_shards(void **state)
{
	struct survey *survey = take_fleet(state, made_up_fleet(1));

	survey->cluster[0].sharded = true;
	(void)json_array_append_new(
		survey->cluster[0].shards, json_string("z"));
	check(survey);
	assert_says(survey, FINDING_PASS, "complete", "shop", "1 of 1");
	assert_int_equal(survey_refused(survey), ERR_NONE);
}

static void test_check_complete_sync_without_metadata(void **state)
{
	struct survey *survey = *state;

	json_decref(survey->cluster[0].summary);
	survey->cluster[0].summary = json_pack("{s:b}", "found", 0);
	assert_refuses(survey, "complete", "shop", "no metadata of it is found",
		ERR_CONFIG);
}

static void test_check_complete_idle_without_metadata(void **state)
{
	struct survey *survey = *state;

	json_decref(survey->cluster[0].summary);
	survey->cluster[0].summary = json_pack("{s:b}", "found", 0);
	for (unsigned i = 0; i < survey->instance_count; i++)
		survey->instance[i].progress.phase = SYNC_PHASE_IDLE;
	check(survey);
	assert_non_null(find(survey, FINDING_PASS, "complete", "shop"));
	assert_int_equal(survey_refused(survey), ERR_NONE);
}

static void test_check_start_otherwise_than_it_runs(void **state)
{
	struct survey *survey = *state;

	(void)snprintf(survey->instance[1].differs,
		sizeof(survey->instance[1].differs), "working directory /a");
	assert_warns(survey, "start", survey->instance[1].instance->name,
		"working directory /a");
	assert_null(find(survey, FINDING_WARNING, "start",
		survey->instance[0].instance->name));
}

static void test_check_complete_assumed_by_the_operator(void **state)
{
	json_t *fleet = made_up_fleet(2);
	struct survey *survey;

	(void)json_object_set_new(
		fleet, "lane_complete", json_string("assumed"));
	survey = take_fleet(state, fleet);
	(void)json_array_append_new(
		survey->cluster[0].shards, json_string("z"));
	assert_warns(survey, "complete", "shop", "listShards names \"z\"");
}

static void test_check_complete_without_a_look(void **state)
{
	struct survey *survey = *state;

	(void)err_set(&survey->cluster[0].summary_err, ERR_AGAIN,
		"no server is reached");
	json_decref(survey->cluster[0].summary);
	survey->cluster[0].summary = NULL;
	assert_refuses(survey, "complete", "shop",
		"cannot be read: no server is reached", ERR_CONFIG);

	survey = take_fleet(state, made_up_fleet(2));
	(void)err_set(
		&survey->cluster[0].shards_err, ERR_AGAIN, "not authorized");
	assert_refuses(survey, "complete", "shop",
		"cannot be read: not authorized", ERR_CONFIG);
}

static void test_check_complete_in_an_unknown_format(void **state)
{
	struct survey *survey = *state;

	(void)json_object_set_new(
		survey->cluster[0].summary, "recognised", json_false());
	assert_warns(survey, "complete", "shop", "unproven");
}

/* the rest of the lane */

static void test_check_cluster_that_does_not_answer(void **state)
{
	struct survey *survey = *state;

	(void)err_set(&survey->cluster[0].err, ERR_AGAIN, "timed out");
	assert_refuses(survey, "destination", "shop",
		"cannot be asked who it is: timed out", ERR_CONFIG);
}

static void test_check_cluster_known_by_its_hosts_only(void **state)
{
	struct survey *survey = *state;

	survey->lane[0].proved = false;
	assert_warns(survey, "destination", "shop",
		"does not tell its own identity");
}

/* The shipped table: 1.19 takes no 6.0 as its destination any more. */
static void test_check_cluster_whose_server_is_too_old(void **state)
{
	static const struct {
		const char *to, *server;
		bool warned;
	} cases[] = {
		{"1.19.0", "6.0.5", true},
		{"1.18.0", "6.0.5", false},
		{"1.19.0", "7.0.0", false},
		{"1.19.0", "light", false},
		{"1.19.0", "", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *fleet = made_up_fleet(2);
		struct survey *survey;

		(void)json_object_set_new(
			fleet, "version", json_string(cases[i].to));
		survey = take_fleet(state, fleet);
		(void)snprintf(survey->cluster[0].version,
			sizeof(survey->cluster[0].version), "%s",
			cases[i].server);
		check(survey);
		assert_int_equal(find(survey, FINDING_WARNING, "destination",
					 "shop") != NULL,
			cases[i].warned);
		if (cases[i].warned)
			assert_says(survey, FINDING_WARNING, "destination",
				"shop",
				"its server is 6.0.5, which 1.19.0 does not "
				"support");
		else
			assert_non_null(find(
				survey, FINDING_PASS, "destination", "shop"));
	}
}

static void test_check_coordinator_two_in_one_lane(void **state)
{
	struct survey *survey = *state;
	struct sync_progress *progress = &survey->instance[1].progress;

	(void)snprintf(
		progress->coordinator, sizeof(progress->coordinator), "z");
	assert_refuses(survey, "coordinator", "shop",
		"two coordinators, \"a\" and \"z\"", ERR_CONFIG);
}

static void test_check_coordinator_that_one_does_not_tell(void **state)
{
	struct survey *survey = *state;

	survey->instance[0].progress.coordinator[0] = '\0';
	check(survey);
	assert_int_equal(survey_refused(survey), ERR_NONE);
}

static void test_check_versions_that_differ(void **state)
{
	struct survey *survey = *state;

	(void)snprintf(survey->instance[1].version,
		sizeof(survey->instance[1].version), "1.11.0");
	assert_refuses(survey, "version", "shop",
		"a runs 1.12.0, b runs 1.11.0", ERR_CONFIG);
}

static void run_version(struct survey *survey, const char *version)
{
	for (unsigned i = 0; i < survey->instance_count; i++)
		(void)snprintf(survey->instance[i].version,
			sizeof(survey->instance[i].version), "%s", version);
	(void)snprintf(survey->lane[0].from, sizeof(survey->lane[0].from), "%s",
		version);
	(void)snprintf(survey->lane[0].link[0].kept_version,
		sizeof(survey->lane[0].link[0].kept_version), "%s", version);
}

static void test_check_versions_going_down(void **state)
{
	struct survey *survey = *state;

	run_version(survey, "1.14.0");
	assert_refuses(survey, "version", "shop",
		"1.14.0 to 1.13.0 is a downgrade", ERR_CONFIG);
}

static void test_check_versions_reached_already(void **state)
{
	struct survey *survey = *state;

	run_version(survey, MADE_UP_TO);
	check(survey);
	assert_says(survey, FINDING_PASS, "version", "shop",
		"all 2 processes run 1.13.0 already");
}

/* the link */

static void test_check_link_that_differs_in_a_lane(void **state)
{
	json_t *fleet = made_up_fleet(2);

	made_up_instance_set(
		fleet, 1, "link", json_string("/opt/mongosync/b/current"));
	/* b's own argv goes through b's link, the lane has a's. */
	made_up_instance_set(fleet, 1, "spawn",
		json_pack("{s:[s]}", "argv",
			"/opt/mongosync/shop/current/bin/mongosync"));
	assert_refuses(take_fleet(state, fleet), "link", "shop",
		"started through different links", ERR_CONFIG);
}

static void test_check_link_shared_by_two_lanes(void **state)
{
	struct survey *survey = *state;

	made_up_survey_done(survey);
	made_up_survey(survey, made_up_fleet(2));
	(void)made_up_cluster(survey, 1, "cluster:bb");
	survey->instance[1].cluster = 1;
	/* Each cluster's metadata names its own instance only. */
	(void)json_array_remove(
		json_object_get(survey->cluster[0].summary, "instances"), 1);
	survey->cluster[1].summary = json_pack("{s:b, s:b, s:[{s:s, s:s}]}",
		"found", 1, "recognised", 1, "instances", "id", "b", "state",
		"RUNNING");
	made_up_group(survey);
	assert_refuses(survey, "link", "b",
		"lane a is started through the same link", ERR_CONFIG);
	assert_non_null(find(survey, FINDING_PASS, "link", "a"));
}

static void test_check_link_that_cannot_be_replaced(void **state)
{
	struct survey *survey = *state;

	(void)err_set(&survey->lane[0].link[0].err, ERR_CONFIG,
		"its directory is not writable: chown it");
	check(survey);
	assert_says(survey, FINDING_REFUSAL, "link", "shop", "not writable");
	assert_int_equal(survey_refused(survey), ERR_CONFIG);
}

static void test_check_link_that_leads_elsewhere(void **state)
{
	struct survey *survey = *state;

	survey->lane[0].link[0].seen.kind = LINK_FOREIGN;
	assert_refuses(survey, "link", "shop",
		"neither an executable nor a link into "
		"/opt/mongosync/versions",
		ERR_CONFIG);
}

static void test_check_link_that_is_held(void **state)
{
	struct survey *survey = *state;

	survey->lane[0].link[0].seen =
		(struct link_seen){.kind = LINK_HOLD, .run = "other-run"};
	assert_refuses(
		survey, "link", "shop", "held by run other-run", ERR_CONFIG);
}

static void test_check_link_that_is_to_be_adopted(void **state)
{
	static const enum link_kind kinds[] = {LINK_PLAIN, LINK_ABSENT};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct survey *survey = take_fleet(state, made_up_fleet(1));

		survey->lane[0].link[0].kept = false;
		survey->lane[0].link[0].seen =
			(struct link_seen){.kind = kinds[i]};
		check(survey);
		assert_says(survey, FINDING_PASS, "link", "shop",
			"will be adopted: what runs now is kept as "
			"versions/1.12.0");
		assert_int_equal(survey_refused(survey), ERR_NONE);
	}
}

/* the way back */

static void test_check_way_back_under_pause_never(void **state)
{
	json_t *fleet = made_up_fleet(2);

	(void)json_object_set_new(fleet, "pause", json_string("never"));
	assert_warns(take_fleet(state, fleet), "pause", "shop",
		"cannot be put back");
}

/* what follows from the findings */

static void test_survey_refused_says_held_before_all_else(void **state)
{
	struct survey *survey = *state;

	(void)err_set(&survey->artifact_err, ERR_CONFIG, "not an archive");
	claim_it(&survey->instance[0].claim);
	survey->lane[0].link[0].seen.kind = LINK_FOREIGN;
	check(survey);
	assert_int_equal(count_findings(survey, FINDING_REFUSAL), 3);
	assert_int_equal(survey_refused(survey), ERR_HELD);
}

static void test_survey_is_reached_needs_all_of_them(void **state)
{
	struct survey *survey = *state;
	struct seen_instance *b = &survey->instance[1];

	assert_false(survey_is_reached(survey));
	run_version(survey, MADE_UP_TO);
	assert_true(survey_is_reached(survey));
	claim_it(&b->claim);
	assert_false(survey_is_reached(survey));
	b->claim.run[0] = '\0';
	b->process.view = PROCESS_GONE;
	assert_false(survey_is_reached(survey));
	b->process.view = PROCESS_RUNNING;
	(void)snprintf(b->version, sizeof(b->version), MADE_UP_FROM);
	assert_false(survey_is_reached(survey));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SURVEY(test_check_complete_metadata_names_a_stranger),
		IN_SURVEY(test_check_complete_a_shard_without_an_instance),
		IN_SURVEY(test_check_complete_one_instance_for_all_shards),
		IN_SURVEY(test_check_complete_sync_without_metadata),
		IN_SURVEY(test_check_complete_idle_without_metadata),
		IN_SURVEY(test_check_start_otherwise_than_it_runs),
		IN_SURVEY(test_check_complete_assumed_by_the_operator),
		IN_SURVEY(test_check_complete_without_a_look),
		IN_SURVEY(test_check_complete_in_an_unknown_format),
		IN_SURVEY(test_check_cluster_that_does_not_answer),
		IN_SURVEY(test_check_cluster_known_by_its_hosts_only),
		IN_SURVEY(test_check_cluster_whose_server_is_too_old),
		IN_SURVEY(test_check_coordinator_two_in_one_lane),
		IN_SURVEY(test_check_coordinator_that_one_does_not_tell),
		IN_SURVEY(test_check_versions_that_differ),
		IN_SURVEY(test_check_versions_going_down),
		IN_SURVEY(test_check_versions_reached_already),
		IN_SURVEY(test_check_link_that_differs_in_a_lane),
		IN_SURVEY(test_check_link_shared_by_two_lanes),
		IN_SURVEY(test_check_link_that_cannot_be_replaced),
		IN_SURVEY(test_check_link_that_leads_elsewhere),
		IN_SURVEY(test_check_link_that_is_held),
		IN_SURVEY(test_check_link_that_is_to_be_adopted),
		IN_SURVEY(test_check_way_back_under_pause_never),
		IN_SURVEY(test_survey_refused_says_held_before_all_else),
		IN_SURVEY(test_survey_is_reached_needs_all_of_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
