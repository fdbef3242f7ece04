/*
 * copies.h - the saved metadata copies below <state>/<fleet>/metadata/.
 *
 *   <run>-<lane>-<n>/            a copy; n counts attempts
 *   <run>-<lane>-<n>/settled     written when its lane had ended well
 *
 *   <run>-<lane>-<n>.partial/    one that is being made, or whose maker died
 *   .gone-<name>/                one that is being removed
 *
 * A copy without "settled" may still be needed for the way back; settled ones
 * go after keep_metadata_days.
 */
#ifndef SUPERVISOR_STEPS_COPIES_H
#define SUPERVISOR_STEPS_COPIES_H

#include "supervisor/fleet/fleet.h"

char *copies_path(const struct fleet *fleet, const char *run, const char *lane,
	unsigned attempt);
/* Marks the lane's copies settled and removes settled ones that are old. */
bool copies_settle(const struct fleet *fleet, const char *run, const char *lane,
	struct err *err) WARN_UNUSED;
/* Is there a copy that no run has settled?  *ret_name: which, freed by the
 * caller, or NULL. */
bool copies_unsettled(const struct fleet *fleet, char **ret_name,
	struct err *err) WARN_UNUSED;

#endif
