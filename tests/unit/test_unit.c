/*
 * What a service manager says of a unit, and which of its processes it is.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "process_fixture.h"
#include "state/cleanup.h"
#include "supervisor/process/backend.h"
#include "supervisor/process/scope.h"
#include "supervisor/process/unit.h"
#include "supervisor/process/unit_look.h"

static json_t *unit(const char *active, const char *sub, const char *result)
{
	return json_pack("{s:s, s:s, s:s, s:s}", "LoadState", "loaded",
		"ActiveState", active, "SubState", sub, "Result", result);
}

static void ended_by(json_t *json, int code, int status)
{
	(void)json_object_set_new(json, "ExecMainCode", json_integer(code));
	(void)json_object_set_new(json, "ExecMainStatus", json_integer(status));
}

static void test_phase_of_each_state(void **state)
{
	static const struct {
		const char *active, *sub;
		enum unit_phase phase;
	} rows[] = {
		{"active", "running", UNIT_LIVES},
		{"reloading", "reload", UNIT_LIVES},
		{"deactivating", "stop-sigterm", UNIT_LIVES},
		{"activating", "start-pre", UNIT_LIVES},
		{"inactive", "dead", UNIT_ENDED},
		{"failed", "failed", UNIT_ENDED},
		{"activating", "auto-restart", UNIT_FAILING},
		{"activating", "auto-restart-queued", UNIT_FAILING},
		{"inactive", "dead-before-auto-restart", UNIT_FAILING},
		{"failed", "failed-before-auto-restart", UNIT_FAILING},
		{"active", "exited", UNIT_EXITED},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_json_ json_t *it =
			unit(rows[i].active, rows[i].sub, "success");

		assert_int_equal(unit_phase(it), rows[i].phase);
	}
}

/* Only the hold's own exit status says that it was the hold. */
static void test_phase_of_circles(void **state)
{
	_cleanup_json_ json_t *it =
		unit("activating", "auto-restart", "exit-code");

	(void)state;
	ended_by(it, CLD_EXITED, 75);
	assert_int_equal(unit_phase(it), UNIT_HELD);
	ended_by(it, CLD_EXITED, 1);
	assert_int_equal(unit_phase(it), UNIT_FAILING);
	ended_by(it, CLD_KILLED, 75);
	assert_int_equal(unit_phase(it), UNIT_FAILING);
}

static void test_phase_of_no_unit(void **state)
{
	_cleanup_json_ json_t *it = unit("inactive", "dead", "success");
	char text[100];

	(void)state;
	(void)json_object_set_new(it, "LoadState", json_string("not-found"));
	assert_int_equal(unit_phase(it), UNIT_UNKNOWN);
	unit_describe(it, text, sizeof(text));
	assert_string_equal(text, "not there");
}

static void test_describe_says_how_it_ended(void **state)
{
	_cleanup_json_ json_t *it = unit("failed", "failed", "exit-code");
	char text[100];

	(void)state;
	ended_by(it, CLD_EXITED, 3);
	assert_true(unit_ended_badly(it));
	unit_describe(it, text, sizeof(text));
	assert_string_equal(text, "failed (exit-code: exit status 3)");
	ended_by(it, CLD_KILLED, 9);
	unit_describe(it, text, sizeof(text));
	assert_string_equal(text, "failed (exit-code: signal 9)");
}

static struct process_seen look(
	struct fixture *fixture, json_t *pids, pid_t main_pid, bool ended)
{
	_cleanup_json_ json_t *ask = json_pack("{s:i, s:s, s:o, s:i, s:b}",
		"port", fixture->spec.port, "config", fixture->spec.config,
		"pids", pids, "main", (int)main_pid, "ended", ended);
	struct process_seen seen;
	struct err err = {0};

	assert_true(unit_look(ask, &seen, &err));
	return seen;
}

static void test_look_finds_the_listener(void **state)
{
	struct fixture *fixture = *state;
	pid_t pid = fixture_run_sleeper(fixture, NULL);
	struct process_seen seen;

	fixture_await_line(fixture->output, "ready");
	/* A wrapper is the main process. */
	seen = look(fixture, json_pack("[i, i]", (int)getpid(), (int)pid),
		getpid(), false);
	assert_int_equal(seen.view, PROCESS_RUNNING);
	assert_int_equal(seen.pid, pid);
	assert_true(seen.exe_known);
	fixture_kill(pid);
}

/* Somebody started it by hand: it is not the unit's, nor is the unit gone. */
static void test_look_is_not_fooled_by_a_stranger(void **state)
{
	struct fixture *fixture = *state;
	pid_t pid = fixture_run_sleeper(fixture, NULL);
	struct process_seen seen;

	fixture_await_line(fixture->output, "ready");
	seen = look(fixture, json_pack("[i]", (int)getpid()), getpid(), false);
	assert_int_equal(seen.view, PROCESS_UNKNOWN);
	assert_non_null(strstr(seen.why, "not of the unit"));
	seen = look(fixture, json_array(), 0, true);
	assert_int_equal(seen.view, PROCESS_UNKNOWN);
	fixture_kill(pid);
}

static void await_exec(struct fixture *fixture, pid_t pid)
{
	while (proc_match_config(pid, fixture->config) != PROC_SAME)
		(void)usleep(1000);
}

static void test_look_of_a_process_that_does_not_listen_yet(void **state)
{
	struct fixture *fixture = *state;
	struct process_seen seen;
	pid_t pid;

	fixture_argument(fixture, "--wait");
	fixture_argument(fixture, "60000");
	pid = fixture_run_sleeper(fixture, NULL);
	await_exec(fixture, pid);
	seen = look(fixture, json_pack("[i, i]", (int)getpid(), (int)pid),
		getpid(), false);
	assert_int_equal(seen.view, PROCESS_RUNNING);
	assert_int_equal(seen.pid, pid);
	/* And as what is left of a unit that has ended, or without a unit. */
	seen = look(fixture, json_pack("[i]", (int)pid), 0, true);
	assert_int_equal(seen.view, PROCESS_UNKNOWN);
	seen = look(fixture, json_array(), 0, true);
	assert_int_equal(seen.view, PROCESS_UNKNOWN);
	assert_non_null(strstr(seen.why, "has this --config"));
	fixture_kill(pid);
}

static void test_look_when_nothing_is_left(void **state)
{
	struct process_seen seen = look(*state, json_array(), 0, true);

	assert_int_equal(seen.view, PROCESS_GONE);
	seen = look(*state, json_array(), 0, false);
	assert_int_equal(seen.view, PROCESS_UNKNOWN);
}

/* The hold's script is no sync, although the unit calls it its main process. */
static void test_look_sees_the_hold(void **state)
{
	struct fixture *fixture = *state;
	char folder[PATH_MAX], script[PATH_MAX + 40];
	char *argv[] = {(char *)"/bin/sh", script, NULL};
	struct process_seen seen;
	pid_t pid;

	(void)snprintf(folder, sizeof(folder), "%s/versions", fixture->dir);
	assert_int_equal(mkdir(folder, 0755), 0);
	(void)snprintf(
		script, sizeof(script), "%s/.hold-20260101T000000Z-1", folder);
	fixture_write(script, "echo ready\nread never\nsleep 60\n");
	pid = fixture_run_sleeper(fixture, argv);
	fixture_await_line(fixture->output, "ready");
	seen = look(fixture, json_pack("[i]", (int)pid), pid, false);
	assert_int_equal(seen.view, PROCESS_UNKNOWN);
	assert_non_null(strstr(seen.why, "the hold"));
	fixture_kill(pid);
}

static void test_scope_service_of_each_cgroup(void **state)
{
	static const struct {
		const char *cgroup, *service;
	} rows[] = {
		{"0::/system.slice/syncup@shop.service\n",
			"syncup@shop.service"},
		{"1:name=systemd:/system.slice/a.service\n0::/\n", "a.service"},
		{"0::/user.slice/user-0.slice/session-3.scope\n", NULL},
		{"0::/user.slice/user-1.slice/user@1.service/app.slice/"
		 "b.service",
			"b.service"},
		{"0::/\n", NULL},
		{"0::/.service\n", NULL},
		{"", NULL},
	};
	char name[100];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool is = scope_service(rows[i].cgroup, name, sizeof(name));

		assert_int_equal(is, rows[i].service != NULL);
		if (is)
			assert_string_equal(name, rows[i].service);
	}
}

static void test_scope_argv_keeps_the_command(void **state)
{
	char *const argv[] = {(char *)"/bin/a", (char *)"--config", NULL};
	char **words = scope_argv(SCOPE_SYSTEM, "shard0", argv);
	size_t count = 0;

	(void)state;
	while (words[count])
		count++;
	assert_string_equal(words[0], "systemd-run");
	assert_string_equal(words[count - 3], "--");
	assert_string_equal(words[count - 2], "/bin/a");
	assert_string_equal(words[count - 1], "--config");
	free(words);
}

#define look_test(name)                                                        \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_phase_of_each_state),
		cmocka_unit_test(test_phase_of_circles),
		cmocka_unit_test(test_phase_of_no_unit),
		cmocka_unit_test(test_describe_says_how_it_ended),
		look_test(test_look_finds_the_listener),
		look_test(test_look_is_not_fooled_by_a_stranger),
		look_test(test_look_of_a_process_that_does_not_listen_yet),
		look_test(test_look_when_nothing_is_left),
		look_test(test_look_sees_the_hold),
		cmocka_unit_test(test_scope_service_of_each_cgroup),
		cmocka_unit_test(test_scope_argv_keeps_the_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
