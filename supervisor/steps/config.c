/*
 * config.c - the own files of sync processes on other hosts.
 *
 * They hold the credentials, so they are read afresh in each life of ours, when
 * something needs them: a host that is out of reach holds up nobody else.
 */
#include "supervisor/steps/ask.h"
#include "supervisor/steps/steps.h"

enum {
	CONFIG_MAX = 64 << 10, /* bytes */
};

static void file_told(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	struct target *target =
		targets_find(run->env->targets, run->config_of->name);
	const char *text = json_string_value(json_object_get(result, "text"));
	struct err why = {0};

	if (err && err->code == ERR_AGAIN) {
		step_saw(run, VIEW_UNKNOWN, "%s", err->msg);
	} else if (err) {
		(void)err_set(&why, ERR_CONFIG, "instance's config: %s: %.300s",
			host_name(target->host), err->msg);
		step_saw_err(run, &why);
	} else if (!target_read_config(target, text ? text : "", &why)) {
		step_saw_err(run, &why);
	} else if (!run->with_config(run, &why)) {
		step_cannot_look(run, &why);
	}
}

bool after_config(struct step_run *run, const struct target *target,
	step_fn *then, struct err *err)
{
	if (target->config_read)
		return then(run, err);
	run->config_of = target;
	run->with_config = then;
	return ask_host(run, target, "read_file",
		json_pack("{s:s, s:i}", "path", target->instance->config, "max",
			CONFIG_MAX),
		ASK_MS, file_told, err);
}
