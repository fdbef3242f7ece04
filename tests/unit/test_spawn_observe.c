/*
 * test_spawn_observe.c - finding a spawned process, or another, or none.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
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

static void test_observe_without_run_file(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen;

	fixture_observe(fixture, ops, &seen);
	assert_int_equal(seen.view, PROCESS_GONE);
	assert_int_equal(seen.attempt, 0);
	assert_int_not_equal(access(fixture->run_file, F_OK), 0);
}

static void write_run_file(
	struct fixture *fixture, pid_t pid, uint64_t ticks, const char *boot_id)
{
	char text[RUN_FILE_SIZE];

	(void)snprintf(text, sizeof(text),
		"{\"pid\":%d,\"start_ticks\":%llu,\"boot_id\":\"%s\","
		"\"attempt\":9,\"argv0\":\"x\"}\n",
		(int)pid, (unsigned long long)ticks, boot_id);
	fixture_write(fixture->run_file, text);
}

/* Another program that has got the pid of ours. */
static void test_observe_is_not_fooled_by_a_reused_pid(void **state)
{
	struct fixture *fixture = *state;
	char *stranger[] = {fixture->sleeper, NULL};
	pid_t pid = fixture_run_sleeper(fixture, stranger);
	struct process_seen seen;
	uint64_t ticks;

	fixture_await_line(fixture->output, "ready");
	assert_true(proc_start_ticks(pid, &ticks, NULL));
	write_run_file(fixture, pid, ticks - 1, sys_boot_id());
	fixture_observe(fixture, ops, &seen);
	assert_int_equal(seen.view, PROCESS_GONE);
	assert_int_equal(seen.attempt, 9);

	write_run_file(fixture, pid, ticks, "of-another-boot");
	fixture_observe(fixture, ops, &seen);
	assert_int_equal(seen.view, PROCESS_GONE);

	write_run_file(fixture, pid, ticks, sys_boot_id());
	fixture_observe(fixture, ops, &seen);
	assert_int_equal(seen.view, PROCESS_RUNNING);
	assert_int_equal(seen.pid, pid);
	fixture_kill(pid);
}

static void test_observe_a_lock_without_its_process(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen;
	uint64_t ticks;
	int fd;

	write_run_file(fixture, getpid(), 1, sys_boot_id());
	fd = open(fixture->run_file, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	fixture_observe(fixture, ops, &seen);
	assert_int_equal(seen.view, PROCESS_UNKNOWN);
	assert_int_equal(seen.pid, 0);
	assert_non_null(strstr(seen.why, "being started"));

	/* It has said who it is, but is a copy of us until its exec. */
	assert_true(proc_start_ticks(getpid(), &ticks, NULL));
	write_run_file(fixture, getpid(), ticks, sys_boot_id());
	fixture_observe(fixture, ops, &seen);
	assert_int_equal(seen.view, PROCESS_UNKNOWN);
	assert_int_equal(seen.pid, 0);
	write_run_file(fixture, getpid(), 1, sys_boot_id());
	(void)close(fd);
	fixture_observe(fixture, ops, &seen);
	assert_int_equal(seen.view, PROCESS_GONE);
}

static void test_observe_a_damaged_run_file(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen;

	fixture_write(fixture->run_file, "{\"pid\":12");
	fixture_observe(fixture, ops, &seen);
	assert_int_equal(seen.view, PROCESS_GONE);
	fixture_start_sleeper(fixture, 2, &seen);
	assert_int_equal(seen.attempt, 2);
}

static void test_observe_a_process_of_others(void **state)
{
	struct fixture *fixture = *state;
	pid_t pid = fixture_run_sleeper(fixture, NULL);
	struct process_seen seen;

	fixture_await_line(fixture->output, "ready");
	fixture_observe(fixture, ops, &seen);
	assert_int_equal(seen.view, PROCESS_RUNNING);
	assert_int_equal(seen.pid, pid);
	assert_int_equal(seen.attempt, 0);
	fixture_kill(pid);
	fixture_observe(fixture, ops, &seen);
	assert_int_equal(seen.view, PROCESS_GONE);
}

static void test_observe_one_that_does_not_listen_yet(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen;
	pid_t pid;

	fixture_argument(fixture, "--wait");
	fixture_argument(fixture, "100000");
	pid = fixture_run_sleeper(fixture, NULL);
	fixture_await(fixture, ops, PROCESS_RUNNING, &seen);
	assert_int_equal(seen.pid, pid);
	fixture_kill(pid);
}

static void test_observe_a_port_taken_by_another(void **state)
{
	struct fixture *fixture = *state;
	char *argv[] = {fixture->sleeper, "--config", "/other.yaml", "--port",
		fixture->port, NULL};
	pid_t pid = fixture_run_sleeper(fixture, argv);
	struct process_seen seen;
	char number[16];

	fixture_await_line(fixture->output, "ready");
	fixture_observe(fixture, ops, &seen);
	assert_int_equal(seen.view, PROCESS_UNKNOWN);
	(void)snprintf(number, sizeof(number), "%d", (int)pid);
	assert_non_null(strstr(seen.why, number));
	fixture_kill(pid);
}

static void test_observe_two_with_one_config(void **state)
{
	struct fixture *fixture = *state;
	char *argv[] = {fixture->sleeper, "--config", fixture->config, NULL};
	pid_t one = fixture_run_sleeper(fixture, argv);
	pid_t other = fixture_run_sleeper(fixture, argv);
	int64_t deadline = sys_monotonic_ms() + FIXTURE_DEADLINE_MS;
	struct process_seen seen;

	while (fixture_count_processes(fixture) < 2)
		assert_true(sys_monotonic_ms() < deadline);
	fixture_observe(fixture, ops, &seen);
	assert_int_equal(seen.view, PROCESS_UNKNOWN);
	assert_non_null(strstr(seen.why, "several"));
	fixture_kill(one);
	fixture_kill(other);
}

/* Ours is found by its lock, whatever a second one says of its --config. */
static void test_observe_prefers_the_lock(void **state)
{
	struct fixture *fixture = *state;
	char *argv[] = {fixture->sleeper, "--config", fixture->config, NULL};
	struct process_seen first, seen;
	pid_t other;

	fixture_start_sleeper(fixture, 1, &first);
	other = fixture_run_sleeper(fixture, argv);
	fixture_observe(fixture, ops, &seen);
	assert_int_equal(seen.view, PROCESS_RUNNING);
	assert_int_equal(seen.pid, first.pid);
	fixture_kill(other);
}

static void test_observe_a_zombie(void **state)
{
	struct fixture *fixture = *state;
	pid_t pid = fixture_run_sleeper(fixture, NULL);
	struct process_seen seen;
	uint64_t ticks;

	fixture_await_line(fixture->output, "ready");
	assert_true(proc_start_ticks(pid, &ticks, NULL));
	write_run_file(fixture, pid, ticks, sys_boot_id());
	(void)kill(pid, SIGKILL);
	fixture_await(fixture, ops, PROCESS_GONE, &seen);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), pid);
}

#define observe_test(name)                                                     \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		observe_test(test_observe_without_run_file),
		observe_test(test_observe_is_not_fooled_by_a_reused_pid),
		observe_test(test_observe_a_lock_without_its_process),
		observe_test(test_observe_a_damaged_run_file),
		observe_test(test_observe_a_process_of_others),
		observe_test(test_observe_one_that_does_not_listen_yet),
		observe_test(test_observe_a_port_taken_by_another),
		observe_test(test_observe_two_with_one_config),
		observe_test(test_observe_prefers_the_lock),
		observe_test(test_observe_a_zombie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
