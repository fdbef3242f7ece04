/*
 * test_mongosync.c - mongosync's answers, honest and otherwise.
 */
#include "sync_client/mongosync.h"

#include "tests/unit/http_world.h"

/* The example of MongoDB's documentation. */
#define DOCUMENTED                                                             \
	"{\"progress\":{\"state\":\"RUNNING\",\"canCommit\":true,"             \
	"\"canWrite\":false,\"info\":\"change event application\","            \
	"\"lagTimeSeconds\":3,\"totalEventsApplied\":17,"                      \
	"\"collectionCopy\":{\"estimatedTotalBytes\":694,"                     \
	"\"estimatedCopiedBytes\":600},"                                       \
	"\"directionMapping\":{\"Source\":\"cluster0: localhost:27017\","      \
	"\"Destination\":\"cluster1: localhost:27018\"},"                      \
	"\"mongosyncID\":\"shard0\",\"coordinatorID\":\"shard1\","             \
	"\"estimatedOplogTimeRemaining\":\"12 hours\","                        \
	"\"verification\":{\"source\":{\"phase\":\"stream hashing\","          \
	"\"estimatedDocumentCount\":42,\"hashedDocumentCount\":40,"            \
	"\"totalCollectionCount\":9},"                                         \
	"\"destination\":{\"phase\":\"stream hashing\"}}},\"success\":true}"

static bool parse(
	const char *body, struct sync_progress *progress, struct err *err)
{
	memset(err, 0, sizeof(*err));
	return mongosync_parse_progress(body, strlen(body), progress, err);
}

static void assert_not_told(const struct sync_progress *progress)
{
	assert_false(progress->can_commit);
	assert_false(progress->verifier);
	assert_string_equal(progress->id, "");
	assert_string_equal(progress->coordinator, "");
	assert_string_equal(progress->info, "");
	assert_string_equal(progress->oplog_left, "");
	assert_string_equal(progress->source_at, "");
	assert_string_equal(progress->destination_at, "");
	assert_int_equal(progress->lag_s, -1);
	assert_int_equal(progress->copied_bytes, -1);
	assert_int_equal(progress->total_bytes, -1);
	assert_int_equal(progress->events_applied, -1);
	assert_string_equal(progress->verifier_phase, "");
	assert_int_equal(progress->verifier_docs, -1);
}

static void test_parse_progress_documented_example(void **state)
{
	struct sync_progress progress;
	struct err err;

	(void)state;
	assert_true(parse(DOCUMENTED, &progress, &err));
	assert_int_equal(progress.phase, SYNC_PHASE_RUNNING);
	assert_string_equal(progress.phase_text, "RUNNING");
	assert_true(progress.can_commit);
	assert_false(progress.can_write);
	assert_true(progress.verifier);
	assert_string_equal(progress.verifier_phase, "stream hashing");
	assert_int_equal(progress.verifier_docs, 42);
	assert_int_equal(progress.verifier_hashed, 40);
	assert_int_equal(progress.verifier_collections, 9);
	assert_string_equal(progress.id, "shard0");
	assert_string_equal(progress.coordinator, "shard1");
	assert_string_equal(progress.info, "change event application");
	assert_string_equal(progress.oplog_left, "12 hours");
	assert_string_equal(progress.source_at, "cluster0: localhost:27017");
	assert_string_equal(
		progress.destination_at, "cluster1: localhost:27018");
	assert_int_equal(progress.lag_s, 3);
	assert_int_equal(progress.copied_bytes, 600);
	assert_int_equal(progress.total_bytes, 694);
	assert_int_equal(progress.events_applied, 17);
}

static void test_parse_progress_idle_with_nulls_everywhere(void **state)
{
	static const char idle[] =
		"{\"progress\":{\"state\":\"IDLE\",\"canCommit\":false,"
		"\"canWrite\":null,\"info\":null,\"lagTimeSeconds\":null,"
		"\"lag\":null,\"totalEventsApplied\":null,"
		"\"collectionCopy\":null,\"directionMapping\":null,"
		"\"mongosyncID\":null,\"coordinatorID\":null,"
		"\"estimatedOplogTimeRemaining\":null,\"verification\":null},"
		"\"success\":true}";
	struct sync_progress progress;
	struct err err;

	(void)state;
	assert_true(parse(idle, &progress, &err));
	assert_int_equal(progress.phase, SYNC_PHASE_IDLE);
	assert_false(progress.can_write);
	assert_not_told(&progress);
}

static void test_parse_progress_state_alone(void **state)
{
	struct sync_progress progress;
	struct err err;

	(void)state;
	/* before 1.8 there is no "success" */
	assert_true(parse(
		"{\"progress\":{\"state\":\"PAUSED\"}}", &progress, &err));
	assert_int_equal(progress.phase, SYNC_PHASE_PAUSED);
	assert_false(progress.can_write);
	assert_not_told(&progress);
}

static void test_parse_progress_other_types_everywhere(void **state)
{
	static const char odd[] =
		"{\"progress\":{\"state\":\"PAUSED\",\"canCommit\":\"yes\","
		"\"canWrite\":false,\"info\":7,\"lagTimeSeconds\":\"3\","
		"\"lag\":[1],\"totalEventsApplied\":{},"
		"\"collectionCopy\":\"none\",\"mongosyncID\":[],"
		"\"coordinatorID\":1.5,\"estimatedOplogTimeRemaining\":12,"
		"\"verification\":{\"source\":\"off\",\"destination\":0}},"
		"\"success\":1}";
	struct sync_progress progress;
	struct err err;

	(void)state;
	assert_true(parse(odd, &progress, &err));
	assert_false(progress.can_write);
	assert_not_told(&progress);
}

static void test_parse_progress_can_write_errs_on_the_safe_side(void **state)
{
	struct sync_progress progress;
	struct err err;

	(void)state;
	assert_true(parse("{\"progress\":{\"state\":\"RUNNING\","
			  "\"canWrite\":\"true\"}}",
		&progress, &err));
	assert_true(progress.can_write);
	assert_true(parse("{\"progress\":{\"state\":\"RUNNING\","
			  "\"canWrite\":true}}",
		&progress, &err));
	assert_true(progress.can_write);
}

static int64_t lag_in(const char *number)
{
	struct sync_progress progress;
	struct err err;
	char body[200];

	(void)snprintf(body, sizeof(body),
		"{\"progress\":{\"state\":\"RUNNING\",\"lagTimeSeconds\":%s}}",
		number);
	assert_true(parse(body, &progress, &err));
	return progress.lag_s;
}

static void test_parse_progress_numbers(void **state)
{
	(void)state;
	assert_int_equal(lag_in("0"), 0);
	assert_int_equal(lag_in("12.9"), 12);
	assert_int_equal(lag_in("1e3"), 1000);
	assert_true(lag_in("1e300") == INT64_MAX);
	assert_true(lag_in("9223372036854775807") == INT64_MAX);
	assert_true(lag_in("9223372036854775808.0") == INT64_MAX);
	assert_int_equal(lag_in("-1"), -1);
	assert_int_equal(lag_in("-7"), -1);
	assert_int_equal(lag_in("-0.5"), -1);
	assert_int_equal(lag_in("-1e300"), -1);
	assert_int_equal(lag_in("true"), -1);
}

static void test_parse_progress_lag_of_newer_versions(void **state)
{
	struct sync_progress progress;
	struct err err;

	(void)state;
	assert_true(parse("{\"progress\":{\"state\":\"RUNNING\",\"lag\":"
			  "{\"overallLagSeconds\":9,\"crudLagSeconds\":null},"
			  "\"lagTimeSeconds\":4}}",
		&progress, &err));
	assert_int_equal(progress.lag_s, 9);
}

static void test_parse_progress_unknown_state(void **state)
{
	struct sync_progress progress;
	struct err err;

	(void)state;
	assert_true(
		parse("{\"progress\":{\"state\":\"A\\u001bSTATE THAT IS MUCH"
		      " LONGER THAN ITS BUFFER\"}}",
			&progress, &err));
	assert_int_equal(progress.phase, SYNC_PHASE_UNKNOWN);
	assert_string_equal(
		progress.phase_text, "A STATE THAT IS MUCH LONGER THA");
}

static void test_parse_progress_long_text_is_cut_at_a_character(void **state)
{
	struct sync_progress progress;
	struct err err;
	char body[1000], info[500];

	(void)state;
	/* 'a', then euros of three bytes: 127 = 1 + 42 * 3 fits exactly, so
	 * shift by one to need a cut inside a character. */
	memcpy(info, "aa", 3);
	for (int i = 0; i < 100; i++)
		memcpy(info + 2 + 3 * i, "\xe2\x82\xac", 4);
	(void)snprintf(body, sizeof(body),
		"{\"progress\":{\"state\":\"RUNNING\",\"info\":\"%s\"}}", info);
	assert_true(parse(body, &progress, &err));
	assert_int_equal(strlen(progress.info), 2 + 41 * 3);
	assert_memory_equal(progress.info, info, 2 + 41 * 3);
}

static void assert_look_again(const char *body, const char *why)
{
	struct sync_progress progress;
	struct err err;

	assert_false(parse(body, &progress, &err));
	assert_int_equal(err.code, ERR_AGAIN);
	if (!strstr(err.msg, why))
		fail_msg("\"%s\" not in \"%s\"", why, err.msg);
}

static void test_parse_progress_success_false(void **state)
{
	(void)state;
	assert_look_again("{\"success\":false,\"error\":\"NotReady\","
			  "\"errorDescription\":\"still starting\"}",
		"NotReady: still starting");
	assert_look_again("{\"error\":\"NotReady\"}", "NotReady");
	assert_look_again("{\"success\":false,\"progress\":"
			  "{\"state\":\"RUNNING\"}}",
		"no progress");
}

static void test_parse_progress_without_state(void **state)
{
	static const char *const bodies[] = {
		"{\"progress\":{}}",
		"{\"progress\":{\"state\":null}}",
		"{\"progress\":{\"state\":3}}",
		"{\"progress\":[]}",
		"{\"progress\":\"RUNNING\",\"success\":true}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		assert_look_again(bodies[i], "names no state");
	assert_look_again("{}", "no progress");
}

static void test_parse_progress_garbage(void **state)
{
	static const char *const bodies[] = {"", "null", "[]", "\"x\"", "{",
		"<html>", "{\"progress\":{\"state\":\"RUNNING\"}} trailing",
		"{\"progress\":{\"state\":\"\xff\"}}", "HTTP/1.1 200 OK"};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		assert_look_again(bodies[i], "not a JSON object");
}

static void test_parse_progress_every_beginning_is_no_answer(void **state)
{
	struct sync_progress progress;
	struct err err;

	(void)state;
	for (size_t len = 0; len < strlen(DOCUMENTED); len++)
		assert_false(mongosync_parse_progress(
			DOCUMENTED, len, &progress, &err));
}

static enum err_code parse_reply(const char *body, struct err *err)
{
	memset(err, 0, sizeof(*err));
	if (mongosync_parse_reply(body, strlen(body), err))
		return ERR_NONE;
	return err->code;
}

static void test_parse_reply_yes_no_and_neither(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(parse_reply("{\"success\":true}", &err), ERR_NONE);
	assert_int_equal(parse_reply("{\"success\":false}", &err), ERR_STEP);
	assert_int_equal(parse_reply("{\"error\":\"X\"}", &err), ERR_STEP);
	assert_int_equal(parse_reply("{}", &err), ERR_AGAIN);
	assert_int_equal(parse_reply("{\"success\":null}", &err), ERR_AGAIN);
	assert_int_equal(parse_reply("{\"success\":1}", &err), ERR_AGAIN);
	assert_int_equal(
		parse_reply("{\"success\":\"true\"}", &err), ERR_AGAIN);
	assert_int_equal(parse_reply("[]", &err), ERR_AGAIN);
	assert_int_equal(parse_reply("{\"success\":tr", &err), ERR_AGAIN);
}

static void test_parse_reply_words_of_a_hostile_server(void **state)
{
	struct err err;
	char body[3000];
	size_t len;

	(void)state;
	(void)snprintf(body, sizeof(body),
		"{\"success\":false,\"error\":\"E\\u001b[2J\","
		"\"errorDescription\":\"mongodb://u:canary@h ");
	len = strlen(body);
	memset(body + len, 'y', 2000);
	memcpy(body + len + 2000, "\"}", 3);
	assert_int_equal(parse_reply(body, &err), ERR_STEP);
	assert_true(strlen(err.msg) < sizeof(err.msg));
	assert_null(strchr(err.msg, '\x1b'));
	assert_null(strstr(err.msg, "canary"));
	assert_non_null(strstr(err.msg, "E [2J: mongodb://***@h yyy"));
}

/* What a whole call came to. */
struct heard {
	unsigned calls;
	enum sync_reply reply;
	bool told;
	struct sync_progress progress;
	struct err err;
};

static void on_reply(void *arg, enum sync_reply reply, const struct err *err)
{
	struct heard *heard = arg;

	heard->calls++;
	heard->reply = reply;
	assert_int_equal(err == NULL, reply == SYNC_REPLY_DONE);
	if (err)
		heard->err = *err;
}

static void on_progress(
	void *arg, const struct sync_progress *progress, const struct err *err)
{
	struct heard *heard = arg;

	heard->calls++;
	assert_int_equal(err == NULL, progress != NULL);
	heard->told = progress != NULL;
	if (progress)
		heard->progress = *progress;
	if (err)
		heard->err = *err;
}

static struct heard pause_process(struct http_world *world, int64_t timeout_ms)
{
	struct heard heard = {.calls = 0};

	assert_true(mongosync_api.pause(world->http, &world->place, timeout_ms,
		on_reply, &heard, NULL, NULL));
	http_world_run_until(world, &heard.calls, 1);
	return heard;
}

static struct heard see_progress(struct http_world *world)
{
	struct heard heard = {.calls = 0};

	assert_true(mongosync_api.progress(world->http, &world->place,
		TIMEOUT_MS, on_progress, &heard, NULL, NULL));
	http_world_run_until(world, &heard.calls, 1);
	return heard;
}

static void test_progress_ok(void **state)
{
	struct http_world *world = *state;
	struct heard heard;

	scripted_server_add_json(world->server, "GET /api/v1/progress HTTP/1.1",
		200, DOCUMENTED);
	heard = see_progress(world);
	assert_true(heard.told);
	assert_int_equal(heard.progress.phase, SYNC_PHASE_RUNNING);
}

static void test_progress_bad_status_is_look_again(void **state)
{
	struct http_world *world = *state;
	struct heard heard;

	scripted_server_add_json(world->server, NULL, 500, DOCUMENTED);
	scripted_server_add_json(world->server, NULL, 500,
		"{\"success\":false,\"error\":\"Busy\"}");
	heard = see_progress(world);
	assert_false(heard.told);
	assert_int_equal(heard.err.code, ERR_AGAIN);
	heard = see_progress(world);
	assert_false(heard.told);
	assert_int_equal(heard.err.code, ERR_AGAIN);
	assert_non_null(strstr(heard.err.msg, "500: Busy"));
}

static void test_progress_nobody_there_is_look_again(void **state)
{
	struct http_world *world = *state;
	struct heard heard;

	scripted_server_stop_listening(world->server);
	heard = see_progress(world);
	assert_false(heard.told);
	assert_int_equal(heard.err.code, ERR_AGAIN);
}

static void test_pause_done(void **state)
{
	struct http_world *world = *state;
	const char *request;

	scripted_server_add_json(world->server, "POST /api/v1/pause HTTP/1.1",
		200, "{\"success\":true}");
	assert_int_equal(
		pause_process(world, TIMEOUT_MS).reply, SYNC_REPLY_DONE);
	request = scripted_server_request(world->server, 0);
	assert_string_equal(strstr(request, "\r\n\r\n"), "\r\n\r\n{}");
}

static void test_resume_done(void **state)
{
	struct http_world *world = *state;
	struct heard heard = {.calls = 0};

	scripted_server_add_json(world->server, "POST /api/v1/resume HTTP/1.1",
		200, "{\"success\":true}");
	assert_true(mongosync_api.resume(world->http, &world->place, TIMEOUT_MS,
		on_reply, &heard, NULL, NULL));
	http_world_run_until(world, &heard.calls, 1);
	assert_int_equal(heard.reply, SYNC_REPLY_DONE);
}

struct answer_case {
	int status;
	const char *body;
	enum sync_reply reply;
	enum err_code code;
};

static void test_pause_answers(void **state)
{
	static const struct answer_case cases[] = {
		{200, "{\"success\":false,\"error\":\"No\"}",
			SYNC_REPLY_REFUSED, ERR_STEP},
		{400, "{\"success\":false,\"error\":\"No\"}",
			SYNC_REPLY_REFUSED, ERR_STEP},
		{500, "{\"error\":\"No\"}", SYNC_REPLY_REFUSED, ERR_STEP},
		{500, "{\"success\":true}", SYNC_REPLY_LOST, ERR_AGAIN},
		{302, "{\"success\":true}", SYNC_REPLY_LOST, ERR_AGAIN},
		{502, "<html>bad gateway</html>", SYNC_REPLY_LOST, ERR_AGAIN},
		{404, "404 page not found", SYNC_REPLY_LOST, ERR_AGAIN},
		{200, "", SYNC_REPLY_LOST, ERR_AGAIN},
		{200, "{}", SYNC_REPLY_LOST, ERR_AGAIN},
		{200, "{\"success\":\"true\"}", SYNC_REPLY_LOST, ERR_AGAIN},
		{204, "", SYNC_REPLY_LOST, ERR_AGAIN},
	};
	struct http_world *world = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct heard heard;

		scripted_server_add_json(
			world->server, "POST ", cases[i].status, cases[i].body);
		heard = pause_process(world, TIMEOUT_MS);
		if (heard.reply != cases[i].reply ||
			heard.err.code != cases[i].code)
			fail_msg("case %zu: reply %d, code %d", i,
				(int)heard.reply, (int)heard.err.code);
	}
}

static void test_pause_nobody_there_is_refused_for_now(void **state)
{
	struct http_world *world = *state;
	struct heard heard;

	scripted_server_stop_listening(world->server);
	heard = pause_process(world, TIMEOUT_MS);
	assert_int_equal(heard.reply, SYNC_REPLY_REFUSED);
	assert_int_equal(heard.err.code, ERR_AGAIN);
}

static void test_pause_lost_answers(void **state)
{
	static const struct scripted_act acts[] = {
		{.send = NULL}, /* silence until the timeout */
		{.end = SCRIPTED_CLOSE},
		{.end = SCRIPTED_RESET},
		{.send = "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n"
			 "{\"success\":true",
			.end = SCRIPTED_CLOSE},
		{.send = "{\"success\":true}", .end = SCRIPTED_CLOSE},
	};
	struct http_world *world = *state;
	unsigned count = sizeof(acts) / sizeof(acts[0]);

	for (unsigned i = 0; i < count; i++) {
		struct heard heard;

		scripted_server_add(world->server, &acts[i]);
		heard = pause_process(world, 200);
		assert_int_equal(heard.reply, SYNC_REPLY_LOST);
		assert_int_equal(heard.err.code, ERR_AGAIN);
	}
	assert_int_equal(scripted_server_requests(world->server), count);
}

/* The leak checkers see that nothing is left of it. */
static void test_pause_cancelled(void **state)
{
	static const struct scripted_act silence = {.send = NULL};
	struct http_world *world = *state;
	struct heard heard = {.calls = 0};
	struct http_call *call;

	scripted_server_add(world->server, &silence);
	assert_true(mongosync_api.pause(world->http, &world->place, TIMEOUT_MS,
		on_reply, &heard, &call, NULL));
	http_world_run_until_requests(world, 1);
	http_cancel(call);
	http_world_run_for(world, 20);
	assert_int_equal(heard.calls, 0);
}

static void test_api_find(void **state)
{
	(void)state;
	assert_ptr_equal(sync_api_find("mongosync"), &mongosync_api);
	assert_null(sync_api_find("mongo"));
	assert_null(sync_api_find(""));
	assert_null(sync_api_find(NULL));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_progress_documented_example),
		cmocka_unit_test(
			test_parse_progress_idle_with_nulls_everywhere),
		cmocka_unit_test(test_parse_progress_state_alone),
		cmocka_unit_test(test_parse_progress_other_types_everywhere),
		cmocka_unit_test(
			test_parse_progress_can_write_errs_on_the_safe_side),
		cmocka_unit_test(test_parse_progress_numbers),
		cmocka_unit_test(test_parse_progress_lag_of_newer_versions),
		cmocka_unit_test(test_parse_progress_unknown_state),
		cmocka_unit_test(
			test_parse_progress_long_text_is_cut_at_a_character),
		cmocka_unit_test(test_parse_progress_success_false),
		cmocka_unit_test(test_parse_progress_without_state),
		cmocka_unit_test(test_parse_progress_garbage),
		cmocka_unit_test(
			test_parse_progress_every_beginning_is_no_answer),
		cmocka_unit_test(test_parse_reply_yes_no_and_neither),
		cmocka_unit_test(test_parse_reply_words_of_a_hostile_server),
		in_world(test_progress_ok),
		in_world(test_progress_bad_status_is_look_again),
		in_world(test_progress_nobody_there_is_look_again),
		in_world(test_pause_done),
		in_world(test_resume_done),
		in_world(test_pause_answers),
		in_world(test_pause_nobody_there_is_refused_for_now),
		in_world(test_pause_lost_answers),
		in_world(test_pause_cancelled),
		cmocka_unit_test(test_api_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
