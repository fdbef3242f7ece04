/*
 * cli.h - the command line: verbs and options as data.
 *
 * The same tables parse, print --help and make the man page and the completions
 * (supervisor/manual).  One file per verb.
 */
#ifndef SUPERVISOR_CLI_CLI_H
#define SUPERVISOR_CLI_CLI_H

#include <stdio.h>

#include "state/err.h"
#include "state/run_state.h"
#include "supervisor/fleet/fleet.h"
#include "supervisor/report/event.h"

#define CLI_OPTIONS_MAX 12

struct cli_option {
	const char *name; /* without the dashes */
	const char *value; /* what --help calls its value; NULL: a switch */
	const char *help;
};

struct cli_args { /* what was typed, by the verb's table */
	const struct cli_verb *verb;
	const char *value[CLI_OPTIONS_MAX]; /* "" for a switch; NULL: absent */
	char **word; /* the rest: operands */
	int word_count;
};

struct cli_verb {
	const char *name;
	const char *operands; /* for --help: "FLEET" */
	int least, most; /* number of operands */
	const char *help;
	const struct cli_option *options; /* ends with a NULL name */
	int (*run)(const struct cli_args *args);
};

struct cli_exit {
	int code;
	const char *brief; /* for --help; NULL ends the table */
	const char *meaning; /* a sentence */
	const char *next; /* what to do, a sentence; or NULL */
};

/* What values and operands are called in --help, and what is meant. */
struct cli_word {
	const char *name; /* NULL ends the table */
	const char *help;
};

extern const struct cli_exit cli_exits[];
extern const struct cli_word cli_words[];
const struct cli_word *cli_word_find(const char *name); /* or NULL */

int cli_main(int argc, char **argv);
extern const struct cli_verb cli_verbs[]; /* ends with a NULL name */
const struct cli_verb *cli_verb_find(const char *name);
/* NULL if the option was not typed. */
const char *cli_value(const struct cli_args *args, const char *option);
/* --finish-by as wall clock ms, 0 if it was not typed. */
bool cli_finish_by(const struct cli_args *args, int64_t *ret_ms,
	struct err *err) WARN_UNUSED;
void cli_help(const struct cli_verb *verb, FILE *out); /* NULL: all of it */
int cli_usage_error(const struct cli_verb *verb, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints err; returns its exit code.  The other also says what to type. */
int cli_fail(const struct err *err);
int cli_fail_next(const struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The same without an err: an event, and its exit code or -1. */
void cli_tell(enum event_kind kind, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Why a command ends before there is anything in a journal that says it; ""
 * if that is not so. */
void cli_because(const char *why);
const char *cli_cause(void);
/* "Type: ..." on standard error. */
void cli_type(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

int verb_plan(const struct cli_args *args);
int verb_run(const struct cli_args *args);
int verb_status(const struct cli_args *args);
int verb_rollback(const struct cli_args *args);
int verb_abort(const struct cli_args *args);
int verb_failed(const struct cli_args *args);
int verb_journal(const struct cli_args *args);
int verb_version(const struct cli_args *args);
int verb_help(const struct cli_args *args);

/*
 * Where a fleet's state is.  The operand is a fleet file, or, so that a run can
 * always be ended from its journal alone, the state folder itself.
 */
struct cli_place {
	const char *operand;
	struct fleet *fleet; /* NULL when the operand is a folder */
	char *folder, *journal, *request, *lock, *history;
};

bool cli_place_find(const char *operand, struct cli_place *ret_place,
	struct err *err) WARN_UNUSED;
void cli_place_done(struct cli_place *place);
/* 0: the folder is ours, or will be.  Else it told whose it is. */
int cli_place_refuse_other(
	const struct cli_place *place, const struct cli_args *args);
/* Takes the folder's lock; makes the folder first if `make`, otherwise
 * ERR_MISSING if there was no run in it. */
bool cli_place_lock(const struct cli_place *place, bool make, int *ret_fd,
	struct err *err) WARN_UNUSED;
/* Folds the journal; ERR_MISSING if there is none. */
bool cli_place_read(const struct cli_place *place, struct run_state *ret_state,
	struct err *err) WARN_UNUSED;

/* Claims and unsettled metadata copies without a journal mean that a run was
 * lost: ERR_JOURNAL.  Run `but` does not count; NULL: every run does. */
bool cli_place_check_traces(const struct cli_place *place, const char *but,
	struct err *err) WARN_UNUSED;
/* Keeps the supervisor of a run that is given up from working on it, by its own
 * lock; *ret_fd stays -1 if there is nothing to lock, or not on this host.
 * ERR_HELD: it works, or that cannot be told. */
bool cli_place_lock_lost(const struct cli_place *place, const char *root,
	const char *run, int *ret_fd, struct err *err) WARN_UNUSED;
/* cli_fail(), with what to type about a bad journal, or a lost one. */
int cli_fail_journal(const struct cli_place *place, const struct err *err);
int cli_fail_traces(const struct cli_place *place, const struct err *err);

struct cli_answer { /* STEP@TARGET=WORD, in parts */
	char text[400];
	const char *step, *target, *word;
	bool given; /* earlier, in the same words: it is in the journal */
};

/* Refuses what the run did not ask when it stopped, and never did. */
bool cli_answer_parse(const struct run_state *state, const char *text,
	struct cli_answer *ret_answer, struct err *err) WARN_UNUSED;

/* detach.c: `run` in a unit of systemd; returns when it has begun or failed. */
int cli_detach(const struct cli_args *args);

struct notify;
struct event_base;
/* notify.c: NULL if the fleet names no command.  state may be NULL. */
struct notify *cli_notify_new(const struct cli_place *place,
	const struct run_state *state, struct event_base *base);
/* What an earlier supervisor did not come to tell; returns when it is told. */
void cli_notify_missed(
	const struct cli_place *place, const struct run_state *state);
void cli_notify_refused(const struct cli_place *place,
	const struct run_state *state, int code, const char *why);
/* Also what was missed.  once: no two failures have it in common. */
void cli_notify_failed(const struct cli_place *place,
	const struct run_state *state, const char *once, const char *why,
	const char *next);

/* disk.c: the run was ended by the disk; it is tried again; and whether that is
 * too early for what comes each minute. */
void cli_disk_failed(const struct cli_place *place);
void cli_disk_tried(const struct cli_place *place);
bool cli_disk_waits(const struct cli_place *place, const char *install_root);

/* session.c: carries a run on and shows it; the exit code. */
struct cli_session {
	const struct cli_place *place;
	const json_t *plan; /* NULL: continue the journal */
	const char *take_over; /* or NULL */
	const struct cli_answer *answer; /* or NULL */
	enum run_request request;
	bool restore;
	bool json; /* records to standard output */
};

int cli_session(const struct cli_session *session);
/* Removes what a run that has ended left in its install root; an error only if
 * the disk fails. */
bool cli_tidy(const struct run_state *state, struct err *err) WARN_UNUSED;

#endif
