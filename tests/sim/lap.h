/*
 * lap.h - one lap: a world, one or more deaths, the plain command again, and
 * the judgement.
 */
#ifndef TESTS_SIM_LAP_H
#define TESTS_SIM_LAP_H

#include <stdio.h>

#include "tests/sim/judge.h"

enum {
	LAP_DEATHS_MAX = 3,
	LAP_POINT_MAX = 48, /* the name of a crash point */
};

struct scenario {
	const char *name;
	unsigned members;
	const char *to, *on_failure, *behave;
	const char *prelude; /* a run dies at this point before all; or NULL */
	const char *verb; /* the command that dies, and is typed again */
	int code; /* of the command that ends it */
	int code_again; /* of the same command once more */
	struct judge_expect expect;
};

extern const struct scenario scenarios[];
extern const unsigned scenario_count;
#define SCENARIO_RANDOM (scenario_count - 1) /* the one for LAP_RANDOM */

enum lap_kind {
	LAP_UNDISTURBED, /* leaves the points that it passed in points_file */
	LAP_KILL, /* dies at the points at[], one after the other */
	LAP_RANDOM, /* dies at moments that the seed decides */
};

struct lap {
	enum lap_kind kind;
	unsigned scenario;
	bool database;
	unsigned at[LAP_DEATHS_MAX]; /* LAP_KILL: numbers of points; 0: none */
	char on[LAP_POINT_MAX]; /* LAP_KILL: a point by its name instead, or ""
				 */
	unsigned long seed; /* LAP_RANDOM */
	bool helper; /* the helper dies at its point, not the supervisor */
};

struct lap_result {
	bool good;
	unsigned deaths; /* of the supervisor, or of its helper */
	unsigned killed; /* sync processes that the lap killed */
	unsigned doubled; /* effects had twice */
	char point[LAP_POINT_MAX]; /* where it died first */
	char why[400]; /* it is not good */
	char dir[PATH_MAX / 2]; /* its world, kept if it is not good */
};

/* What laps of one run have in common. */
struct lap_place {
	const char *build;
	char dir[PATH_MAX /
		 2]; /* for <scenario>.remains and <scenario>.points */
};

/* In a process of its own.  Fills the result, whatever happens. */
void lap_run(const struct lap_place *place, const struct lap *lap,
	struct lap_result *ret);
/* <dir>/<scenario>[-database].<what>: what an undisturbed lap leaves for the
 * others.  Returns ret. */
const char *lap_shared_path(const struct lap_place *place,
	const struct lap *lap, const char *what, char ret[PATH_MAX]);
/* The next line of a log of points; the number may be NULL. */
bool lap_read_point(
	FILE *file, unsigned long *ret_number, char ret_name[LAP_POINT_MAX]);
/* What to type to have the same lap again. */
void lap_text(const struct lap *lap, char *ret, size_t size);

#endif
