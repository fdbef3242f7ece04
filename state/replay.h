/*
 * replay.h - reading a journal, and deciding how much of it to believe.
 *
 * Private to state/; the rule is in journal.h.
 */
#ifndef STATE_REPLAY_H
#define STATE_REPLAY_H

#include "state/journal.h"

struct replay { /* zero is empty */
	char *text;
	size_t len, good; /* bytes read; bytes believed */
	uint64_t seq, batch; /* of the last record believed */
	unsigned long lines; /* believed */
	char run[RUN_ID_MAX + 1];
};

bool replay_read(struct replay *replay, const char *path, journal_fn *fn,
	void *arg, struct err *err) WARN_UNUSED;
void replay_done(struct replay *replay);

#endif
