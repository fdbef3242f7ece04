/*
 * sync_phase.c - the table of states.
 */
#include "sync_client/sync_phase.h"

#include <stddef.h>
#include <string.h>

/* The words of the API: never change. */
static const char *const names[] = {
	[SYNC_PHASE_UNKNOWN] = "UNKNOWN",
	[SYNC_PHASE_INITIALIZING] = "INITIALIZING",
	[SYNC_PHASE_IDLE] = "IDLE",
	[SYNC_PHASE_RUNNING] = "RUNNING",
	[SYNC_PHASE_PAUSED] = "PAUSED",
	[SYNC_PHASE_COMMITTING] = "COMMITTING",
	[SYNC_PHASE_COMMITTED] = "COMMITTED",
	[SYNC_PHASE_REVERSING] = "REVERSING",
};

#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

const char *sync_phase_name(enum sync_phase phase)
{
	if ((size_t)phase >= NAME_COUNT)
		return names[SYNC_PHASE_UNKNOWN];
	return names[phase];
}

enum sync_phase sync_phase_parse(const char *text)
{
	for (size_t i = 0; text && i < NAME_COUNT; i++)
		if (!strcmp(text, names[i]))
			return (enum sync_phase)i;
	return SYNC_PHASE_UNKNOWN;
}

bool sync_phase_is_final(enum sync_phase phase)
{
	return phase == SYNC_PHASE_COMMITTING ||
	       phase == SYNC_PHASE_COMMITTED || phase == SYNC_PHASE_REVERSING;
}
