/*
 * adopt.c - a plain executable becomes a version with a link to it, and back.
 *
 * The version is whole before the path is touched, and the path changes by one
 * rename, so there is always an executable there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "supervisor/install/files.h"
#include "supervisor/install/links.h"

/* What somebody had put at the path while another executable was running. */
#define SAVED_SUFFIX ".before-syncup"
#define NEW_SUFFIX ".syncup-new"

static bool binary_path(const struct link_spec *link, const char *version,
	char ret_path[PATH_MAX], struct err *err)
{
	if (!version_is_valid(version))
		return err_set(
			err, ERR_CONFIG, "\"%.40s\" is no version", version);
	return files_path(ret_path, err, "%s/versions/%s/bin/%s", link->root,
		version, link->name);
}

static bool fill_partial(const struct link_spec *link, int versions,
	const char *partial, int dir, const char *exe, struct err *err)
{
	_cleanup_fd_ int bin = -1;

	if (files_mkdir(dir, "bin") < 0)
		return err_sys(err, files_code(errno), errno,
			"making directory %s/bin", partial);
	bin = openat(dir, "bin", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (bin < 0)
		return err_sys(err, files_code(errno), errno, "opening %s/bin",
			partial);
	return files_link_or_copy(exe, bin, link->name, err) &&
	       files_sync_tree(versions, partial, err);
}

static bool make_version(const struct link_spec *link, int versions,
	const char *version, const char *exe, struct err *err)
{
	char partial[NAME_MAX + 1];
	_cleanup_fd_ int dir = -1;
	bool ok;

	if (!files_partial_make(versions, version, partial, &dir, err))
		return false;
	ok = fill_partial(link, versions, partial, dir, exe, err);
	/* it was not there, or has nothing in it: see check_version() */
	if (ok && files_rename(versions, partial, versions, version, 0) < 0)
		ok = err_sys(err, files_code(errno), errno,
			"renaming to versions/%s", version);
	if (!ok)
		(void)!files_remove_tree(versions, partial, NULL);
	return ok && files_sync_dir(versions, ".", err);
}

/* versions/<version> holds exe; made if it is not there. */
static bool ensure_version(const struct link_spec *link, const char *version,
	const char *exe, struct err *err)
{
	char path[PATH_MAX];
	_cleanup_fd_ int versions = -1;
	struct stat st;
	bool is_same;

	if (!binary_path(link, version, path, err) ||
		!files_open_versions(link->root, &versions, err) ||
		!files_partial_clean(versions, version, err))
		return false;
	if (stat(path, &st) < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			return err_sys(err, files_code(errno), errno,
				"looking for %s", path);
		return make_version(link, versions, version, exe, err);
	}
	if (!files_are_same(path, exe, &is_same, err))
		return false;
	if (!is_same)
		return err_set(err, ERR_CONFIG,
			"%s is there already and is not the same as %s", path,
			exe);
	return files_sync_dir(versions, ".", err);
}

/* The plain file at the path is not what was adopted: keep it. */
static bool save_plain(
	const struct link_spec *link, const char *version, struct err *err)
{
	char path[PATH_MAX], saved[PATH_MAX];
	bool is_same;

	if (!binary_path(link, version, path, err) ||
		!files_are_same(path, link->path, &is_same, err))
		return false;
	if (is_same)
		return true;
	if (!files_path(saved, err, "%s" SAVED_SUFFIX, link->path))
		return false;
	if (files_link(AT_FDCWD, link->path, AT_FDCWD, saved, 0) == 0)
		return atomic_sync_parent(saved, err);
	if (errno != EEXIST)
		return err_sys(err, files_code(errno), errno,
			"keeping %s as %s", link->path, saved);
	if (!files_are_same(saved, link->path, &is_same, err))
		return false;
	return is_same ||
	       err_set(err, ERR_CONFIG,
		       "%s would be lost: it is not what is running, and "
		       "%s is there already; move one of them away",
		       link->path, saved);
}

bool adopt(const struct link_spec *link, const char *version, const char *exe,
	struct err *err)
{
	struct link_seen seen;

	if (!link_read(link, &seen, err))
		return false;
	if (seen.kind == LINK_FOREIGN)
		return err_set(err, ERR_CONFIG,
			"%s is neither a plain executable nor a link into "
			"%s/versions",
			link->path, link->root);
	if (!exe && seen.kind == LINK_PLAIN)
		exe = link->path;
	if (exe) {
		if (!ensure_version(link, version, exe, err))
			return false;
	} else if (!artifact_check(
			   link->root, version, link->name, NULL, err)) {
		return false;
	}
	/* turned already, perhaps further than to what is adopted */
	if (seen.kind == LINK_HOLD ||
		(seen.kind == LINK_VERSION &&
			strcmp(seen.version, version) != 0))
		return true;
	if (seen.kind == LINK_PLAIN && !save_plain(link, version, err))
		return false;
	return links_turn(link, version, err);
}

static bool put_plain(
	const struct link_spec *link, const char *binary, struct err *err)
{
	char new[PATH_MAX];

	if (!files_path(new, err, "%s" NEW_SUFFIX, link->path))
		return false;
	/* left by one who was killed */
	if (files_unlink(AT_FDCWD, new, 0) < 0 && errno != ENOENT)
		return err_sys(
			err, files_code(errno), errno, "removing %s", new);
	if (!files_link_or_copy(binary, AT_FDCWD, new, err))
		return false;
	if (files_rename(AT_FDCWD, new, AT_FDCWD, link->path, 0) < 0)
		return err_sys(err, files_code(errno), errno,
			"renaming %s to %s", new, link->path);
	return true;
}

bool unadopt(const struct link_spec *link, const char *version, struct err *err)
{
	char binary[PATH_MAX];
	struct link_seen seen;
	bool is_same = true;

	if (!binary_path(link, version, binary, err) ||
		!link_read(link, &seen, err))
		return false;
	if (seen.kind == LINK_FOREIGN)
		return err_set(err, ERR_CONFIG,
			"%s is not a link into %s/versions", link->path,
			link->root);
	/* where a directory's link is now, nothing was before */
	if (!link->is_binary)
		return atomic_remove(link->path, err) &&
		       links_forget(link, err);
	if (seen.kind == LINK_PLAIN) {
		if (!files_are_same(binary, link->path, &is_same, err))
			return false;
		if (!is_same)
			return err_set(err, ERR_CONFIG,
				"%s is a plain file already, but not version "
				"%s",
				link->path, version);
	} else if (!put_plain(link, binary, err)) {
		return false;
	}
	return atomic_sync_parent(link->path, err) && links_forget(link, err);
}
