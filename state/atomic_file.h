/*
 * atomic_file.h - files that are there whole or not at all.
 *
 * Replace: temporary file beside the target (O_EXCL, final mode set on the
 * descriptor), full write loop, fsync, checked close, rename, fsync of the
 * directory.  A failed fsync or close is ERR_STORAGE and is never retried.
 */
#ifndef STATE_ATOMIC_FILE_H
#define STATE_ATOMIC_FILE_H

#include <stddef.h>
#include <sys/types.h>

#include "state/err.h"

/* Replaces or creates path with len bytes of data. */
bool atomic_file_write(const char *path, const void *data, size_t len,
	mode_t mode, struct err *err) WARN_UNUSED;
/* The same, but only if path does not exist: ERR_HELD if it does. */
bool atomic_file_create(const char *path, const void *data, size_t len,
	mode_t mode, struct err *err) WARN_UNUSED;
/* Whole file as a NUL-terminated string that the caller frees.  ERR_MISSING if
 * it is not there; ERR_CONFIG if it is longer than max bytes. */
bool atomic_file_read(const char *path, size_t max, char **ret_data,
	size_t *ret_len, struct err *err) WARN_UNUSED;
/* Makes a symlink at path with this text, replacing what was there by rename;
 * durable on return. */
bool atomic_symlink(
	const char *text, const char *path, struct err *err) WARN_UNUSED;
/* fsync of the directory that holds path. */
bool atomic_sync_parent(const char *path, struct err *err) WARN_UNUSED;
/* unlink, durable on return; a missing file is success. */
bool atomic_remove(const char *path, struct err *err) WARN_UNUSED;
/* mkdir -p with this mode for what is made; durable on return, also what one
 * who was killed had made before. */
bool atomic_mkdir(const char *path, mode_t mode, struct err *err) WARN_UNUSED;
/* Writes all of buf, over short writes and EINTR. */
bool atomic_write_all(
	int fd, const void *buf, size_t len, struct err *err) WARN_UNUSED;

#endif
