/*
 * run_state.c - the fold: one function per kind of record, found by a table.
 *
 * An unknown kind of record is an error: a reader that skipped what it does
 * not know could decide on half the truth.  Unknown members are ignored.
 */
#include "state/run_state.h"

#include <stdlib.h>
#include <string.h>

typedef bool apply_fn(
	struct run_state *state, const struct record *record, struct err *err);

static bool replace(char **text, const char *by, struct err *err)
{
	char *copied = by ? strdup(by) : NULL;

	if (by && !copied)
		return err_set(err, ERR_MEMORY, "out of memory");
	free(*text);
	*text = copied;
	return true;
}

static void forget(char **text)
{
	free(*text);
	*text = NULL;
}

static void copy(char *to, size_t size, const char *from)
{
	size_t len = from ? strnlen(from, size - 1) : 0;

	if (len)
		memcpy(to, from, len);
	to[len] = '\0';
}

static const char *text_of(const json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

static int64_t number_of(const json_t *json, const char *key)
{
	return json_integer_value(json_object_get(json, key));
}

static void course_done(struct run_course *course)
{
	for (unsigned i = 0; i < course->stage_count; i++) {
		struct run_stage *stage = &course->stage[i];

		for (unsigned j = 0; j < stage->step_count; j++) {
			json_decref(stage->step[j].saw);
			free(stage->step[j].why);
			free(stage->step[j].note);
		}
		free(stage->step);
	}
	free(course->stage);
	memset(course, 0, sizeof(*course));
}

void run_state_done(struct run_state *state)
{
	for (unsigned i = 0; i < state->lane_count; i++) {
		struct run_lane *lane = &state->lane[i];

		course_done(&lane->forward);
		course_done(&lane->back);
		json_decref(lane->back_json);
		json_decref(lane->turn_log);
		json_decref(lane->halt_log);
		free(lane->turn_why);
		free(lane->halt_why);
		free(lane->halt_decide);
	}
	free(state->lane);
	for (unsigned i = 0; i < state->answer_count; i++) {
		free(state->answer[i].step);
		free(state->answer[i].target);
		free(state->answer[i].answer);
	}
	free(state->answer);
	json_decref(state->head);
	memset(state, 0, sizeof(*state));
}

static bool build_stage(
	struct run_stage *stage, const json_t *json, struct err *err)
{
	const json_t *targets = json_object_get(json, "targets");

	stage->kind = text_of(json, "kind");
	stage->json = json;
	stage->patience_s = number_of(json, "patience_s");
	stage->quiet_s = number_of(json, "quiet_s");
	if (!stage->kind || json_array_size(targets) == 0)
		return err_set(
			err, ERR_JOURNAL, "stage without kind or targets");
	stage->step = calloc(json_array_size(targets), sizeof(*stage->step));
	if (!stage->step)
		return err_set(err, ERR_MEMORY, "out of memory");
	stage->step_count = (unsigned)json_array_size(targets);
	for (unsigned i = 0; i < stage->step_count; i++) {
		stage->step[i].target =
			json_string_value(json_array_get(targets, i));
		if (!stage->step[i].target)
			return err_set(err, ERR_JOURNAL,
				"stage %s has a target that is no name",
				stage->kind);
	}
	return true;
}

static bool build_course(
	struct run_course *course, const json_t *stages, struct err *err)
{
	size_t count = json_array_size(stages);

	course->stage = calloc(count ? count : 1, sizeof(*course->stage));
	if (!course->stage)
		return err_set(err, ERR_MEMORY, "out of memory");
	for (size_t i = 0; i < count; i++) {
		course->stage_count++;
		if (!build_stage(
			    &course->stage[i], json_array_get(stages, i), err))
			return false;
	}
	return true;
}

bool run_state_of_plan(
	struct run_state *state, const json_t *plan, struct err *err)
{
	const json_t *lanes = json_object_get(plan, "lanes");
	size_t count = json_array_size(lanes);

	state->plan = plan;
	state->lane = calloc(count ? count : 1, sizeof(*state->lane));
	if (!state->lane)
		return err_set(err, ERR_MEMORY, "out of memory");
	for (size_t i = 0; i < count; i++) {
		struct run_lane *lane = &state->lane[i];

		state->lane_count++;
		lane->json = json_array_get(lanes, i);
		lane->name = text_of(lane->json, "name");
		if (!lane->name)
			return err_set(err, ERR_JOURNAL, "lane without a name");
		if (!build_course(&lane->forward,
			    json_object_get(lane->json, "stages"), err))
			return err_wrap(err, "lane %s", lane->name);
	}
	return true;
}

static const char *const how_names[] = {
	[RUN_HOW_NONE] = "",
	[RUN_HOW_ACTED] = "acted",
	[RUN_HOW_FOUND] = "found",
	[RUN_HOW_RECOVERED] = "recovered",
};

static const char *const outcome_names[] = {
	[RUN_UNFINISHED] = "unfinished",
	[RUN_REACHED] = "reached",
	[RUN_TURNED_BACK] = "turned-back",
	[RUN_ABORTED] = "aborted",
};

static const char *const request_names[] = {
	[RUN_REQUEST_NONE] = "forward",
	[RUN_REQUEST_ROLLBACK] = "rollback",
	[RUN_REQUEST_ABORT] = "abort",
};

const char *run_how_name(enum run_how how)
{
	return how_names[how];
}

const char *run_outcome_name(enum run_outcome outcome)
{
	return outcome_names[outcome];
}

static bool parse_word(const char *const *words, size_t count, const char *word,
	unsigned *ret_value)
{
	for (size_t i = 0; word && i < count; i++) {
		if (strcmp(words[i], word) == 0) {
			*ret_value = (unsigned)i;
			return true;
		}
	}
	return false;
}

/* Any later intent, done or failure of that step has used the answer up. */
static void use_answers(
	struct run_state *state, const char *step, const char *target)
{
	for (unsigned i = 0; i < state->answer_count; i++)
		if (strcmp(state->answer[i].step, step) == 0 &&
			strcmp(state->answer[i].target, target) == 0)
			state->answer[i].used = true;
}

static bool apply_run(
	struct run_state *state, const struct record *record, struct err *err)
{
	if (state->head)
		return err_set(err, ERR_JOURNAL, "a second run record");
	state->head = json_incref(record->json);
	copy(state->run, sizeof(state->run), text_of(record->json, "run"));
	copy(state->boot, sizeof(state->boot), text_of(record->json, "boot"));
	copy(state->syncup, sizeof(state->syncup),
		text_of(record->json, "syncup"));
	state->pid = (int)number_of(record->json, "pid");
	state->started_at = number_of(record->json, "at");
	return run_state_of_plan(
		state, json_object_get(record->json, "plan"), err);
}

static bool apply_resumed(
	struct run_state *state, const struct record *record, struct err *err)
{
	(void)err;
	copy(state->boot, sizeof(state->boot), text_of(record->json, "boot"));
	copy(state->syncup, sizeof(state->syncup),
		text_of(record->json, "syncup"));
	state->pid = (int)number_of(record->json, "pid");
	state->resumed++;
	for (unsigned i = 0; i < state->lane_count; i++) {
		struct run_lane *lane = &state->lane[i];

		lane->halt_code = 0;
		json_decref(lane->halt_log);
		lane->halt_log = NULL;
		forget(&lane->halt_why);
		forget(&lane->halt_decide);
	}
	return true;
}

/* Which step does the record speak of? */
static struct run_step *find_step(struct run_state *state,
	const struct record *record, struct run_lane **ret_lane,
	unsigned *ret_stage, struct err *err)
{
	struct run_lane *lane =
		run_state_lane(state, text_of(record->json, "lane"));
	const char *kind = text_of(record->json, "step");
	int64_t index = number_of(record->json, "stage");
	struct run_course *course;
	struct run_step *step = NULL;

	if (lane) {
		course = run_lane_course(lane);
		if (index >= 0 && index < (int64_t)course->stage_count &&
			kind && strcmp(course->stage[index].kind, kind) == 0)
			step = run_stage_step(&course->stage[index],
				text_of(record->json, "target"));
	}
	if (!step) {
		(void)err_set(err, ERR_JOURNAL,
			"record %llu speaks of a step that the plan lacks",
			(unsigned long long)record->seq);
		return NULL;
	}
	*ret_lane = lane;
	*ret_stage = (unsigned)index;
	return step;
}

static void set_saw(struct run_step *step, const struct record *record)
{
	json_t *saw = json_object_get(record->json, "saw");

	if (saw) {
		json_decref(step->saw);
		step->saw = json_incref(saw);
	}
}

static bool apply_intent(
	struct run_state *state, const struct record *record, struct err *err)
{
	struct run_lane *lane;
	unsigned stage;
	struct run_step *step = find_step(state, record, &lane, &stage, err);

	if (!step)
		return false;
	step->status = RUN_INTENT;
	step->recheck = false;
	step->intents++;
	step->intent_seq = record->seq;
	step->intent_at = number_of(record->json, "at");
	step->intent_up = number_of(record->json, "up");
	if (!step->first_intent_at)
		step->first_intent_at = step->intent_at;
	copy(step->intent_boot, sizeof(step->intent_boot), state->boot);
	set_saw(step, record);
	forget(&step->note);
	use_answers(
		state, run_lane_course(lane)->stage[stage].kind, step->target);
	return true;
}

static bool apply_done(
	struct run_state *state, const struct record *record, struct err *err)
{
	struct run_lane *lane;
	unsigned stage, how = RUN_HOW_NONE;
	struct run_step *step = find_step(state, record, &lane, &stage, err);

	if (!step)
		return false;
	if (!parse_word(how_names, sizeof(how_names) / sizeof(how_names[0]),
		    text_of(record->json, "how"), &how) ||
		how == RUN_HOW_NONE)
		return err_set(err, ERR_JOURNAL, "record %llu: unknown \"how\"",
			(unsigned long long)record->seq);
	step->status = RUN_DONE;
	step->recheck = false;
	step->failures = 0;
	if (how != RUN_HOW_FOUND || step->how == RUN_HOW_NONE)
		step->how = (enum run_how)how;
	step->done_at = number_of(record->json, "at");
	set_saw(step, record);
	forget(&step->note);
	use_answers(
		state, run_lane_course(lane)->stage[stage].kind, step->target);
	return true;
}

static bool apply_failed(
	struct run_state *state, const struct record *record, struct err *err)
{
	struct run_lane *lane;
	unsigned stage;
	struct run_step *step = find_step(state, record, &lane, &stage, err);

	if (!step)
		return false;
	step->failures++;
	step->failed_seq = step->intent_seq;
	use_answers(
		state, run_lane_course(lane)->stage[stage].kind, step->target);
	return replace(&step->why, text_of(record->json, "why"), err);
}

static bool apply_reopen(
	struct run_state *state, const struct record *record, struct err *err)
{
	struct run_lane *lane;
	unsigned stage;
	struct run_step *step = find_step(state, record, &lane, &stage, err);
	struct run_course *course;

	if (!step)
		return false;
	step->status = RUN_PENDING;
	step->reopened++;
	/* What came later rested on it: to be looked at again, all of it. */
	course = run_lane_course(lane);
	for (unsigned i = stage + 1; i < course->stage_count; i++)
		for (unsigned j = 0; j < course->stage[i].step_count; j++)
			if (course->stage[i].step[j].status == RUN_DONE)
				course->stage[i].step[j].recheck = true;
	return true;
}

static bool parse_outcome(const struct record *record,
	enum run_outcome *ret_outcome, struct err *err)
{
	unsigned value;

	if (!parse_word(outcome_names,
		    sizeof(outcome_names) / sizeof(outcome_names[0]),
		    text_of(record->json, "outcome"), &value))
		return err_set(err, ERR_JOURNAL, "record %llu: unknown outcome",
			(unsigned long long)record->seq);
	*ret_outcome = (enum run_outcome)value;
	return true;
}

static void set_log(json_t **log, const struct record *record)
{
	json_t *lines = json_object_get(record->json, "log");

	json_decref(*log);
	*log = json_is_array(lines) ? json_incref(lines) : NULL;
}

static bool apply_turn(
	struct run_state *state, const struct record *record, struct err *err)
{
	struct run_lane *lane =
		run_state_lane(state, text_of(record->json, "lane"));

	if (!lane)
		return err_set(err, ERR_JOURNAL, "turn of an unknown lane");
	/* A lane on its way back may still be left as it is (abort). */
	course_done(&lane->back);
	json_decref(lane->back_json);
	lane->back_json = NULL;
	if (!parse_outcome(record, &lane->turn_outcome, err))
		return false;
	lane->turned = true;
	set_log(&lane->turn_log, record);
	lane->back_json = json_incref(json_object_get(record->json, "course"));
	return replace(&lane->turn_why, text_of(record->json, "why"), err) &&
	       build_course(&lane->back, lane->back_json, err);
}

static bool apply_halt(
	struct run_state *state, const struct record *record, struct err *err)
{
	struct run_lane *lane =
		run_state_lane(state, text_of(record->json, "lane"));

	if (!lane)
		return err_set(err, ERR_JOURNAL, "halt of an unknown lane");
	lane->halt_code = (int)number_of(record->json, "code");
	set_log(&lane->halt_log, record);
	return replace(&lane->halt_why, text_of(record->json, "why"), err) &&
	       replace(&lane->halt_decide, text_of(record->json, "decide"),
		       err);
}

static bool apply_answer(
	struct run_state *state, const struct record *record, struct err *err)
{
	const char *step = text_of(record->json, "step");
	const char *target = text_of(record->json, "target");
	const char *answer = text_of(record->json, "answer");
	struct run_answer *more;

	if (!step || !target || !answer)
		return err_set(err, ERR_JOURNAL, "answer without its members");
	more = realloc(state->answer,
		(state->answer_count + 1) * sizeof(*state->answer));
	if (!more)
		return err_set(err, ERR_MEMORY, "out of memory");
	state->answer = more;
	more += state->answer_count++;
	memset(more, 0, sizeof(*more));
	if (!replace(&more->step, step, err) ||
		!replace(&more->target, target, err) ||
		!replace(&more->answer, answer, err))
		return false;
	for (unsigned i = 0; i < state->lane_count; i++) {
		struct run_course *course = run_lane_course(&state->lane[i]);
		const struct run_stage *stage = run_course_stage(course, step);
		struct run_step *of =
			stage ? run_stage_step(stage, target) : NULL;

		if (of)
			of->failures = 0;
	}
	return true;
}

static bool apply_request(
	struct run_state *state, const struct record *record, struct err *err)
{
	unsigned what;

	if (!parse_word(request_names,
		    sizeof(request_names) / sizeof(request_names[0]),
		    text_of(record->json, "what"), &what))
		return err_set(err, ERR_JOURNAL, "record %llu: unknown request",
			(unsigned long long)record->seq);
	state->request = (enum run_request)what;
	if (json_is_true(json_object_get(record->json, "restore")))
		state->request_restore = true;
	return true;
}

static bool apply_lane_end(
	struct run_state *state, const struct record *record, struct err *err)
{
	struct run_lane *lane =
		run_state_lane(state, text_of(record->json, "lane"));

	if (!lane)
		return err_set(err, ERR_JOURNAL, "end of an unknown lane");
	lane->end_at = number_of(record->json, "at");
	return parse_outcome(record, &lane->outcome, err);
}

static bool apply_end(
	struct run_state *state, const struct record *record, struct err *err)
{
	state->exit_code = (int)number_of(record->json, "exit");
	state->ended_at = number_of(record->json, "at");
	return parse_outcome(record, &state->outcome, err);
}

static bool apply_stopped(
	struct run_state *state, const struct record *record, struct err *err)
{
	(void)state, (void)record, (void)err;
	return true;
}

static bool apply_clock(
	struct run_state *state, const struct record *record, struct err *err)
{
	struct run_lane *lane =
		run_state_lane(state, text_of(record->json, "lane"));

	if (!lane)
		return err_set(err, ERR_JOURNAL, "clock of an unknown lane");
	run_clock_apply(&lane->clock, record, state->boot);
	return true;
}

static bool apply_note(
	struct run_state *state, const struct record *record, struct err *err)
{
	struct run_lane *lane;
	unsigned stage;
	struct run_step *step;

	if (!text_of(record->json, "target"))
		return true;
	step = find_step(state, record, &lane, &stage, NULL);
	if (!step)
		return true;
	step->note_at = number_of(record->json, "since");
	return replace(&step->note, text_of(record->json, "text"), err);
}

static const struct {
	const char *kind;
	apply_fn *apply;
} kinds[] = {
	{"run", apply_run},
	{"resumed", apply_resumed},
	{"intent", apply_intent},
	{"done", apply_done},
	{"failed", apply_failed},
	{"reopen", apply_reopen},
	{"turn", apply_turn},
	{"halt", apply_halt},
	{"answer", apply_answer},
	{"request", apply_request},
	{"lane-end", apply_lane_end},
	{"stopped", apply_stopped},
	{"end", apply_end},
	{"clock", apply_clock},
	{"note", apply_note},
};

bool run_state_apply(void *arg, const struct record *record, struct err *err)
{
	struct run_state *state = arg;
	const char *kind = record_kind(record);

	if (!state->head && strcmp(kind, "run") != 0)
		return err_set(err, ERR_JOURNAL,
			"the first record is not of kind run");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].kind, kind) != 0)
			continue;
		state->last_at = number_of(record->json, "at");
		state->records++;
		return kinds[i].apply(state, record, err);
	}
	return err_set(err, ERR_JOURNAL,
		"record %llu is of unknown kind \"%.40s\": written by a newer "
		"syncup",
		(unsigned long long)record->seq, kind);
}
