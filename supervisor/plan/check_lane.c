/*
 * check_lane.c - a lane: is it whole, does it stand alone, can its link be
 * turned?
 */
#include "supervisor/plan/checks.h"

#include <string.h>

/* NULL: nothing is said against it. */
static const struct compat_server *unsupported(
	const struct survey *survey, const char *server)
{
	const struct compat_server *said;

	if (!survey->compat || !version_is_valid(server))
		return NULL;
	for (size_t i = 0; (said = compat_server(survey->compat, i)); i++)
		if ((said->of & COMPAT_DESTINATION) &&
			compat_applies(&said->span, survey->fleet->version) &&
			version_compare(server, said->at_least) >= 0 &&
			version_compare(server, said->below) < 0)
			return said;
	return NULL;
}

static void check_server(struct survey *survey, unsigned index)
{
	const struct seen_lane *lane = &survey->lane[index];
	const char *server = survey->cluster[lane->cluster].version;
	const struct compat_server *said = unsupported(survey, server);
	struct finding *finding;

	if (!said || !survey_moves(survey, index))
		return;
	finding =
		survey_add(survey, FINDING_WARNING, "destination", lane->name);
	finding_say(finding, "its server is %s, which %s %s support: %.200s",
		server, survey->fleet->version,
		said->words.is_stated ? "does not" : "presumably does not",
		said->words.note);
	finding_fix(finding, "see: %.250s", said->words.documented);
}

void check_cluster(struct survey *survey, unsigned index)
{
	struct seen_lane *lane = &survey->lane[index];
	struct seen_cluster *cluster = &survey->cluster[lane->cluster];
	struct finding *finding;

	if (cluster->err.code) {
		finding = survey_add(
			survey, FINDING_REFUSAL, "destination", lane->name);
		finding_say(finding, "cannot be asked who it is: %s",
			cluster->err.msg);
		finding_fix(finding, "check cluster1 in the file of %s",
			cluster->via);
	} else if (!lane->proved) {
		finding = survey_add(
			survey, FINDING_WARNING, "destination", lane->name);
		finding_say(finding,
			"it does not tell its own identity; instances "
			"are taken to belong together by host names (%s)",
			lane->identity);
	} else {
		finding = survey_add(
			survey, FINDING_PASS, "destination", lane->name);
		finding_say(finding, "%s%s%s", lane->identity,
			cluster->version[0] ? ", server " : "",
			cluster->version);
	}
	check_server(survey, index);
}

static bool lane_has_id(
	const struct survey *survey, unsigned lane, const char *id)
{
	for (unsigned i = 0; i < survey->instance_count; i++)
		if (survey->instance[i].lane == lane &&
			strcmp(seen_metadata_id(&survey->instance[i]), id) == 0)
			return true;
	return false;
}

static void lacks(struct survey *survey, const struct seen_lane *lane,
	const char *where, const char *id)
{
	bool assumed = survey->fleet->lane_complete == FLEET_COMPLETE_ASSUMED;
	struct finding *finding;

	/* It may be on a host out of reach, which is refused anyway. */
	if (survey_is_partial(survey))
		return;
	finding =
		survey_add(survey, assumed ? FINDING_WARNING : FINDING_REFUSAL,
			"complete", lane->name);

	finding_say(finding,
		"%s names \"%s\", which no instance of this lane has as "
		"its id",
		where, id);
	if (!assumed)
		finding_fix(finding,
			"add that instance to the fleet file; if it is "
			"truly gone: lane_complete: assumed");
}

static bool has_sync(const struct survey *survey, unsigned lane)
{
	for (unsigned i = 0; i < survey->instance_count; i++) {
		const struct seen_instance *seen = &survey->instance[i];

		if (seen->lane == lane &&
			(seen->progress.phase == SYNC_PHASE_RUNNING ||
				seen->progress.phase == SYNC_PHASE_PAUSED))
			return true;
	}
	return false;
}

void check_complete(struct survey *survey, unsigned index)
{
	struct seen_lane *lane = &survey->lane[index];
	struct seen_cluster *cluster = &survey->cluster[lane->cluster];
	unsigned before = survey->finding_count;
	struct finding *finding;
	size_t i;
	json_t *item;

	json_array_foreach (
		json_object_get(cluster->summary, "instances"), i, item) {
		const char *id = json_string_value(json_object_get(item, "id"));

		if (id && !lane_has_id(survey, index, id))
			lacks(survey, lane, "the sync's metadata", id);
	}
	if (cluster->sharded && lane->count > 1)
		json_array_foreach (cluster->shards, i, item) {
			const char *id = json_string_value(item);

			if (id && !lane_has_id(survey, index, id))
				lacks(survey, lane, "the source's listShards",
					id);
		}
	if (survey->finding_count > before)
		return;
	if (survey_is_partial(survey)) {
		finding = survey_add(
			survey, FINDING_WARNING, "complete", lane->name);
		finding_say(finding,
			"it cannot be told while a host is out of reach");
		return;
	}
	if (cluster->summary_err.code || cluster->shards_err.code) {
		finding = survey_add(
			survey, FINDING_REFUSAL, "complete", lane->name);
		finding_say(finding, "its metadata cannot be read: %s",
			cluster->summary_err.code ? cluster->summary_err.msg
						  : cluster->shards_err.msg);
		finding_fix(finding,
			"check cluster0 and cluster1 in the instances' "
			"files");
		return;
	}
	if (json_is_true(json_object_get(cluster->summary, "found")) &&
		!json_is_true(
			json_object_get(cluster->summary, "recognised"))) {
		finding = survey_add(
			survey, FINDING_WARNING, "complete", lane->name);
		finding_say(finding,
			"unproven: the metadata has a form that this "
			"syncup does not know");
		return;
	}
	if (!json_is_true(json_object_get(cluster->summary, "found")) &&
		has_sync(survey, index)) {
		finding = survey_add(survey,
			survey->fleet->lane_complete == FLEET_COMPLETE_ASSUMED
				? FINDING_WARNING
				: FINDING_REFUSAL,
			"complete", lane->name);
		finding_say(finding,
			"its sync is under way, but no metadata of it is "
			"found on the destination: it could not be "
			"saved");
		finding_fix(finding,
			"check cluster1 in the file of %s; if you know "
			"better: lane_complete: assumed",
			cluster->via);
		return;
	}
	finding = survey_add(survey, FINDING_PASS, "complete", lane->name);
	finding_say(finding,
		"%u of %u instances that the metadata names are in the "
		"fleet",
		(unsigned)json_array_size(
			json_object_get(cluster->summary, "instances")),
		(unsigned)json_array_size(
			json_object_get(cluster->summary, "instances")));
}

void check_coordinator(struct survey *survey, unsigned index)
{
	const char *first = "";
	struct finding *finding;

	for (unsigned i = 0; i < survey->instance_count; i++) {
		const struct seen_instance *seen = &survey->instance[i];
		const char *who = seen->progress.coordinator;

		if (seen->lane != index || !who[0])
			continue;
		if (first[0] && strcmp(first, who) != 0) {
			finding = survey_add(survey, FINDING_REFUSAL,
				"coordinator", survey->lane[index].name);
			finding_say(finding,
				"its instances report two coordinators, "
				"\"%s\" and \"%s\"",
				first, who);
			finding_fix(finding,
				"these are two migrations into one "
				"cluster: give each a fleet of its own");
			return;
		}
		first = who;
	}
	finding = survey_add(
		survey, FINDING_PASS, "coordinator", survey->lane[index].name);
	if (first[0])
		finding_say(finding, "\"%s\", by all that tell one", first);
	else
		finding_say(finding, "no instance tells of one");
}

static bool is_shared(struct survey *survey, unsigned index,
	const struct seen_link *link, struct finding **finding,
	const char *name)
{
	char shown[SEEN_SHOWN];

	for (unsigned i = 0; i < index; i++) {
		const struct seen_lane *lane = &survey->lane[i];

		for (unsigned j = 0; j < lane->link_count; j++) {
			if (lane->link[j].host != link->host ||
				strcmp(lane->link[j].path, link->path) != 0)
				continue;
			*finding = survey_add(
				survey, FINDING_REFUSAL, "link", name);
			finding_say(*finding,
				"lane %s is started through the same link "
				"%s: holding one would hold the other",
				lane->name,
				seen_show_path(
					survey, link->host, link->path, shown));
			return true;
		}
	}
	return false;
}

static void check_one_link(
	struct survey *survey, unsigned index, const struct seen_link *link)
{
	const struct seen_lane *lane = &survey->lane[index];
	const char *root = survey->fleet->install_root;
	char name[SEEN_SHOWN], path[SEEN_SHOWN];
	struct finding *finding;

	(void)seen_show_lane(survey, lane, link, name);
	(void)seen_show_path(survey, link->host, link->path, path);
	if (link->differs) {
		finding = survey_add(survey, FINDING_REFUSAL, "link", name);
		finding_say(finding,
			"its instances are started through different "
			"links, but they must change version together");
		finding_fix(finding, "give them the same link:");
		return;
	}
	if (is_shared(survey, index, link, &finding, name)) {
		finding_fix(finding,
			"give each migration's instances a link: of "
			"their own, e.g. %s/%s/current",
			root, lane->name);
		return;
	}
	if (link->err.code) {
		finding = survey_add(survey, FINDING_REFUSAL, "link", name);
		finding_say(finding, "%s", link->err.msg);
		return;
	}
	if (link->seen.kind == LINK_FOREIGN) {
		finding = survey_add(survey, FINDING_REFUSAL, "link", name);
		finding_say(finding,
			"%s is neither an executable nor a link into "
			"%s/versions",
			path, root);
		finding_fix(finding,
			"move it away, or set link: to the path the "
			"processes are started by");
		return;
	}
	if (link->seen.kind == LINK_HOLD) {
		finding = survey_add(survey, FINDING_REFUSAL, "link", name);
		finding_say(
			finding, "%s is held by run %s", path, link->seen.run);
		finding_fix(finding,
			"finish that run; if it is lost: ln -sfn "
			"%s/versions/%s%s %s",
			root, lane->from[0] ? lane->from : "<version>",
			link->is_binary ? "/bin/mongosync" : "", link->path);
		return;
	}
	finding = survey_add(survey, FINDING_PASS, "link", name);
	if (link->kept)
		finding_say(finding, "%s goes to versions/%s", path,
			link->seen.version);
	else
		finding_say(finding,
			"%s will be adopted: what runs now is kept as "
			"versions/%s",
			path, lane->from);
}

void check_link(struct survey *survey, unsigned index)
{
	for (unsigned i = 0; i < survey->lane[index].link_count; i++)
		check_one_link(survey, index, &survey->lane[index].link[i]);
}

void check_pause(struct survey *survey)
{
	struct finding *finding;

	if (survey->fleet->pause != FLEET_PAUSE_NEVER) {
		finding = survey_add(
			survey, FINDING_PASS, "pause", survey->fleet->name);
		finding_say(finding, "what is saved can be put back");
		return;
	}
	finding = survey_add(
		survey, FINDING_WARNING, "pause", survey->fleet->name);
	finding_say(finding,
		"pause: never means that saved metadata cannot be put "
		"back: once the new version has changed it, there is no "
		"way back");
}
