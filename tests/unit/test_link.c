#include "supervisor/install/claim.h"
#include "supervisor/install/link.h"

#include "install_world.h"

#define RUN "20260102T030405-abcdef"
#define HOLD "opt/versions/.hold-" RUN

static const char run[] = RUN;

/* The lane's directory link below the root. */
static struct link_spec lane_link(struct world *world)
{
	return (struct link_spec){
		.path = world_path(world, "opt/orders/current"),
		.root = world->root,
		.name = "mongosync",
	};
}

/* An adopted path somewhere else. */
static struct link_spec binary_link(struct world *world)
{
	const char *path = world_path(world, "bin/mongosync");

	make_dirs(path);
	return (struct link_spec){
		.path = path,
		.root = world->root,
		.name = "mongosync",
		.is_binary = true,
	};
}

static struct link_seen seen_at(struct world *world, struct link_spec link)
{
	struct link_seen seen;

	assert_true(link_read(&link, &seen, &world->err));
	return seen;
}

static enum link_kind kind_of_text(
	struct world *world, struct link_spec link, const char *text)
{
	char full[PATH_MAX];

	make_dirs(link.path);
	(void)unlink(link.path);
	(void)snprintf(full, sizeof(full), "%s%s",
		text[0] == '+' ? world->root : "",
		text[0] == '+' ? text + 1 : text);
	assert_int_equal(symlink(full, link.path), 0);
	return seen_at(world, link).kind;
}

static void test_link_read_texts(void **state)
{
	static const struct {
		const char *text;
		enum link_kind directory, binary;
	} cases[] = {
		{"+/versions/1.13.0", LINK_VERSION, LINK_FOREIGN},
		{"+/versions/1.13.0/bin/mongosync", LINK_FOREIGN, LINK_VERSION},
		{"+/versions/.hold-r1", LINK_HOLD, LINK_FOREIGN},
		{"+/versions/.hold-r1/bin/mongosync", LINK_FOREIGN, LINK_HOLD},
		{"+/versions/.hold-", LINK_FOREIGN, LINK_FOREIGN},
		{"+/versions/1.13", LINK_FOREIGN, LINK_FOREIGN},
		{"+/versions/1.13.0/", LINK_FOREIGN, LINK_FOREIGN},
		{"+/versions/1.13.0/bin/other", LINK_FOREIGN, LINK_FOREIGN},
		{"+/versions/../1.13.0", LINK_FOREIGN, LINK_FOREIGN},
		{"../versions/1.13.0", LINK_FOREIGN, LINK_FOREIGN},
		{"/elsewhere/versions/1.13.0", LINK_FOREIGN, LINK_FOREIGN},
	};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (kind_of_text(world, lane_link(world), cases[i].text) !=
				cases[i].directory ||
			kind_of_text(world, binary_link(world),
				cases[i].text) != cases[i].binary)
			fail_msg("%s", cases[i].text);
	}
}

static void test_link_read_other_things(void **state)
{
	struct world *world = *state;
	struct link_spec link = binary_link(world);

	assert_int_equal(seen_at(world, link).kind, LINK_ABSENT);
	make_script(link.path, script_of("1.12.0"));
	assert_int_equal(seen_at(world, link).kind, LINK_PLAIN);
	link.is_binary = false;
	assert_int_equal(seen_at(world, link).kind, LINK_FOREIGN);
	link.is_binary = true;
	assert_int_equal(chmod(link.path, 0644), 0);
	assert_int_equal(seen_at(world, link).kind, LINK_FOREIGN);
	assert_int_equal(unlink(link.path), 0);
	assert_int_equal(mkdir(link.path, 0755), 0);
	assert_int_equal(seen_at(world, link).kind, LINK_FOREIGN);
}

static void test_link_point(void **state)
{
	struct world *world = *state;
	struct link_spec links[] = {lane_link(world), binary_link(world)};

	make_version(world, "1.12.0");
	make_version(world, "1.13.0");
	for (int i = 0; i < 2; i++) {
		struct link_seen seen;

		assert_true(link_point(&links[i], "1.12.0", &world->err));
		assert_true(link_point(&links[i], "1.13.0", &world->err));
		assert_true(link_point(&links[i], "1.13.0", &world->err));
		seen = seen_at(world, links[i]);
		assert_int_equal(seen.kind, LINK_VERSION);
		assert_string_equal(seen.version, "1.13.0");
	}
	assert_int_equal(access(links[1].path, X_OK), 0);
	assert_int_equal(
		access(world_path(world, "opt/orders/current/bin/mongosync"),
			X_OK),
		0);
}

static void test_link_point_to_what_is_not_there(void **state)
{
	struct world *world = *state;
	struct link_spec link = lane_link(world);

	make_version(world, "1.12.0");
	assert_true(link_point(&link, "1.12.0", &world->err));
	assert_false(link_point(&link, "1.13.0", &world->err));
	assert_int_equal(world->err.code, ERR_MISSING);
	assert_string_equal(seen_at(world, link).version, "1.12.0");
	assert_false(link_point(&link, "../x", &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
}

static void test_link_never_replaces_what_is_not_ours(void **state)
{
	struct world *world = *state;
	struct link_spec link = binary_link(world);

	make_version(world, "1.13.0");
	make_script(link.path, script_of("1.12.0"));
	assert_false(link_point(&link, "1.13.0", &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_non_null(strstr(world->err.msg, "adopted"));
	assert_false(link_hold(&link, run, &world->err));
	assert_true(scratch_holds(link.path, script_of("1.12.0")));
	assert_int_equal(unlink(link.path), 0);
	assert_int_equal(symlink("/elsewhere", link.path), 0);
	assert_false(link_point(&link, "1.13.0", &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_false(link_hold(&link, run, &world->err));
	assert_true(link_says(link.path, "/elsewhere"));
}

/* Its exit status; what it says goes to a file. */
static int run_program(const char *path, const char *said)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (!freopen(said, "w", stderr) ||
			!freopen("/dev/null", "w", stdout))
			_exit(1);
		(void)execl(path, path, "--config", "x", (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_link_hold_refuses_to_start_and_names_the_run(void **state)
{
	struct world *world = *state;
	struct link_spec links[] = {lane_link(world), binary_link(world)};
	const char *said = world_path(world, "said");
	mode_t before = umask(077);

	for (int i = 0; i < 2; i++) {
		char *text;

		assert_true(link_hold(&links[i], run, &world->err));
		assert_true(link_hold(&links[i], run, &world->err));
		assert_int_equal(seen_at(world, links[i]).kind, LINK_HOLD);
		assert_string_equal(seen_at(world, links[i]).run, run);
		assert_int_equal(
			run_program(i ? links[i].path
				      : world_path(world, "opt/orders/current/"
							  "bin/mongosync"),
				said),
			75);
		text = scratch_read(said, NULL);
		assert_non_null(strstr(text, run));
		assert_non_null(strstr(text, "syncup run"));
		free(text);
	}
	(void)umask(before);
	/* whoever starts it need not be who made it */
	assert_int_equal(mode_of(world_path(world, "opt/versions")), 0755);
	assert_int_equal(mode_of(world_path(world, HOLD)), 0755);
	assert_int_equal(mode_of(world_path(world, HOLD "/bin")), 0755);
	assert_int_equal(
		mode_of(world_path(world, HOLD "/bin/mongosync")), 0755);
}

static void test_link_hold_refuses_names_that_are_none(void **state)
{
	struct world *world = *state;
	struct link_spec link = lane_link(world);

	assert_false(link_hold(&link, "../../x", &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_false(link_hold_remove(world->root, "../1.13.0", &world->err));
	link.name = "a b";
	assert_false(link_hold(&link, run, &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_tree(world, world->root, "");
}

static void test_link_hold_remove(void **state)
{
	struct world *world = *state;
	struct link_spec links[] = {lane_link(world), binary_link(world)};
	const char *hold = world_path(world, HOLD);

	make_version(world, "1.13.0");
	for (int i = 0; i < 2; i++)
		assert_true(link_hold(&links[i], run, &world->err));
	for (int i = 0; i < 2; i++) {
		assert_true(link_hold_remove(world->root, run, &world->err));
		assert_true(exists(hold));
		assert_true(link_point(&links[i], "1.13.0", &world->err));
	}
	assert_true(link_hold_remove(world->root, "other", &world->err));
	assert_true(exists(hold));
	assert_true(link_hold_remove(world->root, run, &world->err));
	assert_false(exists(hold));
	assert_true(link_hold_remove(world->root, run, &world->err));
}

/* Another lane of the run may still have to turn its link there. */
static void test_link_hold_release_waits_for_the_last_claim(void **state)
{
	struct world *world = *state;
	struct link_spec link = lane_link(world);
	struct claim claim = {.host = "db1", .state_dir = "/var/lib/syncup"};

	(void)snprintf(claim.run, sizeof(claim.run), "%s", run);
	make_version(world, "1.13.0");
	assert_true(
		claim_create(world->root, "shard0", &claim, NULL, &world->err));
	assert_true(link_hold(&link, run, &world->err));
	assert_true(link_point(&link, "1.13.0", &world->err));
	assert_true(link_hold_release(world->root, run, &world->err));
	assert_true(exists(world_path(world, HOLD)));
	assert_true(claim_remove(world->root, "shard0", run, &world->err));
	assert_true(link_hold_release(world->root, run, &world->err));
	assert_false(exists(world_path(world, HOLD)));
}

/* The root may have been named in another way when the link was made. */
static void test_link_hold_remove_other_spelling_of_the_root(void **state)
{
	struct world *world = *state;
	struct link_spec link = binary_link(world);
	const char *alias = world_path(world, "alias");

	assert_int_equal(symlink(world->root, alias), 0);
	assert_true(link_hold(&link, run, &world->err));
	assert_true(link_hold_remove(alias, run, &world->err));
	assert_int_equal(access(link.path, X_OK), 0);
}

static bool has_dpkg(void)
{
	return access("/usr/bin/dpkg-query", X_OK) == 0 &&
	       access("/var/lib/dpkg/info/coreutils.list", R_OK) == 0;
}

static void test_link_check_writable_file_of_a_package(void **state)
{
	static const char *const paths[] = {
		"/usr/bin/env", "/bin/env", "/usr/bin/ls", "/bin/ls"};
	struct world *world = *state;
	struct stat before, after;

	if (!has_dpkg() || geteuid() != 0)
		skip();
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct link_spec link = {.path = paths[i],
			.root = world->root,
			.name = "mongosync",
			.is_binary = true};

		assert_int_equal(lstat(paths[i], &before), 0);
		if (link_check_writable(&link, &world->err))
			fail_msg("%s may be replaced", paths[i]);
		assert_int_equal(world->err.code, ERR_CONFIG);
		assert_non_null(strstr(world->err.msg, "\"coreutils\""));
		assert_non_null(strstr(world->err.msg, "dpkg-divert --local"));
		assert_int_equal(lstat(paths[i], &after), 0);
		assert_int_equal(before.st_ino, after.st_ino);
		assert_int_equal(before.st_ctime, after.st_ctime);
	}
	assert_tree(world, world->scratch.dir, "opt/ 0755\n");
}

/* A database of dpkg's in which one package owns one path. */
static void make_package(
	struct world *world, const char *path, bool is_diverted)
{
	static const char status[] =
		"Package: sync-tools\nStatus: install ok installed\n"
		"Version: 1\nArchitecture: all\nMaintainer: x\n"
		"Description: x\n\n";
	const char *dir = world_path(world, "dpkg/");
	char text[2 * PATH_MAX];

	make_dirs(dir);
	make_dirs(world_path(world, "dpkg/info/x"));
	scratch_write(
		world_path(world, "dpkg/status"), status, sizeof(status) - 1);
	scratch_write(world_path(world, "dpkg/info/format"), "1\n", 2);
	(void)snprintf(text, sizeof(text), "%s\n", path);
	scratch_write(world_path(world, "dpkg/info/sync-tools.list"), text,
		strlen(text));
	(void)snprintf(text, sizeof(text), "%s\n%s.distrib\n:\n", path, path);
	if (is_diverted)
		scratch_write(world_path(world, "dpkg/diversions"), text,
			strlen(text));
	assert_int_equal(setenv("DPKG_ADMINDIR", dir, 1), 0);
}

static void test_link_check_writable_local_diversion(void **state)
{
	struct world *world = *state;
	struct link_spec link = binary_link(world);

	if (!has_dpkg())
		skip();
	make_package(world, link.path, false);
	assert_false(link_check_writable(&link, &world->err));
	assert_non_null(strstr(world->err.msg, "\"sync-tools\""));
	make_package(world, link.path, true);
	assert_true(link_check_writable(&link, &world->err));
	assert_int_equal(unsetenv("DPKG_ADMINDIR"), 0);
}

static void test_link_check_writable_pattern_characters(void **state)
{
	struct world *world = *state;
	struct link_spec link = binary_link(world);

	if (!has_dpkg())
		skip();
	make_package(world, link.path, false);
	link.path = world_path(world, "bin/mongo*");
	assert_true(link_check_writable(&link, &world->err));
	assert_int_equal(unsetenv("DPKG_ADMINDIR"), 0);
}

static void test_link_check_writable_our_own(void **state)
{
	struct world *world = *state;
	struct link_spec link = lane_link(world);

	assert_true(link_check_writable(&link, &world->err));
	link = binary_link(world);
	assert_true(link_check_writable(&link, &world->err));
	link.path = world_path(world, "no/such/mongosync");
	assert_false(link_check_writable(&link, &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	link.path = "relative";
	assert_false(link_check_writable(&link, &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
}

static void test_link_check_writable_directory_of_others(void **state)
{
	struct world *world = *state;
	struct link_spec link = binary_link(world);
	int status;
	pid_t pid;

	assert_int_equal(chmod(world->scratch.dir, 0755), 0);
	assert_int_equal(chmod(world_path(world, "bin"), 0555), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		bool is_refused;

		if (geteuid() == 0 && seteuid(65534) < 0)
			_exit(2);
		is_refused = !link_check_writable(&link, &world->err) &&
			     world->err.code == ERR_CONFIG &&
			     strstr(world->err.msg, "is not writable");
		_exit(is_refused ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(chmod(world_path(world, "bin"), 0755), 0);
}

static void prepare_versions(struct world *world)
{
	make_version(world, "1.12.0");
	make_version(world, "1.13.0");
}

static void prepare_pointed(struct world *world)
{
	struct link_spec link = binary_link(world);

	prepare_versions(world);
	assert_true(link_point(&link, "1.12.0", &world->err));
}

static void prepare_held(struct world *world)
{
	struct link_spec link = binary_link(world);

	prepare_pointed(world);
	assert_true(link_hold(&link, run, &world->err));
}

static void prepare_released(struct world *world)
{
	struct link_spec link = binary_link(world);

	prepare_held(world);
	assert_true(link_point(&link, "1.13.0", &world->err));
}

static bool act_point(struct world *world)
{
	struct link_spec link = binary_link(world);

	return link_point(&link, "1.13.0", &world->err);
}

static bool act_first_point(struct world *world)
{
	struct link_spec link = lane_link(world);

	return link_point(&link, "1.13.0", &world->err);
}

static bool act_hold(struct world *world)
{
	struct link_spec link = binary_link(world);

	return link_hold(&link, run, &world->err);
}

static bool act_hold_remove(struct world *world)
{
	return link_hold_remove(world->root, run, &world->err);
}

static void check_never_absent(struct world *world)
{
	assert_int_equal(access(binary_link(world).path, X_OK), 0);
}

static const struct scenario scenarios[] = {
	{"point", prepare_held, act_point, check_never_absent},
	{"first point", prepare_versions, act_first_point, NULL},
	{"hold", prepare_pointed, act_hold, check_never_absent},
	{"hold remove", prepare_released, act_hold_remove, check_never_absent},
	{NULL, NULL, NULL, NULL},
};

static void test_link_killed_anywhere(void **state)
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
		TEST(test_link_read_texts),
		TEST(test_link_read_other_things),
		TEST(test_link_point),
		TEST(test_link_point_to_what_is_not_there),
		TEST(test_link_never_replaces_what_is_not_ours),
		TEST(test_link_hold_refuses_to_start_and_names_the_run),
		TEST(test_link_hold_refuses_names_that_are_none),
		TEST(test_link_hold_remove),
		TEST(test_link_hold_release_waits_for_the_last_claim),
		TEST(test_link_hold_remove_other_spelling_of_the_root),
		TEST(test_link_check_writable_file_of_a_package),
		TEST(test_link_check_writable_local_diversion),
		TEST(test_link_check_writable_pattern_characters),
		TEST(test_link_check_writable_our_own),
		TEST(test_link_check_writable_directory_of_others),
		cmocka_unit_test(test_link_killed_anywhere),
	};

	if (argc == 4 && strcmp(argv[1], "--scenario") == 0)
		return scenario_main(scenarios, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
