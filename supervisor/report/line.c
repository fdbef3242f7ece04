/*
 * line.c - a whole run in one line, for "systemctl status".
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "supervisor/engine/step.h"
#include "supervisor/report/report.h"

struct line {
	char *at;
	size_t left;
};

static void add(struct line *line, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(line->at, line->left, fmt, args);
	va_end(args);
	if (len < 0)
		return;
	/* What does not fit is cut. */
	if ((size_t)len >= line->left)
		len = line->left ? (int)line->left - 1 : 0;
	line->at += len;
	line->left -= (size_t)len;
}

static bool is_open(const struct run_step *step)
{
	return step->status != RUN_DONE || step->recheck;
}

/* "stopping shard1 and 2 more" */
static void add_doing(struct line *line, const struct run_stage *stage)
{
	const struct step_kind *kind = step_kind_find(stage->kind);
	const char *doing = kind ? kind->doing : "%s";
	const char *mark = strstr(doing, "%s");
	const char *first = NULL;
	unsigned open = 0;

	for (unsigned i = 0; i < stage->step_count; i++) {
		if (!is_open(&stage->step[i]))
			continue;
		if (!first)
			first = stage->step[i].target;
		open++;
	}
	if (!first)
		return;
	add(line, "%.*s%s", (int)(mark - doing), doing, first);
	if (open > 1)
		add(line, " and %u more", open - 1);
	add(line, "%s", mark + 2);
}

/* The first stage with an open step, or NULL. */
static const struct run_stage *stage_at(const struct run_course *course)
{
	for (unsigned i = 0; i < course->stage_count; i++)
		for (unsigned j = 0; j < course->stage[i].step_count; j++)
			if (is_open(&course->stage[i].step[j]))
				return &course->stage[i];
	return NULL;
}

static const char *fleet_word(const struct run_state *state, const char *key)
{
	const char *word = json_string_value(
		json_object_get(json_object_get(state->plan, "fleet"), key));

	return word ? word : "";
}

static int64_t turn_back_percent(const struct run_state *state)
{
	return json_integer_value(json_object_get(
		json_object_get(state->plan, "fleet"), "turn_back_at"));
}

static void add_clock(struct line *line, const struct run_state *state,
	const struct run_lane *lane, int64_t now)
{
	const char *on_failure = fleet_word(state, "on_failure");
	int64_t stood = report_stood_ms(&lane->clock, now);
	int64_t left = run_clock_left_ms(&lane->clock, stood);
	bool turns =
		!lane->turned && (strcmp(on_failure, "rollback") == 0 ||
					 strcmp(on_failure, "restore") == 0);
	char when[16] = "";
	time_t seconds;
	struct tm tm;

	if (!lane->clock.runs || left < 0)
		return;
	if (turns)
		left = (stood + left) * turn_back_percent(state) / 100 - stood;
	seconds = (time_t)((now + left) / 1000);
	if (!localtime_r(&seconds, &tm) ||
		!strftime(when, sizeof(when), "%H:%M", &tm))
		return;
	add(line, ", %s %s", turns ? "turn back by" : "may stand still until",
		when);
}

static void add_lane(struct line *line, const struct run_state *state,
	struct run_lane *lane, int64_t now)
{
	const struct run_stage *stage = stage_at(run_lane_course(lane));

	add(line, "lane %s: ", lane->name);
	if (lane->outcome != RUN_UNFINISHED) {
		add(line, "%s", run_outcome_name(lane->outcome));
		return;
	}
	if (lane->halt_code)
		add(line, "stopped (%d) at ", lane->halt_code);
	else if (lane->turned)
		add(line, "going back, ");
	if (stage)
		add_doing(line, stage);
	else
		add(line, "at the end");
	add_clock(line, state, lane, now);
}

const char *report_line(
	const struct run_state *state, int64_t now, char *buf, size_t size)
{
	struct line line = {buf, size};
	const char *version = fleet_word(state, "version");
	struct report_process *list;
	unsigned count = report_processes(state, now, &list);
	unsigned reached = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < count; i++)
		reached += strcmp(list[i].after, version) == 0;
	free(list);
	/* First what is the same for all: the rest may be cut. */
	add(&line, "%u of %u processes on %s", reached, count, version);
	for (unsigned i = 0; i < state->lane_count; i++) {
		add(&line, "; ");
		add_lane(&line, state, &state->lane[i], now);
	}
	return buf;
}
