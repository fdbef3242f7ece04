/*
 * survey.c - all looking before a run, side by side on a loop of its own.
 */
#include "supervisor/plan/survey.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/engine/child.h"
#include "supervisor/engine/helper.h"
#include "supervisor/install/version.h"
#include "supervisor/memory.h"
#include "supervisor/plan/checks.h"
#include "supervisor/plan/room.h"
#include "supervisor/plan/source.h"
#include "supervisor/plan/survey_files.h"
#include "supervisor/plan/target.h"
#include "supervisor/plan/versions.h"
#include "supervisor/process/compare.h"
#include "supervisor/process/systemd.h"
#include "sync_client/sync_text.h"

enum {
	HELPER_MS = 60000,
	VERSION_MS = 15000,
	SECOND_LOOK_MS = 3000, /* after the first one */
};

struct looking {
	struct survey *survey;
	struct event_base *base;
	struct http *http;
	struct helpers *helpers;
	unsigned due; /* answers */
};

struct ask { /* who a callback is for */
	struct looking *looking;
	struct seen_instance *instance;
	struct seen_cluster *cluster;
	const char *op;
};

static struct ask *expect(struct looking *looking,
	struct seen_instance *instance, struct seen_cluster *cluster,
	const char *op)
{
	struct ask *ask = memory_must(calloc(1, sizeof(*ask)));

	*ask = (struct ask){looking, instance, cluster, op};
	looking->due++;
	return ask;
}

static void answered(struct ask *ask)
{
	if (--ask->looking->due == 0)
		(void)event_base_loopexit(ask->looking->base, NULL);
	free(ask);
}

static void take_json(json_t **to, const json_t *from)
{
	json_decref(*to);
	*to = json_deep_copy(from);
}

/* One question to two clusters: these two names tell which. */
static const char source_privileges[] = "privileges";
static const char destination_privileges[] = "privileges";

static void cluster_answered(
	void *arg, const json_t *result, const struct err *err)
{
	struct ask *ask = arg;
	struct seen_cluster *cluster = ask->cluster;
	const char *text;

	if (strcmp(ask->op, "identify") == 0) {
		text = json_string_value(json_object_get(result, "identity"));
		if (err)
			cluster->err = *err;
		else
			(void)snprintf(cluster->identity,
				sizeof(cluster->identity), "%s",
				text ? text : "");
		text = json_string_value(json_object_get(result, "version"));
		sync_text_copy(cluster->version, sizeof(cluster->version),
			text ? text : "");
		cluster->proved =
			json_is_true(json_object_get(result, "proved"));
	} else if (strcmp(ask->op, "summary") == 0) {
		if (err)
			cluster->summary_err = *err;
		else
			take_json(&cluster->summary, result);
	} else if (ask->op == source_privileges ||
		   ask->op == destination_privileges) {
		unsigned side = ask->op == destination_privileges;

		if (err)
			cluster->privileges_err[side] = *err;
		else
			take_json(&cluster->privileges[side], result);
	} else if (strcmp(ask->op, "oplog") == 0) {
		if (err)
			cluster->oplog_err = *err;
		else
			take_json(&cluster->oplog, result);
	} else {
		if (err)
			cluster->shards_err = *err;
		cluster->sharded =
			json_is_true(json_object_get(result, "sharded"));
		if (!err)
			take_json(&cluster->shards,
				json_object_get(result, "shards"));
	}
	answered(ask);
}

static void ask_cluster(struct looking *looking, struct seen_cluster *cluster,
	const char *op, const struct secret *uri)
{
	struct ask *ask = expect(looking, NULL, cluster, op);
	_cleanup_json_ json_t *question =
		json_pack("{s:s, s:s}", "op", op, "uri", secret_reveal(uri));
	struct err err = {0};

	if (!helpers_ask(looking->helpers, question, HELPER_MS,
		    cluster_answered, ask, &err))
		cluster_answered(ask, NULL, &err);
}

static bool same_secret(const struct secret *a, const struct secret *b)
{
	return strcmp(secret_reveal(a), secret_reveal(b)) == 0;
}

/* One cluster for each pair of connection strings, not for each instance. */
static void find_clusters(struct looking *looking)
{
	struct survey *survey = looking->survey;

	for (unsigned i = 0; i < survey->instance_count; i++) {
		struct seen_instance *seen = &survey->instance[i];
		unsigned at = 0;

		while (at < survey->cluster_count &&
			!(same_secret(survey->cluster[at].destination,
				  &seen->config.destination) &&
				same_secret(survey->cluster[at].source,
					&seen->config.source)))
			at++;
		seen->cluster = at;
		if (at < survey->cluster_count)
			continue;
		survey->cluster_count++;
		survey->cluster[at].via = seen->instance->name;
		survey->cluster[at].destination = &seen->config.destination;
		survey->cluster[at].source = &seen->config.source;
	}
	for (unsigned i = 0; i < survey->cluster_count; i++) {
		struct seen_cluster *cluster = &survey->cluster[i];

		ask_cluster(looking, cluster, "identify", cluster->destination);
		ask_cluster(looking, cluster, "summary", cluster->destination);
		ask_cluster(looking, cluster, "shards", cluster->source);
		ask_cluster(
			looking, cluster, source_privileges, cluster->source);
		ask_cluster(looking, cluster, destination_privileges,
			cluster->destination);
		ask_cluster(looking, cluster, "oplog", cluster->source);
	}
}

static void progressed(
	void *arg, const struct sync_progress *progress, const struct err *err)
{
	struct ask *ask = arg;

	if (err)
		ask->instance->progress_err = *err;
	else
		ask->instance->progress = *progress;
	answered(ask);
}

static void look_at_api(struct looking *looking, struct seen_instance *seen)
{
	const struct sync_api *api =
		sync_api_find(looking->survey->fleet->procedure);
	const struct http_place place = {
		.host = "127.0.0.1",
		.port = seen->config.port,
	};
	struct ask *ask = expect(looking, seen, NULL, "progress");
	struct http_call *call;
	struct err err = {0};

	if (!api)
		(void)err_set(&err, ERR_CONFIG, "procedure %s has no API",
			looking->survey->fleet->procedure);
	if (!api ||
		!api->progress(looking->http, &place,
			(int64_t)looking->survey->fleet->timeouts.api * 1000,
			progressed, ask, &call, &err))
		progressed(ask, NULL, &err);
}

static int tell_version(void *arg, int fd)
{
	const struct seen_instance *seen = arg;
	char path[64], version[VERSION_MAX];
	struct err err = {0};

	(void)snprintf(
		path, sizeof(path), "/proc/%d/exe", (int)seen->process.pid);
	if (!version_of_binary(path, version, &err)) {
		(void)dprintf(fd, "%s", err.msg);
		return 1;
	}
	(void)dprintf(fd, "%s", version);
	return 0;
}

static void version_told(void *arg, const struct child_end *end)
{
	struct ask *ask = arg;
	struct seen_instance *seen = ask->instance;

	if (end->status == 0 && !end->timed_out) {
		(void)snprintf(seen->version, sizeof(seen->version), "%s",
			end->output);
		seen->version_proof = "exe";
	} else {
		(void)err_set(&seen->version_err, ERR_CONFIG, "%s",
			end->timed_out ? "--version did not end" : end->output);
	}
	answered(ask);
}

static int64_t ms_of(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000 + time->tv_nsec / 1000000;
}

/* Ticks are counted from when the host was started. */
static int64_t wall_ms(uint64_t ticks)
{
	struct timespec now, up;
	long per_second = sysconf(_SC_CLK_TCK);

	if (!ticks || per_second <= 0 ||
		clock_gettime(CLOCK_REALTIME, &now) != 0 ||
		clock_gettime(CLOCK_BOOTTIME, &up) != 0)
		return 0;
	return ms_of(&now) - ms_of(&up) +
	       (int64_t)ticks * 1000 / (int64_t)per_second;
}

static void process_seen(void *arg, const struct process_seen *process)
{
	struct ask *ask = arg;
	struct seen_instance *seen = ask->instance;
	struct looking *looking = ask->looking;
	const struct process_spec spec = target_process_spec(
		seen->instance, &seen->config, seen->run_file);
	struct ask *version;
	struct child *child;

	seen->process = *process;
	if (process->view == PROCESS_RUNNING)
		seen->started_ms = wall_ms(process->start_ticks);
	if (process->view == PROCESS_RUNNING && process->pid > 0)
		process_compare(&spec, process->pid, seen->differs,
			sizeof(seen->differs));
	if (process->view == PROCESS_RUNNING && process->pid > 0 &&
		process->exe_known) {
		version = expect(looking, seen, NULL, "version");
		if (!child_work(looking->base, tell_version, seen, VERSION_MS,
			    version_told, version, &child, &seen->version_err))
			answered(version);
	} else if (process->view == PROCESS_RUNNING) {
		(void)err_set(&seen->version_err, ERR_CONFIG,
			"the executable of %s cannot be read",
			seen->instance->name);
	}
	answered(ask);
}

static void unit_described(void *arg, const json_t *unit, const struct err *err)
{
	struct ask *ask = arg;

	if (err)
		ask->instance->unit_err = *err;
	else
		take_json(&ask->instance->unit, unit);
	answered(ask);
}

static void look_at_unit(struct looking *looking, struct seen_instance *seen)
{
	const struct process_spec spec = target_process_spec(
		seen->instance, &seen->config, seen->run_file);

	if (seen->instance->unit)
		systemd_describe(looking->base, &spec, unit_described,
			expect(looking, seen, NULL, "unit"));
}

static void look_at_process(struct looking *looking, struct seen_instance *seen)
{
	struct process_spec spec = target_process_spec(
		seen->instance, &seen->config, seen->run_file);
	const struct process_ops *ops =
		process_ops_find(spec.backend, spec.host);
	struct ask *ask = expect(looking, seen, NULL, "process");
	struct process_seen unknown = {.view = PROCESS_UNKNOWN};
	struct err err = {0};

	if (ops->observe(looking->base, &spec, process_seen, ask, &err))
		return;
	(void)snprintf(unknown.why, sizeof(unknown.why), "%.199s", err.msg);
	process_seen(ask, &unknown);
}

static void artifact_told(void *arg, const struct child_end *end)
{
	struct ask *ask = arg;

	source_told(ask->looking->survey, end);
	answered(ask);
}

static void look_at_artifact(struct looking *looking)
{
	struct ask *ask = expect(looking, NULL, NULL, "artifact");
	struct child *child;

	if (child_work(looking->base, source_look, looking->survey,
		    source_look_ms(looking->survey->fleet), artifact_told, ask,
		    &child, &looking->survey->artifact_err))
		return;
	answered(ask);
}

static bool load_instances(struct survey *survey, struct err *err)
{
	const struct fleet *fleet = survey->fleet;

	survey->instance =
		calloc(fleet->instance_count + 1, sizeof(*survey->instance));
	survey->cluster =
		calloc(fleet->instance_count + 1, sizeof(*survey->cluster));
	if (!survey->instance || !survey->cluster)
		return err_set(err, ERR_MEMORY, "out of memory");
	for (unsigned i = 0; i < fleet->instance_count; i++) {
		struct seen_instance *seen = &survey->instance[i];
		struct stat st;
		char leaf[160];

		seen->instance = &fleet->instance[i];
		survey->instance_count++;
		if (!instance_config_load(
			    seen->instance->config, &seen->config, err))
			return false;
		for (unsigned j = 0; j < i; j++)
			if (survey->instance[j].config.port ==
				seen->config.port)
				return err_set(err, ERR_CONFIG,
					"%s: port %u is also the port of %s "
					"(%s)",
					seen->instance->config,
					seen->config.port,
					survey->instance[j].instance->name,
					survey->instance[j].instance->config);
		(void)snprintf(
			leaf, sizeof(leaf), "%s.run", seen->instance->name);
		seen->run_file = fleet_state_path(fleet, leaf);
		if (stat(seen->instance->config, &st) == 0)
			seen->config_ms = ms_of(&st.st_mtim);
		seen->config_replaced_ms = ms_of(&st.st_ctim);
	}
	return true;
}

static bool await_answers(const struct looking *looking, struct err *err)
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
		ask_cluster(looking, cluster, "summary", cluster->destination);
	}
	for (unsigned i = 0; i < survey->instance_count; i++) {
		survey->instance[i].progress_err = (struct err){0};
		look_at_api(looking, &survey->instance[i]);
	}
	looking->due--;
	return await_answers(looking, err);
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
		ask_cluster(looking, cluster, "oplog", cluster->destination);
	}
	looking->due--;
	return await_answers(looking, err);
}

static bool look_at_all(struct looking *looking, struct err *err)
{
	struct survey *survey = looking->survey;

	looking->base = event_base_new();
	if (!looking->base)
		return err_set(err, ERR_BUG, "cannot make an event loop");
	if (!http_new(looking->base, &looking->http, err) ||
		!helpers_new(looking->base, NULL, &looking->helpers, err))
		return false;
	looking->due = 1; /* us, until everything is asked */
	look_at_artifact(looking);
	find_clusters(looking);
	for (unsigned i = 0; i < survey->instance_count; i++) {
		look_at_process(looking, &survey->instance[i]);
		look_at_unit(looking, &survey->instance[i]);
		look_at_api(looking, &survey->instance[i]);
	}
	looking->due--;
	if (!await_answers(looking, err))
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
	struct earlier earlier;
	bool ok = load_instances(&survey, err) && look_at_all(&looking, err);

	helpers_free(looking.helpers);
	http_free(looking.http);
	if (looking.base) {
		systemd_close(looking.base);
		event_base_free(looking.base);
	}
	if (ok && survey_group(&survey, err)) {
		survey_look_at_files(&survey);
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
	for (unsigned i = 0; i < survey->lane_count; i++)
		free(survey->lane[i].link_path);
	free(survey->instance);
	free(survey->cluster);
	free(survey->lane);
	free(survey->finding);
	compat_free(survey->compat);
	free(survey->compat_file);
	memset(survey, 0, sizeof(*survey));
}
