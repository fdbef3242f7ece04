/*
 * window.c - see window.h.
 */
#include "supervisor/fleet/window.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "supervisor/fleet/fleet.h"

#define DAY_MINUTES (24 * 60)

enum {
	DAYS_AHEAD = 8, /* a window opens at least once a week */
	PLUS_MAX = 366 * DAY_MINUTES * 60, /* seconds */
};

static bool two_digits(const char **at, int *ret_number)
{
	const char *text = *at;

	if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
		return false;
	*ret_number = (text[0] - '0') * 10 + (text[1] - '0');
	*at += 2;
	return true;
}

static bool skip(const char **at, const char *one_of)
{
	if (!**at || !strchr(one_of, **at))
		return false;
	(*at)++;
	return true;
}

bool window_minute(const char *text, int *ret_minute)
{
	int hour, minute;

	if (!two_digits(&text, &hour) || !skip(&text, ":") ||
		!two_digits(&text, &minute) || *text || hour > 23 ||
		minute > 59)
		return false;
	*ret_minute = hour * 60 + minute;
	return true;
}

bool window_day(const char *text, int *ret_day)
{
	static const char *const names[] = {
		"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

	for (int i = 0; i < 7; i++) {
		if (strcmp(names[i], text) == 0) {
			*ret_day = i;
			return true;
		}
	}
	return false;
}

/* That time of the day `days` after the one of now, by the calendar. */
static int64_t time_of(int64_t now, int days, int minute, int *ret_weekday)
{
	time_t seconds = (time_t)(now / 1000);
	struct tm tm;

	if (!localtime_r(&seconds, &tm))
		return 0;
	tm.tm_mday += days;
	tm.tm_hour = minute / 60;
	tm.tm_min = minute % 60;
	tm.tm_sec = 0;
	tm.tm_isdst = -1;
	seconds = mktime(&tm);
	*ret_weekday = tm.tm_wday;
	return (int64_t)seconds * 1000;
}

static bool opens_on(const struct fleet_window *window, int weekday)
{
	int day;

	for (unsigned i = 0; i < window->days.count; i++)
		if (window_day(window->days.item[i], &day) && day == weekday)
			return true;
	return window->days.count == 0;
}

bool window_is_open(const struct fleet_window *window, int64_t now,
	int64_t *ret_from, int64_t *ret_until)
{
	int from = 0, until = 0, weekday = 0, ignored = 0;

	*ret_from = *ret_until = 0;
	if (!window_minute(window->from, &from) ||
		!window_minute(window->until, &until))
		return false;
	/* Yesterday's may be open still. */
	for (int day = -1; day <= DAYS_AHEAD; day++) {
		int64_t opens = time_of(now, day, from, &weekday);
		int64_t closes = time_of(
			now, day + (until <= from ? 1 : 0), until, &ignored);

		if (!opens_on(window, weekday) || now >= closes)
			continue;
		*ret_from = opens;
		*ret_until = closes;
		return now >= opens;
	}
	return false;
}

static bool parse_plus(const char *text, int64_t now, int64_t *ret_ms)
{
	int64_t number = 0, unit;

	if (!*text || !strchr("0123456789", *text))
		return false;
	for (; *text >= '0' && *text <= '9'; text++) {
		number = number * 10 + (*text - '0');
		if (number > PLUS_MAX)
			return false;
	}
	unit = *text == 'h' ? 3600 : *text == 'm' ? 60 : *text == 's' ? 1 : 0;
	if (!unit || text[1] || number == 0 || number * unit > PLUS_MAX)
		return false;
	*ret_ms = now + number * unit * 1000;
	return true;
}

static bool parse_date(const char *text, int64_t *ret_ms)
{
	struct tm tm = {.tm_isdst = -1};
	int century, year, month, day, minute;
	time_t seconds;

	if (!two_digits(&text, &century) || !two_digits(&text, &year) ||
		!skip(&text, "-") || !two_digits(&text, &month) ||
		!skip(&text, "-") || !two_digits(&text, &day) ||
		!skip(&text, " T") || !window_minute(text, &minute))
		return false;
	if (month < 1 || month > 12 || day < 1)
		return false;
	tm.tm_year = century * 100 + year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	tm.tm_hour = minute / 60;
	tm.tm_min = minute % 60;
	seconds = mktime(&tm);
	/* The 31st of February is a slip of the pen. */
	if (seconds == (time_t)-1 || tm.tm_mday != day)
		return false;
	*ret_ms = (int64_t)seconds * 1000;
	return true;
}

bool finish_by_parse(
	const char *text, int64_t now, int64_t *ret_ms, struct err *err)
{
	int minute, ignored;

	if (text[0] == '+' && parse_plus(text + 1, now, ret_ms))
		return true;
	if (window_minute(text, &minute)) {
		*ret_ms = time_of(now, 0, minute, &ignored);
		if (*ret_ms <= now)
			*ret_ms = time_of(now, 1, minute, &ignored);
		return true;
	}
	if (!parse_date(text, ret_ms))
		return err_set(err, ERR_USAGE,
			"--finish-by wants a time such as 04:00, \"2026-11-28 "
			"04:00\", +90m or +2h, not \"%.40s\"",
			text);
	return *ret_ms > now ||
	       err_set(err, ERR_USAGE, "--finish-by: %.40s is past", text);
}
