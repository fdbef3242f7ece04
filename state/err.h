/*
 * err.h - what went wrong, in a form that costs no memory.
 *
 * An err lives on the caller's stack.  Its message says what was being done,
 * to what, and why it failed; what to type next is added by the command line
 * from the code.  Each code is one exit code or one decision of the engine.
 */
#ifndef STATE_ERR_H
#define STATE_ERR_H

#include <stdbool.h>

#define WARN_UNUSED __attribute__((warn_unused_result))

enum err_code {
	ERR_NONE = 0,
	ERR_BUG, /* ours, or not classified */
	ERR_USAGE, /* the command line is wrong */
	ERR_CONFIG, /* fleet file, plan or preflight says no */
	ERR_HELD, /* another supervisor holds it */
	ERR_JOURNAL, /* state file unreadable, or from a newer version */
	ERR_STEP, /* a step failed, and trying again may help */
	ERR_DECIDE, /* a person has to decide */
	ERR_STORAGE, /* writing to disk failed: end now, start again */
	ERR_STOPPED, /* stopped by a signal */
	ERR_TURNED, /* went back to where it came from */
	ERR_AGAIN, /* cannot see right now: look again */
	ERR_MISSING, /* the thing asked for is not there */
	ERR_MEMORY, /* there is none left: end now, start again */
};

struct err {
	enum err_code code;
	int sys; /* errno, or 0 */
	char msg[400];
};

/* Both return false, so that a function can end in "return err_set(...)".
 * A NULL err is allowed everywhere.  err_sys() appends strerror(sys). */
bool err_set(struct err *err, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool err_sys(struct err *err, enum err_code code, int sys, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Puts "<what>: " in front of the message; keeps the code. */
bool err_wrap(struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Makes text valid UTF-8, in place: of what is none, each byte becomes '?'.
 * Other people's words and whatever was cut need it before they can be in the
 * journal, which is JSON.  An err's msg is valid always.
 */
void err_mend_text(char *text);

/* The exit code that stands for this error; 1 for what has none. */
int err_exit_code(enum err_code code);

#endif
