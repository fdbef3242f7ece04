/*
 * scenarios.c - what a lap goes through, and how each of its processes must
 * have fared in the end.
 */
#include <stddef.h>

#include "tests/sim/lap.h"

#define UPGRADED                                                               \
	{                                                                      \
		.version = "1.13.0", .paused = 1, .signals = 1, .resumed = 1,  \
		.starts_from = 1, .starts_to = 1, .migrated = 1                \
	}
#define CAME_BACK                                                              \
	{                                                                      \
		.version = WORLD_FROM, .paused = 1, .signals = 1,              \
		.resumed = 1, .starts_from = 2                                 \
	}

const struct scenario scenarios[] = {
	/* The new version is good. */
	{"forward", 2, "1.13.0", "rollback", "", NULL, "run", 0, 0, UPGRADED},
	/* It refuses the metadata: everything comes back by itself. */
	{"refused", 2, "1.14.0", "rollback", "", NULL, "run", 9, 9, CAME_BACK},
	/* It dies in the middle of migrating: the copy is put back. */
	{"put-back", 2, "1.13.0", "restore", "\"migrate_then_die\": 2", NULL,
		"run", 9, 9, CAME_BACK},
	/* A person asks for the way back. */
	{"rollback", 2, "1.13.0", "stop", "", "before activate", "rollback", 9,
		0, CAME_BACK},
	/* For random deaths: more processes, and some of them die, too. */
	{"five", 5, "1.13.0", "rollback", "", NULL, "run", 0, 0, UPGRADED},
};
const unsigned scenario_count = sizeof(scenarios) / sizeof(scenarios[0]);
