/*
 * run_clock.c - see run_clock.h.
 */
#include "state/run_clock.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum {
	SECOND_MS = 1000,
	/* An oplog is cut in pieces, each a part of the whole: over less than
	 * this a trend is noise. */
	TREND_LEAST_MS = 300000,
};

static int64_t number_of(const json_t *json, const char *key)
{
	return json_integer_value(json_object_get(json, key));
}

/* Milliseconds of margin that went in each second since the first reading; at
 * least as fast as time goes. */
static int64_t trend(const struct run_clock *clock)
{
	int64_t passed = clock->stood_ms - clock->first_stood_ms;
	int64_t gone = clock->first_margin_ms - clock->margin_ms;

	if (passed < TREND_LEAST_MS || gone <= passed)
		return SECOND_MS;
	return gone * SECOND_MS / passed;
}

/* What was planned is of the time before it stood still, by whatever resume
 * point there was then. */
static void take_reading(
	struct run_clock *clock, const json_t *json, bool planned)
{
	const char *how = json_string_value(json_object_get(json, "how"));
	int64_t margin = number_of(json, "margin_s") * SECOND_MS;

	int64_t stood = planned ? 0 : clock->stood_ms;

	/* What was read in another way is no point of the same line. */
	if (!how || strcmp(how, clock->how) != 0 || !clock->resume_s) {
		(void)snprintf(
			clock->how, sizeof(clock->how), "%s", how ? how : "");
		clock->first_margin_ms = margin;
		clock->first_stood_ms = stood;
	}
	clock->margin_ms = margin;
	clock->read_stood_ms = stood;
	clock->rate = trend(clock);
	clock->resume_s = number_of(json, "resume_s");
}

void run_clock_apply(
	struct run_clock *clock, const struct record *record, const char *boot)
{
	const json_t *json = record->json;
	int64_t stood = number_of(json, "stood_ms");
	bool begins = !clock->runs;

	if (json_is_true(json_object_get(json, "over"))) {
		*clock = (struct run_clock){0};
		return;
	}
	if (begins)
		*clock = (struct run_clock){
			.runs = true,
			.since = number_of(json, "since"),
			.rate = SECOND_MS,
		};
	if (stood > clock->stood_ms)
		clock->stood_ms = stood;
	clock->at = number_of(json, "at");
	clock->up = number_of(json, "up");
	(void)snprintf(clock->boot, sizeof(clock->boot), "%s", boot);
	clock->loud = (unsigned)number_of(json, "loud");
	if (json_object_get(json, "margin_s"))
		take_reading(clock, json, begins);
}

int64_t run_clock_stood_ms(const struct run_clock *clock, int64_t wall,
	int64_t up, const char *boot)
{
	int64_t by_wall = wall - clock->at;
	/* Another boot's clock says nothing but that at least so much passed.
	 */
	int64_t by_boot = strcmp(boot, clock->boot) == 0 ? up - clock->up : up;
	int64_t passed = by_wall > by_boot ? by_wall : by_boot;

	return clock->stood_ms + (passed > 0 ? passed : 0);
}

int64_t run_clock_left_ms(const struct run_clock *clock, int64_t stood_ms)
{
	int64_t left;

	if (!clock->runs || !clock->how[0])
		return -1;
	left = clock->margin_ms * SECOND_MS / clock->rate -
	       (stood_ms - clock->read_stood_ms);
	return left > 0 ? left : 0;
}

unsigned run_clock_used(const struct run_clock *clock, int64_t stood_ms)
{
	int64_t left = run_clock_left_ms(clock, stood_ms), by_time, by_margin;

	if (left < 0)
		return 0;
	if (left == 0)
		return 100;
	by_time = stood_ms * 100 / (stood_ms + left);
	/* Long before there is a trend it may be seen that much has gone; an
	 * oplog that was made larger gives some back. */
	by_margin = clock->first_margin_ms > clock->margin_ms
			    ? (clock->first_margin_ms - clock->margin_ms) *
				      100 / clock->first_margin_ms
			    : 0;
	return (unsigned)(by_time > by_margin ? by_time : by_margin);
}
