#include "supervisor/fleet/fleet.h"

#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "supervisor/fleet/fleet_artifact.h"
#include "supervisor/fleet/fleet_check.h"
#include "supervisor/fleet/fleet_schema.h"
#include "supervisor/fleet/yaml_error.h"
#include "supervisor/memory.h"

#define STATE_DIR "/var/lib/syncup"

static void *grow(void *old, size_t count, size_t size)
{
	return memory_must(reallocarray(old, count, size));
}

/* Without "//", "/./" and a last "/"; ".." stays, as links may be in it. */
static void normalise(char *path)
{
	char *from = path, *to = path;

	while (*from) {
		if (from[0] == '/' && from[1] == '/') {
			from++;
		} else if (from[0] == '/' && from[1] == '.' &&
			   (!from[2] || from[2] == '/')) {
			from += 2;
		} else {
			*to++ = *from++;
		}
	}
	if (to > path + 1 && to[-1] == '/')
		to--;
	if (to == path)
		*to++ = '/';
	*to = '\0';
}

/* What a fleet is read with. */
struct reading {
	struct fleet *fleet;
	struct yaml_text yaml;
	const char *folder; /* for relative paths; NULL: there are none */
};

/* Makes *path absolute; may_be_relative: to the fleet file's folder. */
static bool make_absolute(struct reading *reading, char **path,
	bool may_be_relative, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

static bool make_absolute(struct reading *reading, char **path,
	bool may_be_relative, struct err *err, const char *fmt, ...)
{
	char key[YAML_PATH_MAX];
	char *joined;
	va_list args;

	if (!*path)
		return true;
	va_start(args, fmt);
	(void)vsnprintf(key, sizeof(key), fmt, args);
	va_end(args);
	if (**path != '/') {
		if (!may_be_relative || !reading->folder)
			return yaml_text_refuse(&reading->yaml, err, key,
				"must be an absolute path");
		joined = memory_text("%s/%s", reading->folder, *path);
		free(*path);
		*path = joined;
	}
	normalise(*path);
	/* The journal's fleet is read with the same limits: what becomes too
	 * long here could not be continued. */
	if (strlen(*path) > FLEET_PATH_MAX)
		return yaml_text_refuse(&reading->yaml, err, key,
			"must not have more than %u bytes, from / on",
			FLEET_PATH_MAX);
	return true;
}

static void end_list(struct fleet_strings *list)
{
	list->item = grow(list->item, list->count + 1, sizeof(*list->item));
	list->item[list->count] = NULL;
}

static void add_string(struct fleet_strings *list, char *taken)
{
	list->item = grow(list->item, list->count + 2, sizeof(*list->item));
	list->item[list->count++] = taken;
	list->item[list->count] = NULL;
}

static char *parent_of(const char *path)
{
	_cleanup_free_ char *copy = memory_text("%s", path);

	return memory_text("%s", dirname(copy));
}

bool fleet_link_is_binary(const char *link, const char *program)
{
	const char *slash = strrchr(link, '/');

	return !strcmp(slash ? slash + 1 : link, program);
}

static void set_spawn_defaults(
	const struct fleet *fleet, struct fleet_instance *instance)
{
	struct fleet_spawn *spawn = instance->spawn;
	const char *program = fleet->procedure;
	bool is_binary = fleet_link_is_binary(instance->link, program);

	if (!spawn->argv.count) {
		add_string(&spawn->argv,
			is_binary ? memory_text("%s", instance->link)
				  : memory_text("%s/bin/%s", instance->link,
					    program));
		add_string(&spawn->argv, memory_text("--config"));
		add_string(&spawn->argv, memory_text("%s", instance->config));
	}
	if (!spawn->directory)
		spawn->directory = parent_of(instance->config);
	if (!spawn->output)
		spawn->output = fleet_instance_path(fleet, instance, "out");
}

static bool finish_spawn(struct reading *reading, unsigned index,
	struct fleet_instance *instance, struct err *err)
{
	struct fleet_spawn *spawn = instance->spawn;

	set_spawn_defaults(reading->fleet, instance);
	end_list(&spawn->argv);
	return make_absolute(reading, &spawn->directory, !instance->host, err,
		       "instances[%u].spawn.directory", index) &&
	       make_absolute(reading, &spawn->environment_file, !instance->host,
		       err, "instances[%u].spawn.environment_file", index) &&
	       make_absolute(reading, &spawn->output, !instance->host, err,
		       "instances[%u].spawn.output", index);
}

static bool finish_instance(
	struct reading *reading, unsigned index, struct err *err)
{
	const struct fleet *fleet = reading->fleet;
	struct fleet_instance *instance = &fleet->instance[index];

	if (!instance->link)
		instance->link =
			fleet->link ? memory_text("%s", fleet->link)
				    : memory_text("%s/%s/current",
					      fleet->install_root,
					      instance->lane ? instance->lane
							     : fleet->name);
	/* The fleet file's folder is on this machine. */
	if (!make_absolute(reading, &instance->config, !instance->host, err,
		    "instances[%u].config", index) ||
		!make_absolute(reading, &instance->link, false, err,
			"instances[%u].link", index))
		return false;
	if (instance->command) {
		end_list(&instance->command->start);
		end_list(&instance->command->stop);
		end_list(&instance->command->status);
	}
	if (!instance->spawn && !instance->command && !instance->unit) {
		instance->spawn = grow(NULL, 1, sizeof(*instance->spawn));
		memset(instance->spawn, 0, sizeof(*instance->spawn));
	}
	return !instance->spawn || finish_spawn(reading, index, instance, err);
}

static void set_numbers(struct reading *reading, const char *group,
	const struct fleet_number *number)
{
	char path[YAML_PATH_MAX];

	for (; number->key; number++) {
		void *to = (char *)reading->fleet + number->offset;

		(void)snprintf(path, sizeof(path), "%s%s%s", group,
			group[0] ? "." : "", number->key);
		if (!yaml_text_find(&reading->yaml, path))
			memcpy(to, &number->standard, sizeof(uint32_t));
	}
}

static bool finish_artifact(struct reading *reading, struct err *err)
{
	struct fleet_artifact *artifact = &reading->fleet->artifact;
	char *c;

	for (c = artifact->sha256; c && *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (!artifact->cache_dir && fleet_artifact_is_fetched(artifact))
		artifact->cache_dir =
			memory_text("%s/.cache", reading->fleet->state_dir);
	if (artifact->signature && !fleet_is_url(artifact->signature) &&
		!make_absolute(reading, &artifact->signature, true, err,
			"artifact.signature"))
		return false;
	return make_absolute(
		       reading, &artifact->file, true, err, "artifact.file") &&
	       make_absolute(reading, &artifact->keyring, true, err,
		       "artifact.keyring") &&
	       make_absolute(
		       reading, &artifact->ca, true, err, "artifact.ca") &&
	       make_absolute(reading, &artifact->cache_dir, false, err,
		       "artifact.cache_dir");
}

static bool finish_fleet(struct reading *reading, struct err *err)
{
	struct fleet *fleet = reading->fleet;
	unsigned i;

	set_numbers(reading, "", fleet_numbers);
	set_numbers(reading, "limits", fleet_limits);
	set_numbers(reading, "timeouts", fleet_timeouts);
	set_numbers(reading, "artifact", fleet_fetch);
	if (!fleet->procedure)
		fleet->procedure = memory_text("mongosync");
	if (!fleet->state_dir)
		fleet->state_dir = memory_text("%s", STATE_DIR);
	if (!make_absolute(reading, &fleet->install_root, false, err,
		    "install_root") ||
		!make_absolute(
			reading, &fleet->state_dir, false, err, "state_dir") ||
		!make_absolute(reading, &fleet->link, false, err, "link") ||
		!make_absolute(reading, &fleet->compat, true, err, "compat") ||
		!finish_artifact(reading, err))
		return false;
	end_list(&fleet->notify);
	for (i = 0; i < fleet->instance_count; i++) {
		if (!finish_instance(reading, i, err))
			return false;
	}
	return fleet_check(fleet, &reading->yaml, err);
}

/* is_recorded: it is JSON, and what it was planned with is not judged anew. */
static bool read_fleet(const char *file, const char *folder, const char *data,
	size_t len, bool is_recorded, struct fleet **ret_fleet, struct err *err)
{
	struct reading reading = {.folder = folder};
	void *loaded = NULL;
	bool ok;

	ok = is_recorded
		     ? yaml_text_open_json(&reading.yaml, file, data, len, err)
		     : yaml_text_open(&reading.yaml, file, data, len, err);
	if (!ok)
		return false;
	ok = fleet_check_text(&reading.yaml, !is_recorded, err) &&
	     yaml_load(&reading.yaml, &fleet_schema, CYAML_CFG_NO_ALIAS,
		     &loaded, err);
	if (ok) {
		reading.fleet = loaded;
		ok = finish_fleet(&reading, err);
	}
	yaml_text_done(&reading.yaml);
	if (!ok) {
		fleet_free(loaded);
		return false;
	}
	*ret_fleet = loaded;
	return true;
}

/* Whatever else is in the way of reading it, a person has to mend. */
static enum err_code code_of_reading(const struct err *why)
{
	return why->code == ERR_MEMORY ? ERR_MEMORY : ERR_CONFIG;
}

bool fleet_read(const char *file, const char *folder, const char *data,
	size_t len, struct fleet **ret_fleet, struct err *err)
{
	if (!read_fleet(file, folder, data, len, false, ret_fleet, err))
		return false;
	(*ret_fleet)->file = memory_text("%s", file);
	return true;
}

bool fleet_load(const char *path, struct fleet **ret_fleet, struct err *err)
{
	_cleanup_free_ char *data = NULL, *folder = NULL, *real = NULL;
	struct err why = {0};
	size_t len;

	if (!atomic_file_read(path, FLEET_FILE_MAX, &data, &len, &why))
		return err_set(
			err, code_of_reading(&why), "fleet file: %s", why.msg);
	folder = parent_of(path);
	real = realpath(folder, NULL);
	if (!real)
		return err_sys(err, errno == ENOMEM ? ERR_MEMORY : ERR_CONFIG,
			errno, "fleet file: %s", path);
	return fleet_read(path, real, data, len, ret_fleet, err);
}

bool fleet_from_json(
	const json_t *json, struct fleet **ret_fleet, struct err *err)
{
	/* Ready to be a YAML flow mapping: indented, its lines stay short. */
	_cleanup_free_ char *data = json_dumps(json, JSON_INDENT(1));

	if (!data)
		return err_set(err, ERR_CONFIG, "recorded fleet: not JSON");
	return read_fleet("recorded fleet", NULL, data, strlen(data), true,
		ret_fleet, err);
}

static void free_strings(struct fleet_strings *list)
{
	unsigned i;

	for (i = 0; i < list->count; i++)
		free(list->item[i]);
	free(list->item);
}

static void free_instance(struct fleet_instance *instance)
{
	free(instance->name);
	free(instance->host);
	free(instance->config);
	free(instance->lane);
	free(instance->link);
	free(instance->unit);
	if (instance->spawn) {
		free_strings(&instance->spawn->argv);
		free(instance->spawn->directory);
		free(instance->spawn->environment_file);
		free(instance->spawn->output);
		free(instance->spawn);
	}
	if (instance->command) {
		free_strings(&instance->command->start);
		free_strings(&instance->command->stop);
		free_strings(&instance->command->status);
		free(instance->command);
	}
}

static void free_window(struct fleet_window *window)
{
	if (!window)
		return;
	free(window->from);
	free(window->until);
	free_strings(&window->days);
	free(window);
}

void fleet_free(struct fleet *fleet)
{
	unsigned i;

	if (!fleet)
		return;
	for (i = 0; i < fleet->instance_count; i++)
		free_instance(&fleet->instance[i]);
	free(fleet->instance);
	free(fleet->file);
	free(fleet->name);
	free(fleet->procedure);
	free(fleet->version);
	fleet_artifact_done(&fleet->artifact);
	free(fleet->install_root);
	free(fleet->state_dir);
	free(fleet->link);
	free(fleet->compat);
	free_window(fleet->window);
	free_strings(&fleet->notify);
	free(fleet);
}

char *fleet_instance_path(const struct fleet *fleet,
	const struct fleet_instance *instance, const char *end)
{
	if (instance->host)
		return memory_text("%s/.syncup/run/%s/%s.%s",
			fleet->install_root, fleet->name, instance->name, end);
	return memory_text("%s/%s/%s.%s", fleet->state_dir, fleet->name,
		instance->name, end);
}

bool fleet_host_is_same(const char *one, const char *other)
{
	return one && other ? strcmp(one, other) == 0 : one == other;
}

char *fleet_state_path(const struct fleet *fleet, const char *leaf)
{
	return memory_text("%s/%s%s%s", fleet->state_dir, fleet->name,
		leaf ? "/" : "", leaf ? leaf : "");
}
