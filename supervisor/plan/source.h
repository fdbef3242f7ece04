/*
 * source.h - where the new version comes from: found in the vendor's feed,
 * brought into the cache, its signature verified, looked into.
 *
 * Filling a cache changes nothing of a fleet, so that plan does it, too.  What
 * has not the wanted digest and signature is never run, not even for its
 * version.
 */
#ifndef SUPERVISOR_PLAN_SOURCE_H
#define SUPERVISOR_PLAN_SOURCE_H

#include <limits.h>

#include "supervisor/engine/child.h"
#include "supervisor/plan/survey.h"

/* In child_work(), with a struct survey: tells what source_told() takes. */
int source_look(void *survey, int fd);
void source_told(struct survey *survey, const struct child_end *end);
int64_t source_look_ms(const struct fleet *fleet); /* for the child */

/* The archive that a plan has frozen ("artifact" of the plan), brought again
 * if the cache was emptied since.  Blocks. */
bool source_bring(const struct fleet *fleet, const json_t *planned,
	char ret_path[PATH_MAX], struct err *err) WARN_UNUSED;

/* What the fleet file names, as findings call it. */
const char *source_name(const struct survey *survey);

#endif
