/*
 * table.c - a run as text and as JSON, for status and for the end of a run.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "state/sys.h"
#include "supervisor/plan/margin.h"
#include "supervisor/report/report.h"

static const char *duration(char *buf, size_t size, int64_t ms, bool still)
{
	if (ms < 0)
		(void)snprintf(buf, size, "-");
	else if (ms < 600000)
		(void)snprintf(buf, size, "%lld.%lld s%s", (long long)ms / 1000,
			(long long)ms % 1000 / 100, still ? " so far" : "");
	else
		(void)snprintf(buf, size, "%lld min%s", (long long)ms / 60000,
			still ? " so far" : "");
	return buf;
}

static const char *clock_text(char *buf, size_t size, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	if (!ms || !gmtime_r(&seconds, &tm) ||
		!strftime(buf, size, "%Y-%m-%d %H:%M:%S UTC", &tm))
		(void)snprintf(buf, size, "-");
	return buf;
}

void report_table(const struct run_state *state, int64_t now, FILE *out)
{
	struct report_process *list;
	unsigned count = report_processes(state, now, &list);
	char paused[32], stopped[32];

	(void)fprintf(out, "%-20s %-10s %-10s %-15s %-15s %s\n", "PROCESS",
		"BEFORE", "NOW", "PAUSED", "STOPPED", "STATE");
	for (unsigned i = 0; i < count; i++)
		(void)fprintf(out, "%-20s %-10s %-10s %-15s %-15s %s%s%s\n",
			list[i].called, list[i].before, list[i].after,
			duration(paused, sizeof(paused), list[i].paused_ms,
				list[i].still_paused),
			duration(stopped, sizeof(stopped), list[i].stopped_ms,
				list[i].still_stopped),
			list[i].state, list[i].note[0] ? ": " : "",
			list[i].note);
	free(list);
}

static const char *stage_now(struct run_lane *lane)
{
	const struct run_course *course = run_lane_course(lane);

	for (unsigned i = 0; i < course->stage_count; i++)
		for (unsigned j = 0; j < course->stage[i].step_count; j++) {
			const struct run_step *step = &course->stage[i].step[j];

			if (step->status != RUN_DONE || step->recheck)
				return course->stage[i].kind;
		}
	return "the end";
}

static const json_t *log_of(const struct run_lane *lane)
{
	return lane->outcome == RUN_UNFINISHED && lane->halt_log
		       ? lane->halt_log
		       : lane->turn_log;
}

static json_t *log_json(const struct run_lane *lane)
{
	const json_t *log = log_of(lane);

	return log ? json_deep_copy(log) : json_array();
}

static void print_log(const json_t *log, FILE *out)
{
	size_t i;
	json_t *line;

	json_array_foreach (log, i, line)
		if (json_is_string(line))
			(void)fprintf(out, "\n  its log: %s",
				json_string_value(line));
}

/* A view is shown on the supervisor's host, perhaps in its boot. */
int64_t report_stood_ms(const struct run_clock *clock, int64_t now)
{
	bool same = strcmp(clock->boot, sys_boot_id()) == 0;

	return run_clock_stood_ms(
		clock, now, same ? sys_boottime_ms() : clock->up, clock->boot);
}

const char *report_clock(
	const struct run_clock *clock, int64_t now, char *buf, size_t size)
{
	char still[32], left[32];
	int64_t stood, left_ms;

	buf[0] = '\0';
	if (!clock->runs)
		return buf;
	stood = report_stood_ms(clock, now);
	left_ms = run_clock_left_ms(clock, stood);
	margin_duration(still, sizeof(still), stood / 1000);
	if (left_ms < 0)
		(void)snprintf(buf, size, "for %s", still);
	else
		(void)snprintf(buf, size, "for %s, %s left (%s)%s", still,
			margin_duration(left, sizeof(left), left_ms / 1000),
			margin_how_text(clock->how),
			clock->loud >= 3   ? ": HURRY"
			: clock->loud >= 1 ? ": time runs out"
					   : "");
	return buf;
}

static json_t *clock_json(const struct run_clock *clock, int64_t now)
{
	int64_t stood;

	if (!clock->runs)
		return json_null();
	stood = report_stood_ms(clock, now);
	return json_pack("{s:I, s:I, s:I, s:i, s:s, s:i}", "since",
		(json_int_t)clock->since, "stood_ms", (json_int_t)stood,
		"left_ms", (json_int_t)run_clock_left_ms(clock, stood),
		"used_percent", (int)run_clock_used(clock, stood), "how",
		clock->how, "loud", (int)clock->loud);
}

void report_lanes(const struct run_state *state, int64_t now, FILE *out)
{
	char when[40], clock[200];
	int64_t finish_by = json_integer_value(json_object_get(
		json_object_get(state->plan, "time"), "finish_by"));

	(void)fprintf(out, "run %s, started %s", state->run,
		clock_text(when, sizeof(when), state->started_at));
	if (state->resumed)
		(void)fprintf(out, ", taken up again %u time%s", state->resumed,
			state->resumed == 1 ? "" : "s");
	if (finish_by && state->outcome == RUN_UNFINISHED)
		(void)fprintf(out, ", to be over by %s%s",
			clock_text(when, sizeof(when), finish_by),
			now > finish_by ? ": it is LATE" : "");
	(void)fprintf(out, "\n");
	for (unsigned i = 0; i < state->lane_count; i++) {
		struct run_lane *lane = &state->lane[i];

		(void)fprintf(out, "lane %s: ", lane->name);
		if (lane->outcome != RUN_UNFINISHED)
			(void)fprintf(
				out, "%s", run_outcome_name(lane->outcome));
		else
			(void)fprintf(out, "%sat %s",
				lane->turned ? "going back, " : "",
				stage_now(lane));
		if (lane->turned && lane->turn_why)
			(void)fprintf(out, " (%s)", lane->turn_why);
		if (report_clock(&lane->clock, now, clock, sizeof(clock))[0])
			(void)fprintf(out, "\n  stands still %s", clock);
		if (lane->outcome == RUN_UNFINISHED && lane->halt_why)
			(void)fprintf(out, "\n  stopped: %s", lane->halt_why);
		print_log(log_of(lane), out);
		(void)fprintf(out, "\n");
	}
}

void report_present(const struct run_state *state, FILE *out)
{
	struct report_process *list;
	unsigned count = report_processes(state, state->last_at, &list);
	const char *comma = "";
	char clock[200];

	for (unsigned i = 0; i < count; i++) {
		bool paused = list[i].still_paused &&
			      strcmp(list[i].state, "RUNNING") != 0;

		if (!list[i].still_stopped && !paused)
			continue;
		(void)fprintf(out, "%s%s is %s", comma, list[i].called,
			list[i].still_stopped ? "stopped" : "paused");
		comma = "; ";
	}
	for (unsigned i = 0; comma[0] && i < state->lane_count; i++) {
		const struct run_lane *lane = &state->lane[i];

		if (report_clock(&lane->clock, state->last_at, clock,
			    sizeof(clock))[0])
			(void)fprintf(out, "; lane %s stands still %s",
				lane->name, clock);
	}
	if (comma[0])
		(void)fprintf(out, ".\n");
	else
		(void)fprintf(out, "No process is paused or stopped by us.\n");
	free(list);
}

/* The question that a lane has stopped with, or NULL. */
static const char *question(const struct run_state *state)
{
	for (unsigned i = 0; i < state->lane_count; i++) {
		const struct run_lane *lane = &state->lane[i];

		if (lane->outcome == RUN_UNFINISHED && lane->halt_decide &&
			lane->halt_decide[0])
			return lane->halt_decide;
	}
	return NULL;
}

const char *report_next(const struct run_state *state, int code,
	const char *operand, char *buf, size_t size)
{
	const char *decide = code == 7 ? question(state) : NULL;

	buf[0] = '\0';
	if (decide)
		(void)snprintf(buf, size,
			"syncup run --answer %s=again %s   (or =done, if you "
			"made it so; or =stop)",
			decide, operand);
	else if (code == 9)
		(void)snprintf(buf, size,
			"syncup run --retry %s   when the reason is gone",
			operand);
	else if (code)
		(void)snprintf(buf, size,
			"syncup run %s   to go on, or syncup rollback %s",
			operand, operand);
	return buf;
}

json_t *report_processes_json(const struct run_state *state, int64_t now)
{
	struct report_process *list;
	unsigned count = report_processes(state, now, &list);
	json_t *processes = json_array();

	for (unsigned i = 0; i < count; i++)
		(void)json_array_append_new(processes,
			json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:b, "
				  "s:b, s:s, s:s, s:s*}",
				"name", list[i].name, "lane", list[i].lane,
				"before", list[i].before, "now", list[i].after,
				"state", list[i].state, "paused_ms",
				(json_int_t)list[i].paused_ms, "stopped_ms",
				(json_int_t)list[i].stopped_ms, "paused",
				(int)list[i].still_paused, "stopped",
				(int)list[i].still_stopped, "step",
				list[i].doing, "waiting_for", list[i].note,
				"host", list[i].host));
	free(list);
	return processes;
}

json_t *report_json(const struct run_state *state, int64_t now)
{
	json_t *lanes = json_array();

	for (unsigned i = 0; i < state->lane_count; i++) {
		struct run_lane *lane = &state->lane[i];

		(void)json_array_append_new(lanes,
			json_pack("{s:s, s:s, s:b, s:s, s:i, s:s?, s:s?, s:s?, "
				  "s:o, s:o}",
				"name", lane->name, "outcome",
				run_outcome_name(lane->outcome), "turned",
				(int)lane->turned, "stage", stage_now(lane),
				"exit", lane->halt_code, "why", lane->halt_why,
				"turned_why", lane->turn_why, "decide",
				lane->halt_decide, "log", log_json(lane),
				"clock", clock_json(&lane->clock, now)));
	}
	return json_pack("{s:i, s:O?, s:s, s:s, s:I, s:I, s:i, s:i, s:o, s:o}",
		"schema", 1, "time", json_object_get(state->plan, "time"),
		"run", state->run, "outcome", run_outcome_name(state->outcome),
		"started_at", (json_int_t)state->started_at, "last_at",
		(json_int_t)state->last_at, "exit", state->exit_code, "resumed",
		(int)state->resumed, "lanes", lanes, "processes",
		report_processes_json(state, now));
}

void report_plan(const struct run_state *state, FILE *out)
{
	for (unsigned i = 0; i < state->lane_count; i++) {
		const struct run_lane *lane = &state->lane[i];

		(void)fprintf(out, "lane %s\n", lane->name);
		for (unsigned j = 0; j < lane->forward.stage_count; j++) {
			const struct run_stage *stage = &lane->forward.stage[j];
			const char *version = json_string_value(
				json_object_get(stage->json, "version"));

			(void)fprintf(out, "  %2u %-10s", j + 1, stage->kind);
			for (unsigned k = 0; k < stage->step_count; k++) {
				const char *name = stage->step[k].target;
				const char *host =
					report_process_host(state, name);

				(void)fprintf(out, " %s%s%s%s", name,
					host ? "[" : "", host ? host : "",
					host ? "]" : "");
			}
			if (version)
				(void)fprintf(out, "  (%s)", version);
			if (strcmp(stage->kind, "start") == 0)
				(void)fprintf(out,
					"  <- from here on the way back "
					"depends on what the new version did");
			(void)fprintf(out, "\n");
		}
	}
}
