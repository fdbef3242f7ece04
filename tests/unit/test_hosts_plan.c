/*
 * test_hosts_plan.c - one migration on two hosts: its links, its way forward
 * and back, its targets, and what preflight says of hosts.
 */
#include "preflight_world.h"
#include "procedure_world.h"

#include <event2/event.h>

#include "supervisor/plan/target.h"

/* a and b on db1, c and d on ops@db2; their ports are the same there. */
static json_t *fleet_on_hosts(void)
{
	json_t *fleet = made_up_fleet(4);

	for (unsigned i = 0; i < 4; i++)
		made_up_instance_set(fleet, i, "host",
			json_string(i < 2 ? "db1" : "ops@db2"));
	return fleet;
}

static void take_hosts(struct survey *survey)
{
	made_up_survey(survey, fleet_on_hosts());
	survey->instance[2].config.port = survey->instance[0].config.port;
	made_up_group(survey);
}

static void test_group_has_a_link_for_each_host(void **state)
{
	struct survey survey;
	char shown[SEEN_SHOWN];

	(void)state;
	take_hosts(&survey);
	assert_int_equal(survey.host_count, 2);
	assert_string_equal(survey.host[1].name, "ops@db2");
	assert_int_equal(survey.host[1].count, 2);
	assert_int_equal(survey.lane_count, 1);
	assert_int_equal(survey.lane[0].link_count, 2);
	assert_int_equal(survey.lane[0].link[1].host, 1);
	assert_int_equal(survey.lane[0].link[1].first, 2);
	assert_ptr_equal(seen_link_of(&survey, &survey.instance[3]),
		&survey.lane[0].link[1]);
	assert_string_equal(
		seen_show_path(&survey, 1, "/opt/m", shown), "ops@db2:/opt/m");
	assert_string_equal(seen_show_lane(&survey, &survey.lane[0],
				    &survey.lane[0].link[0], shown),
		"shop on db1");
	made_up_survey_done(&survey);
}

static void assert_forward(const struct survey *survey, const char *expected)
{
	json_t *plan = mongosync()->forward(survey);

	assert_course(json_object_get(
			      json_array_get(json_object_get(plan, "lanes"), 0),
			      "stages"),
		expected);
	json_decref(plan);
}

static void test_forward_on_two_hosts(void **state)
{
	struct survey survey;

	(void)state;
	take_hosts(&survey);
	survey.lane[0].link[1].kept = false;
	assert_forward(&survey,
		"claim a b c d link:shop+db1 link:shop+ops+db2\n"
		"preflight a b c d\n"
		"deliver host:db1 host:ops+db2\n"
		"adopt link:shop+ops+db2\n"
		"revive a b c d version=\"1.12.0\"\n"
		"pause a b c d\n"
		"hold link:shop+db1 link:shop+ops+db2\n"
		"stop a b c d\n"
		"save metadata:shop\n"
		"activate link:shop+db1 link:shop+ops+db2 version=\"1.13.0\"\n"
		"start a b c d version=\"1.13.0\"\n"
		"verify metadata:shop\n"
		"resume a b c d\n"
		"watch a b c d\n"
		"settle lane:shop version=\"1.13.0\"\n"
		"release lane:shop\n");
	made_up_survey_done(&survey);
}

static void test_back_on_two_hosts(void **state)
{
	struct survey survey;
	struct made_up_run run;
	json_t *plan, *course;

	(void)state;
	take_hosts(&survey);
	survey.lane[0].link[1].kept = false;
	plan = mongosync()->forward(&survey);
	made_up_begin(&run, plan);
	made_up_act(&run, "shop", "adopt", "link:shop+ops+db2");
	for (const char *name = "abcd"; *name; name++) {
		const char one[] = {*name, '\0'};

		made_up_act(&run, "shop", "pause", one);
	}
	made_up_intent(&run, "shop", "hold", "link:shop+db1", NULL);
	course = mongosync()->back(plan, &run.state.lane[0], false);
	assert_course(course,
		"restore link:shop+db1 link:shop+ops+db2 version=\"1.12.0\"\n"
		"unadopt link:shop+ops+db2\n"
		"start a b c d version=\"1.12.0\"\n"
		"resume a b c d\n"
		"release lane:shop\n");
	json_decref(course);
	made_up_done(&run);
	json_decref(plan);
	made_up_survey_done(&survey);
}

static void test_targets_know_their_hosts(void **state)
{
	struct event_base *base = event_base_new();
	struct hosts *hosts = NULL;
	struct targets targets;
	struct survey survey;
	struct target *target;
	struct err err = {0};
	json_t *plan;

	(void)state;
	take_hosts(&survey);
	plan = mongosync()->forward(&survey);
	assert_true(hosts_new(base, NULL, &hosts, &err));
	if (!targets_new(plan, survey.fleet, "r1", hosts, &targets, &err))
		fail_msg("%s", err.msg);
	target = targets_find(&targets, "c");
	assert_string_equal(host_name(target->host), "ops@db2");
	assert_ptr_equal(target->process.host, target->host);
	assert_string_equal(
		target->run_file, "/opt/mongosync/.syncup/run/shop/c.run");
	/* Nobody has read its file there yet. */
	assert_false(target->config_read);
	assert_int_equal(target->config.port, survey.instance[2].config.port);
	assert_false(target_read_config(target, "port: 1\n", &err));
	assert_false(target->config_read);
	target = targets_find(&targets, "link:shop+db1");
	assert_string_equal(host_name(target->host), "db1");
	assert_string_equal(
		target_claim_name(target), "/opt/mongosync/shop/current");
	targets_done(&targets);
	hosts_free(hosts);
	event_base_free(base);
	json_decref(plan);
	made_up_survey_done(&survey);
}

static void test_check_hosts(void **state)
{
	struct survey survey;

	(void)state;
	take_hosts(&survey);
	survey.host[0].clock_ms = -7000;
	(void)snprintf(survey.host[1].machine, sizeof(survey.host[1].machine),
		"another");
	check(&survey);
	assert_non_null(find(&survey, FINDING_PASS, "reach", "db1"));
	assert_non_null(find(&survey, FINDING_PASS, "machine", "db1"));
	assert_non_null(find(&survey, FINDING_WARNING, "clock", "db1"));
	assert_non_null(find(&survey, FINDING_PASS, "clock", "ops@db2"));
	assert_non_null(find(&survey, FINDING_REFUSAL, "machine", "ops@db2"));
	assert_non_null(
		find(&survey, FINDING_PASS, "host", "ops@db2:/opt/mongosync"));
	made_up_survey_done(&survey);
}

/* What is seen of the one host is not hidden, nor is it called incomplete. */
static void test_check_host_out_of_reach(void **state)
{
	struct survey survey;

	(void)state;
	take_hosts(&survey);
	(void)err_set(&survey.host[1].trouble, ERR_AGAIN, "no route to it");
	survey.instance_count = 2; /* as survey_load() leaves it */
	for (unsigned i = 0; i < survey.lane[0].link_count; i++)
		free(survey.lane[0].link[i].path);
	free(survey.lane[0].link);
	free(survey.lane);
	survey.lane = NULL;
	survey.lane_count = 0;
	made_up_group(&survey);
	check(&survey);
	assert_non_null(find(&survey, FINDING_REFUSAL, "reach", "ops@db2"));
	assert_non_null(find(&survey, FINDING_PASS, "process", "a"));
	assert_non_null(find(&survey, FINDING_WARNING, "complete", "shop"));
	assert_int_equal(count_findings(&survey, FINDING_REFUSAL), 1);
	assert_false(survey_is_reached(&survey));
	made_up_survey_done(&survey);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_group_has_a_link_for_each_host),
		cmocka_unit_test(test_forward_on_two_hosts),
		cmocka_unit_test(test_back_on_two_hosts),
		cmocka_unit_test(test_targets_know_their_hosts),
		cmocka_unit_test(test_check_hosts),
		cmocka_unit_test(test_check_host_out_of_reach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
