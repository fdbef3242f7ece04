/*
 * fleet_artifact.h - the fleet file's artifact: what its keys may be together,
 * and the JSON that a journal keeps of them; private to fleet/, but for
 * fleet_is_url().
 */
#ifndef SUPERVISOR_FLEET_FLEET_ARTIFACT_H
#define SUPERVISOR_FLEET_FLEET_ARTIFACT_H

#include "supervisor/fleet/fleet.h"
#include "supervisor/fleet/yaml_text.h"

/* Has it a scheme ("https://...")?  A path has none. */
bool fleet_is_url(const char *text);
bool fleet_artifact_check(const struct fleet_artifact *artifact,
	struct yaml_text *yaml, struct err *err) WARN_UNUSED;
/* Does anything of it come over the network? */
bool fleet_artifact_is_fetched(const struct fleet_artifact *artifact);
/* What was read from a file alone stays as it was before there was more, so
 * that an older journal and the same fleet file stay equal. */
json_t *fleet_artifact_to_json(const struct fleet_artifact *artifact);
void fleet_artifact_done(struct fleet_artifact *artifact);

#endif
