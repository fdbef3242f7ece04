/*
 * engine.h - carries out the plan that a journal holds.
 *
 * One thread, one loop.  Everything it decides by is in the journal or is
 * observed; so it can be killed anywhere and started again.
 */
#ifndef SUPERVISOR_ENGINE_ENGINE_H
#define SUPERVISOR_ENGINE_ENGINE_H

#include <event2/event.h>

#include "state/journal.h"
#include "state/run_state.h"
#include "supervisor/fleet/fleet.h"

/* Told of each record appended; a view, nothing that decides. */
typedef void engine_view_fn(
	void *arg, const struct run_state *state, const struct record *record);

struct engine_config {
	const char *journal; /* path of run.journal */
	const char *request; /* path that rollback and abort write to */
	const char *take_over; /* or NULL */
	engine_view_fn *view; /* or NULL */
	void *view_arg;
};

/* Bytes that are reserved for a run's journal: INTENTs and DONEs of a hundred
 * processes, several times over. */
#define ENGINE_JOURNAL_BYTES (4 << 20)

struct engine;

/* plan NULL: continue the journal.  Otherwise start one; plan is borrowed. */
bool engine_new(const struct engine_config *config, const json_t *plan,
	struct engine **ret_engine, struct err *err) WARN_UNUSED;
void engine_free(struct engine *engine);

const struct run_state *engine_state(const struct engine *engine);
struct event_base *engine_base(const struct engine *engine);

/* Journals an operator's answer or request before or during the run. */
bool engine_answer(struct engine *engine, const char *step, const char *target,
	const char *answer, struct err *err) WARN_UNUSED;
bool engine_request(struct engine *engine, enum run_request what, bool restore,
	struct err *err) WARN_UNUSED;
/* No more acts; the run ends as soon as nothing is being written. */
void engine_stop(struct engine *engine, const char *why);

/* Runs until all lanes have ended or halted.  The result is an exit code of
 * the house; err says why it is not 0. */
int engine_run(struct engine *engine, struct err *err);

#endif
