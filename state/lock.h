/*
 * lock.h - one supervisor at a time per state directory.
 *
 * A flock on <dir>/lock, held until the descriptor closes, so that a dead
 * owner is no obstacle.  The file's text says who holds it, for messages only.
 */
#ifndef STATE_LOCK_H
#define STATE_LOCK_H

#include <sys/types.h>

#include "state/err.h"

struct lock_owner { /* what the holder wrote; zeroed where unreadable */
	pid_t pid;
	long long since_ms; /* wall clock */
	char host[65];
	/* Which process had that pid; "" and 0 in the file of an older syncup.
	 */
	char boot[37];
	unsigned long long start_ticks;
};

/* ERR_HELD with the owner named in the message ("held by pid 12 on host since
 * 2026-01-02 03:04:05 UTC") when another process has it.  Who just took it may
 * not have written that yet; then nobody is named, rather than the one before.
 */
bool lock_take(const char *path, int *ret_fd, struct err *err) WARN_UNUSED;
bool lock_read_owner(const char *path, struct lock_owner *ret_owner,
	struct err *err) WARN_UNUSED;
/* Refuses (ERR_CONFIG, naming the file system) a directory on NFS, CIFS, FUSE,
 * tmpfs or another file system whose syncs cannot be trusted; statfs(2). */
bool lock_check_filesystem(const char *dir, struct err *err) WARN_UNUSED;

#endif
