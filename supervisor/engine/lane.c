/*
 * lane.c - one lane: stage after stage, looking again, turning back.
 *
 * A stage is begun when all steps of the stages before it are done.  Whoever
 * finds that an earlier step no longer holds (a guard, or the first look after
 * a restart) makes the lane look again at the last done step of each of its
 * targets; what does not hold any more is opened again, and the lane goes on
 * from the earliest open stage.
 */
#include <stdlib.h>
#include <string.h>

#include "state/sys.h"
#include "supervisor/engine/internal.h"
#include "supervisor/memory.h"
#include "sync_client/sync_text.h"

enum {
	UNDONE_MOST = 50, /* looks again without anything found undone */
};

static bool wrote(struct lane_run *lane, const char *kind, json_t *body)
{
	(void)json_object_set_new(body, "lane", json_string(lane->past->name));
	if (book_write(lane->engine->book, kind, body, NULL))
		return true;
	engine_broken(lane->engine);
	return false;
}

void lane_drop_work(struct lane_run *lane)
{
	for (unsigned i = 0; i < lane->work_count; i++)
		work_drop(lane->work[i]);
	free(lane->work);
	lane->work = NULL;
	lane->work_count = 0;
}

static void add_work(struct lane_run *lane, struct work *work)
{
	lane->work = memory_realloc(
		lane->work, (lane->work_count + 1) * sizeof(struct work *));
	lane->work[lane->work_count++] = work;
}

static void start_work(struct lane_run *lane)
{
	for (unsigned i = 0; i < lane->work_count; i++)
		work_start(lane->work[i]);
}

static bool is_open(const struct run_step *step)
{
	return step->status != RUN_DONE || step->recheck;
}

static void end_lane(struct lane_run *lane)
{
	enum run_outcome outcome =
		lane->past->turned ? lane->past->turn_outcome : RUN_REACHED;
	json_t *body = json_pack("{s:s}", "outcome", run_outcome_name(outcome));

	if (lane->past->turned && lane->past->turn_why)
		(void)json_object_set_new(
			body, "why", json_string(lane->past->turn_why));
	clock_end(lane);
	lane_drop_work(lane);
	clock_drop(lane);
	lane->phase = LANE_ENDED;
	if (wrote(lane, "lane-end", body))
		engine_lane_over(lane->engine);
}

void lane_advance(struct lane_run *lane)
{
	struct run_course *course = run_lane_course(lane->past);

	lane_drop_work(lane);
	for (unsigned i = 0; i < course->stage_count; i++) {
		struct run_stage *stage = &course->stage[i];

		for (unsigned j = 0; j < stage->step_count; j++) {
			if (!is_open(&stage->step[j]))
				continue;
			add_work(lane,
				work_new(lane, WORK_STEP, i, stage,
					&stage->step[j],
					targets_find(&lane->engine->targets,
						stage->step[j].target)));
		}
		if (lane->work_count) {
			lane->phase = LANE_WORKING;
			lane->stage = i;
			start_work(lane);
			return;
		}
	}
	end_lane(lane);
}

/* The last done step of a target before stage `limit`; NULL if it has none,
 * or if a later step before it is under way: that is looked at anyway. */
static const struct run_step *last_done(const struct run_course *course,
	unsigned limit, const char *target, unsigned *ret_stage)
{
	const struct run_step *last = NULL;

	for (unsigned i = 0; i < course->stage_count; i++) {
		const struct run_step *step =
			run_stage_step(&course->stage[i], target);

		if (!step || i >= limit)
			continue;
		if (step->status == RUN_INTENT)
			return NULL;
		if (!is_open(step)) {
			last = step;
			*ret_stage = i;
		}
	}
	return last;
}

/* Looks again at what each target did last; then lane_advance(). */
static void look_again(struct lane_run *lane, unsigned limit)
{
	struct run_course *course = run_lane_course(lane->past);
	const struct targets *targets = &lane->engine->targets;

	lane_drop_work(lane);
	lane->phase = LANE_RECHECKING;
	for (unsigned i = 0; i < targets->count; i++) {
		unsigned stage;
		const struct run_step *step =
			last_done(course, limit, targets->item[i].name, &stage);

		if (step)
			add_work(lane, work_new(lane, WORK_RECHECK, stage,
					       &course->stage[stage], step,
					       &targets->item[i]));
	}
	if (lane->work_count)
		start_work(lane);
	else
		lane_advance(lane);
}

/* What is released is not ours to look at any more. */
static bool is_through(const struct run_course *course)
{
	const struct run_stage *last;

	if (!course->stage_count)
		return true;
	last = &course->stage[course->stage_count - 1];
	for (unsigned i = 0; i < last->step_count; i++)
		if (is_open(&last->step[i]))
			return false;
	return true;
}

void lane_begin(struct lane_run *lane)
{
	const struct run_course *course = run_lane_course(lane->past);

	if (is_through(course))
		end_lane(lane);
	else
		look_again(lane, course->stage_count);
}

void lane_undone(struct lane_run *lane, const struct work *work)
{
	if (++lane->undone > UNDONE_MOST) {
		lane_fail(lane, work, ERR_STEP, work->detail);
		return;
	}
	look_again(lane, lane->stage);
}

static void drop_words(struct lane_run *lane)
{
	json_decref(lane->words);
	lane->words = NULL;
}

static void turn_now(struct lane_run *lane)
{
	struct engine *engine = lane->engine;
	const struct run_state *state = book_state(engine->book);
	bool restore = engine->fleet->on_failure == FLEET_FAILURE_RESTORE ||
		       state->request_restore;
	bool abort_it = state->request == RUN_REQUEST_ABORT;
	json_t *course = abort_it ? engine->procedure->leave(lane->past)
				  : engine->procedure->back(
					    state->plan, lane->past, restore);

	if (wrote(lane, "turn",
		    json_pack("{s:o, s:s, s:o, s:O*}", "why",
			    book_text(lane->turn_why), "outcome",
			    run_outcome_name(
				    abort_it ? RUN_ABORTED : RUN_TURNED_BACK),
			    "course", course, "log", lane->words)) &&
		book_sync(engine->book, NULL))
		lane_advance(lane);
	else
		engine_broken(engine);
	drop_words(lane);
}

static void prove_first(
	struct lane_run *lane, const struct procedure_proof *proof)
{
	struct run_course *course = run_lane_course(lane->past);
	const struct run_stage *stage = run_course_stage(course, proof->stage);
	struct work *work;

	lane->phase = LANE_PROVING;
	work = work_new(lane, WORK_PROOF, (unsigned)(stage - course->stage),
		stage, run_stage_step(stage, proof->target),
		targets_find(&lane->engine->targets, proof->target));
	work->run.kind = step_kind_find(proof->kind);
	add_work(lane, work);
	start_work(lane);
}

/* Also with consent to put metadata back: what cannot be done must be refused
 * while the lane is whole, not when everything of it stands still. */
static void turn_if_proved(struct lane_run *lane)
{
	struct engine *engine = lane->engine;
	bool abort_it = book_state(engine->book)->request == RUN_REQUEST_ABORT;
	struct procedure_proof proof;

	if (!abort_it && engine->procedure->proof(lane->past, &proof))
		prove_first(lane, &proof);
	else
		turn_now(lane);
}

void lane_is_loose(struct lane_run *lane)
{
	if (lane->phase == LANE_TURNING && !lane->engine->stopping)
		turn_if_proved(lane);
}

/* A command or a put-back that is under way ends first: the other course must
 * not work against it, nor leave it half done. */
static void turn(struct lane_run *lane, const char *why, bool by_clock)
{
	sync_text_copy(lane->turn_why, sizeof(lane->turn_why), why);
	lane->by_clock = by_clock;
	lane->phase = LANE_TURNING;
	lane_drop_work(lane);
	if (!lane->orphans)
		turn_if_proved(lane);
}

void lane_turn(struct lane_run *lane, const char *why)
{
	drop_words(lane);
	turn(lane, why, false);
}

void lane_turn_by_clock(struct lane_run *lane, const char *why)
{
	drop_words(lane);
	turn(lane, why, true);
}

/* What the clock wanted and is refused is no reason to stand still.  A disk
 * that fails is. */
static bool goes_on(struct lane_run *lane, enum err_code code, const char *why)
{
	if (lane->phase != LANE_PROVING || !lane->by_clock ||
		code == ERR_STORAGE)
		return false;
	/* Not seen just now: it may be asked again. */
	if (code != ERR_AGAIN)
		clock_refused(lane, why);
	lane_advance(lane);
	return true;
}

void lane_fail(struct lane_run *lane, const struct work *work,
	enum err_code code, const char *why)
{
	enum fleet_failure on_failure = lane->engine->fleet->on_failure;
	char text[400];

	/* Before it is started again; who refuses the way back did not fail. */
	if (lane->phase != LANE_PROVING) {
		drop_words(lane);
		lane->words = step_last_words(&work->run);
	}
	(void)snprintf(text, sizeof(text), "%s %s: %.250s",
		work->run.kind->name, work->run.target->name, why);
	sync_text_clean(text, sizeof(text));
	if (lane->past->turned || lane->engine->stopping ||
		lane->phase == LANE_PROVING ||
		on_failure == FLEET_FAILURE_STOP ||
		on_failure == FLEET_FAILURE_UNSET)
		lane_halt(lane, work, code, why);
	else
		turn(lane, text, false);
}

void lane_halt(struct lane_run *lane, const struct work *work,
	enum err_code code, const char *why)
{
	bool proving = lane->phase == LANE_PROVING;
	char text[700], decide[200] = "";
	json_t *body;

	if (goes_on(lane, code, why))
		return;
	(void)snprintf(text, sizeof(text), "%s%s%s %s: %s",
		proving ? lane->turn_why : "",
		proving ? "; the way back is closed: " : "",
		work->run.kind->name, work->run.target->name, why);
	sync_text_clean(text, sizeof(text));
	if (code == ERR_DECIDE && !proving)
		(void)snprintf(decide, sizeof(decide), "%s@%s",
			work->run.kind->name, work->run.target->name);
	body = json_pack("{s:i, s:o, s:s, s:s, s:s, s:O*}", "code",
		err_exit_code(code), "why", book_text(text), "step",
		work->run.kind->name, "target", work->run.target->name,
		"decide", decide, "log", lane->words);
	lane->phase = LANE_HALTED;
	lane_drop_work(lane);
	drop_words(lane);
	clock_drop(lane);
	if (!wrote(lane, "halt", body))
		return;
	/* The other lanes, too: they would sync what was lost here. */
	if (code == ERR_STORAGE)
		engine_broken(lane->engine);
	/* A refused way back must not be tried again by the next run. */
	if (proving &&
		book_state(lane->engine->book)->request ==
			RUN_REQUEST_ROLLBACK &&
		!book_write(lane->engine->book, "request",
			json_pack("{s:s}", "what", "forward"), NULL)) {
		engine_broken(lane->engine);
		return;
	}
	engine_lane_over(lane->engine);
}

void lane_work_over(struct lane_run *lane, struct work *work)
{
	if (work->mode == WORK_STEP)
		lane->undone = 0;
	for (unsigned i = 0; i < lane->work_count; i++)
		if (lane->work[i]->phase != WORK_OVER)
			return;
	if (lane->phase == LANE_PROVING)
		turn_now(lane);
	else
		lane_advance(lane);
}

bool lane_is_gathered(const struct lane_run *lane)
{
	if (lane->phase != LANE_WORKING)
		return true;
	for (unsigned i = 0; i < lane->work_count; i++) {
		const struct work *work = lane->work[i];

		if ((work->phase == WORK_OBSERVING ||
			    work->phase == WORK_GUARDING) &&
			!work->run.past->intents)
			return false;
	}
	return true;
}
