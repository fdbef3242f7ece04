/*
 * unpack.c - an archive becomes versions/<version>, whole or not at all.
 *
 * Until the rename everything is in .partial-<version>-<random>, which the
 * next attempt removes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/install/artifact.h"
#include "supervisor/install/files.h"
#include "supervisor/install/listing.h"

struct unpack { /* all borrowed */
	const struct listing *listing;
	const char *name, *version, *binary_sha256;
	int archive_fd, versions;
};

static bool failed(struct err *err, const char *doing, const char *member)
{
	int sys_errno = errno;
	char shown[LISTING_SHOWN];

	return err_sys(err, files_code(sys_errno), sys_errno, "%s \"%s\"",
		doing, listing_show(member, shown));
}

/* An archive need not list its directories. */
static bool make_parents(int dir, const char *path, struct err *err)
{
	char part[LISTING_PATH_MAX];

	(void)snprintf(part, sizeof(part), "%s", path);
	for (char *slash = strchr(part, '/'); slash;
		slash = strchr(slash + 1, '/')) {
		struct stat st;

		*slash = '\0';
		if (fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW) < 0 &&
			files_mkdir(dir, part) < 0)
			return failed(err, "making directory", part);
		*slash = '/';
	}
	return true;
}

static bool unpack_file(int dir, struct archive *archive,
	const struct listing_entry *entry, struct err *err)
{
	/* no bits that change who runs it, and only its owner writes it */
	mode_t mode = (entry->mode & 0755) | 0400;
	int fd = sys->openat(dir, entry->path,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool ok;

	if (fd < 0)
		return failed(err, "creating", entry->path);
	sys_crash_point("install: created file");
	ok = listing_extract(archive, fd, entry->member, err);
	if (ok && sys->fchmod(fd, mode) < 0)
		ok = failed(err, "setting the mode of", entry->path);
	if (ok && sys->fsync(fd) < 0)
		ok = err_sys(err, ERR_STORAGE, errno, "syncing a file");
	if (sys->close(fd) < 0 && ok)
		ok = err_sys(err, ERR_STORAGE, errno, "closing a file");
	return ok;
}

static bool unpack_entry(const struct unpack *unpack, int dir,
	struct archive *archive, const struct listing_entry *entry,
	struct err *err)
{
	const struct listing_entry *target;

	if (!entry->path[0])
		return true; /* the top directory */
	if (!make_parents(dir, entry->path, err))
		return false;
	switch (entry->kind) {
	case LISTING_DIR:
		return files_mkdir(dir, entry->path) == 0 || errno == EEXIST ||
		       failed(err, "making directory", entry->path);
	case LISTING_SYMLINK:
		return files_symlink(entry->link, dir, entry->path) == 0 ||
		       failed(err, "making link", entry->path);
	case LISTING_HARDLINK:
		target = &unpack->listing->entry[entry->target];
		return files_link(dir, target->path, dir, entry->path, 0) ==
			       0 ||
		       failed(err, "making link", entry->path);
	case LISTING_FILE:
		break;
	}
	return unpack_file(dir, archive, entry, err);
}

static bool unpack_entries(
	const struct unpack *unpack, int dir, struct err *err)
{
	const struct listing_entry *entry;
	struct archive *archive = NULL;
	size_t at = 0;
	bool ok = listing_open(unpack->archive_fd, &archive, err);

	while (ok) {
		ok = listing_next(unpack->listing, archive, &at, &entry, err);
		if (!ok || !entry)
			break;
		ok = unpack_entry(unpack, dir, archive, entry, err);
	}
	(void)archive_read_free(archive);
	return ok;
}

/* By this name or another: also through a link, which leads nowhere else. */
static bool is_same_file(int dir, const char *one, const char *other)
{
	struct stat a, b;

	return fstatat(dir, one, &a, 0) == 0 &&
	       fstatat(dir, other, &b, 0) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* bin/<name> is the executable, wherever the archive keeps it. */
static bool place_executable(
	const struct unpack *unpack, int dir, struct err *err)
{
	const char *path =
		unpack->listing->entry[unpack->listing->executable].path;
	char place[NAME_MAX], hex[65], shown[LISTING_SHOWN];
	_cleanup_fd_ int fd = -1;

	(void)snprintf(place, sizeof(place), "bin/%s", unpack->name);
	if (strcmp(path, place) != 0) {
		if (!make_parents(dir, place, err))
			return false;
		if (files_link(dir, path, dir, place, 0) < 0 && errno != EEXIST)
			return failed(err, "making link", place);
		if (!is_same_file(dir, path, place))
			return err_set(err, ERR_CONFIG,
				"the archive's %s is not its executable \"%s\"",
				place, listing_show(path, shown));
	}
	fd = sys->openat(dir, place, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return failed(err, "opening", place);
	if (!files_sha256_fd(fd, place, hex, err))
		return false;
	return !unpack->binary_sha256 ||
	       strcasecmp(hex, unpack->binary_sha256) == 0 ||
	       err_set(err, ERR_CONFIG,
		       "the archive's %s has SHA-256 %s, not %.64s", place, hex,
		       unpack->binary_sha256);
}

static bool fill_partial(const struct unpack *unpack, const char *partial,
	int dir, struct err *err)
{
	return unpack_entries(unpack, dir, err) &&
	       place_executable(unpack, dir, err) &&
	       files_sync_tree(unpack->versions, partial, err);
}

/* Not every file system knows RENAME_NOREPLACE; a directory never replaces
 * one that has something in it. */
static int rename_to_version(const struct unpack *unpack, const char *partial)
{
	int versions = unpack->versions;
	int rc = files_rename(
		versions, partial, versions, unpack->version, RENAME_NOREPLACE);

	if (rc < 0 && errno == EINVAL)
		rc = files_rename(
			versions, partial, versions, unpack->version, 0);
	return rc;
}

/* *ret_was_there: somebody else was faster. */
static bool make_version(
	const struct unpack *unpack, bool *ret_was_there, struct err *err)
{
	char partial[NAME_MAX + 1];
	_cleanup_fd_ int dir = -1;
	bool ok;

	*ret_was_there = false;
	if (!files_partial_make(
		    unpack->versions, unpack->version, partial, &dir, err))
		return false;
	ok = fill_partial(unpack, partial, dir, err);
	if (ok && rename_to_version(unpack, partial) < 0) {
		*ret_was_there = errno == EEXIST || errno == ENOTEMPTY;
		ok = *ret_was_there ||
		     failed(err, "renaming to", unpack->version);
	}
	/* what went wrong is told already; the next attempt cleans up again */
	if (!ok || *ret_was_there)
		(void)!files_remove_tree(unpack->versions, partial, NULL);
	return ok;
}

static bool read_and_make(struct unpack *unpack, const char *path,
	const char *sha256, bool *ret_was_there, struct err *err)
{
	struct listing listing = {0};
	char hex[65];
	bool ok = files_sha256_fd(unpack->archive_fd, path, hex, err);

	if (ok && sha256 && strcasecmp(hex, sha256) != 0)
		ok = err_set(err, ERR_CONFIG,
			"SHA-256 is %s, not %.64s as planned", hex, sha256);
	ok = ok &&
	     listing_read(&listing, unpack->archive_fd, unpack->name, err);
	unpack->listing = &listing;
	ok = ok && make_version(unpack, ret_was_there, err);
	unpack->listing = NULL;
	listing_done(&listing);
	return ok || err_wrap(err, "unpacking %s", path);
}

/* It may have been renamed by one who was killed before the sync. */
static bool found(const struct unpack *unpack, struct err *err)
{
	return files_sync_dir(unpack->versions, ".", err);
}

bool artifact_unpack(const char *path, const char *sha256,
	const char *binary_sha256, const char *name, const char *root,
	const char *version, struct err *err)
{
	_cleanup_fd_ int versions = -1, archive_fd = -1;
	struct unpack unpack = {.name = name,
		.version = version,
		.binary_sha256 = binary_sha256};
	struct err why = {0};
	bool was_there = false;

	if (!version_is_valid(version) || !files_name_is_plain(name))
		return err_set(err, ERR_CONFIG,
			"\"%.40s\" is no version, or \"%.40s\" no name",
			version, name);
	if (!files_open_versions(root, &versions, err) ||
		!files_partial_clean(versions, version, err))
		return false;
	unpack.versions = versions;
	if (artifact_check(root, version, name, binary_sha256, &why))
		return found(&unpack, err);
	if (why.code != ERR_MISSING) {
		if (err)
			*err = why;
		return false;
	}
	archive_fd = sys->openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (archive_fd < 0)
		return err_sys(err, files_named_code(errno), errno,
			"opening %s", path);
	unpack.archive_fd = archive_fd;
	if (!read_and_make(&unpack, path, sha256, &was_there, err))
		return false;
	return files_sync_dir(versions, ".", err) &&
	       (!was_there ||
		       artifact_check(root, version, name, binary_sha256, err));
}
