/*
 * artifact.c - looking at an archive, and at what was unpacked from one.
 */
#include "supervisor/install/artifact.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/install/files.h"
#include "supervisor/install/listing.h"
#include "supervisor/install/version.h"

#ifndef MFD_EXEC /* Linux 6.3; without it newer kernels may refuse to run it   \
		  */
#define MFD_EXEC 0x0010U
#endif

static int open_memory(void)
{
	int fd = memfd_create("syncup-candidate", MFD_CLOEXEC | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("syncup-candidate", MFD_CLOEXEC);
	return fd;
}

/* A file that has no name any more: nothing has to be removed after a kill. */
static int open_nameless(void)
{
	const char *dirs[] = {getenv("TMPDIR"), "/tmp", "/var/tmp"};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		int fd;

		if (!dirs[i] || dirs[i][0] != '/' ||
			!files_path(path, NULL, "%s/syncup-XXXXXX", dirs[i]))
			continue;
		fd = mkostemp(path, O_CLOEXEC);
		if (fd < 0)
			continue;
		(void)unlink(path);
		if (fchmod(fd, 0700) == 0)
			return fd;
		(void)close(fd);
	}
	return -1;
}

/* The executable's data into fd. */
static bool extract_executable(
	const struct listing *listing, int archive_fd, int fd, struct err *err)
{
	const struct listing_entry *wanted =
		&listing->entry[listing->executable];
	const struct listing_entry *entry = NULL;
	struct archive *archive = NULL;
	size_t at = 0;
	bool ok;

	if (wanted->kind == LISTING_HARDLINK)
		wanted = &listing->entry[wanted->target];
	ok = listing_open(archive_fd, &archive, err);
	while (ok && entry != wanted)
		ok = listing_next(listing, archive, &at, &entry, err);
	ok = ok && listing_extract(archive, fd, wanted->member, err);
	(void)archive_read_free(archive);
	return ok;
}

/* A file that is open for writing cannot be executed. */
static int reopen_to_execute(int *fd)
{
	char path[64];
	int again;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
	again = open(path, O_RDONLY | O_CLOEXEC);
	(void)close(take_fd(fd));
	return again;
}

/* By a file, where the system runs nothing from memory. */
static bool version_by_file(const struct listing *listing, int archive_fd,
	struct artifact_info *info, struct err *err)
{
	_cleanup_fd_ int fd = open_nameless(), again = -1;

	if (fd < 0)
		return err_sys(err, ERR_STEP, errno,
			"creating a temporary file to run %s", info->member);
	if (!extract_executable(listing, archive_fd, fd, err))
		return false;
	again = reopen_to_execute(&fd);
	if (again < 0)
		return err_sys(
			err, ERR_STEP, errno, "opening a temporary file again");
	return version_of_fd(again, info->member, info->version, NULL, err);
}

static bool inspect_executable(const struct listing *listing, int archive_fd,
	struct artifact_info *info, struct err *err)
{
	_cleanup_fd_ int fd = open_memory();
	int exec_errno = 0;

	if (fd < 0)
		fd = open_nameless();
	if (fd < 0)
		return err_sys(err, ERR_STEP, errno, "finding room for %s",
			info->member);
	if (!extract_executable(listing, archive_fd, fd, err) ||
		!files_sha256_fd(fd, info->member, info->binary_sha256, err))
		return false;
	if (version_of_fd(fd, info->member, info->version, &exec_errno, err))
		return true;
	if (exec_errno == 0 || exec_errno == ENOEXEC)
		return false;
	return version_by_file(listing, archive_fd, info, err);
}

bool artifact_inspect(const char *path, const char *sha256, const char *name,
	struct artifact_info *ret_info, struct err *err)
{
	_cleanup_fd_ int fd =
		sys->openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	struct listing listing = {0};
	bool ok;

	memset(ret_info, 0, sizeof(*ret_info));
	if (!files_name_is_plain(name))
		return err_set(err, ERR_CONFIG,
			"\"%.40s\" cannot be an executable's name", name);
	if (fd < 0)
		return err_sys(err, files_named_code(errno), errno,
			"opening %s", path);
	if (!files_sha256_fd(fd, path, ret_info->sha256, err))
		return false;
	if (sha256 && strcasecmp(sha256, ret_info->sha256) != 0)
		return err_set(err, ERR_CONFIG,
			"%s has SHA-256 %s, not %.64s as it should", path,
			ret_info->sha256, sha256);
	ok = listing_read(&listing, fd, name, err);
	if (ok) {
		const char *member = listing.entry[listing.executable].member;

		ret_info->bytes = listing.bytes;
		ret_info->files = listing.files;
		if (strlen(member) >= sizeof(ret_info->member))
			ok = err_set(err, ERR_CONFIG,
				"the executable's path in the archive is "
				"longer than %zu bytes",
				sizeof(ret_info->member) - 1);
		else
			(void)snprintf(ret_info->member,
				sizeof(ret_info->member), "%s", member);
	}
	ok = ok && inspect_executable(&listing, fd, ret_info, err);
	listing_done(&listing);
	return ok || err_wrap(err, "%s", path);
}

bool artifact_check(const char *root, const char *version, const char *name,
	const char *binary_sha256, struct err *err)
{
	char path[PATH_MAX], hex[65];
	struct stat st;

	if (!version_is_valid(version) || !files_name_is_plain(name))
		return err_set(err, ERR_CONFIG,
			"\"%.40s\" is no version, or \"%.40s\" no name",
			version, name);
	if (!files_path(
		    path, err, "%s/versions/%s/bin/%s", root, version, name))
		return false;
	if (stat(path, &st) < 0)
		return err_sys(err,
			errno == ENOENT ? ERR_MISSING : files_code(errno),
			errno, "looking for %s", path);
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return err_set(
			err, ERR_CONFIG, "%s is not an executable file", path);
	if (!binary_sha256)
		return true;
	if (!sha256_file(path, hex, err))
		return false;
	return strcasecmp(hex, binary_sha256) == 0 ||
	       err_set(err, ERR_CONFIG,
		       "%s has SHA-256 %s, not %.64s as planned", path, hex,
		       binary_sha256);
}
