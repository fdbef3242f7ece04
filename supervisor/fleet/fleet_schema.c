#include "supervisor/fleet/fleet_schema.h"

#include <stddef.h>

#define NEEDED (CYAML_FLAG_DEFAULT)
#define OPTIONAL (CYAML_FLAG_OPTIONAL)
#define WORD (CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT)

/* clang-format off */

static const cyaml_strval_t failure_words[] = {
	{"stop", FLEET_FAILURE_STOP},
	{"rollback", FLEET_FAILURE_ROLLBACK},
	{"restore", FLEET_FAILURE_RESTORE},
};

static const cyaml_strval_t pause_words[] = {
	{"always", FLEET_PAUSE_ALWAYS},
	{"never", FLEET_PAUSE_NEVER},
};

static const cyaml_strval_t complete_words[] = {
	{"checked", FLEET_COMPLETE_CHECKED},
	{"assumed", FLEET_COMPLETE_ASSUMED},
};

static const cyaml_strval_t signed_words[] = {
	{"optional", FLEET_SIGNED_OPTIONAL},
	{"required", FLEET_SIGNED_REQUIRED},
};

static const cyaml_strval_t manager_words[] = {
	{"system", FLEET_MANAGER_SYSTEM},
	{"user", FLEET_MANAGER_USER},
};

#define LIMIT(key, member, standard, least, most) \
	{key, offsetof(struct fleet, member), standard, least, most}

const struct fleet_number fleet_numbers[] = {
	LIMIT("oplog_window", oplog_window, 0, 0, 366u * 86400),
	LIMIT("turn_back_at", turn_back_at, 50, 1, 100),
	{0},
};

const struct fleet_number fleet_limits[] = {
	LIMIT("lanes", lanes_at_once, 4, 1, FLEET_INSTANCES_MAX),
	LIMIT("keep_versions", keep_versions, 2, 1, 1000),
	LIMIT("keep_metadata_days", keep_metadata_days, 7, 0, 36500),
	{0},
};

#define SECONDS(member, standard, least) \
	{#member, offsetof(struct fleet, timeouts.member), standard, least, \
		FLEET_TIMEOUT_MAX}

const struct fleet_number fleet_timeouts[] = {
	SECONDS(api, 15, 1),
	SECONDS(pause, 300, 1),
	SECONDS(stop, 300, 1),
	SECONDS(start, 2100, 1),
	SECONDS(resume, 600, 1),
	SECONDS(save, 900, 1),
	SECONDS(deliver, 3600, 1),
	SECONDS(movement, 600, 1),
	SECONDS(idle, 300, 1),
	SECONDS(pause_quiet, 30, 1),
	SECONDS(start_quiet, 60, 1),
	SECONDS(resume_quiet, 180, 1),
	SECONDS(reach, 300, 1),
	SECONDS(kill_after, 0, 0),
	{0},
};

const struct fleet_number fleet_fetch[] = {
	{"stall", offsetof(struct fleet, artifact.stall), 30, 1, 3600},
	{"tries", offsetof(struct fleet, artifact.tries), 5, 1, 100},
	{0},
};

static const cyaml_schema_value_t argument = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, FLEET_ARGUMENT_MAX),
};

#define PATH_FIELD(key, flags, structure, member) \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), structure, \
		member, 1, FLEET_PATH_MAX)
#define NAME_FIELD(key, flags, structure, member) \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), structure, \
		member, 1, 64)
#define ARGV_FIELD(key, flags, structure, member) \
	CYAML_FIELD_SEQUENCE_COUNT(key, CYAML_FLAG_POINTER | (flags), \
		structure, member.item, member.count, &argument, 1, \
		FLEET_ARGUMENTS_MAX)
#define SECONDS_FIELD(member) \
	CYAML_FIELD_UINT(#member, OPTIONAL, struct fleet_timeouts, member)

static const cyaml_schema_field_t spawn_fields[] = {
	ARGV_FIELD("argv", OPTIONAL, struct fleet_spawn, argv),
	PATH_FIELD("directory", OPTIONAL, struct fleet_spawn, directory),
	PATH_FIELD("environment_file", OPTIONAL, struct fleet_spawn,
		environment_file),
	PATH_FIELD("output", OPTIONAL, struct fleet_spawn, output),
	CYAML_FIELD_UINT("nofile", OPTIONAL, struct fleet_spawn, nofile),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t command_fields[] = {
	ARGV_FIELD("start", NEEDED, struct fleet_command, start),
	ARGV_FIELD("stop", NEEDED, struct fleet_command, stop),
	ARGV_FIELD("status", NEEDED, struct fleet_command, status),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t instance_fields[] = {
	NAME_FIELD("name", NEEDED, struct fleet_instance, name),
	PATH_FIELD("host", OPTIONAL, struct fleet_instance, host),
	PATH_FIELD("config", NEEDED, struct fleet_instance, config),
	NAME_FIELD("lane", OPTIONAL, struct fleet_instance, lane),
	PATH_FIELD("link", OPTIONAL, struct fleet_instance, link),
	CYAML_FIELD_MAPPING_PTR("spawn", OPTIONAL, struct fleet_instance,
		spawn, spawn_fields),
	CYAML_FIELD_MAPPING_PTR("command", OPTIONAL, struct fleet_instance,
		command, command_fields),
	PATH_FIELD("unit", OPTIONAL, struct fleet_instance, unit),
	CYAML_FIELD_ENUM("manager", WORD, struct fleet_instance, manager,
		manager_words, CYAML_ARRAY_LEN(manager_words)),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t instance_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct fleet_instance,
		instance_fields),
};

static const cyaml_schema_field_t artifact_fields[] = {
	PATH_FIELD("file", OPTIONAL, struct fleet_artifact, file),
	PATH_FIELD("url", OPTIONAL, struct fleet_artifact, url),
	PATH_FIELD("feed", OPTIONAL, struct fleet_artifact, feed),
	PATH_FIELD("sha256", OPTIONAL, struct fleet_artifact, sha256),
	NAME_FIELD("platform", OPTIONAL, struct fleet_artifact, platform),
	PATH_FIELD("signature", OPTIONAL, struct fleet_artifact, signature),
	PATH_FIELD("keyring", OPTIONAL, struct fleet_artifact, keyring),
	CYAML_FIELD_ENUM("signed", WORD, struct fleet_artifact, is_signed,
		signed_words, CYAML_ARRAY_LEN(signed_words)),
	PATH_FIELD("ca", OPTIONAL, struct fleet_artifact, ca),
	PATH_FIELD("proxy", OPTIONAL, struct fleet_artifact, proxy),
	PATH_FIELD("cache_dir", OPTIONAL, struct fleet_artifact, cache_dir),
	CYAML_FIELD_UINT("stall", OPTIONAL, struct fleet_artifact, stall),
	CYAML_FIELD_UINT("tries", OPTIONAL, struct fleet_artifact, tries),
	CYAML_FIELD_END,
};

/* The limits are members of struct fleet itself: offsets are from there. */
static const cyaml_schema_field_t limit_fields[] = {
	CYAML_FIELD_UINT("lanes", OPTIONAL, struct fleet, lanes_at_once),
	CYAML_FIELD_UINT("keep_versions", OPTIONAL, struct fleet,
		keep_versions),
	CYAML_FIELD_UINT("keep_metadata_days", OPTIONAL, struct fleet,
		keep_metadata_days),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t day = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 3, 3),
};

static const cyaml_schema_field_t window_fields[] = {
	NAME_FIELD("from", NEEDED, struct fleet_window, from),
	NAME_FIELD("until", NEEDED, struct fleet_window, until),
	CYAML_FIELD_SEQUENCE_COUNT("days", CYAML_FLAG_POINTER | OPTIONAL,
		struct fleet_window, days.item, days.count, &day, 1, 7),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t timeout_fields[] = {
	SECONDS_FIELD(pause),
	SECONDS_FIELD(stop),
	SECONDS_FIELD(start),
	SECONDS_FIELD(resume),
	SECONDS_FIELD(save),
	SECONDS_FIELD(deliver),
	SECONDS_FIELD(movement),
	SECONDS_FIELD(idle),
	SECONDS_FIELD(api),
	SECONDS_FIELD(pause_quiet),
	SECONDS_FIELD(start_quiet),
	SECONDS_FIELD(resume_quiet),
	SECONDS_FIELD(reach),
	SECONDS_FIELD(kill_after),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t fleet_fields[] = {
	NAME_FIELD("name", NEEDED, struct fleet, name),
	NAME_FIELD("procedure", OPTIONAL, struct fleet, procedure),
	NAME_FIELD("version", NEEDED, struct fleet, version),
	CYAML_FIELD_MAPPING("artifact", NEEDED, struct fleet, artifact,
		artifact_fields),
	PATH_FIELD("install_root", NEEDED, struct fleet, install_root),
	PATH_FIELD("state_dir", OPTIONAL, struct fleet, state_dir),
	PATH_FIELD("link", OPTIONAL, struct fleet, link),
	PATH_FIELD("compat", OPTIONAL, struct fleet, compat),
	CYAML_FIELD_ENUM("on_failure", WORD, struct fleet, on_failure,
		failure_words, CYAML_ARRAY_LEN(failure_words)),
	CYAML_FIELD_ENUM("pause", WORD, struct fleet, pause, pause_words,
		CYAML_ARRAY_LEN(pause_words)),
	CYAML_FIELD_ENUM("lane_complete", WORD, struct fleet, lane_complete,
		complete_words, CYAML_ARRAY_LEN(complete_words)),
	CYAML_FIELD_UINT("oplog_window", OPTIONAL, struct fleet, oplog_window),
	CYAML_FIELD_UINT("turn_back_at", OPTIONAL, struct fleet, turn_back_at),
	CYAML_FIELD_MAPPING_PTR("window", OPTIONAL, struct fleet, window,
		window_fields),
	ARGV_FIELD("notify", OPTIONAL, struct fleet, notify),
	{
		.key = "limits",
		.data_offset = 0,
		.value = {
			CYAML_VALUE_MAPPING(OPTIONAL, struct fleet,
				limit_fields),
		},
	},
	CYAML_FIELD_MAPPING("timeouts", OPTIONAL, struct fleet, timeouts,
		timeout_fields),
	CYAML_FIELD_SEQUENCE_COUNT("instances", CYAML_FLAG_POINTER,
		struct fleet, instance, instance_count, &instance_value, 1,
		FLEET_INSTANCES_MAX),
	CYAML_FIELD_END,
};

const cyaml_schema_value_t fleet_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct fleet, fleet_fields),
};

/* clang-format on */

static const char *word_of(
	const cyaml_strval_t *words, size_t count, int64_t value)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (words[i].val == value)
			return words[i].str;
	}
	return NULL;
}

const char *fleet_failure_word(enum fleet_failure failure)
{
	return word_of(failure_words, CYAML_ARRAY_LEN(failure_words), failure);
}

const char *fleet_pause_word(enum fleet_pause pause)
{
	return word_of(pause_words, CYAML_ARRAY_LEN(pause_words), pause);
}

const char *fleet_complete_word(enum fleet_complete complete)
{
	return word_of(
		complete_words, CYAML_ARRAY_LEN(complete_words), complete);
}

const char *fleet_signed_word(enum fleet_signed is_signed)
{
	return word_of(signed_words, CYAML_ARRAY_LEN(signed_words), is_signed);
}

const char *fleet_manager_word(enum fleet_manager manager)
{
	return word_of(manager_words, CYAML_ARRAY_LEN(manager_words), manager);
}
