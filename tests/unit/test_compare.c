/*
 * test_compare.c - what a start by us would change about a running process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "process_fixture.h"
#include "supervisor/process/backend.h"
#include "supervisor/process/compare.h"

/* Returns when it is the sleeper, and no longer a copy of us. */
static pid_t run_sleeper(struct fixture *fixture)
{
	struct process_seen seen;
	pid_t pid = fixture_run_sleeper(fixture, NULL);

	fixture_await(fixture, &process_spawn, PROCESS_RUNNING, &seen);
	return pid;
}

static void test_process_compare_same(void **state)
{
	struct fixture *fixture = *state;
	char cwd[512], text[300];
	pid_t pid = run_sleeper(fixture);

	assert_non_null(getcwd(cwd, sizeof(cwd)));
	fixture->spec.argv = fixture->argv;
	fixture->spec.directory = cwd;
	(void)clearenv();
	process_compare(&fixture->spec, pid, text, sizeof(text));
	/* Our own variables are not passed on; that is told by name. */
	assert_null(strstr(text, "argument"));
	assert_null(strstr(text, "working directory"));
	assert_null(strstr(text, "open files"));
	fixture_kill(pid);
}

static void test_process_compare_differs(void **state)
{
	struct fixture *fixture = *state;
	char *argv[] = {fixture->argv[0], (char *)(uintptr_t) "--other", NULL};
	char text[400];
	pid_t pid;

	assert_int_equal(setenv("SYNCUP_TEST_NAME", "its-value", 1), 0);
	pid = run_sleeper(fixture);
	fixture->spec.argv = argv;
	fixture->spec.directory = "/";
	fixture->spec.nofile = 77;
	process_compare(&fixture->spec, pid, text, sizeof(text));
	assert_non_null(strstr(text, "argument 1 is \"--other\", not \""));
	assert_non_null(strstr(text, "working directory /, not "));
	assert_non_null(strstr(text, "open files 77, not "));
	assert_non_null(strstr(text, "SYNCUP_TEST_NAME"));
	assert_null(strstr(text, "its-value"));
	fixture_kill(pid);
}

static void test_process_compare_small_buffer(void **state)
{
	struct fixture *fixture = *state;
	char *argv[] = {fixture->argv[0], (char *)(uintptr_t) "--other", NULL};
	pid_t pid = run_sleeper(fixture);

	fixture->spec.argv = argv;
	fixture->spec.directory = "/";
	fixture->spec.nofile = 77;
	for (size_t size = 1; size < 120; size++) {
		char *text = malloc(size); /* to be seen by the sanitizer */

		process_compare(&fixture->spec, pid, text, size);
		assert_true(strlen(text) < size);
		free(text);
	}
	fixture_kill(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_process_compare_same,
			fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_process_compare_differs,
			fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
			test_process_compare_small_buffer, fixture_setup,
			fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
