/*
 * test_proc.c - reading /proc.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "process_fixture.h"
#include "state/sys.h"
#include "supervisor/process/backend.h"
#include "supervisor/process/listener.h"

/* A child of ours that waits, in this directory and under this name. */
static pid_t run_waiting(const char *name, const char *directory)
{
	int ends[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		(void)alarm(60);
		if (prctl(PR_SET_NAME, name) != 0 || chdir(directory) != 0)
			_exit(1);
		(void)close(ends[1]);
		for (;;)
			(void)pause();
	}
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 0); /* it has got so far */
	(void)close(ends[0]);
	return pid;
}

static void test_start_ticks_of_any_name(void **state)
{
	uint64_t before, ticks, again;
	pid_t pid = run_waiting("a) Z 1 (b", "/");
	long since_boot = (long)(sys_boottime_ms() / 1000);

	(void)state;
	assert_true(proc_start_ticks(1, &before, NULL));
	assert_true(proc_start_ticks(pid, &ticks, NULL));
	assert_true(proc_start_ticks(pid, &again, NULL));
	assert_int_equal(ticks, again);
	assert_true(ticks > before);
	/* Just now, in ticks since boot. */
	long started = (long)ticks / sysconf(_SC_CLK_TCK);
	assert_true(labs(since_boot - started) < 30);
	fixture_kill(pid);
}

static void test_start_ticks_of_a_zombie(void **state)
{
	int64_t deadline = sys_monotonic_ms() + FIXTURE_DEADLINE_MS;
	pid_t pid = run_waiting("zombie", "/");
	struct err err = {0};
	uint64_t ticks;

	(void)state;
	(void)kill(pid, SIGKILL);
	while (proc_start_ticks(pid, &ticks, &err))
		assert_true(sys_monotonic_ms() < deadline);
	assert_int_equal(err.code, ERR_MISSING);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(proc_start_ticks(pid, &ticks, &err));
	assert_int_equal(err.code, ERR_MISSING);
}

static void test_argv_of_a_process(void **state)
{
	struct fixture *fixture = *state;
	char *given[] = {"name", "", "with space", NULL};
	pid_t pid = fixture_run_sleeper(fixture, given);
	char **argv;

	fixture_await_line(fixture->output, "ready");
	assert_true(proc_argv(pid, &argv, NULL));
	assert_string_equal(argv[0], "name");
	assert_string_equal(argv[1], "");
	assert_string_equal(argv[2], "with space");
	assert_null(argv[3]);
	proc_argv_free(argv);
	fixture_kill(pid);
}

static void assert_config(
	struct fixture *fixture, char *const argv[], const char *expected)
{
	pid_t pid = fixture_run_sleeper(fixture, argv);
	char path[PATH_MAX];
	struct err err = {0};

	fixture_await_line(fixture->output, "ready");
	if (!proc_config(pid, path, sizeof(path), &err))
		fail_msg("%s", err.msg);
	assert_string_equal(path, expected);
	fixture_kill(pid);
	(void)unlink(fixture->output);
}

static void test_config_in_each_form(void **state)
{
	struct fixture *fixture = *state;
	char *two[] = {fixture->sleeper, "--config", "/a/b.yaml", NULL};
	char *one[] = {fixture->sleeper, "--config=/a/b.yaml", NULL};
	char *none[] = {fixture->sleeper, NULL};
	char *near[] = {fixture->sleeper, "--show", "--config-of", NULL};
	char *relative[] = {fixture->sleeper, "--config", "b.yaml", NULL};
	char expected[PATH_MAX], cwd[PATH_MAX / 2];

	assert_config(fixture, two, "/a/b.yaml");
	assert_config(fixture, one, "/a/b.yaml");
	assert_config(fixture, none, "");
	assert_config(fixture, near, "");
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	(void)snprintf(expected, sizeof(expected), "%s/b.yaml", cwd);
	assert_config(fixture, relative, expected);
}

static void test_match_config_through_links(void **state)
{
	struct fixture *fixture = *state;
	char link[PATH_MAX];
	pid_t pid;

	(void)snprintf(link, sizeof(link), "%s/link.yaml", fixture->dir);
	assert_int_equal(symlink("sync.yaml", link), 0);
	pid = fixture_run_sleeper(fixture, NULL);
	fixture_await_line(fixture->output, "ready");
	assert_int_equal(proc_match_config(pid, link), PROC_SAME);
	assert_int_equal(proc_match_config(pid, fixture->config), PROC_SAME);
	assert_int_equal(proc_match_config(pid, "/etc/passwd"), PROC_DIFFERS);
	/* Renamed away since: then the text has to do. */
	assert_int_equal(unlink(fixture->config), 0);
	assert_int_equal(proc_match_config(pid, fixture->config), PROC_SAME);
	fixture_kill(pid);
	assert_int_equal(proc_match_config(pid, fixture->config), PROC_DIFFERS);
}

/* Our own children mention what we were called with. */
static void test_match_config_spares_ourselves(void **state)
{
	struct fixture *fixture = *state;
	char own[PATH_MAX];
	char *argv[] = {"test", "--config", fixture->config, NULL};
	ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);
	int64_t deadline = sys_monotonic_ms() + FIXTURE_DEADLINE_MS;
	char path[PATH_MAX] = "";
	pid_t pid;

	assert_true(len > 0);
	own[len] = '\0';
	pid = fork();
	if (pid == 0) {
		(void)setenv("TEST_PROC_WAIT", "1", 1);
		(void)execv(own, argv);
		_exit(127);
	}
	while (strcmp(path, fixture->config) != 0) {
		assert_true(proc_config(pid, path, sizeof(path), NULL));
		assert_true(sys_monotonic_ms() < deadline);
	}
	assert_int_equal(proc_match_config(pid, fixture->config), PROC_DIFFERS);
	fixture_kill(pid);
}

static void test_exe_of_a_deleted_file(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen = {0};
	char copy[PATH_MAX], command[3 * PATH_MAX];
	struct stat st;
	pid_t pid;
	char *argv[] = {copy, NULL};
	int status;

	(void)snprintf(copy, sizeof(copy), "%s/copy", fixture->dir);
	pid = fork();
	if (pid == 0) {
		(void)execlp("cp", "cp", fixture->sleeper, copy, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(stat(copy, &st), 0);
	(void)snprintf(fixture->sleeper, sizeof(fixture->sleeper), "%s", copy);
	pid = fixture_run_sleeper(fixture, argv);
	fixture_await_line(fixture->output, "ready");
	assert_int_equal(unlink(copy), 0);
	assert_true(proc_exe(pid, &seen));
	assert_true(seen.exe_known);
	assert_int_equal(seen.exe_ino, st.st_ino);
	assert_int_equal(seen.exe_dev, st.st_dev);
	(void)snprintf(command, sizeof(command), "%s (deleted)", copy);
	assert_string_equal(seen.exe, command);
	fixture_kill(pid);
	assert_false(proc_exe(pid, &seen));
	assert_false(seen.exe_known);
}

static int bind_any(int family, const char *address, uint16_t *ret_port)
{
	struct sockaddr_storage storage = {.ss_family = (sa_family_t)family};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&storage;
	void *where = family == AF_INET ? (void *)&v4->sin_addr
					: (void *)&v6->sin6_addr;
	socklen_t len = family == AF_INET ? sizeof(*v4) : sizeof(*v6);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1; /* a machine without IPv6 */
	assert_int_equal(inet_pton(family, address, where), 1);
	if (bind(fd, (struct sockaddr *)&storage, len) != 0 ||
		getsockname(fd, (struct sockaddr *)&storage, &len) != 0) {
		(void)close(fd);
		return -1;
	}
	*ret_port = ntohs(family == AF_INET ? v4->sin_port : v6->sin6_port);
	return fd;
}

/* Both ways to see it tell the same socket. */
static void assert_both_see(uint16_t port, bool expected)
{
	unsigned long asked, read;

	assert_true(listener_ask_kernel(port, &asked, NULL));
	assert_true(listener_read_proc(port, &read, NULL));
	assert_int_equal(asked, read);
	assert_int_equal(asked != 0, expected);
}

static void assert_listener(int family, const char *address, bool expected)
{
	uint16_t port;
	int fd = bind_any(family, address, &port);
	bool listening;
	pid_t pid;

	if (fd < 0)
		return;
	assert_true(proc_find_listener(port, &pid, &listening, NULL));
	assert_false(listening); /* bound is not listening */
	assert_int_equal(listen(fd, 1), 0);
	assert_true(proc_find_listener(port, &pid, &listening, NULL));
	assert_int_equal(listening, expected);
	assert_both_see(port, expected);
	assert_int_equal(pid, expected ? getpid() : 0);
	(void)close(fd);
	assert_true(proc_find_listener(port, &pid, &listening, NULL));
	assert_false(listening);
}

static void test_find_listener_on_each_address(void **state)
{
	(void)state;
	assert_listener(AF_INET, "127.0.0.1", true);
	assert_listener(AF_INET, "0.0.0.0", true);
	assert_listener(AF_INET, "127.0.0.2", false);
	assert_listener(AF_INET6, "::", true);
	assert_listener(AF_INET6, "::1", true);
	assert_listener(AF_INET6, "::ffff:127.0.0.1", true);
}

/* Whoever has 127.0.0.1 answers there, whoever else has the port. */
static void test_find_listener_prefers_the_nearest(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_in6 any = {.sin6_family = AF_INET6,
		.sin6_port = htons(fixture->spec.port),
		.sin6_addr = in6addr_any};
	pid_t pid = fixture_run_sleeper(fixture, NULL), found;
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	bool listening;

	fixture_await_line(fixture->output, "ready");
	if (fd < 0 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) !=
			0 ||
		bind(fd, (struct sockaddr *)&any, sizeof(any)) != 0 ||
		listen(fd, 1) != 0) {
		fixture_kill(pid);
		skip();
	}
	assert_true(proc_find_listener(
		fixture->spec.port, &found, &listening, NULL));
	assert_true(listening);
	assert_int_equal(found, pid);
	assert_both_see(fixture->spec.port, true);
	(void)close(fd);
	fixture_kill(pid);
}

static void test_find_listener_names_the_oldest_holder(void **state)
{
	uint16_t port;
	int fd = bind_any(AF_INET, "127.0.0.1", &port);
	pid_t child, found;
	bool listening;

	(void)state;
	assert_int_equal(listen(fd, 1), 0);
	(void)usleep(2 * 1000000 / (useconds_t)sysconf(_SC_CLK_TCK));
	child = run_waiting("heir", "/");
	assert_true(proc_find_listener(port, &found, &listening, NULL));
	assert_int_equal(found, getpid());
	(void)close(fd);
	assert_true(proc_find_listener(port, &found, &listening, NULL));
	assert_true(listening);
	assert_int_equal(found, child);
	fixture_kill(child);
}

#define proc_test(name)                                                        \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_start_ticks_of_any_name),
		cmocka_unit_test(test_start_ticks_of_a_zombie),
		proc_test(test_argv_of_a_process),
		proc_test(test_config_in_each_form),
		proc_test(test_match_config_through_links),
		proc_test(test_match_config_spares_ourselves),
		proc_test(test_exe_of_a_deleted_file),
		cmocka_unit_test(test_find_listener_on_each_address),
		proc_test(test_find_listener_prefers_the_nearest),
		cmocka_unit_test(test_find_listener_names_the_oldest_holder),
	};

	if (getenv("TEST_PROC_WAIT") != NULL) { /* started by a test above */
		(void)alarm(60);
		(void)pause();
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
