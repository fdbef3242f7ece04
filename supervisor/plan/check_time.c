/*
 * check_time.c - will the run be over when it has to be?
 */
#include <time.h>

#include "supervisor/fleet/window.h"
#include "supervisor/plan/checks.h"

/* Local time, as people wrote it. */
static const char *local_time(char *buf, size_t size, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	if (!localtime_r(&seconds, &tm) ||
		!strftime(buf, size, "%a %Y-%m-%d %H:%M:%S", &tm))
		buf[0] = '\0';
	return buf;
}

static void say_expected(
	const struct survey *survey, char *buf, size_t size, const char *how)
{
	const struct expected *expected = &survey->expected;
	char time[32];

	margin_duration(time, sizeof(time), expected->run_s);
	if (expected->runs)
		(void)snprintf(buf, size,
			"it takes about %s (median of %u earlier run%s)%s",
			time, expected->runs, expected->runs == 1 ? "" : "s",
			how);
	else
		(void)snprintf(buf, size,
			"it is assumed to take %s, no earlier run of this "
			"fleet "
			"is known%s",
			time, how);
}

/* False: the window is shut, which is refused. */
static bool look_at_window(struct survey *survey)
{
	const struct fleet *fleet = survey->fleet;
	struct finding *finding;
	int64_t from, until;
	char when[40];

	if (!fleet->window)
		return true;
	if (window_is_open(fleet->window, survey->now_ms, &from, &until)) {
		if (!survey->finish_by_ms || until < survey->finish_by_ms)
			survey->finish_by_ms = until;
		return true;
	}
	finding = survey_add(survey, FINDING_REFUSAL, "time", fleet->name);
	finding_say(finding, "the window %s to %s is shut; it opens %s",
		fleet->window->from, fleet->window->until,
		local_time(when, sizeof(when), from));
	finding_fix(finding, "run it then, or take window: out of the fleet "
			     "file");
	return false;
}

void check_time(struct survey *survey)
{
	const struct fleet *fleet = survey->fleet;
	struct finding *finding;
	char text[200], when[40], left[32];
	int64_t has_s;
	bool fits;

	survey->finish_by_ms = survey->options.finish_by_ms;
	if (survey_is_reached(survey) || !look_at_window(survey))
		return;
	if (!survey->finish_by_ms) {
		say_expected(survey, text, sizeof(text),
			"; no time is set by which it must be over");
		finding_say(
			survey_add(survey, FINDING_PASS, "time", fleet->name),
			"%s", text);
		return;
	}
	has_s = (survey->finish_by_ms - survey->now_ms) / 1000;
	fits = has_s >= survey->expected.run_s;
	say_expected(survey, text, sizeof(text), "");
	finding = survey_add(survey, fits ? FINDING_PASS : FINDING_REFUSAL,
		"time", fleet->name);
	finding_say(finding, "%s, and has %s, until %s", text,
		margin_duration(left, sizeof(left), has_s > 0 ? has_s : 0),
		local_time(when, sizeof(when), survey->finish_by_ms));
	if (!fits)
		finding_fix(finding, "begin earlier, or let it end later: "
				     "--finish-by, or window: in the fleet "
				     "file");
}
