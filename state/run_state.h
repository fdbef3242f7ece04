/*
 * run_state.h - what a journal says, folded into one structure.
 *
 * run_state_apply() is fed every record in order; the engine and every view
 * read the result and nothing else.  It knows lanes, stages and steps, but not
 * what a kind of step means.
 *
 * Records (members beyond seq, batch, kind, at, up).  On disk: never rename.
 *   run      run, format, needs, boot, host, pid, syncup, state_dir, plan
 *   resumed  boot, pid, syncup: a supervisor took the run up again
 *   intent   lane, stage, step, target, saw: before the effect begins
 *   done     lane, stage, step, target, how, ms, saw, detail
 *   failed   lane, stage, step, target, why: an act was proved to have failed
 *   reopen   lane, stage, step, target, why: a done step holds no longer
 *   turn     lane, why, course, outcome, log: now the lane takes this course
 *   halt     lane, code, why, step, target, decide, log: it waits for "run",
 *            or for the answer to "decide".  log: what the process that failed
 *            said last itself, an array of lines, if it did
 *   answer   step, target, answer
 *   request  what, restore: an operator asked for rollback or abort;
 *            "forward": that was refused, go on
 *   lane-end lane, outcome, why
 *   stopped  why
 *   end      outcome, exit
 *   clock    lane, ...: it stands still, see run_clock.h
 *   note     lane, stage, step, target, text, since: never decides anything;
 *            without a target it is about the lane
 *
 * A plan has "lanes": [{"name", "stages": [course...]}], a course is an array
 * of {"kind", "patience_s", "quiet_s", "targets": [names], ...the kind's own
 * members}.
 */
#ifndef STATE_RUN_STATE_H
#define STATE_RUN_STATE_H

#include <jansson.h>
#include <stdint.h>

#include "state/err.h"
#include "state/record.h"
#include "state/run_clock.h"

enum run_how {
	RUN_HOW_NONE = 0,
	RUN_HOW_ACTED, /* we did it */
	RUN_HOW_FOUND, /* it was so already */
	RUN_HOW_RECOVERED, /* we may have done it, and it is so */
};

enum run_status {
	RUN_PENDING = 0,
	RUN_INTENT, /* an effect may be under way */
	RUN_DONE,
};

struct run_step {
	const char *target; /* borrowed from the plan */
	enum run_status status;
	enum run_how how; /* of the last done; found never hides acted */
	bool recheck; /* done, but an earlier step was opened again */
	unsigned intents; /* in all */
	unsigned failures; /* since it was last done or answered */
	unsigned reopened;
	uint64_t intent_seq; /* of the last one */
	uint64_t failed_seq; /* the intent that the last failure was of */
	char intent_boot[37];
	int64_t first_intent_at, intent_at, done_at; /* wall clock, ms; 0 */
	int64_t intent_up; /* CLOCK_BOOTTIME, ms */
	json_t *saw; /* of the last intent or done; owned */
	char *why; /* last failure, or NULL */
	char *note; /* what it waits for, for people; or NULL */
	int64_t note_at; /* since when, wall clock ms */
};

struct run_stage {
	const char *kind;
	const json_t *json; /* the whole stage as planned */
	struct run_step *step;
	unsigned step_count;
	int64_t patience_s, quiet_s;
};

struct run_course {
	struct run_stage *stage;
	unsigned stage_count;
};

enum run_outcome {
	RUN_UNFINISHED = 0,
	RUN_REACHED, /* "reached": the goal */
	RUN_TURNED_BACK, /* "turned-back" */
	RUN_ABORTED, /* "aborted" */
};

struct run_lane {
	const char *name;
	const json_t *json;
	struct run_course forward, back;
	json_t *back_json; /* owned: what the turn record froze */
	bool turned;
	enum run_outcome turn_outcome; /* what its end will be called */
	char *turn_why;
	json_t *turn_log, *halt_log; /* owned; arrays of lines, or NULL */
	enum run_outcome outcome;
	int halt_code; /* exit code since the last resume, 0 = none */
	char *halt_why, *halt_decide;
	int64_t end_at;
	struct run_clock clock;
};

enum run_request {
	RUN_REQUEST_NONE = 0,
	RUN_REQUEST_ROLLBACK,
	RUN_REQUEST_ABORT,
};

struct run_answer { /* an operator's answer to an exit 7 */
	char *step, *target, *answer; /* "again", "done" or "stop" */
	bool used; /* an intent or done of that step came later */
};

struct run_state {
	char run[RUN_ID_MAX + 1];
	char boot[37]; /* of the supervisor that wrote last */
	char syncup[32];
	json_t *head; /* record 0, owned; holds the plan */
	const json_t *plan;
	struct run_lane *lane;
	unsigned lane_count;
	struct run_answer *answer;
	unsigned answer_count;
	enum run_request request;
	bool request_restore;
	enum run_outcome outcome;
	int exit_code; /* of the end record */
	unsigned resumed; /* how many times it was taken up again */
	int64_t started_at, last_at, ended_at;
	uint64_t records;
	int pid; /* of the supervisor that wrote last */
};

void run_state_done(struct run_state *state);
/* A journal_fn: arg is a struct run_state. */
bool run_state_apply(void *arg, const struct record *record, struct err *err);

/* Builds the lanes of a plan that is in no journal, to show it. */
bool run_state_of_plan(struct run_state *state, const json_t *plan,
	struct err *err) WARN_UNUSED;

struct run_lane *run_state_lane(
	const struct run_state *state, const char *name);
/* The one that it is on. */
struct run_course *run_lane_course(struct run_lane *lane);
const struct run_stage *run_course_stage(const struct run_course *course,
	const char *kind); /* the first of that kind, or NULL */
struct run_step *run_stage_step(
	const struct run_stage *stage, const char *target);
/* Step of a kind on a target in a course, or NULL. */
const struct run_step *run_course_step(
	const struct run_course *course, const char *kind, const char *target);
/* True if any step of that kind has an intent, done or not. */
bool run_course_began(const struct run_course *course, const char *kind);
/* ... or was found done: by whoever. */
bool run_course_reached(const struct run_course *course, const char *kind);
/* The step since which this target is down: "down" was begun, on either way,
 * and "up" was not done after it.  NULL: it is not. */
const struct run_step *run_lane_down(const struct run_lane *lane,
	const char *down, const char *up, const char *target);
/* Did this step's effect (perhaps) come from us? */
bool run_step_ours(const struct run_step *step);
const char *run_how_name(enum run_how how);
const char *run_outcome_name(enum run_outcome outcome);
/* An unused answer for this step, or NULL. */
const struct run_answer *run_state_answer(
	const struct run_state *state, const char *step, const char *target);

#endif
