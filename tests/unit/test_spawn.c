/*
 * test_spawn.c - processes that are started detached and found again.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "process_fixture.h"
#include "state/sys.h"
#include "supervisor/process/backend.h"
#include "supervisor/process/run_file.h"

static const struct process_ops *const ops = &process_spawn;

static void test_start_gives_a_detached_process(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen;

	fixture_start_sleeper(fixture, 7, &seen);
	assert_true(seen.pid > 0);
	assert_true(seen.start_ticks > 0);
	assert_string_equal(seen.boot_id, sys_boot_id());
	assert_int_equal(seen.attempt, 7);
	assert_true(seen.exe_known);
	assert_string_equal(seen.exe, fixture->sleeper);
	assert_int_not_equal(getsid(seen.pid), getsid(0));
	assert_int_not_equal(getsid(seen.pid), seen.pid); /* gets no terminal */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody's child */
}

static void test_start_passes_on_four_descriptors(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen;
	char path[PATH_MAX];
	int lock, again, spare;

	/* Not even those without FD_CLOEXEC: the lock of a supervisor. */
	(void)snprintf(path, sizeof(path), "%s/lock", fixture->dir);
	lock = open(path, O_RDWR | O_CREAT, 0600);
	spare = dup2(lock, 200);
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	fixture_start_sleeper(fixture, 1, &seen);
	(void)close(lock);
	(void)close(spare);
	again = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(again, LOCK_EX | LOCK_NB), 0);
	(void)close(again);

	for (int i = 0; i < 4; i++) {
		char line[32];

		(void)snprintf(line, sizeof(line), "descriptor %d", i);
		assert_int_equal(fixture_count(fixture->output, line), 1);
	}
	for (int i = 4; i < 256; i++) {
		char line[32];

		(void)snprintf(line, sizeof(line), "descriptor %d", i);
		assert_int_equal(fixture_count(fixture->output, line), 0);
	}
}

static void test_start_resets_signals(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen;
	sigset_t some, before;
	char *output;

	(void)sigemptyset(&some);
	(void)sigaddset(&some, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &some, &before);
	(void)signal(SIGPIPE, SIG_IGN);
	fixture_start_sleeper(fixture, 1, &seen);
	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	output = fixture_read(fixture->output);
	assert_null(strstr(output, "blocked"));
	assert_null(strstr(output, "ignored"));
	free(output);
}

static void test_start_survives_death_of_the_starter(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen;
	pid_t starter = fork();

	if (starter == 0) {
		struct err err = fixture_start(fixture, ops, 3);

		(void)raise(err.code == ERR_NONE ? SIGKILL : SIGABRT);
	}
	int status;
	assert_int_equal(waitpid(starter, &status, 0), starter);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	fixture_await(fixture, ops, PROCESS_RUNNING, &seen);
	assert_int_equal(seen.attempt, 3);
	fixture_await_line(fixture->output, "ready");
}

static void test_start_refuses_a_second_one(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen first, second;
	struct err err;

	fixture_start_sleeper(fixture, 1, &first);
	err = fixture_start(fixture, ops, 2);
	assert_int_equal(err.code, ERR_STEP);
	assert_non_null(strstr(err.msg, "already running"));
	fixture_observe(fixture, ops, &second);
	assert_int_equal(second.pid, first.pid);
	assert_int_equal(second.attempt, 1);
	assert_int_equal(fixture_count_processes(fixture), 1);
}

static void test_start_reports_a_failing_exec(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen;
	struct err err;
	char *sleeper = fixture->argv[0];

	fixture->argv[0] = fixture->config; /* not executable */
	err = fixture_start(fixture, ops, 4);
	fixture->argv[0] = sleeper;
	assert_int_equal(err.code, ERR_STEP);
	assert_non_null(strstr(err.msg, "exec"));
	fixture_await(fixture, ops, PROCESS_GONE, &seen);
	assert_int_equal(seen.attempt, 4);
	fixture_start_sleeper(fixture, 5, &seen);
	assert_int_equal(seen.attempt, 5);
}

static void test_start_reports_a_missing_directory(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen;
	struct err err;

	fixture->spec.directory = "/no/such/directory";
	err = fixture_start(fixture, ops, 4);
	assert_int_equal(err.code, ERR_STEP);
	assert_non_null(strstr(err.msg, "directory"));
	fixture_await(fixture, ops, PROCESS_GONE, &seen);
	assert_int_equal(seen.attempt, 0); /* it never began */
}

static void test_start_reports_an_impossible_limit(void **state)
{
	struct fixture *fixture = *state;
	struct err err;

	fixture->spec.nofile = UINT64_C(1) << 60;
	err = fixture_start(fixture, ops, 1);
	assert_int_equal(err.code, ERR_STEP);
	assert_non_null(strstr(err.msg, "open files"));
}

static void test_start_applies_directory_and_limit(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen;
	char path[64], cwd[PATH_MAX] = "", real[PATH_MAX], *limits;

	fixture->spec.directory = fixture->dir;
	fixture->spec.nofile = 123;
	fixture_start_sleeper(fixture, 1, &seen);
	(void)snprintf(path, sizeof(path), "/proc/%d/cwd", (int)seen.pid);
	assert_true(readlink(path, cwd, sizeof(cwd) - 1) > 0);
	assert_non_null(realpath(fixture->dir, real));
	assert_string_equal(cwd, real);
	(void)snprintf(path, sizeof(path), "/proc/%d/limits", (int)seen.pid);
	limits = fixture_read(path);
	assert_non_null(strstr(limits, "Max open files            123 "));
	free(limits);
}

static void test_start_appends_output(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen;
	struct stat st;

	fixture_write(fixture->output, "of yesterday\n");
	fixture_start_sleeper(fixture, 1, &seen);
	assert_int_equal(fixture_count(fixture->output, "of yesterday"), 1);
	assert_int_equal(stat(fixture->run_file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, RUN_FILE_SIZE);
}

static void test_start_reads_the_environment_file(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen;
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/env", fixture->dir);
	fixture_write(path, "# a comment\n\nTONE=low\nTONE = \nX=1\n");
	fixture->spec.environment_file = path;
	fixture_argument(fixture, "--show");
	fixture_argument(fixture, "TONE");
	struct err err = fixture_start(fixture, ops, 1);
	assert_int_equal(err.code, ERR_STEP);
	assert_non_null(strstr(err.msg, "env:4"));
	fixture_write(path, "# a comment\n\nTONE=\"very low\"\nX=1\n");
	fixture_start_sleeper(fixture, 1, &seen);
	assert_int_equal(fixture_count(fixture->output, "TONE=very low"), 1);
}

static void test_start_keeps_our_environment_to_us(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen;

	(void)setenv("SYNCUP_TEST_SECRET", "x", 1);
	fixture_argument(fixture, "--show");
	fixture_argument(fixture, "SYNCUP_TEST_SECRET");
	fixture_start_sleeper(fixture, 1, &seen);
	(void)unsetenv("SYNCUP_TEST_SECRET");
	assert_int_equal(
		fixture_count(fixture->output, "SYNCUP_TEST_SECRET=(unset)"),
		1);
}

static void test_stop_signals_once(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen, later;

	fixture_argument(fixture, "--deaf");
	fixture_start_sleeper(fixture, 1, &seen);
	fixture_assert_done(fixture_stop(fixture, ops, &seen, false));
	fixture_await_line(fixture->output, "SIGTERM");
	for (int i = 0; i < 5; i++)
		fixture_observe(fixture, ops, &later);
	assert_int_equal(later.view, PROCESS_RUNNING);
	assert_int_equal(fixture_count(fixture->output, "SIGTERM"), 1);
	fixture_assert_done(fixture_stop(fixture, ops, &seen, true));
	fixture_await(fixture, ops, PROCESS_GONE, &later);
	assert_int_equal(later.attempt, 1);
}

static void test_stop_of_one_that_is_gone(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen, later;

	fixture_start_sleeper(fixture, 1, &seen);
	fixture_assert_done(fixture_stop(fixture, ops, &seen, false));
	fixture_await(fixture, ops, PROCESS_GONE, &later);
	fixture_assert_done(fixture_stop(fixture, ops, &seen, false));
}

static void test_stop_spares_a_reused_pid(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen, older, of_another_boot;

	fixture_argument(fixture, "--deaf");
	fixture_start_sleeper(fixture, 1, &seen);
	older = of_another_boot = seen;
	older.start_ticks--;
	(void)snprintf(of_another_boot.boot_id, sizeof(of_another_boot.boot_id),
		"another boot");
	fixture_assert_done(fixture_stop(fixture, ops, &older, true));
	fixture_assert_done(fixture_stop(fixture, ops, &of_another_boot, true));
	/* A SIGKILL that was on its way would have come before this. */
	fixture_assert_done(fixture_stop(fixture, ops, &seen, false));
	fixture_await_line(fixture->output, "SIGTERM");
}

static void test_stop_without_the_right_names_the_user(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen;
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	fixture_start_sleeper(fixture, 1, &seen);
	pid = fork();
	if (pid == 0) {
		struct err err = {0};

		if (setuid(65534) != 0)
			_exit(2);
		if (process_signal(&seen, SIGKILL, &err))
			_exit(3);
		_exit(err.code == ERR_STEP &&
					strstr(err.msg, "user root") != NULL
				? 0
				: 4);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
}

#ifdef SYNCUP_CRASH_POINTS
/* Points are counted from the start of the program: ask where we are. */
static unsigned long points_passed(struct fixture *fixture)
{
	char path[PATH_MAX], *text;
	unsigned long number;

	(void)snprintf(path, sizeof(path), "%s/points", fixture->dir);
	(void)setenv("SYNCUP_CRASH_LOG", path, 1);
	sys_crash_point("asked");
	(void)unsetenv("SYNCUP_CRASH_LOG");
	text = fixture_read(path);
	number = strtoul(text, NULL, 10);
	free(text);
	(void)unlink(path);
	return number;
}

static bool start_and_die_at(struct fixture *fixture, unsigned long point)
{
	char number[24];
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct err err;

		(void)snprintf(number, sizeof(number), "%lu",
			points_passed(fixture) + point);
		(void)setenv("SYNCUP_CRASH_AT", number, 1);
		err = fixture_start(fixture, ops, point);
		_exit(err.code == ERR_NONE ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return true;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

static void settle(struct fixture *fixture, struct process_seen *ret_seen)
{
	int64_t deadline = sys_monotonic_ms() + FIXTURE_DEADLINE_MS;

	do {
		fixture_observe(fixture, ops, ret_seen);
		assert_true(sys_monotonic_ms() < deadline);
	} while (ret_seen->view == PROCESS_UNKNOWN);
}

/* As the engine does after a kill: look, and act only if it is not so.  The
 * process itself may die at a point on its way to exec, too. */
static void test_start_killed_anywhere_gives_one_process(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen;
	unsigned long point = 0;
	bool disturbed;

	do {
		disturbed = start_and_die_at(fixture, ++point);
		settle(fixture, &seen);
		if (seen.view == PROCESS_GONE) {
			disturbed = true;
			fixture_start_sleeper(fixture, point + 100, &seen);
			assert_int_equal(seen.attempt, point + 100);
		}
		fixture_await_line(fixture->output, "ready");
		assert_int_equal(fixture_count_processes(fixture), 1);
		fixture_assert_done(fixture_stop(fixture, ops, &seen, true));
		fixture_await(fixture, ops, PROCESS_GONE, &seen);
		assert_int_equal(unlink(fixture->output), 0);
	} while (disturbed);
	assert_true(point > 4); /* those in spawn.c, and one beyond */
}
#else
static void test_start_killed_anywhere_gives_one_process(void **state)
{
	(void)state;
	skip();
}
#endif

#define spawn_test(name)                                                       \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		spawn_test(test_start_gives_a_detached_process),
		spawn_test(test_start_passes_on_four_descriptors),
		spawn_test(test_start_resets_signals),
		spawn_test(test_start_survives_death_of_the_starter),
		spawn_test(test_start_refuses_a_second_one),
		spawn_test(test_start_reports_a_failing_exec),
		spawn_test(test_start_reports_a_missing_directory),
		spawn_test(test_start_reports_an_impossible_limit),
		spawn_test(test_start_applies_directory_and_limit),
		spawn_test(test_start_appends_output),
		spawn_test(test_start_reads_the_environment_file),
		spawn_test(test_start_keeps_our_environment_to_us),
		spawn_test(test_stop_signals_once),
		spawn_test(test_stop_of_one_that_is_gone),
		spawn_test(test_stop_spares_a_reused_pid),
		spawn_test(test_stop_without_the_right_names_the_user),
		spawn_test(test_start_killed_anywhere_gives_one_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
