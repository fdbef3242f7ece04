/*
 * made_up_survey.h - what a survey would see of a fleet that is quite well:
 * instances "a", "b" ... RUNNING 1.12.0, started through a link into versions/,
 * to be brought to 1.13.0.  A test then spoils what it is about.
 */
#ifndef TESTS_UNIT_MADE_UP_SURVEY_H
#define TESTS_UNIT_MADE_UP_SURVEY_H

#include <sys/utsname.h>

#include "supervisor/plan/survey.h"

#include "scratch.h"

#define MADE_UP_FROM "1.12.0"
#define MADE_UP_TO "1.13.0"
#define MADE_UP_SHA                                                            \
	"1111111111111111111111111111111111111111111111111111111111111111"

/* The fleet file as JSON, for a test to change before it is read. */
static inline json_t *made_up_fleet(unsigned count)
{
	json_t *fleet = json_pack("{s:s, s:s, s:{s:s, s:s}, s:s, s:i, s:[]}",
		"name", "shop", "version", MADE_UP_TO, "artifact", "file",
		"/srv/mongosync.tgz", "sha256", MADE_UP_SHA, "install_root",
		"/opt/mongosync", "oplog_window", 86400, "instances");
	json_t *list = json_object_get(fleet, "instances");

	assert_non_null(fleet);
	for (unsigned i = 0; i < count; i++)
		(void)json_array_append_new(list,
			json_pack("{s:o, s:o}", "name",
				json_sprintf("%c", 'a' + (int)i), "config",
				json_sprintf("/etc/%c.yaml", 'a' + (int)i)));
	return fleet;
}

/* Sets a key of the instance with that index. */
static inline void made_up_instance_set(
	json_t *fleet, unsigned index, const char *key, json_t *value)
{
	json_t *list = json_object_get(fleet, "instances");

	assert_int_equal(
		json_object_set_new(json_array_get(list, index), key, value),
		0);
}

/* Sets what the metadata says of an instance; NULL: it does not know it. */
static inline void made_up_metadata_set(struct survey *survey, unsigned index,
	const char *key, const char *value)
{
	json_t *list = json_object_get(
		survey->cluster[survey->instance[index].cluster].summary,
		"instances");
	int failed = value ? json_object_set_new(json_array_get(list, index),
				     key, json_string(value))
			   : json_array_remove(list, index);

	assert_int_equal(failed, 0);
}

static inline struct seen_cluster *made_up_cluster(
	struct survey *survey, unsigned index, const char *identity)
{
	struct seen_cluster *cluster = &survey->cluster[index];

	if (survey->cluster_count <= index)
		survey->cluster_count = index + 1;
	cluster->via = survey->instance[0].instance->name;
	cluster->proved = true;
	for (unsigned side = 0; side < 2; side++) {
		json_decref(cluster->privileges[side]);
		cluster->privileges[side] =
			json_pack("{s:b}", "access_control", 0);
	}
	(void)snprintf(
		cluster->identity, sizeof(cluster->identity), "%s", identity);
	return cluster;
}

static inline void made_up_instance(struct seen_instance *seen, unsigned index)
{
	seen->config.port = (uint16_t)(27182 + index);
	seen->config.key[0] = (struct instance_key){"acceptDisclaimer", "true"};
	seen->config.key_count = 1;
	seen->started_ms = 1700000000000;
	seen->config_ms = seen->started_ms - 60000;
	seen->config_replaced_ms = seen->config_ms;
	seen->process.view = PROCESS_RUNNING;
	seen->process.pid = (pid_t)(1000 + index);
	seen->process.start_ticks = 5000 + index;
	seen->process.exe_known = true;
	(void)snprintf(seen->version, sizeof(seen->version), MADE_UP_FROM);
	seen->version_proof = "exe";
	seen->progress.phase = SYNC_PHASE_RUNNING;
	(void)snprintf(seen->progress.phase_text,
		sizeof(seen->progress.phase_text), "RUNNING");
	(void)snprintf(seen->progress.coordinator,
		sizeof(seen->progress.coordinator), "a");
	seen->progress.lag_s = 3;
}

static inline void made_up_table(struct survey *survey)
{
	static const char file[] = SOURCE_TOP "/deploy/compat/mongosync.json";
	struct err err = {0};

	if (!compat_load(file, &survey->compat, &err))
		fail_msg("%s", err.msg);
	survey->compat_file = strdup(file);
}

/* fleet is stolen.  The table that is shipped.  One cluster; as many shards as
 * instances. */
static inline void made_up_survey(struct survey *survey, json_t *fleet)
{
	struct fleet *read = NULL;
	struct seen_cluster *cluster;
	json_t *instances = json_array(), *shards = json_array();
	struct err err = {0};

	if (!fleet_from_json(fleet, &read, &err))
		fail_msg("%s", err.msg);
	json_decref(fleet);
	*survey = (struct survey){
		.fleet = read,
		.now_ms = 10000, /* 3 s after "7.1" */
		.expected = {.runs = 3,
			.run_s = 240,
			.still_s = 150,
			.bytes_per_s = 10 << 20},
	};
	survey->instance_count = read->instance_count;
	survey->instance =
		calloc(read->instance_count + 1, sizeof(*survey->instance));
	survey->cluster =
		calloc(read->instance_count + 1, sizeof(*survey->cluster));
	assert_non_null(survey->instance);
	assert_non_null(survey->cluster);
	for (unsigned i = 0; i < survey->instance_count; i++) {
		struct seen_instance *seen = &survey->instance[i];
		const char *id = read->instance[i].name;

		seen->instance = &read->instance[i];
		made_up_instance(seen, i);
		if (survey->instance_count == 1)
			id = "coordinator"; /* as the metadata calls it */
		else
			(void)snprintf(seen->config.id, sizeof(seen->config.id),
				"%s", id);
		(void)snprintf(
			seen->progress.id, sizeof(seen->progress.id), "%s", id);
		(void)json_array_append_new(instances,
			json_pack("{s:s, s:s, s:s, s:s}", "id", id, "state",
				"RUNNING", "phase", "change event application",
				"last_event", "7.1"));
		(void)json_array_append_new(shards, json_string(id));
	}
	if (!survey_find_hosts(survey, &err))
		fail_msg("%s", err.msg);
	for (unsigned i = 0; i < survey->host_count; i++) {
		struct utsname ours;

		assert_int_equal(uname(&ours), 0);
		(void)snprintf(survey->host[i].machine,
			sizeof(survey->host[i].machine), "%s", ours.machine);
	}
	cluster = made_up_cluster(survey, 0, "cluster:aa");
	cluster->sharded = survey->instance_count > 1;
	cluster->shards = shards;
	cluster->summary = json_pack("{s:b, s:[s], s:s, s:i, s:b, s:i, s:o}",
		"found", 1, "generations",
		"mongosync_reserved_for_internal_use", "database",
		"mongosync_reserved_for_internal_use", "metadata_version", 10,
		"recognised", 1, "bytes", 4096, "instances", instances);
	(void)snprintf(survey->artifact.version,
		sizeof(survey->artifact.version), MADE_UP_TO);
	(void)snprintf(survey->artifact.sha256, sizeof(survey->artifact.sha256),
		MADE_UP_SHA);
	survey->artifact.files = 3;
	made_up_table(survey);
	survey->artifact.bytes = 5u << 20;
}

/* Lanes, with links as they are after an earlier upgrade. */
static inline void made_up_group(struct survey *survey)
{
	struct err err = {0};

	if (!survey_group(survey, &err))
		fail_msg("%s", err.msg);
	for (unsigned i = 0; i < survey->lane_count; i++) {
		struct seen_lane *lane = &survey->lane[i];

		for (unsigned j = 0; j < lane->link_count; j++) {
			struct seen_link *link = &lane->link[j];

			link->kept = true;
			(void)snprintf(link->kept_version,
				sizeof(link->kept_version), "%s", lane->from);
			link->seen.kind = LINK_VERSION;
			(void)snprintf(link->seen.version,
				sizeof(link->seen.version), "%s", lane->from);
		}
	}
}

static inline void made_up_survey_done(struct survey *survey)
{
	struct fleet *fleet = (struct fleet *)(uintptr_t)survey->fleet;

	survey_done(survey);
	fleet_free(fleet);
}

#endif
