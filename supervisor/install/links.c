/*
 * links.c - see links.h.
 */
#include "supervisor/install/links.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "supervisor/install/claim.h"
#include "supervisor/install/files.h"

bool links_check_spec(const struct link_spec *link, struct err *err)
{
	if (link->path[0] != '/' || link->root[0] != '/')
		return err_set(err, ERR_CONFIG,
			"link %s and install root %s must be absolute",
			link->path, link->root);
	if (!files_name_is_plain(link->name))
		return err_set(err, ERR_CONFIG,
			"\"%.40s\" cannot be an executable's name", link->name);
	return true;
}

bool links_text(const struct link_spec *link, const char *entry,
	char ret_text[PATH_MAX], struct err *err)
{
	return files_path(ret_text, err, "%s/versions/%s%s%s", link->root,
		entry, link->is_binary ? "/bin/" : "",
		link->is_binary ? link->name : "");
}

static bool note_path(
	const struct link_spec *link, char ret_path[PATH_MAX], struct err *err)
{
	unsigned char sum[EVP_MAX_MD_SIZE];

	if (EVP_Digest(link->path, strlen(link->path), sum, NULL, EVP_sha256(),
		    NULL) != 1)
		return err_set(err, ERR_BUG, "hashing %s", link->path);
	return files_path(ret_path, err,
		"%s/.syncup/links/%02x%02x%02x%02x%02x%02x%02x%02x", link->root,
		sum[0], sum[1], sum[2], sum[3], sum[4], sum[5], sum[6], sum[7]);
}

static bool says(const char *path, const char *text)
{
	char now[PATH_MAX];
	ssize_t len = readlink(path, now, sizeof(now));

	return len > 0 && (size_t)len == strlen(text) &&
	       memcmp(now, text, (size_t)len) == 0;
}

/* Synced even if it was so already: that may be the work of one who was killed
 * between the rename and the sync. */
static bool make_symlink(const char *text, const char *path, struct err *err)
{
	if (says(path, text))
		return atomic_sync_parent(path, err);
	return atomic_symlink(text, path, err);
}

static bool note(const struct link_spec *link, struct err *err)
{
	char path[PATH_MAX], dir[PATH_MAX];

	return files_path(dir, err, "%s/.syncup/links", link->root) &&
	       files_mkdir_all(dir, err) && note_path(link, path, err) &&
	       make_symlink(link->path, path, err);
}

bool links_turn(
	const struct link_spec *link, const char *entry, struct err *err)
{
	char text[PATH_MAX], dir[PATH_MAX];
	size_t root_len = strlen(link->root);

	if (!links_text(link, entry, text, err) ||
		!files_path(dir, err, "%s", link->path) || !note(link, err))
		return false;
	*strrchr(dir, '/') = '\0';
	/* a lane's directory in the root is ours to make; others are not */
	if (strncmp(dir, link->root, root_len) == 0 && dir[root_len] == '/' &&
		!files_mkdir_all(dir, err))
		return false;
	return make_symlink(text, link->path, err);
}

bool links_forget(const struct link_spec *link, struct err *err)
{
	char path[PATH_MAX];

	return note_path(link, path, err) && atomic_remove(path, err);
}

/* A link may spell the root in another way: compare where both end, too. */
static bool leads_to(const char *path, const char *version_dir, bool *ret_lead,
	struct err *err)
{
	char text[PATH_MAX], real_link[PATH_MAX], real_version[PATH_MAX];
	size_t text_len = strlen(version_dir), real_len;
	ssize_t len = readlink(path, text, sizeof(text) - 1);

	if (len < 0 && (errno == ENOENT || errno == EINVAL || errno == ENOTDIR))
		return true; /* it is gone, or no link any more */
	if (len < 0)
		return err_sys(
			err, files_code(errno), errno, "reading %s", path);
	text[len] = '\0';
	if (strncmp(text, version_dir, text_len) == 0 &&
		(text[text_len] == '/' || text[text_len] == '\0'))
		*ret_lead = true;
	if (!realpath(path, real_link) || !realpath(version_dir, real_version))
		return true;
	real_len = strlen(real_version);
	if (strncmp(real_link, real_version, real_len) == 0 &&
		(real_link[real_len] == '/' || real_link[real_len] == '\0'))
		*ret_lead = true;
	return true;
}

static bool noted_leads_to(const char *note, const char *version_dir,
	bool *ret_lead, struct err *err)
{
	char path[PATH_MAX];
	ssize_t len = readlink(note, path, sizeof(path) - 1);

	if (len <= 0)
		return len == 0 || errno == ENOENT || errno == EINVAL ||
		       err_sys(err, files_code(errno), errno, "reading %s",
			       note);
	path[len] = '\0';
	return leads_to(path, version_dir, ret_lead, err);
}

typedef bool visit_fn(const char *path, const char *version_dir, bool *ret_lead,
	struct err *err);

/* Visits what is in dir until a link was found; a missing dir has nothing. */
static bool visit_dir(const char *dir, visit_fn *visit, const char *version_dir,
	bool *ret_lead, struct err *err)
{
	char path[PATH_MAX];
	const struct dirent *entry;
	DIR *list = opendir(dir);
	bool ok = true;

	if (!list)
		return errno == ENOENT || errno == ENOTDIR ||
		       err_sys(err, files_code(errno), errno, "reading %s",
			       dir);
	while (ok && !*ret_lead && (entry = readdir(list))) {
		if (strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0)
			continue;
		ok = files_path(path, err, "%s/%s", dir, entry->d_name) &&
		     visit(path, version_dir, ret_lead, err);
	}
	(void)closedir(list);
	return ok;
}

/* What stands in the root: a link, or a lane's directory with links in it. */
static bool visit_root_entry(const char *path, const char *version_dir,
	bool *ret_lead, struct err *err)
{
	const char *base = strrchr(path, '/') + 1;
	struct stat st;

	if (strcmp(base, "versions") == 0 || strcmp(base, ".syncup") == 0 ||
		lstat(path, &st) < 0)
		return true;
	if (S_ISDIR(st.st_mode))
		return visit_dir(path, leads_to, version_dir, ret_lead, err);
	return leads_to(path, version_dir, ret_lead, err);
}

bool links_lead_to(
	const char *root, const char *entry, bool *ret_lead, struct err *err)
{
	char version_dir[PATH_MAX], notes[PATH_MAX];

	*ret_lead = false;
	return files_path(version_dir, err, "%s/versions/%s", root, entry) &&
	       files_path(notes, err, "%s/.syncup/links", root) &&
	       visit_dir(notes, noted_leads_to, version_dir, ret_lead, err) &&
	       (*ret_lead || visit_dir(root, visit_root_entry, version_dir,
				     ret_lead, err));
}

/* A claim is made before its link is noted and turned, and goes last. */
static bool is_note_dead(const char *root, int notes, const char *name,
	bool *ret_dead, struct err *err)
{
	char path[PATH_MAX], versions[PATH_MAX];
	ssize_t len = readlinkat(notes, name, path, sizeof(path) - 1);
	struct claim claim;
	struct err why = {0};
	struct stat st;
	bool leads = false;

	*ret_dead = false;
	if (len <= 0 || fstatat(notes, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		st.st_mtime > time(NULL) - FILES_DAY_S)
		return true;
	path[len] = '\0';
	if (!files_path(versions, err, "%s/versions", root) ||
		!leads_to(path, versions, &leads, err))
		return false;
	if (leads || claim_find(root, path, 0, NULL, &claim, &why))
		return true;
	if (why.code != ERR_MISSING) {
		if (err)
			*err = why;
		return false;
	}
	*ret_dead = true;
	return true;
}

bool links_sweep(const char *root, struct err *err)
{
	char dir[PATH_MAX];
	const struct dirent *entry;
	bool ok, is_dead;
	DIR *list;

	if (!files_path(dir, err, "%s/.syncup/links", root))
		return false;
	list = opendir(dir);
	if (!list)
		return errno == ENOENT || err_sys(err, files_code(errno), errno,
						  "reading %s", dir);
	ok = files_clean_temporary(dirfd(list), FILES_DAY_S, err);
	while (ok && (entry = readdir(list))) {
		if (entry->d_name[0] == '.')
			continue;
		ok = is_note_dead(
			root, dirfd(list), entry->d_name, &is_dead, err);
		if (ok && is_dead &&
			files_unlink(dirfd(list), entry->d_name, 0) < 0 &&
			errno != ENOENT)
			ok = err_sys(err, files_code(errno), errno,
				"removing %s/%s", dir, entry->d_name);
	}
	(void)closedir(list);
	return ok;
}
