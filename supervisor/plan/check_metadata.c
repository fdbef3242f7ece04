/*
 * check_metadata.c - the sync's metadata: where it is, and whether it tells the
 * same as the processes do.
 */
#include "supervisor/plan/checks.h"

#include <jansson.h>
#include <string.h>

#define NEW_NAME "__mdb_internal_mongosync"
#define OLD_NAME "mongosync_reserved_for_internal_use"
#define RENAMED "1.20.0" /* the first version that uses the new one */

const char *seen_metadata_id(const struct seen_instance *seen)
{
	return seen->config.id[0] ? seen->config.id : "coordinator";
}

static const char *text_in(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

const json_t *seen_in_metadata(
	const struct survey *survey, const struct seen_instance *seen)
{
	const json_t *summary = survey->cluster[seen->cluster].summary;
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(summary, "instances"), i, item)
		if (strcmp(text_in(item, "id"), seen_metadata_id(seen)) == 0)
			return item;
	return NULL;
}

static bool is_found(const struct seen_cluster *cluster)
{
	return json_is_true(json_object_get(cluster->summary, "found"));
}

/* Both may be a moment apart, so that one look proves nothing. */
enum odds {
	ODDS_NONE,
	ODDS_UNPROVEN, /* the metadata's word is not known */
	ODDS_SMALL, /* as of one that did not come to write its state */
	ODDS_ABSENT, /* the metadata does not know this instance */
	ODDS_FATAL,
};

static enum odds odds_of(
	const struct survey *survey, const struct seen_instance *seen)
{
	const json_t *there = seen_in_metadata(survey, seen);
	enum sync_phase told = sync_phase_parse(text_in(there, "state"));
	enum sync_phase phase = seen->progress.phase;

	/* "api" and "state" refuse one that says nothing to compare with. */
	if (seen->progress_err.code || sync_phase_is_final(phase) ||
		phase == SYNC_PHASE_UNKNOWN ||
		phase == SYNC_PHASE_INITIALIZING ||
		!is_found(&survey->cluster[seen->cluster]))
		return ODDS_NONE;
	if (!there)
		return phase == SYNC_PHASE_IDLE ? ODDS_NONE : ODDS_ABSENT;
	if (told == SYNC_PHASE_UNKNOWN)
		return ODDS_UNPROVEN;
	if (told == phase)
		return ODDS_NONE;
	if (sync_phase_is_final(told) || phase == SYNC_PHASE_IDLE)
		return ODDS_FATAL;
	return ODDS_SMALL;
}

bool metadata_is_at_odds(const struct survey *survey)
{
	for (unsigned i = 0; i < survey->instance_count; i++)
		if (odds_of(survey, &survey->instance[i]) >= ODDS_SMALL)
			return true;
	return false;
}

static bool check_generations(struct survey *survey, unsigned index)
{
	const struct seen_lane *lane = &survey->lane[index];
	const json_t *summary = survey->cluster[lane->cluster].summary;
	const json_t *list = json_object_get(summary, "generations");
	const char *main = text_in(summary, "database");
	const char *other = "";
	struct finding *finding;
	size_t i;
	json_t *item;

	if (json_array_size(list) < 2)
		return true;
	json_array_foreach (list, i, item)
		if (strcmp(json_string_value(item), main) != 0)
			other = json_string_value(item);
	finding = survey_add(survey, FINDING_REFUSAL, "metadata", lane->name);
	finding_say(finding,
		"the destination has two databases that a sync would "
		"continue from, %s and %s: which of them %s would take is "
		"not known",
		main, other, survey->fleet->version);
	finding_fix(finding,
		"find out which of them the running sync writes, and drop "
		"the other one");
	return false;
}

static void say_odds(
	struct survey *survey, const struct seen_instance *seen, enum odds odds)
{
	bool assumed = survey->fleet->lane_complete == FLEET_COMPLETE_ASSUMED;
	bool refuse = odds == ODDS_FATAL || (odds == ODDS_ABSENT && !assumed);
	const char *told = text_in(seen_in_metadata(survey, seen), "state");
	struct finding *finding =
		survey_add(survey, refuse ? FINDING_REFUSAL : FINDING_WARNING,
			"metadata", seen->instance->name);

	switch (odds) {
	case ODDS_UNPROVEN:
		finding_say(finding,
			"unproven: this syncup does not know the state "
			"\"%.40s\" that its metadata tells",
			told);
		break;
	case ODDS_ABSENT:
		finding_say(finding,
			"its API says %s, but the metadata on the "
			"destination knows no instance \"%s\"",
			seen->progress.phase_text, seen_metadata_id(seen));
		finding_fix(finding,
			"check id and cluster1 in %.150s; if you know "
			"better: lane_complete: assumed",
			seen->instance->config);
		break;
	case ODDS_SMALL:
	case ODDS_FATAL:
	case ODDS_NONE:
		finding_say(finding,
			"its API says %s, its metadata on the destination "
			"%s, in two looks: the new version would continue "
			"from the metadata",
			seen->progress.phase_text, told);
		finding_fix(finding, "%s",
			refuse ? "find out whether cluster1 is where it "
				 "writes, "
				 "and whether another process is at work "
				 "there"
			       : "look into its log: it may have lost the "
				 "destination");
		break;
	}
}

/* Of a version: the database that it keeps its metadata in. */
static const char *name_of(const char *version)
{
	return version_compare(version, RENAMED) < 0 ? OLD_NAME : NEW_NAME;
}

static bool is_known(const char *database)
{
	return strcmp(database, OLD_NAME) == 0 ||
	       strcmp(database, NEW_NAME) == 0;
}

static void say_found(struct survey *survey, unsigned index)
{
	const struct seen_lane *lane = &survey->lane[index];
	const json_t *summary = survey->cluster[lane->cluster].summary;
	const char *database = text_in(summary, "database");
	const char *to = name_of(survey->fleet->version);
	bool other = lane->from[0] && is_known(database) &&
		     strcmp(name_of(lane->from), database) != 0;
	struct finding *finding = survey_add(survey,
		other ? FINDING_WARNING : FINDING_PASS, "metadata", lane->name);
	char form[40] = "";

	if (json_is_integer(json_object_get(summary, "metadata_version")))
		(void)snprintf(form, sizeof(form), ", version %lld",
			(long long)json_integer_value(
				json_object_get(summary, "metadata_version")));
	if (other)
		finding_say(finding,
			"%s runs and keeps its metadata in %s, but only %s is "
			"found: it may be that of an earlier sync",
			lane->from, name_of(lane->from), database);
	else if (is_known(database) && strcmp(to, database) != 0)
		finding_say(finding,
			"%s%s, in the states that the APIs say; %s renames it "
			"to %s",
			database, form, survey->fleet->version, to);
	else
		finding_say(finding, "%s%s, in the states that the APIs say",
			database[0] ? database : "found", form);
}

void check_metadata(struct survey *survey, unsigned index)
{
	const struct seen_lane *lane = &survey->lane[index];
	const struct seen_cluster *cluster = &survey->cluster[lane->cluster];
	bool good = true;

	/* Then "complete" refuses already. */
	if (cluster->summary_err.code)
		return;
	if (!is_found(cluster)) {
		finding_say(survey_add(survey, FINDING_PASS, "metadata",
				    lane->name),
			"none is on the destination");
		return;
	}
	if (!check_generations(survey, index))
		return;
	for (unsigned i = 0; i < survey->instance_count; i++) {
		const struct seen_instance *seen = &survey->instance[i];
		enum odds odds = odds_of(survey, seen);

		if (seen->lane != index || odds == ODDS_NONE)
			continue;
		say_odds(survey, seen, odds);
		good = false;
	}
	if (good)
		say_found(survey, index);
}
