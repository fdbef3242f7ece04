/*
 * Unit tests of what the command that the fleet file names is told.
 */
#include "supervisor/report/notice.h"

#include "report_world.h"

static const struct notice_about about = {"shop", "/etc/shop.yaml"};

static int make(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world_make(world, made_up_fleet(2), "RUNNING");
	*state = world;
	return 0;
}

static int drop(void **state)
{
	world_done(*state);
	free(*state);
	return 0;
}

static const char *text_of(const json_t *event, const char *key)
{
	const char *text = json_string_value(json_object_get(event, key));

	assert_non_null(text);
	return text;
}

/* "started needs-person", and the last one. */
static json_t *assert_events(struct world *world, const char *expected)
{
	json_t *list = notices(&world->run.state, &about, second(99));
	json_t *event, *last;
	char names[200] = "";
	size_t i;

	json_array_foreach (list, i, event) {
		size_t len = strlen(names);

		(void)snprintf(names + len, sizeof(names) - len, "%s%s",
			len ? " " : "", text_of(event, "event"));
	}
	assert_string_equal(names, expected);
	last = json_incref(json_array_get(list, json_array_size(list) - 1));
	json_decref(list);
	return last;
}

static void halt(struct world *world, int n, int code, const char *decide)
{
	made_up_write(at(world, n), "halt",
		json_pack("{s:s, s:i, s:s, s:s*}", "lane", "shop", "code", code,
			"why", "who knows, at mongodb://u:hunter22@h/",
			"decide", decide));
}

static void test_notices_of_a_run_that_works(void **state)
{
	json_t *event = assert_events(*state, "started");

	assert_string_equal(text_of(event, "id"), "made-up/started");
	assert_string_equal(text_of(event, "fleet"), "shop");
	assert_string_equal(
		text_of(event, "status"), "syncup status /etc/shop.yaml");
	assert_true(json_is_null(json_object_get(event, "exit")));
	assert_int_equal(
		json_array_size(json_object_get(event, "processes")), 2);
	json_decref(event);
}

static void test_notices_of_a_lane_that_asks(void **state)
{
	struct world *world = *state;
	json_t *event;

	halt(world, 20, 7, "stop@a");
	event = assert_events(world, "started needs-person");
	assert_string_equal(text_of(event, "next"),
		"syncup run --answer stop@a=again /etc/shop.yaml   (or =done, "
		"if you made it so; or =stop)");
	assert_string_equal(text_of(event, "summary"),
		"lane shop stops: who knows, at mongodb://***@h/");
	assert_int_equal(json_integer_value(json_object_get(event, "exit")), 7);
	json_decref(event);
	/* Somebody took it up: nothing is asked now. */
	made_up_write(at(world, 30), "resumed", json_object());
	json_decref(assert_events(world, "started"));
}

/* The same question has the same id, until somebody answers it. */
static void test_notices_of_the_same_question_again(void **state)
{
	struct world *world = *state;
	json_t *first, *again, *after;

	halt(world, 20, 7, "stop@a");
	first = assert_events(world, "started needs-person");
	made_up_write(at(world, 30), "resumed", json_object());
	halt(world, 31, 7, "stop@a");
	again = assert_events(world, "started needs-person");
	assert_string_equal(text_of(first, "id"), text_of(again, "id"));
	made_up_write(at(world, 40), "answer",
		json_pack("{s:s, s:s, s:s}", "step", "stop", "target", "a",
			"answer", "again"));
	halt(world, 41, 7, "stop@a");
	after = assert_events(world, "started needs-person");
	assert_string_not_equal(text_of(first, "id"), text_of(after, "id"));
	json_decref(first);
	json_decref(again);
	json_decref(after);
}

/* Each failure is one of its own, with a run or without. */
static void test_notice_failed(void **state)
{
	struct world *world = *state;
	json_t *with = notice_failed(&about, &world->run.state, "a1",
		"syncup@shop.service died at mongodb://u:hunter22@h/", "look",
		second(99));
	json_t *without =
		notice_failed(&about, NULL, "a1", "died", "look", second(99));

	assert_string_equal(text_of(with, "event"), "failed");
	assert_string_equal(text_of(with, "id"), "made-up/failed/a1");
	assert_string_equal(text_of(with, "run"), "made-up");
	assert_string_equal(text_of(with, "summary"),
		"syncup@shop.service died at mongodb://***@h/");
	assert_string_equal(text_of(with, "next"), "look");
	assert_true(json_is_null(json_object_get(with, "exit")));
	assert_int_equal(
		json_array_size(json_object_get(with, "processes")), 2);
	assert_string_equal(text_of(without, "id"), "shop/failed/a1");
	assert_string_equal(text_of(without, "run"), "");
	assert_int_equal(
		json_array_size(json_object_get(without, "processes")), 0);
	json_decref(with);
	json_decref(without);
}

static void test_notices_of_a_run_that_ended(void **state)
{
	static const char *const rows[][2] = {
		{"reached", "started done"},
		{"turned-back", "started turned-back"},
		{"aborted", "started aborted"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world *world = *state;

		made_up_write(at(world, 20 + (int)i), "lane-end",
			json_pack("{s:s, s:s}", "lane", "shop", "outcome",
				rows[i][0]));
		made_up_write(at(world, 21 + (int)i), "end",
			json_pack("{s:s, s:i}", "outcome", rows[i][0], "exit",
				i == 1 ? 9 : 0));
		json_decref(assert_events(world, rows[i][1]));
	}
}

static void test_notice_refused_is_one_for_one_reason(void **state)
{
	json_t *one = notice_refused(&about, "", 3, "no room: 7 MB", second(1));
	json_t *same =
		notice_refused(&about, "", 3, "no room: 12 MB", second(2));
	json_t *other = notice_refused(&about, "", 3, "no key", second(3));

	(void)state;
	assert_string_equal(text_of(one, "id"), text_of(same, "id"));
	assert_string_not_equal(text_of(one, "id"), text_of(other, "id"));
	assert_string_equal(text_of(one, "event"), "needs-person");
	assert_string_equal(text_of(one, "next"), "syncup plan /etc/shop.yaml");
	json_decref(one);
	json_decref(same);
	json_decref(other);
}

static void test_notice_of_a_fleet_file_with_any_name(void **state)
{
	const struct notice_about odd = {"shop", "/etc/sh\xf6p.yaml"};
	json_t *one = notice_refused(&odd, "", 3, "no room", second(1));

	(void)state;
	assert_non_null(strstr(text_of(one, "next"), "/etc/sh"));
	json_decref(one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)
		TEST(test_notices_of_a_run_that_works),
		TEST(test_notices_of_a_lane_that_asks),
		TEST(test_notices_of_the_same_question_again),
		TEST(test_notice_failed),
		TEST(test_notices_of_a_run_that_ended),
		TEST(test_notice_refused_is_one_for_one_reason),
		TEST(test_notice_of_a_fleet_file_with_any_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
