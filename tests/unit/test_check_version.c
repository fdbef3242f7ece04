/*
 * test_check_version.c - what preflight says of a pair of versions, with the
 * table that is shipped, without one, and with a broken one; and what of it is
 * frozen in the plan.
 */
#include "preflight_world.h"
#include "supervisor/plan/checks.h"
#include "supervisor/plan/procedure.h"
#include "supervisor/plan/versions.h"

static void to_version(struct survey *survey, const char *from, const char *to)
{
	struct fleet *fleet = (struct fleet *)(uintptr_t)survey->fleet;

	free(fleet->version);
	fleet->version = strdup(to);
	(void)snprintf(survey->artifact.version,
		sizeof(survey->artifact.version), "%s", to);
	for (unsigned i = 0; i < survey->instance_count; i++)
		(void)snprintf(survey->instance[i].version,
			sizeof(survey->instance[i].version), "%s", from);
	(void)snprintf(
		survey->lane[0].from, sizeof(survey->lane[0].from), "%s", from);
	(void)snprintf(survey->lane[0].link[0].kept_version,
		sizeof(survey->lane[0].link[0].kept_version), "%s", from);
}

static void no_table(struct survey *survey)
{
	compat_free(survey->compat);
	free(survey->compat_file);
	survey->compat = NULL;
	survey->compat_file = NULL;
	(void)err_set(&survey->compat_err, ERR_MISSING, "no table is there");
}

static void test_version_that_is_documented(void **state)
{
	struct survey *survey = *state;

	check(survey);
	assert_says(survey, FINDING_PASS, "table", "shop",
		"looked up in " SOURCE_TOP "/deploy/compat/mongosync.json");
	assert_int_equal(survey_refused(survey), ERR_NONE);
	assert_says(survey, FINDING_PASS, "version", "shop",
		"1.12.0 to 1.13.0: Supported from 1.12");
	assert_says(
		survey, FINDING_PASS, "version", "shop", "release notes, 1.13");
}

static void test_version_that_is_presumed(void **state)
{
	struct survey *survey = *state;

	to_version(survey, "1.17.0", "1.18.0");
	check_versions(survey, 0);
	assert_says(survey, FINDING_PASS, "version", "shop",
		"1.17.0 to 1.18.0 (presumed, not stated): ");
}

static void test_version_that_is_impossible(void **state)
{
	struct survey *survey = *state;
	const struct finding *refusal;

	to_version(survey, "1.12.0", "1.14.0");
	assert_refuses(survey, "version", "shop",
		"1.12.0 to 1.14.0: There is no live upgrade to 1.14.",
		ERR_CONFIG);
	refusal = find(survey, FINDING_REFUSAL, "version", "shop");
	assert_string_equal(refusal->fix,
		"the nearest version that can be reached is 1.13.0 (mongosync "
		"release notes, 1.13: Live Upgrades)");
}

static void test_version_that_leads_nowhere(void **state)
{
	struct survey *survey = *state;
	const struct finding *refusal;

	to_version(survey, "1.13.0", "1.14.0");
	survey->options.accept_unlisted = true; /* is no word for this */
	assert_refuses(
		survey, "version", "shop", "1.13.0 to 1.14.0: ", ERR_CONFIG);
	refusal = find(survey, FINDING_REFUSAL, "version", "shop");
	assert_non_null(strstr(refusal->fix, "no upgrade from 1.13.0 is"));
}

static void test_version_of_which_nothing_is_known(void **state)
{
	struct survey *survey = *state;
	const struct finding *refusal;

	to_version(survey, "1.13.0", "1.13.1");
	assert_refuses(survey, "version", "shop",
		"1.13.0 to 1.13.1 is not in the table: Nothing is said",
		ERR_CONFIG);
	refusal = find(survey, FINDING_REFUSAL, "version", "shop");
	assert_non_null(strstr(refusal->fix, "--accept-unlisted"));
}

static void test_version_that_is_accepted(void **state)
{
	struct survey *survey = *state;

	to_version(survey, "1.13.0", "1.13.1");
	survey->options.accept_unlisted = true;
	assert_warns(survey, "version", "shop",
		"1.13.0 to 1.13.1, by --accept-unlisted: Nothing is said");
}

static void test_version_that_goes_down(void **state)
{
	struct survey *survey = *state;
	const struct finding *refusal;

	to_version(survey, "1.18.0", "1.13.0");
	survey->options.accept_unlisted = true;
	assert_refuses(survey, "version", "shop",
		"1.18.0 to 1.13.0 is a downgrade", ERR_CONFIG);
	refusal = find(survey, FINDING_REFUSAL, "version", "shop");
	assert_non_null(strstr(
		refusal->fix, "(mongosync documentation: Live Upgrades)"));
}

static void test_version_without_a_table(void **state)
{
	struct survey *survey = *state;
	const struct finding *refusal;

	no_table(survey);
	assert_refuses(
		survey, "table", "shop", "no table is there", ERR_CONFIG);
	refusal = find(survey, FINDING_REFUSAL, "table", "shop");
	assert_non_null(strstr(refusal->fix, "compat:"));
	/* who asks for no upgrade needs none */
	survey->finding_count = 0;
	to_version(survey, "1.13.0", "1.13.0");
	check(survey);
	assert_int_equal(survey_refused(survey), ERR_NONE);
	survey->finding_count = 0;
	to_version(survey, "1.14.0", "1.13.0");
	assert_refuses(survey, "version", "shop",
		"1.14.0 to 1.13.0 is a downgrade", ERR_CONFIG);
}

static void test_version_with_a_broken_table(void **state)
{
	struct survey *survey = *state;

	no_table(survey);
	survey->compat_file = strdup("/etc/t.json");
	(void)err_set(&survey->compat_err, ERR_CONFIG,
		"/etc/t.json: targets[2].sure must be one of");
	assert_refuses(survey, "table", "shop",
		"/etc/t.json: targets[2].sure must be", ERR_CONFIG);
}

static const json_t *frozen(const json_t *plan, const char *key)
{
	const json_t *lane = json_array_get(json_object_get(plan, "lanes"), 0);

	return json_object_get(json_object_get(lane, "compat"), key);
}

/* The journal keeps the plan, and so why the pair was thought possible. */
static void test_version_is_frozen_in_the_plan(void **state)
{
	struct survey *survey = *state;
	json_t *plan = procedure_find("mongosync")->forward(survey);

	assert_string_equal(
		json_string_value(frozen(plan, "verdict")), "documented");
	assert_string_equal(json_string_value(frozen(plan, "sure")), "stated");
	assert_true(json_is_false(frozen(plan, "accepted")));
	assert_string_equal(
		json_string_value(frozen(plan, "file")), survey->compat_file);
	json_decref(plan);
	to_version(survey, "1.13.0", "1.13.1");
	survey->options.accept_unlisted = true;
	plan = procedure_find("mongosync")->forward(survey);
	assert_string_equal(
		json_string_value(frozen(plan, "verdict")), "unknown");
	assert_true(json_is_true(frozen(plan, "accepted")));
	json_decref(plan);
}

/* where it is looked for */

static struct err load(const char *path, char **ret_file, bool *ret_ok)
{
	json_t *json = made_up_fleet(1);
	struct compat *compat = NULL;
	struct fleet *fleet;
	struct err err = {0};

	(void)json_object_set_new(json, "compat", json_string(path));
	assert_true(fleet_from_json(json, &fleet, &err));
	json_decref(json);
	*ret_ok = versions_load(fleet, &compat, ret_file, &err);
	assert_int_equal(*ret_ok, compat != NULL);
	compat_free(compat);
	fleet_free(fleet);
	return err;
}

static void test_versions_load_what_the_fleet_names(void **state)
{
	struct scratch scratch;
	const char *path;
	char *file = NULL;
	struct err err;
	bool ok;

	(void)state;
	(void)load(SOURCE_TOP "/deploy/compat/mongosync.json", &file, &ok);
	assert_true(ok);
	assert_string_equal(file, SOURCE_TOP "/deploy/compat/mongosync.json");
	free(file);

	scratch_make(&scratch);
	path = scratch_path(&scratch, "t.json");
	scratch_write(path, "{}", 2);
	err = load(path, &file, &ok);
	assert_false(ok);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.msg, "t.json: schema must be a number"));
	assert_string_equal(file, path);
	free(file);
	scratch_remove(&scratch);

	err = load("/nowhere/t.json", &file, &ok);
	assert_false(ok);
	assert_int_equal(err.code, ERR_MISSING);
	assert_non_null(strstr(err.msg, "compat: /nowhere/t.json"));
	assert_null(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SURVEY(test_version_that_is_documented),
		IN_SURVEY(test_version_that_is_presumed),
		IN_SURVEY(test_version_that_is_impossible),
		IN_SURVEY(test_version_that_leads_nowhere),
		IN_SURVEY(test_version_of_which_nothing_is_known),
		IN_SURVEY(test_version_that_is_accepted),
		IN_SURVEY(test_version_that_goes_down),
		IN_SURVEY(test_version_without_a_table),
		IN_SURVEY(test_version_with_a_broken_table),
		IN_SURVEY(test_version_is_frozen_in_the_plan),
		cmocka_unit_test(test_versions_load_what_the_fleet_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
