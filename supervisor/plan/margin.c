/*
 * margin.c - see margin.h.
 */
#include "supervisor/plan/margin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

/* The seconds of "T.I"; 0 if there is no such text. */
static int64_t seconds_of(const json_t *json, const char *key)
{
	const char *text = text_of(json, key);

	return text[0] >= '0' && text[0] <= '9' ? strtoll(text, NULL, 10) : 0;
}

/* Events are applied from the copy's start on, whatever was seen since. */
static bool is_copying(const char *phase)
{
	static const char *const phases[] = {
		"initializing collections and indexes",
		"initializing partitions",
		"collection copy",
		"waiting to start change event application",
	};

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
		if (strcmp(phases[i], phase) == 0)
			return true;
	return false;
}

static bool needs_its_copy(const json_t *instance)
{
	return seconds_of(instance, "copy_started") &&
	       (!seconds_of(instance, "last_event") ||
		       is_copying(text_of(instance, "phase")));
}

static int64_t resume_point_of(const json_t *instance)
{
	return seconds_of(instance,
		needs_its_copy(instance) ? "copy_started" : "last_event");
}

bool margin_is_copying(const json_t *summary)
{
	size_t i;
	json_t *instance;

	json_array_foreach (json_object_get(summary, "instances"), i, instance)
		if (needs_its_copy(instance))
			return true;
	return false;
}

int64_t margin_resume_point(const json_t *summary)
{
	int64_t oldest = 0;
	size_t i;
	json_t *instance;

	json_array_foreach (
		json_object_get(summary, "instances"), i, instance) {
		int64_t at = resume_point_of(instance);

		if (!at)
			return 0; /* it may be the oldest */
		if (!oldest || at < oldest)
			oldest = at;
	}
	return oldest;
}

bool margin_by_oplog(int64_t resume_s, const json_t *oplog, int64_t *ret_s,
	char *ret_why, size_t size)
{
	const json_t *shards = json_object_get(oplog, "shards");
	int64_t least = INT64_MAX;
	size_t i;
	json_t *shard;

	ret_why[0] = '\0';
	json_array_foreach (shards, i, shard) {
		int64_t first = seconds_of(shard, "first");
		int64_t last = seconds_of(shard, "last"), at = resume_s;

		if (!first) {
			(void)snprintf(ret_why, size, "shard %s: %s",
				text_of(shard, "id"),
				text_of(shard, "error")[0]
					? text_of(shard, "error")
					: "its oplog tells no time");
			return false;
		}
		/* No oplog holds more than it holds, whatever a point in the
		 * future would make of it. */
		if (last && last < at)
			at = last;
		if (at - first < least)
			least = at - first;
	}
	if (json_array_size(shards) == 0)
		(void)snprintf(ret_why, size, "no oplog was found");
	else if (!resume_s)
		(void)snprintf(ret_why, size,
			"the sync's metadata tells no resume point");
	else
		*ret_s = least > 0 ? least : 0;
	return !ret_why[0];
}

/* Numbers are rounded, nobody knows how: half a unit less is safe. */
int64_t margin_by_words(const char *words)
{
	static const struct {
		const char *name;
		int64_t s;
	} units[] = {
		{"second", 1},
		{"minute", 60},
		{"hour", 3600},
		{"day", 86400},
	};
	bool more = strncmp(words, "more than ", 10) == 0;
	bool less = strncmp(words, "less than ", 10) == 0;
	char *unit;
	int64_t number;

	if (more || less)
		words += 10;
	if (words[0] < '0' || words[0] > '9')
		return -1;
	number = strtoll(words, &unit, 10);
	if (number > 1000000 || *unit != ' ')
		return -1;
	unit++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t len = strlen(units[i].name);

		if (strncmp(units[i].name, unit, len) != 0 ||
			(unit[len] && strcmp(unit + len, "s") != 0))
			continue;
		if (less)
			return 0; /* perhaps nothing */
		return number * units[i].s -
		       (more || !number ? 0 : (units[i].s + 1) / 2);
	}
	return -1;
}

const char *margin_how_text(const char *how)
{
	if (how && strcmp(how, MARGIN_OPLOG) == 0)
		return "read from the oplog";
	if (how && strcmp(how, MARGIN_ESTIMATE) == 0)
		return "the process's own estimate";
	if (how && strcmp(how, MARGIN_WINDOW) == 0)
		return "oplog_window in the fleet file, minus the lag";
	return "not known";
}

const char *margin_duration(char *buf, size_t size, int64_t s)
{
	if (s < 120)
		(void)snprintf(buf, size, "%lld s", (long long)s);
	else if (s < 7200)
		(void)snprintf(buf, size, "%lld min", (long long)s / 60);
	else
		(void)snprintf(buf, size, "%lld h %lld min",
			(long long)s / 3600, (long long)s % 3600 / 60);
	return buf;
}
