/*
 * check_version.c - may this version be upgraded to that one?
 */
#include "supervisor/plan/checks.h"

#include <string.h>

void check_versions(struct survey *survey, unsigned index)
{
	struct seen_lane *lane = &survey->lane[index];
	const char *to = survey->fleet->version;
	struct finding *finding;

	for (unsigned i = 0; i < survey->instance_count; i++) {
		const struct seen_instance *seen = &survey->instance[i];

		if (seen->lane != index || !seen->version[0] ||
			!lane->from[0] ||
			strcmp(seen->version, lane->from) == 0)
			continue;
		finding = survey_add(
			survey, FINDING_REFUSAL, "version", lane->name);
		finding_say(finding,
			"its processes run different versions: %s runs "
			"%s, %s runs %s",
			survey->instance[lane->first].instance->name,
			lane->from, seen->instance->name, seen->version);
		finding_fix(finding, "bring all of them to one version first");
		return;
	}
	if (!lane->from[0])
		return;
	if (version_compare(lane->from, to) > 0) {
		finding = survey_add(
			survey, FINDING_REFUSAL, "version", lane->name);
		finding_say(finding,
			"%s to %s is a downgrade, and a running sync "
			"cannot be downgraded",
			lane->from, to);
		finding_fix(finding,
			"keep %s, or start the migration again with %s "
			"from an empty destination",
			lane->from, to);
		return;
	}
	finding = survey_add(survey, FINDING_PASS, "version", lane->name);
	if (strcmp(lane->from, to) == 0)
		finding_say(finding, "all %u processes run %s already",
			lane->count, to);
	else
		finding_say(finding, "%s to %s", lane->from, to);
}
