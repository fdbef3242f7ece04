/*
 * settings.c - see settings.h.
 */
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "state/cleanup.h"
#include "tests/refsync/effects.h"
#include "tests/refsync/settings.h"
#include "tests/refsync/version.h"

#define PATH_SIZE 4096

static const struct {
	const char *name;
	long normal;
} setting_kinds[SETTINGS] = {
	[SET_PAUSE_MS] = {"pause_ms", 20},
	[SET_RESUME_MS] = {"resume_ms", 20},
	[SET_COMMIT_MS] = {"commit_ms", 20},
	[SET_REVERSE_MS] = {"reverse_ms", 20},
	[SET_STOP_MS] = {"stop_ms", 0},
	[SET_SILENCE_MS] = {"silence_ms", 50},
	[SET_SILENCE_HANGS] = {"silence_hangs", 0},
	[SET_MIGRATE_DOC_MS] = {"migrate_doc_ms", 0},
	[SET_RETRY_MS] = {"retry_ms", 1800000},
	[SET_NOOP_MS] = {"noop_ms", 5000},
	[SET_PARTITION_DOCS] = {"partition_docs", 500},
	[SET_BATCH_DOCS] = {"batch_docs", 100},
	[SET_PARTITION_DOCS_PER_S] = {"partition_docs_per_s", 0},
	[SET_SYNTHETIC_DOCS] = {"synthetic_docs", 2000},
	[SET_OPLOG_MINUTES] = {"oplog_minutes", 6000},
	[SET_NEVER_PAUSES] = {"never_pauses", 0},
	[SET_IGNORE_SIGTERM] = {"ignore_sigterm", 0},
	[SET_CRASH_AT_START] = {"crash_at_start", 0},
	[SET_QUIT_AT_START] = {"quit_at_start", 0},
	[SET_HANG_AT_START] = {"hang_at_start", 0},
	[SET_START_IDLE] = {"start_idle", 0},
	[SET_DIE_AFTER_ANSWERS] = {"die_after_answers", 0},
	[SET_MIGRATE_THEN_DIE] = {"migrate_then_die", 0},
	[SET_MIGRATE_DIES_AT] = {"migrate_dies_at", 0},
	[SET_MIGRATE_THEN_IDLE] = {"migrate_then_idle", 0},
	[SET_ACCEPT_METADATA] = {"accept_metadata", 0},
	[SET_LAG_S] = {"lag_s", 0},
	[SET_VERIFIER_DOCS] = {"verifier_docs", 0},
	[SET_VERIFIER_HASHED] = {"verifier_hashed", 0},
	[SET_NATURAL_ORDER] = {"natural_order", 0},
};

static const char *const fault_names[FAULTS] = {"none", "garbage", "half",
	"huge", "http_500", "success_false", "lie", "effect_then_close",
	"reset", "other_id", "other_lane", "raw"};

static const char *const raw_ends[] = {"close", "reset", "open"};

static const char *const endpoints[] = {
	"progress", "start", "pause", "resume", "commit", "reverse"};

#define ENDPOINTS (sizeof(endpoints) / sizeof(endpoints[0]))
#define ALWAYS (-1)

struct endpoint_fault {
	struct fault fault;
	long times; /* ALWAYS, or how often it is still to happen */
};

struct settings {
	long numbers[SETTINGS];
	struct endpoint_fault faults[ENDPOINTS];
	json_t *instances;
	char *effects, *metadata_state;
};

static pthread_mutex_t settings_lock = PTHREAD_MUTEX_INITIALIZER;
static struct settings current;
static char *own_id;
/* files[0] is that of REFSYNC_FAULTS, files[1] the one beside the config */
static struct settings_file {
	char path[PATH_SIZE];
	struct stat seen;
} files[2];

static void settings_done(struct settings *settings)
{
	json_decref(settings->instances);
	free(settings->effects);
	free(settings->metadata_state);
	*settings = (struct settings){0};
}

static int find_endpoint(const char *name)
{
	for (size_t i = 0; i < ENDPOINTS; i++)
		if (!strcmp(endpoints[i], name))
			return (int)i;
	return -1;
}

static bool parse_kind(
	const char *name, enum fault_kind *ret_kind, struct err *err)
{
	for (int i = 0; name && i < FAULTS; i++)
		if (!strcmp(fault_names[i], name)) {
			*ret_kind = (enum fault_kind)i;
			return true;
		}
	return err_set(err, ERR_CONFIG, "unknown fault \"%s\"",
		name ? name : "(no text)");
}

static bool parse_end(const char *name, enum raw_end *ret_end, struct err *err)
{
	for (size_t i = 0; i < sizeof(raw_ends) / sizeof(raw_ends[0]); i++)
		if (!strcmp(raw_ends[i], name)) {
			*ret_end = (enum raw_end)i;
			return true;
		}
	return err_set(err, ERR_CONFIG, "unknown end \"%s\"", name);
}

/* "garbage", or {"kind":"garbage","times":1,"mb":8,"slow_ms":500}. */
static bool parse_fault(
	const json_t *value, struct endpoint_fault *fault, struct err *err)
{
	const char *kind = "none", *state = "RUNNING", *end = "close";
	const char *file = "", *filler = "";
	int times = ALWAYS, mb = -1, slow_ms = 0, gap_ms = 0, effect = 0;
	json_error_t why;

	if (json_is_string(value))
		kind = json_string_value(value);
	else if (json_unpack_ex((json_t *)value, &why, JSON_STRICT,
			 "{s?s, s?i, s?i, s?i, s?s, s?s, s?s, s?i, s?b, s?s}",
			 "kind", &kind, "times", &times, "mb", &mb, "slow_ms",
			 &slow_ms, "state", &state, "file", &file, "filler",
			 &filler, "gap_ms", &gap_ms, "effect", &effect, "end",
			 &end) < 0)
		return err_set(err, ERR_CONFIG, "bad fault: %s", why.text);
	*fault = (struct endpoint_fault){.times = times};
	fault->fault.slow_ms = slow_ms;
	fault->fault.gap_ms = gap_ms;
	fault->fault.effect = effect;
	(void)snprintf(
		fault->fault.state, sizeof(fault->fault.state), "%s", state);
	(void)snprintf(
		fault->fault.file, sizeof(fault->fault.file), "%s", file);
	(void)snprintf(
		fault->fault.filler, sizeof(fault->fault.filler), "%s", filler);
	if (!parse_kind(kind, &fault->fault.kind, err) ||
		!parse_end(end, &fault->fault.end, err))
		return false;
	fault->fault.mb = mb >= 0                           ? mb
			  : fault->fault.kind == FAULT_HUGE ? 4
							    : 0;
	return true;
}

static bool set_number(struct settings *settings, const char *name,
	const json_t *value, struct err *err)
{
	for (int i = 0; i < SETTINGS; i++) {
		if (strcmp(setting_kinds[i].name, name) != 0)
			continue;
		if (json_is_boolean(value))
			settings->numbers[i] = json_is_true(value);
		else if (json_is_integer(value))
			settings->numbers[i] = (long)json_integer_value(value);
		else
			return err_set(
				err, ERR_CONFIG, "%s wants a number", name);
		return true;
	}
	return err_set(err, ERR_CONFIG, "unknown setting \"%s\"", name);
}

static bool set_text(char **text, const json_t *value, struct err *err)
{
	free(*text);
	*text = strdup(json_string_value(value));
	return *text || err_set(err, ERR_BUG, "out of memory");
}

static bool set_one(struct settings *settings, const char *name, json_t *value,
	struct err *err)
{
	int endpoint = find_endpoint(name);

	if (endpoint >= 0)
		return parse_fault(value, &settings->faults[endpoint], err);
	if (!strcmp(name, "effects") && json_is_string(value))
		return set_text(&settings->effects, value, err);
	if (!strcmp(name, "metadata_state") && json_is_string(value))
		return set_text(&settings->metadata_state, value, err);
	if (!strcmp(name, "instances") && json_is_array(value)) {
		json_decref(settings->instances);
		settings->instances = json_incref(value);
		return true;
	}
	return set_number(settings, name, value, err);
}

/* An object that is no endpoint is the section of some instance or version. */
static bool is_section(const char *name, const json_t *value)
{
	return json_is_object(value) && find_endpoint(name) < 0;
}

static bool set_all(struct settings *settings, json_t *object, struct err *err)
{
	const char *name;
	json_t *value;

	json_object_foreach (object, name, value)
		if (!is_section(name, value) &&
			!set_one(settings, name, value, err))
			return false;
	return true;
}

static bool set_section(struct settings *settings, const json_t *json,
	const char *name, struct err *err)
{
	json_t *section = json_object_get(json, name);

	return !section || !is_section(name, section) ||
	       set_all(settings, section, err);
}

static bool read_settings_file(
	struct settings_file *file, struct settings *settings, struct err *err)
{
	_cleanup_json_ json_t *json = NULL;
	json_error_t why;

	if (!*file->path)
		return true;
	if (stat(file->path, &file->seen) < 0) {
		file->seen = (struct stat){0};
		return true;
	}
	json = json_load_file(file->path, 0, &why);
	if (!json_is_object(json))
		return err_set(err, ERR_CONFIG, "%s, line %d: %s", file->path,
			why.line, why.text);
	if (!set_all(settings, json, err) ||
		!set_section(settings, json, own_id, err) ||
		!set_section(settings, json, version_text(), err))
		return err_wrap(err, "%s", file->path);
	return true;
}

static void read_environment(struct settings *settings)
{
	const char *effects = getenv("REFSYNC_EFFECTS");

	if (effects)
		settings->effects = strdup(effects);
	for (int i = 0; i < SETTINGS; i++) {
		char name[64] = "REFSYNC_";
		size_t len = strlen(name);
		const char *value;

		for (const char *c = setting_kinds[i].name; *c; c++)
			name[len++] = (char)toupper((unsigned char)*c);
		settings->numbers[i] = setting_kinds[i].normal;
		value = getenv(name);
		if (value)
			settings->numbers[i] = strtol(value, NULL, 10);
	}
}

static bool load(struct settings *ret_settings, struct err *err)
{
	struct settings settings = {0};

	read_environment(&settings);
	for (size_t i = 0; i < 2; i++)
		if (!read_settings_file(&files[i], &settings, err)) {
			settings_done(&settings);
			return false;
		}
	*ret_settings = settings;
	return true;
}

bool settings_open(const char *config, const char *id, struct err *err)
{
	const char *faults = getenv("REFSYNC_FAULTS");

	if (faults)
		(void)snprintf(
			files[0].path, sizeof(files[0].path), "%s", faults);
	if (config)
		(void)snprintf(files[1].path, sizeof(files[1].path),
			"%s.refsync", config);
	own_id = strdup(id);
	if (!own_id)
		return err_set(err, ERR_BUG, "out of memory");
	return load(&current, err);
}

void settings_close(void)
{
	settings_done(&current);
	free(own_id);
	own_id = NULL;
	files[0].path[0] = files[1].path[0] = '\0';
}

static bool has_changed(const struct settings_file *file)
{
	struct stat now;

	if (!*file->path)
		return false;
	if (stat(file->path, &now) < 0)
		now = (struct stat){0};
	return now.st_ino != file->seen.st_ino ||
	       now.st_size != file->seen.st_size ||
	       now.st_mtim.tv_sec != file->seen.st_mtim.tv_sec ||
	       now.st_mtim.tv_nsec != file->seen.st_mtim.tv_nsec;
}

void settings_refresh(void)
{
	struct settings fresh;
	struct err err = {0};

	(void)pthread_mutex_lock(&settings_lock);
	if (has_changed(&files[0]) || has_changed(&files[1])) {
		if (load(&fresh, &err)) {
			settings_done(&current);
			current = fresh;
			effects_add("settings", NULL);
		} else {
			effects_add("bad_settings",
				json_pack("{s:s}", "text", err.msg));
		}
	}
	(void)pthread_mutex_unlock(&settings_lock);
}

long setting(enum setting name)
{
	long value;

	(void)pthread_mutex_lock(&settings_lock);
	value = current.numbers[name];
	(void)pthread_mutex_unlock(&settings_lock);
	return value;
}

char *settings_effects(void)
{
	return current.effects ? strdup(current.effects) : NULL;
}

char *settings_metadata_state(void)
{
	char *state;

	(void)pthread_mutex_lock(&settings_lock);
	state = current.metadata_state ? strdup(current.metadata_state) : NULL;
	(void)pthread_mutex_unlock(&settings_lock);
	return state;
}

json_t *settings_instances(void)
{
	json_t *instances;

	(void)pthread_mutex_lock(&settings_lock);
	instances = json_deep_copy(current.instances);
	(void)pthread_mutex_unlock(&settings_lock);
	return instances;
}

void settings_fault(const char *endpoint, struct fault *ret_fault)
{
	int i = find_endpoint(endpoint);
	struct endpoint_fault *fault;

	*ret_fault = (struct fault){0};
	if (i < 0)
		return;
	(void)pthread_mutex_lock(&settings_lock);
	fault = &current.faults[i];
	if (fault->times != 0)
		*ret_fault = fault->fault;
	if (fault->times > 0)
		fault->times--;
	(void)pthread_mutex_unlock(&settings_lock);
}

const char *fault_name(enum fault_kind kind)
{
	return fault_names[kind];
}
