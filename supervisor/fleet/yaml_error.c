#include "supervisor/fleet/yaml_error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/memory.h"

static const char *after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) ? NULL : text + len;
}

static void add_place(struct yaml_error *error, const char *line)
{
	struct yaml_error_place place = {0};

	if (sscanf(line, " in mapping field '%47[^']'", place.key) == 1)
		;
	else if (sscanf(line, " in sequence entry '%u'", &place.entry) == 1)
		place.is_entry = true;
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

		if (place->is_entry && place->entry)
			n = snprintf(ret + len, size - len, "[%u]",
				place->entry - 1);
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

/* The line of a key that is not in the schema, or is there twice; else 0. */
static size_t find_key_line(struct yaml_text *yaml, const char *mapping,
	const cyaml_schema_value_t *schema, const char *twice)
{
	yaml_node_t *around = yaml_text_find(yaml, mapping);
	yaml_node_pair_t *pair;
	unsigned seen = 0;

	if (!around || around->type != YAML_MAPPING_NODE || !schema ||
		schema->type != CYAML_MAPPING)
		return 0;
	for (pair = around->data.mapping.pairs.start;
		pair < around->data.mapping.pairs.top; pair++) {
		const cyaml_schema_field_t *field = schema->mapping.fields;
		yaml_node_t *node =
			yaml_document_get_node(&yaml->document, pair->key);
		const char *key;

		if (node->type != YAML_SCALAR_NODE)
			return node->start_mark.line + 1;
		key = (const char *)node->data.scalar.value;
		while (field->key && strcmp(field->key, key))
			field++;
		seen += twice && !strcmp(key, twice);
		if (twice ? seen == 2 : !field->key)
			return node->start_mark.line + 1;
	}
	return 0;
}

struct sentence { /* what a message is made from */
	struct yaml_text *yaml;
	char path[YAML_PATH_MAX];
	const cyaml_schema_value_t *schema; /* of the path; or NULL */
	struct err *err;
};

static const char *path_or_file(const struct sentence *s)
{
	return *s->path ? s->path : "the file";
}

static bool say_must(const struct sentence *s, const char *must)
{
	return yaml_refuse_at(s->yaml->file, yaml_text_line(s->yaml, s->path),
		s->err, "%s must be %s", path_or_file(s), must);
}

static bool say_unknown(const struct sentence *s, const char *key)
{
	size_t line = find_key_line(s->yaml, s->path, s->schema, NULL);
	const char *in = *s->path ? " in " : "";

	if (!looks_like_key(key))
		return yaml_refuse_at(s->yaml->file, line, s->err,
			"unknown key%s%s", in, s->path);
	return yaml_refuse_at(s->yaml->file, line, s->err,
		"unknown key \"%s\"%s%s", key, in, s->path);
}

static bool say_missing(const struct sentence *s, const char *key)
{
	return yaml_refuse_at(s->yaml->file, yaml_text_line(s->yaml, s->path),
		s->err, "missing key \"%s\"%s%s", key, *s->path ? " in " : "",
		s->path);
}

static bool say_twice(const struct sentence *s, const char *key)
{
	return yaml_refuse_at(s->yaml->file,
		find_key_line(s->yaml, s->path, s->schema, key), s->err,
		"the key \"%s\"%s%s is there twice", key,
		*s->path ? " in " : "", s->path);
}

static bool say_words(const struct sentence *s)
{
	char words[160];
	char must[sizeof(words) + 16];

	write_words(s->schema, words, sizeof(words));
	(void)snprintf(must, sizeof(must), "one of %s", words);
	return say_must(s, must);
}

static bool say_length(const struct sentence *s, bool is_short, unsigned most,
	const char *unit)
{
	size_t line = yaml_text_line(s->yaml, s->path);

	if (is_short)
		return yaml_refuse_at(s->yaml->file, line, s->err,
			"%s must not be empty", path_or_file(s));
	return yaml_refuse_at(s->yaml->file, line, s->err,
		"%s must not have more than %u %s", path_or_file(s), most,
		unit);
}

/* Some causes are about the mapping or list around the innermost place. */
static void drop_innermost(struct yaml_error *error, bool is_entry)
{
	if (error->depth && error->place[0].is_entry == is_entry &&
		(is_entry || error->place[0].key[0]))
		memmove(error->place, error->place + 1,
			--error->depth * sizeof(*error->place));
}

static void place_sentence(struct sentence *s, const struct yaml_error *error,
	const cyaml_schema_value_t *schema)
{
	write_path(error, s->path, sizeof(s->path));
	s->schema = find_schema(error, schema);
}

bool yaml_error_set(const struct yaml_error *told, cyaml_err_t code,
	struct yaml_text *yaml, const cyaml_schema_value_t *schema,
	struct err *err)
{
	struct yaml_error error = *told;
	const char *cause = error.cause, *rest;
	struct sentence s = {.yaml = yaml, .err = err};
	unsigned most = 0;

	/* libyaml has read this text before: it has only lost its memory. */
	if (code == CYAML_ERR_OOM || code == CYAML_ERR_LIBYAML_PARSER_INIT ||
		code == CYAML_ERR_LIBYAML_PARSER)
		return err_set(err, ERR_MEMORY, "reading %s: out of memory",
			yaml->file);
	if (code == CYAML_ERR_MAPPING_FIELD_MISSING ||
		after(cause, "Load: Mapping field already seen: "))
		drop_innermost(&error, false);
	else if (code == CYAML_ERR_SEQUENCE_ENTRIES_MIN ||
		 code == CYAML_ERR_SEQUENCE_ENTRIES_MAX)
		drop_innermost(&error, true);
	place_sentence(&s, &error, schema);

	if ((rest = after(cause, "Load: Unexpected key: ")))
		return say_unknown(&s, rest);
	if ((rest = after(cause, "Load: Missing required mapping field: ")))
		return say_missing(&s, rest);
	if ((rest = after(cause, "Load: Mapping field already seen: ")))
		return say_twice(&s, rest);
	if (after(cause, "Load: Invalid ENUM value: "))
		return say_words(&s);
	if (after(cause, "Load: Invalid UINT value: ") ||
		after(cause, "Load: Invalid uint64_t value: "))
		return say_must(&s, "a whole number in its range");
	if (after(cause, "Load: Expecting "))
		return say_must(&s, type_words(s.schema));
	if (code == CYAML_ERR_STRING_LENGTH_MIN)
		return say_length(&s, true, 0, "");
	if (sscanf(cause, "Load: STRING length > %u", &most) == 1)
		return say_length(&s, false, most, "bytes");
	if (sscanf(cause, "Load: Excessive entries (%u max)", &most) == 1)
		return say_length(&s, false, most, "entries");
	if (code == CYAML_ERR_SEQUENCE_ENTRIES_MIN)
		return say_length(&s, true, 0, "");
	if (code == CYAML_ERR_ALIAS)
		return yaml_refuse_at(yaml->file, yaml_text_line(yaml, s.path),
			err, "%s: aliases (*name) are not supported here",
			path_or_file(&s));
	if (code == CYAML_ERR_UNEXPECTED_EVENT ||
		code == CYAML_ERR_INTERNAL_ERROR)
		return yaml_refuse_at(yaml->file, yaml_text_line(yaml, s.path),
			err, "%s: near this, a key is not plain text",
			path_or_file(&s));
	return yaml_refuse_at(yaml->file, yaml_text_line(yaml, s.path), err,
		"%s: %s", path_or_file(&s), cyaml_strerror(code));
}

static void *load_memory(void *ctx, void *p, size_t size)
{
	(void)ctx;
	if (size)
		return memory_realloc(p, size);
	free(p);
	return NULL;
}

bool yaml_load(struct yaml_text *yaml, const cyaml_schema_value_t *schema,
	cyaml_cfg_flags_t flags, void **ret_data, struct err *err)
{
	struct yaml_error error = {0};
	const cyaml_config_t config = {
		.log_fn = yaml_error_log,
		.log_ctx = &error,
		.log_level = CYAML_LOG_ERROR,
		.mem_fn = load_memory,
		.flags = flags,
	};
	cyaml_data_t *data = NULL;
	cyaml_err_t code = cyaml_load_data((const uint8_t *)yaml->text,
		yaml->len, &config, schema, &data, NULL);

	if (code != CYAML_OK)
		return yaml_error_set(&error, code, yaml, schema, err);
	*ret_data = data;
	return true;
}
