/*
 * test_command.c - processes that the fleet file's own commands handle.
 */
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

#include "process_fixture.h"
#include "supervisor/process/backend.h"

static const struct process_ops *const ops = &process_command;

static char *running[] = {"sh", "-c", "exit 0", NULL};
static char *gone[] = {"sh", "-c", "exit 3", NULL};

static void observe(struct fixture *fixture, char *const *status,
	struct process_seen *ret_seen)
{
	fixture->spec.status = status;
	fixture_observe(fixture, ops, ret_seen);
}

static void test_observe_running_without_a_pid(void **state)
{
	struct process_seen seen;

	observe(*state, running, &seen);
	assert_int_equal(seen.view, PROCESS_RUNNING);
	assert_int_equal(seen.pid, 0);
}

static void test_observe_running_with_the_listener(void **state)
{
	struct fixture *fixture = *state;
	pid_t pid = fixture_run_sleeper(fixture, NULL);
	struct process_seen seen;

	fixture_await_line(fixture->output, "ready");
	observe(fixture, running, &seen);
	assert_int_equal(seen.view, PROCESS_RUNNING);
	assert_int_equal(seen.pid, pid);
	assert_true(seen.start_ticks > 0);
	assert_string_equal(seen.exe, fixture->sleeper);
	fixture_kill(pid);
}

static void test_observe_gone(void **state)
{
	struct process_seen seen;

	observe(*state, gone, &seen);
	assert_int_equal(seen.view, PROCESS_GONE);
}

static void test_observe_gone_but_listening(void **state)
{
	struct fixture *fixture = *state;
	pid_t pid = fixture_run_sleeper(fixture, NULL);
	struct process_seen seen;

	fixture_await_line(fixture->output, "ready");
	observe(fixture, gone, &seen);
	assert_int_equal(seen.view, PROCESS_UNKNOWN);
	assert_non_null(strstr(seen.why, "listens"));
	fixture_kill(pid);
}

static void test_observe_a_status_that_cannot_tell(void **state)
{
	char *failing[] = {
		"sh", "-c", "echo one; echo no daemon; exit 1", NULL};
	char *killed[] = {"sh", "-c", "kill -9 $$", NULL};
	struct process_seen seen;

	observe(*state, failing, &seen);
	assert_int_equal(seen.view, PROCESS_UNKNOWN);
	assert_string_equal(
		seen.why, "status command: exit status 1: no daemon");
	observe(*state, killed, &seen);
	assert_int_equal(seen.view, PROCESS_UNKNOWN);
	assert_non_null(strstr(seen.why, "killed by signal 9"));
}

static void test_observe_without_a_status_command(void **state)
{
	struct fixture *fixture = *state;
	char *missing[] = {"/no/such/command", NULL};
	struct err err = {0};

	assert_false(
		ops->observe(fixture->base, &fixture->spec, NULL, NULL, &err));
	assert_int_equal(err.code, ERR_STEP);
	fixture->spec.status = missing;
	assert_false(
		ops->observe(fixture->base, &fixture->spec, NULL, NULL, &err));
	assert_int_equal(err.code, ERR_STEP);
}

static void test_start_reports_what_it_said_last(void **state)
{
	struct fixture *fixture = *state;
	char *failing[] = {
		"sh", "-c", "echo first; echo no room >&2; exit 4", NULL};
	struct err err;

	fixture_write(fixture->output, "of yesterday\n");
	fixture->spec.start = failing;
	err = fixture_start(fixture, ops, 1);
	assert_int_equal(err.code, ERR_STEP);
	assert_string_equal(
		err.msg, "sync: start command: exit status 4: no room");
	assert_int_equal(fixture_count(fixture->output, "of yesterday"), 1);
	assert_int_equal(fixture_count(fixture->output, "no room"), 1);
}

static void test_start_that_says_nothing(void **state)
{
	struct fixture *fixture = *state;
	char *failing[] = {"sh", "-c", "exit 4", NULL};
	struct err err;

	/* Not what stood in the file before. */
	fixture_write(fixture->output, "of yesterday\n");
	fixture->spec.start = failing;
	err = fixture_start(fixture, ops, 1);
	assert_non_null(strstr(err.msg, "said nothing"));
	fixture->spec.output = NULL;
	err = fixture_start(fixture, ops, 1);
	assert_non_null(strstr(err.msg, "said nothing"));
}

static void test_start_killed_in_the_middle_is_unknown(void **state)
{
	struct fixture *fixture = *state;
	char *killed[] = {"sh", "-c", "kill -9 $$", NULL};

	fixture->spec.start = killed;
	assert_int_equal(fixture_start(fixture, ops, 1).code, ERR_AGAIN);
}

/* What it leaves behind must be able to write after our end: SIGPIPE is a
 * stop signal to a sync process. */
static void test_start_leaves_a_process_that_can_write(void **state)
{
	struct fixture *fixture = *state;
	char script[3 * PATH_MAX];
	char *start[] = {"sh", "-c", script, NULL};
	struct process_seen seen;
	pid_t starter;
	int status;

	(void)snprintf(script, sizeof(script),
		"%s --deaf --config %s --port %s &", fixture->sleeper,
		fixture->config, fixture->port);
	fixture->spec.start = start;
	starter = fork();
	if (starter == 0)
		_exit(fixture_start(fixture, ops, 1).code == ERR_NONE ? 0 : 1);
	assert_int_equal(waitpid(starter, &status, 0), starter);
	assert_int_equal(status, 0);
	fixture_await_line(fixture->output, "ready");
	observe(fixture, running, &seen);
	assert_true(seen.pid > 0);
	assert_int_equal(kill(seen.pid, SIGTERM), 0);
	fixture_await_line(fixture->output, "SIGTERM");
	observe(fixture, running, &seen);
	assert_true(seen.pid > 0);
}

static void test_stop_runs_the_command(void **state)
{
	struct fixture *fixture = *state;
	char *done[] = {"sh", "-c", "exit 0", NULL};
	char *failing[] = {"sh", "-c", "echo not mine; exit 1", NULL};
	struct process_seen who = {.view = PROCESS_RUNNING};
	struct err err;

	fixture->spec.stop = done;
	assert_int_equal(
		fixture_stop(fixture, ops, &who, false).code, ERR_NONE);
	fixture->spec.stop = failing;
	err = fixture_stop(fixture, ops, &who, false);
	assert_int_equal(err.code, ERR_STEP);
	assert_non_null(strstr(err.msg, "not mine"));
}

static void test_stop_kills_only_whom_it_knows(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen = {.view = PROCESS_RUNNING};
	int status;
	pid_t pid;

	assert_int_equal(
		fixture_stop(fixture, ops, &seen, true).code, ERR_STEP);
	pid = fixture_run_sleeper(fixture, NULL);
	fixture_await_line(fixture->output, "ready");
	observe(fixture, running, &seen);
	assert_int_equal(
		fixture_stop(fixture, ops, &seen, true).code, ERR_NONE);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void test_messages_hold_no_password(void **state)
{
	struct fixture *fixture = *state;
	char *failing[] = {"sh", "-c",
		"echo cannot reach mongodb://u:geheim42@host/; exit 1", NULL};
	struct process_seen seen;
	struct err err;

	observe(fixture, failing, &seen);
	assert_null(strstr(seen.why, "geheim42"));
	assert_non_null(strstr(seen.why, "cannot reach"));
	fixture->spec.start = failing;
	err = fixture_start(fixture, ops, 1);
	assert_null(strstr(err.msg, "geheim42"));
}

static void test_ops_find_by_name(void **state)
{
	(void)state;
	assert_ptr_equal(process_ops_here("command"), &process_command);
	assert_ptr_equal(process_ops_here("spawn"), &process_spawn);
	assert_null(process_ops_here("launchd"));
}

#define command_test(name)                                                     \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		command_test(test_observe_running_without_a_pid),
		command_test(test_observe_running_with_the_listener),
		command_test(test_observe_gone),
		command_test(test_observe_gone_but_listening),
		command_test(test_observe_a_status_that_cannot_tell),
		command_test(test_observe_without_a_status_command),
		command_test(test_start_reports_what_it_said_last),
		command_test(test_start_that_says_nothing),
		command_test(test_start_killed_in_the_middle_is_unknown),
		command_test(test_start_leaves_a_process_that_can_write),
		command_test(test_stop_runs_the_command),
		command_test(test_stop_kills_only_whom_it_knows),
		command_test(test_messages_hold_no_password),
		cmocka_unit_test(test_ops_find_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
