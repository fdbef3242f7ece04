/*
 * scenarios.h - what state/ does to the disk, one thing at a time, and what
 * must be true afterwards however it ended.
 */
#ifndef TESTS_FAULT_SCENARIOS_H
#define TESTS_FAULT_SCENARIOS_H

#include "state/err.h"

struct world { /* what one scenario works on */
	char path[300]; /* the file that it is about */
	unsigned synced; /* records whose journal_sync() was true */
	unsigned told; /* records that the journal's function was told */
	bool lived_on; /* after its first failure the journal did not refuse */
};

struct scenario {
	const char *name;
	void (*prepare)(struct world *world); /* with the real calls */
	bool (*act)(struct world *world, struct err *err);
	/* "" or what is wrong; ok is what act returned */
	const char *(*check)(struct world *world, bool ok);
	unsigned file_syncs, directory_syncs; /* when nothing fails */
	enum err_code undisturbed; /* what act ends in when nothing fails */
};

extern const struct scenario scenarios[];
extern const unsigned scenario_count;

#endif
