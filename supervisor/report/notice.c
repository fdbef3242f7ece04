#include "supervisor/report/notice.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/memory.h"
#include "supervisor/report/report.h"

#define TEXT_MAX 9000

struct notice {
	const char *event;
	char id[400];
	int exit; /* -1: none yet */
	char summary[600];
	const char *next; /* NULL: as its exit code says */
};

static json_t *clean(const char *text)
{
	_cleanup_free_ char *scrubbed = scrub(text);
	json_t *json;

	err_mend_text(scrubbed);
	json = json_string(scrubbed);
	return memory_must(json);
}

static json_t *notice_json(const struct notice *notice, const char *run,
	const struct run_state *state, const struct notice_about *about,
	int64_t now)
{
	char host[65] = "", next[TEXT_MAX] = "", status[TEXT_MAX];

	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(
		status, sizeof(status), "syncup status %s", about->operand);
	if (notice->next)
		(void)snprintf(next, sizeof(next), "%s", notice->next);
	else if (state && notice->exit > 0)
		(void)report_next(state, notice->exit, about->operand, next,
			sizeof(next));
	else if (notice->exit > 0)
		(void)snprintf(
			next, sizeof(next), "syncup plan %s", about->operand);
	return memory_must(json_pack(
		"{s:i, s:s, s:s, s:s, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o}",
		"schema", 1, "event", notice->event, "id", notice->id, "fleet",
		about->fleet, "run", run, "host", host, "at", (json_int_t)now,
		"exit",
		notice->exit < 0 ? json_null() : json_integer(notice->exit),
		"summary", clean(notice->summary), "next", clean(next),
		"status", clean(status), "processes",
		state ? report_processes_json(state, now) : json_array()));
}

static struct notice make(const struct run_state *state, const char *event,
	int code, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static struct notice make(const struct run_state *state, const char *event,
	int code, const char *fmt, ...)
{
	struct notice notice = {.event = event, .exit = code};
	va_list args;

	(void)snprintf(
		notice.id, sizeof(notice.id), "%s/%s", state->run, event);
	va_start(args, fmt);
	(void)vsnprintf(notice.summary, sizeof(notice.summary), fmt, args);
	va_end(args);
	return notice;
}

static void add(json_t *list, const struct notice *notice,
	const struct run_state *state, const struct notice_about *about,
	int64_t now)
{
	if (json_array_append_new(list,
		    notice_json(notice, state->run, state, about, now)) != 0)
		memory_out();
}

/* Where it stopped, not when: one that stops there again, without a word from
 * a person in between, was told. */
static struct notice stopped(
	const struct run_state *state, const struct run_lane *lane)
{
	struct notice notice = make(state, "needs-person", lane->halt_code,
		"lane %s stops: %s", lane->name,
		lane->halt_why ? lane->halt_why : "");
	size_t len = strlen(notice.id);

	(void)snprintf(notice.id + len, sizeof(notice.id) - len, "/%s/%s/%d/%u",
		lane->name,
		lane->halt_decide && lane->halt_decide[0]
			? lane->halt_decide
			: (lane->turned ? "back" : "forward"),
		lane->halt_code, state->answer_count);
	return notice;
}

static const char *why_turned(const struct run_state *state)
{
	for (unsigned i = 0; i < state->lane_count; i++)
		if (state->lane[i].outcome == RUN_TURNED_BACK &&
			state->lane[i].turn_why)
			return state->lane[i].turn_why;
	return "";
}

static struct notice ended(const struct run_state *state, int64_t now)
{
	char line[500];

	(void)report_line(state, now, line, sizeof(line));
	if (state->outcome == RUN_REACHED)
		return make(state, "done", state->exit_code, "%s", line);
	if (state->outcome == RUN_TURNED_BACK)
		return make(state, "turned-back", state->exit_code,
			"turned back: %s", why_turned(state));
	return make(state, "aborted", state->exit_code,
		"aborted, all is left as it is: %s", line);
}

json_t *notices(const struct run_state *state, const struct notice_about *about,
	int64_t now)
{
	json_t *list = memory_must(json_array());
	char line[500];
	struct notice notice = make(state, "started", -1, "run %s: %s",
		state->run, report_line(state, now, line, sizeof(line)));

	add(list, &notice, state, about, now);
	for (unsigned i = 0; i < state->lane_count; i++) {
		if (state->lane[i].outcome != RUN_UNFINISHED ||
			!state->lane[i].halt_code)
			continue;
		notice = stopped(state, &state->lane[i]);
		add(list, &notice, state, about, now);
	}
	if (state->outcome != RUN_UNFINISHED) {
		notice = ended(state, now);
		add(list, &notice, state, about, now);
	}
	return list;
}

json_t *notice_refused(const struct notice_about *about, const char *run,
	int code, const char *why, int64_t now)
{
	struct notice notice = {.event = "needs-person", .exit = code};
	uint32_t sum = 2166136261u; /* FNV-1a: the same reason, the same id */

	/* Without its numbers: a lag, a pid or what is free is another each
	 * time. */
	for (const char *at = why; *at; at++)
		if (!isdigit((unsigned char)*at))
			sum = (sum ^ (unsigned char)*at) * 16777619u;
	(void)snprintf(notice.id, sizeof(notice.id), "%s/refused/%d/%08x",
		run[0] ? run : about->fleet, code, sum);
	(void)snprintf(notice.summary, sizeof(notice.summary), "%s", why);
	return notice_json(&notice, run, NULL, about, now);
}

json_t *notice_failed(const struct notice_about *about,
	const struct run_state *state, const char *once, const char *why,
	const char *next, int64_t now)
{
	const char *run = state ? state->run : "";
	struct notice notice = {.event = "failed", .exit = -1, .next = next};

	(void)snprintf(notice.id, sizeof(notice.id), "%s/failed/%s",
		run[0] ? run : about->fleet, once);
	(void)snprintf(notice.summary, sizeof(notice.summary), "%s", why);
	return notice_json(&notice, run, state, about, now);
}
