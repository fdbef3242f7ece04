/*
 * target.c - from the plan's JSON to structs that steps can work with.
 */
#include "supervisor/plan/target.h"

#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "supervisor/memory.h"

static const char *text_of(const json_t *json, const char *key)
{
	return json_string_value(json_object_get(json, key));
}

static const struct {
	const char *word;
	enum target_type type;
} types[] = {
	{"process", TARGET_PROCESS},
	{"host", TARGET_HOST},
	{"link", TARGET_LINK},
	{"metadata", TARGET_METADATA},
	{"lane", TARGET_LANE},
};

static bool parse_type(const char *word, enum target_type *ret_type)
{
	for (size_t i = 0; word && i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(types[i].word, word) == 0) {
			*ret_type = types[i].type;
			return true;
		}
	}
	return false;
}

struct process_spec target_process_spec(const struct fleet_instance *instance,
	const struct instance_config *config, const char *run_file)
{
	struct process_spec spec = {
		.name = instance->name,
		.backend = instance->command ? "command"
			   : instance->unit  ? "systemd"
					     : "spawn",
		.port = config->port,
		.config = instance->config,
		.run_file = run_file,
		.unit = instance->unit,
		.user_manager = instance->manager == FLEET_MANAGER_USER,
	};

	if (instance->command) {
		spec.start = instance->command->start.item;
		spec.stop = instance->command->stop.item;
		spec.status = instance->command->status.item;
	}
	if (instance->spawn) {
		spec.argv = instance->spawn->argv.item;
		spec.directory = instance->spawn->directory;
		spec.environment_file = instance->spawn->environment_file;
		spec.output = instance->spawn->output;
		spec.nofile = instance->spawn->nofile;
	}
	return spec;
}

static const struct fleet_instance *find_instance(
	const struct fleet *fleet, const char *name)
{
	for (unsigned i = 0; i < fleet->instance_count; i++)
		if (strcmp(fleet->instance[i].name, name) == 0)
			return &fleet->instance[i];
	return NULL;
}

/* The argv that was planned: the default one depends on the lane's link. */
static char **planned_argv(const json_t *json)
{
	const json_t *list = json_object_get(json, "argv");
	size_t count = json_array_size(list);
	char **argv = memory_must(calloc(count + 1, sizeof(*argv)));

	for (size_t i = 0; i < count; i++) {
		const char *word = json_string_value(json_array_get(list, i));

		argv[i] = memory_must(strdup(word ? word : ""));
	}
	return argv;
}

static void free_argv(char *const *argv)
{
	for (size_t i = 0; argv && argv[i]; i++)
		free(argv[i]);
	free((void *)(uintptr_t)argv);
}

static bool is_as_planned(const struct target *target,
	const struct instance_config *config, struct err *err)
{
	const char *id = text_of(target->json, "id");
	json_int_t port =
		json_integer_value(json_object_get(target->json, "port"));

	if (config->port != port)
		return err_set(err, ERR_CONFIG,
			"%s: port is %u now, but %lld when the run was planned",
			target->instance->config, config->port,
			(long long)port);
	return strcmp(config->id, id ? id : "") == 0 ||
	       err_set(err, ERR_CONFIG,
		       "%s: id is \"%s\" now, but \"%s\" when the run was "
		       "planned",
		       target->instance->config, config->id, id ? id : "");
}

bool target_read_config(
	struct target *target, const char *text, struct err *err)
{
	struct instance_config config;
	_cleanup_free_ char *shown = memory_text(
		"%s:%s", host_name(target->host), target->instance->config);

	if (!instance_config_read(shown, text, strlen(text), &config, err))
		return false;
	if (!is_as_planned(target, &config, err)) {
		instance_config_done(&config);
		return false;
	}
	instance_config_done(&target->config);
	target->config = config;
	target->process.port = config.port;
	target->config_read = true;
	return true;
}

static bool make_process(struct target *target, const struct fleet *fleet,
	const char *run, struct err *err)
{
	const char *id = text_of(target->json, "id");

	target->instance = find_instance(fleet, target->name);
	if (!target->instance)
		return err_set(err, ERR_JOURNAL,
			"the plan names process %s, which its fleet lacks",
			target->name);
	if (host_is_local(target->host)) {
		if (!instance_config_load(
			    target->instance->config, &target->config, err) ||
			!is_as_planned(target, &target->config, err))
			return false;
		target->config_read = true;
	} else {
		target->config.port = (uint16_t)json_integer_value(
			json_object_get(target->json, "port"));
		(void)snprintf(target->config.id, sizeof(target->config.id),
			"%s", id ? id : "");
	}
	target->run_file = fleet_instance_path(fleet, target->instance, "run");
	target->process = target_process_spec(
		target->instance, &target->config, target->run_file);
	target->process.host = target->host;
	target->process.root = fleet->install_root;
	target->process.run = run;
	if (target->instance->spawn)
		target->process.argv = planned_argv(target->json);
	/* What a start command's daemon says goes where spawn puts it. */
	if (!target->process.output && !target->instance->unit) {
		target->output =
			fleet_instance_path(fleet, target->instance, "out");
		target->process.output = target->output;
	}
	target->api = sync_api_find(fleet->procedure);
	target->ops =
		process_ops_find(target->process.backend, target->process.host);
	target->from = text_of(target->json, "from");
	target->was = sync_phase_parse(text_of(target->json, "state"));
	target->answers_as = text_of(target->json, "answers_as");
	target->coordinator = text_of(target->json, "coordinator");
	if (!target->answers_as) /* planned by an earlier syncup */
		target->answers_as = "";
	if (!target->coordinator)
		target->coordinator = "";
	if (!target->api || !target->ops || !target->from)
		return err_set(err, ERR_JOURNAL, "process %s cannot be handled",
			target->name);
	return true;
}

const char *target_claim_name(const struct target *target)
{
	return target->type == TARGET_LINK ? target->link.path : target->name;
}

int target_claim_port(const struct target *target)
{
	return target->type == TARGET_PROCESS ? target->config.port : 0;
}

static bool make_target(struct targets *targets, struct target *target,
	const struct fleet *fleet, const char *run, struct hosts *hosts,
	struct err *err)
{
	target->name = text_of(target->json, "name");
	target->lane = text_of(target->json, "lane");
	target->host = hosts_get(hosts, text_of(target->json, "host"));
	if (!target->name ||
		!parse_type(text_of(target->json, "type"), &target->type))
		return err_set(err, ERR_JOURNAL,
			"the plan has a target without a name or type");
	switch (target->type) {
	case TARGET_PROCESS:
		return make_process(target, fleet, run, err);
	case TARGET_LINK:
		target->link.path = text_of(target->json, "path");
		target->link.root = fleet->install_root;
		target->link.name = "mongosync";
		target->link.is_binary =
			json_is_true(json_object_get(target->json, "binary"));
		return true;
	case TARGET_METADATA:
		target->via =
			targets_find(targets, text_of(target->json, "via"));
		if (!target->via)
			return err_set(err, ERR_JOURNAL,
				"%s is reached through an unknown process",
				target->name);
		return true;
	case TARGET_HOST:
	case TARGET_LANE:
		return true;
	}
	return true;
}

bool targets_new(const json_t *plan, const struct fleet *fleet, const char *run,
	struct hosts *hosts, struct targets *ret_targets, struct err *err)
{
	const json_t *list = json_object_get(plan, "targets");
	struct targets targets = {0};

	targets.item = calloc(json_array_size(list) + 1, sizeof(*targets.item));
	if (!targets.item)
		return err_set(err, ERR_MEMORY, "out of memory");
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct target *target = &targets.item[targets.count++];

		target->json = json_array_get(list, i);
		if (!make_target(&targets, target, fleet, run, hosts, err)) {
			targets_done(&targets);
			return false;
		}
	}
	*ret_targets = targets;
	return true;
}

void targets_done(struct targets *targets)
{
	for (unsigned i = 0; i < targets->count; i++) {
		struct target *target = &targets->item[i];

		if (target->type != TARGET_PROCESS)
			continue;
		if (target->instance && target->instance->spawn &&
			target->process.argv !=
				target->instance->spawn->argv.item)
			free_argv(target->process.argv);
		instance_config_done(&target->config);
		free(target->run_file);
		free(target->output);
	}
	free(targets->item);
	memset(targets, 0, sizeof(*targets));
}

struct target *targets_find(const struct targets *targets, const char *name)
{
	for (unsigned i = 0; name && i < targets->count; i++)
		if (targets->item[i].name &&
			strcmp(targets->item[i].name, name) == 0)
			return &targets->item[i];
	return NULL;
}

const struct target *targets_next(const struct targets *targets,
	enum target_type type, const char *lane, const struct target *after)
{
	unsigned i = after ? (unsigned)(after - targets->item) + 1 : 0;

	for (; i < targets->count; i++) {
		const struct target *target = &targets->item[i];

		if (target->type == type &&
			(!lane || (target->lane &&
					  strcmp(target->lane, lane) == 0)))
			return target;
	}
	return NULL;
}
