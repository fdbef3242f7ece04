/*
 * record_text.c - one record of a journal as a line for people.
 */
#include <stdio.h>
#include <string.h>

#include "supervisor/engine/step.h"
#include "supervisor/memory.h"
#include "supervisor/report/report.h"

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static bool is(const json_t *json, const char *kind)
{
	return strcmp(text_of(json, "kind"), kind) == 0;
}

/* "pausing shard0" */
static void say_doing(
	FILE *out, const struct run_state *state, const json_t *json)
{
	const char *host = report_process_host(state, text_of(json, "target"));
	const struct step_kind *kind = step_kind_find(text_of(json, "step"));
	const char *doing = kind ? kind->doing : "%s";
	const char *mark = strstr(doing, "%s");

	(void)fprintf(out, "%.*s%s%s%s%s", (int)(mark - doing), doing,
		text_of(json, "target"), host ? " on " : "", host ? host : "",
		mark + 2);
}

/* What became of a step: comes after what it is doing. */
static bool say_step(FILE *out, const json_t *json)
{
	const char *detail = text_of(json, "detail");

	if (is(json, "intent"))
		(void)fprintf(out, "%s",
			json_is_true(json_object_get(json, "again")) ? " again"
								     : "");
	else if (is(json, "done"))
		(void)fprintf(out, ": done%s%s%s", detail[0] ? " (" : "",
			detail, detail[0] ? ")" : "");
	else if (is(json, "failed"))
		(void)fprintf(out, ": failed: %s", text_of(json, "why"));
	else if (is(json, "reopen"))
		(void)fprintf(out, ": no longer so: %s", text_of(json, "why"));
	else if (is(json, "note") && text_of(json, "target")[0])
		(void)fprintf(out, ": waiting: %s", text_of(json, "text"));
	else if (is(json, "answer"))
		(void)fprintf(out, ": the operator answers: %s",
			text_of(json, "answer"));
	else
		return false;
	return true;
}

static bool say_lane(FILE *out, const json_t *json)
{
	const char *lane = text_of(json, "lane");

	if (is(json, "clock") || is(json, "note"))
		(void)fprintf(out, "%s", text_of(json, "text"));
	else if (is(json, "turn"))
		(void)fprintf(out, "lane %s turns back: %s", lane,
			text_of(json, "why"));
	else if (is(json, "halt"))
		(void)fprintf(
			out, "lane %s stops: %s", lane, text_of(json, "why"));
	else if (is(json, "lane-end"))
		(void)fprintf(
			out, "lane %s: %s", lane, text_of(json, "outcome"));
	else
		return false;
	return true;
}

static void say_run(
	FILE *out, const struct run_state *state, const json_t *json)
{
	if (is(json, "run"))
		(void)fprintf(out, "run %s begins", state->run);
	else if (is(json, "resumed"))
		(void)fprintf(out, "run %s is taken up again", state->run);
	else if (is(json, "request") &&
		 strcmp(text_of(json, "what"), "forward") == 0)
		(void)fprintf(out, "the request is refused");
	else if (is(json, "request"))
		(void)fprintf(
			out, "the operator asks for %s", text_of(json, "what"));
	else if (is(json, "stopped"))
		(void)fprintf(out, "stopped: %s", text_of(json, "why"));
	else
		(void)fprintf(out, "%s %s", text_of(json, "kind"),
			text_of(json, "outcome"));
}

char *report_record_text(const struct run_state *state, const json_t *json)
{
	char *text = NULL;
	size_t size;
	FILE *out;

	if (is(json, "note") && !text_of(json, "target")[0] &&
		!text_of(json, "lane")[0])
		return NULL;
	out = memory_must(open_memstream(&text, &size));
	if (text_of(json, "step")[0] && !is(json, "halt"))
		say_doing(out, state, json);
	if (!say_step(out, json) && !say_lane(out, json))
		say_run(out, state, json);
	if (fclose(out) != 0 || !text)
		memory_out();
	return text;
}
