/*
 * test_report_text.c - what people and scripts read of a run: table, lanes,
 * present state, JSON, the plan, and the live view where there is no terminal.
 */
#include "report_world.h"

struct text {
	FILE *out;
	char *data;
	size_t size;
};

static FILE *text_open(struct text *text)
{
	text->out = open_memstream(&text->data, &text->size);
	assert_non_null(text->out);
	return text->out;
}

static void text_is(struct text *text, const char *expected)
{
	assert_int_equal(fclose(text->out), 0);
	assert_string_equal(text->data, expected);
	free(text->data);
}

static void assert_present(const struct world *world, const char *expected)
{
	struct text text;

	report_present(&world->run.state, text_open(&text));
	text_is(&text, expected);
}

static void assert_lanes(const struct world *world, const char *expected)
{
	struct text text;

	report_lanes(&world->run.state, 0, text_open(&text));
	text_is(&text, expected);
}

#define STARTED "run made-up, started 2023-11-14 22:13:21 UTC"

static void test_report_table_shows_who_is_down(void **state)
{
	struct world world;
	struct text text;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	world_before(&world, "pause");
	world_act(&world, "pause", "a", 10, 12, "PAUSED");
	made_up_intent(at(&world, 700), "shop", "pause", "b", NULL);
	made_up_write(at(&world, 701), "note",
		made_up_step(&world.run, "shop", "pause", "b",
			json_pack("{s:s}", "text", "waiting for PAUSED")));
	report_table(&world.run.state, second(702) + 340, text_open(&text));
	text_is(&text, "PROCESS              BEFORE     NOW        PAUSED      "
		       "    STOPPED         STATE\n"
		       "a                    1.12.0     1.12.0     11 min so "
		       "far   -               PAUSED\n"
		       "b                    1.12.0     1.12.0     2.3 s so "
		       "far    -               RUNNING: waiting for PAUSED\n");
	world_done(&world);
}

static void test_report_table_after_the_upgrade(void **state)
{
	struct world world;
	struct text text;

	(void)state;
	world_make(&world, made_up_fleet(2), "PAUSED");
	world_upgrade_a(&world);
	world_act(&world, "resume", "a", 50, 53, "RUNNING");
	report_table(&world.run.state, second(1000), text_open(&text));
	text_is(&text, "PROCESS              BEFORE     NOW        PAUSED      "
		       "    STOPPED         STATE\n"
		       "a                    1.12.0     1.13.0     43.0 s      "
		       "    20.0 s          RUNNING\n"
		       "b                    1.12.0     1.12.0     -           "
		       "    -               PAUSED\n");
	world_done(&world);
}

static void test_report_lanes_says_where_each_lane_is(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	world_before(&world, "stop");
	assert_lanes(&world, STARTED "\nlane shop: at stop\n");

	made_up_write(&world.run, "halt",
		json_pack("{s:s, s:i, s:s, s:[s]}", "lane", "shop", "code", 6,
			"why", "stop a: not there after 300 s", "log",
			"still at it"));
	assert_lanes(&world,
		STARTED "\nlane shop: at stop\n"
			"  stopped: stop a: not there after 300 s\n"
			"  its log: still at it\n");

	made_up_write(&world.run, "resumed", NULL);
	assert_lanes(&world, STARTED ", taken up again 1 time\n"
				     "lane shop: at stop\n");

	made_up_intent(&world.run, "shop", "stop", "a", NULL);
	made_up_write(&world.run, "resumed", NULL);
	world_turn(&world, 60, "turned-back");
	assert_lanes(&world, STARTED ", taken up again 2 times\n"
				     "lane shop: going back, at start (start "
				     "a: it ended)\n"
				     "  its log: fatal: no\n"
				     "  its log: bye\n");

	/* Why it stood still on the way does not matter at the end. */
	made_up_write(&world.run, "halt",
		json_pack("{s:s, s:i, s:s}", "lane", "shop", "code", 6, "why",
			"start a: it ended"));
	made_up_write(&world.run, "lane-end",
		json_pack("{s:s, s:s}", "lane", "shop", "outcome",
			"turned-back"));
	assert_lanes(&world, STARTED ", taken up again 2 times\n"
				     "lane shop: turned-back (start a: it "
				     "ended)\n"
				     "  its log: fatal: no\n"
				     "  its log: bye\n");
	world_done(&world);
}

static void test_report_lanes_goes_back_to_what_is_opened(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	world_before(&world, "release");
	made_up_step_done(&world.run, "shop", "release", "lane:shop", "acted");
	assert_lanes(&world, STARTED "\nlane shop: at the end\n");
	made_up_write(&world.run, "reopen",
		made_up_step(&world.run, "shop", "hold", "link:shop", NULL));
	made_up_step_done(&world.run, "shop", "hold", "link:shop", "acted");
	/* All are done, but what came after is looked at again. */
	assert_lanes(&world, STARTED "\nlane shop: at stop\n");
	world_done(&world);
}

static void test_report_present_names_who_is_down(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	assert_present(&world, "No process is paused or stopped by us.\n");
	world_before(&world, "pause");
	world_act(&world, "pause", "a", 10, 12, "PAUSED");
	assert_present(&world, "a is paused.\n");
	world_act(&world, "pause", "b", 10, 12, "PAUSED");
	world_act(&world, "stop", "a", 20, 22, NULL);
	assert_present(&world, "a is stopped; b is paused.\n");
	world_turn(&world, 30, "turned-back");
	world_act(&world, "start", "a", 32, 34, "PAUSED");
	assert_present(&world, "a is paused; b is paused.\n");
	world_act(&world, "resume", "a", 36, 38, "RUNNING");
	world_act(&world, "resume", "b", 36, 39, "RUNNING");
	assert_present(&world, "No process is paused or stopped by us.\n");
	world_done(&world);
}

/* Its pause was asked for, but was last seen not to have come. */
static void test_report_present_a_pause_that_did_not_come(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	world_before(&world, "pause");
	made_up_intent(
		at(&world, 10), "shop", "pause", "a", made_up_state("RUNNING"));
	assert_present(&world, "No process is paused or stopped by us.\n");
	world_done(&world);
}

static void assert_member(
	const json_t *json, const char *list, const char *expected)
{
	const json_t *first = json_array_get(json_object_get(json, list), 0);
	char *text = json_dumps(first, JSON_COMPACT);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void test_report_json_of_a_lane_that_waits_for_a_person(void **state)
{
	struct world world;
	json_t *json, *head;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	world_before(&world, "pause");
	world_act(&world, "pause", "a", 10, 12, "PAUSED");
	world_act(&world, "pause", "b", 10, 12, "PAUSED");
	world_act(&world, "hold", "link:shop", 14, 15, NULL);
	made_up_intent(at(&world, 20), "shop", "stop", "a", NULL);
	made_up_write(at(&world, 21), "note",
		made_up_step(&world.run, "shop", "stop", "a",
			json_pack("{s:s}", "text", "pid 1000 still runs")));
	made_up_write(at(&world, 30), "halt",
		json_pack("{s:s, s:i, s:s, s:s}", "lane", "shop", "code", 7,
			"why", "nobody knows", "decide", "stop@a"));
	json = report_json(&world.run.state, second(40));
	assert_member(json, "processes",
		"{\"name\":\"a\",\"lane\":\"shop\",\"before\":\"1.12.0\","
		"\"now\":\"1.12.0\",\"state\":\"stopping\",\"paused_ms\":30000,"
		"\"stopped_ms\":20000,\"paused\":true,\"stopped\":true,"
		"\"step\":\"stop\",\"waiting_for\":\"pid 1000 still runs\"}");
	assert_member(json, "lanes",
		"{\"name\":\"shop\",\"outcome\":\"unfinished\","
		"\"turned\":false,\"stage\":\"stop\",\"exit\":7,"
		"\"why\":\"nobody knows\",\"turned_why\":null,"
		"\"decide\":\"stop@a\",\"log\":[],\"clock\":null}");
	assert_int_equal(
		json_array_size(json_object_get(json, "processes")), 2);
	(void)json_object_del(json, "processes");
	(void)json_object_del(json, "lanes");
	assert_non_null(json_object_get(json, "time"));
	(void)json_object_del(json, "time");
	head = json_pack("{s:i, s:s, s:s, s:I, s:I, s:i, s:i}", "schema", 1,
		"run", "made-up", "outcome", "unfinished", "started_at",
		(json_int_t)second(1), "last_at", (json_int_t)second(30),
		"exit", 0, "resumed", 0);
	assert_true(json_equal(json, head));
	json_decref(head);
	json_decref(json);
	world_done(&world);
}

static void test_report_json_of_a_lane_that_turned_back(void **state)
{
	struct world world;
	json_t *json;

	(void)state;
	world_make(&world, made_up_fleet(2), "PAUSED");
	world_upgrade_a(&world);
	world_turn(&world, 60, "turned-back");
	made_up_write(&world.run, "lane-end",
		json_pack("{s:s, s:s}", "lane", "shop", "outcome",
			"turned-back"));
	made_up_write(&world.run, "end",
		json_pack("{s:s, s:i}", "outcome", "turned-back", "exit", 9));
	json = report_json(&world.run.state, second(100));
	assert_member(json, "lanes",
		"{\"name\":\"shop\",\"outcome\":\"turned-back\","
		"\"turned\":true,\"stage\":\"hold\",\"exit\":0,\"why\":null,"
		"\"turned_why\":\"start a: it ended\",\"decide\":null,"
		"\"log\":[\"fatal: no\",\"bye\"],\"clock\":null}");
	assert_string_equal(json_string_value(json_object_get(json, "outcome")),
		"turned-back");
	assert_int_equal(json_integer_value(json_object_get(json, "exit")), 9);
	json_decref(json);
	world_done(&world);
}

static void test_report_plan_shows_the_point_of_no_easy_return(void **state)
{
	struct world world;
	struct text text;

	(void)state;
	world_make(&world, made_up_fleet(2), "PAUSED");
	report_plan(&world.run.state, text_open(&text));
	text_is(&text,
		"lane shop\n"
		"   1 claim      a b link:shop\n"
		"   2 preflight  a b\n"
		"   3 deliver    host:local\n"
		"   4 revive     a  (1.12.0)\n"
		"   5 pause      a\n"
		"   6 hold       link:shop\n"
		"   7 stop       a b\n"
		"   8 save       metadata:shop\n"
		"   9 activate   link:shop  (1.13.0)\n"
		"  10 start      a b  (1.13.0)  <- from here on the way back "
		"depends on what the new version did\n"
		"  11 verify     metadata:shop\n"
		"  12 resume     a\n"
		"  13 watch      a\n"
		"  14 settle     lane:shop  (1.13.0)\n"
		"  15 release    lane:shop\n");
	world_done(&world);
}

/* One record as the live view tells it; body is stolen. */
static void assert_event(const struct world *world, const char *kind,
	json_t *body, const char *expected)
{
	struct record record = {.json = made_up_json(body)};
	char line[300];
	struct text text;
	struct live *live = live_new(text_open(&text));

	(void)json_object_set_new(record.json, "kind", json_string(kind));
	(void)json_object_set_new(
		record.json, "at", json_integer((json_int_t)second(5)));
	live_record(live, &world->run.state, &record);
	live_tick(live, &world->run.state); /* draws on terminals only */
	live_end(live, &world->run.state);
	live_free(live);
	(void)snprintf(line, sizeof(line), "%s%s%s",
		expected[0] ? "22:13:25 " : "", expected,
		expected[0] ? "\n" : "");
	text_is(&text, line);
	record_done(&record);
}

static void test_live_record_is_one_line_an_event(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	assert_event(&world, "run", json_object(), "run made-up begins");
	assert_event(&world, "resumed", json_object(),
		"run made-up is taken up again");
	assert_event(&world, "intent",
		json_pack("{s:s, s:s}", "step", "pause", "target", "a"),
		"pausing a");
	assert_event(&world, "intent",
		json_pack("{s:s, s:s, s:b}", "step", "pause", "target", "a",
			"again", 1),
		"pausing a again");
	assert_event(&world, "done",
		json_pack("{s:s, s:s, s:s}", "step", "pause", "target", "a",
			"detail", "PAUSED"),
		"pausing a: done (PAUSED)");
	assert_event(&world, "done",
		json_pack("{s:s, s:s}", "step", "hold", "target", "link:shop"),
		"holding link:shop: done");
	assert_event(&world, "failed",
		json_pack("{s:s, s:s, s:s}", "step", "start", "target", "a",
			"why", "it ended"),
		"starting a: failed: it ended");
	assert_event(&world, "reopen",
		json_pack("{s:s, s:s, s:s}", "step", "pause", "target", "a",
			"why", "RUNNING"),
		"pausing a: no longer so: RUNNING");
	assert_event(&world, "note",
		json_pack("{s:s, s:s, s:s}", "step", "stop", "target", "a",
			"text", "it still runs"),
		"stopping a: waiting: it still runs");
	assert_event(
		&world, "note", json_pack("{s:s}", "text", "nobody's"), "");
	assert_event(&world, "turn",
		json_pack("{s:s, s:s}", "lane", "shop", "why", "start a: no"),
		"lane shop turns back: start a: no");
	assert_event(&world, "halt",
		json_pack("{s:s, s:s, s:s, s:s}", "lane", "shop", "step",
			"stop", "target", "a", "why", "stop a: nobody knows"),
		"lane shop stops: stop a: nobody knows");
	assert_event(&world, "lane-end",
		json_pack("{s:s, s:s}", "lane", "shop", "outcome", "reached"),
		"lane shop: reached");
	assert_event(&world, "answer",
		json_pack("{s:s, s:s, s:s}", "step", "stop", "target", "a",
			"answer", "again"),
		"stopping a: the operator answers: again");
	assert_event(&world, "request", json_pack("{s:s}", "what", "rollback"),
		"the operator asks for rollback");
	assert_event(&world, "request", json_pack("{s:s}", "what", "forward"),
		"the request is refused");
	assert_event(&world, "stopped", json_pack("{s:s}", "why", "SIGTERM"),
		"stopped: SIGTERM");
	assert_event(&world, "end", json_pack("{s:s}", "outcome", "reached"),
		"end reached");
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report_table_shows_who_is_down),
		cmocka_unit_test(test_report_table_after_the_upgrade),
		cmocka_unit_test(test_report_lanes_says_where_each_lane_is),
		cmocka_unit_test(test_report_lanes_goes_back_to_what_is_opened),
		cmocka_unit_test(test_report_present_names_who_is_down),
		cmocka_unit_test(test_report_present_a_pause_that_did_not_come),
		cmocka_unit_test(
			test_report_json_of_a_lane_that_waits_for_a_person),
		cmocka_unit_test(test_report_json_of_a_lane_that_turned_back),
		cmocka_unit_test(
			test_report_plan_shows_the_point_of_no_easy_return),
		cmocka_unit_test(test_live_record_is_one_line_an_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
