/*
 * engine.c - the run: lanes side by side, INTENTs in batches, the end.
 */
#include "supervisor/engine/engine.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/engine/internal.h"
#include "supervisor/memory.h"
#include "supervisor/process/systemd.h"

enum {
	GATHER_MS = 300, /* an INTENT waits for its stage's others */
	REQUEST_MS = 300, /* how often we look for a request file */
	DRAIN_MS = 3000, /* what is under way may still end */
	REQUEST_MAX = 4096, /* bytes */
};

bool engine_target_busy(const struct engine *engine, const struct work *work)
{
	for (unsigned i = 0; i < engine->lane_count; i++) {
		const struct lane_run *lane = &engine->lane[i];

		for (unsigned j = 0; j < lane->work_count; j++) {
			const struct work *other = lane->work[j];

			if (other != work &&
				other->run.target == work->run.target &&
				(other->phase == WORK_GUARDING ||
					other->phase == WORK_QUEUED ||
					other->phase == WORK_ACTING))
				return true;
		}
	}
	return false;
}

void engine_broken(struct engine *engine)
{
	(void)event_base_loopbreak(engine->base);
}

static void look_at_clocks(struct engine *engine)
{
	for (unsigned i = 0; i < engine->lane_count; i++)
		clock_look(&engine->lane[i]);
}

static void tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	look_at_clocks(arg);
}

/* Writes every INTENT that is due, syncs once, then lets them act. */
static void flush(evutil_socket_t fd, short what, void *arg)
{
	struct engine *engine = arg;
	struct work **due = NULL;
	unsigned count = 0, most = 0;

	(void)fd, (void)what;
	engine->flush_by_ms = 0;
	if (engine->stopping || engine->disk_failed)
		return;
	for (unsigned i = 0; i < engine->lane_count; i++)
		most += engine->lane[i].work_count;
	due = memory_must(calloc(most ? most : 1, sizeof(struct work *)));
	for (unsigned i = 0; i < engine->lane_count; i++) {
		struct lane_run *lane = &engine->lane[i];

		for (unsigned j = 0; j < lane->work_count; j++) {
			if (lane->work[j]->phase != WORK_QUEUED)
				continue;
			if (!work_intend(lane->work[j])) {
				free(due);
				return;
			}
			due[count++] = lane->work[j];
		}
	}
	if (!book_sync(engine->book, NULL))
		engine_broken(engine);
	else
		/* What could not be synced must not be synced by the next. */
		for (unsigned i = 0; i < count && !engine->disk_failed; i++)
			work_act(due[i]);
	free(due);
	look_at_clocks(engine);
}

void engine_flush_soon(struct engine *engine)
{
	int64_t now = sys_monotonic_ms();
	struct timeval tv = {0};
	bool gathered = true;

	if (!engine->flush_by_ms)
		engine->flush_by_ms = now + GATHER_MS;
	for (unsigned i = 0; i < engine->lane_count; i++)
		gathered = gathered && lane_is_gathered(&engine->lane[i]);
	if (!gathered && now < engine->flush_by_ms)
		tv.tv_usec = (engine->flush_by_ms - now) * 1000;
	(void)event_add(engine->flush, &tv);
}

static bool stands_still(const struct lane_run *lane)
{
	struct procedure_clock clock;
	bool stands = lane->engine->procedure->clock(lane->past, &clock);

	json_decref(clock.stood);
	return stands;
}

/* Begun before we came, perhaps after one that was halted and has its place
 * again now: that must not cost it its time. */
static void begin_standing(struct engine *engine)
{
	for (unsigned i = 0; i < engine->lane_count; i++)
		if (engine->lane[i].phase == LANE_WAITING &&
			stands_still(&engine->lane[i]))
			lane_begin(&engine->lane[i]);
}

static void begin_lanes(struct engine *engine)
{
	unsigned at_once = 0;

	for (unsigned i = 0; i < engine->lane_count; i++)
		if (engine->lane[i].phase != LANE_WAITING &&
			engine->lane[i].phase != LANE_ENDED &&
			engine->lane[i].phase != LANE_HALTED)
			at_once++;
	for (unsigned i = 0; i < engine->lane_count; i++) {
		if (engine->lane[i].phase != LANE_WAITING)
			continue;
		if (at_once++ >= engine->fleet->lanes_at_once)
			return;
		lane_begin(&engine->lane[i]);
	}
}

void engine_lane_over(struct engine *engine)
{
	for (unsigned i = 0; i < engine->lane_count; i++) {
		enum lane_phase phase = engine->lane[i].phase;

		if (phase != LANE_HALTED && phase != LANE_ENDED) {
			begin_lanes(engine);
			return;
		}
	}
	(void)event_base_loopexit(engine->base, NULL);
}

static void obey(struct engine *engine)
{
	const struct run_state *state = book_state(engine->book);
	bool abort_it = state->request == RUN_REQUEST_ABORT;

	if (state->request == RUN_REQUEST_NONE)
		return;
	for (unsigned i = 0; i < engine->lane_count; i++) {
		struct lane_run *lane = &engine->lane[i];
		bool left = lane->past->turned &&
			    lane->past->turn_outcome == RUN_ABORTED;

		if (lane->phase == LANE_ENDED || left ||
			(lane->past->turned && !abort_it))
			continue;
		lane_turn(lane, abort_it ? "an operator asked to abort"
					 : "an operator asked to go back");
	}
}

bool engine_request(struct engine *engine, enum run_request what, bool restore,
	struct err *err)
{
	json_t *body = json_pack("{s:s, s:b}", "what",
		what == RUN_REQUEST_ABORT ? "abort" : "rollback", "restore",
		(int)restore);

	return book_write(engine->book, "request", body, err) &&
	       book_sync(engine->book, err);
}

/* rollback or abort, typed while we work, left this file for us. */
static void look_for_request(evutil_socket_t fd, short what, void *arg)
{
	struct engine *engine = arg;
	_cleanup_free_ char *text = NULL;
	_cleanup_json_ json_t *json = NULL;
	enum run_request request;
	const char *word;
	size_t len;

	(void)fd, (void)what;
	if (!atomic_file_read(
		    engine->request_path, REQUEST_MAX, &text, &len, NULL))
		return;
	json = json_loads(text, 0, NULL);
	word = json_string_value(json_object_get(json, "what"));
	request = word && strcmp(word, "abort") == 0 ? RUN_REQUEST_ABORT
						     : RUN_REQUEST_ROLLBACK;
	if (word &&
		!engine_request(engine, request,
			json_is_true(json_object_get(json, "restore")), NULL)) {
		engine_broken(engine);
		return;
	}
	if (!atomic_remove(engine->request_path, &engine->broken)) {
		engine_broken(engine);
		return;
	}
	if (word)
		obey(engine);
}

bool engine_answer(struct engine *engine, const char *step, const char *target,
	const char *answer, struct err *err)
{
	return book_write(engine->book, "answer",
		       json_pack("{s:s, s:s, s:s}", "step", step, "target",
			       target, "answer", answer),
		       err) &&
	       book_sync(engine->book, err);
}

static void drained(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	(void)event_base_loopbreak(arg);
}

void engine_stop(struct engine *engine, const char *why)
{
	const struct timeval tv = {.tv_sec = DRAIN_MS / 1000};

	if (engine->stopping)
		return;
	engine->stopping = true;
	(void)snprintf(engine->stop_why, sizeof(engine->stop_why), "%s", why);
	for (unsigned i = 0; i < engine->lane_count; i++)
		clock_drop(&engine->lane[i]);
	(void)event_add(engine->drain, &tv);
}

bool engine_new(const struct engine_config *config, const json_t *plan,
	struct engine **ret_engine, struct err *err)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	const struct run_state *state;

	if (!engine)
		return err_set(err, ERR_MEMORY, "out of memory");
	engine->request_path = config->request;
	engine->base = event_base_new();
	if (!engine->base) {
		(void)err_set(err, ERR_BUG, "cannot make an event loop");
		goto fail;
	}
	if (!book_new(engine->base, config, plan, &engine->book, err))
		goto fail;
	state = book_state(engine->book);
	engine->procedure = procedure_find(
		json_string_value(json_object_get(state->plan, "procedure")));
	if (!engine->procedure) {
		(void)err_set(err, ERR_JOURNAL,
			"the journal's procedure is not known to this syncup");
		goto fail;
	}
	if (!fleet_from_json(json_object_get(state->plan, "fleet"),
		    &engine->fleet, err) ||
		!hosts_new(engine->base, state->run, &engine->env.hosts, err) ||
		!targets_new(state->plan, engine->fleet, state->run,
			engine->env.hosts, &engine->targets, err) ||
		!http_new(engine->base, &engine->env.http, err) ||
		!helpers_new(engine->base, NULL, &engine->env.helpers, err) ||
		!helpers_new(
			engine->base, NULL, &engine->env.clock_helpers, err))
		goto fail;
	engine->env.base = engine->base;
	engine->env.fleet = engine->fleet;
	engine->env.targets = &engine->targets;
	engine->env.state = state;
	engine->env.take_over = config->take_over;
	/* One that was left for an earlier run is not for this one. */
	if (plan && config->request && !atomic_remove(config->request, err))
		goto fail;
	engine->lane = calloc(state->lane_count + 1, sizeof(*engine->lane));
	engine->flush = event_new(engine->base, -1, 0, flush, engine);
	engine->request = event_new(
		engine->base, -1, EV_PERSIST, look_for_request, engine);
	engine->drain = event_new(engine->base, -1, 0, drained, engine->base);
	engine->tick = event_new(engine->base, -1, EV_PERSIST, tick, engine);
	if (!engine->lane || !engine->flush || !engine->request ||
		!engine->drain || !engine->tick) {
		(void)err_set(err, ERR_MEMORY, "out of memory");
		goto fail;
	}
	engine->lane_count = state->lane_count;
	for (unsigned i = 0; i < state->lane_count; i++) {
		engine->lane[i].engine = engine;
		engine->lane[i].past = &state->lane[i];
		if (state->lane[i].outcome != RUN_UNFINISHED)
			engine->lane[i].phase = LANE_ENDED;
	}
	*ret_engine = engine;
	return true;
fail:
	engine_free(engine);
	return false;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	for (unsigned i = 0; engine->lane && i < engine->lane_count; i++) {
		lane_drop_work(&engine->lane[i]);
		clock_drop(&engine->lane[i]);
		json_decref(engine->lane[i].words);
	}
	free(engine->lane);
	helpers_free(engine->env.clock_helpers);
	helpers_free(engine->env.helpers);
	http_free(engine->env.http);
	if (engine->base)
		systemd_close(engine->base);
	hosts_free(engine->env.hosts);
	if (engine->flush)
		event_free(engine->flush);
	if (engine->request)
		event_free(engine->request);
	if (engine->drain)
		event_free(engine->drain);
	if (engine->tick)
		event_free(engine->tick);
	book_free(engine->book);
	targets_done(&engine->targets);
	fleet_free(engine->fleet);
	if (engine->base)
		event_base_free(engine->base);
	free(engine);
}

const struct run_state *engine_state(const struct engine *engine)
{
	return book_state(engine->book);
}

struct event_base *engine_base(const struct engine *engine)
{
	return engine->base;
}

/* The worst exit code of all lanes, by the order of the house. */
static int worst(const struct run_state *state)
{
	static const int order[] = {5, 1, 4, 3, 7, 6, 8, 9};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		for (unsigned j = 0; j < state->lane_count; j++) {
			const struct run_lane *lane = &state->lane[j];
			int code = lane->halt_code;

			if (lane->outcome == RUN_TURNED_BACK)
				code = 9;
			else if (lane->outcome != RUN_UNFINISHED)
				code = 0;
			if (code == order[i])
				return code;
		}
	return 0;
}

static bool all_ended(
	const struct run_state *state, enum run_outcome *ret_outcome)
{
	*ret_outcome = RUN_REACHED;
	for (unsigned i = 0; i < state->lane_count; i++) {
		if (state->lane[i].outcome == RUN_UNFINISHED)
			return false;
		if (state->lane[i].outcome > *ret_outcome)
			*ret_outcome = state->lane[i].outcome;
	}
	return true;
}

static int finish(struct engine *engine, struct err *err)
{
	const struct run_state *state = book_state(engine->book);
	const struct err *broken;
	enum run_outcome outcome;
	int code = worst(state);
	bool ok = true;

	/* Somebody may go on with our loop. */
	(void)event_del(engine->tick);
	(void)event_del(engine->request);
	(void)event_del(engine->flush);
	if (engine->stopping)
		ok = book_write(engine->book, "stopped",
			json_pack("{s:s}", "why", engine->stop_why), NULL);
	else if (all_ended(state, &outcome))
		ok = book_write(engine->book, "end",
			json_pack("{s:s, s:i}", "outcome",
				run_outcome_name(outcome), "exit", code),
			NULL);
	if (ok)
		(void)!book_sync(engine->book, NULL);
	broken = book_broken(engine->book);
	if (broken) {
		*err = *broken;
		return err_exit_code(broken->code);
	}
	if (engine->broken.code) {
		*err = engine->broken;
		return err_exit_code(ERR_STORAGE);
	}
	if (engine->stopping) {
		(void)err_set(
			err, ERR_STOPPED, "stopped by %s", engine->stop_why);
		return err_exit_code(ERR_STOPPED);
	}
	if (!code && !all_ended(state, &outcome)) {
		(void)err_set(err, ERR_BUG, "the run broke off");
		return err_exit_code(ERR_BUG);
	}
	for (unsigned i = 0; code && i < state->lane_count; i++) {
		const struct run_lane *lane = &state->lane[i];

		if (lane->halt_code == code && lane->halt_why)
			(void)err_set(err, ERR_STEP, "lane %s: %.330s",
				lane->name, lane->halt_why);
		else if (code == 9 && lane->outcome == RUN_TURNED_BACK)
			(void)err_set(err, ERR_TURNED, "lane %s: %.330s",
				lane->name,
				lane->turn_why ? lane->turn_why : "");
	}
	return code;
}

/* An operator's own command that was given up may still be running. */
static void drain(struct engine *engine)
{
	int64_t until = sys_monotonic_ms() + DRAIN_MS;

	for (unsigned i = 0; i < engine->lane_count; i++)
		lane_drop_work(&engine->lane[i]);
	for (unsigned i = 0; i < engine->lane_count; i++)
		clock_drop(&engine->lane[i]);
	/* Nothing new begins while we wait. */
	(void)event_del(engine->tick);
	(void)event_del(engine->request);
	(void)event_del(engine->flush);
	while (engine->waiting && sys_monotonic_ms() < until)
		(void)event_base_loop(engine->base, EVLOOP_ONCE);
}

int engine_run(struct engine *engine, struct err *err)
{
	const struct timeval tv = {.tv_usec = REQUEST_MS * 1000};
	const struct timeval second = {.tv_sec = 1};
	const struct run_state *state = book_state(engine->book);
	enum run_outcome outcome;

	if (engine->request_path)
		(void)event_add(engine->request, &tv);
	if (!all_ended(state, &outcome)) {
		if (state->request != RUN_REQUEST_NONE)
			obey(engine);
		begin_standing(engine);
		begin_lanes(engine);
		(void)event_add(engine->tick, &second);
		while (!event_base_got_break(engine->base) &&
			!event_base_got_exit(engine->base)) {
			if (engine->stopping && !engine->waiting)
				break;
			if (event_base_loop(engine->base, EVLOOP_ONCE) != 0)
				break;
		}
		drain(engine);
	}
	return finish(engine, err);
}
