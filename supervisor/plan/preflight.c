/*
 * preflight.c - everything that can be refused is refused here, before the
 * first pause: one function per check, each adding one finding per subject.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/memory.h"
#include "supervisor/plan/room.h"
#include "sync_client/sync_text.h"

static struct finding *add(struct survey *survey, enum finding_level level,
	const char *check, const char *subject)
{
	return survey_add(survey, level, check, subject);
}

__attribute__((format(printf, 2, 3))) static void say(
	struct finding *finding, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(finding->text, sizeof(finding->text), fmt, args);
	va_end(args);
	/* Cut anywhere: JSON takes only whole characters. */
	sync_text_clean(finding->text, sizeof(finding->text));
}

__attribute__((format(printf, 2, 3))) static void fix(
	struct finding *finding, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(finding->fix, sizeof(finding->fix), fmt, args);
	va_end(args);
}

/* A message that begins with its subject, which a finding names already. */
static const char *without(const char *subject, const char *text)
{
	size_t len = strlen(subject);

	if (strncmp(text, subject, len) != 0)
		return text;
	text += len;
	return text + strspn(text, ": ");
}

static void check_artifact(struct survey *survey)
{
	const struct fleet *fleet = survey->fleet;
	struct finding *finding;

	if (survey->artifact_err.code) {
		finding = add(survey, FINDING_REFUSAL, "artifact",
			fleet->artifact.file);
		say(finding, "%s",
			without(fleet->artifact.file,
				survey->artifact_err.msg));
		fix(finding, "fetch the archive again, or correct artifact: in "
			     "the fleet file");
		return;
	}
	if (strcmp(survey->artifact.version, fleet->version) != 0) {
		finding = add(survey, FINDING_REFUSAL, "artifact",
			fleet->artifact.file);
		say(finding,
			"its executable says version %s, the fleet asks "
			"for %s",
			survey->artifact.version, fleet->version);
		fix(finding, "correct version: or artifact: in the fleet file");
		return;
	}
	finding = add(survey, FINDING_PASS, "artifact", fleet->artifact.file);
	say(finding,
		"sha256 as given, runs here, says version %s, %u files, "
		"%llu MiB",
		survey->artifact.version, survey->artifact.files,
		(unsigned long long)(survey->artifact.bytes >> 20));
}

/* Others would not see that we are at work, and so come in between. */
static void check_claims(struct survey *survey)
{
	const char *root = survey->fleet->install_root;
	struct finding *finding;

	if (!survey->claims_err.code)
		return;
	finding = add(survey, FINDING_REFUSAL, "claim", root);
	say(finding, "%s", survey->claims_err.msg);
	fix(finding, "run syncup as the user that owns %.200s", root);
}

static void check_claim(struct survey *survey, const char *subject,
	const struct claim *claim, const struct err *claim_err)
{
	struct finding *finding;

	if (claim_err->code) {
		finding = add(survey, FINDING_REFUSAL, "claim", subject);
		say(finding, "whether it is claimed cannot be told: %s",
			claim_err->msg);
		fix(finding, "run syncup as the user that wrote it, or remove "
			     "it if no run needs it");
		return;
	}
	if (!claim->run[0])
		return;
	finding = add(survey, FINDING_REFUSAL, "claim", subject);
	finding->code = ERR_HELD;
	say(finding,
		"it belongs to run %s of fleet %s, begun from host %s "
		"(state in %s)",
		claim->run, claim->fleet, claim->host, claim->state_dir);
	fix(finding,
		"finish that run there; if it is lost: syncup run "
		"--take-over %s",
		claim->run);
}

static void check_process(struct survey *survey, struct seen_instance *seen)
{
	const char *name = seen->instance->name;
	struct finding *finding;

	switch (seen->process.view) {
	case PROCESS_RUNNING:
		break;
	case PROCESS_GONE:
		finding = add(survey, FINDING_REFUSAL, "process", name);
		say(finding, "it is not running: %s", seen->process.why);
		fix(finding, "start it, or take it out of the fleet file if "
			     "it is gone for good");
		return;
	case PROCESS_UNKNOWN:
		finding = add(survey, FINDING_REFUSAL, "process", name);
		say(finding, "it cannot be told whether it runs: %s",
			seen->process.why);
		fix(finding, "run syncup as the user that runs the sync "
			     "processes, or correct port and config");
		return;
	}
	if (!seen->version[0]) {
		finding = add(survey, FINDING_REFUSAL, "version", name);
		say(finding, "which version runs cannot be told: %s",
			seen->version_err.msg);
		fix(finding, "run syncup as the user that runs the sync "
			     "processes");
		return;
	}
	if (strcmp(seen->version_proof, "exe") != 0) {
		finding = add(survey, FINDING_WARNING, "version", name);
		say(finding,
			"version %s is known only from the link: its "
			"executable cannot be read",
			seen->version);
		fix(finding, "run syncup as the user that runs the sync "
			     "processes");
	} else {
		finding = add(survey, FINDING_PASS, "version", name);
		say(finding, "pid %d runs %s", (int)seen->process.pid,
			seen->version);
	}
}

static void check_api(struct survey *survey, struct seen_instance *seen)
{
	const struct sync_progress *progress = &seen->progress;
	const char *name = seen->instance->name;
	struct finding *finding;

	if (seen->progress_err.code) {
		finding = add(survey, FINDING_REFUSAL, "api", name);
		say(finding, "its API on port %u does not answer: %s",
			seen->config.port, seen->progress_err.msg);
		fix(finding,
			"wait until it answers (some minutes after a "
			"start are normal), or correct port in %s",
			seen->instance->config);
		return;
	}
	if (seen->config.id[0] && progress->id[0] &&
		strcmp(seen->config.id, progress->id) != 0) {
		finding = add(survey, FINDING_REFUSAL, "identity", name);
		say(finding,
			"port %u is answered by mongosyncID \"%s\", but "
			"%s says id \"%s\"",
			seen->config.port, progress->id, seen->instance->config,
			seen->config.id);
		fix(finding, "correct port or id in that file");
		return;
	}
	if (sync_phase_is_final(progress->phase) || progress->can_write) {
		finding = add(survey, FINDING_REFUSAL, "state", name);
		say(finding, "it is %s%s: a cut-over must not be disturbed",
			progress->phase_text,
			progress->can_write ? " and writes are allowed" : "");
		fix(finding, "finish the cut-over with the version that runs");
		return;
	}
	if (progress->phase == SYNC_PHASE_INITIALIZING ||
		progress->phase == SYNC_PHASE_UNKNOWN) {
		finding = add(survey, FINDING_REFUSAL, "state", name);
		say(finding, "it is in state %s", progress->phase_text);
		fix(finding, "try again when it is RUNNING, PAUSED or IDLE");
		return;
	}
	finding = add(survey, FINDING_PASS, "state", name);
	if (progress->lag_s >= 0)
		say(finding, "%s, %s, %lld s behind", progress->phase_text,
			progress->info[0] ? progress->info : "no phase told",
			(long long)progress->lag_s);
	else
		say(finding, "%s%s%s", progress->phase_text,
			progress->info[0] ? ", " : "", progress->info);
	if (progress->verifier && progress->phase == SYNC_PHASE_RUNNING) {
		finding = add(survey, FINDING_WARNING, "verifier", name);
		say(finding, "its verifier keeps its state in memory: it "
			     "starts over after the upgrade");
	}
}

static void check_start(struct survey *survey, struct seen_instance *seen)
{
	const struct seen_lane *lane = &survey->lane[seen->lane];
	const char *name = seen->instance->name;
	size_t len = strlen(lane->link_path);
	json_t *argv = seen_argv(survey, seen);
	const char *first = json_string_value(json_array_get(argv, 0));
	struct finding *finding;

	if (seen->instance->command) {
		finding = add(survey, FINDING_WARNING, "link", name);
		say(finding,
			"whether its start command goes through %s "
			"cannot be seen",
			lane->link_path);
		fix(finding, "let it start %s", lane->link_path);
	} else if (!first || strncmp(first, lane->link_path, len) != 0 ||
		   (first[len] && first[len] != '/')) {
		finding = add(survey, FINDING_REFUSAL, "link", name);
		say(finding,
			"argv starts %s, which is not reached through "
			"the link %s",
			first ? first : "nothing", lane->link_path);
		fix(finding, "set link: to the path it is started by, or "
			     "leave argv: out");
	}
	if (seen->differs[0]) {
		finding = add(survey, FINDING_WARNING, "start", name);
		say(finding,
			"it will be started otherwise than it runs now: "
			"%.340s",
			seen->differs);
		fix(finding, "if that matters: spawn: {argv, directory, "
			     "environment_file, nofile} in the fleet file");
	}
	json_decref(argv);
}

static const char *id_in_metadata(const struct seen_instance *seen)
{
	return seen->config.id[0] ? seen->config.id : "coordinator";
}

static bool lane_has_id(
	const struct survey *survey, unsigned lane, const char *id)
{
	for (unsigned i = 0; i < survey->instance_count; i++)
		if (survey->instance[i].lane == lane &&
			strcmp(id_in_metadata(&survey->instance[i]), id) == 0)
			return true;
	return false;
}

static void lacks(struct survey *survey, const struct seen_lane *lane,
	const char *where, const char *id)
{
	bool assumed = survey->fleet->lane_complete == FLEET_COMPLETE_ASSUMED;
	struct finding *finding =
		add(survey, assumed ? FINDING_WARNING : FINDING_REFUSAL,
			"complete", lane->name);

	say(finding,
		"%s names \"%s\", which no instance of this lane has as "
		"its id",
		where, id);
	if (!assumed)
		fix(finding, "add that instance to the fleet file; if it is "
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

static void check_complete(struct survey *survey, unsigned index)
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
	if (cluster->summary_err.code || cluster->shards_err.code) {
		finding = add(survey, FINDING_REFUSAL, "complete", lane->name);
		say(finding, "its metadata cannot be read: %s",
			cluster->summary_err.code ? cluster->summary_err.msg
						  : cluster->shards_err.msg);
		fix(finding, "check cluster0 and cluster1 in the instances' "
			     "files");
		return;
	}
	if (json_is_true(json_object_get(cluster->summary, "found")) &&
		!json_is_true(
			json_object_get(cluster->summary, "recognised"))) {
		finding = add(survey, FINDING_WARNING, "complete", lane->name);
		say(finding, "unproven: the metadata has a form that this "
			     "syncup does not know");
		return;
	}
	if (!json_is_true(json_object_get(cluster->summary, "found")) &&
		has_sync(survey, index)) {
		finding = add(survey,
			survey->fleet->lane_complete == FLEET_COMPLETE_ASSUMED
				? FINDING_WARNING
				: FINDING_REFUSAL,
			"complete", lane->name);
		say(finding, "its sync is under way, but no metadata of it is "
			     "found on the destination: it could not be "
			     "saved");
		fix(finding,
			"check cluster1 in the file of %s; if you know "
			"better: lane_complete: assumed",
			cluster->via);
		return;
	}
	finding = add(survey, FINDING_PASS, "complete", lane->name);
	say(finding,
		"%u of %u instances that the metadata names are in the "
		"fleet",
		(unsigned)json_array_size(
			json_object_get(cluster->summary, "instances")),
		(unsigned)json_array_size(
			json_object_get(cluster->summary, "instances")));
}

static void check_coordinator(struct survey *survey, unsigned index)
{
	const char *first = "";

	for (unsigned i = 0; i < survey->instance_count; i++) {
		const struct seen_instance *seen = &survey->instance[i];
		const char *who = seen->progress.coordinator;

		if (seen->lane != index || !who[0])
			continue;
		if (first[0] && strcmp(first, who) != 0) {
			struct finding *finding = add(survey, FINDING_REFUSAL,
				"coordinator", survey->lane[index].name);

			say(finding,
				"its instances report two coordinators, "
				"\"%s\" and \"%s\"",
				first, who);
			fix(finding, "these are two migrations into one "
				     "cluster: give each a fleet of its own");
			return;
		}
		first = who;
	}
}

static void check_versions(struct survey *survey, unsigned index)
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
		finding = add(survey, FINDING_REFUSAL, "version", lane->name);
		say(finding,
			"its processes run different versions: %s runs "
			"%s, %s runs %s",
			survey->instance[lane->first].instance->name,
			lane->from, seen->instance->name, seen->version);
		fix(finding, "bring all of them to one version first");
		return;
	}
	if (!lane->from[0])
		return;
	if (version_compare(lane->from, to) > 0) {
		finding = add(survey, FINDING_REFUSAL, "version", lane->name);
		say(finding,
			"%s to %s is a downgrade, and a running sync "
			"cannot be downgraded",
			lane->from, to);
		fix(finding,
			"keep %s, or start the migration again with %s "
			"from an empty destination",
			lane->from, to);
		return;
	}
	finding = add(survey, FINDING_PASS, "version", lane->name);
	if (strcmp(lane->from, to) == 0)
		say(finding, "all %u processes run %s already", lane->count,
			to);
	else
		say(finding, "%s to %s", lane->from, to);
}

static void check_link(struct survey *survey, unsigned index)
{
	struct seen_lane *lane = &survey->lane[index];
	struct finding *finding;

	if (lane->link_differs) {
		finding = add(survey, FINDING_REFUSAL, "link", lane->name);
		say(finding, "its instances are started through different "
			     "links, but they must change version together");
		fix(finding, "give them the same link:");
		return;
	}
	for (unsigned i = 0; i < index; i++) {
		if (strcmp(survey->lane[i].link_path, lane->link_path) != 0)
			continue;
		finding = add(survey, FINDING_REFUSAL, "link", lane->name);
		say(finding,
			"lane %s is started through the same link %s: "
			"holding one would hold the other",
			survey->lane[i].name, lane->link_path);
		fix(finding,
			"give each migration's instances a link: of "
			"their own, e.g. %s/%s/current",
			survey->fleet->install_root, lane->name);
		return;
	}
	if (lane->link_err.code) {
		finding = add(survey, FINDING_REFUSAL, "link", lane->name);
		say(finding, "%s", lane->link_err.msg);
		return;
	}
	if (lane->link.kind == LINK_FOREIGN) {
		finding = add(survey, FINDING_REFUSAL, "link", lane->name);
		say(finding,
			"%s is neither an executable nor a link into "
			"%s/versions",
			lane->link_path, survey->fleet->install_root);
		fix(finding, "move it away, or set link: to the path the "
			     "processes are started by");
		return;
	}
	if (lane->link.kind == LINK_HOLD) {
		finding = add(survey, FINDING_REFUSAL, "link", lane->name);
		say(finding, "%s is held by run %s", lane->link_path,
			lane->link.run);
		fix(finding,
			"finish that run; if it is lost: ln -sfn "
			"%s/versions/%s%s %s",
			survey->fleet->install_root,
			lane->from[0] ? lane->from : "<version>",
			lane->link_binary ? "/bin/mongosync" : "",
			lane->link_path);
		return;
	}
	finding = add(survey, FINDING_PASS, "link", lane->name);
	if (lane->kept)
		say(finding, "%s goes to versions/%s", lane->link_path,
			lane->link.version);
	else
		say(finding,
			"%s will be adopted: what runs now is kept as "
			"versions/%s",
			lane->link_path, lane->from);
}

static void check_cluster(struct survey *survey, unsigned index)
{
	struct seen_lane *lane = &survey->lane[index];
	struct seen_cluster *cluster = &survey->cluster[lane->cluster];
	struct finding *finding;

	if (cluster->err.code) {
		finding =
			add(survey, FINDING_REFUSAL, "destination", lane->name);
		say(finding, "cannot be asked who it is: %s", cluster->err.msg);
		fix(finding, "check cluster1 in the file of %s", cluster->via);
	} else if (!lane->proved) {
		finding =
			add(survey, FINDING_WARNING, "destination", lane->name);
		say(finding,
			"it does not tell its own identity; instances "
			"are taken to belong together by host names (%s)",
			lane->identity);
	} else {
		finding = add(survey, FINDING_PASS, "destination", lane->name);
		say(finding, "%s", lane->identity);
	}
}

static void check_way_back(struct survey *survey)
{
	struct finding *finding;

	if (survey->fleet->pause != FLEET_PAUSE_NEVER)
		return;
	finding = add(survey, FINDING_WARNING, "pause", survey->fleet->name);
	say(finding, "pause: never means that saved metadata cannot be put "
		     "back: once the new version has changed it, there is no "
		     "way back");
}

bool preflight(struct survey *survey, struct err *err)
{
	(void)err;
	check_artifact(survey);
	check_claims(survey);
	for (unsigned i = 0; i < survey->instance_count; i++) {
		struct seen_instance *seen = &survey->instance[i];

		check_claim(survey, seen->instance->name, &seen->claim,
			&seen->claim_err);
		check_process(survey, seen);
		check_api(survey, seen);
		check_start(survey, seen);
	}
	for (unsigned i = 0; i < survey->lane_count; i++) {
		check_claim(survey, survey->lane[i].link_path,
			&survey->lane[i].link_claim,
			&survey->lane[i].link_claim_err);
		check_cluster(survey, i);
		check_complete(survey, i);
		check_coordinator(survey, i);
		check_versions(survey, i);
		check_link(survey, i);
	}
	check_way_back(survey);
	room_check(survey);
	return true;
}

enum err_code survey_refused(const struct survey *survey)
{
	enum err_code code = ERR_NONE;

	for (unsigned i = 0; i < survey->finding_count; i++) {
		const struct finding *finding = &survey->finding[i];

		if (finding->level != FINDING_REFUSAL)
			continue;
		if (code == ERR_NONE || finding->code == ERR_HELD)
			code = finding->code;
	}
	return code;
}

bool survey_is_reached(const struct survey *survey)
{
	for (unsigned i = 0; i < survey->instance_count; i++) {
		const struct seen_instance *seen = &survey->instance[i];

		if (seen->process.view != PROCESS_RUNNING ||
			strcmp(seen->version, survey->fleet->version) != 0 ||
			seen->claim.run[0])
			return false;
	}
	return survey->instance_count > 0;
}
