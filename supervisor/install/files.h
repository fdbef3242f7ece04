/*
 * files.h - how install/ changes files and trees; private to install/.
 *
 * Every call that changes the world passes a crash point before and after.
 */
#ifndef SUPERVISOR_INSTALL_FILES_H
#define SUPERVISOR_INSTALL_FILES_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

#include "state/err.h"

#define FILES_PARTIAL ".partial-"
#define FILES_DAY_S (24 * 60 * 60)

/* Full or broken disk: ERR_STORAGE; no permission: ERR_CONFIG; else ERR_STEP.
 */
enum err_code files_code(int sys_errno);
/* For what somebody has named to us: ERR_CONFIG, unless it is the disk. */
enum err_code files_named_code(int sys_errno);

/* One path component that needs no quoting anywhere and does not hide. */
bool files_name_is_plain(const char *name);
bool files_path(char ret_path[PATH_MAX], struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4))) WARN_UNUSED;

/* As the system calls: -1 and errno. */
int files_rename(int from_dir, const char *from, int to_dir, const char *to,
	unsigned flags);
int files_link(
	int from_dir, const char *from, int to_dir, const char *to, int flags);
int files_symlink(const char *text, int dir, const char *path);
int files_mkdir(int dir, const char *path);
int files_unlink(int dir, const char *path, int flags);

bool files_sync_dir(int dir, const char *path, struct err *err) WARN_UNUSED;
/* mkdir -p and mode 0755 for what is made, whatever the umask says. */
bool files_mkdir_all(const char *path, struct err *err) WARN_UNUSED;
/* Every directory of the tree gets mode 0755 and is synced. */
bool files_sync_tree(int dir, const char *path, struct err *err) WARN_UNUSED;
/* A missing tree is success; the directory that held it is not synced. */
bool files_remove_tree(int dir, const char *path, struct err *err) WARN_UNUSED;
/* A hard link if possible, else a copy; synced, its directory is not. */
bool files_link_or_copy(const char *from, int to_dir, const char *to,
	struct err *err) WARN_UNUSED;
/* Same inode, or same contents. */
bool files_are_same(const char *a, const char *b, bool *ret_same,
	struct err *err) WARN_UNUSED;
bool files_sha256_fd(int fd, const char *shown, char ret_hex[65],
	struct err *err) WARN_UNUSED;

/* <root>/versions, made if it is not there. */
bool files_open_versions(
	const char *root, int *ret_fd, struct err *err) WARN_UNUSED;
/*
 * A new directory .partial-<version>-<random>.  It is locked through *ret_fd,
 * so that nobody takes it for the rest of a killed run while we work in it.
 */
bool files_partial_make(int versions, const char *version,
	char ret_name[NAME_MAX + 1], int *ret_fd, struct err *err) WARN_UNUSED;
/* Removes the unlocked directories whose name begins with prefix, and that are
 * older than age_s. */
bool files_clean(int versions, const char *prefix, long age_s,
	struct err *err) WARN_UNUSED;
/* Removes the temporary entries of atomic_file (".<name>.tmp-<8 digits>") that
 * are older than age_s: nobody works on one so long. */
bool files_clean_temporary(int dir, long age_s, struct err *err) WARN_UNUSED;
/* .partial-<version>-*, of whatever age. */
bool files_partial_clean(
	int versions, const char *version, struct err *err) WARN_UNUSED;

#endif
