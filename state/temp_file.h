/*
 * temp_file.h - a new entry beside the one that it is to become.
 *
 * Private to state/.  Zero is empty; temp_file_done() closes what is open and
 * removes the temporary name if it is still ours.  Whose a thing is changes in
 * the line of the system call that changes it, so that no error path can leak
 * a descriptor or remove what somebody else has put there since.
 */
#ifndef STATE_TEMP_FILE_H
#define STATE_TEMP_FILE_H

#include <limits.h>
#include <sys/types.h>

#include "state/err.h"

struct temp_file {
	const char *path; /* borrowed: what it is to become */
	int dir, fd;
	bool ours; /* the entry "temp" is */
	char base[NAME_MAX + 1], temp[NAME_MAX + 1];
};

#define TEMP_FILE_NONE                                                         \
	{                                                                      \
		.dir = -1, .fd = -1                                            \
	}

/* Opens the directory of path, splits off its last part and chooses a name
 * that nobody else has.  sys in err is ENOENT if there is no such directory. */
bool temp_file_beside(
	struct temp_file *temp, const char *path, struct err *err) WARN_UNUSED;
/* Instead of the chosen name: base and suffix, for whoever holds a lock.  What
 * an earlier owner left there is removed. */
bool temp_file_fix_name(struct temp_file *temp, const char *suffix,
	struct err *err) WARN_UNUSED;
/* flags: O_WRONLY or O_RDWR, O_APPEND. */
bool temp_file_make(struct temp_file *temp, int flags, mode_t mode,
	struct err *err) WARN_UNUSED;
bool temp_file_make_link(
	struct temp_file *temp, const char *text, struct err *err) WARN_UNUSED;
/* write and fsync; the descriptor stays open. */
bool temp_file_fill(struct temp_file *temp, const void *data, size_t len,
	struct err *err) WARN_UNUSED;
bool temp_file_close(struct temp_file *temp, struct err *err) WARN_UNUSED;
/* Gives it its name, replacing what was there. */
bool temp_file_replace(struct temp_file *temp, struct err *err) WARN_UNUSED;
/* Gives it its name: ERR_HELD if that exists. */
bool temp_file_create(struct temp_file *temp, struct err *err) WARN_UNUSED;
bool temp_file_sync_dir(struct temp_file *temp, struct err *err) WARN_UNUSED;
void temp_file_done(struct temp_file *temp);

#endif
