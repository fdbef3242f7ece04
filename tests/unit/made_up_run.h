/*
 * made_up_run.h - a run that never was: records folded without a journal.
 *
 * Each record is a second later than the one before it; a test that needs
 * another time sets `at`, which the next record adds a second to.
 */
#ifndef TESTS_UNIT_MADE_UP_RUN_H
#define TESTS_UNIT_MADE_UP_RUN_H

#include "state/run_state.h"

#include "scratch.h"

#define MADE_UP_START_MS 1700000000000
#define MADE_UP_BOOT "00000000-1111-2222-3333-444444444444"

struct made_up_run {
	struct run_state state;
	uint64_t seq; /* of the next record */
	int64_t at; /* of the last record, wall clock ms */
	struct err err; /* why the last record was refused */
};

/* The caller's json_pack() may have failed: better seen at once. */
static inline json_t *made_up_json(json_t *json)
{
	assert_non_null(json);
	return json;
}

/* targets: names with one space between them. */
static inline json_t *made_up_stage(const char *kind, const char *targets)
{
	json_t *list = json_array();

	while (*targets) {
		size_t len = strcspn(targets, " ");

		(void)json_array_append_new(list, json_stringn(targets, len));
		targets += len + (targets[len] == ' ');
	}
	return made_up_json(json_pack("{s:s, s:i, s:i, s:o}", "kind", kind,
		"patience_s", 300, "quiet_s", 30, "targets", list));
}

/* Folds one record; body is stolen and may be NULL. */
static inline bool made_up_try(
	struct made_up_run *run, const char *kind, json_t *body)
{
	struct record record = {.seq = run->seq, .batch = run->seq};
	bool ok;

	run->at += 1000;
	run->err = (struct err){0};
	record.json = made_up_json(json_pack("{s:I, s:I, s:s, s:I, s:I}", "seq",
		(json_int_t)run->seq, "batch", (json_int_t)run->seq, "kind",
		kind, "at", (json_int_t)run->at, "up",
		(json_int_t)(run->at - MADE_UP_START_MS)));
	if (body)
		assert_int_equal(json_object_update(record.json, body), 0);
	json_decref(body);
	ok = run_state_apply(&run->state, &record, &run->err);
	run->seq++;
	record_done(&record);
	return ok;
}

static inline void made_up_write(
	struct made_up_run *run, const char *kind, json_t *body)
{
	if (!made_up_try(run, kind, body))
		fail_msg("%s: %s", kind, run->err.msg);
}

/* plan is borrowed. */
static inline void made_up_begin(struct made_up_run *run, json_t *plan)
{
	*run = (struct made_up_run){.at = MADE_UP_START_MS};
	made_up_write(run, "run",
		json_pack("{s:s, s:s, s:s, s:i, s:O}", "run", "made-up", "boot",
			MADE_UP_BOOT, "syncup", "0.1.0", "pid", 4711, "plan",
			made_up_json(plan)));
}

static inline void made_up_done(struct made_up_run *run)
{
	run_state_done(&run->state);
}

/* The members that name a step; more is stolen and may be NULL. */
static inline json_t *made_up_step(const struct made_up_run *run,
	const char *lane, const char *kind, const char *target, json_t *more)
{
	struct run_lane *of = run_state_lane(&run->state, lane);
	const struct run_course *course;
	const struct run_stage *stage;
	json_t *body;

	assert_non_null(of);
	course = run_lane_course(of);
	stage = run_course_stage(course, kind);
	if (!stage)
		fail_msg("lane %s has no stage %s", lane, kind);
	body = made_up_json(json_pack("{s:s, s:i, s:s, s:s}", "lane", lane,
		"stage", (int)(stage - course->stage), "step", kind, "target",
		target));
	if (more)
		assert_int_equal(json_object_update(body, more), 0);
	json_decref(more);
	return body;
}

static inline void made_up_intent(struct made_up_run *run, const char *lane,
	const char *kind, const char *target, json_t *saw)
{
	json_t *more = saw ? json_pack("{s:o}", "saw", saw) : NULL;

	made_up_write(
		run, "intent", made_up_step(run, lane, kind, target, more));
}

static inline void made_up_saw_done(struct made_up_run *run, const char *lane,
	const char *kind, const char *target, const char *how, json_t *saw)
{
	json_t *more = json_pack("{s:s}", "how", how);

	if (saw)
		(void)json_object_set_new(more, "saw", saw);
	made_up_write(run, "done", made_up_step(run, lane, kind, target, more));
}

static inline void made_up_step_done(struct made_up_run *run, const char *lane,
	const char *kind, const char *target, const char *how)
{
	made_up_saw_done(run, lane, kind, target, how, NULL);
}

/* INTENT and DONE. */
static inline void made_up_act(struct made_up_run *run, const char *lane,
	const char *kind, const char *target)
{
	made_up_intent(run, lane, kind, target, NULL);
	made_up_step_done(run, lane, kind, target, "acted");
}

static inline json_t *made_up_state(const char *phase)
{
	return json_pack("{s:s}", "state", phase);
}

#endif
