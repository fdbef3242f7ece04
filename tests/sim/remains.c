/*
 * remains.c - what lies on disk after a lap, in words that do not differ from
 * run to run.
 */
#include <ftw.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/sim/judge.h"

enum { LINES_MAX = 2000 };

/* What a death may leave, and what is swept a day later: the journal before the
 * last continuation, temporary files, a hold that nothing points to, the note
 * of a link that is none any more. */
static const char harmless[] =
	"/(run\\.journal\\.prev|\\.[^/]*tmp-[0-9a-f]{8}|\\.hold-RUN(/.*)?|"
	"links/[0-9a-f]{16})$";

static const struct rule {
	const char *pattern, *word;
} rules[] = {
	{"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}", "RUN"},
	{"RUN-sim-[0-9]+", "RUN"},
	{"links/[0-9a-f]{16}", "links/LINK"},
};

static struct walk { /* nftw has no argument */
	const struct world *world;
	char *line[LINES_MAX];
	unsigned count;
} walk;

static void replace(char *line, size_t size, const struct rule *rule)
{
	regmatch_t at;
	regex_t regex;
	char rest[PATH_MAX];

	if (regcomp(&regex, rule->pattern, REG_EXTENDED) != 0)
		abort();
	while (regexec(&regex, line, 1, &at, 0) == 0) {
		(void)snprintf(rest, sizeof(rest), "%s", line + at.rm_eo);
		(void)snprintf(line + at.rm_so, size - (size_t)at.rm_so, "%s%s",
			rule->word, rest);
	}
	regfree(&regex);
}

static bool is_harmless(const char *path)
{
	regex_t regex;
	bool found;

	if (regcomp(&regex, harmless, REG_EXTENDED | REG_NOSUB) != 0)
		abort();
	found = regexec(&regex, path, 0, NULL, 0) == 0;
	regfree(&regex);
	return found;
}

static int take(
	const char *path, const struct stat *st, int type, struct FTW *where)
{
	char line[2 * PATH_MAX], target[PATH_MAX] = "";
	size_t dir = strlen(walk.world->dir);
	ssize_t len;

	(void)where;
	if (type == FTW_SL) {
		len = readlink(path, target, sizeof(target) - 1);
		target[len > 0 ? len : 0] = '\0';
	}
	(void)snprintf(line, sizeof(line), "%s", path + dir);
	replace(line, sizeof(line), &rules[0]);
	replace(line, sizeof(line), &rules[1]);
	if (is_harmless(line))
		return 0;
	(void)snprintf(line, sizeof(line), "%o %s %s\n",
		(unsigned)(st->st_mode & S_IFMT) >> 12, path + dir,
		strncmp(target, walk.world->dir, dir) == 0 ? target + dir
							   : target);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		replace(line, sizeof(line), &rules[i]);
	if (walk.count < LINES_MAX)
		walk.line[walk.count++] = strdup(line);
	return 0;
}

static int order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char *judge_remains(const struct world *world)
{
	static const char *const dirs[] = {"root", "state", "bin"};
	size_t size = 1;
	char *all, *end;

	walk = (struct walk){.world = world};
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		(void)nftw(world_path(world, dirs[i]), take, 16, FTW_PHYS);
	qsort(walk.line, walk.count, sizeof(walk.line[0]), order);
	for (unsigned i = 0; i < walk.count; i++)
		size += strlen(walk.line[i]);
	all = calloc(1, size);
	end = all;
	for (unsigned i = 0; i < walk.count; i++) {
		if (all && (!i || strcmp(walk.line[i], walk.line[i - 1]) != 0))
			end = stpcpy(end, walk.line[i]);
		if (i)
			free(walk.line[i - 1]);
	}
	if (walk.count)
		free(walk.line[walk.count - 1]);
	return all;
}
