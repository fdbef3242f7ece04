/*
 * survey_processes.c - what the sync processes say, and how they run.
 */
#include <string.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/plan/survey_looking.h"
#include "supervisor/plan/target.h"
#include "supervisor/process/process_json.h"
#include "supervisor/process/systemd.h"

enum {
	VERSION_MS = 15000,
	COMPARE_MS = 15000,
};

static void progressed(
	void *arg, const struct sync_progress *progress, const struct err *err)
{
	struct ask *ask = arg;

	if (err)
		ask->instance->progress_err = *err;
	else
		ask->instance->progress = *progress;
	survey_answered(ask);
}

static int64_t api_ms(const struct ask *ask)
{
	return (int64_t)ask->looking->survey->fleet->timeouts.api * 1000;
}

static void asked_where(
	void *arg, const struct http_place *place, const struct err *err)
{
	struct ask *ask = arg;
	const char *procedure = ask->looking->survey->fleet->procedure;
	const struct sync_api *api = sync_api_find(procedure);
	struct err why = {0};

	if (err)
		why = *err;
	else if (!api)
		(void)err_set(
			&why, ERR_CONFIG, "procedure %s has no API", procedure);
	else if (api->progress(ask->looking->http, place, api_ms(ask),
			 progressed, ask, NULL, &why))
		return;
	progressed(ask, NULL, &why);
}

void survey_look_at_api(struct looking *looking, struct seen_instance *seen)
{
	struct ask *ask = survey_expect(looking, "progress");
	struct err err = {0};

	ask->instance = seen;
	if (!host_place(
		    survey_host_of(looking, &looking->survey->host[seen->host]),
		    seen->config.port, api_ms(ask), asked_where, ask, NULL,
		    &err))
		progressed(ask, NULL, &err);
}

static void version_told(void *arg, const json_t *result, const struct err *err)
{
	struct ask *ask = arg;
	struct seen_instance *seen = ask->instance;
	const char *version =
		json_string_value(json_object_get(result, "version"));

	if (err) {
		seen->version_err = *err;
	} else {
		(void)snprintf(seen->version, sizeof(seen->version), "%s",
			version ? version : "");
		seen->version_proof = "exe";
	}
	survey_answered(ask);
}

static void compared(void *arg, const json_t *result, const struct err *err)
{
	struct ask *ask = arg;
	const char *differs =
		json_string_value(json_object_get(result, "differs"));

	(void)err;
	(void)snprintf(ask->instance->differs, sizeof(ask->instance->differs),
		"%s", differs ? differs : "");
	survey_answered(ask);
}

static struct process_spec spec_of(
	const struct looking *looking, const struct seen_instance *seen)
{
	struct process_spec spec = target_process_spec(
		seen->instance, &seen->config, seen->run_file);

	spec.host = survey_host_of(looking, &looking->survey->host[seen->host]);
	return spec;
}

static void ask_of(struct looking *looking, struct seen_instance *seen,
	const char *op, json_t *question, int64_t timeout_ms, host_fn *done)
{
	struct ask *ask = survey_expect(looking, op);

	ask->instance = seen;
	ask->host = &looking->survey->host[seen->host];
	survey_ask_host(ask, question, timeout_ms, done);
}

static void look_closely(struct looking *looking, struct seen_instance *seen)
{
	const struct process_spec spec = spec_of(looking, seen);
	json_int_t pid = seen->process.pid;
	int64_t there =
		sys_wall_ms() + looking->survey->host[seen->host].clock_ms;

	if (seen->process.age_ms)
		seen->started_ms = there - seen->process.age_ms;
	if (pid > 0)
		ask_of(looking, seen, "compare",
			json_pack("{s:o, s:I}", "process",
				process_spec_json(&spec), "pid", pid),
			COMPARE_MS, compared);
	if (pid > 0 && seen->process.exe_known)
		ask_of(looking, seen, "version_of",
			json_pack("{s:I}", "pid", pid), VERSION_MS,
			version_told);
	else
		(void)err_set(&seen->version_err, ERR_CONFIG,
			"the executable of %s cannot be read",
			seen->instance->name);
}

static void process_seen(void *arg, const struct process_seen *process)
{
	struct ask *ask = arg;

	ask->instance->process = *process;
	if (process->view == PROCESS_RUNNING)
		look_closely(ask->looking, ask->instance);
	survey_answered(ask);
}

void survey_look_at_process(struct looking *looking, struct seen_instance *seen)
{
	const struct process_spec spec = spec_of(looking, seen);
	const struct process_ops *ops =
		process_ops_find(spec.backend, spec.host);
	struct ask *ask = survey_expect(looking, "process");
	struct process_seen unknown = {.view = PROCESS_UNKNOWN};
	struct err err = {0};

	ask->instance = seen;
	if (ops->observe(looking->base, &spec, process_seen, ask, &err))
		return;
	(void)snprintf(unknown.why, sizeof(unknown.why), "%.199s", err.msg);
	process_seen(ask, &unknown);
}

static void unit_described(void *arg, const json_t *unit, const struct err *err)
{
	struct ask *ask = arg;

	if (err)
		ask->instance->unit_err = *err;
	else
		ask->instance->unit = json_deep_copy(unit);
	survey_answered(ask);
}

void survey_look_at_unit(struct looking *looking, struct seen_instance *seen)
{
	const struct process_spec spec = spec_of(looking, seen);
	struct ask *ask;

	if (!seen->instance->unit)
		return;
	ask = survey_expect(looking, "unit");
	ask->instance = seen;
	systemd_describe(looking->base, &spec, unit_described, ask);
}
