/*
 * rounds.h - one thing done again and again, its Nth allocation failing each
 * time, until a round meets no failure.
 *
 * Rounds are played in a copy of the test program, because what belongs to the
 * supervisor may end the process (supervisor/memory.h); then the next copy goes
 * on.
 */
#ifndef TESTS_FAULT_MEMORY_ROUNDS_H
#define TESTS_FAULT_MEMORY_ROUNDS_H

#include <stdbool.h>
#include <stddef.h>

#include "state/err.h"

struct subject {
	const char *name;
	bool may_die; /* by memory_out(), and in no other way */
	/* Before each round; none of its allocations fails. */
	void (*prepare)(void);
	/* The thing.  False: it says so in err.  Everything that it had must
	 * be freed again when it returns. */
	bool (*act)(struct err *err);
	/* "" or what is wrong afterwards; ok: act was true.  Also called when
	 * the round died, then ok is false. */
	const char *(*check)(bool ok);
	/* An error may stand for a failure that nobody can tell from another:
	 * a request that got lost; any: JSON that seems to be none. */
	bool may_say_again, may_say_any;
	bool only_in_program; /* with jansson's allocations never failing */
	const char *may_end_in; /* a library that ends the process, or NULL */
};

/* All rounds, "once" and "from then on"; fails the cmocka test if one goes
 * wrong.  Returns how many allocations were failed. */
unsigned long rounds_run(const struct subject *subject);
/* The same, and false with a text if one goes wrong. */
bool rounds_are_well(const struct subject *subject, char *why, size_t size);

#endif
