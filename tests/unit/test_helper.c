/*
 * test_helper.c - the asking side against a helper that misbehaves.
 *
 * The helper is this program again: with STUB in its environment it answers as
 * each question's op says.
 */
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/engine/helper.h"

#define STUB "SYNCUP_TEST_STUB_HELPER"

enum {
	PLENTY_MS = 20000, /* a deadline that no test waits for */
	SHORT_MS = 150,
	NAP_MS = 900,
};

/* ---- the stub ---- */

static void say(json_t *answer)
{
	_cleanup_free_ char *text = json_dumps(answer, JSON_COMPACT);

	(void)printf("%s\n", text);
	(void)fflush(stdout);
	json_decref(answer);
}

static json_t *make_answer(const json_t *ask, json_t *result)
{
	return json_pack("{s:O, s:b, s:o}", "id", json_object_get(ask, "id"),
		"ok", 1, "result", result);
}

static unsigned count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	unsigned count = 0;

	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	(void)closedir(dir);
	return count - 1; /* the one that looked */
}

static json_t *describe_self(const json_t *ask)
{
	json_t *op = json_object_get(ask, "op");
	json_t *word = json_object_get(ask, "word");

	return json_pack("{s:O, s:O*, s:i, s:i}", "op", op, "word", word, "pid",
		(int)getpid(), "descriptors", (int)count_descriptors());
}

static void say_failure(const json_t *ask)
{
	say(json_pack("{s:O, s:b, s:O, s:s}", "id", json_object_get(ask, "id"),
		"ok", 0, "code", json_object_get(ask, "code"), "error",
		"so it is"));
}

static void say_in_pieces(const json_t *ask)
{
	json_t *answer = make_answer(ask, describe_self(ask));
	_cleanup_free_ char *text = json_dumps(answer, JSON_COMPACT);
	const struct timespec pause = {.tv_nsec = 1000000};

	for (const char *c = text; *c; c++) {
		(void)putchar(*c);
		(void)fflush(stdout);
		(void)nanosleep(&pause, NULL);
	}
	(void)puts("");
	(void)fflush(stdout);
	json_decref(answer);
}

static void say_too_much(const char *end)
{
	for (size_t i = 0; i <= HELPER_LINE_MAX; i++)
		(void)putchar('x');
	(void)fputs(end, stdout);
	(void)fflush(stdout);
}

static void take_a_nap(void)
{
	const struct timespec pause = {.tv_nsec = NAP_MS * 1000000L};

	(void)nanosleep(&pause, NULL);
}

static void answer_as_told(const json_t *ask)
{
	const char *op = json_string_value(json_object_get(ask, "op"));

	if (!strcmp(op, "echo")) {
		say(make_answer(ask, describe_self(ask)));
	} else if (!strcmp(op, "pieces")) {
		say_in_pieces(ask);
	} else if (!strcmp(op, "twice")) {
		say(make_answer(ask, json_object()));
		say(make_answer(ask, json_object()));
	} else if (!strcmp(op, "fail")) {
		say_failure(ask);
	} else if (!strcmp(op, "garbage")) {
		(void)puts("it is sunny today");
		(void)fflush(stdout);
	} else if (!strcmp(op, "other id")) {
		say(json_pack("{s:i, s:b, s:{}}", "id", -1, "ok", 1, "result"));
	} else if (!strcmp(op, "no result")) {
		say(json_pack("{s:O, s:b}", "id", json_object_get(ask, "id"),
			"ok", 1));
	} else if (!strcmp(op, "long line")) {
		say_too_much("\n");
	} else if (!strcmp(op, "endless line")) {
		say_too_much("");
	} else if (!strcmp(op, "exit 3")) {
		_exit(3);
	} else if (!strcmp(op, "signal 9")) {
		(void)raise(SIGKILL);
	} else if (!strcmp(op, "close")) {
		(void)close(STDIN_FILENO);
		(void)close(STDOUT_FILENO);
		(void)pause();
	} else if (!strcmp(op, "nap")) {
		take_a_nap();
		say(make_answer(ask, json_object()));
	} else { /* hang */
		(void)pause();
	}
}

static int be_stub(void)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		_cleanup_json_ json_t *ask = json_loads(line, 0, NULL);

		answer_as_told(ask);
	}
	return 0;
}

/* ---- the asking side ---- */

struct world {
	struct event_base *base;
	struct helpers *helpers;
	char self[PATH_MAX];
};

struct asked {
	struct world *world;
	bool done;
	struct err err;
	json_t *result; /* NULL: err */
	int order;
};

static int answers; /* so far in this test */

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct err err = {0};

	assert_non_null(world);
	assert_true(readlink("/proc/self/exe", world->self,
			    sizeof(world->self) - 1) > 0);
	world->base = event_base_new();
	assert_non_null(world->base);
	assert_true(
		helpers_new(world->base, world->self, &world->helpers, &err));
	answers = 0;
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	helpers_free(world->helpers);
	event_base_free(world->base);
	free(world);
	return 0;
}

static void note_answer(void *arg, const json_t *result, const struct err *err)
{
	struct asked *asked = arg;

	assert_false(asked->done);
	assert_true(!result == !!err);
	asked->done = true;
	asked->order = ++answers;
	if (err)
		asked->err = *err;
	asked->result = json_deep_copy(result);
}

static void ask_json(struct asked *asked, struct world *world, json_t *question,
	int64_t timeout_ms)
{
	struct err err = {0};

	*asked = (struct asked){.world = world};
	assert_true(helpers_ask(world->helpers, question, timeout_ms,
		note_answer, asked, &err));
	assert_false(asked->done);
	json_decref(question);
}

static void ask(struct asked *asked, struct world *world, const char *op,
	int64_t timeout_ms)
{
	ask_json(asked, world, json_pack("{s:s}", "op", op), timeout_ms);
}

static void wait_for(struct asked *asked)
{
	int64_t end = sys_monotonic_ms() + PLENTY_MS;

	while (!asked->done) {
		assert_true(sys_monotonic_ms() < end);
		assert_true(
			event_base_loop(asked->world->base, EVLOOP_ONCE) == 0);
	}
}

static void done_with(struct asked *asked)
{
	json_decref(asked->result);
	asked->result = NULL;
}

static pid_t pid_in(const struct asked *asked)
{
	return (pid_t)json_integer_value(json_object_get(asked->result, "pid"));
}

/* The pid of the helper that answers now. */
static pid_t ask_pid(struct world *world)
{
	struct asked asked;
	pid_t pid;

	ask(&asked, world, "echo", PLENTY_MS);
	wait_for(&asked);
	assert_non_null(asked.result);
	pid = pid_in(&asked);
	done_with(&asked);
	return pid;
}

static void expect_failure(struct world *world, const char *op,
	int64_t timeout_ms, enum err_code code, const char *words)
{
	struct asked asked;

	ask(&asked, world, op, timeout_ms);
	wait_for(&asked);
	assert_null(asked.result);
	assert_int_equal(asked.err.code, code);
	assert_non_null(strstr(asked.err.msg, words));
}

static bool is_gone(pid_t pid)
{
	return kill(pid, 0) != 0 && errno == ESRCH;
}

/* Meanwhile the loop runs, if there is one: it reaps. */
static void wait_until_gone(struct event_base *base, pid_t pid)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	int64_t end = sys_monotonic_ms() + PLENTY_MS;

	while (!is_gone(pid)) {
		assert_true(sys_monotonic_ms() < end);
		if (base)
			(void)event_base_loop(base, EVLOOP_NONBLOCK);
		(void)nanosleep(&pause, NULL);
	}
}

/* ---- answers ---- */

static void test_helpers_ask_passes_members_and_gets_the_result(void **state)
{
	struct asked asked;

	ask_json(&asked, *state,
		json_pack("{s:s, s:s}", "op", "echo", "word", "h\u00e9"),
		PLENTY_MS);
	wait_for(&asked);
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

	expect_failure(*state, "hang", SHORT_MS, ERR_AGAIN, "no answer");
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

/* ---- several questions ---- */

static void test_helpers_ask_uses_no_more_helpers_than_allowed(void **state)
{
	enum { COUNT = 3 * HELPERS_MAX };
	struct asked asked[COUNT];
	pid_t pids[HELPERS_MAX] = {0};

	for (size_t i = 0; i < COUNT; i++)
		ask(&asked[i], *state, "pieces", PLENTY_MS);
	for (size_t i = 0; i < COUNT; i++) {
		size_t known = 0;

		wait_for(&asked[i]);
		while (known < HELPERS_MAX && pids[known] &&
			pids[known] != pid_in(&asked[i]))
			known++;
		assert_true(known < HELPERS_MAX);
		pids[known] = pid_in(&asked[i]);
		done_with(&asked[i]);
	}
	assert_true(pids[HELPERS_MAX - 1] > 0); /* side by side */
}

static void test_helpers_ask_hands_questions_out_in_order(void **state)
{
	struct asked hanging[HELPERS_MAX - 1], asked[4];

	/* All but one are busy, so that there is one order. */
	for (size_t i = 0; i < HELPERS_MAX - 1; i++)
		ask(&hanging[i], *state, "hang", PLENTY_MS);
	for (size_t i = 0; i < 4; i++)
		ask(&asked[i], *state, "echo", PLENTY_MS);
	for (size_t i = 0; i < 4; i++) {
		wait_for(&asked[i]);
		assert_int_equal(asked[i].order, (int)i + 1);
		done_with(&asked[i]);
	}
}

/* Waiting for others is not the helper's fault. */
static void test_helpers_ask_counts_time_from_the_hand_over(void **state)
{
	struct asked napping[HELPERS_MAX], asked;

	for (size_t i = 0; i < HELPERS_MAX; i++)
		ask(&napping[i], *state, "nap", PLENTY_MS);
	ask(&asked, *state, "echo", NAP_MS * 2 / 3);
	wait_for(&asked);
	assert_non_null(asked.result);
	done_with(&asked);
	for (size_t i = 0; i < HELPERS_MAX; i++) {
		wait_for(&napping[i]);
		done_with(&napping[i]);
	}
}

struct asking_again {
	struct asked asked;
	unsigned left;
};

static void ask_again(void *arg, const json_t *result, const struct err *err)
{
	struct asking_again *again = arg;
	_cleanup_json_ json_t *question = json_pack("{s:s}", "op", "exit 3");

	assert_null(result);
	assert_int_equal(err->code, ERR_AGAIN);
	if (--again->left == 0)
		again->asked.done = true;
	else
		assert_true(helpers_ask(again->asked.world->helpers, question,
			PLENTY_MS, ask_again, again, NULL));
}

static void test_helpers_ask_may_be_called_from_an_answer(void **state)
{
	struct asking_again again = {.asked = {.world = *state}, .left = 5};
	_cleanup_json_ json_t *question = json_pack("{s:s}", "op", "exit 3");

	assert_true(helpers_ask(again.asked.world->helpers, question, PLENTY_MS,
		ask_again, &again, NULL));
	wait_for(&again.asked);
}

/* ---- forgetting and freeing ---- */

static void test_helpers_forget_a_question_that_waits(void **state)
{
	struct world *world = *state;
	struct asked hanging[HELPERS_MAX], forgotten;

	for (size_t i = 0; i < HELPERS_MAX; i++)
		ask(&hanging[i], world, "hang", SHORT_MS);
	ask(&forgotten, world, "echo", PLENTY_MS);
	assert_true(helpers_forget(world->helpers, &forgotten));
	assert_false(helpers_forget(world->helpers, &forgotten));
	for (size_t i = 0; i < HELPERS_MAX; i++)
		wait_for(&hanging[i]);
	(void)ask_pid(world);
	assert_false(forgotten.done);
}

/* Or it would go on changing what somebody else has to do with now. */
static void test_helpers_forget_ends_what_is_under_way(void **state)
{
	struct world *world = *state;
	pid_t before = ask_pid(world);
	struct asked forgotten;

	ask(&forgotten, world, "hang", PLENTY_MS);
	(void)event_base_loop(world->base, EVLOOP_ONCE);
	assert_true(helpers_forget(world->helpers, &forgotten));
	wait_until_gone(world->base, before);
	(void)ask_pid(world);
	assert_false(forgotten.done);
}

static void test_helpers_forget_somebody_unknown(void **state)
{
	struct world *world = *state;
	struct asked asked;

	ask(&asked, world, "echo", PLENTY_MS);
	assert_false(helpers_forget(world->helpers, world));
	wait_for(&asked);
	assert_non_null(asked.result);
	done_with(&asked);
}

static void test_helpers_free_ends_helpers_and_calls_nobody(void **state)
{
	struct world *world = *state;
	pid_t pid = ask_pid(world);
	struct asked asked[HELPERS_MAX + 1];

	for (size_t i = 0; i < HELPERS_MAX + 1; i++)
		ask(&asked[i], world, "hang", PLENTY_MS);
	(void)event_base_loop(world->base, EVLOOP_ONCE);
	helpers_free(world->helpers);
	world->helpers = NULL;
	assert_true(is_gone(pid));
	(void)event_base_loop(world->base, EVLOOP_NONBLOCK);
	for (size_t i = 0; i < HELPERS_MAX + 1; i++)
		assert_false(asked[i].done);
}

static void free_helpers(void *arg, const json_t *result, const struct err *err)
{
	struct asked *asked = arg;

	note_answer(arg, result, err);
	helpers_free(asked->world->helpers);
	asked->world->helpers = NULL;
}

static void test_helpers_free_from_an_answer(void **state)
{
	static const char *const ops[] = {
		"echo", "garbage", "exit 3", "hang", "endless line"};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		_cleanup_json_ json_t *question =
			json_pack("{s:s}", "op", ops[i]);
		struct asked asked = {.world = world}, waiting;
		struct err err = {0};

		assert_true(helpers_ask(world->helpers, question, SHORT_MS,
			free_helpers, &asked, &err));
		ask(&waiting, world, "hang", PLENTY_MS);
		wait_for(&asked);
		assert_false(waiting.done);
		done_with(&asked);
		assert_true(helpers_new(
			world->base, world->self, &world->helpers, &err));
	}
}

/* ---- what a helper inherits, and whom it outlives ---- */

static void test_helper_inherits_no_descriptor(void **state)
{
	int fd = open("/dev/null", O_RDONLY); /* would survive an exec */
	struct asked asked;

	assert_true(fd >= 0);
	ask(&asked, *state, "echo", PLENTY_MS);
	wait_for(&asked);
	assert_int_equal(json_integer_value(
				 json_object_get(asked.result, "descriptors")),
		3);
	done_with(&asked);
	assert_int_equal(close(fd), 0);
}

/* In a copy of us, which is killed while its helper works. */
static _Noreturn void die_with_a_helper(const char *self, int tell)
{
	struct world world = {.base = event_base_new()};
	struct asked asked;
	pid_t pid;

	(void)snprintf(world.self, sizeof(world.self), "%s", self);
	if (!helpers_new(world.base, self, &world.helpers, NULL))
		_exit(1);
	pid = ask_pid(&world);
	ask(&asked, &world, "hang", PLENTY_MS);
	(void)event_base_loop(world.base, EVLOOP_ONCE);
	if (write(tell, &pid, sizeof(pid)) != sizeof(pid))
		_exit(1);
	(void)raise(SIGKILL);
	_exit(1);
}

static void test_helper_dies_with_us(void **state)
{
	struct world *world = *state;
	pid_t copy, helper;
	int told[2], status;

	assert_int_equal(pipe(told), 0);
	copy = fork();
	assert_true(copy >= 0);
	if (copy == 0)
		die_with_a_helper(world->self, told[1]);
	assert_int_equal(waitpid(copy, &status, 0), copy);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(
		read(told[0], &helper, sizeof(helper)), sizeof(helper));
	wait_until_gone(NULL, helper);
	assert_int_equal(close(told[0]), 0);
	assert_int_equal(close(told[1]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, setup, teardown)
		TEST(test_helpers_ask_passes_members_and_gets_the_result),
		TEST(test_helpers_ask_keeps_its_helper),
		TEST(test_helpers_ask_reads_an_answer_in_pieces),
		TEST(test_helpers_ask_knows_every_code),
		TEST(test_helpers_ask_keeps_the_helper_after_a_failure),
		TEST(test_helpers_ask_refuses_a_question_too_long),
		TEST(test_helpers_ask_kills_a_helper_that_hangs),
		TEST(test_helpers_ask_kills_a_helper_that_talks_nonsense),
		TEST(test_helpers_ask_refuses_a_code_it_does_not_know),
		TEST(test_helpers_ask_kills_a_helper_that_talks_too_much),
		TEST(test_helpers_ask_says_how_a_helper_ended),
		TEST(test_helpers_ask_kills_a_helper_that_closes_its_end),
		TEST(test_helpers_ask_never_takes_a_second_answer),
		TEST(test_helpers_ask_replaces_a_helper_that_died_idle),
		TEST(test_helpers_ask_reports_what_cannot_be_executed),
		TEST(test_helpers_ask_uses_no_more_helpers_than_allowed),
		TEST(test_helpers_ask_hands_questions_out_in_order),
		TEST(test_helpers_ask_counts_time_from_the_hand_over),
		TEST(test_helpers_ask_may_be_called_from_an_answer),
		TEST(test_helpers_forget_a_question_that_waits),
		TEST(test_helpers_forget_ends_what_is_under_way),
		TEST(test_helpers_forget_somebody_unknown),
		TEST(test_helpers_free_ends_helpers_and_calls_nobody),
		TEST(test_helpers_free_from_an_answer),
		TEST(test_helper_inherits_no_descriptor),
		TEST(test_helper_dies_with_us),
#undef TEST
	};

	if (getenv(STUB))
		return be_stub();
	(void)setenv(STUB, "1", 1);
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
