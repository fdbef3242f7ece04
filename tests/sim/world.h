/*
 * world.h - a world for one lap: clusters, reference sync processes that run,
 * and a fleet file.
 *
 * Whoever makes a world has a process of its own for it (see pool.h): all that
 * is started, also by syncup and detached from it, is reparented to that
 * process, so that nothing can outlive the world.
 *
 * Delays are short, never none: between a request and its effect there is
 * always time to die.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "state/err.h"

enum {
	WORLD_MEMBERS_MAX = 8,
	WORLD_PATIENCE_MS = 60000, /* for whatever a lap waits for */
};

#define WORLD_FROM "1.12.0"

struct world_setup {
	const char *build; /* the build tree */
	unsigned members;
	bool database; /* real servers, else folders ("light") */
	const char *to; /* the version to upgrade to */
	const char *on_failure; /* as in the fleet file */
	const char *behave; /* settings of refsync, JSON members; "" */
};

struct world_member {
	char name[16];
	char config[PATH_MAX];
	unsigned port;
};

struct world {
	struct world_setup setup;
	char dir[PATH_MAX / 2];
	char syncup[PATH_MAX]; /* the program that is killed */
	struct world_member member[WORLD_MEMBERS_MAX];
	char cluster[2][128]; /* URIs: source, destination */
	char port_lock[WORLD_MEMBERS_MAX + 2][64];
	unsigned port_locks;
	unsigned runs; /* of syncup; their outputs are out.<n> */
};

/* Makes it below <build>/worlds and waits until all members are RUNNING.  What
 * was made is there to be ended, also after a failure. */
bool world_make(struct world *world, const struct world_setup *setup,
	struct err *err) WARN_UNUSED;
/* Ends all processes; keep: the files stay. */
void world_end(struct world *world, bool keep);

/* A path in the world, in one of four buffers used in turn. */
const char *world_path(const struct world *world, const char *name);

/* Starts "syncup <verb> fleet.yaml" in a session of its own. */
pid_t world_start(struct world *world, const char *verb);
/* Waits for it; its exit code, 128 + signal, or -1 if it had to be killed
 * because it does not end. */
int world_wait(pid_t pid);
int world_run(struct world *world, const char *verb);
/* One of the programs of the tree, with its arguments; as world_wait(). */
int world_tool(struct world *world, const char *out, char *const argv[]);

/* The pid of the sync process of a member that answers to its config now, or
 * 0; the version that it executes as <x.y.z>. */
pid_t world_pid(const struct world *world, unsigned member);
bool world_version(
	const struct world *world, unsigned member, char *ret, size_t size);
/* Until all members are in this state; false: somebody is not. */
bool world_await_state(const struct world *world, const char *state);

/* The URI of a database without its password; 0: source, 1: destination. */
void world_plain_uri(const struct world *world, unsigned which, char ret[128]);

void world_nap(void); /* between two looks: 5 ms */

#endif
