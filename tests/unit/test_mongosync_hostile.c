/*
 * test_mongosync_hostile.c - bodies made to mislead, or to fill the memory.
 */
#include "sync_client/mongosync.h"

#include <jansson.h>
#include <malloc.h>

#include "tests/unit/http_world.h"

#define MEMORY_MAX (14u << 20) /* with what curl and our code take: 32 MiB */

static void assert_no_answer(const char *body)
{
	struct sync_progress progress;
	struct err err = {.code = ERR_NONE};

	assert_false(
		mongosync_parse_progress(body, strlen(body), &progress, &err));
	assert_int_equal(err.code, ERR_AGAIN);
	memset(&err, 0, sizeof(err));
	assert_false(mongosync_parse_reply(body, strlen(body), &err));
	assert_int_equal(err.code, ERR_AGAIN);
}

static void test_parse_member_twice_is_not_believed(void **state)
{
	(void)state;
	assert_no_answer("{\"success\":false,\"success\":true,"
			 "\"progress\":{\"state\":\"PAUSED\"}}");
	assert_no_answer("{\"success\":true,\"progress\":{\"state\":\"PAUSED\","
			 "\"state\":\"RUNNING\"},\"success\":true}");
	assert_no_answer("{\"progress\":{\"state\":\"RUNNING\"},"
			 "\"progress\":{\"state\":\"PAUSED\"}}");
}

static void test_parse_nul_and_bad_utf8(void **state)
{
	static const char with_nul[] = "{\"success\":true}\0 ";
	struct err err = {.code = ERR_NONE};

	(void)state;
	assert_no_answer("{\"success\":true,\"x\":\"\\u0000\"}");
	assert_no_answer("{\"success\":true,\"x\":\"\xff\"}");
	assert_no_answer("{\"success\":true,\"x\":\"\\ud800\"}");
	assert_false(
		mongosync_parse_reply(with_nul, sizeof(with_nul) - 1, &err));
}

static void test_parse_nested_without_end(void **state)
{
	char *body = malloc(HTTP_BODY_MAX + 1);

	(void)state;
	assert_non_null(body);
	memset(body, '[', HTTP_BODY_MAX);
	body[HTTP_BODY_MAX] = '\0';
	assert_no_answer(body);
	memcpy(body, "{\"progress\":", 12);
	assert_no_answer(body);
	free(body);
}

/* What jansson has at once, and had at most. */
static size_t has, had_most;

static void *counting_malloc(size_t size)
{
	void *memory = malloc(size);

	has += malloc_usable_size(memory);
	if (has > had_most)
		had_most = has;
	return memory;
}

static void counting_free(void *memory)
{
	has -= malloc_usable_size(memory);
	free(memory);
}

/* The longest answer that is kept, made of what costs most. */
static void test_parse_widest_answer_takes_little_memory(void **state)
{
	static const char *const units[] = {
		"{}", "[]", "\"a\"", "{\"a\":1}", "1e9", "0"};
	char *body = malloc(HTTP_BODY_MAX + 1);

	(void)state;
	assert_non_null(body);
	json_set_alloc_funcs(counting_malloc, counting_free);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t len = strlen(units[i]);
		char *to = body;

		to = stpcpy(to, "{\"a\":[");
		while ((size_t)(to - body) + len + 4 < HTTP_BODY_MAX) {
			to = stpcpy(to, units[i]);
			*to++ = ',';
		}
		memcpy(to - 1, "]}", 3);
		assert_no_answer(body);
		assert_int_equal(has, 0);
	}
	json_set_alloc_funcs(malloc, free);
	free(body);
	assert_true(had_most > 1 << 20); /* it was counted */
	if (had_most > MEMORY_MAX)
		fail_msg("%zu bytes", had_most);
}

struct told {
	unsigned calls;
	enum sync_reply reply;
	struct err err;
};

static void on_reply(void *arg, enum sync_reply reply, const struct err *err)
{
	struct told *told = arg;

	told->calls++;
	told->reply = reply;
	if (err)
		told->err = *err;
}

/* Even with the right words in it: who answers is not who was asked. */
static void test_pause_redirect_is_lost(void **state)
{
	static const int statuses[] = {300, 301, 302, 303, 307, 308};
	static const char *const bodies[] = {"", "{\"success\":true}"};
	struct http_world *world = *state;

	for (size_t i = 0; i < 2 * sizeof(statuses) / sizeof(statuses[0]);
		i++) {
		struct told told = {.calls = 0};

		scripted_server_add_json(
			world->server, "POST ", statuses[i / 2], bodies[i % 2]);
		assert_true(mongosync_api.pause(world->http, &world->place,
			TIMEOUT_MS, on_reply, &told, NULL, NULL));
		http_world_run_until(world, &told.calls, 1);
		assert_int_equal(told.reply, SYNC_REPLY_LOST);
		assert_int_equal(told.err.code, ERR_AGAIN);
		assert_non_null(strstr(told.err.msg, "is not followed"));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_member_twice_is_not_believed),
		cmocka_unit_test(test_parse_nul_and_bad_utf8),
		cmocka_unit_test(test_parse_nested_without_end),
		cmocka_unit_test(test_parse_widest_answer_takes_little_memory),
		in_world(test_pause_redirect_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
