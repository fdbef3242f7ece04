/*
 * test_http_calls.c - calls that end early, and callers that do odd things.
 */
#include "tests/unit/http_world.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

static void test_request_many_at_once(void **state)
{
	struct http_world *world = *state;
	struct http_outcome outcome[20];

	memset(outcome, 0, sizeof(outcome));
	for (int i = 0; i < 20; i++)
		scripted_server_add_json(world->server, "GET ", 200, "{}");
	for (int i = 0; i < 20; i++)
		(void)http_world_start(
			world, "/path", NULL, TIMEOUT_MS, &outcome[i]);
	for (int i = 0; i < 20; i++) {
		http_world_run_until(world, &outcome[i].calls, 1);
		assert_false(outcome[i].failed);
	}
}

static void test_cancel_is_silent(void **state)
{
	static const struct scripted_act silence = {.send = NULL};
	struct http_world *world = *state;
	struct http_outcome outcome = {.calls = 0};
	struct http_call *call;

	http_cancel(NULL);
	scripted_server_add(world->server, &silence);
	call = http_world_start(world, "/path", NULL, 100, &outcome);
	http_world_run_for(world, 30);
	assert_int_equal(scripted_server_requests(world->server), 1);
	http_cancel(call);
	http_world_run_for(world, 150);
	assert_int_equal(outcome.calls, 0);
}

/* A done that cancels the other call, then frees what is left. */
struct reckless {
	struct http_world *world;
	struct http_call *call, *other;
	unsigned calls;
};

static void on_done_cancel_and_free(
	void *arg, const struct http_answer *answer, const struct err *err)
{
	struct reckless *reckless = arg;

	(void)answer;
	assert_null(err);
	reckless->calls++;
	http_cancel(reckless->call); /* itself: over already, no harm */
	http_cancel(reckless->other);
	http_free(reckless->world->http);
	reckless->world->http = NULL;
}

static void test_done_may_cancel_and_free(void **state)
{
	static const struct scripted_act silence = {.expect = "GET /silent"};
	struct http_world *world = *state;
	struct reckless reckless = {.world = world};
	struct http_outcome cancelled = {.calls = 0}, freed = {.calls = 0};

	scripted_server_add(world->server, &silence);
	scripted_server_add(world->server, &silence);
	scripted_server_add_json(world->server, "GET /path", 200, "{}");
	reckless.other =
		http_world_start(world, "/silent", NULL, 100, &cancelled);
	(void)http_world_start(world, "/silent", NULL, 100, &freed);
	http_world_run_until_requests(world, 2);
	assert_true(http_request(world->http, &world->place, "/path", NULL,
		TIMEOUT_MS, on_done_cancel_and_free, &reckless, &reckless.call,
		NULL));
	http_world_run_until(world, &reckless.calls, 1);
	http_world_run_for(world, 150);
	assert_int_equal(reckless.calls, 1);
	assert_int_equal(cancelled.calls, 0);
	assert_int_equal(freed.calls, 0);
}

static void on_done_ask_again(
	void *arg, const struct http_answer *answer, const struct err *err)
{
	struct reckless *reckless = arg;

	(void)answer;
	assert_null(err);
	if (++reckless->calls < 3)
		assert_true(http_request(reckless->world->http,
			&reckless->world->place, "/path", NULL, TIMEOUT_MS,
			on_done_ask_again, reckless, NULL, NULL));
}

static void test_done_may_ask_again(void **state)
{
	struct http_world *world = *state;
	struct reckless reckless = {.world = world};

	for (int i = 0; i < 3; i++)
		scripted_server_add_json(world->server, "GET ", 200, "{}");
	assert_true(http_request(world->http, &world->place, "/path", NULL,
		TIMEOUT_MS, on_done_ask_again, &reckless, NULL, NULL));
	http_world_run_until(world, &reckless.calls, 3);
	assert_int_equal(scripted_server_requests(world->server), 3);
}

/* The leak checkers see to the rest. */
static void test_free_with_calls_under_way(void **state)
{
	static const struct scripted_act silence = {.send = OK_HEAD};
	struct http_world *world = *state;
	struct http_outcome outcome = {.calls = 0};
	struct http_call *call;

	scripted_server_add(world->server, &silence);
	call = http_world_start(world, "/path", "{}", TIMEOUT_MS, &outcome);
	http_call_keep(call, malloc(100));
	http_world_run_until_requests(world, 1);
	(void)http_world_start(world, "/path", NULL, TIMEOUT_MS, &outcome);
	http_free(world->http);
	world->http = NULL;
	http_world_run_for(world, 20);
	assert_int_equal(outcome.calls, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		in_world(test_request_many_at_once),
		in_world(test_cancel_is_silent),
		in_world(test_done_may_cancel_and_free),
		in_world(test_done_may_ask_again),
		in_world(test_free_with_calls_under_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
