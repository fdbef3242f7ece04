#include "install_world.h"

#include <sys/file.h>
#include <utime.h>

#include "supervisor/install/claim.h"

static const char *const versions[] = {
	"1.9.0", "1.10.0", "1.11.0", "1.12.0", "1.13.0-rc1", "1.13.0"};

static void prepare_versions(struct world *world)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		make_version(world, versions[i]);
}

/* Prunes; what is left must be this, newest first and space after each. */
static void assert_prune(struct world *world, const char *const *needed,
	unsigned keep, const char *removed, const char *left)
{
	char *text, now[200] = "", name[100];

	if (!prune_versions(world->root, needed, keep, &text, &world->err))
		fail_msg("%s", world->err.msg);
	assert_string_equal(text, removed);
	free(text);
	for (size_t i = sizeof(versions) / sizeof(versions[0]); i-- > 0;) {
		(void)snprintf(name, sizeof(name),
			"opt/versions/%s/bin/mongosync", versions[i]);
		if (exists(world_path(world, name)))
			(void)snprintf(now + strlen(now),
				sizeof(now) - strlen(now), "%s ", versions[i]);
	}
	assert_string_equal(now, left);
}

static void test_prune_keeps_the_newest(void **state)
{
	prepare_versions(*state);
	assert_prune(*state, NULL, 3, "1.11.0, 1.10.0, 1.9.0",
		"1.13.0 1.13.0-rc1 1.12.0 ");
	assert_prune(*state, NULL, 3, "", "1.13.0 1.13.0-rc1 1.12.0 ");
	assert_int_equal(
		scratch_count_entries(world_path(*state, "opt/versions")), 3);
}

static void test_prune_an_empty_root(void **state)
{
	assert_prune(*state, NULL, 1, "", "");
}

static void test_prune_keeps_what_is_needed(void **state)
{
	static const char *const needed[] = {"1.9.0", "2.0.0", NULL};

	prepare_versions(*state);
	assert_prune(*state, needed, 1, "1.13.0-rc1, 1.12.0, 1.11.0, 1.10.0",
		"1.13.0 1.9.0 ");
}

static void test_prune_keeps_what_links_name(void **state)
{
	struct world *world = *state;
	struct link_spec lane = {
		.path = world_path(world, "opt/orders/current"),
		.root = world->root,
		.name = "mongosync",
	};
	struct link_spec elsewhere = {
		.path = world_path(world, "bin/mongosync"),
		.root = world->root,
		.name = "mongosync",
		.is_binary = true,
	};

	prepare_versions(world);
	make_dirs(elsewhere.path);
	assert_true(link_point(&lane, "1.12.0", &world->err));
	assert_true(link_point(&elsewhere, "1.10.0", &world->err));
	/* made by hand, below the root and in a lane's directory */
	assert_int_equal(
		symlink("versions/1.11.0", world_path(world, "opt/current")),
		0);
	assert_int_equal(symlink("../versions/1.9.0/bin/mongosync",
				 world_path(world, "opt/orders/old")),
		0);
	assert_prune(world, NULL, 1, "1.13.0-rc1",
		"1.13.0 1.12.0 1.11.0 1.10.0 1.9.0 ");
	assert_int_equal(unlink(elsewhere.path), 0);
	assert_prune(world, NULL, 1, "1.10.0", "1.13.0 1.12.0 1.11.0 1.9.0 ");
}

static void claim_versions(
	struct world *world, const char *from, const char *to)
{
	struct claim claim = {.run = "r1"};

	(void)snprintf(claim.from, sizeof(claim.from), "%s", from);
	(void)snprintf(claim.to, sizeof(claim.to), "%s", to);
	assert_true(claim_create(world->root, "shard0", &claim, &world->err));
}

static void test_prune_keeps_what_claims_name(void **state)
{
	prepare_versions(*state);
	claim_versions(*state, "1.9.0", "1.11.0");
	assert_prune(*state, NULL, 1, "1.13.0-rc1, 1.12.0, 1.10.0",
		"1.13.0 1.11.0 1.9.0 ");
}

static void test_prune_unreadable_claim(void **state)
{
	struct world *world = *state;
	char *before, *after, *text;

	prepare_versions(world);
	claim_versions(world, "1.9.0", "1.11.0");
	scratch_write(
		world_path(world, "opt/.syncup/claims/shard0.json"), "?", 1);
	before = describe(world, world->root);
	assert_false(prune_versions(world->root, NULL, 1, &text, &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_null(text);
	after = describe(world, world->root);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

/* Runs path, a program that reads its input, until the returned descriptor is
 * closed. */
static pid_t start(const char *path, int *ret_input)
{
	size_t len = 0;
	char *data = scratch_read("/bin/cat", &len), c;
	int ends[2], has_begun[2];
	pid_t pid;

	assert_non_null(data);
	scratch_write(path, data, len);
	free(data);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(pipe2(has_begun, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)dup2(ends[0], 0);
		(void)execl(path, path, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(close(ends[0]), 0);
	assert_int_equal(close(has_begun[1]), 0);
	/* ends when the child's copy is closed by exec */
	assert_int_equal(read(has_begun[0], &c, 1), 0);
	assert_int_equal(close(has_begun[0]), 0);
	*ret_input = ends[1];
	return pid;
}

static void test_prune_keeps_what_is_executed(void **state)
{
	struct world *world = *state;
	int input;
	pid_t pid;

	prepare_versions(world);
	pid = start(
		world_path(world, "opt/versions/1.9.0/bin/mongosync"), &input);
	/* what /proc/PID/exe calls it does not matter */
	assert_int_equal(
		rename(world_path(world, "opt"), world_path(world, "moved")),
		0);
	assert_int_equal(
		rename(world_path(world, "moved"), world_path(world, "opt")),
		0);
	assert_prune(world, NULL, 4, "1.10.0",
		"1.13.0 1.13.0-rc1 1.12.0 1.11.0 1.9.0 ");
	assert_int_equal(close(input), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_prune(
		world, NULL, 4, "1.9.0", "1.13.0 1.13.0-rc1 1.12.0 1.11.0 ");
}

static int give_away(
	const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return lchown(path, 65534, 65534);
}

/* Of a process of another user only the name can be seen. */
static void test_prune_keeps_what_another_user_may_execute(void **state)
{
	struct world *world = *state;
	int input, status;
	pid_t pid, pruner;

	if (geteuid() != 0)
		skip();
	prepare_versions(world);
	pid = start(
		world_path(world, "opt/versions/1.9.0/bin/mongosync"), &input);
	assert_int_equal(nftw(world->scratch.dir, give_away, 8, FTW_PHYS), 0);
	pruner = fork();
	assert_true(pruner >= 0);
	if (pruner == 0) {
		char *text = NULL;

		if (setegid(65534) < 0 || seteuid(65534) < 0)
			_exit(2);
		_exit(prune_versions(
			      world->root, NULL, 1, &text, &world->err) &&
					strcmp(text, "") == 0
				? 0
				: 1);
	}
	assert_int_equal(waitpid(pruner, &status, 0), pruner);
	assert_int_equal(close(input), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(status, 0);
}

static void make_partial(struct world *world, const char *name, time_t age_s)
{
	struct utimbuf times;
	char path[200];

	(void)snprintf(
		path, sizeof(path), "opt/versions/%s/bin/mongosync", name);
	make_script(world_path(world, path), "half");
	(void)snprintf(path, sizeof(path), "opt/versions/%s", name);
	times.actime = times.modtime = time(NULL) - age_s;
	assert_int_equal(utime(world_path(world, path), &times), 0);
}

static void test_prune_removes_old_partials(void **state)
{
	struct world *world = *state;
	int fd;

	make_partial(world, ".partial-1.12.0-1", 90000);
	make_partial(world, ".partial-1.12.0-2", 3600);
	make_partial(world, ".partial-1.12.0-3", 90000);
	make_partial(world, ".hold-r1", 90000);
	fd = open(world_path(world, "opt/versions/.partial-1.12.0-3"),
		O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_prune(world, NULL, 1, "", "");
	assert_int_equal(close(fd), 0);
	assert_false(
		exists(world_path(world, "opt/versions/.partial-1.12.0-1")));
	assert_true(
		exists(world_path(world, "opt/versions/.partial-1.12.0-2")));
	assert_true(
		exists(world_path(world, "opt/versions/.partial-1.12.0-3")));
	assert_true(exists(world_path(world, "opt/versions/.hold-r1")));
}

static bool act_prune(struct world *world)
{
	char *text;
	bool ok = prune_versions(world->root, NULL, 3, &text, &world->err);

	free(text);
	return ok;
}

/* A version that is there is whole. */
static void check_whole(struct world *world)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		char name[100];

		(void)snprintf(
			name, sizeof(name), "opt/versions/%s", versions[i]);
		if (!exists(world_path(world, name)))
			continue;
		(void)snprintf(name, sizeof(name),
			"opt/versions/%s/bin/mongosync", versions[i]);
		assert_true(scratch_holds(
			world_path(world, name), script_of(versions[i])));
	}
}

static const struct scenario scenarios[] = {
	{"prune", prepare_versions, act_prune, check_whole},
	{NULL, NULL, NULL, NULL},
};

static void test_prune_killed_anywhere(void **state)
{
	(void)state;
	kill_everywhere(&scenarios[0]);
}

#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_prune_keeps_the_newest),
		TEST(test_prune_an_empty_root),
		TEST(test_prune_keeps_what_is_needed),
		TEST(test_prune_keeps_what_links_name),
		TEST(test_prune_keeps_what_claims_name),
		TEST(test_prune_unreadable_claim),
		TEST(test_prune_keeps_what_is_executed),
		TEST(test_prune_keeps_what_another_user_may_execute),
		TEST(test_prune_removes_old_partials),
		cmocka_unit_test(test_prune_killed_anywhere),
	};

	if (argc == 4 && strcmp(argv[1], "--scenario") == 0)
		return scenario_main(scenarios, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
