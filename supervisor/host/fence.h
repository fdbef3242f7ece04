/*
 * fence.h - what an older connection of the same owner left on this host.
 *
 * What was sent over a connection that broke may arrive minutes later.  So each
 * owner has a file on the host, .syncup-host-<uid>-<hash of owner>, locked by
 * who changes it, that names the newest connection, the server process that it
 * came through, and the syncup-hosts that it has.  Who says hello for a newer
 * connection ends all of those and waits until they are gone; who says it late,
 * for an older one, is refused.
 *
 * {"boot_id","connection","since_ticks","processes":[{"pid",
 * "start_ticks","server"}]}
 */
#ifndef SUPERVISOR_HOST_FENCE_H
#define SUPERVISOR_HOST_FENCE_H

#include <stdbool.h>
#include <sys/types.h>

#include "state/err.h"

/* ERR_AGAIN: an older connection's processes do not end, or a newer one is
 * there. */
bool fence_enter(
	const char *owner, const char *connection, struct err *err) WARN_UNUSED;
/* Nothing of ours is left; the last one removes the file. */
void fence_leave(void);

/* The sshd that our input comes through, 0 if there is none; for tests. */
pid_t fence_server(pid_t pid);

#endif
