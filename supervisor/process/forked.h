/*
 * forked.h - between fork and exec.
 *
 * What a copy of us has to do before it is another program: signals as a new
 * program expects them, only the descriptors that are meant for it, and a word
 * back if it failed.  Used for our children and for what must outlive us.
 */
#ifndef SUPERVISOR_PROCESS_FORKED_H
#define SUPERVISOR_PROCESS_FORKED_H

#include <sys/types.h>

#include "state/err.h"

/* What a failed copy writes into the pipe that a successful exec closes. */
struct forked_failure {
	int sys;
	char doing[60]; /* "changing to its directory" */
};

/* fork(2) whose child holds all signals back until forked_signals(): none may
 * reach a handler of ours in the copy. */
pid_t forked_fork(void);
void forked_signals(void);
/* Makes fd[i] descriptor i (-1: /dev/null) and closes all others.  False and
 * errno if it cannot; nothing was closed then. */
bool forked_keep(const int fd[], int count);
/* execve, looking in PATH only for a name without a slash; back on failure.
 * execvp alone would run a binary of another architecture as a script. */
void forked_exec(char *const argv[], char *const env[]);
/* In the copy: a session of its own, so that Ctrl-C on our terminal is for us
 * to interpret, and it dies with its parent. */
void forked_belong(pid_t parent);
/* Starts argv, a child of ours that dies with us, in a session of its own; fd
 * are its standard input, output and error (-1: /dev/null).  env NULL: ours.
 * ERR_STEP, also for an exec that fails. */
bool forked_start(char *const argv[], char *const env[], const int fd[3],
	pid_t *ret_pid, struct err *err) WARN_UNUSED;
/* The same; its standard input and output are the other end of *ret_fd. */
bool forked_pair(char *const argv[], char *const env[], int errors, int *ret_fd,
	pid_t *ret_pid, struct err *err) WARN_UNUSED;
/* Reports errno and ends. */
_Noreturn void forked_fail(int fd, const char *doing);
/* Ours to read: 1 exec succeeded (or it died before), 0 nothing yet, -1 failed.
 */
int forked_outcome(int fd, const char *who, struct err *err);

#endif
