/*
 * internal.h - what the engine's own files share; nobody else includes it.
 *
 *   engine.c  the run: lanes, batches, requests, signals to stop, the end
 *   lane.c    one lane: its stages, looking again, turning back
 *   work.c    one step: observe, guard, INTENT, act, observe, DONE
 *   clock.c   how long a lane may stand still, and by when it must be over
 *   step.c    what the step's functions say to it
 *   book.c    the journal
 */
#ifndef SUPERVISOR_ENGINE_INTERNAL_H
#define SUPERVISOR_ENGINE_INTERNAL_H

#include "supervisor/engine/book.h"
#include "supervisor/engine/step.h"
#include "supervisor/plan/procedure.h"

enum work_mode {
	WORK_STEP, /* the real thing */
	WORK_RECHECK, /* a step done before: is it still so? */
	WORK_PROOF, /* may the lane go back? journals nothing itself */
	WORK_BESIDE, /* one look for clock.c, beside the steps */
};

enum work_phase {
	WORK_RESTING = 0, /* a timer runs until the next look */
	WORK_OBSERVING,
	WORK_GUARDING,
	WORK_QUEUED, /* may act as soon as its INTENT is synced */
	WORK_ACTING,
	WORK_OVER,
};

struct lane_run;

struct work {
	struct step_run run; /* what the step's functions see; first member */
	struct lane_run *lane;
	enum work_mode mode;
	enum work_phase phase;
	unsigned stage; /* index in the course */
	struct event *wake; /* timer, and the way results come in */
	bool waiting; /* a callback of observe, guard or act is due */
	bool orphan; /* given up; freed when that callback comes */
	bool answered; /* result below is to be handled */
	enum step_view view;
	struct err acted_err;
	bool acted_ok;
	unsigned anew; /* times that it was begun again here */
	char detail[300];
	enum err_code blocked_code;
	int64_t since_ms; /* CLOCK_BOOTTIME: patience is counted from here */
	int64_t failing_ms; /* since when no act could be done; 0: it could */
	int64_t rest_ms; /* the last rest; doubles */
	int64_t note_ms; /* when the last note was written */
	int64_t wait_since; /* wall clock: how long it waits for this text */
	char noted[300];
};

enum lane_phase {
	LANE_WAITING = 0, /* for a place among limits.lanes */
	LANE_RECHECKING,
	LANE_WORKING,
	LANE_PROVING, /* whether it may turn back */
	LANE_TURNING, /* as soon as what cannot be called back has ended */
	LANE_HALTED, /* until the next "run" */
	LANE_ENDED,
};

struct lane_run {
	struct engine *engine;
	struct run_lane *past;
	enum lane_phase phase;
	unsigned stage;
	struct work **work;
	unsigned work_count;
	unsigned undone; /* looks again since a step was last done */
	unsigned orphans; /* works given up whose callback is still due */
	char turn_why[300];
	json_t *words; /* what whoever failed said last, or NULL */
	/* clock.c's; what is under way beside the steps */
	struct work *reading, *proving;
	int64_t read_ms, prove_ms; /* CLOCK_BOOTTIME, when each was begun */
	bool by_clock; /* it wants to turn; the steps would go on */
	bool closed, said_late; /* the way back is; that it is late */
	char closed_why[300], clock_why[300];
};

struct engine {
	struct event_base *base;
	struct run_env env;
	struct book *book;
	struct fleet *fleet;
	struct targets targets;
	const struct procedure *procedure;
	struct lane_run *lane;
	unsigned lane_count;
	struct event *flush; /* INTENTs become due: one batch */
	struct event *request; /* looks for what rollback and abort leave */
	struct event *drain;
	struct event *tick; /* for clock.c */
	int64_t flush_by_ms; /* no INTENT waits for others longer than this */
	const char *request_path;
	bool stopping;
	bool disk_failed; /* an act was told so: nothing acts any more */
	struct err broken; /* ended the run, and is not the journal's */
	unsigned waiting; /* callbacks due, over all works */
	char stop_why[80];
};

/* engine.c */
void engine_flush_soon(struct engine *engine);
void engine_broken(struct engine *engine);
void engine_lane_over(struct engine *engine);
bool engine_target_busy(const struct engine *engine, const struct work *work);

/* lane.c */
void lane_begin(struct lane_run *lane);
void lane_advance(struct lane_run *lane);
void lane_work_over(struct lane_run *lane, struct work *work);
void lane_undone(struct lane_run *lane, const struct work *work);
void lane_fail(struct lane_run *lane, const struct work *work,
	enum err_code code, const char *why);
void lane_halt(struct lane_run *lane, const struct work *work,
	enum err_code code, const char *why);
void lane_turn(struct lane_run *lane, const char *why);
/* The same for clock.c: where that is refused the lane goes on. */
void lane_turn_by_clock(struct lane_run *lane, const char *why);
void lane_drop_work(struct lane_run *lane);
/* The last thing that could not be called back has ended. */
void lane_is_loose(struct lane_run *lane);
/* All works of the lane that may still come to an INTENT have come to it. */
bool lane_is_gathered(const struct lane_run *lane);

/* clock.c */
void clock_look(struct lane_run *lane); /* each second, and when it pauses */
void clock_told(struct lane_run *lane, struct work *work);
void clock_refused(struct lane_run *lane, const char *why);
void clock_end(struct lane_run *lane); /* unless it is left standing */
void clock_drop(struct lane_run *lane);

/* work.c */
struct work *work_new(struct lane_run *lane, enum work_mode mode,
	unsigned stage, const struct run_stage *run_stage,
	const struct run_step *past, const struct target *target);
void work_drop(struct work *work); /* now, or when its callback comes */
void work_start(struct work *work);
bool work_intend(struct work *work); /* writes its INTENT */
void work_act(struct work *work); /* after the sync */
void work_wake(struct work *work); /* its answer is there */
/* "before pause": the INTENT is on disk, nothing was done yet; "after pause":
 * its act has begun; "answer pause": the act's end was told. */
void work_crash_point(const char *when, const struct work *work);

#endif
