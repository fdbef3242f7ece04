/*
 * link.c - reading, turning and holding a lane's link.
 */
#include "supervisor/install/link.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "supervisor/install/capture.h"
#include "supervisor/install/claim.h"
#include "supervisor/install/files.h"
#include "supervisor/install/links.h"

enum { DPKG_DEADLINE_MS = 30000 };

/* What a text says; anything but our own two forms is foreign. */
static void parse_text(
	const struct link_spec *link, const char *text, struct link_seen *seen)
{
	char entry[NAME_MAX + 1], expected[PATH_MAX];
	size_t root_len = strlen(link->root), len;

	if (strncmp(text, link->root, root_len) != 0 ||
		strncmp(text + root_len, "/versions/", 10) != 0)
		return;
	len = strcspn(text + root_len + 10, "/");
	if (len >= sizeof(entry))
		return;
	memcpy(entry, text + root_len + 10, len);
	entry[len] = '\0';
	if (!links_text(link, entry, expected, NULL) ||
		strcmp(text, expected) != 0)
		return;
	if (version_is_valid(entry)) {
		seen->kind = LINK_VERSION;
		memcpy(seen->version, entry, len + 1);
	} else if (strncmp(entry, LINKS_HOLD, strlen(LINKS_HOLD)) == 0 &&
		   files_name_is_plain(entry + strlen(LINKS_HOLD))) {
		seen->kind = LINK_HOLD;
		memcpy(seen->run, entry + strlen(LINKS_HOLD),
			len + 1 - strlen(LINKS_HOLD));
	}
}

bool link_read(const struct link_spec *link, struct link_seen *ret_seen,
	struct err *err)
{
	char text[PATH_MAX];
	struct stat st;
	ssize_t len;

	memset(ret_seen, 0, sizeof(*ret_seen));
	if (!links_check_spec(link, err))
		return false;
	if (lstat(link->path, &st) < 0) {
		ret_seen->kind = LINK_ABSENT;
		return errno == ENOENT || err_sys(err, files_code(errno), errno,
						  "looking at %s", link->path);
	}
	ret_seen->kind = LINK_FOREIGN;
	if (S_ISREG(st.st_mode) && (st.st_mode & 0111) && link->is_binary)
		ret_seen->kind = LINK_PLAIN;
	if (!S_ISLNK(st.st_mode))
		return true;
	len = readlink(link->path, text, sizeof(text) - 1);
	if (len < 0)
		return err_sys(err, ERR_AGAIN, errno, "reading %s", link->path);
	text[len] = '\0';
	parse_text(link, text, ret_seen);
	return true;
}

/* Nothing that is not ours is ever replaced. */
static bool check_ours(const struct link_spec *link, struct err *err)
{
	struct link_seen seen;

	if (!link_read(link, &seen, err))
		return false;
	if (seen.kind == LINK_PLAIN)
		return err_set(err, ERR_CONFIG,
			"%s is a plain file: it has to be adopted first",
			link->path);
	if (seen.kind == LINK_FOREIGN)
		return err_set(err, ERR_CONFIG,
			"%s is not a link into %s/versions", link->path,
			link->root);
	return true;
}

bool link_point(
	const struct link_spec *link, const char *version, struct err *err)
{
	return check_ours(link, err) &&
	       artifact_check(link->root, version, link->name, NULL, err) &&
	       links_turn(link, version, err);
}

static bool write_hold(const struct link_spec *link, const char *entry,
	const char *run, struct err *err)
{
	char dir[PATH_MAX], path[PATH_MAX], script[1024];
	int len = snprintf(script, sizeof(script),
		"#!/bin/sh\n"
		"# Stands in for %s while it must not start.\n"
		"cat >&2 <<'END'\n"
		"%s is held by syncup run %s and was not started.\n"
		"Its upgrade is not finished.  On the machine that runs "
		"syncup type:\n"
		"  syncup status     to see how far it is\n"
		"  syncup run        to finish it\n"
		"  syncup rollback   to go back to the old version\n"
		"END\n"
		"exit 75\n",
		link->name, link->name, run);

	if (len < 0 || (size_t)len >= sizeof(script))
		return err_set(err, ERR_BUG, "hold script is too long");
	return files_path(dir, err, "%s/versions/%s/bin", link->root, entry) &&
	       files_path(path, err, "%s/%s", dir, link->name) &&
	       files_mkdir_all(dir, err) &&
	       atomic_file_write(path, script, (size_t)len, 0755, err);
}

static bool hold_entry(
	const char *run, char ret_entry[NAME_MAX + 1], struct err *err)
{
	if (!files_name_is_plain(run))
		return err_set(err, ERR_CONFIG, "\"%.80s\" names no run", run);
	(void)snprintf(ret_entry, NAME_MAX + 1, LINKS_HOLD "%s", run);
	return true;
}

/* Those that were made before a kill may not have been synced. */
static bool sync_hold(
	const struct link_spec *link, const char *entry, struct err *err)
{
	_cleanup_fd_ int versions = -1;

	return files_open_versions(link->root, &versions, err) &&
	       files_sync_tree(versions, entry, err) &&
	       files_sync_dir(versions, ".", err);
}

bool link_hold(const struct link_spec *link, const char *run, struct err *err)
{
	char entry[NAME_MAX + 1];

	return hold_entry(run, entry, err) && check_ours(link, err) &&
	       write_hold(link, entry, run, err) &&
	       sync_hold(link, entry, err) && links_turn(link, entry, err);
}

bool link_hold_remove(const char *root, const char *run, struct err *err)
{
	char entry[NAME_MAX + 1], path[PATH_MAX];
	_cleanup_fd_ int versions = -1;
	bool is_used;

	if (!hold_entry(run, entry, err) ||
		!files_path(path, err, "%s/versions/%s", root, entry))
		return false;
	if (access(path, F_OK) < 0 && errno == ENOENT)
		return true;
	if (!links_lead_to(root, entry, &is_used, err))
		return false;
	if (is_used)
		return true;
	return files_open_versions(root, &versions, err) &&
	       files_remove_tree(versions, entry, err) &&
	       files_sync_dir(versions, ".", err);
}

struct claimed { /* does any claim name this run? */
	const char *run;
	bool is_claimed;
};

static bool names_run(
	void *arg, const char *name, const struct claim *claim, struct err *err)
{
	struct claimed *claimed = arg;

	(void)name, (void)err;
	if (strcmp(claim->run, claimed->run) == 0)
		claimed->is_claimed = true;
	return true;
}

/* Its claims are made before it, and go when its run has ended. */
bool link_hold_release(const char *root, const char *run, struct err *err)
{
	struct claimed claimed = {run, false};

	return claim_each(root, names_run, &claimed, err) &&
	       (claimed.is_claimed || link_hold_remove(root, run, err));
}

static bool sweep_hold(
	const char *root, int versions, const char *entry, struct err *err)
{
	const char *run = entry + strlen(LINKS_HOLD);
	struct stat st;

	if (fstatat(versions, entry, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		st.st_mtime > time(NULL) - FILES_DAY_S ||
		!files_name_is_plain(run))
		return true;
	return link_hold_release(root, run, err);
}

bool link_hold_sweep(const char *root, struct err *err)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	bool ok = true;
	DIR *list;

	if (!files_path(path, err, "%s/versions", root))
		return false;
	list = opendir(path);
	if (!list)
		return errno == ENOENT || err_sys(err, files_code(errno), errno,
						  "reading %s", path);
	while (ok && (entry = readdir(list)))
		if (strncmp(entry->d_name, LINKS_HOLD, strlen(LINKS_HOLD)) == 0)
			ok = sweep_hold(root, dirfd(list), entry->d_name, err);
	(void)closedir(list);
	return ok;
}

/* dpkg -S takes a pattern. */
static bool quote_pattern(const char *path, char ret_quoted[PATH_MAX])
{
	size_t len = 0;

	for (; *path; path++) {
		if (len + 3 > PATH_MAX)
			return false;
		if (strchr("*?[]\\", *path))
			ret_quoted[len++] = '\\';
		ret_quoted[len++] = *path;
	}
	ret_quoted[len] = '\0';
	return true;
}

/* Takes the package's name out of a line "name: path".  A path that was
 * diverted locally is the administrator's, whatever a package says. */
static bool parse_owner(char *said, char ret_package[64])
{
	bool is_owned = false;
	char *rest = said, *line;

	while ((line = strsep(&rest, "\n"))) {
		char *colon = strstr(line, ": ");

		if (strncmp(line, "local diversion", 15) == 0)
			return false;
		if (!colon || is_owned ||
			strncmp(line, "diversion by ", 13) == 0)
			continue;
		*colon = '\0';
		(void)snprintf(ret_package, 64, "%s", line);
		is_owned = true;
	}
	return is_owned;
}

static bool ask_dpkg(const char *path, bool *ret_is_owned, char ret_package[64],
	struct err *err)
{
	char pattern[PATH_MAX];
	const char *argv[] = {"dpkg-query", "--search", "--", pattern, NULL};
	struct capture_spec spec = {
		.argv = argv, .fd = -1, .deadline_ms = DPKG_DEADLINE_MS};
	struct capture said;

	*ret_is_owned = false;
	if (!quote_pattern(path, pattern))
		return err_set(
			err, ERR_CONFIG, "path is too long: %.60s...", path);
	if (!capture_run(&spec, &said, err))
		return false;
	/* without dpkg there are no packages; 1: belongs to none */
	if (said.exec_errno == 0 && (said.is_late || !WIFEXITED(said.status) ||
					    WEXITSTATUS(said.status) > 1)) {
		capture_done(&said);
		return err_set(err, ERR_AGAIN,
			"asking dpkg whose %s is has failed", path);
	}
	if (said.exec_errno == 0 && WEXITSTATUS(said.status) == 0)
		*ret_is_owned = parse_owner(said.out, ret_package);
	capture_done(&said);
	return true;
}

/* A package may call it /bin/x what is /usr/bin/x, and the other way round. */
static bool other_spelling(const char *path, char ret_other[PATH_MAX])
{
	static const char *const merged[] = {"/bin/", "/sbin/", "/lib"};
	bool has_usr = strncmp(path, "/usr/", 5) == 0;
	const char *rest = has_usr ? path + 4 : path;

	for (size_t i = 0; i < sizeof(merged) / sizeof(merged[0]); i++)
		if (strncmp(rest, merged[i], strlen(merged[i])) == 0)
			return files_path(ret_other, NULL, "%s%s",
				has_usr ? "" : "/usr", rest);
	return false;
}

static bool check_package(const char *path, struct err *err)
{
	char other[PATH_MAX], package[64];
	bool is_owned;

	if (!ask_dpkg(path, &is_owned, package, err))
		return false;
	if (!is_owned && other_spelling(path, other) &&
		!ask_dpkg(other, &is_owned, package, err))
		return false;
	if (!is_owned)
		return true;
	return err_set(err, ERR_CONFIG,
		"%s belongs to the package \"%s\", whose next upgrade would "
		"undo the link; start the sync through a path of its own, or "
		"type: dpkg-divert --local --rename --add %.100s",
		path, package, path);
}

bool link_check_writable(const struct link_spec *link, struct err *err)
{
	char dir[PATH_MAX], real[PATH_MAX], path[PATH_MAX];
	const char *base = strrchr(link->path, '/');

	if (!links_check_spec(link, err) ||
		!files_path(
			dir, err, "%.*s", (int)(base - link->path), link->path))
		return false;
	/* a lane's directory in the root is made when it is needed: what
	 * counts then is the nearest one that is there */
	while (!realpath(dir[0] ? dir : "/", real)) {
		char *slash = strrchr(dir, '/');

		if (errno != ENOENT || !slash ||
			strncmp(dir, link->root, strlen(link->root)) != 0)
			return err_sys(err, ERR_CONFIG, errno,
				"looking at the directory of %s", link->path);
		*slash = '\0';
	}
	if (faccessat(AT_FDCWD, real, W_OK | X_OK, AT_EACCESS) < 0)
		return err_sys(err, ERR_CONFIG, errno,
			"%s cannot be turned: its directory %s is not "
			"writable for uid %u; run syncup as its owner, or "
			"type: chown %u %s",
			link->path, real, (unsigned)geteuid(),
			(unsigned)geteuid(), real);
	return files_path(path, err, "%s%s", strcmp(real, "/") ? real : "",
		       base) &&
	       check_package(path, err);
}
