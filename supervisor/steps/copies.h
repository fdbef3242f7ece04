/*
 * copies.h - the saved metadata copies below <state>/<fleet>/metadata/.
 *
 *   <run>-<lane>-<n>/            a copy; n counts attempts
 *   <run>-<lane>-<n>/settled     written when its lane had ended well
 *   <run>-<lane>-<n>.partial/    one that is being made, or never was
 *   .gone-<name>/                one that is being removed
 *   .room-<run>-<lane>           holds the room that the copy will take
 *
 * A copy without "settled" may still be needed for the way back; settled ones
 * go after keep_metadata_days.  What is partial is needed by nobody.
 */
#ifndef SUPERVISOR_STEPS_COPIES_H
#define SUPERVISOR_STEPS_COPIES_H

#include "supervisor/fleet/fleet.h"

char *copies_path(const struct fleet *fleet, const char *run, const char *lane,
	unsigned attempt);
/* Before anything is paused; ERR_STORAGE when there is no room.  A file system
 * that cannot reserve is no error. */
bool copies_reserve(const struct fleet *fleet, const char *run,
	const char *lane, uint64_t bytes, struct err *err) WARN_UNUSED;
/* Gives the room to the copy that is made now. */
bool copies_give_room(const struct fleet *fleet, const char *run,
	const char *lane, struct err *err) WARN_UNUSED;
/* Removes what attempts of the lane, or of earlier runs, have left half made:
 * their room may be what the next attempt lacks.  Not while one is made. */
bool copies_drop_partial(const struct fleet *fleet, const char *run,
	const char *lane, struct err *err) WARN_UNUSED;
/* The same; gives the room back, marks the lane's copies settled (NULL: of
 * every lane of the run; another than ours, whose room has gone) and removes
 * settled ones that are old. */
bool copies_settle(const struct fleet *fleet, const char *run, const char *lane,
	struct err *err) WARN_UNUSED;
/* Is there a copy that no run has settled?  *ret_name: which, freed by the
 * caller, or NULL. */
bool copies_unsettled(const struct fleet *fleet, char **ret_name,
	struct err *err) WARN_UNUSED;

#endif
