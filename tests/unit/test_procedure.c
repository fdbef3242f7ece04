/*
 * test_procedure.c - the way forward of the mongosync procedure, as text.
 */
#include "procedure_world.h"

static void set_phase(struct survey *survey, unsigned index, const char *text)
{
	struct sync_progress *progress = &survey->instance[index].progress;

	progress->phase = sync_phase_parse(text);
	(void)snprintf(
		progress->phase_text, sizeof(progress->phase_text), "%s", text);
}

static const json_t *stages_of(const json_t *plan, unsigned lane)
{
	const json_t *list = json_object_get(plan, "lanes");

	return json_object_get(json_array_get(list, lane), "stages");
}

static void assert_forward(const struct survey *survey, const char *expected)
{
	json_t *plan = mongosync()->forward(survey);

	assert_non_null(plan);
	assert_int_equal(json_array_size(json_object_get(plan, "lanes")), 1);
	assert_course(stages_of(plan, 0), expected);
	json_decref(plan);
}

static void assert_json_text(const json_t *json, const char *expected)
{
	char *text = json_dumps(json, JSON_COMPACT);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void test_procedure_find_knows_its_names(void **state)
{
	(void)state;
	assert_string_equal(mongosync()->name, "mongosync");
	assert_null(procedure_find("mongosync2"));
	assert_null(procedure_find(NULL));
}

static void test_forward_one_instance(void **state)
{
	struct survey survey;

	(void)state;
	made_up_survey(&survey, made_up_fleet(1));
	made_up_group(&survey);
	assert_forward(&survey, "claim a link:shop\n"
				"preflight a\n"
				"deliver host:local\n"
				"revive a version=\"1.12.0\"\n"
				"pause a\n"
				"hold link:shop\n"
				"stop a\n"
				"save metadata:shop\n"
				"activate link:shop version=\"1.13.0\"\n"
				"start a version=\"1.13.0\"\n"
				"verify metadata:shop\n"
				"resume a\n"
				"watch a\n"
				"settle lane:shop version=\"1.13.0\"\n"
				"release lane:shop\n");
	made_up_survey_done(&survey);
}

/* Only RUNNING is paused, only what is paused is resumed; all are stopped. */
static void test_forward_three_instances_in_three_states(void **state)
{
	struct survey survey;

	(void)state;
	made_up_survey(&survey, made_up_fleet(3));
	set_phase(&survey, 1, "PAUSED");
	set_phase(&survey, 2, "IDLE");
	made_up_group(&survey);
	assert_forward(&survey, "claim a b c link:shop\n"
				"preflight a b c\n"
				"deliver host:local\n"
				"revive a version=\"1.12.0\"\n"
				"pause a\n"
				"hold link:shop\n"
				"stop a b c\n"
				"save metadata:shop\n"
				"activate link:shop version=\"1.13.0\"\n"
				"start a b c version=\"1.13.0\"\n"
				"verify metadata:shop\n"
				"resume a\n"
				"watch a\n"
				"settle lane:shop version=\"1.13.0\"\n"
				"release lane:shop\n");
	made_up_survey_done(&survey);
}

/* A stage without targets is none: nobody is to be paused here. */
static void test_forward_all_paused_already(void **state)
{
	struct survey survey;

	(void)state;
	made_up_survey(&survey, made_up_fleet(2));
	set_phase(&survey, 0, "PAUSED");
	set_phase(&survey, 1, "PAUSED");
	made_up_group(&survey);
	assert_forward(&survey, "claim a b link:shop\n"
				"preflight a b\n"
				"deliver host:local\n"
				"hold link:shop\n"
				"stop a b\n"
				"save metadata:shop\n"
				"activate link:shop version=\"1.13.0\"\n"
				"start a b version=\"1.13.0\"\n"
				"verify metadata:shop\n"
				"settle lane:shop version=\"1.13.0\"\n"
				"release lane:shop\n");
	made_up_survey_done(&survey);
}

static void test_forward_pause_never(void **state)
{
	json_t *fleet = made_up_fleet(2);
	struct survey survey;

	(void)state;
	(void)json_object_set_new(fleet, "pause", json_string("never"));
	made_up_survey(&survey, fleet);
	set_phase(&survey, 1, "PAUSED");
	made_up_group(&survey);
	assert_forward(&survey, "claim a b link:shop\n"
				"preflight a b\n"
				"deliver host:local\n"
				"hold link:shop\n"
				"stop a b\n"
				"save metadata:shop\n"
				"activate link:shop version=\"1.13.0\"\n"
				"start a b version=\"1.13.0\"\n"
				"verify metadata:shop\n"
				"watch a\n"
				"settle lane:shop version=\"1.13.0\"\n"
				"release lane:shop\n");
	made_up_survey_done(&survey);
}

/* The first run of all: what runs is not in versions/ yet. */
static void test_forward_adopts_before_the_first_pause(void **state)
{
	struct survey survey;

	(void)state;
	made_up_survey(&survey, made_up_fleet(1));
	made_up_group(&survey);
	survey.lane[0].link[0].kept = false;
	assert_forward(&survey, "claim a link:shop\n"
				"preflight a\n"
				"deliver host:local\n"
				"adopt link:shop\n"
				"revive a version=\"1.12.0\"\n"
				"pause a\n"
				"hold link:shop\n"
				"stop a\n"
				"save metadata:shop\n"
				"activate link:shop version=\"1.13.0\"\n"
				"start a version=\"1.13.0\"\n"
				"verify metadata:shop\n"
				"resume a\n"
				"watch a\n"
				"settle lane:shop version=\"1.13.0\"\n"
				"release lane:shop\n");
	made_up_survey_done(&survey);
}

/* a and c are one migration, b is another. */
static void take_two_lanes(struct survey *survey)
{
	json_t *fleet = made_up_fleet(3);

	made_up_instance_set(
		fleet, 1, "link", json_string("/opt/mongosync/b/current"));
	made_up_survey(survey, fleet);
	(void)made_up_cluster(survey, 1, "set:bb");
	survey->cluster[1].proved = false;
	survey->cluster[1].via = "b";
	survey->instance[1].cluster = 1;
	(void)snprintf(survey->instance[1].version, VERSION_MAX, "1.11.0");
	made_up_group(survey);
}

static const json_t *target_of(const json_t *plan, const char *name)
{
	json_t *target;
	size_t i;

	json_array_foreach (json_object_get(plan, "targets"), i, target)
		if (strcmp(json_string_value(json_object_get(target, "name")),
			    name) == 0)
			return target;
	fail_msg("the plan has no target %s", name);
	return NULL;
}

static void test_forward_leaves_out_a_lane_that_is_there(void **state)
{
	struct survey survey;
	json_t *plan, *lanes;

	(void)state;
	take_two_lanes(&survey);
	(void)snprintf(
		survey.lane[1].from, VERSION_MAX, "%s", survey.fleet->version);
	plan = mongosync()->forward(&survey);
	lanes = json_object_get(plan, "lanes");
	assert_int_equal(json_array_size(lanes), 1);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(lanes, 0), "name")),
		"a");
	/* Only a, c, their host, link, metadata and lane are targets. */
	assert_int_equal(json_array_size(json_object_get(plan, "targets")), 6);
	assert_non_null(target_of(plan, "link:a"));
	json_decref(plan);
	made_up_survey_done(&survey);
}

static void test_forward_two_lanes_side_by_side(void **state)
{
	struct survey survey;
	json_t *plan, *lanes;

	(void)state;
	take_two_lanes(&survey);
	plan = mongosync()->forward(&survey);
	lanes = json_object_get(plan, "lanes");
	assert_int_equal(json_array_size(lanes), 2);
	assert_course(stages_of(plan, 0), "claim a c link:a\n"
					  "preflight a c\n"
					  "deliver host:local\n"
					  "revive a c version=\"1.12.0\"\n"
					  "pause a c\n"
					  "hold link:a\n"
					  "stop a c\n"
					  "save metadata:a\n"
					  "activate link:a version=\"1.13.0\"\n"
					  "start a c version=\"1.13.0\"\n"
					  "verify metadata:a\n"
					  "resume a c\n"
					  "watch a c\n"
					  "settle lane:a version=\"1.13.0\"\n"
					  "release lane:a\n");
	assert_course(stages_of(plan, 1), "claim b link:b\n"
					  "preflight b\n"
					  "deliver host:local\n"
					  "revive b version=\"1.11.0\"\n"
					  "pause b\n"
					  "hold link:b\n"
					  "stop b\n"
					  "save metadata:b\n"
					  "activate link:b version=\"1.13.0\"\n"
					  "start b version=\"1.13.0\"\n"
					  "verify metadata:b\n"
					  "resume b\n"
					  "watch b\n"
					  "settle lane:b version=\"1.13.0\"\n"
					  "release lane:b\n");
	for (unsigned i = 0; i < 2; i++) {
		(void)json_object_del(json_array_get(lanes, i), "stages");
		(void)json_object_del(json_array_get(lanes, i), "compat");
	}
	assert_json_text(json_array_get(lanes, 0),
		"{\"name\":\"a\",\"identity\":\"cluster:aa\",\"proved\":true,"
		"\"from\":\"1.12.0\"}");
	assert_json_text(json_array_get(lanes, 1),
		"{\"name\":\"b\",\"identity\":\"set:bb\",\"proved\":false,"
		"\"from\":\"1.11.0\"}");
	json_decref(plan);
	made_up_survey_done(&survey);
}

/* What a run is continued from: nothing is looked up again later. */
static void test_forward_freezes_what_each_target_is(void **state)
{
	struct survey survey;
	json_t *plan;

	(void)state;
	take_two_lanes(&survey);
	set_phase(&survey, 2, "PAUSED");
	plan = mongosync()->forward(&survey);
	assert_json_text(target_of(plan, "c"),
		"{\"name\":\"c\",\"type\":\"process\",\"lane\":\"a\","
		"\"port\":27184,\"id\":\"c\",\"config\":\"/etc/c.yaml\","
		"\"from\":\"1.12.0\",\"state\":\"PAUSED\","
		"\"answers_as\":\"c\",\"coordinator\":\"a\",\"pid\":1002,"
		"\"start_ticks\":5002,\"argv\":["
		"\"/opt/mongosync/shop/current/bin/mongosync\",\"--config\","
		"\"/etc/c.yaml\"]}");
	assert_json_text(target_of(plan, "host:local"),
		"{\"name\":\"host:local\",\"type\":\"host\"}");
	assert_json_text(target_of(plan, "link:b"),
		"{\"name\":\"link:b\",\"type\":\"link\",\"lane\":\"b\","
		"\"path\":\"/opt/mongosync/b/current\",\"binary\":false,"
		"\"from\":\"1.11.0\",\"adopt_from\":\"b\"}");
	assert_json_text(target_of(plan, "metadata:b"),
		"{\"name\":\"metadata:b\",\"type\":\"metadata\",\"lane\":\"b\","
		"\"via\":\"b\",\"before\":null}");
	assert_json_text(target_of(plan, "lane:b"),
		"{\"name\":\"lane:b\",\"type\":\"lane\",\"lane\":\"b\"}");
	assert_true(json_equal(
		json_object_get(target_of(plan, "metadata:a"), "before"),
		survey.cluster[0].summary));
	json_decref(plan);
	made_up_survey_done(&survey);
}

static void test_forward_freezes_fleet_and_artifact(void **state)
{
	struct survey survey;
	json_t *plan, *fleet;

	(void)state;
	made_up_survey(&survey, made_up_fleet(1));
	made_up_group(&survey);
	plan = mongosync()->forward(&survey);
	fleet = fleet_to_json(survey.fleet);
	assert_true(json_equal(json_object_get(plan, "fleet"), fleet));
	assert_json_text(
		json_object_get(plan, "goal"), "{\"version\":\"1.13.0\"}");
	assert_json_text(json_object_get(plan, "artifact"),
		"{\"sha256\":\"" MADE_UP_SHA "\",\"binary_sha256\":\"\","
		"\"bytes\":5242880}");
	assert_string_equal(
		json_string_value(json_object_get(plan, "procedure")),
		"mongosync");
	json_decref(fleet);
	json_decref(plan);
	made_up_survey_done(&survey);
}

/* Each wait is the one that the fleet file gives, else the kind's own. */
static void test_forward_freezes_patience_and_quiet(void **state)
{
	static const struct {
		const char *kind;
		int patience, quiet;
	} expected[] = {
		{"claim", 30, 0},
		{"preflight", 300, 0},
		{"deliver", 101, 0},
		{"revive", 105, 22},
		{"pause", 102, 21},
		{"hold", 30, 0},
		{"stop", 103, 103},
		{"save", 104, 0},
		{"activate", 30, 0},
		{"start", 105, 22},
		{"verify", 300, 0},
		{"resume", 106, 23},
		{"watch", 107 + 60, 0},
		{"settle", 300, 0},
		{"release", 30, 0},
	};
	json_t *fleet = made_up_fleet(1), *plan;
	const json_t *stages;
	struct survey survey;

	(void)state;
	(void)json_object_set_new(fleet, "timeouts",
		json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}",
			"deliver", 101, "pause", 102, "stop", 103, "save", 104,
			"start", 105, "resume", 106, "movement", 107,
			"pause_quiet", 21, "start_quiet", 22, "resume_quiet",
			23));
	made_up_survey(&survey, fleet);
	made_up_group(&survey);
	plan = mongosync()->forward(&survey);
	stages = stages_of(plan, 0);
	assert_int_equal(json_array_size(stages),
		sizeof(expected) / sizeof(expected[0]));
	for (size_t i = 0; i < json_array_size(stages); i++) {
		const json_t *stage = json_array_get(stages, i);

		assert_string_equal(
			json_string_value(json_object_get(stage, "kind")),
			expected[i].kind);
		assert_int_equal(json_integer_value(
					 json_object_get(stage, "patience_s")),
			expected[i].patience);
		assert_int_equal(
			json_integer_value(json_object_get(stage, "quiet_s")),
			expected[i].quiet);
	}
	json_decref(plan);
	made_up_survey_done(&survey);
}

static void test_forward_of_the_same_survey_is_the_same_plan(void **state)
{
	struct survey survey;
	json_t *one, *two;

	(void)state;
	take_two_lanes(&survey);
	one = mongosync()->forward(&survey);
	two = mongosync()->forward(&survey);
	assert_true(json_equal(one, two));
	json_decref(one);
	json_decref(two);
	made_up_survey_done(&survey);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_procedure_find_knows_its_names),
		cmocka_unit_test(test_forward_one_instance),
		cmocka_unit_test(test_forward_three_instances_in_three_states),
		cmocka_unit_test(test_forward_all_paused_already),
		cmocka_unit_test(test_forward_pause_never),
		cmocka_unit_test(test_forward_adopts_before_the_first_pause),
		cmocka_unit_test(test_forward_leaves_out_a_lane_that_is_there),
		cmocka_unit_test(test_forward_two_lanes_side_by_side),
		cmocka_unit_test(test_forward_freezes_what_each_target_is),
		cmocka_unit_test(test_forward_freezes_fleet_and_artifact),
		cmocka_unit_test(test_forward_freezes_patience_and_quiet),
		cmocka_unit_test(
			test_forward_of_the_same_survey_is_the_same_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
