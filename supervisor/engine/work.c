/*
 * work.c - one step: observe, guard, INTENT, act, observe, DONE.
 *
 * The step's functions answer by step_saw() and step_acted(), see step.c; they
 * only wake the work, so that nothing recurses.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "state/sys.h"
#include "supervisor/engine/internal.h"
#include "supervisor/memory.h"
#include "sync_client/sync_text.h"

enum {
	REST_FIRST_MS = 50,
	REST_MOST_MS = 2000,
	REST_FAILED_MS = 500,
	NOTE_AFTER_MS = 1000, /* a wait shorter than this is not worth a note */
	NOTE_EVERY_MS = 5000,
	REOPENED_MOST = 3,
	AGAIN_MOST = 10, /* times that one step is done anew */
};

void work_crash_point(const char *when, const struct work *work)
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%s %s", when, work->run.kind->name);
	sys_crash_point(name);
}

static void wake_in(struct work *work, int64_t ms)
{
	struct timeval tv = {
		.tv_sec = ms / 1000,
		.tv_usec = (ms % 1000) * 1000,
	};

	(void)event_add(work->wake, &tv);
}

void work_wake(struct work *work)
{
	(void)event_del(work->wake);
	event_active(work->wake, EV_TIMEOUT, 0);
}

static void rest_for(struct work *work, int64_t ms)
{
	work->phase = WORK_RESTING;
	work->rest_ms = ms;
	wake_in(work, ms);
}

static void rest(struct work *work)
{
	int64_t ms = work->rest_ms ? work->rest_ms * 2 : REST_FIRST_MS;

	rest_for(work, ms < REST_MOST_MS ? ms : REST_MOST_MS);
}

static void free_work(struct work *work)
{
	if (work->wake)
		event_free(work->wake);
	json_decref(work->run.saw);
	json_decref(work->run.memory);
	free(work);
}

/* True if the journal took it; otherwise the run is over. */
static bool wrote(struct work *work, const char *kind, json_t *body)
{
	struct engine *engine = work->lane->engine;

	(void)json_object_set_new(
		body, "lane", json_string(work->lane->past->name));
	(void)json_object_set_new(
		body, "stage", json_integer((json_int_t)work->stage));
	(void)json_object_set_new(
		body, "step", json_string(work->run.kind->name));
	(void)json_object_set_new(
		body, "target", json_string(work->run.target->name));
	if (book_write(engine->book, kind, body, NULL))
		return true;
	engine_broken(engine);
	return false;
}

static void note(struct work *work)
{
	int64_t now = sys_boottime_ms();
	bool same = strcmp(work->noted, work->detail) == 0;

	if (work->mode == WORK_PROOF || !work->detail[0] || same)
		return;
	if (now - work->since_ms < NOTE_AFTER_MS ||
		(work->note_ms && now - work->note_ms < NOTE_EVERY_MS))
		return;
	work->note_ms = now;
	(void)snprintf(work->noted, sizeof(work->noted), "%s", work->detail);
	(void)wrote(work, "note",
		json_pack("{s:o, s:I}", "text", book_text(work->detail),
			"since", (json_int_t)work->wait_since));
}

static bool out_of_patience(const struct work *work)
{
	return sys_boottime_ms() - work->since_ms >
	       work->run.stage->patience_s * 1000;
}

static void give_up(struct work *work, const char *what, const char *reason)
{
	char why[400];

	(void)snprintf(why, sizeof(why), "%s after %lld s: %s", what,
		(long long)work->run.stage->patience_s, reason);
	if (work->mode == WORK_STEP)
		lane_fail(work->lane, work, ERR_STEP, why);
	else
		lane_halt(work->lane, work, ERR_STEP, why);
}

/* Waits a little and looks again, unless patience is at an end. */
static void wait_more(struct work *work)
{
	if (out_of_patience(work)) {
		give_up(work, "not there",
			work->detail[0] ? work->detail : "no reason was seen");
		return;
	}
	note(work);
	rest(work);
}

static void look(struct work *work)
{
	struct err err = {0};

	/* To look may mean to sync what is found done. */
	if (work->lane->engine->disk_failed) {
		rest(work);
		return;
	}
	work->phase = WORK_OBSERVING;
	work->waiting = true;
	work->lane->engine->waiting++;
	if (!work->run.kind->observe(&work->run, &err))
		step_cannot_look(&work->run, &err);
}

static void queue(struct work *work)
{
	work->phase = WORK_QUEUED;
	engine_flush_soon(work->lane->engine);
}

/* Each act begins patience anew; to act anew must have its end, too. */
static bool fails_for_long(const struct work *work)
{
	const struct run_stage *stage = work->run.stage;

	return work->failing_ms &&
	       sys_boottime_ms() - work->failing_ms >
		       (stage->patience_s + stage->quiet_s) * 1000;
}

static void try_to_act(struct work *work)
{
	struct engine *engine = work->lane->engine;
	struct err err = {0};

	if (!work->run.kind->act) {
		wait_more(work);
		return;
	}
	if (fails_for_long(work)) {
		give_up(work, "still impossible", work->acted_err.msg);
		return;
	}
	if (engine->stopping || engine_target_busy(engine, work)) {
		rest(work);
		return;
	}
	if (!work->run.kind->guard) {
		queue(work);
		return;
	}
	work->phase = WORK_GUARDING;
	work->waiting = true;
	engine->waiting++;
	if (!work->run.kind->guard(&work->run, &err))
		step_cannot_look(&work->run, &err);
}

static enum run_how how_it_came(const struct work *work, bool answered)
{
	const struct run_step *past = work->run.past;

	if (past->status != RUN_INTENT)
		return answered ? RUN_HOW_RECOVERED : RUN_HOW_FOUND;
	if (work->run.acted)
		return RUN_HOW_ACTED;
	/* Every act of ours is proved to have failed: somebody else did it. */
	if (!answered && past->failures >= past->intents)
		return RUN_HOW_FOUND;
	return RUN_HOW_RECOVERED;
}

static void finish(struct work *work, bool answered)
{
	const struct run_step *past = work->run.past;
	enum run_how how = how_it_came(work, answered);
	json_t *body;

	body = json_pack("{s:s, s:I, s:o}", "how", run_how_name(how), "ms",
		(json_int_t)(past->status == RUN_INTENT
				     ? sys_wall_ms() - past->intent_at
				     : 0),
		"detail", book_text(work->detail));
	if (work->run.saw)
		(void)json_object_set(body, "saw", work->run.saw);
	if (!wrote(work, "done", body))
		return;
	work->phase = WORK_OVER;
	lane_work_over(work->lane, work);
}

/* A proved failure: journalled once for each intent, then tried again. */
static void count_failure(struct work *work)
{
	const struct run_step *past = work->run.past;

	if (past->intents && past->failures &&
		past->failed_seq == past->intent_seq) {
		try_to_act(work);
		return;
	}
	if (!wrote(work, "failed",
		    json_pack("{s:o}", "why", book_text(work->detail))))
		return;
	if (past->failures >= work->run.kind->tries)
		lane_fail(work->lane, work, ERR_STEP, work->detail);
	else
		rest_for(work, REST_FAILED_MS);
}

static void not_yet(struct work *work)
{
	int64_t age = step_intent_age_ms(&work->run);

	if (work->run.past->status != RUN_INTENT) {
		try_to_act(work);
	} else if (work->run.acted) {
		wait_more(work);
	} else if (work->run.kind->again == AGAIN_SAFE) {
		try_to_act(work);
	} else if (work->run.kind->again == AGAIN_ASK) {
		lane_halt(work->lane, work, ERR_DECIDE,
			"it was begun, and nobody knows how it ended");
	} else if (age >= work->run.stage->quiet_s * 1000) {
		try_to_act(work);
	} else {
		wait_more(work);
	}
}

static const char *answer_to(const struct work *work)
{
	const struct run_answer *answer = run_state_answer(work->run.env->state,
		work->run.kind->name, work->run.target->name);

	return answer ? answer->answer : "";
}

/* An operator's answer to an earlier exit 7 stands for what we would do.
 * "again" is no leave to act blindly, or on what must not be touched. */
static bool obey_answer(struct work *work)
{
	const char *answer = answer_to(work);

	if (work->view == VIEW_REACHED || !answer[0])
		return false;
	if (strcmp(answer, "done") == 0) {
		finish(work, true);
	} else if (strcmp(answer, "again") == 0) {
		if (work->view != VIEW_NOT_YET && work->view != VIEW_AGAIN &&
			work->view != VIEW_FAILED)
			return false;
		try_to_act(work);
	} else if (wrote(work, "failed",
			   json_pack("{s:s}", "why",
				   "the operator answered: stop"))) {
		lane_halt(work->lane, work, ERR_DECIDE,
			"the operator answered: stop");
	}
	return true;
}

/* What ended by itself is no work of another's: the lane may turn. */
static void undone_too_often(struct work *work)
{
	char why[400];

	(void)snprintf(why, sizeof(why), "%s; it was done %u times before",
		work->detail, work->run.past->reopened);
	if (work->view == VIEW_FAILED)
		lane_fail(work->lane, work, ERR_DECIDE, why);
	else
		lane_halt(work->lane, work, ERR_DECIDE,
			"it was done and undone three times; somebody works "
			"against this run");
}

static void reopen(struct work *work)
{
	if (strcmp(answer_to(work), "done") == 0) {
		finish(work, true);
		return;
	}
	if (work->run.past->reopened >= REOPENED_MOST &&
		strcmp(answer_to(work), "again") != 0) {
		undone_too_often(work);
		return;
	}
	if (!wrote(work, "reopen",
		    json_pack("{s:o}", "why", book_text(work->detail))))
		return;
	work->phase = WORK_OVER;
	lane_work_over(work->lane, work);
}

static void observed_again(struct work *work)
{
	switch (work->view) {
	case VIEW_REACHED:
		work->phase = WORK_OVER;
		lane_work_over(work->lane, work);
		return;
	case VIEW_UNKNOWN:
		if (work->mode == WORK_PROOF && work->lane->by_clock)
			lane_halt(work->lane, work, ERR_AGAIN, work->detail);
		else
			wait_more(work);
		return;
	case VIEW_BLOCKED:
		lane_halt(work->lane, work, work->blocked_code, work->detail);
		return;
	case VIEW_NOT_YET:
	case VIEW_AGAIN:
	case VIEW_FAILED:
	case VIEW_HOPELESS:
	case VIEW_UNDONE:
		break;
	}
	if (work->mode == WORK_RECHECK)
		reopen(work);
	else
		lane_halt(work->lane, work, ERR_DECIDE, work->detail);
}

/* What we do is undone each time, or nobody answers for it: no patience ends
 * that, so a number does.  A later run has as many tries again. */
static void do_anew(struct work *work)
{
	if (work->anew++ < AGAIN_MOST)
		try_to_act(work);
	else if (work->acted_err.code == ERR_AGAIN)
		lane_fail(work->lane, work, ERR_STEP, work->acted_err.msg);
	else
		lane_halt(work->lane, work, ERR_DECIDE, work->detail);
}

static void observed(struct work *work)
{
	if (work->mode == WORK_BESIDE) {
		clock_told(work->lane, work);
		return;
	}
	if (work->mode != WORK_STEP) {
		observed_again(work);
		return;
	}
	if (obey_answer(work))
		return;
	switch (work->view) {
	case VIEW_REACHED:
		finish(work, false);
		return;
	case VIEW_NOT_YET:
		not_yet(work);
		return;
	case VIEW_AGAIN:
		do_anew(work);
		return;
	case VIEW_FAILED:
		count_failure(work);
		return;
	case VIEW_HOPELESS:
		lane_fail(work->lane, work, ERR_STEP, work->detail);
		return;
	case VIEW_UNDONE:
		lane_undone(work->lane, work);
		return;
	case VIEW_UNKNOWN:
		wait_more(work);
		return;
	case VIEW_BLOCKED:
		lane_halt(work->lane, work, work->blocked_code, work->detail);
		return;
	}
}

static void guarded(struct work *work)
{
	switch (work->view) {
	case VIEW_REACHED:
		queue(work);
		return;
	case VIEW_NOT_YET:
	case VIEW_AGAIN:
	case VIEW_UNKNOWN:
		wait_more(work);
		return;
	case VIEW_FAILED:
	case VIEW_HOPELESS:
		lane_fail(work->lane, work, ERR_STEP, work->detail);
		return;
	case VIEW_UNDONE:
		lane_undone(work->lane, work);
		return;
	case VIEW_BLOCKED:
		lane_halt(work->lane, work, work->blocked_code, work->detail);
		return;
	}
}

static void acted(struct work *work)
{
	const struct err *err = &work->acted_err;

	if (work->acted_ok) {
		work->acted_err = (struct err){0};
		work->failing_ms = 0;
		work->run.acted = true;
		work->run.acted_ms = sys_boottime_ms();
		work->rest_ms = 0;
		look(work);
		return;
	}
	work->run.acted = false;
	sync_text_copy(work->detail, sizeof(work->detail), err->msg);
	switch (err->code) {
	case ERR_STEP:
		count_failure(work);
		return;
	case ERR_AGAIN:
		if (!work->failing_ms)
			work->failing_ms = sys_boottime_ms();
		rest_for(work, REST_FAILED_MS);
		return;
	case ERR_STORAGE:
	case ERR_MEMORY:
	case ERR_DECIDE:
	case ERR_HELD:
		lane_halt(work->lane, work, err->code, err->msg);
		return;
	default:
		lane_fail(work->lane, work, err->code, err->msg);
		return;
	}
}

static void free_orphan(struct work *work)
{
	struct lane_run *lane = work->lane;

	free_work(work);
	if (--lane->orphans == 0)
		lane_is_loose(lane);
}

static void woken(evutil_socket_t fd, short what, void *arg)
{
	struct work *work = arg;
	enum work_phase phase = work->phase;

	(void)fd, (void)what;
	if (work->answered) {
		work->answered = false;
		work->waiting = false;
		work->lane->engine->waiting--;
		work->run.call = NULL;
		work->run.child = NULL;
		work->run.asked = NULL;
		if (work->orphan) {
			free_orphan(work);
			return;
		}
		/* Rests are taken anew; what follows decides where we are. */
		work->phase = WORK_RESTING;
		if (phase == WORK_OBSERVING)
			observed(work);
		else if (phase == WORK_GUARDING)
			guarded(work);
		else
			acted(work);
		return;
	}
	if (phase == WORK_RESTING && !work->lane->engine->stopping)
		look(work);
}

struct work *work_new(struct lane_run *lane, enum work_mode mode,
	unsigned stage, const struct run_stage *run_stage,
	const struct run_step *past, const struct target *target)
{
	struct work *work = memory_must(calloc(1, sizeof(*work)));

	work->lane = lane;
	work->mode = mode;
	work->stage = stage;
	work->run.env = &lane->engine->env;
	work->run.kind = step_kind_find(run_stage->kind);
	work->run.target = target;
	work->run.lane = lane->past;
	work->run.stage = run_stage;
	work->run.past = past;
	work->wake =
		memory_must(event_new(lane->engine->base, -1, 0, woken, work));
	assert(work->run.kind && target);
	return work;
}

/* Takes back what is under way; true if nobody will call any more.  A request
 * can be cut and a child of ours killed; other acts come to their own end. */
static bool take_back(struct work *work)
{
	struct step_run *run = &work->run;

	if (work->answered)
		return true;
	if (run->call)
		http_cancel(run->call);
	else if (run->child)
		child_kill(run->child);
	else if (run->asked)
		host_call_cancel(run->asked);
	else
		return work->phase != WORK_ACTING &&
		       (helpers_forget(run->env->helpers, run) ||
			       helpers_forget(run->env->clock_helpers, run));
	return true;
}

void work_drop(struct work *work)
{
	if (!work)
		return;
	if (work->waiting && !take_back(work)) {
		work->orphan = true;
		work->lane->orphans++;
		return;
	}
	if (work->waiting)
		work->lane->engine->waiting--;
	free_work(work);
}

void work_start(struct work *work)
{
	work->since_ms = sys_boottime_ms();
	work->wait_since = sys_wall_ms();
	work->phase = WORK_RESTING;
	work_wake(work);
}

bool work_intend(struct work *work)
{
	json_t *body = json_object();

	if (work->run.saw)
		(void)json_object_set(body, "saw", work->run.saw);
	if (work->run.past->intents)
		(void)json_object_set_new(body, "again", json_true());
	if (!wrote(work, "intent", body))
		return false;
	work->phase = WORK_ACTING;
	return true;
}

void work_act(struct work *work)
{
	struct err err = {0};

	work->waiting = true;
	work->lane->engine->waiting++;
	work->since_ms = sys_boottime_ms();
	work->wait_since = sys_wall_ms();
	work->run.acted = false;
	work_crash_point("before", work);
	if (!work->run.kind->act(&work->run, &err))
		step_acted(&work->run, &err);
	work_crash_point("after", work);
}
