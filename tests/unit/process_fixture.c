/*
 * process_fixture.c - what the tests of process/ share.
 */
#include "process_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
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
#include "supervisor/process/backend.h"

static void nap(void)
{
	(void)usleep(10000);
}

static void find_sleeper(struct fixture *fixture)
{
	char exe[PATH_MAX / 2];
	ssize_t len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	assert_true(len > 0);
	exe[len] = '\0';
	*strrchr(exe, '/') = '\0';
	(void)snprintf(
		fixture->sleeper, sizeof(fixture->sleeper), "%s/sleeper", exe);
}

static void join(char *ret_path, const char *dir, const char *name)
{
	(void)snprintf(ret_path, PATH_MAX, "%s/%s", dir, name);
}

void fixture_argument(struct fixture *fixture, const char *argument)
{
	size_t count = 0;

	while (fixture->argv[count] != NULL)
		count++;
	assert_true(
		count + 1 < sizeof(fixture->argv) / sizeof(fixture->argv[0]));
	fixture->argv[count] = strdup(argument);
}

int fixture_setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(fixture->dir, sizeof(fixture->dir), "%s/process-XXXXXX",
		tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(fixture->dir));
	find_sleeper(fixture);
	join(fixture->config, fixture->dir, "sync.yaml");
	join(fixture->output, fixture->dir, "sync.out");
	join(fixture->run_file, fixture->dir, "sync.run");
	fixture_write(fixture->config, "");
	fixture->spec = (struct process_spec){.name = "sync",
		.backend = "spawn",
		.port = fixture_free_port(),
		.config = fixture->config,
		.argv = fixture->argv,
		.output = fixture->output,
		.run_file = fixture->run_file};
	(void)snprintf(
		fixture->port, sizeof(fixture->port), "%u", fixture->spec.port);
	fixture_argument(fixture, fixture->sleeper);
	fixture_argument(fixture, "--config");
	fixture_argument(fixture, fixture->config);
	fixture_argument(fixture, "--port");
	fixture_argument(fixture, fixture->port);
	fixture->base = event_base_new();
	assert_non_null(fixture->base);
	*state = fixture;
	return 0;
}

static int remove_entry(
	const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

int fixture_teardown(void **state)
{
	struct fixture *fixture = *state;
	struct proc_matches matches;

	while (proc_find_config(fixture->config, &matches, NULL) &&
		matches.count > 0) {
		(void)kill(matches.pid, SIGKILL);
		(void)waitpid(matches.pid, NULL, 0); /* if it is our child */
		nap();
	}
	(void)nftw(fixture->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	for (size_t i = 0; fixture->argv[i] != NULL; i++)
		free(fixture->argv[i]);
	event_base_free(fixture->base);
	free(fixture);
	return 0;
}

void fixture_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

char *fixture_read(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, 65536);

	if (file != NULL) {
		text[fread(text, 1, 65535, file)] = '\0';
		(void)fclose(file);
	}
	return text;
}

unsigned fixture_count(const char *path, const char *line)
{
	char *text = fixture_read(path), *rest = text, *one;
	unsigned count = 0;

	while ((one = strsep(&rest, "\n")) != NULL)
		if (strcmp(one, line) == 0)
			count++;
	free(text);
	return count;
}

uint16_t fixture_free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(
		bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	(void)close(fd);
	return ntohs(address.sin_port);
}

pid_t fixture_run_sleeper(struct fixture *fixture, char *const argv[])
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (freopen(fixture->output, "a", stdout) == NULL)
			_exit(126);
		(void)execv(
			fixture->sleeper, argv != NULL ? argv : fixture->argv);
		_exit(127);
	}
	return pid;
}

void fixture_kill(pid_t pid)
{
	assert_true(pid > 0);
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

struct answer {
	bool there;
	struct process_seen seen;
	struct err err;
};

static void on_seen(void *arg, const struct process_seen *seen)
{
	struct answer *answer = arg;

	assert_false(answer->there);
	answer->there = true;
	answer->seen = *seen;
}

static void on_acted(void *arg, const struct err *err)
{
	struct answer *answer = arg;

	assert_false(answer->there);
	answer->there = true;
	if (err != NULL)
		answer->err = *err;
}

static void loop_until(struct fixture *fixture, const struct answer *answer)
{
	int64_t deadline = sys_monotonic_ms() + FIXTURE_DEADLINE_MS;

	while (!answer->there) {
		const struct timeval tick = {.tv_usec = 100000};

		assert_true(sys_monotonic_ms() < deadline);
		(void)event_base_loopexit(fixture->base, &tick);
		(void)event_base_loop(fixture->base, EVLOOP_ONCE);
	}
}

void fixture_observe(struct fixture *fixture, const struct process_ops *ops,
	struct process_seen *ret_seen)
{
	struct answer answer = {0};
	struct err err = {0};

	if (!ops->observe(
		    fixture->base, &fixture->spec, on_seen, &answer, &err))
		fail_msg("%s", err.msg);
	loop_until(fixture, &answer);
	*ret_seen = answer.seen;
}

void fixture_await(struct fixture *fixture, const struct process_ops *ops,
	enum process_view view, struct process_seen *ret_seen)
{
	int64_t deadline = sys_monotonic_ms() + FIXTURE_DEADLINE_MS;

	for (;;) {
		fixture_observe(fixture, ops, ret_seen);
		if (ret_seen->view == view)
			return;
		if (sys_monotonic_ms() > deadline)
			fail_msg("still view %d: %s", ret_seen->view,
				ret_seen->why);
		nap();
	}
}

void fixture_await_line(const char *path, const char *line)
{
	int64_t deadline = sys_monotonic_ms() + FIXTURE_DEADLINE_MS;

	while (fixture_count(path, line) == 0) {
		if (sys_monotonic_ms() > deadline)
			fail_msg("%s never said \"%s\"", path, line);
		nap();
	}
}

struct err fixture_start(struct fixture *fixture, const struct process_ops *ops,
	uint64_t attempt)
{
	struct answer answer = {0};

	if (ops->start(fixture->base, &fixture->spec, attempt, on_acted,
		    &answer, &answer.err))
		loop_until(fixture, &answer);
	else
		assert_int_not_equal(answer.err.code, ERR_NONE);
	return answer.err;
}

struct err fixture_stop(struct fixture *fixture, const struct process_ops *ops,
	const struct process_seen *who, bool kill)
{
	struct answer answer = {0};

	if (ops->stop(fixture->base, &fixture->spec, who, kill, on_acted,
		    &answer, &answer.err))
		loop_until(fixture, &answer);
	else
		assert_int_not_equal(answer.err.code, ERR_NONE);
	return answer.err;
}

void fixture_assert_done(struct err outcome)
{
	if (outcome.code != ERR_NONE)
		fail_msg("%s", outcome.msg);
}

void fixture_start_sleeper(struct fixture *fixture, uint64_t attempt,
	struct process_seen *ret_seen)
{
	fixture_assert_done(fixture_start(fixture, &process_spawn, attempt));
	fixture_await(fixture, &process_spawn, PROCESS_RUNNING, ret_seen);
	fixture_await_line(fixture->output, "ready");
}

unsigned fixture_count_processes(struct fixture *fixture)
{
	struct proc_matches matches;

	assert_true(proc_find_config(fixture->config, &matches, NULL));
	return matches.count;
}
