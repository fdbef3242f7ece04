/*
 * test_http_hostile.c - servers that answer as no honest one would: each call
 * ends, in time, with little memory, and a POST has left once.
 */
#include "tests/unit/http_world.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define FLOOD (1u << 30)
#define TAKEN_MOST (64u << 20) /* what may be in the kernel's buffers */

static struct http_outcome ask(
	struct http_world *world, const char *body, const char *send, bool keep)
{
	const struct scripted_act act = {
		.send = send,
		.end = keep ? SCRIPTED_KEEP : SCRIPTED_CLOSE,
	};
	struct http_outcome outcome = {.calls = 0};

	scripted_server_add(world->server, &act);
	(void)http_world_start(world, "/path", body, TIMEOUT_MS, &outcome);
	http_world_run_until(world, &outcome.calls, 1);
	return outcome;
}

static void assert_failed(const struct http_outcome *outcome, const char *why)
{
	assert_true(outcome->failed);
	assert_true(outcome->sent);
	assert_int_equal(outcome->err.code, ERR_AGAIN);
	assert_int_equal(outcome->len, 0);
	if (!strstr(outcome->err.msg, why))
		fail_msg("\"%s\" not in \"%s\"", why, outcome->err.msg);
}

/* A connection dies under a request that it has read. */
static void test_get_on_dying_connection_may_be_repeated(void **state)
{
	static const struct scripted_act die = {.end = SCRIPTED_CLOSE};
	struct http_world *world = *state;

	scripted_server_add_json(world->server, "GET ", 200, "{}");
	scripted_server_add(world->server, &die);
	scripted_server_add_json(world->server, "GET ", 200, "{}");
	for (unsigned i = 1; i <= 2; i++) {
		struct http_outcome outcome = {.calls = 0};

		(void)http_world_start(
			world, "/path", NULL, TIMEOUT_MS, &outcome);
		http_world_run_until(world, &outcome.calls, 1);
		assert_false(outcome.failed);
	}
	assert_int_equal(scripted_server_requests(world->server), 3);
}

static void test_post_leaves_once_however_it_is_answered(void **state)
{
	static const struct scripted_act acts[] = {
		{.end = SCRIPTED_CLOSE},
		{.end = SCRIPTED_RESET},
		{.send = OK_HEAD, .end = SCRIPTED_CLOSE},
		{.send = "HTTP/1.1 408 Request Timeout\r\n"
			 "Connection: close\r\nContent-Length: 0\r\n\r\n",
			.end = SCRIPTED_CLOSE},
		{.send = "HTTP/1.1 417 Expectation Failed\r\n"
			 "Content-Length: 0\r\n\r\n"},
		{.send = "HTTP/1.1 421 Misdirected\r\nContent-Length: 0\r\n"
			 "\r\n"},
		{.send = "HTTP/1.1 503 Later\r\nRetry-After: 0\r\n"
			 "Content-Length: 0\r\n\r\n"},
		{.send = "HTTP/1.1 401 Who\r\nWWW-Authenticate: Basic\r\n"
			 "Content-Length: 0\r\n\r\n"},
		{.send = "HTTP/1.1 301 Away\r\nLocation: /other\r\n"
			 "Content-Length: 0\r\n\r\n"},
		{.send = "HTTP/1.1 308 Away\r\nLocation: /other\r\n"
			 "Content-Length: 0\r\n\r\n"},
		{.send = "HTTP/1.1 100 Continue\r\n\r\n",
			.end = SCRIPTED_CLOSE},
		{.send = "HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n"
			 "Connection: Upgrade\r\n\r\n",
			.end = SCRIPTED_CLOSE},
	};
	struct http_world *world = *state;
	unsigned count = sizeof(acts) / sizeof(acts[0]);
	struct http_outcome outcome = {.calls = 0};

	/* A kept-alive connection that a POST could be tempted to use. */
	scripted_server_add_json(world->server, "GET ", 200, "{}");
	(void)http_world_start(world, "/path", NULL, TIMEOUT_MS, &outcome);
	http_world_run_until(world, &outcome.calls, 1);
	for (unsigned i = 0; i < count; i++) {
		memset(&outcome, 0, sizeof(outcome));
		scripted_server_add(world->server, &acts[i]);
		(void)http_world_start(
			world, "/path", "{}", TIMEOUT_MS, &outcome);
		http_world_run_until(world, &outcome.calls, 1);
		http_world_run_for(world, 20);
		assert_int_equal(
			scripted_server_requests(world->server), i + 2);
	}
}

static void test_other_protocols_are_named(void **state)
{
	static const char *const greetings[] = {
		"{\"success\":true}\r\n",
		"\x15\x03\x01",
		"SSH-2.0-OpenSSH_9.2p1\r\n",
		"220 mail.example ESMTP\r\n",
		"HTTP/0.9 200 OK\r\n\r\n{\"success\":true}",
	};
	struct http_world *world = *state;

	for (size_t i = 0; i < sizeof(greetings) / sizeof(greetings[0]); i++) {
		struct http_outcome outcome =
			ask(world, "{}", greetings[i], false);

		assert_failed(&outcome, "not HTTP/1");
	}
}

/* "{}" a hundred thousand times over, once unpacked, is nothing to us. */
static void test_encoded_answer_is_broken_off(void **state)
{
	static const char *const encodings[] = {"gzip", "gzip, chunked",
		"deflate", "br", "zstd", "chunked, gzip", "identity, x"};
	struct http_world *world = *state;

	for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
		struct http_outcome outcome;
		char text[200];

		(void)snprintf(text, sizeof(text),
			OK_HEAD "transfer-encoding:  %s\r\n\r\n{}",
			encodings[i]);
		outcome = ask(world, NULL, text, false);
		assert_failed(&outcome, "encoded, unasked");
	}
}

/* An encoding of the content is not undone: it is the bytes that came. */
static void test_encoded_content_is_left_as_it_is(void **state)
{
	struct http_world *world = *state;
	struct http_outcome outcome = ask(world, NULL,
		OK_HEAD "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n"
			"\x1f\x8b\x08",
		true);

	assert_false(outcome.failed);
	assert_string_equal(outcome.body, "\x1f\x8b\x08");
	assert_null(strcasestr(
		scripted_server_request(world->server, 0), "Accept-Encoding"));
}

static void test_chunked_answer_is_put_together(void **state)
{
	struct http_world *world = *state;
	struct http_outcome outcome = ask(world, NULL,
		OK_HEAD "Transfer-Encoding: Chunked \r\n\r\n"
			"1;a=b\r\n{\r\n1\r\n}\r\n0\r\nX-After: 1\r\n\r\n",
		true);

	assert_false(outcome.failed);
	assert_string_equal(outcome.body, "{}");
}

static void assert_flood_is_broken_off(
	struct http_world *world, const char *head, const char *why)
{
	const struct scripted_act act = {.send = head, .flood = FLOOD};
	struct http_outcome outcome = {.calls = 0};
	size_t before = scripted_server_sent(world->server);

	scripted_server_add(world->server, &act);
	(void)http_world_start(world, "/path", NULL, 1000, &outcome);
	http_world_run_until(world, &outcome.calls, 1);
	assert_failed(&outcome, why);
	assert_true(scripted_server_sent(world->server) - before < TAKEN_MOST);
}

static void test_floods_are_broken_off(void **state)
{
	struct http_world *world = *state;

	assert_flood_is_broken_off(world,
		OK_HEAD "Content-Length: 1073741824\r\n\r\n", "too long");
	assert_flood_is_broken_off(world, OK_HEAD "\r\n", "too long");
	assert_flood_is_broken_off(world,
		OK_HEAD "Transfer-Encoding: chunked\r\n\r\n40000000\r\n",
		"too long");
	assert_flood_is_broken_off(world,
		OK_HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\nX-After: ", "");
	assert_flood_is_broken_off(world, "HTTP/1.1 200 ", "");
	assert_flood_is_broken_off(world, "HTTP/1.1 100 ", "");
}

static void test_early_hints_without_end_are_broken_off(void **state)
{
	static const char hint[] = "HTTP/1.1 103 Early Hints\r\n"
				   "Link: </x>\r\n\r\n";
	struct http_world *world = *state;
	struct http_outcome outcome;
	size_t count = 4000;
	char *text = calloc(count, sizeof(hint));

	assert_non_null(text);
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * (sizeof(hint) - 1), hint, sizeof(hint) - 1);
	outcome = ask(world, "{}", text, false);
	free(text);
	assert_failed(&outcome, "headers are too long");
}

static void test_contradicting_lengths_end(void **state)
{
	static const char *const heads[] = {
		"Content-Length: -1\r\n\r\n",
		"Content-Length: 99999999999999999999\r\n\r\n",
		"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
		"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
		"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
	};
	struct http_world *world = *state;

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		char text[200];

		(void)snprintf(text, sizeof(text), OK_HEAD "%s", heads[i]);
		/* An answer or none: what counts is that it ends. */
		(void)ask(world, "{}", text, false);
		assert_int_equal(
			scripted_server_requests(world->server), i + 1);
	}
}

/* What curl quotes of an answer must be fit for the journal. */
static void test_message_is_clean(void **state)
{
	struct http_world *world = *state;
	struct http_outcome outcome = ask(world, "{}",
		OK_HEAD "Transfer-Encoding: chunked\r\n\r\n\x1b[2J\xff\r\n",
		false);

	assert_true(outcome.failed);
	for (const char *c = outcome.err.msg; *c; c++)
		assert_true(*c >= ' ' && *c < 0x7f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		in_world(test_get_on_dying_connection_may_be_repeated),
		in_world(test_post_leaves_once_however_it_is_answered),
		in_world(test_other_protocols_are_named),
		in_world(test_encoded_answer_is_broken_off),
		in_world(test_encoded_content_is_left_as_it_is),
		in_world(test_chunked_answer_is_put_together),
		in_world(test_floods_are_broken_off),
		in_world(test_early_hints_without_end_are_broken_off),
		in_world(test_contradicting_lengths_end),
		in_world(test_message_is_clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
