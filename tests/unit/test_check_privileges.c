/*
 * test_check_privileges.c - what preflight says of what users may do, with the
 * table that is shipped.
 */
#include "preflight_world.h"
#include "supervisor/plan/checks.h"

static json_t *grant(
	const char *db, const char *collection, const char *actions)
{
	return json_pack("{s:o, s:o}", "resource",
		db ? json_pack("{s:s, s:s}", "db", db, "collection", collection)
		   : json_pack("{s:b}", "cluster", 1),
		"actions", json_loads(actions, 0, NULL));
}

/* The minimum list of the documentation, as a role of one's own has it. */
static json_t *minimum(bool destination)
{
	json_t *list = json_array();

	(void)json_array_append_new(list,
		grant(NULL, NULL,
			"[\"appendOplogNote\", \"enableSharding\", "
			"\"getDefaultRWConcern\", \"getShardMap\", "
			"\"hostInfo\", \"listDatabases\", \"listShards\", "
			"\"replSetGetConfig\", \"replSetGetStatus\", "
			"\"serverStatus\"]"));
	(void)json_array_append_new(list,
		grant("", "",
			destination
				? "[\"bypassDocumentValidation\", "
				  "\"changeStream\", \"collMod\", "
				  "\"convertToCapped\", \"createCollection\","
				  " \"createIndex\", \"dropCollection\", "
				  "\"dropIndex\", \"enableSharding\", "
				  "\"find\", \"indexStats\", \"insert\", "
				  "\"listCollections\", \"listIndexes\", "
				  "\"remove\", \"renameCollectionSameDB\", "
				  "\"update\", \"bypassWriteBlockingMode\", "
				  "\"setUserWriteBlockMode\"]"
				: "[\"changeStream\", \"collStats\", "
				  "\"find\", \"indexStats\", "
				  "\"listCollections\", \"listIndexes\"]"));
	(void)json_array_append_new(
		list, grant("admin", "system.version", "[\"find\"]"));
	(void)json_array_append_new(
		list, grant("", "system.js",
			      "[\"listCollections\", \"listIndexes\"]"));
	(void)json_array_append_new(
		list, grant("", "system.views", "[\"dropCollection\"]"));
	return json_pack("{s:b, s:o}", "access_control", 1, "privileges", list);
}

static void hold(struct survey *survey, unsigned side, json_t *privileges)
{
	struct seen_cluster *cluster = &survey->cluster[0];

	json_decref(cluster->privileges[side]);
	cluster->privileges[side] = privileges;
}

static json_t *actions_of(struct survey *survey, unsigned side, unsigned index)
{
	return json_object_get(
		json_array_get(
			json_object_get(survey->cluster[0].privileges[side],
				"privileges"),
			index),
		"actions");
}

static void to_version(struct survey *survey, const char *to)
{
	struct fleet *fleet = (struct fleet *)(uintptr_t)survey->fleet;

	free(fleet->version);
	fleet->version = strdup(to);
}

static void test_privileges_of_the_documented_minimum(void **state)
{
	struct survey *survey = *state;

	hold(survey, 0, minimum(false));
	hold(survey, 1, minimum(true));
	check(survey);
	assert_says(survey, FINDING_PASS, "privileges", "shop",
		"for 1.13.0: cluster0 has what is needed, cluster1 has what is "
		"needed");
	assert_int_equal(survey_refused(survey), ERR_NONE);
}

static void test_privileges_that_are_missing(void **state)
{
	struct survey *survey = *state;
	json_t *actions;

	hold(survey, 1, minimum(true));
	actions = actions_of(survey, 1, 1);
	(void)json_array_remove(actions, json_array_size(actions) - 2);
	assert_refuses(survey, "privileges", "shop",
		"for 1.13.0 the user of cluster1 (the destination) lacks: "
		"bypassWriteBlockingMode on the cluster",
		ERR_CONFIG);
	assert_non_null(strstr(
		find(survey, FINDING_REFUSAL, "privileges", "shop")->fix,
		"grant it.  The destination's users are kept from writing"));
	/* what 1.10 did not ask for */
	to_version(survey, "1.10.0");
	for (unsigned i = 0; i < survey->instance_count; i++)
		(void)snprintf(survey->instance[i].version,
			sizeof(survey->instance[i].version), "1.9.0");
	survey->finding_count = 0;
	check_privileges(survey, 0);
	assert_non_null(find(survey, FINDING_PASS, "privileges", "shop"));
}

/* That 1.17 and newer ask for these is not quite said. */
static void test_privileges_that_are_presumed(void **state)
{
	struct survey *survey = *state;

	hold(survey, 0, minimum(false));
	to_version(survey, "1.18.0");
	check_privileges(survey, 0);
	assert_says(survey, FINDING_WARNING, "privileges", "shop",
		"for 1.18.0 the user of cluster0 (the source) may need: "
		"bypassWriteBlockingMode, setUserWriteBlockMode on the "
		"cluster; "
		"update on config.settings");
	assert_null(find(survey, FINDING_REFUSAL, "privileges", "shop"));
}

static void test_privileges_of_a_sync_that_was_turned(void **state)
{
	struct survey *survey = *state;
	struct sync_progress *progress = &survey->instance[1].progress;

	hold(survey, 0, minimum(true));
	hold(survey, 1, minimum(false));
	check_privileges(survey, 0);
	assert_says(survey, FINDING_REFUSAL, "privileges", "shop",
		"cluster0 (the source) lacks: collStats on all databases");
	survey->finding_count = 0;
	(void)snprintf(progress->source_at, sizeof(progress->source_at),
		"cluster1: b:27017");
	(void)json_array_append_new(
		actions_of(survey, 0, 1), json_string("collStats"));
	check_privileges(survey, 0);
	assert_non_null(find(survey, FINDING_PASS, "privileges", "shop"));
}

static void test_privileges_that_cannot_be_read(void **state)
{
	struct survey *survey = *state;

	hold(survey, 0, NULL);
	(void)err_set(&survey->cluster[0].privileges_err[0], ERR_STEP,
		"no such command");
	assert_warns(survey, "privileges", "shop",
		"what the user of cluster0 (the source) may do cannot be read: "
		"no such command");
	survey->finding_count = 0;
	survey->cluster[0].privileges_err[0] = (struct err){0};
	hold(survey, 0,
		json_pack("{s:b, s:n}", "access_control", 1, "privileges"));
	assert_warns(survey, "privileges", "shop", "shows no privileges");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SURVEY(test_privileges_of_the_documented_minimum),
		IN_SURVEY(test_privileges_that_are_missing),
		IN_SURVEY(test_privileges_that_are_presumed),
		IN_SURVEY(test_privileges_of_a_sync_that_was_turned),
		IN_SURVEY(test_privileges_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
