/*
 * copies.c - the life of saved metadata copies.
 */
#include "supervisor/steps/copies.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/memory.h"

#define ROOM_PREFIX ".room-"
#define PARTIAL_SUFFIX ".partial" /* as in metadata_copy.h */
#define GONE_PREFIX ".gone-" /* one that is being removed */

struct owner { /* of copies */
	const char *run, *lane; /* no lane: any of the run */
};

char *copies_path(const struct fleet *fleet, const char *run, const char *lane,
	unsigned attempt)
{
	_cleanup_free_ char *folder = fleet_state_path(fleet, "metadata");

	return memory_text("%s/%s-%s-%u", folder, run, lane, attempt);
}

static int remove_one(
	const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)ftw;
	return sys->unlinkat(AT_FDCWD, path, type == FTW_DP ? AT_REMOVEDIR : 0);
}

static bool remove_tree(const char *path, struct err *err)
{
	return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0 ||
	       err_sys(err, ERR_STORAGE, errno, "removing %s", path);
}

/* Renamed first, and that is on the disk before anything of it goes: without
 * its mark, what is left of it would look like a copy that is waited for. */
static bool remove_copy(const char *path, struct err *err)
{
	const char *name = strrchr(path, '/') + 1;
	_cleanup_free_ char *gone = memory_text(
		"%.*s" GONE_PREFIX "%s", (int)(name - path), path, name);

	if (sys->renameat2(AT_FDCWD, path, AT_FDCWD, gone, 0) != 0)
		return err_sys(err, ERR_STORAGE, errno, "renaming %s", path);
	return atomic_sync_parent(gone, err) && remove_tree(gone, err);
}

static bool is_settled(const char *copy, time_t *ret_when)
{
	_cleanup_free_ char *mark = memory_text("%s/settled", copy);
	struct stat st;

	if (stat(mark, &st) != 0)
		return false;
	*ret_when = st.st_mtime;
	return true;
}

/* Synced even if it is there: who wrote it may have been killed before. */
static bool settle_one(const char *copy, struct err *err)
{
	_cleanup_free_ char *mark = memory_text("%s/settled", copy);
	time_t when;

	if (is_settled(copy, &when))
		return atomic_sync_parent(mark, err);
	return atomic_file_write(mark, "", 0, 0600, err);
}

/* Calls for each entry; opening nothing means that there are none. */
typedef bool copy_fn(const struct fleet *fleet, const char *name,
	const char *path, void *arg, struct err *err);

static bool each_copy(
	const struct fleet *fleet, copy_fn *fn, void *arg, struct err *err)
{
	_cleanup_free_ char *folder = fleet_state_path(fleet, "metadata");
	DIR *dir = opendir(folder);
	struct dirent *entry;
	bool ok = true;

	if (!dir)
		return errno == ENOENT ||
		       err_sys(err, ERR_STORAGE, errno, "opening %s", folder);
	while (ok && (entry = readdir(dir))) {
		_cleanup_free_ char *path = NULL;

		if (strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0)
			continue;
		path = memory_text("%s/%s", folder, entry->d_name);
		ok = fn(fleet, entry->d_name, path, arg, err);
	}
	(void)closedir(dir);
	return ok;
}

/* "<run>-<lane>-" and a number: lane b-2 is not lane b. */
static bool is_of(const char *name, size_t len, const struct owner *owner)
{
	size_t run = strlen(owner->run), lane = 0;

	if (strncmp(name, owner->run, run) != 0 || name[run] != '-')
		return false;
	if (!owner->lane)
		return true;
	lane = strlen(owner->lane);
	if (strncmp(name + run + 1, owner->lane, lane) != 0 ||
		name[run + 1 + lane] != '-')
		return false;
	lane += run + 2;
	return len > lane && strspn(name + lane, "0123456789") == len - lane;
}

/* A copy that did not get its name, because who made it was killed or the disk
 * was full, is of use to nobody. */
static bool is_partial(const char *name, size_t *ret_len)
{
	size_t len = strlen(name), suffix = strlen(PARTIAL_SUFFIX);

	if (name[0] == '.' || len <= suffix ||
		strcmp(name + len - suffix, PARTIAL_SUFFIX) != 0)
		return false;
	*ret_len = len - suffix;
	return true;
}

/* Another lane of this run may be making one at this moment. */
static bool tidy_partial(const struct fleet *fleet, const char *name,
	const char *path, void *arg, struct err *err)
{
	const struct owner *owner = arg;
	size_t len;

	(void)fleet;
	if (!is_partial(name, &len))
		return true;
	if (strncmp(name, owner->run, strlen(owner->run)) == 0 &&
		!is_of(name, len, owner))
		return true;
	return remove_copy(path, err);
}

static bool tidy_copy(const struct fleet *fleet, const char *name,
	const char *path, void *arg, struct err *err)
{
	time_t settled;
	size_t len;

	/* Of one who was killed. */
	if (strncmp(name, GONE_PREFIX, strlen(GONE_PREFIX)) == 0)
		return atomic_sync_parent(path, err) && remove_tree(path, err);
	if (name[0] == '.')
		return true;
	if (is_partial(name, &len))
		return tidy_partial(fleet, name, path, arg, err);
	if (is_of(name, strlen(name), arg) && !settle_one(path, err))
		return false;
	if (!is_settled(path, &settled) ||
		time(NULL) - settled <
			(time_t)fleet->keep_metadata_days * 24 * 3600)
		return true;
	return remove_copy(path, err);
}

static char *room_path(
	const struct fleet *fleet, const char *run, const char *lane)
{
	_cleanup_free_ char *folder = fleet_state_path(fleet, "metadata");

	return memory_text("%s/" ROOM_PREFIX "%s-%s", folder, run, lane);
}

/* It need not survive a loss of power: then there is only less certainty. */
static bool fill_room(const char *path, uint64_t bytes, struct err *err)
{
	int fd = sys->openat(AT_FDCWD, path,
		O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool ok = fd >= 0;
	int rc;

	if (!ok)
		return err_sys(err, ERR_STORAGE, errno, "creating %s", path);
	do {
		rc = sys->fallocate(fd, 0, 0, (off_t)bytes);
	} while (rc < 0 && errno == EINTR);
	if (rc < 0 && errno != EOPNOTSUPP)
		ok = err_sys(err, ERR_STORAGE, errno,
			"reserving %llu MiB for the copy of the metadata, %s",
			(unsigned long long)(bytes >> 20), path);
	(void)sys->close(fd);
	if (rc < 0)
		(void)sys->unlinkat(AT_FDCWD, path, 0);
	return ok;
}

/* Of a run that was taken over: whoever holds the fleet's lock is alone. */
static void drop_others_room(const struct fleet *fleet, const char *run)
{
	_cleanup_free_ char *folder = fleet_state_path(fleet, "metadata");
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strncmp(entry->d_name, ROOM_PREFIX, strlen(ROOM_PREFIX)) ==
				0 &&
			strncmp(entry->d_name + strlen(ROOM_PREFIX), run,
				strlen(run)) != 0)
			(void)sys->unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		(void)closedir(dir);
}

bool copies_reserve(const struct fleet *fleet, const char *run,
	const char *lane, uint64_t bytes, struct err *err)
{
	_cleanup_free_ char *path = room_path(fleet, run, lane);

	drop_others_room(fleet, run);
	return fill_room(path, bytes, err);
}

bool copies_give_room(const struct fleet *fleet, const char *run,
	const char *lane, struct err *err)
{
	_cleanup_free_ char *path = room_path(fleet, run, lane);

	return sys->unlinkat(AT_FDCWD, path, 0) == 0 || errno == ENOENT ||
	       err_sys(err, ERR_STORAGE, errno, "removing %s", path);
}

bool copies_drop_partial(const struct fleet *fleet, const char *run,
	const char *lane, struct err *err)
{
	struct owner owner = {run, lane};

	return each_copy(fleet, tidy_partial, &owner, err);
}

bool copies_settle(const struct fleet *fleet, const char *run, const char *lane,
	struct err *err)
{
	struct owner owner = {run, lane};

	return (!lane || copies_give_room(fleet, run, lane, err)) &&
	       each_copy(fleet, tidy_copy, &owner, err);
}

static bool find_unsettled(const struct fleet *fleet, const char *name,
	const char *path, void *arg, struct err *err)
{
	char **ret_name = arg;
	time_t settled;
	size_t len;

	(void)fleet, (void)err;
	/* One that never was whole is nothing to go back to. */
	if (name[0] == '.' || is_partial(name, &len))
		return true;
	if (!*ret_name && !is_settled(path, &settled))
		*ret_name = memory_must(strdup(name));
	return true;
}

bool copies_unsettled(
	const struct fleet *fleet, char **ret_name, struct err *err)
{
	*ret_name = NULL;
	return each_copy(fleet, find_unsettled, ret_name, err);
}
