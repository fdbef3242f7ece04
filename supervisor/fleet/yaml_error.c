#include "supervisor/fleet/yaml_error.h"

#include <stdio.h>
#include <string.h>

static const char *after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) ? NULL : text + len;
}

static void add_place(struct yaml_error *error, const char *line)
{
	struct yaml_error_place place = {0};
	const char *at = strstr(line, "(line: ");

	if (sscanf(line, " in mapping field '%47[^']'", place.key) == 1)
		;
	else if (sscanf(line, " in sequence entry '%u'", &place.entry) == 1)
		place.is_entry = true;
	if (at)
		(void)sscanf(at, "(line: %zu", &place.line);
	if (error->depth < YAML_ERROR_DEPTH)
		error->place[error->depth++] = place;
}

void yaml_error_log(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
	struct yaml_error *error = ctx;
	char line[sizeof(error->cause)];

	if (level != CYAML_LOG_ERROR)
		return;
	(void)vsnprintf(line, sizeof(line), fmt, args);
	line[strcspn(line, "\n")] = '\0';
	if (after(line, "  in "))
		add_place(error, line);
	else if (!error->cause[0] && !after(line, "Load: Backtrace"))
		memcpy(error->cause, line, sizeof(line));
}

/* "instances[1].name"; places are innermost first. */
static void write_path(const struct yaml_error *error, char *ret, size_t size)
{
	size_t len = 0;
	unsigned i = error->depth;

	ret[0] = '\0';
	while (i-- && len < size) {
		const struct yaml_error_place *place = &error->place[i];
		int n = 0;

		if (place->is_entry)
			n = snprintf(
				ret + len, size - len, "[%u]", place->entry);
		else if (place->key[0])
			n = snprintf(ret + len, size - len, "%s%s",
				len ? "." : "", place->key);
		len += n > 0 ? (size_t)n : 0;
	}
}

static const cyaml_schema_value_t *find_schema(
	const struct yaml_error *error, const cyaml_schema_value_t *schema)
{
	unsigned i = error->depth;

	while (schema && i--) {
		const struct yaml_error_place *place = &error->place[i];
		const cyaml_schema_field_t *field;

		if (place->is_entry) {
			if (schema->type != CYAML_SEQUENCE)
				return NULL;
			schema = schema->sequence.entry;
			continue;
		}
		if (!place->key[0])
			continue;
		if (schema->type != CYAML_MAPPING)
			return NULL;
		field = schema->mapping.fields;
		while (field->key && strcmp(field->key, place->key))
			field++;
		schema = field->key ? &field->value : NULL;
	}
	return schema;
}

static void write_words(
	const cyaml_schema_value_t *schema, char *ret, size_t size)
{
	size_t len = 0;
	uint32_t i;

	ret[0] = '\0';
	if (!schema || schema->type != CYAML_ENUM)
		return;
	for (i = 0; i < schema->enumeration.count && len < size; i++) {
		int n = snprintf(ret + len, size - len, "%s%s", i ? ", " : "",
			schema->enumeration.strings[i].str);

		len += n > 0 ? (size_t)n : 0;
	}
}

/* A forgotten space or colon can make a connection string a key. */
static bool looks_like_key(const char *key)
{
	size_t len = strspn(key, "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

	return len > 0 && len <= 40 && !key[len];
}

static const char *type_words(const cyaml_schema_value_t *schema)
{
	if (!schema)
		return "of another kind";
	switch (schema->type) {
	case CYAML_MAPPING:
		return "a mapping (key: value)";
	case CYAML_SEQUENCE:
		return "a list";
	default:
		return "one single value";
	}
}

struct sentence { /* what the parts of a message are made from */
	const char *file, *path, *rest;
	size_t line;
	const cyaml_schema_value_t *schema;
};

static bool say_key(const struct sentence *s, const char *what, struct err *err)
{
	const char *in = *s->path ? " in " : "";

	if (!looks_like_key(s->rest))
		return yaml_refuse_at(
			s->file, s->line, err, "%s key%s%s", what, in, s->path);
	return yaml_refuse_at(s->file, s->line, err, "%s key \"%s\"%s%s", what,
		s->rest, in, s->path);
}

static bool say_must(
	const struct sentence *s, const char *must, struct err *err)
{
	return yaml_refuse_at(s->file, s->line, err, "%s must be %s",
		*s->path ? s->path : "the file", must);
}

static bool say_words(const struct sentence *s, struct err *err)
{
	char words[160];
	char must[sizeof(words) + 16];

	write_words(s->schema, words, sizeof(words));
	(void)snprintf(must, sizeof(must), "one of %s", words);
	return say_must(s, must, err);
}

bool yaml_error_set(const struct yaml_error *error, cyaml_err_t code,
	const char *file, const cyaml_schema_value_t *schema, struct err *err)
{
	char path[YAML_PATH_MAX];
	const char *cause = error->cause;
	struct sentence s = {.file = file, .path = path};
	unsigned limit;

	if (code == CYAML_ERR_OOM)
		return err_set(err, ERR_BUG, "reading %s: out of memory", file);
	write_path(error, path, sizeof(path));
	s.schema = find_schema(error, schema);
	s.line = error->depth ? error->place[0].line : 1;

	if ((s.rest = after(cause, "Load: Unexpected key: ")))
		return say_key(&s, "unknown", err);
	if ((s.rest = after(cause, "Load: Missing required mapping field: ")))
		return say_key(&s, "missing", err);
	if (after(cause, "Load: Mapping field already seen: "))
		return yaml_refuse_at(
			file, s.line, err, "%s is there twice", path);
	if (after(cause, "Load: Invalid ENUM value: "))
		return say_words(&s, err);
	if (after(cause, "Load: Invalid UINT value: ") ||
		after(cause, "Load: Invalid uint64_t value: "))
		return say_must(&s, "a whole number in its range", err);
	if (after(cause, "Load: Expecting "))
		return say_must(&s, type_words(s.schema), err);
	if (after(cause, "Load: STRING length < "))
		return yaml_refuse_at(
			file, s.line, err, "%s must not be empty", path);
	if (sscanf(cause, "Load: STRING length > %u", &limit) == 1)
		return yaml_refuse_at(file, s.line, err,
			"%s is longer than %u bytes", path, limit);
	if (sscanf(cause, "Load: Excessive entries (%u max)", &limit) == 1)
		return yaml_refuse_at(file, s.line, err,
			"%s has more than %u entries", path, limit);
	if (after(cause, "Load: Insufficient entries "))
		return yaml_refuse_at(
			file, s.line, err, "%s must not be empty", path);
	if (code == CYAML_ERR_ALIAS)
		return yaml_refuse_at(file, s.line, err,
			"aliases (*name) are not supported here");
	return yaml_refuse_at(file, s.line, err, "%s%s%s", path,
		*path ? ": " : "", cyaml_strerror(code));
}

bool yaml_load(const struct yaml_text *yaml, const cyaml_schema_value_t *schema,
	cyaml_cfg_flags_t flags, void **ret_data, struct err *err)
{
	struct yaml_error error = {0};
	const cyaml_config_t config = {
		.log_fn = yaml_error_log,
		.log_ctx = &error,
		.log_level = CYAML_LOG_ERROR,
		.mem_fn = cyaml_mem,
		.flags = flags,
	};
	cyaml_data_t *data = NULL;
	cyaml_err_t code = cyaml_load_data((const uint8_t *)yaml->text,
		yaml->len, &config, schema, &data, NULL);

	if (code != CYAML_OK)
		return yaml_error_set(&error, code, yaml->file, schema, err);
	*ret_data = data;
	return true;
}
