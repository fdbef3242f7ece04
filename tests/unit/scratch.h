/*
 * scratch.h - a directory that a test has for itself.
 */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Last: it needs three of the headers above. */
#include <cmocka.h>

struct scratch {
	char dir[200];
	char path[PATH_MAX]; /* what scratch_path() returned last */
};

static inline void scratch_make(struct scratch *scratch)
{
	const char *parent = getenv("TMPDIR");

	(void)snprintf(scratch->dir, sizeof(scratch->dir),
		"%s/syncup-test-XXXXXX", parent && parent[0] ? parent : "/tmp");
	assert_non_null(mkdtemp(scratch->dir));
}

static inline const char *scratch_path(
	struct scratch *scratch, const char *name)
{
	(void)snprintf(scratch->path, sizeof(scratch->path), "%s/%s",
		scratch->dir, name);
	return scratch->path;
}

static inline int scratch_remove_entry_(
	const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static inline void scratch_remove(struct scratch *scratch)
{
	assert_int_equal(nftw(scratch->dir, scratch_remove_entry_, 8,
				 FTW_DEPTH | FTW_PHYS),
		0);
}

static inline void scratch_write(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(close(fd), 0);
}

/* The caller frees it; NULL if there is no such file. */
static inline char *scratch_read(const char *path, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	char *text;

	if (fd < 0)
		return NULL;
	assert_int_equal(fstat(fd, &st), 0);
	text = calloc(1, (size_t)st.st_size + 1);
	assert_non_null(text);
	assert_int_equal(read(fd, text, (size_t)st.st_size), st.st_size);
	assert_int_equal(close(fd), 0);
	if (ret_len)
		*ret_len = (size_t)st.st_size;
	return text;
}

static inline bool scratch_holds(const char *path, const char *expected)
{
	char *text = scratch_read(path, NULL);
	bool same = text && strcmp(text, expected) == 0;

	free(text);
	return same;
}

static inline unsigned scratch_count_entries(const char *dir)
{
	DIR *open_dir = opendir(dir);
	const struct dirent *entry;
	unsigned count = 0;

	assert_non_null(open_dir);
	while ((entry = readdir(open_dir)))
		count += strcmp(entry->d_name, ".") != 0 &&
			 strcmp(entry->d_name, "..") != 0;
	assert_int_equal(closedir(open_dir), 0);
	return count;
}

#endif
