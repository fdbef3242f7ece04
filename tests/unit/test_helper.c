/*
 * test_helper.c - one question at a time, to helpers that behave and others.
 */
#include "tests/unit/helper_world.h"

enum {
	LONGER_MS = 1100, /* more than a second */
};

/* ---- answers ---- */

static void test_helpers_ask_passes_members_and_gets_the_result(void **state)
{
	struct asked asked;

	ask_json(&asked, *state,
		json_pack("{s:s, s:s}", "op", "echo", "word", "h\u00e9"),
		PLENTY_MS);
	wait_for(&asked);
	assert_non_null(asked.result);
	assert_string_equal(
		json_string_value(json_object_get(asked.result, "word")),
		"h\u00e9");
	done_with(&asked);
}

static void test_helpers_ask_keeps_its_helper(void **state)
{
	pid_t first = ask_pid(*state);

	assert_int_equal(ask_pid(*state), first);
	assert_int_equal(ask_pid(*state), first);
}

static void test_helpers_ask_reads_an_answer_in_pieces(void **state)
{
	struct asked asked;

	ask(&asked, *state, "pieces", PLENTY_MS);
	wait_for(&asked);
	assert_non_null(asked.result);
	done_with(&asked);
}

static void test_helpers_ask_knows_every_code(void **state)
{
	static const struct {
		const char *word;
		enum err_code code;
	} codes[] = {
		{"again", ERR_AGAIN},
		{"step", ERR_STEP},
		{"decide", ERR_DECIDE},
		{"config", ERR_CONFIG},
		{"storage", ERR_STORAGE},
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct asked asked;

		ask_json(&asked, *state,
			json_pack("{s:s, s:s}", "op", "fail", "code",
				codes[i].word),
			PLENTY_MS);
		wait_for(&asked);
		assert_null(asked.result);
		assert_int_equal(asked.err.code, codes[i].code);
		assert_string_equal(asked.err.msg, "so it is");
	}
}

static void test_helpers_ask_keeps_the_helper_after_a_failure(void **state)
{
	pid_t first = ask_pid(*state);
	struct asked asked;

	ask_json(&asked, *state,
		json_pack("{s:s, s:s}", "op", "fail", "code", "again"),
		PLENTY_MS);
	wait_for(&asked);
	assert_int_equal(ask_pid(*state), first);
}

static void test_helpers_ask_refuses_a_question_too_long(void **state)
{
	struct world *world = *state;
	_cleanup_free_ char *word = calloc(1, HELPER_LINE_MAX + 1);
	_cleanup_json_ json_t *question = NULL;
	struct asked asked = {.world = world};
	struct err err = {0};

	assert_non_null(word);
	memset(word, 'x', HELPER_LINE_MAX);
	question = json_pack("{s:s, s:s}", "op", "echo", "word", word);
	assert_false(helpers_ask(world->helpers, question, PLENTY_MS,
		note_answer, &asked, &err));
	assert_int_equal(err.code, ERR_BUG);
	(void)ask_pid(world);
	assert_false(asked.done);
}

/* ---- helpers that misbehave: killed, and the next one answers ---- */

static void expect_new_helper(struct world *world, pid_t before)
{
	assert_int_not_equal(ask_pid(world), before);
	wait_until_gone(world->base, before);
}

static void test_helpers_ask_kills_a_helper_that_hangs(void **state)
{
	pid_t before = ask_pid(*state);
	int64_t start = sys_monotonic_ms();

	expect_failure(*state, "hang", LONGER_MS, ERR_AGAIN, "no answer");
	assert_true(sys_monotonic_ms() - start >= LONGER_MS);
	expect_new_helper(*state, before);
}

static void test_helpers_ask_kills_a_helper_that_talks_nonsense(void **state)
{
	static const char *const nonsense[] = {
		"garbage", "other id", "no result"};

	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		pid_t before = ask_pid(*state);

		expect_failure(*state, nonsense[i], PLENTY_MS, ERR_STEP,
			"cannot be understood");
		expect_new_helper(*state, before);
	}
}

static void test_helpers_ask_refuses_a_code_it_does_not_know(void **state)
{
	struct asked asked;

	ask_json(&asked, *state,
		json_pack("{s:s, s:s}", "op", "fail", "code", "perhaps"),
		PLENTY_MS);
	wait_for(&asked);
	assert_int_equal(asked.err.code, ERR_STEP);
}

static void test_helpers_ask_kills_a_helper_that_talks_too_much(void **state)
{
	static const char *const floods[] = {"long line", "endless line"};

	for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
		pid_t before = ask_pid(*state);

		expect_failure(*state, floods[i], PLENTY_MS, ERR_STEP,
			"is longer than");
		expect_new_helper(*state, before);
	}
}

static void end_loop(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)event_base_loopbreak(arg);
}

static void run_loop_for(struct event_base *base, long ms)
{
	const struct timeval tv = {.tv_usec = ms * 1000};

	assert_int_equal(
		event_base_once(base, -1, EV_TIMEOUT, end_loop, base, &tv), 0);
	(void)event_base_dispatch(base);
}

static void test_helpers_ask_forgets_the_deadline_of_the_past(void **state)
{
	static const char *const ops[] = {"echo", "exit 3", "garbage"};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		struct asked asked;
		int answers;

		ask(&asked, world, ops[i], SHORT_MS);
		wait_for(&asked);
		answers = world->answers;
		run_loop_for(world->base, 2 * SHORT_MS);
		assert_int_equal(world->answers, answers);
		done_with(&asked);
	}
}

static void test_helpers_ask_says_how_a_helper_ended(void **state)
{
	expect_failure(*state, "exit 3", PLENTY_MS, ERR_AGAIN, "exit status 3");
	expect_failure(*state, "signal 9", PLENTY_MS, ERR_AGAIN, "signal 9");
	(void)ask_pid(*state);
}

static void test_helpers_ask_kills_a_helper_that_closes_its_end(void **state)
{
	pid_t before = ask_pid(*state);

	expect_failure(*state, "close", PLENTY_MS, ERR_AGAIN, "signal 9");
	expect_new_helper(*state, before);
}

static void test_helpers_ask_never_takes_a_second_answer(void **state)
{
	struct asked asked;

	ask(&asked, *state, "twice", PLENTY_MS);
	wait_for(&asked);
	assert_non_null(asked.result);
	done_with(&asked);
	/* The spare answer must not be taken for this question's. */
	ask(&asked, *state, "echo", PLENTY_MS);
	wait_for(&asked);
	if (asked.result)
		assert_non_null(json_object_get(asked.result, "pid"));
	else
		assert_true(asked.err.code == ERR_STEP ||
			    asked.err.code == ERR_AGAIN);
	done_with(&asked);
	(void)ask_pid(*state);
}

static void test_helpers_ask_kills_a_helper_that_speaks_unasked(void **state)
{
	struct world *world = *state;
	struct asked asked;
	pid_t pid;

	ask(&asked, world, "and later", PLENTY_MS);
	wait_for(&asked);
	assert_non_null(asked.result);
	pid = pid_in(&asked);
	done_with(&asked);
	wait_until_gone(world->base, pid);
	(void)ask_pid(world);
}

static void test_helpers_ask_replaces_a_helper_that_died_idle(void **state)
{
	struct world *world = *state;
	pid_t before = ask_pid(world);

	assert_int_equal(kill(before, SIGKILL), 0);
	wait_until_gone(world->base, before);
	expect_new_helper(world, before);
}

static void test_helpers_ask_reports_what_cannot_be_executed(void **state)
{
	struct world *world = *state;
	char path[] = "/tmp/syncup-test-helper-XXXXXX";
	int fd = mkstemp(path);
	struct err err = {0};
	struct asked asked;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "no program\n", 11), 11);
	assert_int_equal(fchmod(fd, 0700), 0);
	assert_int_equal(close(fd), 0);
	helpers_free(world->helpers);
	world->helpers = NULL;
	assert_true(helpers_new(world->base, path, &world->helpers, &err));
	ask(&asked, world, "echo", PLENTY_MS);
	wait_for(&asked);
	assert_null(asked.result);
	assert_int_equal(asked.err.code, ERR_AGAIN);
	assert_non_null(strstr(asked.err.msg, path));
	assert_int_equal(asked.err.sys, ENOEXEC);
	/* It was being replaced: the next question finds it whole. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(world->self, path), 0);
	(void)ask_pid(world);
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		helper_world_test(
			test_helpers_ask_passes_members_and_gets_the_result),
		helper_world_test(test_helpers_ask_keeps_its_helper),
		helper_world_test(test_helpers_ask_reads_an_answer_in_pieces),
		helper_world_test(test_helpers_ask_knows_every_code),
		helper_world_test(
			test_helpers_ask_keeps_the_helper_after_a_failure),
		helper_world_test(test_helpers_ask_refuses_a_question_too_long),
		helper_world_test(test_helpers_ask_kills_a_helper_that_hangs),
		helper_world_test(
			test_helpers_ask_kills_a_helper_that_talks_nonsense),
		helper_world_test(
			test_helpers_ask_refuses_a_code_it_does_not_know),
		helper_world_test(
			test_helpers_ask_kills_a_helper_that_talks_too_much),
		helper_world_test(
			test_helpers_ask_forgets_the_deadline_of_the_past),
		helper_world_test(test_helpers_ask_says_how_a_helper_ended),
		helper_world_test(
			test_helpers_ask_kills_a_helper_that_closes_its_end),
		helper_world_test(test_helpers_ask_never_takes_a_second_answer),
		helper_world_test(
			test_helpers_ask_kills_a_helper_that_speaks_unasked),
		helper_world_test(
			test_helpers_ask_replaces_a_helper_that_died_idle),
		helper_world_test(
			test_helpers_ask_reports_what_cannot_be_executed),
	};

	return helper_world_main(tests);
}
