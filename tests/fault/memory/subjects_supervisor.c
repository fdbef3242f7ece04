/*
 * subjects_supervisor.c - what the supervisor builds of small pieces: either
 * all of it, or the process ends.
 */
#include "subjects.h"

#include <string.h>

#include "../../unit/procedure_world.h"
#include "state/cleanup.h"
#include "supervisor/fleet/fleet.h"
#include "supervisor/fleet/instance.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/plan/target.h"
#include "supervisor/report/report.h"

static char fleet_path[300], instance_path[300];
static struct survey made_up;
static json_t *plan, *course;
static char *shown;
static struct made_up_run run;

static bool same(const json_t *got, const json_t *wanted, struct err *err)
{
	return json_equal(got, wanted) ||
	       err_set(err, ERR_BUG, "it made something else");
}

static bool load_fleet(struct err *err)
{
	struct fleet *fleet = NULL, *again = NULL;
	_cleanup_json_ json_t *json = NULL, *twice = NULL;
	_cleanup_free_ char *difference = NULL;
	bool ok = fleet_load(fleet_path, &fleet, err);

	if (ok) {
		json = fleet_to_json(fleet);
		ok = fleet_from_json(json, &again, err);
	}
	if (ok) {
		twice = fleet_to_json(again);
		difference = fleet_difference(json, twice);
		ok = same(json, twice, err) &&
		     (!difference[0] ||
			     err_set(err, ERR_BUG, "%s", difference));
	}
	fleet_free(fleet);
	fleet_free(again);
	return ok;
}

static bool load_instance(struct err *err)
{
	struct instance_config config;
	bool ok = instance_config_load(instance_path, &config, err);

	if (ok &&
		strcmp(secret_reveal(&config.source), "mongodb://s:pw@a") != 0)
		ok = err_set(err, ERR_BUG, "the connection string is cut");
	if (ok)
		instance_config_done(&config);
	scrub_forget();
	return ok;
}

/* What was seen is borrowed; findings and lanes are made anew. */
static bool plan_forward(struct err *err)
{
	struct survey survey = made_up;
	_cleanup_json_ json_t *json = NULL;
	bool ok;

	survey.lane = NULL;
	survey.lane_count = 0;
	survey.finding = NULL;
	survey.finding_count = 0;
	ok = survey_group(&survey, err);
	if (ok) {
		survey.lane[0].link[0].kept = true;
		survey.lane[0].link[0].seen.kind = LINK_VERSION;
		ok = preflight(&survey, err);
	}
	if (ok) {
		json = mongosync()->forward(&survey);
		ok = same(json, plan, err);
	}
	for (unsigned i = 0; i < survey.lane_count; i++) {
		for (unsigned j = 0; j < survey.lane[i].link_count; j++)
			free(survey.lane[i].link[j].path);
		free(survey.lane[i].link);
	}
	free(survey.lane);
	free(survey.finding);
	return ok;
}

static bool plan_back(struct err *err)
{
	_cleanup_json_ json_t *json =
		mongosync()->back(plan, &run.state.lane[0], false);

	return same(json, course, err);
}

static bool show(struct err *err)
{
	_cleanup_json_ json_t *json = report_json(&run.state, run.at);
	_cleanup_free_ char *text = json_dumps(json, JSON_COMPACT);

	return strcmp(text, shown) == 0 ||
	       err_set(err, ERR_BUG, "it shows something else");
}

static bool scrub_one(struct err *err)
{
	_cleanup_json_ json_t *json = json_pack("{s:s, s:[s], s:s}", "password",
		"hush", "list", "mongodb://u:hush@host/", "why", "hushed up");
	_cleanup_free_ char *text = NULL;

	scrub_add("hush");
	scrub_json(json);
	scrub_forget();
	text = json_dumps(json, JSON_COMPACT);
	return !strstr(text, "hush") ||
	       err_set(err, ERR_BUG, "a secret is shown: %s", text);
}

const struct subject subjects_supervisor[] = {
	{.name = "fleet file", .act = load_fleet},
	{.name = "instance file", .act = load_instance},
	{.name = "plan: forward", .act = plan_forward},
	{.name = "plan: back", .act = plan_back},
	{.name = "status", .act = show},
	{.name = "scrub", .act = scrub_one},
	{0},
};

static void write_files(void)
{
	static const char instance[] = "cluster0: mongodb://s:pw@a\n"
				       "cluster1: 'mongodb://d:pw@b'\n"
				       "port: 27190\nid: shard0\n"
				       "logPath: /var/log/mongosync\n";
	char fleet[1000];

	(void)snprintf(fleet, sizeof(fleet),
		"name: shop\nversion: 1.13.0\n"
		"artifact: {file: new.tgz, sha256: %s}\n"
		"install_root: /opt/mongosync\nlink: /usr/bin/mongosync\n"
		"on_failure: rollback\ntimeouts: {pause: 20}\n"
		"instances:\n"
		"  - {name: a, config: a.yaml, spawn: {nofile: 100}}\n"
		"  - {name: b, config: b.yaml, command: {start: [x, y], stop: "
		"[x], status: [x]}}\n",
		MADE_UP_SHA);
	(void)snprintf(
		fleet_path, sizeof(fleet_path), "%s", subject_path("f.yaml"));
	(void)snprintf(instance_path, sizeof(instance_path), "%s",
		subject_path("i.yaml"));
	scratch_write(fleet_path, fleet, strlen(fleet));
	scratch_write(instance_path, instance, strlen(instance));
}

void subjects_supervisor_begin(void)
{
	json_t *json;

	write_files();
	made_up_survey(&made_up, made_up_fleet(2));
	made_up_group(&made_up);
	assert_true(preflight(&made_up, NULL)); /* which finds the margin */
	plan = mongosync()->forward(&made_up);
	made_up_begin(&run, plan);
	go_through(&run, run.state.lane[0].name, "start");
	course = mongosync()->back(plan, &run.state.lane[0], false);
	json = report_json(&run.state, run.at);
	shown = json_dumps(json, JSON_COMPACT);
	json_decref(json);
	assert_true(json_array_size(course) > 3);
}
