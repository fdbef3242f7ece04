/*
 * lap.c - dying, going on, and being judged.
 */
#include "tests/sim/lap.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"

enum {
	RANDOM_KILLS_MAX = 3,
	RANDOM_SPAN_MS = 2500, /* about what an undisturbed run takes */
};

void lap_text(const struct lap *lap, char *ret, size_t size)
{
	const char *name = scenarios[lap->scenario].name;
	const char *where = lap->database ? " --database" : "";

	if (lap->kind == LAP_RANDOM)
		(void)snprintf(ret, size, "one random %lu%s", lap->seed, where);
	else if (lap->on[0])
		(void)snprintf(
			ret, size, "one %s on \"%s\"%s", name, lap->on, where);
	else
		(void)snprintf(ret, size, "one %s %u %u %u%s%s", name,
			lap->at[0], lap->at[1], lap->at[2], where,
			lap->helper ? " --helper" : "");
}

const char *lap_shared_path(const struct lap_place *place,
	const struct lap *lap, const char *what, char ret[PATH_MAX])
{
	(void)snprintf(ret, PATH_MAX, "%s/%s%s.%s", place->dir,
		scenarios[lap->scenario].name, lap->database ? "-database" : "",
		what);
	return ret;
}

static void forget_points(void)
{
	(void)unsetenv("SYNCUP_CRASH_AT");
	(void)unsetenv("SYNCUP_CRASH_ON");
	(void)unsetenv("SYNCUP_CRASH_IN");
	(void)unsetenv("SYNCUP_CRASH_LOG");
	(void)unsetenv("SYNCUP_CRASH_ONCE");
}

/* A line of the log of points: "<number> <name>". */
bool lap_read_point(
	FILE *file, unsigned long *ret_number, char ret_name[LAP_POINT_MAX])
{
	char line[128], *rest;
	unsigned long number;

	if (!fgets(line, sizeof(line), file))
		return false;
	number = strtoul(line, &rest, 10);
	if (ret_number)
		*ret_number = number;
	(void)snprintf(ret_name, LAP_POINT_MAX, "%.*s",
		(int)strcspn(rest + 1, "\n"), rest + 1);
	return true;
}

/* True if the point that was wanted was passed; then its name. */
static bool has_passed(
	const char *path, const char *wanted, char ret_name[LAP_POINT_MAX])
{
	FILE *file = fopen(path, "re");
	unsigned long number, at = strtoul(wanted, NULL, 10);
	bool passed = false;

	while (file && !passed && lap_read_point(file, &number, ret_name))
		passed = at ? number == at : strcmp(ret_name, wanted) == 0;
	if (file)
		(void)fclose(file);
	return passed;
}

/* The supervisor dies when it passes this point, by number or name.  True if it
 * did. */
static bool die_at(struct world *world, const char *verb, const char *point,
	bool helper, char ret_point[LAP_POINT_MAX])
{
	const char *log = world_path(world, "points");
	bool is_number = point[0] >= '0' && point[0] <= '9';
	int code;

	(void)unlink(log);
	(void)setenv(
		is_number ? "SYNCUP_CRASH_AT" : "SYNCUP_CRASH_ON", point, 1);
	(void)setenv("SYNCUP_CRASH_LOG", log, 1);
	/* A helper that died is started again, and is not to die again. */
	if (helper)
		(void)setenv("SYNCUP_CRASH_ONCE", world_path(world, "died"), 1);
	(void)setenv("SYNCUP_CRASH_IN",
		!helper                 ? "syncup"
		: world->setup.database ? "syncup-helper"
					: "light-helper",
		1);
	code = world_run(world, verb);
	forget_points();
	return has_passed(log, point, ret_point) &&
	       (helper || code == 128 + SIGKILL);
}

/* Once by name or number, or at the numbers in turn. */
static void die(struct world *world, const struct lap *lap, const char *verb,
	struct lap_result *result)
{
	char point[sizeof(result->point)], number[16];

	for (unsigned i = 0; i < LAP_DEATHS_MAX; i++) {
		if (lap->on[0] ? i > 0 : !lap->at[i])
			break;
		(void)snprintf(number, sizeof(number), "%u", lap->at[i]);
		if (!die_at(world, verb, lap->on[0] ? lap->on : number,
			    lap->helper, point))
			break;
		if (!result->deaths++)
			(void)snprintf(result->point, sizeof(result->point),
				"%s", point);
	}
}

/* ---- deaths at random ---- */

static unsigned random_below(unsigned short state[3], unsigned limit)
{
	return (unsigned)(nrand48(state) % (long)limit);
}

static void wait_until(int64_t when)
{
	while (sys_monotonic_ms() < when)
		world_nap();
}

static bool has_journal(const struct world *world)
{
	struct stat st;

	return stat(world_path(world, "state/sim/run.journal"), &st) == 0;
}

static void wait_for_journal(const struct world *world, int64_t until)
{
	while (!has_journal(world) && sys_monotonic_ms() < until)
		world_nap();
}

/* A sync process that ends by itself is ours to find only in a run. */
static void kill_a_sync(const struct world *world, unsigned short state[3],
	struct lap_result *result)
{
	pid_t pid = world_pid(world, random_below(state, world->setup.members));

	if (!has_journal(world) || !pid)
		return;
	result->killed += kill(pid, SIGKILL) == 0;
}

/* The supervisor dies alone, or its process group with it. */
static void die_at_random(
	struct world *world, const struct lap *lap, struct lap_result *result)
{
	unsigned short state[3] = {0x330e, (unsigned short)lap->seed,
		(unsigned short)(lap->seed >> 16)};
	bool kills_a_sync = lap->seed % 10 == 0;
	unsigned kills = 1 + random_below(state, RANDOM_KILLS_MAX);

	for (unsigned i = 0; i < kills; i++) {
		pid_t pid = world_start(world, "run");
		int64_t begun = sys_monotonic_ms();
		unsigned after = random_below(state, RANDOM_SPAN_MS);
		bool group = random_below(state, 2);

		if (kills_a_sync && !result->killed) {
			wait_for_journal(world, begun + RANDOM_SPAN_MS);
			wait_until(sys_monotonic_ms() +
				   random_below(state, RANDOM_SPAN_MS / 2));
			kill_a_sync(world, state, result);
		}
		wait_until(begun + after);
		result->deaths += kill(group ? -pid : pid, SIGKILL) == 0;
		(void)world_wait(pid);
	}
}

/* ---- the end ---- */

static bool same_remains(const struct lap_place *place, const struct lap *lap,
	struct world *world, struct err *err)
{
	_cleanup_free_ char *now = judge_remains(world);
	char path[PATH_MAX], line[1024];
	FILE *file;
	bool same = true;

	(void)lap_shared_path(place, lap, "remains", path);
	if (lap->kind == LAP_UNDISTURBED) {
		file = fopen(path, "we");
		if (!file || fputs(now, file) < 0 || fclose(file) != 0)
			return err_sys(err, ERR_BUG, errno, "writing %s", path);
		return true;
	}
	file = fopen(path, "re");
	if (!file)
		return err_sys(err, ERR_BUG, errno, "reading %s", path);
	while (same && fgets(line, sizeof(line), file))
		if (!strstr(now, line))
			same = err_set(err, ERR_STEP, "not there: %s", line);
	rewind(file);
	{
		size_t len = strlen(now), held = 0;

		while (fgets(line, sizeof(line), file))
			held += strlen(line);
		if (same && held != len)
			same = err_set(err, ERR_STEP,
				"something more is left than in %s", path);
	}
	(void)fclose(file);
	return same;
}

static bool finish(const struct lap_place *place, const struct lap *lap,
	struct world *world, struct lap_result *result, struct err *err)
{
	const struct scenario *scenario = &scenarios[lap->scenario];
	struct judge_expect expect = scenario->expect;
	unsigned deeds;
	int code;

	expect.died = result->killed > 0;
	code = world_run(world, scenario->verb);
	/* It may have died behind the very last record. */
	if (code != scenario->code && code != scenario->code_again)
		return err_set(err, ERR_STEP,
			"exit %d, not %d, of the plain command again", code,
			scenario->code);
	if (!judge(world, &expect, &result->doubled, err))
		return false;
	if (world_run(world, "journal verify") != 0)
		return err_set(err, ERR_STEP, "the journal does not verify");
	deeds = judge_deeds(world);
	code = world_run(world, scenario->verb);
	if (code != scenario->code_again)
		return err_set(err, ERR_STEP,
			"exit %d, not %d, when nothing was left to do", code,
			scenario->code_again);
	if (judge_deeds(world) != deeds)
		return err_set(err, ERR_STEP,
			"something was done when nothing was left to do");
	if (lap->kind != LAP_RANDOM && !same_remains(place, lap, world, err))
		return false;
	return !lap->database || judge_documents(world, err);
}

static bool run_lap(const struct lap_place *place, const struct lap *lap,
	struct world *world, struct lap_result *result, struct err *err)
{
	const struct scenario *scenario = &scenarios[lap->scenario];
	const struct world_setup setup = {place->build, scenario->members,
		lap->database, scenario->to, scenario->on_failure,
		scenario->behave};
	char points[PATH_MAX], point[LAP_POINT_MAX];

	if (!world_make(world, &setup, err))
		return false;
	if (scenario->prelude &&
		!die_at(world, "run", scenario->prelude, false, point))
		return err_set(
			err, ERR_BUG, "no death at \"%s\"", scenario->prelude);
	switch (lap->kind) {
	case LAP_UNDISTURBED:
		(void)setenv("SYNCUP_CRASH_LOG",
			lap_shared_path(place, lap, "points", points), 1);
		(void)setenv("SYNCUP_CRASH_IN", "syncup", 1);
		(void)unlink(points);
		(void)world_run(world, scenario->verb);
		forget_points();
		break;
	case LAP_KILL:
		die(world, lap, scenario->verb, result);
		break;
	case LAP_RANDOM:
		die_at_random(world, lap, result);
		break;
	}
	return finish(place, lap, world, result, err);
}

void lap_run(const struct lap_place *place, const struct lap *lap,
	struct lap_result *ret)
{
	struct world world = {0};
	struct err err = {0};

	forget_points();
	*ret = (struct lap_result){0};
	ret->good = run_lap(place, lap, &world, ret, &err);
	if (!ret->good) {
		(void)snprintf(ret->why, sizeof(ret->why), "%s", err.msg);
		(void)snprintf(ret->dir, sizeof(ret->dir), "%s", world.dir);
	}
	world_end(&world, !ret->good);
}
