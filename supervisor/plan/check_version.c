/*
 * check_version.c - may this version be upgraded to that one?
 *
 * What is documented counts, and the table of versions is where that is looked
 * up: most pairs cannot be upgraded without losing the sync, and a new version
 * that refuses the metadata is found out only when everything is down.
 */
#include "supervisor/plan/checks.h"

#include <string.h>

static bool is_table_needed(const struct survey *survey)
{
	for (unsigned i = 0; i < survey->lane_count; i++)
		if (survey->lane[i].from[0] &&
			version_compare(survey->lane[i].from,
				survey->fleet->version) < 0)
			return true;
	return false;
}

void check_table(struct survey *survey)
{
	struct finding *finding;

	if (survey->compat) {
		finding = survey_add(
			survey, FINDING_PASS, "table", survey->fleet->name);
		finding_say(finding,
			"which version can be upgraded to which is looked up "
			"in %s",
			survey->compat_file);
		return;
	}
	if (!is_table_needed(survey))
		return;
	finding = survey_add(
		survey, FINDING_REFUSAL, "table", survey->fleet->name);
	finding_say(finding, "%s", survey->compat_err.msg);
	if (survey->compat_file)
		finding_fix(finding,
			"mend that file; the one that came with syncup, and "
			"its schema, show what it must be");
	else
		finding_fix(finding,
			"install syncup wholly (cmake --install), or name a "
			"copy of deploy/compat/mongosync.json by compat:");
}

static bool same_in_lane(struct survey *survey, unsigned index)
{
	const struct seen_lane *lane = &survey->lane[index];
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
		return false;
	}
	return true;
}

static void refuse_downgrade(struct survey *survey,
	const struct seen_lane *lane, const struct compat_answer *answer)
{
	const char *to = survey->fleet->version;
	struct finding *finding =
		survey_add(survey, FINDING_REFUSAL, "version", lane->name);

	finding_say(finding,
		"%s to %s is a downgrade, and a running sync cannot be "
		"downgraded",
		lane->from, to);
	finding_fix(finding,
		"keep %s, or start the migration again with %s from an empty "
		"destination%s%.200s%s",
		lane->from, to, answer ? " (" : "",
		answer ? answer->documented : "", answer ? ")" : "");
}

static void refuse_impossible(struct survey *survey,
	const struct seen_lane *lane, const struct compat_answer *answer)
{
	struct finding *finding =
		survey_add(survey, FINDING_REFUSAL, "version", lane->name);
	struct compat_answer nearest;

	finding_say(finding, "%s to %s: %.200s (%.120s)", lane->from,
		survey->fleet->version, answer->note, answer->documented);
	if (!answer->nearest[0]) {
		finding_fix(finding,
			"no upgrade from %s is documented: finish the "
			"migration with it, or start again with %s from an "
			"empty destination",
			lane->from, survey->fleet->version);
		return;
	}
	if (!compat_judge(survey->compat, lane->from, answer->nearest, &nearest,
		    NULL))
		nearest = *answer;
	finding_fix(finding,
		"the nearest version that can be reached is %s (%.200s)",
		answer->nearest, nearest.documented);
}

static void judge_unknown(struct survey *survey, const struct seen_lane *lane,
	const struct compat_answer *answer)
{
	bool accepted = survey->options.accept_unlisted;
	struct finding *finding =
		survey_add(survey, accepted ? FINDING_WARNING : FINDING_REFUSAL,
			"version", lane->name);

	finding_say(finding, "%s to %s%s: %.280s", lane->from,
		survey->fleet->version,
		accepted ? ", by --accept-unlisted" : " is not in the table",
		answer->note);
	if (!accepted)
		finding_fix(finding,
			"if you know that it works: --accept-unlisted, or a "
			"table that says so (compat:)");
}

static void pass(struct survey *survey, const struct seen_lane *lane,
	const struct compat_answer *answer)
{
	struct finding *finding =
		survey_add(survey, FINDING_PASS, "version", lane->name);

	finding_say(finding, "%s to %s%s: %.200s (%.100s)", lane->from,
		survey->fleet->version,
		answer->is_stated ? "" : " (presumed, not stated)",
		answer->note, answer->documented);
}

static void judge(struct survey *survey, const struct seen_lane *lane)
{
	const char *to = survey->fleet->version;
	struct compat_answer answer;
	struct finding *finding;
	struct err err = {0};
	bool known = survey->compat && compat_judge(survey->compat, lane->from,
					       to, &answer, &err);

	if (version_compare(lane->from, to) > 0) {
		refuse_downgrade(survey, lane, known ? &answer : NULL);
		return;
	}
	if (!survey->compat)
		return; /* check_table() has said so */
	if (!known) {
		finding = survey_add(
			survey, FINDING_REFUSAL, "version", lane->name);
		finding_say(finding, "%s to %s: %s", lane->from, to, err.msg);
		finding_fix(finding, "correct version: in the fleet file");
		return;
	}
	switch (answer.verdict) {
	case COMPAT_DOCUMENTED:
		pass(survey, lane, &answer);
		return;
	case COMPAT_IMPOSSIBLE:
		refuse_impossible(survey, lane, &answer);
		return;
	case COMPAT_DOWNGRADE:
		refuse_downgrade(survey, lane, &answer);
		return;
	case COMPAT_UNKNOWN:
		judge_unknown(survey, lane, &answer);
		return;
	}
}

void check_versions(struct survey *survey, unsigned index)
{
	const struct seen_lane *lane = &survey->lane[index];
	struct finding *finding;

	if (!same_in_lane(survey, index) || !lane->from[0])
		return;
	if (strcmp(lane->from, survey->fleet->version) != 0) {
		judge(survey, lane);
		return;
	}
	finding = survey_add(survey, FINDING_PASS, "version", lane->name);
	finding_say(finding, "all %u processes run %s already", lane->count,
		survey->fleet->version);
}
