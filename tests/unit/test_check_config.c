/*
 * test_check_config.c - what preflight says of an instance's own file, with the
 * table that is shipped.
 */
#include "preflight_world.h"
#include "supervisor/plan/checks.h"

static void to_version(struct survey *survey, const char *to)
{
	struct fleet *fleet = (struct fleet *)(uintptr_t)survey->fleet;

	free(fleet->version);
	fleet->version = strdup(to);
}

static void set_key(
	struct seen_instance *seen, const char *name, const char *value)
{
	struct instance_key *key = &seen->config.key[seen->config.key_count++];

	(void)snprintf(key->name, sizeof(key->name), "%s", name);
	(void)snprintf(key->value, sizeof(key->value), "%s", value);
}

static const struct finding *configuration(
	struct survey *survey, unsigned index, enum finding_level level)
{
	struct seen_instance *seen = &survey->instance[index];

	survey->finding_count = 0;
	check_configuration(survey, seen);
	return find(survey, level, "configuration", seen->instance->name);
}

static void test_configuration_that_lacks_a_key(void **state)
{
	struct survey *survey = *state;
	struct instance_config *config = &survey->instance[1].config;

	config->key_count = 0;
	assert_refuses(survey, "configuration", "b",
		"1.13.0 needs acceptDisclaimer: true in /etc/b.yaml",
		ERR_CONFIG);
	assert_string_equal(
		find(survey, FINDING_REFUSAL, "configuration", "b")->fix,
		"add the line \"acceptDisclaimer: true\" to /etc/b.yaml");
	set_key(&survey->instance[1], "acceptDisclaimer", "false");
	assert_non_null(configuration(survey, 1, FINDING_REFUSAL));
	/* a version that does not ask */
	(void)snprintf(survey->instance[1].version,
		sizeof(survey->instance[1].version), "1.7.3");
	config->key_count = 0;
	to_version(survey, "1.8.0");
	assert_non_null(configuration(survey, 1, FINDING_PASS));
}

static void test_configuration_by_argument(void **state)
{
	static const char *const words[] = {"--acceptDisclaimer",
		"--acceptDisclaimer=true", "--acceptDisclaimer=false",
		"--acceptDisclaimers"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		json_t *fleet = made_up_fleet(1);
		struct survey *survey;

		made_up_instance_set(fleet, 0, "spawn",
			json_pack("{s:[s, s]}", "argv",
				"/opt/mongosync/shop/current/bin/mongosync",
				words[i]));
		survey = take_fleet(state, fleet);
		survey->instance[0].config.key_count = 0;
		assert_non_null(configuration(
			survey, 0, i < 2 ? FINDING_PASS : FINDING_REFUSAL));
	}
}

static void test_configuration_of_ones_own_command(void **state)
{
	json_t *fleet = made_up_fleet(1);
	struct survey *survey;

	made_up_instance_set(fleet, 0, "command",
		json_pack("{s:[s], s:[s], s:[s]}", "start", "/bin/start",
			"stop", "/bin/stop", "status", "/bin/status"));
	survey = take_fleet(state, fleet);
	survey->instance[0].config.key_count = 0;
	assert_non_null(configuration(survey, 0, FINDING_WARNING));
}

static void test_configuration_with_a_key_of_another_version(void **state)
{
	struct survey *survey = *state;

	set_key(&survey->instance[0], "hotDocIDs", "");
	assert_refuses(survey, "configuration", "a",
		"1.13.0 does not know hotDocIDs, which /etc/a.yaml sets: it is "
		"new in 1.18.0",
		ERR_CONFIG);
	/* known to where we go, and not on the way back */
	to_version(survey, "1.18.0");
	assert_non_null(strstr(configuration(survey, 0, FINDING_WARNING)->text,
		"sets hotDocIDs, which 1.12.0 may not know: on the way back"));
}

static void test_configuration_with_a_key_of_no_version(void **state)
{
	struct survey *survey = *state;

	set_key(&survey->instance[0], "loadlvl", "2");
	assert_warns(survey, "configuration", "a",
		"/etc/a.yaml sets loadlvl, a key that ");
}

static void test_configuration_of_who_stays(void **state)
{
	struct survey *survey = *state;

	survey->instance[0].config.key_count = 0;
	to_version(survey, MADE_UP_FROM);
	assert_null(configuration(survey, 0, FINDING_REFUSAL));
	assert_int_equal(survey->finding_count, 0);
}

/* ---- connection strings ---- */

static void set_uris(
	struct seen_instance *seen, const char *source, const char *destination)
{
	secret_done(&seen->config.source);
	secret_done(&seen->config.destination);
	secret_set(&seen->config.source, source);
	secret_set(&seen->config.destination, destination);
}

static void test_uri_that_is_refused(void **state)
{
	static const struct {
		const char *source, *destination, *says;
	} cases[] = {
		{"mongodb://a/?sockettimeoutms=1", "mongodb://b",
			"1.13.0 refuses the socketTimeoutMS of cluster0 in "
			"/etc/b.yaml: It is"},
		{"mongodb://a", "mongodb://b/?x=1&socketTimeoutMS=1",
			"socketTimeoutMS of cluster1"},
		{"mongodb://a/?readPreference=secondary", "mongodb://b",
			"readPreference of cluster0 in /etc/b.yaml, which is "
			"not primary"},
		{"mongodb://a", "mongodb://b/?readPreference=nearest",
			"readPreference of cluster1"},
		{"mongodb://a/?readConcernLevel=local", "mongodb://b",
			"readConcernLevel of cluster0"},
		{"mongodb://a", "mongodb://b/?w=1", "w of cluster1"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct survey *survey = take_fleet(state, made_up_fleet(2));

		set_uris(&survey->instance[1], cases[i].source,
			cases[i].destination);
		assert_refuses(survey, "uri", "b", cases[i].says, ERR_CONFIG);
	}
}

static void test_uri_that_is_taken(void **state)
{
	struct survey *survey = *state;

	set_uris(&survey->instance[1],
		"mongodb://u:w=1@a/?w=majority&readPreference=Primary&tls=true",
		"mongodb://b/db?readConcernLevel=majority");
	check(survey);
	assert_int_equal(survey_refused(survey), ERR_NONE);
	assert_non_null(find(survey, FINDING_PASS, "uri", "b"));
}

/* From 1.7.2 on a source's, from 1.7.3 on a destination's: which is which? */
static void test_uri_of_a_sync_that_was_turned(void **state)
{
	struct survey *survey = *state;
	struct seen_instance *seen = &survey->instance[0];

	to_version(survey, "1.7.2");
	set_uris(seen, "mongodb://a/?readPreference=nearest", "mongodb://b");
	check_uri(survey, seen);
	assert_non_null(find(survey, FINDING_REFUSAL, "uri", "a"));
	survey->finding_count = 0;
	(void)snprintf(seen->progress.source_at,
		sizeof(seen->progress.source_at), "cluster1: b:27017");
	check_uri(survey, seen);
	assert_non_null(find(survey, FINDING_PASS, "uri", "a"));
}

/* ---- what must not change ---- */

static void tell_hosts(
	struct seen_instance *seen, const char *source, const char *destination)
{
	(void)snprintf(seen->progress.source_at,
		sizeof(seen->progress.source_at), "%s", source);
	(void)snprintf(seen->progress.destination_at,
		sizeof(seen->progress.destination_at), "%s", destination);
}

static void test_unchanged_with_other_clusters(void **state)
{
	struct survey *survey = *state;
	struct seen_instance *seen = &survey->instance[0];

	set_uris(seen, "mongodb://a:1,c:1", "mongodb://b:2");
	tell_hosts(seen, "cluster0: c:1", "cluster1: b:3");
	assert_warns(survey, "unchanged", "a",
		"the process syncs with cluster1: b:3, and /etc/a.yaml names "
		"another host or port");
	survey->finding_count = 0;
	seen->config_replaced_ms = seen->started_ms + 5000;
	assert_refuses(survey, "unchanged", "a",
		"the process syncs with cluster1: b:3, and /etc/a.yaml names "
		"another host or port",
		ERR_CONFIG);
	tell_hosts(seen, "cluster1: b:2", "cluster0: x:9, a:1");
	survey->finding_count = 0;
	check_unchanged(survey, seen);
	assert_non_null(find(survey, FINDING_PASS, "unchanged", "a"));
}

static void test_unchanged_with_a_newer_file(void **state)
{
	struct survey *survey = *state;
	struct seen_instance *seen = &survey->instance[1];

	seen->config_ms = seen->started_ms + 2000; /* clocks are no better */
	check_unchanged(survey, seen);
	assert_non_null(find(survey, FINDING_PASS, "unchanged", "b"));
	survey->finding_count = 0;
	seen->config_ms = seen->started_ms + 90000;
	assert_warns(survey, "unchanged", "b",
		"/etc/b.yaml was changed 90 s after the process was started");
	survey->finding_count = 0;
	seen->started_ms = 0;
	check_unchanged(survey, seen);
	assert_says(survey, FINDING_PASS, "unchanged", "b", "cannot be told");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SURVEY(test_configuration_that_lacks_a_key),
		IN_SURVEY(test_configuration_by_argument),
		IN_SURVEY(test_configuration_of_ones_own_command),
		IN_SURVEY(test_configuration_with_a_key_of_another_version),
		IN_SURVEY(test_configuration_with_a_key_of_no_version),
		IN_SURVEY(test_configuration_of_who_stays),
		IN_SURVEY(test_uri_that_is_refused),
		IN_SURVEY(test_uri_that_is_taken),
		IN_SURVEY(test_uri_of_a_sync_that_was_turned),
		IN_SURVEY(test_unchanged_with_other_clusters),
		IN_SURVEY(test_unchanged_with_a_newer_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
