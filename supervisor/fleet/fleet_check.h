/*
 * fleet_check.h - what the schema cannot say about a fleet file.
 *
 * Checks run on the fleet after its defaults are filled in, so that a default
 * is judged like a written value; lines come from the YAML text.
 */
#ifndef SUPERVISOR_FLEET_FLEET_CHECK_H
#define SUPERVISOR_FLEET_FLEET_CHECK_H

#include "supervisor/fleet/fleet.h"
#include "supervisor/fleet/yaml_text.h"

/* Before libcyaml sees it: no odd characters, whole numbers within limits.
 * has_secrets_checked is false for a journal's fleet: what a run was planned
 * with must stay readable. */
bool fleet_check_text(struct yaml_text *yaml, bool has_secrets_checked,
	struct err *err) WARN_UNUSED;
bool fleet_check(const struct fleet *fleet, struct yaml_text *yaml,
	struct err *err) WARN_UNUSED;

#endif
