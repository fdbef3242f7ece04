/*
 * planned.h - the targets of a plan, and what they are called.
 *
 * On disk: never rename.  target.c makes them ready for work.  A host's
 * "itself" is what it says of itself, by which the hosts of a lane are claimed
 * in order.
 */
#ifndef SUPERVISOR_PLAN_PLANNED_H
#define SUPERVISOR_PLAN_PLANNED_H

#include <jansson.h>

#include "supervisor/plan/survey.h"

json_t *planned_host_name(const struct survey *survey, unsigned host);
json_t *planned_link_name(const struct survey *survey,
	const struct seen_lane *lane, const struct seen_link *link);
/* Processes, hosts, links, metadata and lanes, of the lanes that move. */
json_t *planned_targets(const struct survey *survey);

#endif
