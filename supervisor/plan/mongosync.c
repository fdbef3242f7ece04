/*
 * mongosync.c - the procedure for mongosync: forward, back, leave.
 *
 * Forward, per lane:
 *   claim preflight deliver [adopt] revive pause hold stop save activate start
 *   verify resume watch settle release
 * A process that ended by itself before it was paused is revived: started again
 * as it was, because only a sync that was paused may be upgraded.  The first
 * start of the new version is the point of no easy return: it migrates the
 * metadata on the destination.
 */
#include <stdlib.h>
#include <string.h>

#include "supervisor/engine/step.h"
#include "supervisor/memory.h"
#include "supervisor/plan/planned.h"
#include "supervisor/plan/procedure.h"

static bool is_on_other_hosts(const struct fleet *fleet)
{
	for (unsigned i = 0; i < fleet->instance_count; i++)
		if (fleet->instance[i].host)
			return true;
	return false;
}

/* Adds a stage; targets is stolen and a stage without targets is left out. */
static json_t *add_stage(json_t *stages, const struct fleet *fleet,
	const char *name, json_t *targets)
{
	const struct fleet_timeouts *timeouts = &fleet->timeouts;
	const struct {
		const char *kind;
		uint32_t patience, quiet;
	} of[] = {
		{"deliver", timeouts->deliver, 0},
		{"pause", timeouts->pause, timeouts->pause_quiet},
		{"stop", timeouts->stop, timeouts->stop},
		{"save", timeouts->save, 0},
		{"put-back", timeouts->save, 0},
		{"start", timeouts->start, timeouts->start_quiet},
		{"revive", timeouts->start, timeouts->start_quiet},
		{"resume", timeouts->resume, timeouts->resume_quiet},
		{"watch", timeouts->movement + 60, 0},
	};
	const struct step_kind *kind = step_kind_find(name);
	uint32_t patience = kind->patience_s, quiet = kind->quiet_s;
	json_t *stage;

	if (json_array_size(targets) == 0) {
		json_decref(targets);
		return NULL;
	}
	if (is_on_other_hosts(fleet) && patience < timeouts->reach)
		patience = timeouts->reach;
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		if (strcmp(of[i].kind, name) == 0) {
			patience = of[i].patience;
			quiet = of[i].quiet;
		}
	}
	stage = json_pack("{s:s, s:I, s:I, s:o}", "kind", name, "patience_s",
		(json_int_t)patience, "quiet_s", (json_int_t)quiet, "targets",
		targets);
	(void)json_array_append_new(stages, stage);
	return stage;
}

static json_t *one(const char *type, const char *lane)
{
	return json_pack("[o]", json_sprintf("%s:%s", type, lane));
}

typedef bool wanted_link_fn(const struct seen_link *link);

/* A lane's links for which `wanted` says yes (NULL: all). */
static json_t *links(
	const struct survey *survey, unsigned index, wanted_link_fn *wanted)
{
	const struct seen_lane *lane = &survey->lane[index];
	json_t *list = json_array();

	for (unsigned i = 0; i < lane->link_count; i++)
		if (!wanted || wanted(&lane->link[i]))
			(void)json_array_append_new(
				list, planned_link_name(
					      survey, lane, &lane->link[i]));
	return list;
}

static bool is_to_be_adopted(const struct seen_link *link)
{
	return !link->kept;
}

static json_t *hosts_of(const struct survey *survey, unsigned index)
{
	const struct seen_lane *lane = &survey->lane[index];
	json_t *list = json_array();

	for (unsigned i = 0; i < lane->link_count; i++)
		(void)json_array_append_new(
			list, planned_host_name(survey, lane->link[i].host));
	return list;
}

/* Processes of a lane for which `wanted` says yes (NULL: all). */
typedef bool wanted_fn(
	const struct survey *survey, const struct seen_instance *seen);

static json_t *processes(
	const struct survey *survey, unsigned lane, wanted_fn *wanted)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < survey->instance_count; i++) {
		const struct seen_instance *seen = &survey->instance[i];

		if (seen->lane == lane && (!wanted || wanted(survey, seen)))
			(void)json_array_append_new(
				list, json_string(seen->instance->name));
	}
	return list;
}

static bool is_to_be_paused(
	const struct survey *survey, const struct seen_instance *seen)
{
	return survey->fleet->pause == FLEET_PAUSE_ALWAYS &&
	       seen->progress.phase == SYNC_PHASE_RUNNING;
}

static bool is_running(
	const struct survey *survey, const struct seen_instance *seen)
{
	(void)survey;
	return seen->progress.phase == SYNC_PHASE_RUNNING;
}

static void with_version(json_t *stage, const char *version)
{
	if (stage)
		(void)json_object_set_new(
			stage, "version", json_string(version));
}

/* Why this pair was thought possible, so that the journal tells it. */
static json_t *pair(const struct survey *survey, const struct seen_lane *lane)
{
	struct compat_answer answer;

	if (!survey->compat || !compat_judge(survey->compat, lane->from,
				       survey->fleet->version, &answer, NULL))
		return NULL;
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "verdict",
		compat_verdict_name(answer.verdict), "sure",
		answer.is_stated ? "stated" : "presumed", "note", answer.note,
		"documented", answer.documented, "file", survey->compat_file,
		"accepted",
		(int)(answer.verdict != COMPAT_DOCUMENTED &&
			survey->options.accept_unlisted));
}

static json_t *forward_lane(const struct survey *survey, unsigned index)
{
	const struct fleet *fleet = survey->fleet;
	const struct seen_lane *lane = &survey->lane[index];
	json_t *stages = json_array(), *claims = processes(survey, index, NULL);
	json_t *links_too = links(survey, index, NULL), *planned;

	(void)json_array_extend(claims, links_too);
	json_decref(links_too);
	add_stage(stages, fleet, "claim", claims);
	add_stage(stages, fleet, "preflight", processes(survey, index, NULL));
	add_stage(stages, fleet, "deliver", hosts_of(survey, index));
	add_stage(
		stages, fleet, "adopt", links(survey, index, is_to_be_adopted));
	with_version(add_stage(stages, fleet, "revive",
			     processes(survey, index, is_to_be_paused)),
		lane->from);
	add_stage(stages, fleet, "pause",
		processes(survey, index, is_to_be_paused));
	add_stage(stages, fleet, "hold", links(survey, index, NULL));
	add_stage(stages, fleet, "stop", processes(survey, index, NULL));
	add_stage(stages, fleet, "save", one("metadata", lane->name));
	with_version(add_stage(stages, fleet, "activate",
			     links(survey, index, NULL)),
		fleet->version);
	with_version(add_stage(stages, fleet, "start",
			     processes(survey, index, NULL)),
		fleet->version);
	add_stage(stages, fleet, "verify", one("metadata", lane->name));
	add_stage(stages, fleet, "resume",
		processes(survey, index, is_to_be_paused));
	add_stage(stages, fleet, "watch", processes(survey, index, is_running));
	with_version(
		add_stage(stages, fleet, "settle", one("lane", lane->name)),
		fleet->version);
	add_stage(stages, fleet, "release", one("lane", lane->name));
	planned = json_pack("{s:s, s:s, s:b, s:s, s:o*, s:o}", "name",
		lane->name, "identity", lane->identity, "proved",
		(int)lane->proved, "from", lane->from, "compat",
		pair(survey, lane), "stages", stages);
	if (lane->margin.how)
		(void)json_object_set_new(planned, "margin",
			json_pack("{s:s, s:I, s:I, s:o*}", "how",
				lane->margin.how, "s",
				(json_int_t)lane->margin.s, "resume_s",
				(json_int_t)lane->margin.resume_s, "turned",
				lane->margin.turned ? json_true() : NULL));
	return planned;
}

static const char *word(const char *text)
{
	return text[0] ? text : NULL; /* left out of the JSON */
}

static json_t *forward(const struct survey *survey)
{
	json_t *lanes = json_array();

	for (unsigned i = 0; i < survey->lane_count; i++)
		if (survey_moves(survey, i))
			(void)json_array_append_new(
				lanes, forward_lane(survey, i));
	return json_pack("{s:s, s:{s:I, s:I, s:I}, s:{s:s}, s:o, "
			 "s:{s:s, s:s, s:I, s:s*, s:s*}, s:o, s:o}",
		"procedure", "mongosync", "time", "finish_by",
		(json_int_t)survey->finish_by_ms, "run_s",
		(json_int_t)survey->expected.run_s, "still_s",
		(json_int_t)survey->expected.still_s, "goal", "version",
		survey->fleet->version, "fleet", fleet_to_json(survey->fleet),
		"artifact", "sha256", survey->artifact.sha256, "binary_sha256",
		survey->artifact.binary_sha256, "bytes",
		(json_int_t)survey->artifact.bytes, "url",
		word(survey->source.url), "signed_by",
		word(survey->source.signed_by), "targets",
		planned_targets(survey), "lanes", lanes);
}

/* Targets of a forward stage whose step `take` accepts. */
typedef bool take_fn(const struct run_step *step);

static json_t *taken(
	const struct run_lane *lane, const char *kind, take_fn *take)
{
	const struct run_stage *stage = run_course_stage(&lane->forward, kind);
	json_t *list = json_array();

	for (unsigned i = 0; stage && i < stage->step_count; i++)
		if (take(&stage->step[i]))
			(void)json_array_append_new(
				list, json_string(stage->step[i].target));
	return list;
}

static bool has_intent(const struct run_step *step)
{
	return step->intents > 0;
}

static bool is_any(const struct run_step *step)
{
	(void)step;
	return true;
}

/* Once the link leads to it, a reboot or a person may have started the new
 * version without us. */
static bool new_version_began(const struct run_lane *lane)
{
	return run_course_reached(&lane->forward, "start") ||
	       run_course_reached(&lane->forward, "activate");
}

static bool is_open_intent(const struct run_step *step)
{
	return step->status == RUN_INTENT;
}

static bool is_done(const struct run_step *step)
{
	return step->status == RUN_DONE;
}

/* All ran before the run.  Who was found gone when we came to stop it could
 * not come up again through a link that we hold, so it is ours to start. */
static bool was_gone(const struct run_step *stop)
{
	return stop->intents || stop->status == RUN_DONE || stop->reopened;
}

/* Who has to run again: who was stopped, who was to be paused, because it may
 * have ended by itself since, and all when the link was held: who ended then
 * could not come up again.  One that runs is only looked at. */
static json_t *to_start(const struct run_lane *lane)
{
	const struct run_stage *stops =
		run_course_stage(&lane->forward, "stop");
	bool held = run_course_began(&lane->forward, "hold");
	json_t *list = json_array();

	for (unsigned i = 0; stops && i < stops->step_count; i++) {
		const struct run_step *stop = &stops->step[i];
		const struct run_step *pause =
			run_course_step(&lane->forward, "pause", stop->target);

		if (held || was_gone(stop) || (pause && has_intent(pause)))
			(void)json_array_append_new(
				list, json_string(stop->target));
	}
	return list;
}

/* The saved copy is true as long as nothing has synced since it was made. */
static bool is_copy_true(const struct fleet *fleet, const struct run_lane *lane)
{
	return fleet->pause != FLEET_PAUSE_NEVER &&
	       !run_course_began(&lane->forward, "resume");
}

/* Paused by us, or perhaps by us: to be resumed at the end. */
static json_t *to_resume(const struct run_lane *lane)
{
	const struct run_stage *pauses =
		run_course_stage(&lane->forward, "pause");
	json_t *list = json_array();

	for (unsigned i = 0; pauses && i < pauses->step_count; i++)
		if (pauses->step[i].intents && run_step_ours(&pauses->step[i]))
			(void)json_array_append_new(
				list, json_string(pauses->step[i].target));
	return list;
}

/* Under pause: never nothing was paused on the way forward; on the way back
 * everything is, so that what was RUNNING before has to be resumed. */
static void resume_never_paused(const struct run_lane *lane, json_t *resumes)
{
	const struct run_stage *running =
		run_course_stage(&lane->forward, "watch");

	for (unsigned i = 0; running && i < running->step_count; i++)
		(void)json_array_append_new(
			resumes, json_string(running->step[i].target));
}

/* All were to be held. */
static json_t *links_of(const struct run_lane *lane)
{
	return taken(lane, "hold", is_any);
}

static json_t *back(
	const json_t *plan, const struct run_lane *lane, bool restore)
{
	struct fleet *fleet = NULL;
	const char *from =
		json_string_value(json_object_get(lane->json, "from"));
	const struct run_course *way = &lane->forward;
	bool started = new_version_began(lane);
	bool linked = run_course_began(way, "hold") ||
		      run_course_began(way, "activate");
	json_t *stages = json_array(), *stage, *resumes;

	/* It was read when the run was begun or taken up: only memory can be
	 * missing, and a way back without stages would leave all stopped. */
	if (!fleet_from_json(json_object_get(plan, "fleet"), &fleet, NULL))
		memory_out();
	resumes = to_resume(lane);
	if (started) {
		/* Nothing may start the new version while we take it away. */
		add_stage(stages, fleet, "hold", links_of(lane));
		if (fleet->pause == FLEET_PAUSE_NEVER)
			resume_never_paused(lane, resumes);
		stage = add_stage(
			stages, fleet, "pause", taken(lane, "start", is_any));
		(void)json_object_set_new(stage, "leaving", json_true());
		stage = add_stage(
			stages, fleet, "stop", taken(lane, "start", is_any));
		(void)json_object_set_new(
			stage, "answered", taken(lane, "start", is_done));
		(void)json_object_set_new(stage, "leaving", json_true());
		if (run_course_began(way, "save")) {
			stage = add_stage(stages, fleet, "put-back",
				one("metadata", lane->name));
			(void)json_object_set_new(stage, "restore",
				json_boolean(
					restore && is_copy_true(fleet, lane)));
		}
	} else {
		/* A pause that may still come would outlast its resume. */
		stage = add_stage(stages, fleet, "pause",
			taken(lane, "pause", is_open_intent));
		if (stage)
			(void)json_object_set_new(
				stage, "landing", json_true());
	}
	if (linked)
		with_version(
			add_stage(stages, fleet, "restore", links_of(lane)),
			from);
	add_stage(stages, fleet, "unadopt", taken(lane, "adopt", has_intent));
	with_version(add_stage(stages, fleet, "start", to_start(lane)), from);
	add_stage(stages, fleet, "resume", resumes);
	add_stage(stages, fleet, "release", one("lane", lane->name));
	fleet_free(fleet);
	return stages;
}

static json_t *leave(const struct run_lane *lane)
{
	json_t *stages = json_array();
	const struct fleet no_fleet = {0};

	add_stage(stages, &no_fleet, "release", one("lane", lane->name));
	return stages;
}

/* Once the new version may have started, its metadata must be what it was. */
static bool proof(const struct run_lane *lane, struct procedure_proof *ret)
{
	const struct run_stage *save = run_course_stage(&lane->forward, "save");

	if (!new_version_began(lane) || !save)
		return false;
	ret->kind = "prove";
	ret->stage = "save";
	ret->target = save->step[0].target;
	return true;
}

/* From which step on this process does not sync, because of us; or NULL. */
static const struct run_step *still_since(
	const struct run_lane *lane, const char *name)
{
	const struct run_step *paused =
		run_lane_down(lane, "pause", "resume", name);

	return paused ? paused : run_lane_down(lane, "stop", "start", name);
}

/* Every change on the source has to stay in its oplog meanwhile. */
static bool stands_still(
	const struct run_lane *lane, struct procedure_clock *ret)
{
	const struct run_stage *all = run_course_stage(&lane->forward, "stop");
	const struct run_stage *save = run_course_stage(&lane->forward, "save");

	*ret = (struct procedure_clock){0};
	if (!all || !save)
		return false;
	for (unsigned i = 0; i < all->step_count; i++) {
		const char *name = all->step[i].target;
		const struct run_step *since = still_since(lane, name);

		if (!since)
			continue;
		if (!ret->stood)
			ret->stood = json_object();
		(void)json_object_set_new(ret->stood, name,
			json_integer((json_int_t)since->first_intent_at));
		if (!ret->since ||
			since->first_intent_at < ret->since->first_intent_at)
			ret->since = since;
	}
	ret->look = (struct procedure_proof){
		.kind = "margin",
		.stage = "save",
		.target = save->step[0].target,
	};
	return ret->since != NULL;
}

/* Under pause: never it syncs as soon as it is started. */
static bool may_sync(const struct run_lane *lane)
{
	const struct run_course *way = &lane->forward;
	bool never_paused = run_course_stage(way, "watch") &&
			    !run_course_stage(way, "pause");

	return run_course_began(way, "resume") ||
	       (never_paused && run_course_reached(way, "start"));
}

static const struct procedure procedures[] = {
	{"mongosync", forward, back, leave, proof, stands_still, may_sync},
};

const struct procedure *procedure_find(const char *name)
{
	for (size_t i = 0;
		name && i < sizeof(procedures) / sizeof(procedures[0]); i++)
		if (strcmp(procedures[i].name, name) == 0)
			return &procedures[i];
	return NULL;
}
