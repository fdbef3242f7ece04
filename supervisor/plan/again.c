/*
 * again.c - see again.h.
 */
#include "supervisor/plan/again.h"

#include <string.h>

#include "supervisor/plan/checks.h"

static bool has_intent(const struct run_stage *stage)
{
	for (unsigned i = 0; i < stage->step_count; i++)
		if (stage->step[i].intents > 0)
			return true;
	return false;
}

/* Under pause: never the first that stands still is held. */
static bool is_untouched(const struct run_lane *lane)
{
	bool later = false;

	for (unsigned i = 0; i < lane->forward.stage_count; i++) {
		const struct run_stage *stage = &lane->forward.stage[i];

		later = later || strcmp(stage->kind, "pause") == 0 ||
			strcmp(stage->kind, "hold") == 0;
		if (later && has_intent(stage))
			return false;
	}
	return !lane->turned && lane->outcome == RUN_UNFINISHED;
}

bool again_is_due(const struct run_state *state)
{
	for (unsigned i = 0; i < state->lane_count; i++)
		if (!is_untouched(&state->lane[i]))
			return false;
	return state->request == RUN_REQUEST_NONE;
}

static const char *text_in(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static const json_t *target_of(const struct run_state *state, const char *name)
{
	size_t i;
	json_t *target;

	json_array_foreach (json_object_get(state->plan, "targets"), i, target)
		if (strcmp(text_in(target, "name"), name) == 0)
			return target;
	return NULL;
}

static void fix_by_abort(struct finding *finding, const struct run_state *state)
{
	finding_fix(finding,
		"end run %s by syncup abort, and let a new one plan anew",
		state->run);
}

static void compare_version(struct survey *survey,
	const struct run_state *state, const struct seen_instance *seen)
{
	const char *name = seen->instance->name;
	const json_t *target = target_of(state, name);
	const char *from = text_in(target, "from");
	struct finding *finding;

	/* One that has ended is started again as it was. */
	if (!target || !seen->version[0] || strcmp(seen->version, from) == 0)
		return;
	finding = survey_add(survey, FINDING_REFUSAL, "version", name);
	finding_say(finding, "it ran %s when the run was planned, and runs %s",
		from, seen->version);
	fix_by_abort(finding, state);
}

static const struct seen_lane *find_lane(
	const struct survey *survey, const char *name)
{
	for (unsigned i = 0; i < survey->lane_count; i++)
		if (strcmp(survey->lane[i].name, name) == 0)
			return &survey->lane[i];
	return NULL;
}

static void compare_lane(struct survey *survey, const struct run_state *state,
	const struct run_lane *lane)
{
	const char *identity = text_in(lane->json, "identity");
	const struct seen_lane *seen = find_lane(survey, lane->name);
	struct finding *finding;

	/* One that cannot be asked who it is, is refused by "destination"; and
	 * all of it may be out of reach. */
	if (!seen && survey_is_partial(survey))
		return;
	if (seen &&
		(!seen->identity[0] || strcmp(seen->identity, identity) == 0))
		return;
	finding =
		survey_add(survey, FINDING_REFUSAL, "destination", lane->name);
	finding_say(finding, "it was %s when the run was planned, and is %s",
		identity,
		seen ? seen->identity : "no migration of its own any more");
	fix_by_abort(finding, state);
}

/* A silent process is awaited, one that has ended is started again, and a cut
 * over stops the run; the room is reserved before anything is paused; one that
 * is late turns back, if on_failure: lets it. */
static bool is_of_engine(
	const struct survey *survey, const struct finding *finding)
{
	static const char *const names[] = {
		"process", "api", "state", "room", "reach"};
	enum fleet_failure on_failure = survey->fleet->on_failure;

	if (strcmp(finding->check, "time") == 0)
		return on_failure == FLEET_FAILURE_ROLLBACK ||
		       on_failure == FLEET_FAILURE_RESTORE;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], finding->check) == 0)
			return true;
	return survey_is_delivered(survey) &&
	       (strcmp(finding->check, "artifact") == 0 ||
		       strcmp(finding->check, "signature") == 0);
}

static const struct claim *claim_of(
	const struct survey *survey, const struct finding *finding)
{
	if (strcmp(finding->check, "claim") != 0)
		return NULL;
	return survey_claim(survey, finding);
}

static bool is_ours(const struct claim *claim, const struct run_state *state,
	const char *lost)
{
	return claim && (strcmp(claim->run, state->run) == 0 ||
				(lost && strcmp(claim->run, lost) == 0));
}

void again_judge(
	struct survey *survey, const struct run_state *state, const char *lost)
{
	for (unsigned i = 0; i < survey->instance_count; i++)
		compare_version(survey, state, &survey->instance[i]);
	for (unsigned i = 0; i < state->lane_count; i++)
		compare_lane(survey, state, &state->lane[i]);
	for (unsigned i = 0; i < survey->finding_count; i++) {
		struct finding *finding = &survey->finding[i];

		if (finding->level == FINDING_REFUSAL &&
			(is_of_engine(survey, finding) ||
				is_ours(claim_of(survey, finding), state,
					lost)))
			finding->level = FINDING_WARNING;
	}
}
