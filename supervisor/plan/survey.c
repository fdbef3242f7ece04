/*
 * survey.c - all looking before a run, side by side on a loop of its own.
 */
#include "supervisor/plan/survey.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/engine/child.h"
#include "supervisor/memory.h"
#include "supervisor/plan/checks.h"
#include "supervisor/plan/room.h"
#include "supervisor/plan/source.h"
#include "supervisor/plan/survey_looking.h"
#include "supervisor/plan/versions.h"
#include "supervisor/process/scope.h"
#include "supervisor/process/systemd.h"

enum {
	SECOND_LOOK_MS = 3000, /* after the first one */
};

struct ask *survey_expect(struct looking *looking, const char *op)
{
	struct ask *ask = memory_must(calloc(1, sizeof(*ask)));

	ask->looking = looking;
	ask->op = op;
	looking->due++;
	return ask;
}

void survey_answered(struct ask *ask)
{
	if (--ask->looking->due == 0)
		(void)event_base_loopexit(ask->looking->base, NULL);
	free(ask);
}

static void artifact_told(void *arg, const struct child_end *end)
{
	struct ask *ask = arg;

	source_told(ask->looking->survey, end);
	survey_answered(ask);
}

static void look_at_artifact(struct looking *looking)
{
	struct ask *ask = survey_expect(looking, "artifact");
	struct child *child;

	if (child_work(looking->base, source_look, looking->survey,
		    source_look_ms(looking->survey->fleet), artifact_told, ask,
		    &child, &looking->survey->artifact_err))
		return;
	survey_answered(ask);
}

bool survey_await(const struct looking *looking, struct err *err)
{
	while (looking->due > 0)
		if (event_base_loop(looking->base, EVLOOP_ONCE) != 0)
			return err_set(err, ERR_BUG, "the event loop failed");
	return true;
}

/* A process and its metadata change one after the other: whether they are at
 * odds is judged by what both say some seconds later. */
static bool look_again(struct looking *looking, struct err *err)
{
	const struct timeval later = {
		SECOND_LOOK_MS / 1000, SECOND_LOOK_MS % 1000 * 1000};
	struct survey *survey = looking->survey;

	if (event_base_loopexit(looking->base, &later) != 0 ||
		event_base_dispatch(looking->base) < 0)
		return err_set(err, ERR_BUG, "the event loop failed");
	looking->due = 1;
	for (unsigned i = 0; i < survey->cluster_count; i++) {
		struct seen_cluster *cluster = &survey->cluster[i];

		cluster->summary_err = (struct err){0};
		survey_ask_cluster(
			looking, cluster, "summary", cluster->destination);
	}
	for (unsigned i = 0; i < survey->instance_count; i++) {
		survey->instance[i].progress_err = (struct err){0};
		survey_look_at_api(looking, &survey->instance[i]);
	}
	looking->due--;
	return survey_await(looking, err);
}

static bool is_turned(const struct survey *survey, unsigned cluster)
{
	for (unsigned i = 0; i < survey->instance_count; i++)
		if (survey->instance[i].cluster == cluster &&
			seen_is_turned(&survey->instance[i]))
			return true;
	return false;
}

/* Which of the two is the source is known only by what the processes say. */
static bool look_at_turned(struct looking *looking, struct err *err)
{
	struct survey *survey = looking->survey;

	looking->due = 1;
	for (unsigned i = 0; i < survey->cluster_count; i++) {
		struct seen_cluster *cluster = &survey->cluster[i];

		if (!is_turned(survey, i))
			continue;
		cluster->oplog_err = (struct err){0};
		json_decref(cluster->oplog);
		cluster->oplog = NULL;
		survey_ask_cluster(
			looking, cluster, "oplog", cluster->destination);
	}
	looking->due--;
	return survey_await(looking, err);
}

static bool look_at_all(struct looking *looking, struct err *err)
{
	struct survey *survey = looking->survey;

	looking->due = 1; /* us, until everything is asked */
	look_at_artifact(looking);
	survey_find_clusters(looking);
	for (unsigned i = 0; i < survey->instance_count; i++) {
		survey_look_at_process(looking, &survey->instance[i]);
		survey_look_at_unit(looking, &survey->instance[i]);
		survey_look_at_api(looking, &survey->instance[i]);
	}
	looking->due--;
	if (!survey_await(looking, err))
		return false;
	/* Nothing is wrong with the archive: end, and look again later. */
	if (survey->artifact_err.code == ERR_MEMORY) {
		*err = survey->artifact_err;
		return false;
	}
	return look_at_turned(looking, err) &&
	       (!metadata_is_at_odds(survey) || look_again(looking, err));
}

static bool look_at_table(struct survey *survey, struct err *err)
{
	if (versions_load(survey->fleet, &survey->compat, &survey->compat_file,
		    &survey->compat_err) ||
		survey->compat_err.code != ERR_MEMORY)
		return true;
	*err = survey->compat_err;
	return false;
}

static bool begin(struct looking *looking, struct err *err)
{
	looking->base = event_base_new();
	if (!looking->base)
		return err_set(err, ERR_BUG, "cannot make an event loop");
	return hosts_new(looking->base, NULL, &looking->hosts, err) &&
	       http_new(looking->base, &looking->http, err) &&
	       helpers_new(looking->base, NULL, &looking->helpers, err);
}

static void end(struct looking *looking)
{
	if (looking->base)
		systemd_close(looking->base);
	helpers_free(looking->helpers);
	http_free(looking->http);
	hosts_free(looking->hosts);
	if (looking->base) {
		systemd_close(looking->base);
		event_base_free(looking->base);
	}
}

bool survey_take(const struct fleet *fleet,
	const struct survey_options *options, struct survey *ret_survey,
	struct err *err)
{
	struct survey survey = {
		.fleet = fleet,
		.options = *options,
		.now_ms = sys_wall_ms(),
	};
	struct looking looking = {.survey = &survey};
	char service[sizeof(survey.confined_by)];
	struct earlier earlier;
	bool confined = scope_here(service, sizeof(service)) == SCOPE_REFUSED;
	bool ok = begin(&looking, err) && survey_load(&looking, err) &&
		  look_at_all(&looking, err) && survey_group(&survey, err) &&
		  survey_look_at_files(&looking, err);

	end(&looking);
	if (confined)
		(void)snprintf(survey.confined_by, sizeof(survey.confined_by),
			"%s", service);
	if (ok) {
		room_look(&survey);
		earlier_read(fleet, &earlier);
		survey.expected = earlier_expect(&earlier);
		if (look_at_table(&survey, err) && preflight(&survey, err)) {
			*ret_survey = survey;
			return true;
		}
	}
	survey_done(&survey);
	return false;
}

void survey_done(struct survey *survey)
{
	for (unsigned i = 0; i < survey->instance_count; i++) {
		instance_config_done(&survey->instance[i].config);
		free(survey->instance[i].run_file);
		json_decref(survey->instance[i].unit);
	}
	for (unsigned i = 0; i < survey->cluster_count; i++) {
		json_decref(survey->cluster[i].summary);
		json_decref(survey->cluster[i].shards);
		json_decref(survey->cluster[i].privileges[0]);
		json_decref(survey->cluster[i].privileges[1]);
		json_decref(survey->cluster[i].oplog);
	}
	for (unsigned i = 0; i < survey->lane_count; i++) {
		for (unsigned j = 0; j < survey->lane[i].link_count; j++)
			free(survey->lane[i].link[j].path);
		free(survey->lane[i].link);
	}
	free(survey->host);
	free(survey->instance);
	free(survey->cluster);
	free(survey->lane);
	free(survey->finding);
	compat_free(survey->compat);
	free(survey->compat_file);
	memset(survey, 0, sizeof(*survey));
}
