/*
 * sync_phase.h - the states that a sync process reports, to and from text.
 * Source: mongosync API reference, states and permitted operations.
 */
#ifndef SYNC_CLIENT_SYNC_PHASE_H
#define SYNC_CLIENT_SYNC_PHASE_H

#include <stdbool.h>

enum sync_phase {
	SYNC_PHASE_UNKNOWN = 0, /* a word that we do not know */
	SYNC_PHASE_INITIALIZING, /* mongosync >= 1.20 */
	SYNC_PHASE_IDLE,
	SYNC_PHASE_RUNNING,
	SYNC_PHASE_PAUSED,
	SYNC_PHASE_COMMITTING,
	SYNC_PHASE_COMMITTED,
	SYNC_PHASE_REVERSING,
};

const char *sync_phase_name(enum sync_phase phase); /* "RUNNING" */
enum sync_phase sync_phase_parse(const char *text); /* NULL: UNKNOWN */
/* A person has cut over or turned round: nothing may be touched any more. */
bool sync_phase_is_final(enum sync_phase phase);

#endif
