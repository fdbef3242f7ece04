/*
 * test_http.c - what the HTTP client makes of servers of every kind.
 */
#include "tests/unit/http_world.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"

static struct http_outcome ask(
	struct http_world *world, const char *body, int64_t timeout_ms)
{
	struct http_outcome outcome = {.calls = 0};

	(void)http_world_start(world, "/path", body, timeout_ms, &outcome);
	http_world_run_until(world, &outcome.calls, 1);
	return outcome;
}

static struct http_outcome ask_act(struct http_world *world, const char *body,
	int64_t timeout_ms, const struct scripted_act *act)
{
	scripted_server_add(world->server, act);
	return ask(world, body, timeout_ms);
}

static void assert_failed(const struct http_outcome *outcome, const char *why)
{
	assert_true(outcome->failed);
	assert_int_equal(outcome->calls, 1);
	assert_int_equal(outcome->err.code, ERR_AGAIN);
	assert_int_equal(outcome->len, 0);
	if (!strstr(outcome->err.msg, why))
		fail_msg("\"%s\" not in \"%s\"", why, outcome->err.msg);
}

static void test_request_get(void **state)
{
	struct http_world *world = *state;
	struct http_outcome outcome;

	scripted_server_add_json(
		world->server, "GET /path HTTP/1.1\r\n", 200, "{\"a\":1}");
	outcome = ask(world, NULL, TIMEOUT_MS);
	assert_false(outcome.failed);
	assert_int_equal(outcome.status, 200);
	assert_string_equal(outcome.body, "{\"a\":1}");
	assert_true(outcome.sent);
}

static void test_request_any_status_is_an_answer(void **state)
{
	struct http_world *world = *state;
	struct http_outcome outcome;

	scripted_server_add_json(world->server, "GET ", 503, "{}");
	outcome = ask(world, NULL, TIMEOUT_MS);
	assert_false(outcome.failed);
	assert_int_equal(outcome.status, 503);
	assert_string_equal(outcome.body, "{}");
}

static void test_request_post_sends_body_and_type(void **state)
{
	struct http_world *world = *state;
	const char *request;

	scripted_server_add_json(
		world->server, "POST /path HTTP/1.1\r\n", 200, "{}");
	assert_false(ask(world, "{\"x\":1}", TIMEOUT_MS).failed);
	request = scripted_server_request(world->server, 0);
	assert_non_null(strstr(request, "Content-Type: application/json\r\n"));
	assert_null(strstr(request, "Expect"));
	assert_non_null(strstr(request, "\r\n\r\n{\"x\":1}"));
}

static void test_request_gets_share_a_connection(void **state)
{
	struct http_world *world = *state;

	for (int i = 0; i < 3; i++)
		scripted_server_add_json(world->server, "GET ", 200, "{}");
	for (int i = 0; i < 3; i++)
		assert_false(ask(world, NULL, TIMEOUT_MS).failed);
	assert_int_equal(scripted_server_connections(world->server), 1);
}

static void test_request_post_has_a_connection_of_its_own(void **state)
{
	struct http_world *world = *state;

	scripted_server_add_json(world->server, "GET ", 200, "{}");
	scripted_server_add_json(world->server, "POST ", 200, "{}");
	assert_false(ask(world, NULL, TIMEOUT_MS).failed);
	assert_false(ask(world, "{}", TIMEOUT_MS).failed);
	assert_int_equal(scripted_server_connections(world->server), 2);
}

static void test_request_post_leaves_no_connection_behind(void **state)
{
	struct http_world *world = *state;

	scripted_server_add_json(world->server, "POST ", 200, "{}");
	scripted_server_add_json(world->server, "GET ", 200, "{}");
	assert_false(ask(world, "{}", TIMEOUT_MS).failed);
	assert_false(ask(world, NULL, TIMEOUT_MS).failed);
	assert_int_equal(scripted_server_connections(world->server), 2);
}

static void test_request_post_is_sent_once_when_connection_dies(void **state)
{
	static const struct scripted_act close_unanswered = {
		.expect = "POST ",
		.end = SCRIPTED_CLOSE,
	};
	struct http_world *world = *state;
	struct http_outcome outcome;

	/* Leaves a kept-alive connection that a careless client would use. */
	scripted_server_add_json(world->server, "GET ", 200, "{}");
	assert_false(ask(world, NULL, TIMEOUT_MS).failed);
	outcome = ask_act(world, "{}", TIMEOUT_MS, &close_unanswered);
	assert_failed(&outcome, "closed without an answer");
	assert_true(outcome.sent);
	http_world_run_for(world, 50);
	assert_int_equal(scripted_server_requests(world->server), 2);
}

static void test_request_post_is_sent_once_when_reset(void **state)
{
	static const struct scripted_act reset = {.end = SCRIPTED_RESET};
	struct http_world *world = *state;
	struct http_outcome outcome = ask_act(world, "{}", TIMEOUT_MS, &reset);

	assert_failed(&outcome, "POST http://127.0.0.1:");
	assert_true(outcome.sent);
	http_world_run_for(world, 50);
	assert_int_equal(scripted_server_requests(world->server), 1);
}

static void test_request_refused_connection_is_not_sent(void **state)
{
	struct http_world *world = *state;
	struct http_outcome outcome;

	scripted_server_stop_listening(world->server);
	outcome = ask(world, "{}", TIMEOUT_MS);
	assert_failed(&outcome, "connect");
	assert_false(outcome.sent);
	assert_int_equal(outcome.status, 0);
}

static void test_request_refused_socket_is_not_sent(void **state)
{
	struct http_world *world = *state;
	struct http_outcome outcome;

	world->place.unix_socket = "/nonexistent/api.sock";
	outcome = ask(world, "{}", TIMEOUT_MS);
	assert_failed(&outcome, "/nonexistent/api.sock");
	assert_false(outcome.sent);
}

static void test_request_unix_socket(void **state)
{
	struct http_world *world = *state;
	struct http_place place = {.host = NULL};
	struct scripted_server *server;
	struct scratch scratch;
	struct http_outcome outcome = {.calls = 0};

	scratch_make(&scratch);
	place.unix_socket = scratch_path(&scratch, "api.sock");
	server = scripted_server_new(world->base, place.unix_socket);
	scripted_server_add_json(server, "GET /path HTTP/1.1\r\n", 200, "{}");
	assert_true(http_request(world->http, &place, "/path", NULL, TIMEOUT_MS,
		http_world_on_done, &outcome, NULL, NULL));
	http_world_run_until(world, &outcome.calls, 1);
	assert_string_equal(outcome.body, "{}");
	scripted_server_free(server);
	scratch_remove(&scratch);
}

static void test_request_silence_ends_by_timeout(void **state)
{
	static const struct scripted_act silence = {.send = NULL};
	struct http_world *world = *state;
	struct http_outcome outcome = ask_act(world, "{}", 50, &silence);

	assert_failed(&outcome, "timed out");
	assert_true(outcome.sent);
}

static void test_request_zero_timeout_is_short_not_endless(void **state)
{
	static const struct scripted_act silence = {.send = NULL};
	struct http_world *world = *state;
	struct http_outcome outcome = ask_act(world, "{}", 0, &silence);

	/* it may end before the connection is made */
	assert_failed(&outcome, "time");
}

static void test_request_trickle_ends_by_timeout(void **state)
{
	/* Something always arrives; only a total timeout ends this. */
	static const struct scripted_act trickle = {
		.send = OK_HEAD "Content-Length: 900000\r\n\r\n",
		.flood = 900000,
		.byte_by_byte = true,
	};
	struct http_world *world = *state;
	struct http_outcome outcome = ask_act(world, NULL, 100, &trickle);

	assert_failed(&outcome, "timed out");
}

static void test_request_byte_by_byte_is_put_together(void **state)
{
	static const struct scripted_act slow = {
		.send = OK_HEAD "Content-Length: 8\r\n\r\n{\"a\":42}",
		.byte_by_byte = true,
		.delay_ms = 10,
	};
	struct http_world *world = *state;
	struct http_outcome outcome = ask_act(world, NULL, TIMEOUT_MS, &slow);

	assert_false(outcome.failed);
	assert_string_equal(outcome.body, "{\"a\":42}");
}

static void test_request_half_answer_fails(void **state)
{
	static const struct scripted_act half = {
		.send = OK_HEAD "Content-Length: 20\r\n\r\n{\"success\":",
		.end = SCRIPTED_CLOSE,
	};
	struct http_world *world = *state;
	struct http_outcome outcome = ask_act(world, "{}", TIMEOUT_MS, &half);

	assert_failed(&outcome, "POST http://");
	assert_true(outcome.sent);
}

static void test_request_body_of_the_maximum_is_kept(void **state)
{
	static const struct scripted_act most = {
		.send = OK_HEAD "Content-Length: 131072\r\n\r\n",
		.flood = HTTP_BODY_MAX,
	};
	struct http_world *world = *state;
	struct http_outcome outcome = ask_act(world, NULL, TIMEOUT_MS, &most);

	assert_false(outcome.failed);
	assert_int_equal(outcome.len, HTTP_BODY_MAX);
}

static void test_request_longer_body_is_broken_off(void **state)
{
	static const struct scripted_act endless = {
		.send = OK_HEAD "\r\n",
		.flood = 1u << 30,
	};
	struct http_world *world = *state;
	struct http_outcome outcome =
		ask_act(world, NULL, TIMEOUT_MS, &endless);

	assert_failed(&outcome, "too long");
	/* What the kernel took into its buffers is all that left. */
	assert_true(scripted_server_sent(world->server) < 64u << 20);
}

static void test_request_endless_header_is_broken_off(void **state)
{
	static const struct scripted_act endless = {
		.send = OK_HEAD "X-Long: ",
		.flood = 1u << 30,
	};
	struct http_world *world = *state;
	struct http_outcome outcome =
		ask_act(world, NULL, TIMEOUT_MS, &endless);

	assert_true(outcome.failed);
	assert_int_equal(outcome.err.code, ERR_AGAIN);
	assert_true(scripted_server_sent(world->server) < 64u << 20);
}

static void test_request_many_headers_are_broken_off(void **state)
{
	static const char line[] = "X-Header: 0123456789012345678901234567\r\n";
	struct scripted_act many = {.end = SCRIPTED_CLOSE};
	struct http_world *world = *state;
	struct http_outcome outcome;
	size_t lines = 2500;
	char *text = calloc(1, sizeof(OK_HEAD) + lines * sizeof(line) + 4);

	assert_non_null(text);
	memcpy(text, OK_HEAD, sizeof(OK_HEAD) - 1);
	for (size_t i = 0; i < lines; i++)
		memcpy(text + sizeof(OK_HEAD) - 1 + i * (sizeof(line) - 1),
			line, sizeof(line) - 1);
	memcpy(text + strlen(text), "\r\n", 2);
	many.send = text;
	outcome = ask_act(world, NULL, TIMEOUT_MS, &many);
	free(text);
	assert_failed(&outcome, "headers are too long");
}

static void test_request_http_09_is_not_understood(void **state)
{
	static const struct scripted_act bare = {
		.send = "{\"success\":true}\r\n",
		.end = SCRIPTED_CLOSE,
	};
	struct http_world *world = *state;
	struct http_outcome outcome = ask_act(world, "{}", TIMEOUT_MS, &bare);

	assert_failed(&outcome, "HTTP/0.9");
	assert_true(outcome.sent);
}

static void test_request_redirect_is_not_followed(void **state)
{
	struct http_world *world = *state;
	struct scripted_act away = {.end = SCRIPTED_KEEP};
	struct http_outcome outcome;
	char text[200];

	(void)snprintf(text, sizeof(text),
		"HTTP/1.1 307 Away\r\nContent-Length: 0\r\n"
		"Location: http://127.0.0.1:%u/other\r\n\r\n",
		world->place.port);
	away.send = text;
	outcome = ask_act(world, "{}", TIMEOUT_MS, &away);
	assert_false(outcome.failed);
	assert_int_equal(outcome.status, 307);
	http_world_run_for(world, 50);
	assert_int_equal(scripted_server_requests(world->server), 1);
}

static void test_request_proxy_of_environment_is_ignored(void **state)
{
	struct http_world *world = *state;

	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
	scripted_server_add_json(world->server, "GET /path ", 200, "{}");
	assert_false(ask(world, NULL, TIMEOUT_MS).failed);
	assert_int_equal(unsetenv("http_proxy"), 0);
}

static void test_request_bad_host_is_refused_without_naming_it(void **state)
{
	static const char *const hosts[] = {
		NULL, "", "a b", "u:canary@h", "h/path", "h?x", "h#x"};
	struct http_world *world = *state;
	struct http_outcome outcome = {.calls = 0};
	struct err err = {.code = ERR_NONE};

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		world->place.host = hosts[i];
		assert_false(http_request(world->http, &world->place, "/path",
			NULL, TIMEOUT_MS, http_world_on_done, &outcome, NULL,
			&err));
		assert_int_equal(err.code, ERR_CONFIG);
		assert_null(strstr(err.msg, "canary"));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		in_world(test_request_get),
		in_world(test_request_any_status_is_an_answer),
		in_world(test_request_post_sends_body_and_type),
		in_world(test_request_gets_share_a_connection),
		in_world(test_request_post_has_a_connection_of_its_own),
		in_world(test_request_post_leaves_no_connection_behind),
		in_world(test_request_post_is_sent_once_when_connection_dies),
		in_world(test_request_post_is_sent_once_when_reset),
		in_world(test_request_refused_connection_is_not_sent),
		in_world(test_request_refused_socket_is_not_sent),
		in_world(test_request_unix_socket),
		in_world(test_request_silence_ends_by_timeout),
		in_world(test_request_zero_timeout_is_short_not_endless),
		in_world(test_request_trickle_ends_by_timeout),
		in_world(test_request_byte_by_byte_is_put_together),
		in_world(test_request_half_answer_fails),
		in_world(test_request_body_of_the_maximum_is_kept),
		in_world(test_request_longer_body_is_broken_off),
		in_world(test_request_endless_header_is_broken_off),
		in_world(test_request_many_headers_are_broken_off),
		in_world(test_request_http_09_is_not_understood),
		in_world(test_request_redirect_is_not_followed),
		in_world(test_request_proxy_of_environment_is_ignored),
		in_world(test_request_bad_host_is_refused_without_naming_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
