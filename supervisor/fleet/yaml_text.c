#include "supervisor/fleet/yaml_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A long path would push the reason out of the message: its end is kept. */
#define FILE_SHOWN 160u
#define DEPTH_MAX 100u

static bool refuse(const char *file, size_t line, const char *path,
	struct err *err, const char *fmt, va_list args)
{
	char what[300];
	size_t len = strlen(file);
	const char *dots = len > FILE_SHOWN ? "..." : "";

	(void)vsnprintf(what, sizeof(what), fmt, args);
	if (len > FILE_SHOWN)
		file += len - FILE_SHOWN;
	if (line)
		return err_set(err, ERR_CONFIG, "%s%s:%zu: %s%s%s", dots, file,
			line, path, *path ? " " : "", what);
	return err_set(err, ERR_CONFIG, "%s%s: %s%s%s", dots, file, path,
		*path ? " " : "", what);
}

bool yaml_refuse_at(
	const char *file, size_t line, struct err *err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)refuse(file, line, "", err, fmt, args);
	va_end(args);
	return false;
}

bool yaml_text_refuse(struct yaml_text *yaml, struct err *err, const char *path,
	const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)refuse(
		yaml->file, yaml_text_line(yaml, path), path, err, fmt, args);
	va_end(args);
	return false;
}

/* libyaml's texts are constant: they never quote the file.  It does not always
 * say that it had no memory, but then it has no text either. */
static bool refuse_syntax(const struct yaml_text *yaml,
	const yaml_parser_t *parser, struct err *err)
{
	if (parser->error == YAML_MEMORY_ERROR || !parser->problem)
		return err_set(err, ERR_MEMORY, "reading %s: out of memory",
			yaml->file);
	return yaml_refuse_at(yaml->file, parser->problem_mark.line + 1, err,
		"not YAML: %s", parser->problem);
}

static bool load_document(
	struct yaml_text *yaml, yaml_parser_t *parser, struct err *err)
{
	yaml_document_t next;
	bool is_alone;

	if (!yaml_parser_load(parser, &yaml->document))
		return refuse_syntax(yaml, parser, err);
	yaml->is_open = true;
	if (!yaml_document_get_root_node(&yaml->document))
		return yaml_refuse_at(yaml->file, 0, err, "the file is empty");
	if (!yaml_parser_load(parser, &next))
		return refuse_syntax(yaml, parser, err);
	is_alone = !yaml_document_get_root_node(&next);
	yaml_document_delete(&next);
	if (!is_alone)
		return yaml_refuse_at(yaml->file, 0, err,
			"the file holds more than one document (\"---\")");
	return true;
}

/* libyaml looks at every open bracket for every token.  Brackets in comments
 * and strings count too: nobody has so many of them unclosed. */
static bool check_depth(
	const char *file, const char *text, size_t len, struct err *err)
{
	size_t i, line = 1, depth = 0;

	for (i = 0; i < len; i++) {
		line += text[i] == '\n';
		if (text[i] == '[' || text[i] == '{')
			depth++;
		else if (depth && (text[i] == ']' || text[i] == '}'))
			depth--;
		if (depth > DEPTH_MAX)
			return yaml_refuse_at(file, line, err,
				"more than %u open brackets", DEPTH_MAX);
	}
	return true;
}

bool yaml_text_open(struct yaml_text *yaml, const char *file, const char *text,
	size_t len, struct err *err)
{
	memset(yaml, 0, sizeof(*yaml));
	return check_depth(file, text, len, err) &&
	       yaml_text_open_json(yaml, file, text, len, err);
}

bool yaml_text_open_json(struct yaml_text *yaml, const char *file,
	const char *text, size_t len, struct err *err)
{
	yaml_parser_t parser;
	bool ok;

	memset(yaml, 0, sizeof(*yaml));
	yaml->file = file;
	yaml->text = text;
	yaml->len = len;
	if (!yaml_parser_initialize(&parser))
		return err_set(
			err, ERR_MEMORY, "reading %s: out of memory", file);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	ok = load_document(yaml, &parser, err);
	yaml_parser_delete(&parser);
	if (!ok)
		yaml_text_done(yaml);
	return ok;
}

void yaml_text_done(struct yaml_text *yaml)
{
	if (yaml->is_open)
		yaml_document_delete(&yaml->document);
	yaml->is_open = false;
}

static yaml_node_t *find_key(yaml_document_t *document, yaml_node_t *node,
	const char *key, size_t len)
{
	yaml_node_pair_t *pair;

	if (node->type != YAML_MAPPING_NODE)
		return NULL;
	for (pair = node->data.mapping.pairs.start;
		pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *name = yaml_document_get_node(document, pair->key);

		if (name && name->type == YAML_SCALAR_NODE &&
			name->data.scalar.length == len &&
			!memcmp(name->data.scalar.value, key, len))
			return yaml_document_get_node(document, pair->value);
	}
	return NULL;
}

static yaml_node_t *find_entry(
	yaml_document_t *document, yaml_node_t *node, size_t index)
{
	yaml_node_item_t *start;

	if (node->type != YAML_SEQUENCE_NODE)
		return NULL;
	start = node->data.sequence.items.start;
	if (index >= (size_t)(node->data.sequence.items.top - start))
		return NULL;
	return yaml_document_get_node(document, start[index]);
}

/* The node of the path; *ret_nearest gets the last one on the way to it. */
static yaml_node_t *walk(
	struct yaml_text *yaml, const char *path, yaml_node_t **ret_nearest)
{
	yaml_node_t *node = yaml_document_get_root_node(&yaml->document);

	*ret_nearest = node;
	while (node && *path) {
		if (*path == '[') {
			char *end;
			size_t index = strtoul(path + 1, &end, 10);

			node = find_entry(&yaml->document, node, index);
			path = *end == ']' ? end + 1 : "";
		} else {
			size_t len;

			path += *path == '.';
			len = strcspn(path, ".[");
			node = find_key(&yaml->document, node, path, len);
			path += len;
		}
		if (node)
			*ret_nearest = node;
	}
	return node;
}

yaml_node_t *yaml_text_find(struct yaml_text *yaml, const char *path)
{
	yaml_node_t *nearest;

	return walk(yaml, path, &nearest);
}

size_t yaml_text_line(struct yaml_text *yaml, const char *path)
{
	yaml_node_t *nearest;

	(void)walk(yaml, path, &nearest);
	return nearest ? nearest->start_mark.line + 1 : 0;
}

bool yaml_text_each(
	struct yaml_text *yaml, yaml_scalar_fn *fn, void *arg, struct err *err)
{
	yaml_node_t *node;

	for (node = yaml->document.nodes.start; node < yaml->document.nodes.top;
		node++) {
		if (node->type == YAML_SCALAR_NODE &&
			!fn(arg, node->start_mark.line + 1,
				(const char *)node->data.scalar.value,
				node->data.scalar.length, err))
			return false;
	}
	return true;
}

bool yaml_text_number(struct yaml_text *yaml, const char *path, uint64_t least,
	uint64_t most, uint64_t *number, struct err *err)
{
	yaml_node_t *node = yaml_text_find(yaml, path);
	const char *text;
	uint64_t value = 0;
	size_t i;

	if (!node)
		return true;
	if (node->type != YAML_SCALAR_NODE || !node->data.scalar.length)
		goto refuse;
	text = (const char *)node->data.scalar.value;
	for (i = 0; i < node->data.scalar.length; i++) {
		if (text[i] < '0' || text[i] > '9' || i >= 18)
			goto refuse;
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	/* YAML 1.1 and libcyaml would take 010 for eight. */
	if ((text[0] == '0' && text[1]) || value < least || value > most)
		goto refuse;
	*number = value;
	return true;
refuse:
	return yaml_text_refuse(yaml, err, path,
		"must be a whole number from %ju to %ju", (uintmax_t)least,
		(uintmax_t)most);
}
