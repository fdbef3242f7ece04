#include "supervisor/install/artifact.h"

#include "install_world.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

enum { NOISE = 200 * 1024 };

static bool inspect(
	struct world *world, const char *path, struct artifact_info *info)
{
	memset(&world->err, 0, sizeof(world->err));
	return artifact_inspect(path, NULL, "mongosync", info, &world->err);
}

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

static void test_sha256_file(void **state)
{
	const char *path = world_path(*state, "abc");
	struct err err;
	char hex[65];

	scratch_write(path, "abc", 3);
	assert_true(sha256_file(path, hex, &err));
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223"
				 "b00361a396177a9cb410ff61f20015ad");
	assert_false(sha256_file(world_path(*state, "none"), hex, &err));
	assert_int_equal(err.code, ERR_MISSING);
}

static void test_artifact_inspect_a_release(void **state)
{
	struct world *world = *state;
	const char *path = world_path(world, "release.tgz");
	struct artifact_info info;
	char hex[65], *before, *after;

	make_release(path, "1.13.0");
	before = describe(world, world->scratch.dir);
	assert_true(inspect(world, path, &info));
	assert_string_equal(info.version, "1.13.0");
	assert_string_equal(info.member, "mongosync-x/bin/mongosync");
	assert_int_equal(info.files, 2);
	assert_int_equal(info.bytes, strlen(script_of("1.13.0")) + 8);
	assert_true(sha256_file(path, hex, NULL));
	assert_string_equal(info.sha256, hex);
	assert_true(
		artifact_inspect(path, hex, "mongosync", &info, &world->err));
	make_script(world_path(world, "script"), script_of("1.13.0"));
	assert_true(sha256_file(world_path(world, "script"), hex, NULL));
	assert_string_equal(info.binary_sha256, hex);
	assert_int_equal(unlink(world_path(world, "script")), 0);
	after = describe(world, world->scratch.dir);
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void test_artifact_inspect_other_sha256(void **state)
{
	struct world *world = *state;
	const char *path = world_path(world, "release.tgz");
	struct artifact_info info;
	char other[65];

	make_release(path, "1.13.0");
	memset(other, 'a', 64);
	other[64] = '\0';
	assert_false(
		artifact_inspect(path, other, "mongosync", &info, &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_non_null(strstr(world->err.msg, other));
	assert_non_null(strstr(world->err.msg, info.sha256));
}

/* Archives that are refused.  All have a good executable unless that is what
 * is wrong with them. */

static void absolute(struct archive *archive)
{
	tgz_file(archive, "/tmp/syncup-was-here", 0644, "x");
}

static void dot_dot(struct archive *archive)
{
	tgz_file(archive, "x/../../syncup-was-here", 0644, "x");
}

static void symlink_absolute(struct archive *archive)
{
	tgz_symlink(archive, "x/etc", "/etc");
}

static void symlink_up(struct archive *archive)
{
	tgz_symlink(archive, "x/lib/out", "../../y");
}

/* None goes up further than it is deep, but the second starts at the end of the
 * first. */
static void symlink_through_symlink(struct archive *archive)
{
	tgz_symlink(archive, "x/d/e/up", "../..");
	tgz_symlink(archive, "x/d/out", "e/up/..");
}

static void below_symlink(struct archive *archive)
{
	tgz_symlink(archive, "x/d", "bin");
	tgz_file(archive, "x/d/file", 0644, "x");
}

static void hardlink_up(struct archive *archive)
{
	tgz_hardlink(archive, "x/passwd", "../../etc/passwd");
}

static void hardlink_absolute(struct archive *archive)
{
	tgz_hardlink(archive, "x/passwd", "/etc/passwd");
}

static void hardlink_to_nothing(struct archive *archive)
{
	tgz_hardlink(archive, "x/passwd", "etc/passwd");
}

static void hardlink_to_symlink(struct archive *archive)
{
	tgz_symlink(archive, "x/s", "bin/mongosync");
	tgz_hardlink(archive, "x/h", "x/s");
}

static void device(struct archive *archive)
{
	struct archive_entry *entry = tgz_entry("x/null", AE_IFCHR, 0666);

	archive_entry_set_rdev(entry, makedev(1, 3));
	tgz_put(archive, entry);
}

static void fifo(struct archive *archive)
{
	tgz_put(archive, tgz_entry("x/pipe", AE_IFIFO, 0666));
}

static void twice(struct archive *archive)
{
	tgz_file(archive, "x/file", 0644, "x");
	tgz_file(archive, "x/./file", 0644, "x");
}

/* A terabyte of which there are 512 bytes. */
static void sparse(struct archive *archive)
{
	char data[512] = "x";
	struct archive_entry *entry = tgz_entry("x/holes", AE_IFREG, 0644);

	archive_entry_set_size(entry, 1LL << 40);
	archive_entry_sparse_add_entry(entry, 0, sizeof(data));
	tgz_put(archive, entry);
	assert_int_equal(
		archive_write_data(archive, data, sizeof(data)), sizeof(data));
}

static void many_members(struct archive *archive)
{
	char name[32];

	for (unsigned i = 0; i <= ARTIFACT_FILES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "x/%u", i);
		tgz_file(archive, name, 0644, "");
	}
}

static void deep(struct archive *archive)
{
	char name[400] = "x";

	for (int i = 0; i < 100; i++)
		memcpy(name + 1 + 2 * i, "/d", 3);
	tgz_file(archive, name, 0644, "");
}

static void escape_sequence(struct archive *archive)
{
	tgz_file(archive, "x/../\033[2Jgone", 0644, "");
}

/* The same in two bytes, which terminals obey as well. */
static void c1_control(struct archive *archive)
{
	tgz_file(archive,
		"x/../\xc2\x9b"
		"2Jgone",
		0644, "");
}

static const struct {
	const char *name;
	void (*add)(struct archive *archive);
	const char *says;
} hostile[] = {
	{"absolute path", absolute, "\"/tmp/syncup-was-here\" has an absolute"},
	{"..", dot_dot, "has \"..\" in its path"},
	{"absolute symlink", symlink_absolute,
		"\"x/etc\" is a link that leads"},
	{"symlink up", symlink_up, "\"x/lib/out\" is a link that leads out"},
	{"two symlinks", symlink_through_symlink, "\"x/d/out\" is a link that"},
	{"below a symlink", below_symlink, "\"x/d/file\" lies below a link"},
	{"hard link up", hardlink_up, "\"x/passwd\" is a link that leads out"},
	{"absolute hard link", hardlink_absolute, "is a link that leads out"},
	{"hard link to nothing", hardlink_to_nothing, "is a hard link to no"},
	{"hard link to link", hardlink_to_symlink, "is a hard link to no file"},
	{"device", device, "\"x/null\" is a device"},
	{"pipe", fifo, "\"x/pipe\" is a device, a pipe"},
	{"member twice", twice, "\"x/file\" is in it twice"},
	{"sparse file", sparse, "holds more than 2048 MiB"},
	{"many members", many_members, "more than 10000 members"},
	{"deep", deep, "has too long a path"},
	{"escape sequence", escape_sequence, "x/../?[2Jgone"},
	{"C1 control", c1_control, "x/../??2Jgone"},
};

static void make_hostile(const char *path, size_t which)
{
	struct archive *archive = tgz_open(path);

	tgz_file(archive, "x/bin/mongosync", 0755, script_of("1.13.0"));
	hostile[which].add(archive);
	/* not checked: a file that is shorter than it says is what we want */
	(void)archive_write_free(archive);
}

static void test_artifact_refuses_hostile_archives(void **state)
{
	struct world *world = *state;
	const char *path = world_path(world, "hostile.tgz");

	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct artifact_info info;

		make_hostile(path, i);
		if (inspect(world, path, &info))
			fail_msg("%s: accepted", hostile[i].name);
		if (world->err.code != ERR_CONFIG ||
			!strstr(world->err.msg, hostile[i].says))
			fail_msg("%s: %s", hostile[i].name, world->err.msg);
		if (unpack(world, path, "1.13.0"))
			fail_msg("%s: unpacked", hostile[i].name);
		if (world->err.code != ERR_CONFIG ||
			!strstr(world->err.msg, hostile[i].says))
			fail_msg("%s: %s", hostile[i].name, world->err.msg);
		assert_int_equal(unlink(path), 0);
		assert_tree(world, world->scratch.dir,
			"opt/ 0755\nopt/versions/ 0755\n");
	}
	assert_false(exists("/tmp/syncup-was-here"));
}

/* Takes 64 KiB, then the disk is full. */
static la_ssize_t write_some(
	struct archive *archive, void *arg, const void *buf, size_t len)
{
	size_t *left = arg;
	size_t some = len < *left ? len : *left;
	ssize_t wrote = write((int)left[1], buf, some);

	if (wrote <= 0) {
		archive_set_error(archive, ENOSPC, "full");
		return -1;
	}
	*left -= (size_t)wrote;
	return wrote;
}

/* It says that it has 3 GiB of zeros, and 64 KiB hold the first 64 MiB. */
static void test_artifact_inspect_a_bomb(void **state)
{
	struct world *world = *state;
	const char *path = world_path(world, "bomb.tgz");
	struct archive *archive = archive_write_new();
	struct archive_entry *entry = tgz_entry("x/zeros", AE_IFREG, 0644);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	size_t left_and_fd[] = {64 * 1024, (size_t)fd};
	struct artifact_info info;
	int64_t began;

	assert_true(fd >= 0);
	assert_int_equal(archive_write_set_format_ustar(archive), ARCHIVE_OK);
	assert_int_equal(archive_write_add_filter_gzip(archive), ARCHIVE_OK);
	assert_int_equal(archive_write_open(
				 archive, left_and_fd, NULL, write_some, NULL),
		ARCHIVE_OK);
	archive_entry_set_size(entry, 3LL << 30);
	tgz_put(archive, entry);
	/* fills up with zeros what was not written, as far as it can */
	(void)archive_write_free(archive);
	assert_int_equal(left_and_fd[0], 0);
	assert_int_equal(close(fd), 0);
	began = sys_monotonic_ms();
	assert_false(inspect(world, path, &info));
	assert_true(sys_monotonic_ms() - began < 5000);
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_non_null(strstr(world->err.msg, "holds more than 2048 MiB"));
}

static void test_artifact_inspect_truncated(void **state)
{
	struct world *world = *state;
	const char *path = world_path(world, "release.tgz");
	struct archive *archive = tgz_open(path);
	struct archive_entry *entry =
		tgz_entry("x/bin/mongosync", AE_IFREG, 0755);
	struct artifact_info info;
	struct stat st;
	char *noise = malloc(NOISE);

	assert_non_null(noise);
	for (size_t at = 0; at < NOISE; at += 256)
		assert_int_equal(getrandom(noise + at, 256, 0), 256);
	archive_entry_set_size(entry, NOISE);
	tgz_put(archive, entry);
	assert_int_equal(archive_write_data(archive, noise, NOISE), NOISE);
	tgz_close(archive);
	free(noise);
	assert_int_equal(stat(path, &st), 0);
	for (int part = 0; part < 8; part++) {
		assert_int_equal(
			truncate(path, st.st_size * (7 - part) / 8), 0);
		assert_false(inspect(world, path, &info));
		assert_int_equal(world->err.code, ERR_CONFIG);
		assert_non_null(strstr(world->err.msg, "release.tgz"));
	}
}

/* libarchive's own sentence ends in a newline here. */
static void test_artifact_inspect_says_one_line(void **state)
{
	struct world *world = *state;
	struct artifact_info info;
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path),
		SOURCE_TOP "/tests/fuzz/corpus/archive/zip-wrong-size");
	assert_false(inspect(world, path, &info));
	assert_non_null(strstr(world->err.msg, "wrong size"));
	assert_null(strchr(world->err.msg, '\n'));
}

static void test_artifact_inspect_not_an_archive(void **state)
{
	struct world *world = *state;
	const char *path = world_path(world, "text");
	struct artifact_info info;

	scratch_write(path, "<html>404 not found</html>\n", 27);
	assert_false(inspect(world, path, &info));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_non_null(strstr(world->err.msg, "cannot be read"));
	assert_false(inspect(world, world_path(world, "none"), &info));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_false(inspect(world, world->scratch.dir, &info));
}

static void one_member(
	struct world *world, const char *name, mode_t mode, const char *text)
{
	struct archive *archive = tgz_open(world_path(world, "one.tgz"));

	tgz_file(archive, name, mode, text);
	tgz_close(archive);
}

static void assert_refused(struct world *world, const char *says)
{
	struct artifact_info info;

	assert_false(inspect(world, world_path(world, "one.tgz"), &info));
	assert_int_equal(world->err.code, ERR_CONFIG);
	if (!strstr(world->err.msg, says))
		fail_msg("%s", world->err.msg);
}

static void test_artifact_inspect_no_executable(void **state)
{
	one_member(*state, "x/bin/mongosync-tool", 0755, "x");
	assert_refused(*state, "no executable file named mongosync");
}

static void test_artifact_inspect_not_executable(void **state)
{
	one_member(*state, "x/bin/mongosync", 0644, script_of("1.13.0"));
	assert_refused(*state, "\"x/bin/mongosync\" is not executable");
}

static void test_artifact_inspect_two_executables(void **state)
{
	struct world *world = *state;
	struct archive *archive = tgz_open(world_path(world, "one.tgz"));

	tgz_file(archive, "x/a/mongosync", 0755, script_of("1.13.0"));
	tgz_file(archive, "x/b/mongosync", 0755, script_of("1.13.0"));
	tgz_close(archive);
	assert_refused(world, "two executables: \"x/a/mongosync\" and");
}

static void test_artifact_inspect_no_version(void **state)
{
	one_member(*state, "x/bin/mongosync", 0755, "#!/bin/sh\necho hello\n");
	assert_refused(*state, "names no version");
}

static void test_artifact_inspect_of_another_machine(void **state)
{
	if (is_on_valgrind())
		skip(); /* it dies where exec fails */
	one_member(*state, "x/bin/mongosync", 0755, "\177ELF but not really");
	assert_refused(*state, "Exec format error");
	one_member(*state, "x/bin/mongosync", 0755, "#!/no/such/shell\n");
	assert_refused(*state, "No such file");
}

static void test_artifact_inspect_hangs(void **state)
{
	one_member(*state, "x/bin/mongosync", 0755,
		"#!/bin/sh\necho 1.2.3; sleep 60\n");
	assert_refused(*state, "did not end within 5 seconds");
}

static void test_artifact_inspect_prefers_bin(void **state)
{
	struct world *world = *state;
	struct archive *archive = tgz_open(world_path(world, "one.tgz"));
	struct artifact_info info;

	tgz_file(archive, "x/a/mongosync", 0755, script_of("1.1.1"));
	tgz_file(archive, "x/b/mongosync", 0755, script_of("1.1.1"));
	tgz_file(archive, "x/bin/mongosync", 0755, script_of("1.13.0"));
	tgz_file(archive, "x/c/mongosync", 0755, script_of("1.1.1"));
	tgz_close(archive);
	assert_true(inspect(world, world_path(world, "one.tgz"), &info));
	assert_string_equal(info.member, "x/bin/mongosync");
	assert_string_equal(info.version, "1.13.0");
}

/* memfd_create() fails with ENOSYS from here on. */
static void forbid_memory_files(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = sizeof(code) / sizeof(code[0]), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(2);
}

static void test_artifact_inspect_without_memory_files(void **state)
{
	struct world *world = *state;
	const char *path = world_path(world, "release.tgz");
	const char *temp = world_path(world, "tmp");
	int status;
	pid_t pid;

	if (is_on_valgrind())
		skip(); /* it dies where exec fails */
	make_release(path, "1.13.0");
	assert_int_equal(mkdir(temp, 0755), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct artifact_info info;

		(void)setenv("TMPDIR", temp, 1);
		forbid_memory_files();
		_exit(inspect(world, path, &info) &&
					strcmp(info.version, "1.13.0") == 0
				? 0
				: 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(scratch_count_entries(temp), 0);
}

static void test_artifact_check(void **state)
{
	struct world *world = *state;
	const char *path =
		world_path(world, "opt/versions/1.13.0/bin/mongosync");
	char hex[65];

	assert_false(artifact_check(
		world->root, "1.13.0", "mongosync", NULL, &world->err));
	assert_int_equal(world->err.code, ERR_MISSING);
	make_version(world, "1.13.0");
	assert_true(sha256_file(path, hex, NULL));
	assert_true(artifact_check(
		world->root, "1.13.0", "mongosync", hex, &world->err));
	assert_true(artifact_check(
		world->root, "1.13.0", "mongosync", NULL, &world->err));
	hex[0] = hex[0] == 'a' ? 'b' : 'a';
	assert_false(artifact_check(
		world->root, "1.13.0", "mongosync", hex, &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_int_equal(chmod(path, 0644), 0);
	assert_false(artifact_check(
		world->root, "1.13.0", "mongosync", NULL, &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
}

#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sha256_file),
		TEST(test_artifact_inspect_a_release),
		TEST(test_artifact_inspect_other_sha256),
		TEST(test_artifact_refuses_hostile_archives),
		TEST(test_artifact_inspect_says_one_line),
		TEST(test_artifact_inspect_a_bomb),
		TEST(test_artifact_inspect_truncated),
		TEST(test_artifact_inspect_not_an_archive),
		TEST(test_artifact_inspect_no_executable),
		TEST(test_artifact_inspect_not_executable),
		TEST(test_artifact_inspect_two_executables),
		TEST(test_artifact_inspect_no_version),
		TEST(test_artifact_inspect_of_another_machine),
		TEST(test_artifact_inspect_hangs),
		TEST(test_artifact_inspect_prefers_bin),
		TEST(test_artifact_inspect_without_memory_files),
		TEST(test_artifact_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
