/*
 * processes.c - each process's story, read out of the folded journal.
 */
#include <stdlib.h>
#include <string.h>

#include "supervisor/memory.h"
#include "supervisor/report/report.h"

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static bool is_over(const struct run_step *begin, const struct run_step *end)
{
	return end && end->status == RUN_DONE &&
	       end->done_at >= begin->first_intent_at;
}

static bool has_begun(const struct run_step *step)
{
	return step && step->first_intent_at;
}

/* From an effect's first INTENT to the DONE of what undid it.  Both may lie on
 * both ways: a process that came up on the new version is taken down once more
 * on the way back, and was not down in between.  -1: it never was. */
static int64_t time_down(const struct run_lane *lane, const char *down,
	const char *up, const char *name, int64_t now, bool *ret_still)
{
	const struct run_course *courses[] = {&lane->forward, &lane->back};
	const struct run_step *begin = NULL;
	int64_t total = -1;

	for (unsigned i = 0; i < 2; i++) {
		const struct run_step *end =
			run_course_step(courses[i], up, name);

		if (!begin)
			begin = run_course_step(courses[i], down, name);
		if (!has_begun(begin)) {
			begin = NULL;
		} else if (is_over(begin, end)) {
			total = (total < 0 ? 0 : total) + end->done_at -
				begin->first_intent_at;
			begin = NULL;
		}
	}
	*ret_still = begin != NULL;
	if (begin)
		total = (total < 0 ? 0 : total) + now - begin->first_intent_at;
	return total;
}

/* The newest state that any step saw of it. */
static const char *last_state(
	const struct run_lane *lane, const char *name, const char *planned)
{
	const struct run_course *courses[] = {&lane->forward, &lane->back};
	const char *state = planned;
	int64_t at = 0;

	for (unsigned c = 0; c < 2; c++)
		for (unsigned i = 0; i < courses[c]->stage_count; i++) {
			const struct run_step *step =
				run_stage_step(&courses[c]->stage[i], name);
			int64_t seen;

			if (!step)
				continue;
			seen = step->done_at > step->intent_at
				       ? step->done_at
				       : step->intent_at;
			if (seen < at || !seen)
				continue;
			if (strcmp(courses[c]->stage[i].kind, "stop") == 0) {
				if (step->status == RUN_PENDING)
					continue; /* undone by somebody */
				state = step->status == RUN_DONE ? "stopped"
								 : "stopping";
				at = seen;
			} else if (text_of(step->saw, "state")[0]) {
				state = text_of(step->saw, "state");
				at = seen;
			}
		}
	return state;
}

static const char *version_now(
	const struct run_lane *lane, const char *name, const char *before)
{
	const struct run_course *courses[] = {&lane->back, &lane->forward};

	for (unsigned c = 0; c < 2; c++) {
		const struct run_stage *start =
			run_course_stage(courses[c], "start");
		const struct run_step *step =
			start ? run_stage_step(start, name) : NULL;

		if (step && step->status == RUN_DONE)
			return text_of(start->json, "version");
	}
	return before;
}

static void current_step(const struct run_lane *lane, const char *name,
	struct report_process *process)
{
	const struct run_course *course =
		run_lane_course((struct run_lane *)(uintptr_t)lane);

	process->doing = process->note = "";
	if (lane->outcome != RUN_UNFINISHED)
		return;
	for (unsigned i = 0; i < course->stage_count; i++) {
		const struct run_stage *stage = &course->stage[i];

		for (unsigned j = 0; j < stage->step_count; j++) {
			const struct run_step *step = &stage->step[j];

			if (step->status == RUN_DONE && !step->recheck)
				continue;
			/* The first open stage is where the lane is. */
			process->doing = stage->kind;
			if (strcmp(step->target, name) == 0) {
				process->note = step->note ? step->note : "";
				process->note_at = step->note_at;
				return;
			}
		}
		if (process->doing[0])
			return;
	}
}

unsigned report_processes(const struct run_state *state, int64_t now,
	struct report_process **ret_list)
{
	const json_t *targets = json_object_get(state->plan, "targets");
	struct report_process *list = memory_must(
		calloc(json_array_size(targets) + 1, sizeof(*list)));
	unsigned count = 0;
	size_t i;
	json_t *target;

	json_array_foreach (targets, i, target) {
		struct report_process *process = &list[count];
		const char *name = text_of(target, "name");
		const struct run_lane *lane =
			run_state_lane(state, text_of(target, "lane"));

		if (strcmp(text_of(target, "type"), "process") != 0 || !lane)
			continue;
		count++;
		process->name = name;
		process->lane = lane->name;
		process->host =
			json_string_value(json_object_get(target, "host"));
		(void)snprintf(process->called, sizeof(process->called),
			"%s%s%.90s", name, process->host ? " on " : "",
			process->host ? process->host : "");
		process->before = text_of(target, "from");
		process->after = version_now(lane, name, process->before);
		process->state =
			last_state(lane, name, text_of(target, "state"));
		process->paused_ms = time_down(lane, "pause", "resume", name,
			now, &process->still_paused);
		process->stopped_ms = time_down(lane, "stop", "start", name,
			now, &process->still_stopped);
		current_step(lane, name, process);
	}
	*ret_list = list;
	return count;
}

const char *report_process_host(
	const struct run_state *state, const char *target)
{
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(state->plan, "targets"), i, item)
		if (strcmp(text_of(item, "type"), "process") == 0 &&
			strcmp(text_of(item, "name"), target) == 0)
			return json_string_value(json_object_get(item, "host"));
	return NULL;
}
