#include "supervisor/fleet/instance.h"

#include <ctype.h>
#include <cyaml/cyaml.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "supervisor/fleet/yaml_error.h"

#define INSTANCE_FILE_MAX (1u << 20)
#define URI_MAX 65536u
#define PORT_DEFAULT 27182u

struct keys { /* the file's, as libcyaml fills them in */
	char *cluster0, *cluster1, *id, *log_path;
	uint16_t *port;
	bool *accept_disclaimer;
};

/* libcyaml's own booleans take any word for true. */
static const cyaml_strval_t bool_words[] = {
	{"true", true},
	{"false", false},
	{"yes", true},
	{"no", false},
	{"on", true},
	{"off", false},
};

#define MAYBE (CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER_NULL_STR)

/* clang-format off */

static const cyaml_schema_field_t fields[] = {
	CYAML_FIELD_STRING_PTR("cluster0", CYAML_FLAG_POINTER, struct keys,
		cluster0, 1, URI_MAX),
	CYAML_FIELD_STRING_PTR("cluster1", CYAML_FLAG_POINTER, struct keys,
		cluster1, 1, URI_MAX),
	CYAML_FIELD_STRING_PTR("id", MAYBE, struct keys, id, 0,
		sizeof(((struct instance_config *)NULL)->id) - 1),
	CYAML_FIELD_STRING_PTR("logPath", MAYBE, struct keys, log_path, 0,
		sizeof(((struct instance_config *)NULL)->log_path) - 1),
	CYAML_FIELD_UINT_PTR("port", MAYBE, struct keys, port),
	CYAML_FIELD_ENUM_PTR("acceptDisclaimer", MAYBE | CYAML_FLAG_STRICT |
		CYAML_FLAG_CASE_INSENSITIVE, struct keys, accept_disclaimer,
		bool_words, CYAML_ARRAY_LEN(bool_words)),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct keys, fields),
};

/* clang-format on */

static void wipe_free(char *text, size_t len)
{
	if (text)
		explicit_bzero(text, len);
	free(text);
}

static void wipe_string(char *text)
{
	wipe_free(text, text ? strlen(text) : 0);
}

static void free_keys(struct keys *keys)
{
	if (!keys)
		return;
	wipe_string(keys->cluster0);
	wipe_string(keys->cluster1);
	free(keys->id);
	free(keys->log_path);
	free(keys->port);
	free(keys->accept_disclaimer);
	free(keys);
}

/* Whether the process would take "Port" for port is not documented, and we
 * must not talk to another port than it listens on. */
static bool check_spelling(struct yaml_text *yaml, struct err *err)
{
	yaml_node_t *root = yaml_document_get_root_node(&yaml->document);
	yaml_node_pair_t *pair;

	if (root->type != YAML_MAPPING_NODE)
		return true; /* libcyaml says so */
	for (pair = root->data.mapping.pairs.start;
		pair < root->data.mapping.pairs.top; pair++) {
		yaml_node_t *node =
			yaml_document_get_node(&yaml->document, pair->key);
		const cyaml_schema_field_t *field = fields;
		const char *key;

		if (node->type != YAML_SCALAR_NODE)
			continue;
		key = (const char *)node->data.scalar.value;
		for (; field->key; field++) {
			if (strcmp(key, field->key) &&
				!strcasecmp(key, field->key))
				return yaml_refuse_at(yaml->file,
					node->start_mark.line + 1, err,
					"the key \"%s\" must be written \"%s\"",
					key, field->key);
		}
	}
	return true;
}

/* C0, DEL, and the C1 controls, which terminals obey as well. */
static bool is_control(const char *text)
{
	unsigned char c = (unsigned char)text[0];

	return c < ' ' || c == 0x7f ||
	       (c == 0xc2 && (unsigned char)text[1] < 0xa0);
}

static bool check_uri(struct yaml_text *yaml, const char *key, const char *uri,
	struct err *err)
{
	const char *c;

	/* Which schemes there are is known to whoever connects. */
	if (!isalpha((unsigned char)uri[0]) || !strchr(uri, ':'))
		return yaml_text_refuse(yaml, err, key,
			"must be a connection string, such as mongodb://host");
	for (c = uri; *c; c++) {
		if (*c == ' ' || is_control(c))
			return yaml_text_refuse(yaml, err, key,
				"must not have blanks or control characters");
	}
	return true;
}

static bool check_text(struct yaml_text *yaml, const char *key,
	const char *text, struct err *err)
{
	const char *c;

	for (c = text ? text : ""; *c; c++) {
		if (is_control(c))
			return yaml_text_refuse(yaml, err, key,
				"must not have control characters");
	}
	return true;
}

static bool check_port(struct yaml_text *yaml, struct err *err)
{
	yaml_node_t *node = yaml_text_find(yaml, "port");
	uint64_t port;

	/* A port without a value is the default, as libcyaml reads it. */
	if (node && node->type == YAML_SCALAR_NODE &&
		(!node->data.scalar.length ||
			!strcmp((char *)node->data.scalar.value, "~") ||
			!strcasecmp((char *)node->data.scalar.value, "null")))
		return true;
	return yaml_text_number(yaml, "port", 1, UINT16_MAX, &port, err);
}

/* Fit to be shown, and no secret by any chance. */
static bool is_plain(const char *text, size_t len, size_t size)
{
	return len > 0 && len < size &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == len;
}

static void keep_value(struct instance_key *key, const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;

	if (node->type != YAML_SCALAR_NODE ||
		strncmp(key->name, "cluster", strlen("cluster")) == 0 ||
		!is_plain(text, node->data.scalar.length, sizeof(key->value)))
		return;
	(void)snprintf(key->value, sizeof(key->value), "%s", text);
	for (size_t i = 0; i < CYAML_ARRAY_LEN(bool_words); i++)
		if (strcasecmp(text, bool_words[i].str) == 0)
			(void)snprintf(key->value, sizeof(key->value), "%s",
				bool_words[i].val ? "true" : "false");
}

static void keep_keys(struct yaml_text *yaml, struct instance_config *config)
{
	yaml_node_t *root = yaml_document_get_root_node(&yaml->document);
	yaml_node_pair_t *pair;

	for (pair = root->data.mapping.pairs.start;
		pair < root->data.mapping.pairs.top &&
		config->key_count < INSTANCE_KEYS_MAX;
		pair++) {
		const yaml_node_t *name =
			yaml_document_get_node(&yaml->document, pair->key);
		struct instance_key *key = &config->key[config->key_count];

		if (name->type != YAML_SCALAR_NODE ||
			!is_plain((const char *)name->data.scalar.value,
				name->data.scalar.length, sizeof(key->name)))
			continue;
		(void)snprintf(key->name, sizeof(key->name), "%s",
			(const char *)name->data.scalar.value);
		keep_value(key,
			yaml_document_get_node(&yaml->document, pair->value));
		config->key_count++;
	}
}

static bool read_keys(
	struct yaml_text *yaml, struct keys **ret_keys, struct err *err)
{
	void *loaded = NULL;
	struct keys *keys;

	if (!check_spelling(yaml, err) || !check_port(yaml, err) ||
		!yaml_load(yaml, &schema, CYAML_CFG_IGNORE_UNKNOWN_KEYS,
			&loaded, err))
		return false;
	keys = loaded;
	if (check_uri(yaml, "cluster0", keys->cluster0, err) &&
		check_uri(yaml, "cluster1", keys->cluster1, err) &&
		check_text(yaml, "id", keys->id, err) &&
		check_text(yaml, "logPath", keys->log_path, err)) {
		*ret_keys = keys;
		return true;
	}
	free_keys(keys);
	return false;
}

static void fill_config(struct instance_config *config, const struct keys *keys)
{
	memset(config, 0, sizeof(*config));
	config->port = keys->port ? *keys->port : PORT_DEFAULT;
	if (keys->id)
		(void)snprintf(config->id, sizeof(config->id), "%s", keys->id);
	if (keys->log_path)
		(void)snprintf(config->log_path, sizeof(config->log_path), "%s",
			keys->log_path);
	config->accept_disclaimer =
		keys->accept_disclaimer && *keys->accept_disclaimer;
	secret_set(&config->source, keys->cluster0);
	secret_set(&config->destination, keys->cluster1);
	scrub_add_uri(keys->cluster0);
	scrub_add_uri(keys->cluster1);
}

bool instance_config_read(const char *file, const char *data, size_t len,
	struct instance_config *ret_config, struct err *err)
{
	struct yaml_text yaml;
	struct keys *keys = NULL;
	bool ok;

	memset(ret_config, 0, sizeof(*ret_config));
	ok = yaml_text_open(&yaml, file, data, len, err);
	if (ok) {
		ok = read_keys(&yaml, &keys, err);
		if (ok) {
			fill_config(ret_config, keys);
			keep_keys(&yaml, ret_config);
		}
		yaml_text_done(&yaml);
	}
	free_keys(keys);
	return ok;
}

bool instance_config_load(
	const char *path, struct instance_config *ret_config, struct err *err)
{
	struct err why = {0};
	char *data = NULL;
	size_t len;
	bool ok;

	memset(ret_config, 0, sizeof(*ret_config));
	if (!atomic_file_read(path, INSTANCE_FILE_MAX, &data, &len, &why))
		return err_set(err,
			why.code == ERR_MEMORY ? ERR_MEMORY : ERR_CONFIG,
			"instance's config: %s", why.msg);
	ok = instance_config_read(path, data, len, ret_config, err);
	wipe_free(data, len);
	return ok;
}

void instance_config_done(struct instance_config *config)
{
	if (!config)
		return;
	secret_done(&config->source);
	secret_done(&config->destination);
}
