#include "install_world.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <utime.h>

#include "supervisor/install/claim.h"
#include "supervisor/install/links.h"

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
	assert_true(
		claim_create(world->root, "shard0", &claim, NULL, &world->err));
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

static void make_old(const char *path)
{
	const time_t then = time(NULL) - 25 * 3600;
	const struct timespec old[2] = {{.tv_sec = then}, {.tv_sec = then}};

	assert_int_equal(
		utimensat(AT_FDCWD, path, old, AT_SYMLINK_NOFOLLOW), 0);
}

static const char *hold_of(struct world *world, const char *run)
{
	char name[100];

	(void)snprintf(name, sizeof(name), "opt/versions/.hold-%s", run);
	return world_path(world, name);
}

static void hold(struct world *world, const char *link_name, const char *run)
{
	const struct link_spec link = {
		.path = world_path(world, link_name),
		.root = world->root,
		.name = "mongosync",
	};

	if (!link_hold(&link, run, &world->err))
		fail_msg("%s", world->err.msg);
	make_old(hold_of(world, run));
}

/* What runs that are over left goes; what a live one owns stays. */
static void test_prune_sweeps_holds(void **state)
{
	static const char *const stay[] = {"held", "r1", "young"};
	struct world *world = *state;

	prepare_versions(world);
	hold(world, "opt/one/current", "over");
	hold(world, "opt/one/current", "r1"); /* claimed, not linked any more */
	hold(world, "opt/one/current", "young");
	hold(world, "opt/one/current", "other");
	hold(world, "opt/one/current", "held"); /* linked, not claimed */
	assert_int_equal(utime(hold_of(world, "young"), NULL), 0);
	claim_versions(world, "1.12.0", "1.13.0");
	assert_prune(world, NULL, 6, "",
		"1.13.0 1.13.0-rc1 1.12.0 1.11.0 1.10.0 1.9.0 ");
	assert_false(exists(hold_of(world, "over")));
	assert_false(exists(hold_of(world, "other")));
	for (size_t i = 0; i < sizeof(stay) / sizeof(stay[0]); i++)
		assert_true(exists(hold_of(world, stay[i])));
}

/* Whatever is in there becomes old; the number of it. */
static int make_notes_old(struct world *world)
{
	const char *dir = world_path(world, "opt/.syncup/links");
	DIR *list = opendir(dir);
	const struct dirent *entry;
	char path[PATH_MAX];
	int count = 0;

	assert_non_null(list);
	while ((entry = readdir(list))) {
		if (entry->d_name[0] == '.' && entry->d_name[1] != 'a')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		make_old(path);
		count++;
	}
	assert_int_equal(closedir(list), 0);
	return count;
}

static void point(struct world *world, const char *link_name)
{
	const struct link_spec link = {
		.path = world_path(world, link_name),
		.root = world->root,
		.name = "mongosync",
		.is_binary = true,
	};

	make_dirs(link.path);
	if (!link_point(&link, "1.13.0", &world->err))
		fail_msg("%s", world->err.msg);
}

static void test_prune_sweeps_notes_of_links(void **state)
{
	static const char *const names[] = {
		"bin/gone", "bin/plain", "bin/there", "bin/claimed"};
	const char *all = "1.13.0 1.13.0-rc1 1.12.0 1.11.0 1.10.0 1.9.0 ";
	struct world *world = *state;
	struct claim claim = {.run = "r1"};

	prepare_versions(world);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		point(world, names[i]);
	assert_int_equal(unlink(world_path(world, "bin/gone")), 0);
	assert_int_equal(unlink(world_path(world, "bin/claimed")), 0);
	make_script(world_path(world, "bin/plain"), "#!/bin/sh\n");
	assert_int_equal(
		symlink("x",
			world_path(world, "opt/.syncup/links/.a.tmp-01234567")),
		0);
	assert_true(claim_create(world->root, world_path(world, "bin/claimed"),
		&claim, NULL, &world->err));
	assert_prune(world, NULL, 6, "", all);
	assert_int_equal(make_notes_old(world), 5); /* they were too young */
	assert_prune(world, NULL, 6, "", all);
	assert_int_equal(make_notes_old(world), 2);
	/* A claim that cannot be read: nothing goes. */
	scratch_write(world_path(world, "opt/.syncup/claims/x.json"), "?", 1);
	assert_false(links_sweep(world->root, &world->err));
	assert_int_equal(make_notes_old(world), 2);
	assert_int_equal(
		unlink(world_path(world, "opt/.syncup/claims/x.json")), 0);
	assert_true(claim_remove(world->root, world_path(world, "bin/claimed"),
		"r1", &world->err));
	assert_prune(world, NULL, 6, "", all);
	assert_int_equal(make_notes_old(world), 1);
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
	claim_versions(world, "1.12.0", "1.13.0"); /* by run r1 */
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
		TEST(test_prune_sweeps_holds),
		TEST(test_prune_sweeps_notes_of_links),
		TEST(test_prune_keeps_what_is_executed),
		TEST(test_prune_keeps_what_another_user_may_execute),
		TEST(test_prune_removes_old_partials),
		cmocka_unit_test(test_prune_killed_anywhere),
	};

	if (argc == 4 && strcmp(argv[1], "--scenario") == 0)
		return scenario_main(scenarios, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
