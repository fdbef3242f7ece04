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

const struct scenario scenarios[] = {
	/* The new version is good. */
	{"forward", 2, "1.13.0", "rollback", "", 0, 0,
		{.version = "1.13.0",
			.paused = 1,
			.signals = 1,
			.resumed = 1,
			.starts_from = 1,
			.starts_to = 1,
			.migrated = 1}},
	/* It refuses the metadata: everything comes back by itself. */
	{"refused", 2, "1.14.0", "rollback", "", 9, 9,
		{.version = WORLD_FROM,
			.paused = 1,
			.signals = 1,
			.resumed = 1,
			.starts_from = 2}},
	/* It dies in the middle of migrating: the copy is put back. */
	{"put-back", 2, "1.13.0", "restore", "\"migrate_then_die\": 2", 9, 9,
		{.version = WORLD_FROM,
			.paused = 1,
			.signals = 1,
			.resumed = 1,
			.starts_from = 2}},
	/* For random deaths: more processes, and some of them die, too. */
	{"five", 5, "1.13.0", "rollback", "", 0, 0,
		{.version = "1.13.0",
			.paused = 1,
			.signals = 1,
			.resumed = 1,
			.starts_from = 1,
			.starts_to = 1,
			.migrated = 1}},
};
const unsigned scenario_count = sizeof(scenarios) / sizeof(scenarios[0]);

void lap_text(const struct lap *lap, char *ret, size_t size)
{
	const char *name = scenarios[lap->scenario].name;
	const char *where = lap->database ? " --database" : "";

	if (lap->kind == LAP_RANDOM)
		(void)snprintf(ret, size, "one random %lu%s", lap->seed, where);
	else
		(void)snprintf(ret, size, "one %s %u %u %u%s%s", name,
			lap->at[0], lap->at[1], lap->at[2], where,
			lap->helper ? " --helper" : "");
}

static const char *shared_path(const struct lap_place *place,
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
	(void)unsetenv("SYNCUP_CRASH_IN");
	(void)unsetenv("SYNCUP_CRASH_LOG");
	(void)unsetenv("SYNCUP_CRASH_ONCE");
}

/* True if the point with this number was passed; then its name. */
static bool has_passed(
	const char *path, unsigned number, char *ret, size_t size)
{
	FILE *file = fopen(path, "re");
	bool passed = false;
	char line[128], *name;

	while (file && !passed && fgets(line, sizeof(line), file)) {
		passed = strtoul(line, &name, 10) == number;
		(void)snprintf(ret, size, "%.*s", (int)strcspn(name + 1, "\n"),
			name + 1);
	}
	if (file)
		(void)fclose(file);
	return passed;
}

/* True if it died there. */
static bool die_at(struct world *world, const struct lap *lap, unsigned point,
	char *ret_point, size_t size)
{
	const char *log = world_path(world, "points");
	char number[16];
	int code;

	(void)snprintf(number, sizeof(number), "%u", point);
	(void)unlink(log);
	(void)setenv("SYNCUP_CRASH_AT", number, 1);
	(void)setenv("SYNCUP_CRASH_LOG", log, 1);
	/* A helper that died is started again, and is not to die again. */
	if (lap->helper)
		(void)setenv("SYNCUP_CRASH_ONCE", world_path(world, "died"), 1);
	(void)setenv("SYNCUP_CRASH_IN",
		!lap->helper    ? "syncup"
		: lap->database ? "syncup-helper"
				: "light-helper",
		1);
	code = world_run(world, "run");
	forget_points();
	return has_passed(log, point, ret_point, size) &&
	       (lap->helper || code == 128 + SIGKILL);
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

	(void)shared_path(place, lap, "remains", path);
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
	code = world_run(world, "run");
	if (code != scenario->code)
		return err_set(err, ERR_STEP,
			"exit %d, not %d, of the plain command again", code,
			scenario->code);
	if (!judge(world, &expect, &result->doubled, err))
		return false;
	if (world_run(world, "journal verify") != 0)
		return err_set(err, ERR_STEP, "the journal does not verify");
	deeds = judge_deeds(world);
	code = world_run(world, "run");
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
	char points[PATH_MAX], point[48];

	if (!world_make(world, &setup, err))
		return false;
	switch (lap->kind) {
	case LAP_UNDISTURBED:
		(void)setenv("SYNCUP_CRASH_LOG",
			shared_path(place, lap, "points", points), 1);
		(void)setenv("SYNCUP_CRASH_IN", "syncup", 1);
		(void)unlink(points);
		(void)world_run(world, "run");
		forget_points();
		break;
	case LAP_KILL:
		for (unsigned i = 0; i < LAP_DEATHS_MAX && lap->at[i]; i++) {
			if (!die_at(world, lap, lap->at[i], point,
				    sizeof(point)))
				break;
			if (!result->deaths++)
				(void)snprintf(result->point,
					sizeof(result->point), "%s", point);
		}
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
