/*
 * prune.c - old versions go, but none that anybody may still need.
 *
 * When in doubt (a claim that cannot be read, a process whose executable we
 * may not see) a version stays.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "supervisor/install/claim.h"
#include "supervisor/install/files.h"
#include "supervisor/install/links.h"

/* what is left of a version that was being removed */
#define GONE ".gone-"

enum { VERSIONS_MAX = 1000, COMM_LEN = 15 };

struct running { /* executables of all processes */
	struct executable {
		dev_t dev;
		ino_t ino;
		char comm[COMM_LEN +
			  1]; /* if the file cannot be seen, else "" */
	} * list;
	size_t count, room;
};

struct prune {
	const char *root;
	int versions_fd;
	char version[VERSIONS_MAX][VERSION_MAX];
	bool keep[VERSIONS_MAX];
	size_t count;
	struct running running;
};

static int newest_first(const void *a, const void *b)
{
	return version_compare(b, a);
}

static bool list_versions(struct prune *prune, struct err *err)
{
	int fd = openat(
		prune->versions_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!list && fd >= 0)
		(void)close(fd);
	if (!list)
		return err_sys(err, ERR_STEP, errno, "reading %s/versions",
			prune->root);
	while ((entry = readdir(list)) && prune->count < VERSIONS_MAX)
		if (version_is_valid(entry->d_name))
			memcpy(prune->version[prune->count++], entry->d_name,
				strlen(entry->d_name) + 1);
	(void)closedir(list);
	qsort(prune->version, prune->count, VERSION_MAX, newest_first);
	return true;
}

static void keep(struct prune *prune, const char *version)
{
	for (size_t i = 0; i < prune->count; i++)
		if (strcmp(prune->version[i], version) == 0)
			prune->keep[i] = true;
}

static bool keep_claimed(
	void *arg, const char *name, const struct claim *claim, struct err *err)
{
	(void)name;
	(void)err;
	keep(arg, claim->from);
	keep(arg, claim->to);
	return true;
}

static bool keep_linked(struct prune *prune, struct err *err)
{
	for (size_t i = 0; i < prune->count; i++)
		if (!prune->keep[i] &&
			!links_lead_to(prune->root, prune->version[i],
				&prune->keep[i], err))
			return false;
	return true;
}

static void read_comm(const char *pid, char ret_comm[COMM_LEN + 1])
{
	char path[NAME_MAX + 32];
	_cleanup_fd_ int fd = -1;
	ssize_t len;

	(void)snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? 0 : read(fd, ret_comm, COMM_LEN);
	ret_comm[len > 0 ? len : 0] = '\0';
	ret_comm[strcspn(ret_comm, "\n")] = '\0';
}

static bool running_add(
	struct running *running, const char *pid, struct err *err)
{
	struct executable *new;
	char path[NAME_MAX + 32];
	struct stat st;

	if (running->count == running->room) {
		size_t room = running->room ? 2 * running->room : 256;

		new = reallocarray(running->list, room, sizeof(*new));
		if (!new)
			return err_set(err, ERR_MEMORY, "out of memory");
		running->list = new;
		running->room = room;
	}
	new = &running->list[running->count];
	memset(new, 0, sizeof(*new));
	(void)snprintf(path, sizeof(path), "/proc/%s/exe", pid);
	if (stat(path, &st) == 0) {
		new->dev = st.st_dev;
		new->ino = st.st_ino;
	} else if (errno == EACCES || errno == EPERM) {
		read_comm(pid, new->comm);
	} else {
		return true; /* ended, or a thread of the kernel */
	}
	running->count++;
	return true;
}

static bool list_running(struct running *running, struct err *err)
{
	DIR *list = opendir("/proc");
	const struct dirent *entry;
	bool ok = true;

	if (!list)
		return err_sys(err, ERR_STEP, errno, "reading /proc");
	while (ok && (entry = readdir(list)))
		if (isdigit((unsigned char)entry->d_name[0]))
			ok = running_add(running, entry->d_name, err);
	(void)closedir(list);
	return ok;
}

static bool is_executed(
	const struct running *running, const char *name, const struct stat *st)
{
	for (size_t i = 0; i < running->count; i++) {
		const struct executable *one = &running->list[i];

		if (one->comm[0] ? strncmp(one->comm, name, COMM_LEN) == 0
				 : one->ino == st->st_ino &&
					   one->dev == st->st_dev)
			return true;
	}
	return false;
}

/* Is any file of this tree being executed?  True, too, if it cannot be read. */
static bool is_in_use(const struct running *running, int dir, const char *path)
{
	int fd = openat(
		dir, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	bool is_used = !list;

	if (fd >= 0 && !list)
		(void)close(fd);
	while (!is_used && (entry = readdir(list))) {
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0 ||
			fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) <
				0)
			continue;
		if (S_ISDIR(st.st_mode))
			is_used = is_in_use(running, fd, entry->d_name);
		else if (S_ISREG(st.st_mode) && (st.st_mode & 0111))
			is_used = is_executed(running, entry->d_name, &st);
	}
	if (list)
		(void)closedir(list);
	return is_used;
}

/* Renamed first, so that nobody takes what is left of it for a version; and
 * that is on the disk before anything of it goes. */
static bool remove_version(
	struct prune *prune, const char *version, struct err *err)
{
	char gone[NAME_MAX + 1];

	(void)snprintf(gone, sizeof(gone), GONE "%s", version);
	if (files_rename(prune->versions_fd, version, prune->versions_fd, gone,
		    0) < 0)
		return err_sys(err, files_code(errno), errno,
			"renaming versions/%s", version);
	return files_sync_dir(prune->versions_fd, ".", err) &&
	       files_remove_tree(prune->versions_fd, gone, err);
}

static bool mark(struct prune *prune, const char *const *needed,
	unsigned newest, struct err *err)
{
	for (size_t i = 0; i < prune->count && i < newest; i++)
		prune->keep[i] = true;
	for (; needed && *needed; needed++)
		keep(prune, *needed);
	if (!claim_each(prune->root, keep_claimed, prune, err) ||
		!keep_linked(prune, err) || !list_running(&prune->running, err))
		return false;
	for (size_t i = 0; i < prune->count; i++)
		if (!prune->keep[i])
			prune->keep[i] = is_in_use(&prune->running,
				prune->versions_fd, prune->version[i]);
	return true;
}

static bool sweep(struct prune *prune, char **ret_removed, struct err *err)
{
	size_t room = prune->count * (VERSION_MAX + 2) + 1, len = 0;
	_cleanup_free_ char *removed = calloc(1, room);

	if (!removed)
		return err_set(err, ERR_MEMORY, "out of memory");
	/* who had renamed them may have been killed before the sync */
	if (!files_sync_dir(prune->versions_fd, ".", err) ||
		!files_clean(prune->versions_fd, GONE, 0, err))
		return false;
	for (size_t i = 0; i < prune->count; i++) {
		if (prune->keep[i])
			continue;
		if (!remove_version(prune, prune->version[i], err))
			return false;
		len += (size_t)snprintf(removed + len, room - len, "%s%s",
			len ? ", " : "", prune->version[i]);
	}
	if (!files_clean(prune->versions_fd, FILES_PARTIAL, FILES_DAY_S, err) ||
		!link_hold_sweep(prune->root, err) ||
		!links_sweep(prune->root, err) ||
		!claim_sweep(prune->root, err) ||
		!files_sync_dir(prune->versions_fd, ".", err))
		return false;
	*ret_removed = take_ptr(removed);
	return true;
}

bool prune_versions(const char *root, const char *const *needed,
	unsigned keep_newest, char **ret_removed, struct err *err)
{
	_cleanup_free_ struct prune *prune = calloc(1, sizeof(*prune));
	_cleanup_fd_ int versions_fd = -1;
	bool ok;

	*ret_removed = NULL;
	if (!prune)
		return err_set(err, ERR_MEMORY, "out of memory");
	if (!files_open_versions(root, &versions_fd, err))
		return false;
	prune->root = root;
	prune->versions_fd = versions_fd;
	ok = list_versions(prune, err) &&
	     mark(prune, needed, keep_newest, err) &&
	     sweep(prune, ret_removed, err);
	free(prune->running.list);
	return ok;
}
