/*
 * unit_look.h - which process is the one of a systemd unit, as seen from the
 * host that it runs on.
 *
 * systemd says which processes a unit has; which of them is the sync, what it
 * executes and who listens, only /proc of that host tells.  So this is asked of
 * the host, in JSON, and needs no bus.
 */
#ifndef SUPERVISOR_PROCESS_UNIT_LOOK_H
#define SUPERVISOR_PROCESS_UNIT_LOOK_H

#include <jansson.h>

#include "state/err.h"
#include "supervisor/process/process.h"

/* ask: {"port", "config", "pids": of the unit's cgroup, "main": MainPID or 0,
 * "ended": whether systemd says that it has ended, "exited_us": when by that
 * host's CLOCK_MONOTONIC, or 0}. */
bool unit_look(const json_t *ask, struct process_seen *ret_seen,
	struct err *err) WARN_UNUSED;

#endif
