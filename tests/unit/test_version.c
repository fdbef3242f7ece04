#include "supervisor/install/version.h"

#include "install_world.h"

static void test_version_is_valid(void **state)
{
	static const char *const good[] = {
		"1.13.0", "0.9.0", "10.20.300", "1.2.3-rc1", "1.2.3-rc.1-x"};
	static const char *const bad[] = {"", "1", "1.2", "1.2.3.4", "v1.2.3",
		"1.2.3-", "1.2.3-/x", "1.2.3/..", "1.2.x", " 1.2.3", "1.2.3 ",
		"..", "1.2.3-012345678901234567890123456789", "1.2.12345678"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(version_is_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (version_is_valid(bad[i]))
			fail_msg("\"%s\" is valid", bad[i]);
}

static void test_version_compare(void **state)
{
	static const char *const rising[] = {"0.9.9", "1.2.3-alpha",
		"1.2.3-rc2", "1.2.3-rc10", "1.2.3", "1.2.10", "1.10.0",
		"2.0.0"};

	(void)state;
	for (size_t a = 0; a < sizeof(rising) / sizeof(rising[0]); a++)
		for (size_t b = 0; b < sizeof(rising) / sizeof(rising[0]); b++)
			if (a < b)
				assert_true(version_compare(
						    rising[a], rising[b]) < 0);
			else if (a > b)
				assert_true(version_compare(
						    rising[a], rising[b]) > 0);
			else
				assert_int_equal(
					version_compare(rising[a], rising[b]),
					0);
}

static void test_version_find(void **state)
{
	static const struct {
		const char *text, *version; /* NULL: none */
	} cases[] = {
		{"1.13.0", "1.13.0"},
		{"mongosync version 1.13.0\n", "1.13.0"},
		{"{\"version\":\"1.18.0\",\"os\":\"linux\"}", "1.18.0"},
		{"Version:   v0.9.0\nGoVersion: go1.26.4\n", "0.9.0"},
		{"built with go1.21.3: 1.4.1", "1.4.1"},
		{"mongosync-ubuntu2204-x86_64-1.18.0", "1.18.0"},
		{"This is 1.2.3-rc1.", "1.2.3-rc1"},
		{"1.2.3, and so on", "1.2.3"},
		{"listening on 127.0.0.1", NULL},
		{"libx.so.1.2.3: cannot open", NULL},
		{"2026-01-02T10:11:12.345", NULL},
		{"1.2.3abc", NULL},
		{"1.2", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char version[VERSION_MAX] = "";
		bool found = version_find(cases[i].text, version);

		if (found != (cases[i].version != NULL))
			fail_msg("\"%s\": %s", cases[i].text, version);
		if (found)
			assert_string_equal(version, cases[i].version);
	}
}

static bool ask(
	struct world *world, const char *script, char version[VERSION_MAX])
{
	const char *path = world_path(world, "program");

	make_script(path, script);
	memset(&world->err, 0, sizeof(world->err));
	return version_of_binary(path, version, &world->err);
}

static void test_version_of_binary_on_stdout(void **state)
{
	char version[VERSION_MAX];

	assert_true(ask(*state, script_of("1.13.0"), version));
	assert_string_equal(version, "1.13.0");
	/* how it exits is not documented */
	assert_true(ask(*state, "#!/bin/sh\necho 1.13.1; exit 1\n", version));
	assert_string_equal(version, "1.13.1");
	assert_true(ask(
		*state, "#!/bin/sh\necho 9.9.9 >&2; echo 1.13.2\n", version));
	assert_string_equal(version, "1.13.2");
}

static void test_version_of_binary_on_stderr(void **state)
{
	struct world *world = *state;
	char version[VERSION_MAX];

	assert_true(ask(world, "#!/bin/sh\necho v0.9.0 >&2\n", version));
	assert_string_equal(version, "0.9.0");
	assert_false(ask(
		world, "#!/bin/sh\necho needs 1.2.3 >&2; exit 127\n", version));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_non_null(strstr(world->err.msg, "exit 127"));
	assert_non_null(strstr(world->err.msg, "needs 1.2.3"));
}

static void test_version_of_binary_without_a_version(void **state)
{
	struct world *world = *state;
	char version[VERSION_MAX];

	assert_false(
		ask(world, "#!/bin/sh\nprintf 'he\\033llo\\nx\\n'\n", version));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_non_null(strstr(world->err.msg, "names no version"));
	assert_non_null(strstr(world->err.msg, "he?llo"));
	assert_false(
		ask(world, "#!/bin/sh\necho 1.2.3; kill -9 $$\n", version));
	assert_non_null(strstr(world->err.msg, "signal 9"));
}

static void test_version_of_binary_that_does_not_start(void **state)
{
	struct world *world = *state;
	char version[VERSION_MAX];

	assert_false(version_of_binary(
		world_path(world, "none"), version, &world->err));
	assert_int_equal(world->err.code, ERR_MISSING);
	scratch_write(world_path(world, "plain"), "1.2.3", 5);
	assert_false(version_of_binary(
		world_path(world, "plain"), version, &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_int_equal(world->err.sys, EACCES);
	/* not a program of this machine, and nothing for /bin/sh either */
	assert_false(ask(world, "1.2.3\n", version));
	assert_int_equal(world->err.sys, ENOEXEC);
}

static void test_version_of_binary_gets_none_of_our_environment(void **state)
{
	char version[VERSION_MAX];

	assert_int_equal(setenv("SYNCUP_TEST_SECRET", "9.9.9", 1), 0);
	assert_true(ask(*state,
		"#!/bin/sh\necho \"$SYNCUP_TEST_SECRET\"; echo 1.2.3\n",
		version));
	assert_int_equal(unsetenv("SYNCUP_TEST_SECRET"), 0);
	assert_string_equal(version, "1.2.3");
}

static void test_version_of_binary_reads_no_input(void **state)
{
	char version[VERSION_MAX];

	assert_true(ask(*state, "#!/bin/sh\ncat; echo 1.2.3\n", version));
}

static void test_version_of_binary_with_much_output(void **state)
{
	char version[VERSION_MAX];

	assert_true(ask(*state,
		"#!/bin/sh\necho 1.2.3\nhead -c 3000000 /dev/zero\n", version));
	assert_string_equal(version, "1.2.3");
}

/* Dead, if perhaps not yet reaped by whoever inherited it. */
static bool is_dead(pid_t pid)
{
	char path[64], state = 'X';
	FILE *stat_file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	stat_file = fopen(path, "re");
	if (!stat_file)
		return true;
	if (fscanf(stat_file, "%*d (%*[^)]) %c", &state) != 1)
		state = 'X';
	(void)fclose(stat_file);
	return state == 'Z' || state == 'X';
}

static void test_version_of_binary_that_leaves_a_child(void **state)
{
	struct world *world = *state;
	char version[VERSION_MAX], script[PATH_MAX + 100], *pid;
	const char *pid_file = world_path(world, "pid");
	int64_t began = sys_monotonic_ms();

	(void)snprintf(script, sizeof(script),
		"#!/bin/sh\nsleep 60 &\necho $! >%s\necho 1.2.3\n", pid_file);
	assert_true(ask(world, script, version));
	assert_true(sys_monotonic_ms() - began < 4000);
	pid = scratch_read(pid_file, NULL);
	assert_non_null(pid);
	while (!is_dead((pid_t)strtol(pid, NULL, 10)))
		assert_true(sys_monotonic_ms() - began < 10000);
	free(pid);
}

static void test_version_of_binary_that_hangs(void **state)
{
	struct world *world = *state;
	char version[VERSION_MAX];
	int64_t began = sys_monotonic_ms(), took;

	assert_false(ask(world,
		"#!/bin/sh\ntrap '' TERM INT\necho 1.2.3\nyes\n", version));
	took = sys_monotonic_ms() - began;
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_non_null(strstr(world->err.msg, "did not end"));
	assert_true(took >= 4900 && took < 8000);
}

#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_is_valid),
		cmocka_unit_test(test_version_compare),
		cmocka_unit_test(test_version_find),
		TEST(test_version_of_binary_on_stdout),
		TEST(test_version_of_binary_on_stderr),
		TEST(test_version_of_binary_without_a_version),
		TEST(test_version_of_binary_that_does_not_start),
		TEST(test_version_of_binary_gets_none_of_our_environment),
		TEST(test_version_of_binary_reads_no_input),
		TEST(test_version_of_binary_with_much_output),
		TEST(test_version_of_binary_that_leaves_a_child),
		TEST(test_version_of_binary_that_hangs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
