/*
 * room.h - is there room for what a run will write?
 *
 * Asked before anything is paused: a disk that is full while the sync stands
 * still costs oplog.  Some of it is then reserved, too: the journal's room by
 * the journal, that of the metadata's copy by a file which gives way to it.
 */
#ifndef SUPERVISOR_PLAN_ROOM_H
#define SUPERVISOR_PLAN_ROOM_H

#include "supervisor/plan/survey.h"

/* What a copy of so many bytes of documents may take on disk. */
uint64_t room_for_copy(uint64_t bytes);
/* Sees how much is free where the run will write. */
void room_look(struct survey *survey);
/* Adds the findings; pure. */
void room_check(struct survey *survey);

#endif
