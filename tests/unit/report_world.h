/*
 * report_world.h - a run of two instances, a RUNNING and b as a test wants,
 * with a clock that the test sets.
 */
#ifndef TESTS_UNIT_REPORT_WORLD_H
#define TESTS_UNIT_REPORT_WORLD_H

#include "supervisor/report/report.h"

#include "procedure_world.h"

struct world {
	struct survey survey;
	json_t *plan;
	struct made_up_run run;
};

static inline void world_make(
	struct world *world, json_t *fleet, const char *phase_of_b)
{
	struct sync_progress *b;

	memset(world, 0, sizeof(*world));
	made_up_survey(&world->survey, fleet);
	b = &world->survey.instance[1].progress;
	b->phase = sync_phase_parse(phase_of_b);
	(void)snprintf(b->phase_text, sizeof(b->phase_text), "%s", phase_of_b);
	made_up_group(&world->survey);
	world->plan = mongosync()->forward(&world->survey);
	made_up_begin(&world->run, world->plan);
}

static inline void world_done(struct world *world)
{
	made_up_done(&world->run);
	json_decref(world->plan);
	made_up_survey_done(&world->survey);
}

static inline int64_t second(int n)
{
	return MADE_UP_START_MS + n * 1000;
}

/* The next record is written in that second. */
static inline struct made_up_run *at(struct world *world, int n)
{
	world->run.at = second(n - 1);
	return &world->run;
}

/* Stages before `kind`, all of them in the first second. */
static inline void world_before(struct world *world, const char *kind)
{
	const struct run_course *course =
		run_lane_course(&world->run.state.lane[0]);

	for (unsigned i = 0; i < course->stage_count; i++) {
		const struct run_stage *stage = &course->stage[i];

		if (strcmp(stage->kind, kind) == 0)
			return;
		for (unsigned j = 0; j < stage->step_count; j++)
			made_up_step_done(at(world, 1), "shop", stage->kind,
				stage->step[j].target, "found");
	}
}

/* INTENT and DONE of one step; the state that its DONE saw may be NULL. */
static inline void world_act(struct world *world, const char *kind,
	const char *target, int from, int to, const char *state)
{
	made_up_intent(at(world, from), "shop", kind, target, NULL);
	made_up_saw_done(at(world, to), "shop", kind, target, "acted",
		state ? made_up_state(state) : NULL);
}

static inline void world_turn(struct world *world, int n, const char *outcome)
{
	struct run_lane *lane = &world->run.state.lane[0];
	bool is_abort = strcmp(outcome, "aborted") == 0;
	json_t *course = is_abort ? mongosync()->leave(lane)
				  : mongosync()->back(world->plan, lane, false);

	made_up_write(at(world, n), "turn",
		json_pack("{s:s, s:s, s:s, s:o, s:[s, s]}", "lane", "shop",
			"why", "start a: it ended", "outcome", outcome,
			"course", course, "log", "fatal: no", "bye"));
}

/* a is paused at 10, stopped at 20, up on the new version at 40. */
static inline void world_upgrade_a(struct world *world)
{
	world_before(world, "pause");
	world_act(world, "pause", "a", 10, 12, "PAUSED");
	world_act(world, "stop", "a", 20, 22, NULL);
	world_act(world, "start", "a", 30, 40, "PAUSED");
}

#endif
