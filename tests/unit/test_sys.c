#include "state/sys.h"

#include "scratch.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static void test_sys_wall_ms_is_the_time_of_day(void **state)
{
	int64_t before = (int64_t)time(NULL) * 1000;
	int64_t now = sys_wall_ms();

	(void)state;
	assert_true(now >= before - 1000 && now <= before + 60000);
}

static void test_sys_clocks_never_go_back(void **state)
{
	int64_t monotonic = sys_monotonic_ms(), boot = sys_boottime_ms();

	(void)state;
	assert_true(monotonic > 0 && boot > 0);
	assert_true(sys_monotonic_ms() >= monotonic);
	assert_true(sys_boottime_ms() >= boot);
	assert_true(boot >= monotonic);
}

static void test_sys_boot_id_is_a_uuid(void **state)
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	char line[64];

	(void)state;
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	(void)fclose(file);
	line[strcspn(line, "\n")] = '\0';
	assert_int_equal(strlen(sys_boot_id()), 36);
	assert_string_equal(sys_boot_id(), line);
}

static void test_sys_real_has_every_call(void **state)
{
	void *const *slot = (void *const *)&sys_real;

	(void)state;
	for (size_t i = 0; i < sizeof(sys_real) / sizeof(*slot); i++)
		assert_non_null(slot[i]);
	assert_ptr_equal(sys, &sys_real);
}

static int pass_three_points(const char *at, const char *log)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		(void)setenv("SYNCUP_CRASH_AT", at, 1);
		(void)setenv("SYNCUP_CRASH_LOG", log, 1);
		errno = EXDEV;
		sys_crash_point("one");
		sys_crash_point("two");
		sys_crash_point("three");
		_exit(errno == EXDEV ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void test_sys_crash_point_dies_at_the_number(void **state)
{
	struct scratch scratch;
	int status;

	(void)state;
	scratch_make(&scratch);
	status = pass_three_points("2", scratch_path(&scratch, "log"));
#ifdef SYNCUP_CRASH_POINTS
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(scratch_holds(scratch.path, "1 one\n2 two\n"));
#else
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(scratch_count_entries(scratch.dir), 0);
#endif
	scratch_remove(&scratch);
}

static void test_sys_crash_point_beyond_the_last_lives(void **state)
{
	struct scratch scratch;
	int status;

	(void)state;
	scratch_make(&scratch);
	status = pass_three_points("4", scratch_path(&scratch, "log"));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	scratch_remove(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sys_wall_ms_is_the_time_of_day),
		cmocka_unit_test(test_sys_clocks_never_go_back),
		cmocka_unit_test(test_sys_boot_id_is_a_uuid),
		cmocka_unit_test(test_sys_real_has_every_call),
		cmocka_unit_test(test_sys_crash_point_dies_at_the_number),
		cmocka_unit_test(test_sys_crash_point_beyond_the_last_lives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
