/*
 * capture.h - run a program that we do not trust to end, and keep what it
 * says; private to install/.  Blocks.
 */
#ifndef SUPERVISOR_INSTALL_CAPTURE_H
#define SUPERVISOR_INSTALL_CAPTURE_H

#include "state/err.h"

#define CAPTURE_MAX                                                            \
	(64u << 10) /* bytes of each stream; the rest is dropped               \
		     */

struct capture_spec { /* all borrowed */
	const char *const *argv; /* argv[0] is searched in PATH if fd < 0 */
	int fd; /* the executable, or -1 */
	const char *const *env; /* NULL: ours */
	int deadline_ms;
};

struct capture {
	char *out, *diag; /* stdout and stderr, NUL-terminated */
	int status; /* as from waitpid() */
	int exec_errno; /* it could not be started: why, else 0 */
	bool is_late; /* it was killed at the deadline */
};

/* False only if we ourselves could not do our part.  Its whole process group
 * is killed before this returns. */
bool capture_run(const struct capture_spec *spec, struct capture *ret_capture,
	struct err *err) WARN_UNUSED;
void capture_done(struct capture *capture);

#endif
