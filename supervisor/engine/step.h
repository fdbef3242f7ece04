/*
 * step.h - the kinds of work an upgrade is made of.
 *
 * The engine runs every step as: observe; if not reached, guard, journal
 * INTENT, act; observe until reached or out of patience; journal DONE.  A kill
 * at any point is therefore answered by observing again, never by guessing.
 */
#ifndef SUPERVISOR_ENGINE_STEP_H
#define SUPERVISOR_ENGINE_STEP_H

#include <event2/event.h>
#include <jansson.h>

#include "state/run_state.h"
#include "supervisor/engine/child.h"
#include "supervisor/engine/helper.h"
#include "supervisor/host/host.h"
#include "supervisor/plan/target.h"

enum step_view { /* what an observation, or a guard, may conclude */
	VIEW_REACHED, /* the world is as wanted; a guard: go ahead */
	VIEW_NOT_YET, /* not there; what we began may still be under way */
	VIEW_AGAIN, /* not there, and proved: nothing of ours is under way */
	VIEW_FAILED, /* what we began is proved to have failed; counts */
	VIEW_HOPELESS, /* the same, and a second try would end as this one */
	VIEW_UNDONE, /* an earlier step of the lane no longer holds */
	VIEW_UNKNOWN, /* cannot see: never act, never done */
	VIEW_BLOCKED, /* only a person can get us out of this */
};

enum step_again { /* INTENT is on disk, the outcome unknown: then? */
	AGAIN_SAFE, /* acting twice equals acting once */
	AGAIN_QUIET, /* only look until quiet_s after the INTENT */
	AGAIN_ASK, /* never repeat; stop and ask the operator */
};

/* What every step may use; the same for all of a run. */
struct run_env {
	struct event_base *base;
	struct http *http;
	struct helpers *helpers;
	struct helpers *clock_helpers; /* of their own: they must hold up no
					  step, nor a step them */
	struct hosts *hosts;
	const struct fleet *fleet;
	const struct targets *targets;
	const struct run_state *state;
	const char *take_over; /* a run whose claims may be taken, or NULL */
};

struct step_kind;

/* One step being worked on.  Steps read it; only saw and memory are theirs. */
struct step_run {
	const struct run_env *env;
	const struct step_kind *kind;
	const struct target *target;
	struct run_lane *lane;
	const struct run_stage *stage;
	const struct run_step *past; /* what the journal knows of it */
	json_t *saw; /* goes into the next INTENT or DONE; see step_see() */
	json_t *memory; /* kept between two looks of this supervisor only */
	/* What is under way, so that it can be ended with the step. */
	struct http_call *call;
	struct child *child;
	struct host_call *asked;
	/* Who goes on with the answer; see steps/ask.h. */
	host_fn *told;
	bool (*then)(struct step_run *run, struct err *err);
	bool (*with_config)(struct step_run *run, struct err *err);
	const struct target *config_of;
	bool (*with_words)(struct step_run *run, struct err *err);
	sync_progress_fn *progressed;
	sync_reply_fn *replied;
	const struct target *about; /* whose API is looked for */
	bool resumes;
	struct sync_progress answer; /* while something is asked about it */
	unsigned questions;
	bool acted; /* its act came back well, in this supervisor's life */
	int64_t acted_ms; /* CLOCK_BOOTTIME of that */
};

/* Starts a look or a move; its end arrives by step_saw() or step_acted(),
 * exactly once, perhaps before this returns.  False: could not start. */
typedef bool step_fn(struct step_run *run, struct err *err);

struct step_kind {
	const char *name; /* written to the journal: never rename */
	const char *doing; /* for people: "%s" is the target's name */
	step_fn *observe, *guard, *act; /* no act: only waited for */
	enum step_again again;
	unsigned tries; /* proved failures that end the step */
	unsigned quiet_s, patience_s; /* defaults; a plan freezes its own */
};

const struct step_kind *step_kind_find(const char *name); /* NULL: unknown */
const struct step_kind *step_kinds(unsigned *ret_count);

/* The end of observe or guard.  The text says what is seen or waited for. */
void step_saw(struct step_run *run, enum step_view view, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* BLOCKED with this error's code (ERR_DECIDE, ERR_HELD, ...). */
void step_blocked(struct step_run *run, const struct err *err);
/* UNKNOWN, FAILED or BLOCKED, as err->code says: AGAIN, STEP, others. */
void step_saw_err(struct step_run *run, const struct err *err);
/* UNKNOWN instead of FAILED: a look that could not begin (no descriptor, no
 * memory for a child) proves nothing about what is looked at. */
void step_cannot_look(struct step_run *run, const struct err *err);
/* The end of act.  NULL: done as far as it can tell.  ERR_STEP: certainly not
 * done.  ERR_AGAIN: unknown.  Others stop the lane. */
void step_acted(struct step_run *run, const struct err *err);
/* Sets one member of saw; value is stolen. */
void step_see(struct step_run *run, const char *key, json_t *value);
/* A stage's own member, "" if it has none. */
const char *step_param(const struct step_run *run, const char *key);
/* What the step's target said itself of late, lines of text, scrubbed; NULL if
 * it has no say.  For people only. */
json_t *step_last_words(const struct step_run *run);
/* Milliseconds since the last INTENT by CLOCK_BOOTTIME, or since this boot
 * if that was another one; -1 without an INTENT. */
int64_t step_intent_age_ms(const struct step_run *run);
int64_t step_age_ms(const struct run_step *past); /* the same of any step */

#endif
