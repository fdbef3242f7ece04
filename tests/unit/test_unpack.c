#include "supervisor/install/artifact.h"

#include "install_world.h"

#include <locale.h>
#include <sys/file.h>

static bool unpack(struct world *world, const char *path, const char *version)
{
	char hex[65];
	const char *binary = world_path(world, "binary-of-release");

	make_script(binary, script_of(version));
	assert_true(sha256_file(binary, hex, NULL));
	assert_int_equal(unlink(binary), 0);
	memset(&world->err, 0, sizeof(world->err));
	return artifact_unpack(path, NULL, hex, "mongosync", world->root,
		version, &world->err);
}

static void one_member(
	struct world *world, const char *name, mode_t mode, const char *text)
{
	struct archive *archive = tgz_open(world_path(world, "one.tgz"));

	tgz_file(archive, name, mode, text);
	tgz_close(archive);
}

static void test_artifact_unpack_a_release(void **state)
{
	struct world *world = *state;
	const char *path = world_path(world, "release.tgz");
	struct archive *archive = tgz_open(path);
	mode_t before = umask(077);

	tgz_dir(archive, "./", 0700);
	tgz_dir(archive, "./top/", 0700);
	tgz_file(archive, "./top/bin/mongosync", 06775, script_of("1.13.0"));
	tgz_file(archive, "./top/secret", 0000, "");
	tgz_file(archive, "./top/lib/deep/open", 0666, "");
	tgz_symlink(archive, "./top/lib/here", "../bin//mongosync");
	tgz_hardlink(archive, "./top/lib/same", "./top/bin/mongosync");
	tgz_close(archive);
	assert_true(unpack(world, path, "1.13.0"));
	(void)umask(before);
	assert_tree(world, world->root,
		"versions/ 0755\n"
		"versions/1.13.0/ 0755\n"
		"versions/1.13.0/bin/ 0755\n"
		"versions/1.13.0/bin/mongosync 0755 e44fd919\n"
		"versions/1.13.0/lib/ 0755\n"
		"versions/1.13.0/lib/deep/ 0755\n"
		"versions/1.13.0/lib/deep/open 0644 e3b0c442\n"
		"versions/1.13.0/lib/here -> ../bin//mongosync\n"
		"versions/1.13.0/lib/same 0755 e44fd919\n"
		"versions/1.13.0/secret 0400 e3b0c442\n");
}

static void unpack_one(
	struct world *world, const char *member, const char *expected)
{
	one_member(world, member, 0755, script_of("1.13.0"));
	assert_true(unpack(world, world_path(world, "one.tgz"), "1.13.0"));
	assert_tree(world, world_path(world, "opt/versions/1.13.0"), expected);
	make_version(world, "1.13.0"); /* so that there is one to remove */
	assert_int_equal(
		nftw(world_path(world, "opt/versions"), scratch_remove_entry_,
			8, FTW_DEPTH | FTW_PHYS),
		0);
}

static void test_artifact_unpack_places_the_executable(void **state)
{
	static const char only_bin[] = "bin/ 0755\nbin/mongosync 0755 "
				       "e44fd919\n";

	unpack_one(*state, "x/bin/mongosync", only_bin);
	unpack_one(*state, "bin/mongosync", only_bin);
	unpack_one(*state, "x/mongosync",
		"bin/ 0755\nbin/mongosync 0755 e44fd919\n"
		"mongosync 0755 e44fd919\n");
	unpack_one(*state, "mongosync",
		"bin/ 0755\nbin/mongosync 0755 e44fd919\n"
		"mongosync 0755 e44fd919\n");
}

/* What has the executable's place, but is something else. */
static void test_artifact_unpack_place_is_taken(void **state)
{
	struct world *world = *state;
	const char *path = world_path(world, "taken.tgz");
	const char *versions = world_path(world, "opt/versions");

	for (int how = 0; how < 4; how++) {
		struct archive *archive = tgz_open(path);
		bool ok;

		tgz_file(archive, "other/mongosync", 0755, "x");
		tgz_file(archive, "third", 0755, "y");
		if (how == 0)
			tgz_file(archive, "bin/mongosync", 0644, "x");
		else if (how == 1)
			tgz_symlink(archive, "bin/mongosync", "../third");
		else if (how == 2)
			tgz_dir(archive, "bin/mongosync", 0755);
		else /* another name for it */
			tgz_symlink(
				archive, "bin/mongosync", "../other/mongosync");
		tgz_close(archive);
		memset(&world->err, 0, sizeof(world->err));
		ok = artifact_unpack(path, NULL, NULL, "mongosync", world->root,
			"1.13.0", &world->err);
		assert_int_equal(ok, how == 3);
		if (ok)
			continue;
		assert_int_equal(world->err.code, ERR_CONFIG);
		assert_non_null(strstr(world->err.msg,
			"the archive's bin/mongosync is not its executable "
			"\"other/mongosync\""));
		assert_int_equal(scratch_count_entries(versions), 0);
	}
}

static void test_artifact_unpack_hard_link_as_executable(void **state)
{
	struct world *world = *state;
	const char *path = world_path(world, "release.tgz");
	struct archive *archive = tgz_open(path);
	struct artifact_info info;

	tgz_file(archive, "x/lib/program", 0755, script_of("1.13.0"));
	tgz_hardlink(archive, "x/bin/mongosync", "x/lib/program");
	tgz_close(archive);
	assert_true(
		artifact_inspect(path, NULL, "mongosync", &info, &world->err));
	assert_string_equal(info.version, "1.13.0");
	assert_true(unpack(world, path, "1.13.0"));
}

static void test_artifact_unpack_names_that_are_not_utf8(void **state)
{
	struct world *world = *state;
	const char *path = world_path(world, "release.tgz");
	struct archive *archive = archive_write_new();

	assert_int_equal(archive_write_set_format_ustar(archive), ARCHIVE_OK);
	assert_int_equal(archive_write_open_filename(archive, path), 0);
	tgz_file(archive, "x/bin/mongosync", 0755, script_of("1.13.0"));
	tgz_file(archive, "x/caf\351", 0644, "");
	tgz_close(archive);
	assert_true(unpack(world, path, "1.13.0"));
	assert_true(exists(world_path(world, "opt/versions/1.13.0/caf\351")));
}

static void test_artifact_unpack_utf8_names_in_pax_headers(void **state)
{
	struct world *world = *state;
	const char *path = world_path(world, "release.tgz");
	struct archive *archive = tgz_open(path);

	/* libarchive translates into the locale's character set, and ours
	 * is C when it is read again */
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	tgz_file(archive, "x/bin/mongosync", 0755, script_of("1.13.0"));
	tgz_file(archive, "x/caf\303\251", 0644, "");
	tgz_close(archive);
	assert_non_null(setlocale(LC_CTYPE, "C"));
	assert_true(unpack(world, path, "1.13.0"));
	assert_true(
		exists(world_path(world, "opt/versions/1.13.0/caf\303\251")));
}

static void test_artifact_unpack_zip(void **state)
{
	struct world *world = *state;
	const char *path = world_path(world, "release.zip");
	struct archive *archive = archive_write_new();

	assert_int_equal(archive_write_set_format_zip(archive), ARCHIVE_OK);
	assert_int_equal(archive_write_open_filename(archive, path), 0);
	tgz_file(archive, "x/bin/mongosync", 0755, script_of("1.13.0"));
	tgz_close(archive);
	assert_true(unpack(world, path, "1.13.0"));
	assert_tree(world, world_path(world, "opt/versions/1.13.0"),
		"bin/ 0755\nbin/mongosync 0755 e44fd919\n");
}

static void test_artifact_unpack_other_digests(void **state)
{
	struct world *world = *state;
	const char *path = world_path(world, "release.tgz");
	char other[65];

	memset(other, 'a', 64);
	other[64] = '\0';
	make_release(path, "1.13.0");
	assert_false(artifact_unpack(path, other, other, "mongosync",
		world->root, "1.13.0", &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_false(artifact_unpack(path, NULL, other, "mongosync",
		world->root, "1.13.0", &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_non_null(strstr(world->err.msg, "bin/mongosync"));
	assert_tree(world, world->root, "versions/ 0755\n");
}

static void test_artifact_unpack_refuses_other_names(void **state)
{
	struct world *world = *state;

	assert_false(artifact_unpack("x", NULL, "x", "mongosync", world->root,
		"../1.13.0", &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_false(artifact_unpack(
		"x", NULL, "x", "../sh", world->root, "1.13.0", &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_tree(world, world->root, "");
}

static void test_artifact_unpack_already_there(void **state)
{
	struct world *world = *state;
	const char *path = world_path(world, "release.tgz");
	char *before, *after;

	make_release(path, "1.13.0");
	assert_true(unpack(world, path, "1.13.0"));
	assert_int_equal(unlink(path), 0); /* it is not needed any more */
	assert_true(unpack(world, path, "1.13.0"));
	make_script(world_path(world, "opt/versions/1.13.0/bin/mongosync"),
		script_of("1.13.0-other"));
	before = describe(world, world->root);
	make_release(path, "1.13.0");
	assert_false(unpack(world, path, "1.13.0"));
	assert_int_equal(world->err.code, ERR_CONFIG);
	after = describe(world, world->root);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void test_artifact_unpack_clears_what_a_killed_run_left(void **state)
{
	struct world *world = *state;
	const char *path = world_path(world, "release.tgz");
	const char *busy =
		world_path(world, "opt/versions/.partial-1.13.0-0badcafe");
	int fd;

	make_release(path, "1.13.0");
	make_script(world_path(world,
			    "opt/versions/.partial-1.13.0-12/bin/mongosync"),
		"half");
	make_script(world_path(world,
			    "opt/versions/.partial-1.12.0-12/bin/mongosync"),
		"another version's");
	assert_int_equal(mkdir(busy, 0755), 0);
	fd = open(busy, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0); /* somebody works in it */
	assert_true(unpack(world, path, "1.13.0"));
	assert_false(
		exists(world_path(world, "opt/versions/.partial-1.13.0-12")));
	assert_true(
		exists(world_path(world, "opt/versions/.partial-1.12.0-12")));
	assert_true(exists(busy));
	assert_int_equal(close(fd), 0);
}

/* Calls that fail from the nth on. */
static int calls_left;

static bool is_time(void)
{
	return calls_left-- <= 0;
}

static ssize_t full_write(int fd, const void *buf, size_t len)
{
	if (!is_time())
		return write(fd, buf, len);
	errno = ENOSPC;
	return -1;
}

static int full_mkdirat(int dir, const char *path, mode_t mode)
{
	if (!is_time())
		return mkdirat(dir, path, mode);
	errno = ENOSPC;
	return -1;
}

static int broken_fsync(int fd)
{
	if (!is_time())
		return fsync(fd);
	errno = EIO;
	return -1;
}

static int broken_close(int fd)
{
	int rc = close(fd);

	if (!is_time())
		return rc;
	errno = EIO;
	return -1;
}

/* Storage that fails is told as such, leaves no version, and can be tried
 * again. */
static void fail_each_call(struct world *world, const struct sys *broken)
{
	const char *path = world_path(world, "release.tgz");
	int at = 0;
	bool ok;

	make_release(path, "1.13.0");
	do {
		calls_left = at++;
		sys = broken;
		ok = unpack(world, path, "1.13.0");
		sys = &sys_real;
		if (!ok && world->err.code != ERR_STORAGE)
			fail_msg("call %d: %s", at, world->err.msg);
		if (!ok && exists(world_path(world, "opt/versions/1.13.0")))
			/* only its entry may be what was not synced */
			assert_non_null(strstr(world->err.msg, "syncing"));
		assert_true(unpack(world, path, "1.13.0"));
		assert_int_equal(
			nftw(world_path(world, "opt/versions"),
				scratch_remove_entry_, 8, FTW_DEPTH | FTW_PHYS),
			0);
	} while (!ok);
	assert_true(at > 2);
}

static void test_artifact_unpack_no_space(void **state)
{
	struct sys full = sys_real;

	full.write = full_write;
	fail_each_call(*state, &full);
	full.write = write;
	full.mkdirat = full_mkdirat;
	fail_each_call(*state, &full);
}

static void test_artifact_unpack_failing_syncs(void **state)
{
	struct sys broken = sys_real;

	broken.fsync = broken_fsync;
	fail_each_call(*state, &broken);
}

static void test_artifact_unpack_failing_close(void **state)
{
	struct world *world = *state;
	struct sys broken = sys_real;
	const char *path = world_path(world, "release.tgz");

	/* closing what was only read may fail unnoticed, so not each one */
	make_release(path, "1.13.0");
	broken.close = broken_close;
	calls_left = 0;
	sys = &broken;
	assert_false(unpack(world, path, "1.13.0"));
	sys = &sys_real;
	assert_int_equal(world->err.code, ERR_STORAGE);
	assert_false(exists(world_path(world, "opt/versions/1.13.0")));
}

/* What was synced, and whether that was all when the name was given. */
static ino_t synced[100];
static size_t synced_count;
static bool was_whole, was_named, parent_was_synced;
static ino_t versions_inode;

static int noting_fsync(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_true(synced_count < 100);
	synced[synced_count++] = st.st_ino;
	if (was_named && st.st_ino == versions_inode)
		parent_was_synced = true;
	return fsync(fd);
}

static int find_unsynced(
	const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)path;
	(void)type;
	(void)where;
	for (size_t i = 0; i < synced_count; i++)
		if (synced[i] == st->st_ino)
			return 0;
	return 1;
}

static int noting_renameat2(int from_dir, const char *from, int to_dir,
	const char *to, unsigned flags)
{
	char path[PATH_MAX];
	struct stat st;

	(void)snprintf(
		path, sizeof(path), "/proc/self/fd/%d/%s", from_dir, from);
	was_whole = nftw(path, find_unsynced, 8, FTW_PHYS) == 0;
	was_named = true;
	assert_int_equal(fstat(to_dir, &st), 0);
	versions_inode = st.st_ino;
	return renameat2(from_dir, from, to_dir, to, flags);
}

static void test_artifact_unpack_syncs_all_before_the_name(void **state)
{
	struct world *world = *state;
	const char *path = world_path(world, "release.tgz");
	struct sys noting = sys_real;

	make_release(path, "1.13.0");
	synced_count = 0;
	was_whole = was_named = parent_was_synced = false;
	noting.fsync = noting_fsync;
	noting.renameat2 = noting_renameat2;
	sys = &noting;
	assert_true(unpack(world, path, "1.13.0"));
	sys = &sys_real;
	assert_true(was_named);
	assert_true(was_whole);
	assert_true(parent_was_synced);
}

static void prepare_release(struct world *world)
{
	make_release(world_path(world, "release.tgz"), "1.13.0");
}

static bool act_unpack(struct world *world)
{
	return unpack(world, world_path(world, "release.tgz"), "1.13.0");
}

/* It is there whole, or not at all. */
static void check_version(struct world *world)
{
	if (exists(world_path(world, "opt/versions/1.13.0")))
		assert_tree(world, world_path(world, "opt/versions/1.13.0"),
			"README.md 0644 65ce01fc\n"
			"bin/ 0755\n"
			"bin/mongosync 0755 e44fd919\n");
}

static const struct scenario scenarios[] = {
	{"unpack", prepare_release, act_unpack, check_version},
	{NULL, NULL, NULL, NULL},
};

static void test_artifact_unpack_killed_anywhere(void **state)
{
	(void)state;
	kill_everywhere(&scenarios[0]);
}

#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_artifact_unpack_a_release),
		TEST(test_artifact_unpack_places_the_executable),
		TEST(test_artifact_unpack_place_is_taken),
		TEST(test_artifact_unpack_hard_link_as_executable),
		TEST(test_artifact_unpack_names_that_are_not_utf8),
		TEST(test_artifact_unpack_utf8_names_in_pax_headers),
		TEST(test_artifact_unpack_zip),
		TEST(test_artifact_unpack_other_digests),
		TEST(test_artifact_unpack_refuses_other_names),
		TEST(test_artifact_unpack_already_there),
		TEST(test_artifact_unpack_clears_what_a_killed_run_left),
		TEST(test_artifact_unpack_no_space),
		TEST(test_artifact_unpack_failing_syncs),
		TEST(test_artifact_unpack_failing_close),
		TEST(test_artifact_unpack_syncs_all_before_the_name),
		cmocka_unit_test(test_artifact_unpack_killed_anywhere),
	};

	if (argc == 4 && strcmp(argv[1], "--scenario") == 0)
		return scenario_main(scenarios, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
