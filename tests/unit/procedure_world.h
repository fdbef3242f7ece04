/*
 * procedure_world.h - plans and courses as text, and runs that came so far.
 */
#ifndef TESTS_UNIT_PROCEDURE_WORLD_H
#define TESTS_UNIT_PROCEDURE_WORLD_H

#include "supervisor/plan/procedure.h"

#include "made_up_run.h"
#include "made_up_survey.h"

static inline const struct procedure *mongosync(void)
{
	const struct procedure *procedure = procedure_find("mongosync");

	assert_non_null(procedure);
	return procedure;
}

/* One line per stage: its kind, its targets, its own members as key=JSON.  The
 * caller frees it. */
static inline char *print_course(const json_t *stages)
{
	static const char *const common[] = {
		"kind", "targets", "patience_s", "quiet_s"};
	char *text = NULL;
	size_t size, i, j;
	FILE *out = open_memstream(&text, &size);
	json_t *stage, *item;
	const char *key;

	assert_non_null(out);
	json_array_foreach (stages, i, stage) {
		(void)fprintf(out, "%s",
			json_string_value(json_object_get(stage, "kind")));
		json_array_foreach (json_object_get(stage, "targets"), j, item)
			(void)fprintf(out, " %s", json_string_value(item));
		json_object_foreach (stage, key, item) {
			char *value;
			bool is_common = false;

			for (j = 0; j < 4; j++)
				is_common |= strcmp(key, common[j]) == 0;
			if (is_common)
				continue;
			value = json_dumps(
				item, JSON_COMPACT | JSON_ENCODE_ANY);
			(void)fprintf(out, " %s=%s", key, value);
			free(value);
		}
		(void)fprintf(out, "\n");
	}
	assert_int_equal(fclose(out), 0);
	return text;
}

static inline void assert_course(const json_t *stages, const char *expected)
{
	char *text = print_course(stages);

	if (strcmp(text, expected) != 0)
		fail_msg("it is\n%s\nnot\n%s", text, expected);
	free(text);
}

/* Every step of the stage; what has no act is only found. */
static inline void go_stage(struct made_up_run *run, const char *lane,
	const struct run_stage *stage, bool is_done)
{
	static const char *const only_seen[] = {"preflight", "verify", "watch"};
	bool has_act = true;

	for (size_t i = 0; i < sizeof(only_seen) / sizeof(only_seen[0]); i++)
		has_act &= strcmp(stage->kind, only_seen[i]) != 0;
	for (unsigned i = 0; i < stage->step_count; i++) {
		const char *target = stage->step[i].target;

		if (has_act)
			made_up_intent(run, lane, stage->kind, target, NULL);
		if (is_done)
			made_up_step_done(run, lane, stage->kind, target,
				has_act ? "acted" : "found");
	}
}

/* All stages before `kind`. */
static inline void go_before(
	struct made_up_run *run, const char *lane, const char *kind)
{
	const struct run_course *course =
		run_lane_course(run_state_lane(&run->state, lane));

	for (unsigned i = 0; i < course->stage_count; i++) {
		if (strcmp(course->stage[i].kind, kind) == 0)
			return;
		go_stage(run, lane, &course->stage[i], true);
	}
	fail_msg("lane %s has no stage %s", lane, kind);
}

static inline void go_through(
	struct made_up_run *run, const char *lane, const char *kind)
{
	go_before(run, lane, kind);
	go_stage(run, lane,
		run_course_stage(
			run_lane_course(run_state_lane(&run->state, lane)),
			kind),
		true);
}

/* A lane that came as far as `last`: what was done, by whom, at random. */
static inline void wander(
	struct made_up_run *run, unsigned last, unsigned *seed)
{
	const struct run_course *course = &run->state.lane[0].forward;

	for (unsigned i = 0; i <= last; i++) {
		const struct run_stage *stage = &course->stage[i];

		for (unsigned j = 0; j < stage->step_count; j++) {
			const char *target = stage->step[j].target;
			int chance = rand_r(seed) % (i < last ? 4 : 8);

			if (chance > 6)
				continue; /* not begun */
			if (chance > 0)
				made_up_intent(
					run, "shop", stage->kind, target, NULL);
			if (chance == 6)
				made_up_write(run, "failed",
					made_up_step(run, "shop", stage->kind,
						target, NULL));
			if (chance < 4)
				made_up_step_done(run, "shop", stage->kind,
					target,
					chance == 0   ? "found"
					: chance == 1 ? "recovered"
						      : "acted");
		}
	}
	if (last == 0 || rand_r(seed) % 3)
		return;
	last = (unsigned)rand_r(seed) % last;
	made_up_write(run, "reopen",
		made_up_step(run, "shop", course->stage[last].kind,
			course->stage[last].step[0].target, NULL));
}

#endif
