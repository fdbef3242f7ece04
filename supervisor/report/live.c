/*
 * live.c - what a person sees while a run goes on.
 *
 * On a terminal: one line per process, rewritten.  Elsewhere: a line an event,
 * fit for a log.  Output that fails is dropped; the run goes on.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "state/sys.h"
#include "supervisor/engine/step.h"
#include "supervisor/memory.h"
#include "supervisor/report/report.h"

enum {
	REDRAW_MS = 100,
};

struct live {
	FILE *out;
	bool terminal;
	unsigned drawn; /* lines on the screen that are ours */
	int64_t drawn_ms;
};

struct live *live_new(FILE *out)
{
	struct live *live = memory_must(calloc(1, sizeof(*live)));

	live->out = out;
	live->terminal = isatty(fileno(out)) == 1;
	return live;
}

void live_free(struct live *live)
{
	free(live);
}

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static void say_time(const struct live *live, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	char buf[16];
	struct tm tm;

	if (gmtime_r(&seconds, &tm) &&
		strftime(buf, sizeof(buf), "%H:%M:%S", &tm))
		(void)fprintf(live->out, "%s ", buf);
}

/* "pausing shard0" */
static void say_doing(const struct live *live, const json_t *json)
{
	const struct step_kind *kind = step_kind_find(text_of(json, "step"));
	const char *doing = kind ? kind->doing : "%s";
	const char *mark = strstr(doing, "%s");

	(void)fprintf(live->out, "%.*s%s%s", (int)(mark - doing), doing,
		text_of(json, "target"), mark + 2);
}

static void say_event(const struct live *live, const struct run_state *state,
	const json_t *json)
{
	const char *kind = text_of(json, "kind");

	if (strcmp(kind, "note") == 0 && !text_of(json, "target")[0] &&
		!text_of(json, "lane")[0])
		return;
	say_time(live, json_integer_value(json_object_get(json, "at")));
	if (text_of(json, "step")[0] && strcmp(kind, "halt") != 0)
		say_doing(live, json);
	if (strcmp(kind, "run") == 0)
		(void)fprintf(live->out, "run %s begins", state->run);
	else if (strcmp(kind, "resumed") == 0)
		(void)fprintf(
			live->out, "run %s is taken up again", state->run);
	else if (strcmp(kind, "intent") == 0)
		(void)fprintf(live->out, "%s",
			json_is_true(json_object_get(json, "again")) ? " again"
								     : "");
	else if (strcmp(kind, "done") == 0)
		(void)fprintf(live->out, ": done%s%s%s",
			text_of(json, "detail")[0] ? " (" : "",
			text_of(json, "detail"),
			text_of(json, "detail")[0] ? ")" : "");
	else if (strcmp(kind, "failed") == 0)
		(void)fprintf(live->out, ": failed: %s", text_of(json, "why"));
	else if (strcmp(kind, "reopen") == 0)
		(void)fprintf(
			live->out, ": no longer so: %s", text_of(json, "why"));
	else if (strcmp(kind, "clock") == 0 ||
		 (strcmp(kind, "note") == 0 && !text_of(json, "target")[0]))
		(void)fprintf(live->out, "%s", text_of(json, "text"));
	else if (strcmp(kind, "note") == 0)
		(void)fprintf(
			live->out, ": waiting: %s", text_of(json, "text"));
	else if (strcmp(kind, "turn") == 0)
		(void)fprintf(live->out, "lane %s turns back: %s",
			text_of(json, "lane"), text_of(json, "why"));
	else if (strcmp(kind, "halt") == 0)
		(void)fprintf(live->out, "lane %s stops: %s",
			text_of(json, "lane"), text_of(json, "why"));
	else if (strcmp(kind, "lane-end") == 0)
		(void)fprintf(live->out, "lane %s: %s", text_of(json, "lane"),
			text_of(json, "outcome"));
	else if (strcmp(kind, "answer") == 0)
		(void)fprintf(live->out, ": the operator answers: %s",
			text_of(json, "answer"));
	else if (strcmp(kind, "request") == 0 &&
		 strcmp(text_of(json, "what"), "forward") == 0)
		(void)fprintf(live->out, "the request is refused");
	else if (strcmp(kind, "request") == 0)
		(void)fprintf(live->out, "the operator asks for %s",
			text_of(json, "what"));
	else if (strcmp(kind, "stopped") == 0)
		(void)fprintf(live->out, "stopped: %s", text_of(json, "why"));
	else
		(void)fprintf(
			live->out, "%s %s", kind, text_of(json, "outcome"));
	(void)fprintf(live->out, "\n");
	(void)fflush(live->out);
}

/* One line, cut to the terminal: a wrapped one would spoil the next redraw. */
static void draw_line(struct live *live, const struct report_process *process,
	int64_t now, unsigned columns)
{
	char line[600], down[60] = "", wait[400] = "";

	if (process->still_stopped)
		(void)snprintf(down, sizeof(down), " stopped %lld s",
			(long long)process->stopped_ms / 1000);
	else if (process->still_paused)
		(void)snprintf(down, sizeof(down), " paused %lld s",
			(long long)process->paused_ms / 1000);
	if (process->note[0])
		(void)snprintf(wait, sizeof(wait), "  %.300s (since %lld s)",
			process->note,
			(long long)(now - process->note_at) / 1000);
	(void)snprintf(line, sizeof(line), "%-16.40s %-8s %-12.20s %-10s%s%s",
		process->name, process->after, process->state, process->doing,
		down, wait);
	(void)fprintf(live->out, "\r\033[K%.*s\n", (int)columns - 1, line);
}

/* Returns the number of lines: a lane that stands still has one. */
static unsigned draw_clocks(struct live *live, const struct run_state *state,
	int64_t now, unsigned columns, unsigned most)
{
	char line[400], clock[200];
	unsigned drawn = 0;

	for (unsigned i = 0; i < state->lane_count && drawn < most; i++) {
		const struct run_lane *lane = &state->lane[i];

		if (!report_clock(&lane->clock, now, clock, sizeof(clock))[0])
			continue;
		(void)snprintf(line, sizeof(line), "lane %.64s stands still %s",
			lane->name, clock);
		(void)fprintf(
			live->out, "\r\033[K%.*s\n", (int)columns - 1, line);
		drawn++;
	}
	return drawn;
}

/* With more processes than lines, those that are not done come first. */
static void draw(struct live *live, const struct run_state *state)
{
	int64_t now = sys_wall_ms();
	struct winsize size = {.ws_row = 24, .ws_col = 80};
	struct report_process *list;
	unsigned count = report_processes(state, now, &list);
	unsigned most, drawn = 0, left = 0;

	(void)ioctl(fileno(live->out), TIOCGWINSZ, &size);
	if (size.ws_row < 4 || size.ws_col < 20)
		size = (struct winsize){.ws_row = 24, .ws_col = 80};
	most = size.ws_row - 2u;
	for (unsigned i = 0; i < state->lane_count; i++)
		most -= state->lane[i].clock.runs && most > 2 ? 1 : 0;
	if (live->drawn)
		(void)fprintf(live->out, "\033[%uA", live->drawn);
	for (unsigned i = 0; i < count; i++) {
		if (count > most && (!list[i].doing[0] || drawn >= most - 1)) {
			left++;
			continue;
		}
		draw_line(live, &list[i], now, size.ws_col);
		drawn++;
	}
	if (left) {
		(void)fprintf(live->out, "\r\033[K... and %u more\n", left);
		drawn++;
	}
	drawn += draw_clocks(
		live, state, now, size.ws_col, size.ws_row - 2u - drawn);
	(void)fprintf(live->out, "\033[J");
	(void)fflush(live->out);
	live->drawn = drawn;
	live->drawn_ms = sys_monotonic_ms();
	free(list);
}

void live_tick(struct live *live, const struct run_state *state)
{
	if (live->terminal)
		draw(live, state);
}

void live_record(
	void *arg, const struct run_state *state, const struct record *record)
{
	struct live *live = arg;

	if (!live->terminal)
		say_event(live, state, record->json);
	else if (sys_monotonic_ms() - live->drawn_ms >= REDRAW_MS)
		draw(live, state);
}

void live_end(struct live *live, const struct run_state *state)
{
	live_tick(live, state);
}
