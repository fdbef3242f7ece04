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

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/memory.h"
#include "supervisor/report/event.h"
#include "supervisor/report/journald.h"
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

static void say_time(const struct live *live, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	char buf[16];
	struct tm tm;

	if (gmtime_r(&seconds, &tm) &&
		strftime(buf, sizeof(buf), "%H:%M:%S", &tm))
		(void)fprintf(live->out, "%s ", buf);
}

static void say_event(const struct live *live, const struct run_state *state,
	const json_t *json)
{
	_cleanup_free_ char *text = report_record_text(state, json);

	if (!text)
		return;
	if (journald_is(live->out))
		(void)fprintf(live->out, "%s",
			journald_level(live->out, event_priority(json)));
	else
		say_time(live, json_integer_value(json_object_get(json, "at")));
	(void)fprintf(live->out, "%s\n", text);
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
		process->called, process->after, process->state, process->doing,
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
