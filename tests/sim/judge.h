/*
 * judge.h - whether a lap ended as if nothing had happened.
 *
 * The witnesses are the effects log of the reference sync processes, /proc and
 * the clusters; never syncup's own account.
 */
#ifndef TESTS_SIM_JUDGE_H
#define TESTS_SIM_JUDGE_H

#include "tests/sim/world.h"

struct judge_expect { /* of each sync process */
	const char *version; /* that it runs in the end */
	unsigned paused, resumed;
	unsigned signals; /* to the old version; the new one has none if it
			   * is to stay */
	unsigned starts_from; /* of the old version, the first one included */
	unsigned starts_to; /* of the new one; 0: any number */
	unsigned migrated; /* in all: migrations of the metadata */
	bool died; /* the test has killed one: only the rules that never bend */
};

/* False: *err says what is wrong.  *ret_doubled: effects that were had twice,
 * whatever else is wrong. */
bool judge(const struct world *world, const struct judge_expect *expect,
	unsigned *ret_doubled, struct err *err) WARN_UNUSED;
/* How many lines the effects log has that are somebody's doing: requests but
 * for questions, signals, starts. */
unsigned judge_deeds(const struct world *world);
/* What lies in the state directory, the install root and at the link, names
 * that differ from run to run made equal; freed by the caller, NULL: no
 * memory.  Files that a death may leave and that harm nobody are left out. */
char *judge_remains(const struct world *world);
/* Source and destination hold the same documents; database worlds only. */
bool judge_documents(struct world *world, struct err *err) WARN_UNUSED;

#endif
