#include "install_world.h"

static struct link_spec binary_link(struct world *world)
{
	return (struct link_spec){
		.path = world_path(world, "bin/mongosync"),
		.root = world->root,
		.name = "mongosync",
		.is_binary = true,
	};
}

static const char *version_path(struct world *world, const char *version)
{
	char name[100];

	(void)snprintf(
		name, sizeof(name), "opt/versions/%s/bin/mongosync", version);
	return world_path(world, name);
}

static ino_t inode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_ino;
}

static void prepare_plain(struct world *world)
{
	make_script(binary_link(world).path, script_of("1.12.0"));
}

static void copy_program(const char *from, const char *to)
{
	size_t len = 0;
	char *data = scratch_read(from, &len);

	assert_non_null(data);
	make_dirs(to);
	scratch_write(to, data, len);
	assert_int_equal(chmod(to, 0755), 0);
	free(data);
}

/* A program that runs until its standard input ends. */
struct runner {
	pid_t pid;
	int input;
	char exe[64]; /* /proc/PID/exe */
};

static struct runner start_runner(const char *path)
{
	struct runner runner;
	int ends[2], has_begun[2];
	char c;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(pipe2(has_begun, O_CLOEXEC), 0);
	copy_program("/bin/cat", path);
	runner.pid = fork();
	assert_true(runner.pid >= 0);
	if (runner.pid == 0) {
		(void)dup2(ends[0], 0);
		(void)execl(path, path, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(close(ends[0]), 0);
	assert_int_equal(close(has_begun[1]), 0);
	/* ends when the child's copy is closed by exec */
	assert_int_equal(read(has_begun[0], &c, 1), 0);
	assert_int_equal(close(has_begun[0]), 0);
	runner.input = ends[1];
	(void)snprintf(runner.exe, sizeof(runner.exe), "/proc/%d/exe",
		(int)runner.pid);
	return runner;
}

static void stop_runner(struct runner *runner)
{
	assert_int_equal(close(runner->input), 0);
	assert_int_equal(waitpid(runner->pid, NULL, 0), runner->pid);
}

static void test_adopt_a_plain_file_keeps_its_inode(void **state)
{
	struct world *world = *state;
	struct link_spec link = binary_link(world);
	mode_t before = umask(077);
	ino_t inode;

	prepare_plain(world);
	inode = inode_of(link.path);
	assert_true(adopt(&link, "1.12.0", NULL, &world->err));
	assert_true(link_says(link.path, version_path(world, "1.12.0")));
	assert_int_equal(inode_of(link.path), inode);
	assert_int_equal(
		mode_of(world_path(world, "opt/versions/1.12.0")), 0755);
	assert_int_equal(
		mode_of(world_path(world, "opt/versions/1.12.0/bin")), 0755);
	(void)umask(before);
}

static void test_adopt_again(void **state)
{
	struct world *world = *state;
	struct link_spec link = binary_link(world);
	char *before, *after;

	prepare_plain(world);
	assert_true(adopt(&link, "1.12.0", NULL, &world->err));
	make_version(world, "1.13.0");
	before = describe(world, world->scratch.dir);
	assert_true(adopt(&link, "1.12.0", NULL, &world->err));
	after = describe(world, world->scratch.dir);
	assert_string_equal(before, after);
	free(before);
	free(after);
	/* the run went on: adopting again must not turn the link back */
	assert_true(link_point(&link, "1.13.0", &world->err));
	assert_true(adopt(&link, "1.12.0", NULL, &world->err));
	assert_true(link_says(link.path, version_path(world, "1.13.0")));
	assert_true(link_hold(&link, "r1", &world->err));
	assert_true(adopt(&link, "1.12.0", NULL, &world->err));
	assert_true(link_says(link.path, version_path(world, ".hold-r1")));
}

static int linkat_to_other_disk(
	int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	(void)from_dir;
	(void)from;
	(void)to_dir;
	(void)to;
	(void)flags;
	errno = EXDEV;
	return -1;
}

static void test_adopt_from_another_file_system(void **state)
{
	struct world *world = *state;
	struct link_spec link = binary_link(world);
	struct sys other_disk = sys_real;

	prepare_plain(world);
	other_disk.linkat = linkat_to_other_disk;
	sys = &other_disk;
	assert_true(adopt(&link, "1.12.0", NULL, &world->err));
	sys = &sys_real;
	assert_true(link_says(link.path, version_path(world, "1.12.0")));
	assert_true(scratch_holds(link.path, script_of("1.12.0")));
	assert_int_equal(mode_of(version_path(world, "1.12.0")), 0755);
}

static void test_adopt_what_is_running(void **state)
{
	struct world *world = *state;
	struct link_spec link = binary_link(world);
	struct runner runner = start_runner(world_path(world, "old/sync"));
	bool is_same_inode;

	link.path = world_path(world, "old/absent");
	assert_true(adopt(&link, "1.12.0", runner.exe, &world->err));
	is_same_inode = inode_of(link.path) == inode_of(runner.exe);
	stop_runner(&runner);
	assert_true(is_same_inode);
}

static void test_adopt_what_is_running_but_was_removed(void **state)
{
	struct world *world = *state;
	struct link_spec link = binary_link(world);
	const char *path = world_path(world, "old/sync");
	struct runner runner;
	char expected[65], hex[65];
	bool ok;

	assert_true(sha256_file("/bin/cat", expected, &world->err));
	make_dirs(link.path);
	runner = start_runner(path);
	assert_int_equal(unlink(path), 0);
	ok = adopt(&link, "1.12.0", runner.exe, &world->err);
	stop_runner(&runner);
	assert_true(ok);
	assert_true(sha256_file(link.path, hex, &world->err));
	assert_string_equal(hex, expected);
}

/* Somebody has put a new executable in place but not restarted the process. */
static void test_adopt_keeps_a_plain_file_that_is_not_running(void **state)
{
	struct world *world = *state;
	struct link_spec link = binary_link(world);
	const char *running = world_path(world, "running");
	const char *saved = world_path(world, "bin/mongosync.before-syncup");

	make_script(running, script_of("1.12.0"));
	make_script(link.path, script_of("1.12.5"));
	assert_true(adopt(&link, "1.12.0", running, &world->err));
	assert_true(scratch_holds(link.path, script_of("1.12.0")));
	assert_true(scratch_holds(saved, script_of("1.12.5")));
	assert_int_equal(unlink(link.path), 0);
	make_script(link.path, script_of("1.12.6"));
	assert_false(adopt(&link, "1.12.0", running, &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_true(scratch_holds(link.path, script_of("1.12.6")));
	assert_true(scratch_holds(saved, script_of("1.12.5")));
}

static void test_adopt_refuses(void **state)
{
	struct world *world = *state;
	struct link_spec link = binary_link(world);

	make_dirs(link.path);
	assert_false(adopt(&link, "1.12.0", NULL, &world->err));
	assert_int_equal(world->err.code, ERR_MISSING);
	assert_int_equal(symlink("/elsewhere", link.path), 0);
	assert_false(adopt(&link, "1.12.0", NULL, &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_true(link_says(link.path, "/elsewhere"));
	assert_int_equal(unlink(link.path), 0);
	prepare_plain(world);
	assert_false(adopt(&link, "../1.12.0", NULL, &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_false(
		adopt(&link, "1.12.0", world_path(world, "none"), &world->err));
	assert_int_equal(world->err.code, ERR_MISSING);
	assert_true(scratch_holds(link.path, script_of("1.12.0")));
}

static void test_adopt_version_is_there_but_differs(void **state)
{
	struct world *world = *state;
	struct link_spec link = binary_link(world);

	prepare_plain(world);
	make_script(version_path(world, "1.12.0"), script_of("1.12.0-mine"));
	assert_false(adopt(&link, "1.12.0", NULL, &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_true(scratch_holds(link.path, script_of("1.12.0")));
	make_script(version_path(world, "1.12.0"), script_of("1.12.0"));
	assert_true(adopt(&link, "1.12.0", NULL, &world->err));
}

static int broken_fsync(int fd)
{
	(void)fd;
	errno = EIO;
	return -1;
}

static void test_adopt_storage_fails(void **state)
{
	struct world *world = *state;
	struct link_spec link = binary_link(world);
	struct sys broken = sys_real;

	prepare_plain(world);
	make_dirs(world_path(world, "opt/versions/x"));
	broken.fsync = broken_fsync;
	for (int copies = 0; copies < 2; copies++) {
		if (copies)
			broken.linkat = linkat_to_other_disk;
		sys = &broken;
		assert_false(adopt(&link, "1.12.0", NULL, &world->err));
		sys = &sys_real;
		assert_int_equal(world->err.code, ERR_STORAGE);
		assert_tree(world, world->root, "versions/ 0755\n");
		assert_true(scratch_holds(link.path, script_of("1.12.0")));
	}
	assert_true(adopt(&link, "1.12.0", NULL, &world->err));
}

static void test_unadopt(void **state)
{
	struct world *world = *state;
	struct link_spec link = binary_link(world);
	struct stat st;

	prepare_plain(world);
	assert_true(adopt(&link, "1.12.0", NULL, &world->err));
	for (int i = 0; i < 2; i++) {
		assert_true(unadopt(&link, "1.12.0", &world->err));
		assert_int_equal(lstat(link.path, &st), 0);
		assert_true(S_ISREG(st.st_mode));
		assert_true(scratch_holds(link.path, script_of("1.12.0")));
	}
	assert_true(exists(version_path(world, "1.12.0")));
	assert_int_equal(
		scratch_count_entries(world_path(world, "opt/.syncup/links")),
		0);
	assert_true(adopt(&link, "1.12.0", NULL, &world->err));
	assert_true(link_hold(&link, "r1", &world->err));
	assert_true(unadopt(&link, "1.12.0", &world->err));
	assert_true(scratch_holds(link.path, script_of("1.12.0")));
}

static void test_unadopt_refuses(void **state)
{
	struct world *world = *state;
	struct link_spec link = binary_link(world);

	prepare_plain(world);
	assert_true(adopt(&link, "1.12.0", NULL, &world->err));
	assert_false(unadopt(&link, "1.11.0", &world->err));
	assert_int_equal(world->err.code, ERR_MISSING);
	assert_true(link_says(link.path, version_path(world, "1.12.0")));
	assert_int_equal(unlink(link.path), 0);
	make_script(link.path, script_of("1.14.0"));
	assert_false(unadopt(&link, "1.12.0", &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_int_equal(unlink(link.path), 0);
	assert_int_equal(symlink("/elsewhere", link.path), 0);
	assert_false(unadopt(&link, "1.12.0", &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_true(link_says(link.path, "/elsewhere"));
}

static void test_unadopt_a_directory_link(void **state)
{
	struct world *world = *state;
	const char *exe = world_path(world, "exe");
	struct link_spec link = {
		.path = world_path(world, "opt/orders/current"),
		.root = world->root,
		.name = "mongosync",
	};

	make_script(exe, script_of("1.12.0"));
	assert_true(adopt(&link, "1.12.0", exe, &world->err));
	assert_true(
		link_says(link.path, world_path(world, "opt/versions/1.12.0")));
	for (int i = 0; i < 2; i++) {
		assert_true(unadopt(&link, "1.12.0", &world->err));
		assert_false(exists(link.path));
	}
}

static void prepare_adopted(struct world *world)
{
	struct link_spec link = binary_link(world);

	prepare_plain(world);
	assert_true(adopt(&link, "1.12.0", NULL, &world->err));
}

static void prepare_replaced(struct world *world)
{
	make_script(world_path(world, "running"), script_of("1.12.0"));
	make_script(binary_link(world).path, script_of("1.12.5"));
}

static bool act_adopt(struct world *world)
{
	struct link_spec link = binary_link(world);

	return adopt(&link, "1.12.0", NULL, &world->err);
}

static bool act_adopt_copy(struct world *world)
{
	struct sys other_disk = sys_real;
	bool ok;

	other_disk.linkat = linkat_to_other_disk;
	sys = &other_disk;
	ok = act_adopt(world);
	sys = &sys_real;
	return ok;
}

static bool act_adopt_running(struct world *world)
{
	struct link_spec link = binary_link(world);

	return adopt(
		&link, "1.12.0", world_path(world, "running"), &world->err);
}

static bool act_unadopt(struct world *world)
{
	struct link_spec link = binary_link(world);

	return unadopt(&link, "1.12.0", &world->err);
}

/* At every instant it can be started. */
static void check_is_there(struct world *world)
{
	assert_true(
		scratch_holds(binary_link(world).path, script_of("1.12.0")));
}

/* Neither of the two executables is ever lost. */
static void check_both_are_there(struct world *world)
{
	const char *saved = world_path(world, "bin/mongosync.before-syncup");

	assert_int_equal(access(binary_link(world).path, X_OK), 0);
	assert_true(
		scratch_holds(binary_link(world).path, script_of("1.12.5")) ||
		scratch_holds(saved, script_of("1.12.5")));
}

static const struct scenario scenarios[] = {
	{"adopt", prepare_plain, act_adopt, check_is_there},
	{"adopt copy", prepare_plain, act_adopt_copy, check_is_there},
	{"adopt running", prepare_replaced, act_adopt_running,
		check_both_are_there},
	{"unadopt", prepare_adopted, act_unadopt, check_is_there},
	{NULL, NULL, NULL, NULL},
};

static void test_adopt_killed_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; scenarios[i].name; i++)
		kill_everywhere(&scenarios[i]);
}

#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_adopt_a_plain_file_keeps_its_inode),
		TEST(test_adopt_again),
		TEST(test_adopt_from_another_file_system),
		TEST(test_adopt_what_is_running),
		TEST(test_adopt_what_is_running_but_was_removed),
		TEST(test_adopt_keeps_a_plain_file_that_is_not_running),
		TEST(test_adopt_refuses),
		TEST(test_adopt_version_is_there_but_differs),
		TEST(test_adopt_storage_fails),
		TEST(test_unadopt),
		TEST(test_unadopt_refuses),
		TEST(test_unadopt_a_directory_link),
		cmocka_unit_test(test_adopt_killed_anywhere),
	};

	if (argc == 4 && strcmp(argv[1], "--scenario") == 0)
		return scenario_main(scenarios, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
