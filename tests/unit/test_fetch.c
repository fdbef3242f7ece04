/*
 * test_fetch.c - the cache without a network: what is found in it, what is left
 * of a try, and a kill at any point.  tests/guards has the server.
 */
#include "install_world.h"

#include <sys/file.h>
#include <utime.h>

#include "supervisor/install/fetch.h"

#define TEXT "all of it"
#define SHA "07630777646b9ad0ad5940c20f7703e5ba431d90dc8f191af6916bffca3e859c"
#define NOBODY "https://127.0.0.1:1/new.tgz" /* nothing listens there */
#define WHOLE "cache/" SHA ".tgz"
#define PARTIAL "cache/.partial-" SHA

static bool fetched_now;

static bool act_fetch(struct world *world)
{
	const struct fetch_spec spec = {
		.stall_s = 5,
		.tries = 1,
		.deadline_ms = sys_monotonic_ms() + 10000,
	};
	char path[PATH_MAX];

	memset(&world->err, 0, sizeof(world->err));
	if (!fetch_archive(&spec, NOBODY, SHA, world_path(world, "cache"), path,
		    &fetched_now, &world->err))
		return false;
	assert_string_equal(path, world_path(world, WHOLE));
	return true;
}

static void put(struct world *world, const char *name, const char *text)
{
	const char *folder = world_path(world, "cache");

	assert_true(mkdir(folder, 0755) == 0 || errno == EEXIST);
	scratch_write(world_path(world, name), text, strlen(text));
}

static void prepare_partial(struct world *world)
{
	put(world, PARTIAL, TEXT);
}

static void check_whole(struct world *world)
{
	assert_true(!exists(world_path(world, WHOLE)) ||
		    scratch_holds(world_path(world, WHOLE), TEXT));
}

static void test_fetch_archive_takes_it_from_the_cache(void **state)
{
	struct world *world = *state;

	put(world, WHOLE, TEXT);
	assert_true(act_fetch(world));
	assert_false(fetched_now);
	assert_false(exists(world_path(world, PARTIAL)));
}

static void test_fetch_archive_removes_a_damaged_one(void **state)
{
	struct world *world = *state;

	put(world, WHOLE, "something else");
	assert_false(act_fetch(world));
	assert_int_equal(world->err.code, ERR_AGAIN);
	assert_non_null(strstr(world->err.msg, NOBODY ": "));
	assert_non_null(strstr(world->err.msg, "(tried 1 time)"));
	assert_false(exists(world_path(world, WHOLE)));
	assert_false(exists(world_path(world, PARTIAL))); /* it is empty */
}

static void test_fetch_archive_keeps_a_part(void **state)
{
	struct world *world = *state;

	put(world, PARTIAL, "all");
	assert_false(act_fetch(world));
	assert_int_equal(world->err.code, ERR_AGAIN);
	assert_true(scratch_holds(world_path(world, PARTIAL), "all"));
}

static void test_fetch_archive_gives_a_whole_one_its_name(void **state)
{
	struct world *world = *state;

	prepare_partial(world);
	assert_true(act_fetch(world));
	assert_true(scratch_holds(world_path(world, WHOLE), TEXT));
	assert_int_equal(mode_of(world_path(world, WHOLE)), 0644);
	assert_false(exists(world_path(world, PARTIAL)));
}

/* No link of somebody else is followed and written through. */
static void test_fetch_archive_follows_no_link(void **state)
{
	struct world *world = *state;

	put(world, "cache/theirs", TEXT);
	assert_int_equal(symlink("theirs", world_path(world, PARTIAL)), 0);
	assert_false(act_fetch(world));
	assert_non_null(strstr(world->err.msg, "opening "));
	assert_true(scratch_holds(world_path(world, "cache/theirs"), TEXT));
}

static void test_fetch_archive_removes_old_parts_of_others(void **state)
{
	const struct utimbuf long_ago = {.modtime = 1000};
	const char *held = "cache/.partial-held";
	struct world *world = *state;
	int fd;

	put(world, "cache/.partial-new", "x");
	put(world, "cache/.partial-old", "x");
	put(world, held, "x");
	put(world, "cache/other", "x");
	assert_int_equal(
		utime(world_path(world, "cache/.partial-old"), &long_ago), 0);
	assert_int_equal(utime(world_path(world, held), &long_ago), 0);
	assert_int_equal(utime(world_path(world, "cache/other"), &long_ago), 0);
	fd = open(world_path(world, held), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	prepare_partial(world);
	assert_true(act_fetch(world));
	(void)close(fd);
	assert_true(exists(world_path(world, "cache/.partial-new")));
	assert_false(exists(world_path(world, "cache/.partial-old")));
	assert_true(exists(world_path(world, held)));
	assert_true(exists(world_path(world, "cache/other")));
}

static const struct scenario scenarios[] = {
	{"fetch", prepare_partial, act_fetch, check_whole},
	{0},
};

static void test_fetch_archive_killed_anywhere(void **state)
{
	(void)state;
	kill_everywhere(&scenarios[0]);
}

#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fetch_archive_takes_it_from_the_cache),
		TEST(test_fetch_archive_removes_a_damaged_one),
		TEST(test_fetch_archive_keeps_a_part),
		TEST(test_fetch_archive_gives_a_whole_one_its_name),
		TEST(test_fetch_archive_follows_no_link),
		TEST(test_fetch_archive_removes_old_parts_of_others),
		cmocka_unit_test(test_fetch_archive_killed_anywhere),
	};

	if (argc == 4 && strcmp(argv[1], "--scenario") == 0)
		return scenario_main(scenarios, argv);
	/* No proxy is asked for nobody. */
	(void)unsetenv("https_proxy");
	(void)unsetenv("HTTPS_PROXY");
	(void)unsetenv("all_proxy");
	(void)unsetenv("ALL_PROXY");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
