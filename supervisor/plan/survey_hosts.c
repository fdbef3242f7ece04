/*
 * survey_hosts.c - which hosts there are, and the instances' own files there.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/memory.h"
#include "supervisor/plan/survey_looking.h"

enum {
	REACH_MS = 40000,
	FILE_MAX = 64 << 10, /* of an instance's file */
};

struct host *survey_host_of(
	const struct looking *looking, const struct seen_host *seen)
{
	return hosts_get(looking->hosts, seen->name);
}

void survey_ask_host(
	struct ask *ask, json_t *question, int64_t timeout_ms, host_fn *done)
{
	_cleanup_json_ json_t *owned = question;
	struct err err = {0};

	(void)json_object_set_new(owned, "op", json_string(ask->op));
	ask->asked_ms = sys_wall_ms();
	if (!host_ask(survey_host_of(ask->looking, ask->host), owned,
		    timeout_ms, done, ask, NULL, &err))
		done(ask, NULL, &err);
}

/* Its clock is read somewhere between our question and its answer, so what is
 * less than half of that time apart is none. */
static void clock_told(void *arg, const json_t *result, const struct err *err)
{
	struct ask *ask = arg;
	int64_t half = (sys_wall_ms() - ask->asked_ms) / 2;
	int64_t apart = json_integer_value(json_object_get(result, "wall_ms")) -
			(ask->asked_ms + half);

	if (err)
		ask->host->trouble = *err;
	else if (apart > half || apart < -half)
		ask->host->clock_ms = apart;
	survey_answered(ask);
}

static void name_itself(
	struct seen_host *host, const char *name, const char *boot)
{
	(void)snprintf(host->itself, sizeof(host->itself), "%.64s %.36s",
		name ? name : "", boot ? boot : "");
	err_mend_text(host->itself);
}

static void name_ourselves(struct seen_host *host)
{
	char name[65] = "";

	(void)gethostname(name, sizeof(name) - 1);
	name_itself(host, name, sys_boot_id());
}

/* The first answer came over a connection that was yet to be made. */
static void host_answered(
	void *arg, const json_t *result, const struct err *err)
{
	struct ask *ask = arg;
	struct seen_host *host = ask->host;
	const char *machine =
		json_string_value(json_object_get(result, "machine"));

	if (err) {
		host->trouble = *err;
		survey_answered(ask);
		return;
	}
	(void)snprintf(host->machine, sizeof(host->machine), "%s",
		machine ? machine : "");
	name_itself(host, json_string_value(json_object_get(result, "host")),
		json_string_value(json_object_get(result, "boot_id")));
	survey_ask_host(ask, json_object(), REACH_MS, clock_told);
}

static bool reach_hosts(struct looking *looking, struct err *err)
{
	struct survey *survey = looking->survey;

	looking->due = 1; /* us, until everything is asked */
	for (unsigned i = 0; i < survey->host_count; i++) {
		struct ask *ask;

		if (!survey->host[i].name) {
			name_ourselves(&survey->host[i]);
			continue;
		}
		ask = survey_expect(looking, "clock");
		ask->host = &survey->host[i];
		survey_ask_host(ask, json_object(), REACH_MS, host_answered);
	}
	looking->due--;
	return survey_await(looking, err);
}

static bool add_instances(struct survey *survey, struct err *err)
{
	const struct fleet *fleet = survey->fleet;

	survey->instance =
		calloc(fleet->instance_count + 1, sizeof(*survey->instance));
	survey->cluster =
		calloc(fleet->instance_count + 1, sizeof(*survey->cluster));
	if (!survey->instance || !survey->cluster)
		return err_set(err, ERR_MEMORY, "out of memory");
	for (unsigned i = 0; i < fleet->instance_count; i++) {
		struct seen_instance *seen =
			&survey->instance[survey->instance_count++];

		seen->instance = &fleet->instance[i];
		seen->run_file =
			fleet_instance_path(fleet, seen->instance, "run");
	}
	return true;
}

static void drop_instance(struct seen_instance *seen)
{
	instance_config_done(&seen->config);
	free(seen->run_file);
	memset(seen, 0, sizeof(*seen));
}

static void drop_out_of_reach(struct survey *survey)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < survey->instance_count; i++) {
		struct seen_instance *seen = &survey->instance[i];

		if (survey->host[seen->host].trouble.code) {
			drop_instance(seen);
			continue;
		}
		if (kept != i) {
			survey->instance[kept] = *seen;
			memset(seen, 0, sizeof(*seen));
		}
		kept++;
	}
	survey->instance_count = kept;
}

static int64_t ms_of(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000 + time->tv_nsec / 1000000;
}

static bool load_here(struct seen_instance *seen, struct err *err)
{
	struct stat st;

	if (!instance_config_load(seen->instance->config, &seen->config, err))
		return false;
	if (stat(seen->instance->config, &st) == 0)
		seen->config_ms = ms_of(&st.st_mtim);
	seen->config_replaced_ms = ms_of(&st.st_ctim);
	return true;
}

/* It holds credentials: they stay in memory, and what is left of the text goes
 * with the answer. */
static void file_told(void *arg, const json_t *result, const struct err *err)
{
	struct ask *ask = arg;
	struct seen_instance *seen = ask->instance;
	const char *text = json_string_value(json_object_get(result, "text"));
	char shown[SEEN_SHOWN];

	(void)seen_show_path(ask->looking->survey, seen->host,
		seen->instance->config, shown);
	if (err && err->code == ERR_AGAIN)
		ask->host->trouble = *err;
	else if (err)
		(void)err_set(&seen->version_err, ERR_CONFIG,
			"instance's config: %s: %.300s", ask->host->name,
			err->msg);
	else if (instance_config_read(shown, text ? text : "",
			 text ? strlen(text) : 0, &seen->config,
			 &seen->version_err)) {
		seen->config_ms =
			json_integer_value(json_object_get(result, "mtime_ms"));
		seen->config_replaced_ms =
			json_integer_value(json_object_get(result, "ctime_ms"));
	}
	survey_answered(ask);
}

static void ask_file(struct looking *looking, struct seen_instance *seen)
{
	struct ask *ask = survey_expect(looking, "read_file");

	ask->instance = seen;
	ask->host = &looking->survey->host[seen->host];
	survey_ask_host(ask,
		json_pack("{s:s, s:i}", "path", seen->instance->config, "max",
			FILE_MAX),
		REACH_MS, file_told);
}

static bool load_configs(struct looking *looking, struct err *err)
{
	struct survey *survey = looking->survey;

	looking->due = 1;
	for (unsigned i = 0; i < survey->instance_count; i++) {
		struct seen_instance *seen = &survey->instance[i];

		if (survey->host[seen->host].name)
			ask_file(looking, seen);
		else if (!load_here(seen, err))
			return false;
	}
	looking->due--;
	if (!survey_await(looking, err))
		return false;
	for (unsigned i = 0; i < survey->instance_count; i++) {
		if (!survey->instance[i].version_err.code)
			continue;
		*err = survey->instance[i].version_err;
		return false;
	}
	return true;
}

static bool check_ports(const struct survey *survey, struct err *err)
{
	for (unsigned i = 0; i < survey->instance_count; i++) {
		const struct seen_instance *one = &survey->instance[i];

		for (unsigned j = 0; j < i; j++) {
			const struct seen_instance *two = &survey->instance[j];

			if (one->host == two->host &&
				one->config.port == two->config.port)
				return err_set(err, ERR_CONFIG,
					"%s: port %u is also the port of %s "
					"(%s)",
					one->instance->config, one->config.port,
					two->instance->name,
					two->instance->config);
		}
	}
	return true;
}

bool survey_load(struct looking *looking, struct err *err)
{
	struct survey *survey = looking->survey;

	if (!add_instances(survey, err) || !survey_find_hosts(survey, err) ||
		!reach_hosts(looking, err))
		return false;
	drop_out_of_reach(survey);
	if (!load_configs(looking, err))
		return false;
	drop_out_of_reach(survey); /* one broke off meanwhile */
	return check_ports(survey, err);
}
