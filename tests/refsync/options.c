/*
 * options.c - see options.h.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "state/cleanup.h"
#include "tests/refsync/options.h"
#include "tests/refsync/version.h"

enum option_type { OPTION_TEXT, OPTION_NUMBER, OPTION_SWITCH };

static const struct option_kind {
	const char *name;
	enum option_type type;
	int since; /* minor version */
	bool flag_only;
	size_t offset;
	const char *help;
} kinds[] = {
	{"cluster0", OPTION_TEXT, 0, false,
		offsetof(struct options, cluster[0]), "URI of one cluster"},
	{"cluster1", OPTION_TEXT, 0, false,
		offsetof(struct options, cluster[1]), "URI of the other"},
	{"config", OPTION_TEXT, 0, true, offsetof(struct options, config),
		"YAML file with these options"},
	{"port", OPTION_NUMBER, 0, false, offsetof(struct options, port),
		"port of the HTTP API"},
	{"logPath", OPTION_TEXT, 0, false, offsetof(struct options, log_path),
		"directory of mongosync.log"},
	{"verbosity", OPTION_TEXT, 0, false,
		offsetof(struct options, verbosity), "least level logged"},
	{"id", OPTION_TEXT, 0, false, offsetof(struct options, id),
		"name of this instance"},
	{"loadLevel", OPTION_NUMBER, 4, false,
		offsetof(struct options, load_level), "1 to 4"},
	{"disableTelemetry", OPTION_SWITCH, 4, false,
		offsetof(struct options, disable_telemetry), "no effect"},
	{"acceptDisclaimer", OPTION_SWITCH, 9, false,
		offsetof(struct options, accept_disclaimer),
		"do not ask on standard input"},
	{"disableVerification", OPTION_SWITCH, 10, false,
		offsetof(struct options, disable_verification), "no effect"},
	{"disableMetricsLogging", OPTION_SWITCH, 16, false,
		offsetof(struct options, disable_metrics), "no effect"},
	{"metricsLoggingFilepath", OPTION_TEXT, 16, false,
		offsetof(struct options, metrics_path), "no effect"},
	{"hotDocIDs", OPTION_TEXT, 18, false, offsetof(struct options, hot_ids),
		"no effect"},
	{"createIndexesBatchSize", OPTION_NUMBER, 19, false,
		offsetof(struct options, index_batch), "no effect"},
	{"enableCappedCollectionHandling", OPTION_SWITCH, 20, false,
		offsetof(struct options, capped), "no effect"},
	{"version", OPTION_SWITCH, 0, true, offsetof(struct options, version),
		"print the version"},
	{"help", OPTION_SWITCH, 0, true, offsetof(struct options, help),
		"print this"},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct option_kind *find_kind(const char *name, size_t len)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strlen(kinds[i].name) == len &&
			!strncmp(kinds[i].name, name, len) &&
			version_has(kinds[i].since))
			return &kinds[i];
	return NULL;
}

static void *field(struct options *options, const struct option_kind *kind)
{
	return (char *)options + kind->offset;
}

static bool set_option(struct options *options, const struct option_kind *kind,
	const char *value, struct err *err)
{
	char *end, *copy;
	long number;

	switch (kind->type) {
	case OPTION_TEXT:
		copy = strdup(value);
		if (!copy)
			return err_set(err, ERR_BUG, "out of memory");
		free(*(char **)field(options, kind));
		*(char **)field(options, kind) = copy;
		return true;
	case OPTION_NUMBER:
		number = strtol(value, &end, 10);
		if (!*value || *end || number < 0 || number > 65535)
			return err_set(err, ERR_USAGE, "%s wants a number",
				kind->name);
		*(long *)field(options, kind) = number;
		return true;
	case OPTION_SWITCH:
		if (strcmp(value, "true") && strcmp(value, "false"))
			return err_set(err, ERR_USAGE, "%s wants true or false",
				kind->name);
		*(bool *)field(options, kind) = !strcmp(value, "true");
		return true;
	}
	return err_set(err, ERR_BUG, "%s has no type", kind->name);
}

/* One "key: value" pair per call; only scalars are options. */
static bool set_pair(struct options *options, const yaml_node_t *key,
	const yaml_node_t *value, struct err *err)
{
	const struct option_kind *kind;

	if (key->type != YAML_SCALAR_NODE)
		return err_set(err, ERR_CONFIG, "config file is not flat");
	kind = find_kind(
		(const char *)key->data.scalar.value, key->data.scalar.length);
	if (!kind || kind->flag_only)
		return err_set(err, ERR_CONFIG,
			"unknown option in config: %.40s",
			(const char *)key->data.scalar.value);
	if (value->type != YAML_SCALAR_NODE)
		return err_set(
			err, ERR_CONFIG, "%s is not a plain value", kind->name);
	return set_option(
		options, kind, (const char *)value->data.scalar.value, err);
}

static bool set_document(
	struct options *options, yaml_document_t *document, struct err *err)
{
	yaml_node_t *root = yaml_document_get_root_node(document);

	if (!root)
		return true;
	if (root->type != YAML_MAPPING_NODE)
		return err_set(err, ERR_CONFIG, "config file is not a mapping");
	for (yaml_node_pair_t *pair = root->data.mapping.pairs.start;
		pair < root->data.mapping.pairs.top; pair++)
		if (!set_pair(options,
			    yaml_document_get_node(document, pair->key),
			    yaml_document_get_node(document, pair->value), err))
			return false;
	return true;
}

static bool read_config(
	const char *path, struct options *options, struct err *err)
{
	yaml_parser_t parser;
	yaml_document_t document;
	FILE *file = fopen(path, "re");
	bool ok;

	if (!file)
		return err_set(err, ERR_CONFIG, "cannot open the config file");
	if (!yaml_parser_initialize(&parser)) {
		(void)fclose(file);
		return err_set(err, ERR_BUG, "out of memory");
	}
	yaml_parser_set_input_file(&parser, file);
	if (yaml_parser_load(&parser, &document)) {
		ok = set_document(options, &document, err);
		yaml_document_delete(&document);
	} else {
		ok = err_set(err, ERR_CONFIG, "config file, line %zu: bad YAML",
			parser.problem_mark.line + 1);
	}
	yaml_parser_delete(&parser);
	(void)fclose(file);
	return ok;
}

/* Takes "--name=value", "--name value", and a bare "--name" of a switch. */
static bool set_flag(
	struct options *options, int argc, char **argv, int *i, struct err *err)
{
	const char *name = argv[*i], *equals;
	const struct option_kind *kind;
	const char *value;

	if (!strcmp(name, "-v"))
		name = "--version";
	if (!strcmp(name, "-h"))
		name = "--help";
	if (strncmp(name, "--", 2) != 0)
		return err_set(err, ERR_USAGE, "unexpected argument");
	name += 2;
	equals = strchr(name, '=');
	kind = find_kind(name, equals ? (size_t)(equals - name) : strlen(name));
	if (!kind)
		return err_set(err, ERR_USAGE, "unknown flag: --%.*s",
			equals ? (int)(equals - name) : 40, name);
	if (equals)
		value = equals + 1;
	else if (kind->type == OPTION_SWITCH)
		value = "true";
	else if (*i + 1 < argc)
		value = argv[++*i];
	else
		return err_set(
			err, ERR_USAGE, "--%s wants a value", kind->name);
	return set_option(options, kind, value, err);
}

static bool set_flags(
	struct options *options, int argc, char **argv, struct err *err)
{
	for (int i = 1; i < argc; i++)
		if (!set_flag(options, argc, argv, &i, err))
			return false;
	return true;
}

/* What a connection string must not say, from which version on. */
static const struct uri_rule {
	const char *option, *only; /* only: NULL, nothing is taken */
	int since[2]; /* of the source, of the destination: minor version */
	const char *error;
} uri_rules[] = {
	{"socketTimeoutMS", NULL, {10, 10},
		"Invalid URI option, socketTimeoutMS is not supported"},
	{"readPreference", "primary", {8, 8},
		"Invalid URI option, read preference must be primary"},
	{"readConcernLevel", "majority", {0, 0},
		"Invalid URI option, read concern must be majority"},
	{"w", "majority", {0, 0},
		"Invalid URI option, write concern must be majority"},
};

/* at: "option=value&...". */
static bool breaks_rule(const char *at, const struct uri_rule *rule)
{
	size_t len = strcspn(at, "&"), name = strcspn(at, "=&");
	const char *value = at + name + 1;

	if (strlen(rule->option) != name ||
		strncasecmp(at, rule->option, name) != 0)
		return false;
	return !rule->only || name >= len ||
	       strlen(rule->only) != len - name - 1 ||
	       strncasecmp(value, rule->only, len - name - 1) != 0;
}

static bool check_uri(const char *uri, int side, struct err *err)
{
	const char *scheme = strstr(uri, "://");
	const char *at = scheme ? strchr(scheme, '?') : NULL;

	for (; at; at = strchr(at, '&')) {
		at++;
		for (size_t i = 0; i < sizeof(uri_rules) / sizeof(uri_rules[0]);
			i++)
			if (version_has(uri_rules[i].since[side]) &&
				breaks_rule(at, &uri_rules[i]))
				return err_set(err, ERR_CONFIG, "%s",
					uri_rules[i].error);
	}
	return true;
}

bool options_parse(
	int argc, char **argv, struct options *ret_options, struct err *err)
{
	struct options options = {.port = 27182, .load_level = 3};

	if (!set_flags(&options, argc, argv, err))
		goto fail;
	if (options.version || options.help)
		goto out;
	if (options.config) {
		if (!read_config(options.config, &options, err))
			goto fail;
		/* once more, because a flag beats the file */
		if (!set_flags(&options, argc, argv, err))
			goto fail;
	}
	if (!options.cluster[0] || !options.cluster[1]) {
		(void)err_set(err, ERR_USAGE,
			"required flag(s) \"cluster0\", \"cluster1\" not set");
		goto fail;
	}
	for (int side = 0; side < 2; side++)
		if (!check_uri(options.cluster[side], side, err))
			goto fail;
	if (options.load_level < 1 || options.load_level > 4) {
		(void)err_set(err, ERR_USAGE, "loadLevel is 1 to 4");
		goto fail;
	}
out:
	*ret_options = options;
	return true;
fail:
	options_done(&options);
	return false;
}

void options_done(struct options *options)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (kinds[i].type != OPTION_TEXT)
			continue;
		free(*(char **)field(options, &kinds[i]));
		*(char **)field(options, &kinds[i]) = NULL;
	}
}

void options_print_help(void)
{
	printf("Usage: mongosync [flags]\n\nFlags:\n");
	for (size_t i = 0; i < KINDS; i++)
		if (version_has(kinds[i].since))
			printf("  --%-31s %s\n", kinds[i].name, kinds[i].help);
}

const char *options_id(const struct options *options)
{
	return options->id ? options->id : "coordinator";
}
