/*
 * main.c - laps: how often it was killed, and how often it came to its end.
 *
 *   laps [options] kills      dies at the numbered points, once and twice
 *   laps [options] names      dies once at each point that has a name of its
 * own laps [options] random     dies at moments that the seed decides laps one
 * SCENARIO N [M [K]]   one lap again; its world is kept if it is bad laps one
 * SCENARIO on NAME     the same, at a point by its name laps one random SEED
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "state/sys.h"
#include "tests/sim/pool.h"

enum {
	NAMES_MAX = 1000,
	DATABASE_EVERY = 10,
	DATABASE_JOBS = 1,
	HELPER_POINTS = 60,
};

struct options {
	unsigned long seed;
	unsigned jobs;
	unsigned every; /* take one point in so many */
	unsigned doubles, laps, seconds;
	bool database, no_database, helper;
};

struct figures {
	unsigned run, converged, deaths, doubled, killed;
};

struct plan { /* the laps to run, in an order */
	const struct options *options;
	struct lap *lap;
	unsigned count, next;
	int64_t until; /* no lap is begun after it */
	struct figures single, twice, random;
	bool wrong;
};

static struct lap *add(struct plan *plan)
{
	struct lap *more =
		realloc(plan->lap, (plan->count + 1) * sizeof(struct lap));

	if (!more)
		abort();
	plan->lap = more;
	more[plan->count] = (struct lap){0};
	return &more[plan->count++];
}

static bool next(void *arg, struct lap *ret_lap)
{
	struct plan *plan = arg;

	if (plan->next >= plan->count || sys_monotonic_ms() > plan->until)
		return false;
	*ret_lap = plan->lap[plan->next++];
	return true;
}

static struct figures *figures_of(struct plan *plan, const struct lap *lap,
	const struct lap_result *result)
{
	if (lap->kind == LAP_RANDOM)
		return &plan->random;
	return result->deaths > 1 ? &plan->twice : &plan->single;
}

static void done(
	void *arg, const struct lap *lap, const struct lap_result *result)
{
	struct plan *plan = arg;
	struct figures *figures = figures_of(plan, lap, result);
	char text[100];

	plan->wrong |= !result->good;
	if (!result->good) {
		lap_text(lap, text, sizeof(text));
		printf("WRONG: laps %s: died at \"%s\": %s\n  its world: %s\n",
			text, result->point, result->why, result->dir);
		(void)fflush(stdout);
	}
	/* A point that is not passed is no death. */
	if (lap->kind == LAP_UNDISTURBED || (!result->deaths && result->good))
		return;
	figures->run++;
	figures->converged += result->good;
	figures->deaths += result->deaths;
	figures->doubled += result->doubled;
	figures->killed += result->killed;
}

/* ---- which laps ---- */

static bool undisturbed(const struct lap_place *place, struct plan *plan,
	unsigned scenario, bool database)
{
	struct lap *lap = add(plan);

	lap->kind = LAP_UNDISTURBED;
	lap->scenario = scenario;
	lap->database = database;
	pool_run(place, 1, next, done, plan);
	return !plan->wrong;
}

static const char *points_path(const struct lap_place *place, unsigned scenario,
	bool database, char ret[PATH_MAX])
{
	const struct lap lap = {.scenario = scenario, .database = database};

	return lap_shared_path(place, &lap, "points", ret);
}

/* How many points an undisturbed run passed. */
static unsigned points_of(
	const struct lap_place *place, unsigned scenario, bool database)
{
	char path[PATH_MAX], name[LAP_POINT_MAX];
	unsigned points = 0;
	FILE *file = fopen(points_path(place, scenario, database, path), "re");

	while (file && lap_read_point(file, NULL, name))
		points++;
	if (file)
		(void)fclose(file);
	return points;
}

static struct lap *add_kill(struct plan *plan, unsigned scenario,
	unsigned first, unsigned second, bool database)
{
	struct lap *lap = add(plan);

	lap->kind = LAP_KILL;
	lap->scenario = scenario;
	lap->at[0] = first;
	lap->at[1] = second;
	lap->database = database;
	return lap;
}

static unsigned below(unsigned short state[3], unsigned limit)
{
	return (unsigned)(nrand48(state) % (long)(limit ? limit : 1));
}

static void shuffle(struct plan *plan, unsigned from, unsigned short state[3])
{
	for (unsigned i = plan->count; i > from + 1; i--) {
		unsigned j = from + below(state, i - from);
		struct lap lap = plan->lap[i - 1];

		plan->lap[i - 1] = plan->lap[j];
		plan->lap[j] = lap;
	}
}

/* Every tenth lap has real servers, if they are there. */
static bool plan_kills(const struct lap_place *place, struct plan *plan)
{
	const struct options *options = plan->options;
	unsigned short state[3] = {0x330e, (unsigned short)options->seed,
		(unsigned short)(options->seed >> 16)};
	unsigned number = 0, from;

	for (unsigned s = 0; s < SCENARIO_RANDOM; s++)
		if (!undisturbed(place, plan, s, false) ||
			(!options->no_database &&
				!undisturbed(place, plan, s, true)))
			return false;
	from = plan->count;
	for (unsigned s = 0; s < SCENARIO_RANDOM; s++) {
		unsigned points = points_of(place, s, false);
		unsigned first = 1 + below(state, options->every);

		for (unsigned at = first; at <= points; at += options->every) {
			bool database = !options->no_database &&
					++number % DATABASE_EVERY == 0;

			(void)add_kill(plan, s, at, 0, database);
		}
	}
	for (unsigned i = 0; i < options->doubles; i++) {
		unsigned s = below(state, SCENARIO_RANDOM);
		unsigned points = points_of(place, s, false);
		bool database =
			!options->no_database && ++number % DATABASE_EVERY == 0;
		unsigned first = 1 + below(state, points);

		/* What is left to do has fewer points than the whole. */
		(void)add_kill(plan, s, first,
			1 + below(state, points - first + 30), database);
	}
	for (unsigned at = 1; at <= HELPER_POINTS; at += options->every) {
		add_kill(plan, at % SCENARIO_RANDOM, at, 0, false)->helper =
			true;
	}
	shuffle(plan, from, state);
	return true;
}

/* ---- one death for each name of a point ---- */

struct names {
	char name[NAMES_MAX][LAP_POINT_MAX];
	unsigned count;
};

static bool is_new(struct names *names, const char *name)
{
	for (unsigned i = 0; i < names->count; i++)
		if (strcmp(names->name[i], name) == 0)
			return false;
	if (names->count == NAMES_MAX)
		abort();
	(void)snprintf(names->name[names->count++], LAP_POINT_MAX, "%s", name);
	return true;
}

/* The scenarios have most names in common; each is taken in the first one that
 * passes it. */
static bool plan_names(const struct lap_place *place, struct plan *plan)
{
	struct names *names;
	char path[PATH_MAX], name[LAP_POINT_MAX];
	FILE *file;

	for (unsigned s = 0; s < SCENARIO_RANDOM; s++)
		if (!undisturbed(place, plan, s, false))
			return false;
	names = calloc(1, sizeof(*names));
	if (!names)
		abort();
	for (unsigned s = 0; s < SCENARIO_RANDOM; s++) {
		file = fopen(points_path(place, s, false, path), "re");
		while (file && lap_read_point(file, NULL, name))
			if (is_new(names, name)) {
				struct lap *lap =
					add_kill(plan, s, 0, 0, false);

				(void)snprintf(
					lap->on, sizeof(lap->on), "%s", name);
			}
		if (file)
			(void)fclose(file);
	}
	free(names);
	return true;
}

static void plan_random(struct plan *plan)
{
	for (unsigned i = 0; i < plan->options->laps; i++) {
		struct lap *lap = add(plan);

		lap->kind = LAP_RANDOM;
		lap->scenario = SCENARIO_RANDOM;
		lap->seed = plan->options->seed * 1000 + i;
	}
}

static void plan_one(struct plan *plan, char **word, int count)
{
	struct lap *lap = add(plan);

	lap->database = plan->options->database;
	lap->helper = plan->options->helper;
	lap->kind = strcmp(word[0], "random") == 0 ? LAP_RANDOM : LAP_KILL;
	lap->scenario = SCENARIO_RANDOM;
	for (unsigned s = 0; lap->kind == LAP_KILL && s < scenario_count; s++)
		if (strcmp(scenarios[s].name, word[0]) == 0)
			lap->scenario = s;
	if (count > 2 && strcmp(word[1], "on") == 0) {
		(void)snprintf(lap->on, sizeof(lap->on), "%s", word[2]);
		return;
	}
	for (int i = 1; i < count && i <= LAP_DEATHS_MAX; i++)
		lap->at[i - 1] = (unsigned)strtoul(word[i], NULL, 10);
	lap->seed = count > 1 ? strtoul(word[1], NULL, 10) : 0;
}

static int usage(void)
{
	(void)fputs("usage: laps [--build DIR] [--seed N] [--jobs N] "
		    "[--every N] [--doubles N] [--laps N] [--seconds N]\n"
		    "            [--database] [--no-database] [--helper] "
		    "kills | names | random |\n            one SCENARIO N [M "
		    "[K]] | one SCENARIO on NAME | one random SEED\n",
		stderr);
	return 2;
}

static bool parse(
	int argc, char **argv, struct options *options, struct lap_place *place)
{
	static const struct option known[] = {
		{"build", required_argument, NULL, 'b'},
		{"seed", required_argument, NULL, 's'},
		{"jobs", required_argument, NULL, 'j'},
		{"every", required_argument, NULL, 'e'},
		{"doubles", required_argument, NULL, 'd'},
		{"laps", required_argument, NULL, 'l'},
		{"seconds", required_argument, NULL, 't'},
		{"database", no_argument, NULL, 'D'},
		{"no-database", no_argument, NULL, 'N'},
		{"helper", no_argument, NULL, 'H'},
		{0},
	};
	int word;

	while ((word = getopt_long(argc, argv, "", known, NULL)) != -1) {
		unsigned long number = optarg ? strtoul(optarg, NULL, 10) : 0;

		switch (word) {
		case 'b':
			place->build = optarg;
			break;
		case 's':
			options->seed = number;
			break;
		case 'j':
			options->jobs = (unsigned)number;
			break;
		case 'e':
			options->every = number ? (unsigned)number : 1;
			break;
		case 'd':
			options->doubles = (unsigned)number;
			break;
		case 'l':
			options->laps = (unsigned)number;
			break;
		case 't':
			options->seconds = (unsigned)number;
			break;
		case 'D':
			options->database = true;
			break;
		case 'N':
			options->no_database = true;
			break;
		case 'H':
			options->helper = true;
			break;
		default:
			return false;
		}
	}
	return place->build && optind < argc;
}

static void show(const char *what, const struct figures *figures)
{
	printf("%s laps=%u converged=%u deaths=%u killed=%u "
	       "duplicated_effects=%u\n",
		what, figures->run, figures->converged, figures->deaths,
		figures->killed, figures->doubled);
}

int main(int argc, char **argv)
{
	struct options options = {.seed = 1,
		.jobs = 16,
		.every = 1,
		.doubles = 500,
		.laps = 300,
		.seconds = 3600};
	struct lap_place place = {0};
	struct plan plan = {.options = &options};
	unsigned planned;
	int64_t begun;
	bool one;

	if (!parse(argc, argv, &options, &place))
		return usage();
	plan.until = sys_monotonic_ms() + (int64_t)options.seconds * 1000;
	(void)snprintf(place.dir, sizeof(place.dir), "%.2000s/sim.XXXXXX",
		place.build);
	if (!mkdtemp(place.dir)) {
		perror("laps: making a folder");
		return 1;
	}
	one = strcmp(argv[optind], "one") == 0 && optind + 1 < argc;
	if (one) {
		plan_one(&plan, argv + optind + 1, argc - optind - 1);
		if (plan.lap[0].kind == LAP_KILL) {
			struct lap again = plan.lap[0];

			plan.count = 0;
			if (!undisturbed(&place, &plan, again.scenario,
				    again.database))
				return 1;
			*add(&plan) = again;
		}
	} else if (strcmp(argv[optind], "kills") == 0) {
		if (!plan_kills(&place, &plan))
			return 1;
	} else if (strcmp(argv[optind], "names") == 0) {
		if (!plan_names(&place, &plan))
			return 1;
	} else if (strcmp(argv[optind], "random") == 0) {
		plan_random(&plan);
	} else {
		return usage();
	}
	planned = plan.count - plan.next;
	begun = sys_monotonic_ms();
	pool_run(&place, options.jobs, next, done, &plan);
	printf("%s: seed=%lu planned=%u run=%u laps_per_second=%.1f\n",
		argv[optind], options.seed, planned,
		planned - (plan.count - plan.next),
		(double)(planned - (plan.count - plan.next)) * 1000 /
			(double)(sys_monotonic_ms() - begun + 1));
	show("once", &plan.single);
	show("twice", &plan.twice);
	show("random", &plan.random);
	free(plan.lap);
	return plan.wrong;
}
