/*
 * child.h - children of ours on the event loop.
 *
 * A child is finished only when its pipe is closed and it is reaped, in
 * either order; if something that it started keeps the pipe open, a moment
 * after it was reaped.  It has a session of its own and dies with us
 * (PR_SET_PDEATHSIG): what it was doing is observed again after a restart.  It
 * inherits no descriptor but its own, so that it never holds our lock.
 * Processes that must outlive us are not children: process/spawn starts those.
 */
#ifndef SUPERVISOR_ENGINE_CHILD_H
#define SUPERVISOR_ENGINE_CHILD_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

#include "state/err.h"

#define CHILD_OUTPUT_MAX (256u << 10) /* bytes kept: the last it printed */
#define CHILD_LINGER_MS 2000 /* for its pipe to close once it is reaped */

struct child;

struct child_end {
	int status; /* as waitpid(2) gives it */
	bool timed_out; /* we killed it */
	const char *output; /* stdout and stderr, NUL-terminated, borrowed */
	size_t len;
};

typedef void child_fn(void *arg, const struct child_end *end);

/*
 * Runs argv[0] (found by PATH if it has no slash), stdin /dev/null.  A failing
 * exec is reported here, not as exit 127.  env NULL: ours.  done is called
 * once, never before this returns.  timeout_ms 0: none.
 */
bool child_run(struct event_base *base, char *const argv[], char *const env[],
	int64_t timeout_ms, child_fn *done, void *arg, struct child **ret_child,
	struct err *err) WARN_UNUSED;

/*
 * The same with its stdout and stderr going to output (borrowed), and none
 * kept: for a command that leaves a process behind.  A pipe of ours would kill
 * that one by SIGPIPE when it writes after our end.
 */
bool child_run_to(struct event_base *base, char *const argv[],
	char *const env[], int output, int64_t timeout_ms, child_fn *done,
	void *arg, struct child **ret_child, struct err *err) WARN_UNUSED;

/* The same as child_run() with input (borrowed) as its stdin, and who is killed
 * is killed with all that it started and that did not leave its group. */
bool child_run_from(struct event_base *base, char *const argv[], int input,
	int64_t timeout_ms, child_fn *done, void *arg, struct child **ret_child,
	struct err *err) WARN_UNUSED;

/*
 * Runs work() in a forked copy of us without exec: for hashing and unpacking.
 * It returns the exit status and prints to fd what done gets as output (one
 * JSON object by convention); it must not use the event loop.
 */
typedef int child_work_fn(void *arg, int fd);
bool child_work(struct event_base *base, child_work_fn *work, void *work_arg,
	int64_t timeout_ms, child_fn *done, void *arg, struct child **ret_child,
	struct err *err) WARN_UNUSED;

/* Kills and forgets it; done is not called.  NULL is fine, and so is a child
 * whose done is being called. */
void child_kill(struct child *child);

#endif
