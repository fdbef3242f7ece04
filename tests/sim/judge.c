/*
 * judge.c - questions to the effects log and to the clusters.
 */
#include "tests/sim/judge.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"

struct history { /* of one sync process, from its effects */
	unsigned paused, resumed, starts_from, starts_to;
	unsigned signals, signals_new; /* to the old version, to the new */
	unsigned pauses_asked, resumes_asked;
	unsigned doubled; /* a second signal to one process, and the like */
	unsigned late; /* interrupted again after it was through */
	unsigned again; /* partitions copied twice */
	bool through;
	json_int_t signalled; /* the pid that had its signal last */
};

/* The caller owns the array. */
static json_t *read_effects(const struct world *world)
{
	FILE *file = fopen(world_path(world, "effects"), "re");
	json_t *list = json_array(), *line;

	while (file && (line = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL)))
		(void)json_array_append_new(list, line);
	if (file)
		(void)fclose(file);
	return list;
}

static const char *text(const json_t *line, const char *key)
{
	const char *value = json_string_value(json_object_get(line, key));

	return value ? value : "";
}

static bool is(const json_t *line, const char *event)
{
	return strcmp(text(line, "event"), event) == 0;
}

static void take_signal(
	struct history *history, const json_t *line, bool is_new)
{
	json_int_t pid = json_integer_value(json_object_get(line, "pid"));

	*(is_new ? &history->signals_new : &history->signals) += 1;
	history->doubled += pid == history->signalled;
	history->signalled = pid;
	history->late += history->through;
}

static void take(struct history *history, const json_t *line, const char *to)
{
	bool is_new = strcmp(text(line, "version"), to) == 0;

	if (is(line, "paused")) {
		history->paused++;
		history->late += history->through;
	} else if (is(line, "signal")) {
		take_signal(history, line, is_new);
	} else if (is(line, "resumed")) {
		history->resumed++;
		history->through |= is_new;
	} else if (is(line, "started") && is_new) {
		history->starts_to++;
	} else if (is(line, "started")) {
		history->starts_from++;
	} else if (is(line, "partition")) {
		history->again += json_is_true(json_object_get(line, "again"));
	} else if (is(line, "request")) {
		history->pauses_asked +=
			strcmp(text(line, "path"), "/api/v1/pause") == 0;
		history->resumes_asked +=
			strcmp(text(line, "path"), "/api/v1/resume") == 0;
	}
}

/* A member alone has no id. */
static bool is_of(const json_t *line, const struct world *world, unsigned i)
{
	return world->setup.members == 1 ||
	       strcmp(text(line, "id"), world->member[i].name) == 0;
}

static unsigned count(const json_t *effects, const char *event)
{
	unsigned number = 0;
	json_t *line;
	size_t i;

	json_array_foreach (effects, i, line)
		number += is(line, event);
	return number;
}

static bool judge_counts(const char *name, const struct history *history,
	const struct judge_expect *expect, struct err *err)
{
	if (history->paused != expect->paused ||
		history->signals != expect->signals ||
		history->resumed != expect->resumed ||
		(history->signals_new &&
			strcmp(expect->version, WORLD_FROM) != 0) ||
		history->starts_from != expect->starts_from ||
		(expect->starts_to && history->starts_to != expect->starts_to))
		return err_set(err, ERR_STEP,
			"%s was paused %u times, signalled %u, resumed %u, "
			"started %u as it was and %u anew",
			name, history->paused, history->signals,
			history->resumed, history->starts_from,
			history->starts_to);
	/* A request whose answer was lost may be sent once more. */
	if (history->pauses_asked > 2 || history->resumes_asked > 2)
		return err_set(err, ERR_STEP,
			"%s was asked to pause %u times, to resume %u times",
			name, history->pauses_asked, history->resumes_asked);
	return true;
}

static bool judge_member(const struct world *world, unsigned i,
	const json_t *effects, const struct judge_expect *expect,
	unsigned *doubled, struct err *err)
{
	const char *name = world->member[i].name;
	struct history history = {0};
	char version[32];
	json_t *line;
	size_t at;

	json_array_foreach (effects, at, line)
		if (is_of(line, world, i))
			take(&history, line, world->setup.to);
	*doubled += history.doubled + history.late;
	if (!expect->died) {
		*doubled += history.signals > expect->signals
				    ? history.signals - expect->signals
				    : 0;
		*doubled += history.paused > expect->paused
				    ? history.paused - expect->paused
				    : 0;
	}
	if (history.doubled)
		return err_set(err, ERR_STEP, "%s had two stop signals", name);
	if (history.late)
		return err_set(err, ERR_STEP,
			"%s was interrupted after it was through", name);
	if (history.again)
		return err_set(err, ERR_STEP, "%s copied %u partitions twice",
			name, history.again);
	if (!world_version(world, i, version, sizeof(version)))
		return err_set(err, ERR_STEP, "%s does not run", name);
	if (strcmp(version, expect->version) != 0)
		return err_set(err, ERR_STEP, "%s runs %s, not %s", name,
			version, expect->version);
	return expect->died || judge_counts(name, &history, expect, err);
}

bool judge(const struct world *world, const struct judge_expect *expect,
	unsigned *ret_doubled, struct err *err)
{
	_cleanup_json_ json_t *effects = read_effects(world);
	unsigned put_back = count(effects, "put_back"), doubled = 0;
	unsigned migrated = count(effects, "migrated");
	bool good = true;

	for (unsigned i = 0; i < world->setup.members; i++) {
		struct err one = {0};

		if (judge_member(world, i, effects, expect, &doubled, &one))
			continue;
		if (good && err)
			*err = one;
		good = false;
	}
	doubled += put_back > 1 ? put_back - 1 : 0;
	*ret_doubled = doubled;
	if (!good)
		return false;
	if (!world_await_state(world, "RUNNING"))
		return err_set(err, ERR_STEP, "not everybody is RUNNING");
	if (count(effects, "panic"))
		return err_set(err, ERR_STEP, "a sync process panicked");
	if (put_back > 1)
		return err_set(err, ERR_STEP, "metadata was put back %u times",
			put_back);
	if (!expect->died && migrated != expect->migrated)
		return err_set(err, ERR_STEP, "metadata was migrated %u times",
			migrated);
	return true;
}

unsigned judge_deeds(const struct world *world)
{
	_cleanup_json_ json_t *effects = read_effects(world);
	unsigned deeds = 0;
	json_t *line;
	size_t i;

	json_array_foreach (effects, i, line)
		deeds += is(line, "signal") || is(line, "started") ||
			 (is(line, "request") &&
				 strcmp(text(line, "method"), "POST") == 0);
	return deeds;
}

/* ---- documents ---- */

static bool work(struct world *world, const char *verb, char *more, char *value,
	struct err *err)
{
	char program[PATH_MAX], name[16], uri[2][128], out[32];
	char word[2][16] = {"--source", "--destination"};
	char *argv[] = {program, name, word[0], uri[0], word[1], uri[1], more,
		value, NULL};

	(void)snprintf(program, sizeof(program),
		"%.3900s/tests/workload/"
		"workload",
		world->setup.build);
	(void)snprintf(name, sizeof(name), "%s", verb);
	(void)snprintf(out, sizeof(out), "out.%.16s", verb);
	world_plain_uri(world, 0, uri[0]);
	world_plain_uri(world, 1, uri[1]);
	return world_tool(world, out, argv) == 0 ||
	       err_set(err, ERR_STEP, "%s says no, see %s", verb,
		       world_path(world, out));
}

bool judge_documents(struct world *world, struct err *err)
{
	char instances[] = "--instances", number[16];

	(void)snprintf(number, sizeof(number), "%u", world->setup.members);
	return work(world, "caught-up", instances, number, err) &&
	       work(world, "compare", NULL, NULL, err);
}
