#include "state/atomic_file.h"

#include "scratch.h"
#include "state/sys.h"

#include <errno.h>

static int set_up(void **state)
{
	struct scratch *scratch = calloc(1, sizeof(*scratch));

	assert_non_null(scratch);
	scratch_make(scratch);
	*state = scratch;
	return 0;
}

static int tear_down(void **state)
{
	scratch_remove(*state);
	free(*state);
	return 0;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void test_atomic_file_write_makes_a_file(void **state)
{
	struct scratch *scratch = *state;
	const char *path = scratch_path(scratch, "file");
	mode_t old = umask(077);
	struct err err;

	assert_true(atomic_file_write(path, "hello", 5, 0644, &err));
	(void)umask(old);
	assert_true(scratch_holds(path, "hello"));
	assert_int_equal(mode_of(path), 0644);
	assert_int_equal(scratch_count_entries(scratch->dir), 1);
}

static void test_atomic_file_write_replaces_with_a_new_inode(void **state)
{
	const char *path = scratch_path(*state, "file");
	struct stat before, after;
	struct err err;
	int fd;

	scratch_write(path, "old", 3);
	fd = open(path, O_RDONLY | O_CLOEXEC); /* so the inode is not reused */
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &before), 0);
	assert_true(atomic_file_write(path, "newer", 5, 0600, &err));
	assert_int_equal(stat(path, &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);
	assert_true(scratch_holds(path, "newer"));
	assert_int_equal(close(fd), 0);
}

static void test_atomic_file_write_missing_directory(void **state)
{
	struct err err;

	assert_false(atomic_file_write(
		scratch_path(*state, "no/file"), "x", 1, 0600, &err));
	assert_int_equal(err.code, ERR_STORAGE);
	assert_int_equal(err.sys, ENOENT);
	assert_non_null(strstr(err.msg, "no/file"));
}

static void test_atomic_file_write_over_a_directory_leaves_nothing(void **state)
{
	struct scratch *scratch = *state;
	struct err err;

	assert_int_equal(mkdir(scratch_path(scratch, "dir"), 0700), 0);
	assert_false(atomic_file_write(scratch->path, "x", 1, 0600, &err));
	assert_int_equal(err.code, ERR_STORAGE);
	assert_int_equal(scratch_count_entries(scratch->dir), 1);
}

static void test_atomic_file_write_path_without_a_name(void **state)
{
	struct err err;

	assert_false(atomic_file_write(
		scratch_path(*state, ""), "x", 1, 0600, &err));
	assert_int_equal(err.code, ERR_BUG);
	assert_false(atomic_file_write(
		scratch_path(*state, ".."), "x", 1, 0600, &err));
	assert_int_equal(err.code, ERR_BUG);
}

/* Every other call is interrupted, the others write three bytes at most. */
static ssize_t write_in_bits(int fd, const void *buf, size_t len)
{
	static bool interrupt;

	interrupt = !interrupt;
	if (!interrupt)
		return sys_real.write(fd, buf, len < 3 ? len : 3);
	errno = EINTR;
	return -1;
}

static ssize_t write_nothing(int fd, const void *buf, size_t len)
{
	(void)fd;
	(void)buf;
	(void)len;
	return 0;
}

static void test_atomic_write_all_over_interrupts_and_short_writes(void **state)
{
	const char *path = scratch_path(*state, "file");
	struct sys faulty = sys_real;
	struct err err;
	bool ok;

	faulty.write = write_in_bits;
	sys = &faulty;
	ok = atomic_file_write(path, "0123456789", 10, 0600, &err);
	sys = &sys_real;
	assert_true(ok);
	assert_true(scratch_holds(path, "0123456789"));
}

static void test_atomic_write_all_that_writes_nothing_fails(void **state)
{
	const char *path = scratch_path(*state, "file");
	struct sys faulty = sys_real;
	struct err err;
	bool ok;

	faulty.write = write_nothing;
	sys = &faulty;
	ok = atomic_file_write(path, "0123456789", 10, 0600, &err);
	sys = &sys_real;
	assert_false(ok);
	assert_int_equal(err.code, ERR_STORAGE);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_atomic_file_create_refuses_an_existing_file(void **state)
{
	struct scratch *scratch = *state;
	const char *path = scratch_path(scratch, "claim");
	struct err err;

	assert_true(atomic_file_create(path, "mine", 4, 0600, &err));
	assert_false(atomic_file_create(path, "yours", 5, 0600, &err));
	assert_int_equal(err.code, ERR_HELD);
	assert_true(scratch_holds(path, "mine"));
	assert_int_equal(scratch_count_entries(scratch->dir), 1);
}

static void test_atomic_file_create_refuses_a_dangling_link(void **state)
{
	const char *path = scratch_path(*state, "claim");
	struct err err;

	assert_int_equal(symlink("nowhere", path), 0);
	assert_false(atomic_file_create(path, "x", 1, 0600, &err));
	assert_int_equal(err.code, ERR_HELD);
}

static void test_atomic_file_read_returns_all_with_a_nul(void **state)
{
	const char *path = scratch_path(*state, "file");
	static char big[10000];
	struct err err;
	char *text;
	size_t len;

	memset(big, 'b', sizeof(big));
	big[77] = '\0';
	scratch_write(path, big, sizeof(big));
	assert_true(atomic_file_read(path, sizeof(big), &text, &len, &err));
	assert_int_equal(len, sizeof(big));
	assert_memory_equal(text, big, sizeof(big));
	assert_int_equal(text[len], '\0');
	free(text);
}

static void test_atomic_file_read_empty_file(void **state)
{
	const char *path = scratch_path(*state, "file");
	struct err err;
	char *text;
	size_t len = 9;

	scratch_write(path, "", 0);
	assert_true(atomic_file_read(path, 0, &text, &len, &err));
	assert_int_equal(len, 0);
	assert_string_equal(text, "");
	free(text);
}

static void test_atomic_file_read_too_long(void **state)
{
	const char *path = scratch_path(*state, "file");
	struct err err;
	char *text = NULL;

	scratch_write(path, "12345", 5);
	assert_false(atomic_file_read(path, 4, &text, NULL, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_null(text);
}

static void test_atomic_file_read_missing_or_no_file(void **state)
{
	struct scratch *scratch = *state;
	struct err err;
	char *text = NULL;

	assert_false(atomic_file_read(
		scratch_path(scratch, "no"), 100, &text, NULL, &err));
	assert_int_equal(err.code, ERR_MISSING);
	assert_false(atomic_file_read(scratch->dir, 100, &text, NULL, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_int_equal(err.sys, EISDIR);
}

static void test_atomic_symlink_makes_and_replaces(void **state)
{
	struct scratch *scratch = *state;
	const char *path = scratch_path(scratch, "current");
	char text[64] = "";
	struct err err;

	assert_true(atomic_symlink("versions/1", path, &err));
	assert_true(atomic_symlink("versions/2", path, &err));
	assert_int_equal(readlink(path, text, sizeof(text) - 1), 10);
	assert_string_equal(text, "versions/2");
	assert_int_equal(scratch_count_entries(scratch->dir), 1);
}

static void test_atomic_remove_twice(void **state)
{
	const char *path = scratch_path(*state, "file");
	struct err err;

	scratch_write(path, "x", 1);
	assert_true(atomic_remove(path, &err));
	assert_int_equal(access(path, F_OK), -1);
	assert_true(atomic_remove(path, &err));
	assert_true(atomic_remove(scratch_path(*state, "no/file"), &err));
}

static void test_atomic_remove_a_directory_fails(void **state)
{
	const char *path = scratch_path(*state, "dir");
	struct err err;

	assert_int_equal(mkdir(path, 0700), 0);
	assert_false(atomic_remove(path, &err));
	assert_int_equal(err.code, ERR_STORAGE);
}

static void test_atomic_mkdir_makes_all_with_the_mode(void **state)
{
	struct scratch *scratch = *state;
	mode_t old = umask(077);
	struct err err;

	assert_true(
		atomic_mkdir(scratch_path(scratch, "a//b/./c/"), 0755, &err));
	(void)umask(old);
	assert_int_equal(mode_of(scratch_path(scratch, "a")), 0755);
	assert_int_equal(mode_of(scratch_path(scratch, "a/b/c")), 0755);
	assert_int_equal(chmod(scratch_path(scratch, "a/b"), 0700), 0);
	assert_true(atomic_mkdir(scratch_path(scratch, "a/b/c"), 0755, &err));
	assert_int_equal(mode_of(scratch_path(scratch, "a/b")), 0700);
}

static void test_atomic_mkdir_below_a_file_fails(void **state)
{
	struct scratch *scratch = *state;
	struct err err;

	scratch_write(scratch_path(scratch, "file"), "x", 1);
	assert_false(atomic_mkdir(scratch->path, 0700, &err));
	assert_int_equal(err.code, ERR_STORAGE);
	assert_int_equal(err.sys, ENOTDIR);
	assert_false(
		atomic_mkdir(scratch_path(scratch, "file/sub"), 0700, &err));
}

static void test_atomic_sync_parent_missing_directory(void **state)
{
	struct err err;

	assert_true(atomic_sync_parent(scratch_path(*state, "file"), &err));
	assert_false(atomic_sync_parent(scratch_path(*state, "no/f"), &err));
	assert_int_equal(err.code, ERR_STORAGE);
}

#define IN_SCRATCH(test)                                                       \
	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SCRATCH(test_atomic_file_write_makes_a_file),
		IN_SCRATCH(test_atomic_file_write_replaces_with_a_new_inode),
		IN_SCRATCH(test_atomic_file_write_missing_directory),
		IN_SCRATCH(
			test_atomic_file_write_over_a_directory_leaves_nothing),
		IN_SCRATCH(test_atomic_file_write_path_without_a_name),
		IN_SCRATCH(
			test_atomic_write_all_over_interrupts_and_short_writes),
		IN_SCRATCH(test_atomic_write_all_that_writes_nothing_fails),
		IN_SCRATCH(test_atomic_file_create_refuses_an_existing_file),
		IN_SCRATCH(test_atomic_file_create_refuses_a_dangling_link),
		IN_SCRATCH(test_atomic_file_read_returns_all_with_a_nul),
		IN_SCRATCH(test_atomic_file_read_empty_file),
		IN_SCRATCH(test_atomic_file_read_too_long),
		IN_SCRATCH(test_atomic_file_read_missing_or_no_file),
		IN_SCRATCH(test_atomic_symlink_makes_and_replaces),
		IN_SCRATCH(test_atomic_remove_twice),
		IN_SCRATCH(test_atomic_remove_a_directory_fails),
		IN_SCRATCH(test_atomic_mkdir_makes_all_with_the_mode),
		IN_SCRATCH(test_atomic_mkdir_below_a_file_fails),
		IN_SCRATCH(test_atomic_sync_parent_missing_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
