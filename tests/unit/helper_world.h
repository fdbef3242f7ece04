/*
 * helper_world.h - helpers to ask, and the helper that is asked.
 *
 * The helper is the test program again: with STUB in its environment it answers
 * as each question's op says.  A test's main ends in helper_world_main().
 */
#ifndef TESTS_UNIT_HELPER_WORLD_H
#define TESTS_UNIT_HELPER_WORLD_H

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
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

static inline void say(json_t *answer)
{
	_cleanup_free_ char *text = json_dumps(answer, JSON_COMPACT);

	(void)printf("%s\n", text);
	(void)fflush(stdout);
	json_decref(answer);
}

static inline json_t *make_answer(const json_t *ask, json_t *result)
{
	return json_pack("{s:O, s:b, s:o}", "id", json_object_get(ask, "id"),
		"ok", 1, "result", result);
}

static inline unsigned count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	unsigned count = 0;

	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	(void)closedir(dir);
	return count - 1; /* the one that looked */
}

static inline json_t *describe_self(const json_t *ask)
{
	json_t *op = json_object_get(ask, "op");
	json_t *word = json_object_get(ask, "word");

	return json_pack("{s:O, s:O*, s:i, s:i, s:s*}", "op", op, "word", word,
		"pid", (int)getpid(), "descriptors", (int)count_descriptors(),
		"disable_shm", getenv("MONGOC_DISABLE_SHM"));
}

static inline void say_failure(const json_t *ask)
{
	say(json_pack("{s:O, s:b, s:O, s:s}", "id", json_object_get(ask, "id"),
		"ok", 0, "code", json_object_get(ask, "code"), "error",
		"so it is"));
}

static inline void say_in_pieces(const json_t *ask)
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

static inline void say_too_much(const char *end)
{
	for (size_t i = 0; i <= HELPER_LINE_MAX; i++)
		(void)putchar('x');
	(void)fputs(end, stdout);
	(void)fflush(stdout);
}

static inline void take_a_nap(long ms)
{
	const struct timespec pause = {.tv_nsec = ms * 1000000};

	(void)nanosleep(&pause, NULL);
}

static inline void answer_as_told(const json_t *ask)
{
	const char *op = json_string_value(json_object_get(ask, "op"));

	if (!strcmp(op, "echo")) {
		say(make_answer(ask, describe_self(ask)));
	} else if (!strcmp(op, "pieces")) {
		say_in_pieces(ask);
	} else if (!strcmp(op, "twice")) {
		say(make_answer(ask, json_object()));
		say(make_answer(ask, json_object()));
	} else if (!strcmp(op, "and later")) {
		say(make_answer(ask, describe_self(ask)));
		take_a_nap(NAP_MS / 10);
		say(make_answer(ask, describe_self(ask)));
		(void)pause();
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
		take_a_nap(NAP_MS);
		say(make_answer(ask, json_object()));
	} else { /* hang */
		(void)pause();
	}
}

static inline int be_stub(void)
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
	int answers; /* so far */
};

struct asked {
	struct world *world;
	bool done;
	struct err err;
	json_t *result; /* NULL: err */
	int order;
};

static inline int setup(void **state)
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
	*state = world;
	return 0;
}

static inline int teardown(void **state)
{
	struct world *world = *state;

	helpers_free(world->helpers);
	event_base_free(world->base);
	free(world);
	return 0;
}

static inline void note_answer(
	void *arg, const json_t *result, const struct err *err)
{
	struct asked *asked = arg;

	assert_false(asked->done);
	assert_true(!result == !!err);
	asked->done = true;
	asked->order = ++asked->world->answers;
	if (err)
		asked->err = *err;
	asked->result = json_deep_copy(result);
}

static inline void ask_json(struct asked *asked, struct world *world,
	json_t *question, int64_t timeout_ms)
{
	struct err err = {0};

	*asked = (struct asked){.world = world};
	assert_true(helpers_ask(world->helpers, question, timeout_ms,
		note_answer, asked, &err));
	assert_false(asked->done);
	json_decref(question);
}

static inline void ask(struct asked *asked, struct world *world, const char *op,
	int64_t timeout_ms)
{
	ask_json(asked, world, json_pack("{s:s}", "op", op), timeout_ms);
}

static inline void wait_for(struct asked *asked)
{
	int64_t end = sys_monotonic_ms() + PLENTY_MS;

	while (!asked->done) {
		assert_true(sys_monotonic_ms() < end);
		assert_true(
			event_base_loop(asked->world->base, EVLOOP_ONCE) == 0);
	}
}

static inline void done_with(struct asked *asked)
{
	json_decref(asked->result);
	asked->result = NULL;
}

static inline pid_t pid_in(const struct asked *asked)
{
	return (pid_t)json_integer_value(json_object_get(asked->result, "pid"));
}

/* The pid of the helper that answers now. */
static inline pid_t ask_pid(struct world *world)
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

static inline void expect_failure(struct world *world, const char *op,
	int64_t timeout_ms, enum err_code code, const char *words)
{
	struct asked asked;

	ask(&asked, world, op, timeout_ms);
	wait_for(&asked);
	assert_null(asked.result);
	assert_int_equal(asked.err.code, code);
	assert_non_null(strstr(asked.err.msg, words));
}

static inline bool is_gone(pid_t pid)
{
	return kill(pid, 0) != 0 && errno == ESRCH;
}

/* Meanwhile the loop runs, if there is one: it reaps. */
static inline void wait_until_gone(struct event_base *base, pid_t pid)
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

/* Until what was asked is on its way: the pump, then the socket. */
static inline void let_it_leave(struct world *world)
{
	for (unsigned i = 0; i < 4; i++)
		(void)event_base_loop(world->base, EVLOOP_NONBLOCK);
}

#define helper_world_test(function)                                            \
	cmocka_unit_test_setup_teardown(function, setup, teardown)

/* False: this kernel, or valgrind in its place, has no pidfd. */
static inline bool helper_world_prepare(void)
{
	int fd = pidfd_open(getpid(), 0);

	if (fd < 0)
		return false;
	(void)close(fd);
	(void)setenv(STUB, "1", 1);
	(void)signal(SIGPIPE, SIG_IGN);
	return true;
}

#define helper_world_main(tests)                                               \
	(getenv(STUB) ? be_stub()                                              \
		: helper_world_prepare()                                       \
			? cmocka_run_group_tests(tests, NULL, NULL)            \
			: 77 /* skipped */)

#endif
