#include "made_up_survey.h"

/* Each instance in a cluster of its own; identities[i] is its identity. */
static void take_separate(
	struct survey *survey, json_t *fleet, const char *const *identities)
{
	made_up_survey(survey, fleet);
	for (unsigned i = 0; i < survey->instance_count; i++) {
		(void)made_up_cluster(survey, i, identities[i]);
		survey->instance[i].cluster = i;
	}
}

/* "a+c b": the instances of each lane, in the lanes' order. */
static void assert_lanes(const struct survey *survey, const char *expected)
{
	char text[200] = "";
	size_t len = 0;

	for (unsigned i = 0; i < survey->lane_count; i++) {
		const char *between = i ? " " : "";
		unsigned count = 0;

		for (unsigned j = 0; j < survey->instance_count; j++) {
			if (survey->instance[j].lane != i)
				continue;
			if (count++ == 0)
				assert_int_equal(survey->lane[i].first, j);
			len += (size_t)snprintf(text + len, sizeof(text) - len,
				"%s%s", between,
				survey->instance[j].instance->name);
			between = "+";
		}
		assert_int_equal(survey->lane[i].count, count);
	}
	assert_string_equal(text, expected);
}

static void lane_of(json_t *fleet, unsigned index, const char *lane)
{
	made_up_instance_set(fleet, index, "lane", json_string(lane));
}

static void test_survey_group_one_cluster_is_one_lane(void **state)
{
	struct survey survey;

	(void)state;
	made_up_survey(&survey, made_up_fleet(3));
	made_up_group(&survey);
	assert_lanes(&survey, "a+b+c");
	assert_string_equal(survey.lane[0].name, "shop");
	assert_string_equal(survey.lane[0].identity, "cluster:aa");
	assert_string_equal(survey.lane[0].from, MADE_UP_FROM);
	assert_true(survey.lane[0].proved);
	assert_string_equal(
		survey.lane[0].link[0].path, "/opt/mongosync/shop/current");
	assert_false(survey.lane[0].link[0].is_binary);
	assert_false(survey.lane[0].link[0].differs);
	made_up_survey_done(&survey);
}

static void test_survey_group_goes_by_identity_not_by_address(void **state)
{
	static const char *const identities[] = {
		"cluster:aa", "cluster:bb", "cluster:aa", "cluster:bb"};
	struct survey survey;

	(void)state;
	take_separate(&survey, made_up_fleet(4), identities);
	survey.cluster[1].proved = false;
	made_up_group(&survey);
	assert_lanes(&survey, "a+c b+d");
	assert_string_equal(survey.lane[0].name, "a");
	assert_string_equal(survey.lane[0].identity, "cluster:aa");
	assert_true(survey.lane[0].proved);
	assert_string_equal(survey.lane[1].name, "b");
	assert_string_equal(survey.lane[1].identity, "cluster:bb");
	assert_int_equal(survey.lane[1].cluster, 1);
	assert_false(survey.lane[1].proved);
	made_up_survey_done(&survey);
}

static void test_survey_group_unknown_identities_are_not_equal(void **state)
{
	static const char *const identities[] = {"", ""};
	struct survey survey;

	(void)state;
	take_separate(&survey, made_up_fleet(2), identities);
	made_up_group(&survey);
	assert_lanes(&survey, "a b");
	made_up_survey_done(&survey);
}

/* It does not answer, but both instances name it in the same words. */
static void test_survey_group_one_silent_cluster_is_one_lane(void **state)
{
	struct survey survey;

	(void)state;
	made_up_survey(&survey, made_up_fleet(2));
	(void)made_up_cluster(&survey, 0, "");
	made_up_group(&survey);
	assert_lanes(&survey, "a+b");
	made_up_survey_done(&survey);
}

static void test_survey_group_lane_joins_and_names(void **state)
{
	static const char *const identities[] = {
		"cluster:aa", "cluster:bb", "cluster:cc"};
	json_t *fleet = made_up_fleet(3);
	struct survey survey;

	(void)state;
	lane_of(fleet, 0, "east");
	lane_of(fleet, 2, "east");
	take_separate(&survey, fleet, identities);
	made_up_group(&survey);
	assert_lanes(&survey, "a+c b");
	assert_string_equal(survey.lane[0].name, "east");
	assert_string_equal(survey.lane[1].name, "b");
	made_up_survey_done(&survey);
}

/* One migration stays one lane, whatever the fleet file calls its parts. */
static void test_survey_group_lane_never_splits_a_cluster(void **state)
{
	json_t *fleet = made_up_fleet(2);
	struct survey survey;

	(void)state;
	lane_of(fleet, 0, "east");
	lane_of(fleet, 1, "west");
	made_up_instance_set(
		fleet, 1, "link", json_string("/opt/mongosync/west/current"));
	made_up_survey(&survey, fleet);
	made_up_group(&survey);
	assert_lanes(&survey, "a+b");
	assert_string_equal(survey.lane[0].name, "east");
	assert_true(survey.lane[0].link[0].differs);
	made_up_survey_done(&survey);
}

/* a and c by cluster, b and c by lane: all three, and a comes first. */
static void test_survey_group_joins_are_transitive(void **state)
{
	static const char *const identities[] = {
		"cluster:aa", "cluster:bb", "cluster:aa", "cluster:dd"};
	json_t *fleet = made_up_fleet(4);
	struct survey survey;

	(void)state;
	lane_of(fleet, 1, "east");
	lane_of(fleet, 2, "east");
	take_separate(&survey, fleet, identities);
	made_up_group(&survey);
	assert_lanes(&survey, "a+b+c d");
	assert_string_equal(survey.lane[0].name, "east");
	assert_string_equal(survey.lane[0].identity, "cluster:aa");
	made_up_survey_done(&survey);
}

/* A chain whose links are found in every order. */
static void test_survey_group_joins_a_chain_however_it_lies(void **state)
{
	static const char *const by_cluster[][5] = {
		{"c:1", "c:2", "c:1", "c:3", "c:2"},
		{"c:1", "c:2", "c:3", "c:2", "c:1"},
		{"c:1", "c:2", "c:3", "c:3", "c:2"},
	};
	static const unsigned by_lane[][2] = {{3, 4}, {1, 4}, {0, 4}};
	static const char *const expected[] = {
		"a+c b+d+e", "a+b+d+e c", "a+b+e c+d"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		json_t *fleet = made_up_fleet(5);
		struct survey survey;

		lane_of(fleet, by_lane[i][0], "east");
		lane_of(fleet, by_lane[i][1], "east");
		take_separate(&survey, fleet, by_cluster[i]);
		made_up_group(&survey);
		assert_lanes(&survey, expected[i]);
		made_up_survey_done(&survey);
	}
}

/* A lane's name is in its targets' names: two must never have the same. */
static void test_survey_group_names_are_unique(void **state)
{
	static const char *const identities[] = {
		"cluster:aa", "cluster:bb", "cluster:cc"};
	json_t *fleet = made_up_fleet(3);
	struct survey survey;

	(void)state;
	lane_of(fleet, 0, "b"); /* what the second lane would be called */
	lane_of(fleet, 2, "b.2");
	take_separate(&survey, fleet, identities);
	made_up_group(&survey);
	assert_lanes(&survey, "a b c");
	for (unsigned i = 0; i < 3; i++)
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(
				survey.lane[i].name, survey.lane[j].name);
	assert_string_equal(survey.lane[0].name, "b");
	assert_string_equal(survey.lane[2].name, "b.2");
	made_up_survey_done(&survey);
}

static void test_survey_group_knows_a_link_that_is_the_executable(void **state)
{
	json_t *fleet = made_up_fleet(1);
	struct survey survey;
	char *path;

	(void)state;
	(void)json_object_set_new(
		fleet, "link", json_string("/usr/local/bin/mongosync"));
	made_up_survey(&survey, fleet);
	made_up_group(&survey);
	assert_true(survey.lane[0].link[0].is_binary);
	path = seen_link_binary(&survey.lane[0].link[0]);
	assert_string_equal(path, "/usr/local/bin/mongosync");
	free(path);
	made_up_survey_done(&survey);
}

static void test_seen_argv_goes_through_the_link(void **state)
{
	json_t *fleet = made_up_fleet(2);
	struct survey survey;
	json_t *argv;

	(void)state;
	made_up_instance_set(fleet, 1, "command",
		json_pack("{s:[s], s:[s], s:[s]}", "start", "/bin/start",
			"stop", "/bin/stop", "status", "/bin/status"));
	made_up_survey(&survey, fleet);
	made_up_group(&survey);
	argv = seen_argv(&survey, &survey.instance[0]);
	assert_int_equal(json_array_size(argv), 3);
	assert_string_equal(json_string_value(json_array_get(argv, 0)),
		"/opt/mongosync/shop/current/bin/mongosync");
	assert_string_equal(
		json_string_value(json_array_get(argv, 1)), "--config");
	assert_string_equal(
		json_string_value(json_array_get(argv, 2)), "/etc/a.yaml");
	json_decref(argv);
	argv = seen_argv(&survey, &survey.instance[1]);
	assert_int_equal(json_array_size(argv), 0); /* its own command */
	json_decref(argv);
	made_up_survey_done(&survey);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_survey_group_one_cluster_is_one_lane),
		cmocka_unit_test(
			test_survey_group_goes_by_identity_not_by_address),
		cmocka_unit_test(
			test_survey_group_unknown_identities_are_not_equal),
		cmocka_unit_test(
			test_survey_group_one_silent_cluster_is_one_lane),
		cmocka_unit_test(test_survey_group_lane_joins_and_names),
		cmocka_unit_test(test_survey_group_lane_never_splits_a_cluster),
		cmocka_unit_test(test_survey_group_joins_are_transitive),
		cmocka_unit_test(
			test_survey_group_joins_a_chain_however_it_lies),
		cmocka_unit_test(test_survey_group_names_are_unique),
		cmocka_unit_test(
			test_survey_group_knows_a_link_that_is_the_executable),
		cmocka_unit_test(test_seen_argv_goes_through_the_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
