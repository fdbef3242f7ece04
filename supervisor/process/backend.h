/*
 * backend.h - what the makers of process_ops share.
 */
#ifndef SUPERVISOR_PROCESS_BACKEND_H
#define SUPERVISOR_PROCESS_BACKEND_H

#include "supervisor/process/process.h"

extern const struct process_ops process_spawn;
extern const struct process_ops process_command;
extern const struct process_ops process_systemd;

struct proc_matches { /* who on this host runs with one --config */
	unsigned count;
	pid_t pid, other; /* the first two */
	pid_t unsure; /* it might, but we may not look; 0: none */
};

enum proc_match {
	PROC_DIFFERS,
	PROC_SAME,
	PROC_UNSURE, /* a relative path below a directory we may not see */
};

/* proc_config.c.  An interpreter or wrapper (sudo, strace) that has --config
 * FILE among its own arguments looks the same as the process. */
enum proc_match proc_match_config(pid_t pid, const char *config);
bool proc_find_config(const char *config, struct proc_matches *ret_matches,
	struct err *err) WARN_UNUSED;

/* True if this very process is alive; then *ret_seen is RUNNING, or UNKNOWN if
 * it is about to end. */
bool process_see(pid_t pid, struct process_seen *ret_seen);
/* Gives it to done, with what every maker says of its host. */
void process_tell(struct process_seen *seen, process_seen_fn *done, void *arg);
/* Never reaches another process that has got the pid since; one that is gone
 * is success. */
bool process_signal(const struct process_seen *who, int number,
	struct err *err) WARN_UNUSED;
/* True if exe is the program that we are ourselves. */
bool process_is_ours(const struct process_seen *seen);

#endif
