/*
 * test_child.c - children on the event loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "state/sys.h"
#include "supervisor/engine/child.h"

#define DEADLINE_MS 20000

struct ended {
	unsigned times;
	int status;
	bool timed_out;
	char *output;
	size_t len;
	struct child *kill; /* killed in the callback */
};

static struct event_base *base;

static int setup(void **state)
{
	struct ended *ended = calloc(1, sizeof(*ended));

	base = event_base_new();
	*state = ended;
	return base == NULL || ended == NULL;
}

static int teardown(void **state)
{
	struct ended *ended = *state;

	event_base_free(base);
	free(ended->output);
	free(ended);
	return 0;
}

static void on_end(void *arg, const struct child_end *end)
{
	struct ended *ended = arg;

	ended->times++;
	ended->status = end->status;
	ended->timed_out = end->timed_out;
	ended->len = end->len;
	free(ended->output);
	ended->output = strdup(end->output);
	child_kill(ended->kill);
}

static void loop_for(int64_t ms)
{
	const struct timeval tick = {.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	(void)event_base_loopexit(base, &tick);
	(void)event_base_dispatch(base);
}

static void await(const struct ended *ended)
{
	int64_t deadline = sys_monotonic_ms() + DEADLINE_MS;

	while (ended->times == 0) {
		assert_true(sys_monotonic_ms() < deadline);
		loop_for(20);
	}
	assert_int_equal(ended->times, 1);
}

static struct child *run_shell(
	const char *script, int64_t timeout_ms, struct ended *ended)
{
	char *argv[] = {"sh", "-c", NULL, NULL};
	struct child *child = NULL;
	struct err err = {0};

	argv[2] = strdup(script);
	if (!child_run(
		    base, argv, NULL, timeout_ms, on_end, ended, &child, &err))
		fail_msg("%s", err.msg);
	free(argv[2]);
	assert_int_equal(ended->times, 0);
	return child;
}

static void assert_exit_status(const struct ended *ended, int status)
{
	assert_true(WIFEXITED(ended->status));
	assert_int_equal(WEXITSTATUS(ended->status), status);
}

static void test_run_gives_output_and_status(void **state)
{
	struct ended *ended = *state;

	(void)run_shell("echo one; echo two >&2; exit 7", 0, ended);
	await(ended);
	assert_exit_status(ended, 7);
	assert_string_equal(ended->output, "one\ntwo\n");
	assert_int_equal(ended->len, 8);
	assert_false(ended->timed_out);
}

static void test_run_uses_the_environment_given(void **state)
{
	struct ended *ended = *state;
	char *argv[] = {"/bin/sh", "-c", "echo $TONE $HOME", NULL};
	char *env[] = {"TONE=low", NULL};

	assert_true(child_run(base, argv, env, 0, on_end, ended, NULL, NULL));
	await(ended);
	assert_string_equal(ended->output, "low\n");
}

static void test_run_reports_a_failing_exec(void **state)
{
	struct ended *ended = *state;
	char *missing[] = {"no-such-program-anywhere", NULL};
	char *other[] = {"/etc/passwd", NULL};
	struct err err = {0};

	assert_false(
		child_run(base, missing, NULL, 0, on_end, ended, NULL, &err));
	assert_int_equal(err.code, ERR_STEP);
	assert_int_equal(err.sys, ENOENT);
	assert_non_null(strstr(err.msg, missing[0]));
	assert_false(
		child_run(base, other, NULL, 0, on_end, ended, NULL, &err));
	assert_int_equal(err.sys, EACCES);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* reaped */
	loop_for(50);
	assert_int_equal(ended->times, 0);
}

/* A binary of another architecture must not be taken for a shell script. */
static void test_run_does_not_interpret_a_foreign_binary(void **state)
{
	struct ended *ended = *state;
	char path[] = "/tmp/syncup-test-XXXXXX";
	char *argv[] = {path, NULL};
	struct err err = {0};
	int fd = mkstemp(path);

	assert_true(write(fd, "echo fooled\n", 12) == 12);
	(void)fchmod(fd, 0700);
	(void)close(fd);
	assert_false(child_run(base, argv, NULL, 0, on_end, ended, NULL, &err));
	assert_int_equal(err.sys, ENOEXEC);
	(void)unlink(path);
}

static void test_run_times_out(void **state)
{
	struct ended *ended = *state;
	int64_t began = sys_monotonic_ms();

	(void)run_shell("echo begun; exec sleep 60", 300, ended);
	await(ended);
	assert_true(ended->timed_out);
	assert_true(WIFSIGNALED(ended->status));
	assert_string_equal(ended->output, "begun\n");
	assert_true(sys_monotonic_ms() - began >= 300);
}

/* Dead, whether somebody has reaped it or not. */
static bool is_dead(pid_t pid)
{
	char path[40], text[200] = "";
	const char *name_end;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return true;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	(void)fclose(file);
	name_end = strrchr(text, ')');
	return !name_end || name_end[2] == 'Z' || name_end[2] == 'X';
}

static void test_run_from_takes_what_it_started_along(void **state)
{
	struct ended *ended = *state;
	char *argv[] = {"sh", "-c", "sleep 60 & echo $!; wait", NULL};
	int64_t deadline = sys_monotonic_ms() + DEADLINE_MS;
	int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	pid_t left;

	assert_true(input >= 0);
	assert_true(child_run_from(
		base, argv, input, 300, on_end, ended, NULL, NULL));
	(void)close(input);
	await(ended);
	assert_true(ended->timed_out);
	left = (pid_t)strtol(ended->output, NULL, 10);
	assert_true(left > 1);
	while (!is_dead(left)) {
		assert_true(sys_monotonic_ms() < deadline);
		loop_for(20);
	}
}

static void test_run_keeps_the_end_of_much_output(void **state)
{
	struct ended *ended = *state;

	(void)run_shell("yes | head -c 1000000; echo last", 0, ended);
	await(ended);
	assert_exit_status(ended, 0);
	assert_true(ended->len <= CHILD_OUTPUT_MAX);
	assert_true(ended->len >= CHILD_OUTPUT_MAX / 2);
	assert_string_equal(ended->output + ended->len - 5, "last\n");
}

static void test_run_does_not_wait_for_what_it_left(void **state)
{
	struct ended *ended = *state;
	int64_t began = sys_monotonic_ms();

	(void)run_shell("sleep 30 & echo $!", 0, ended);
	await(ended);
	assert_exit_status(ended, 0);
	assert_true(sys_monotonic_ms() - began < 15000);
	pid_t left = (pid_t)strtol(ended->output, NULL, 10);
	assert_true(left > 1);
	assert_int_equal(kill(left, SIGKILL), 0); /* it was left alone */
}

static void test_run_waits_for_output_after_its_end(void **state)
{
	struct ended *ended = *state;

	(void)run_shell("(sleep 0.3; echo late) & echo early", 0, ended);
	await(ended);
	assert_exit_status(ended, 0);
	assert_string_equal(ended->output, "early\nlate\n");
}

/* The other order: its output ends long before it does. */
static void test_run_waits_for_one_that_closed_its_output(void **state)
{
	struct ended *ended = *state;

	(void)run_shell("exec >&- 2>&-; sleep 0.3; exit 5", 0, ended);
	await(ended);
	assert_exit_status(ended, 5);
}

static void test_run_to_writes_elsewhere(void **state)
{
	struct ended *ended = *state;
	char *argv[] = {"sh", "-c", "echo there", NULL};
	char text[16] = "";
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_true(child_run_to(
		base, argv, NULL, ends[1], 0, on_end, ended, NULL, NULL));
	await(ended);
	assert_string_equal(ended->output, "");
	assert_int_equal(read(ends[0], text, sizeof(text) - 1), 6);
	assert_string_equal(text, "there\n");
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void test_run_inherits_no_descriptor(void **state)
{
	struct ended *ended = *state;
	int spare = dup2(STDERR_FILENO, 77);

	/* ls has one more itself, on the directory that it lists. */
	(void)run_shell("exec ls /proc/self/fd", 0, ended);
	await(ended);
	(void)close(spare);
	assert_string_equal(ended->output, "0\n1\n2\n3\n");
}

static void test_run_resets_signals(void **state)
{
	struct ended *ended = *state;
	sigset_t some, before;

	(void)sigemptyset(&some);
	(void)sigaddset(&some, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &some, &before);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)run_shell(
		"exec grep -E 'Sig(Blk|Ign)' /proc/self/status", 0, ended);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	await(ended);
	assert_string_equal(ended->output,
		"SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void test_run_although_sigchld_was_ignored(void **state)
{
	struct ended *ended = *state;

	(void)signal(SIGCHLD, SIG_IGN);
	(void)run_shell("exit 3", 0, ended);
	await(ended);
	assert_exit_status(ended, 3);
}

static void test_kill_forgets(void **state)
{
	struct ended *ended = *state;
	struct child *child = run_shell("exec sleep 60", 0, ended);

	child_kill(child);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	loop_for(50);
	assert_int_equal(ended->times, 0);
	child_kill(NULL);
}

static void test_kill_in_the_callback(void **state)
{
	struct ended *ended = *state;

	ended->kill = run_shell("true", 0, ended);
	await(ended);
	assert_exit_status(ended, 0);
}

static int say(void *arg, int fd)
{
	(void)dprintf(fd, "{\"got\":\"%s\"}", (const char *)arg);
	return 4;
}

static void test_work_gives_result_and_status(void **state)
{
	struct ended *ended = *state;
	char word[] = "this";

	assert_true(child_work(base, say, word, 0, on_end, ended, NULL, NULL));
	assert_int_equal(ended->times, 0);
	await(ended);
	assert_exit_status(ended, 4);
	assert_string_equal(ended->output, "{\"got\":\"this\"}");
}

static int count_descriptors(void *arg, int fd)
{
	unsigned open_ones = 0;

	(void)arg;
	for (int i = 0; i < 256; i++)
		if (fcntl(i, F_GETFD) >= 0)
			open_ones++;
	(void)dprintf(fd, "%u", open_ones);
	return 0;
}

static void test_work_inherits_no_descriptor(void **state)
{
	struct ended *ended = *state;

	assert_true(child_work(
		base, count_descriptors, NULL, 0, on_end, ended, NULL, NULL));
	await(ended);
	assert_string_equal(ended->output, "4");
}

static int never_end(void *arg, int fd)
{
	(void)arg;
	(void)fd;
	(void)alarm(60);
	return pause();
}

static void test_work_times_out(void **state)
{
	struct ended *ended = *state;

	assert_true(child_work(
		base, never_end, NULL, 100, on_end, ended, NULL, NULL));
	await(ended);
	assert_true(ended->timed_out);
}

static _Noreturn void have_children_and_wait(int output)
{
	char *argv[] = {"sleep", "60", NULL};
	struct event_base *own = event_base_new();
	bool ok = own != NULL;

	for (int i = 0; ok && i < 2; i++)
		ok = child_run_to(
			own, argv, NULL, output, 0, on_end, NULL, NULL, NULL);
	if (write(output, ok ? "y" : "n", 1) != 1)
		_exit(1);
	for (;;)
		(void)pause();
}

/* The children hold the pipe open: its end is theirs. */
static void test_children_die_with_us(void **state)
{
	struct pollfd ended = {.events = POLLIN};
	int ends[2];
	pid_t pid;
	char byte;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		have_children_and_wait(ends[1]);
	(void)close(ends[1]);
	ended.fd = ends[0];
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(byte, 'y');
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(poll(&ended, 1, DEADLINE_MS), 1);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	(void)close(ends[0]);
}

#define child_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		child_test(test_run_gives_output_and_status),
		child_test(test_run_uses_the_environment_given),
		child_test(test_run_reports_a_failing_exec),
		child_test(test_run_does_not_interpret_a_foreign_binary),
		child_test(test_run_times_out),
		child_test(test_run_from_takes_what_it_started_along),
		child_test(test_run_keeps_the_end_of_much_output),
		child_test(test_run_does_not_wait_for_what_it_left),
		child_test(test_run_waits_for_output_after_its_end),
		child_test(test_run_waits_for_one_that_closed_its_output),
		child_test(test_run_to_writes_elsewhere),
		child_test(test_run_inherits_no_descriptor),
		child_test(test_run_resets_signals),
		child_test(test_run_although_sigchld_was_ignored),
		child_test(test_kill_forgets),
		child_test(test_kill_in_the_callback),
		child_test(test_work_gives_result_and_status),
		child_test(test_work_inherits_no_descriptor),
		child_test(test_work_times_out),
		child_test(test_children_die_with_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
