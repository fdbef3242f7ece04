/*
 * yaml_text.h - a YAML text as a tree that knows its lines.
 *
 * libcyaml fills structs but forgets where a value stood, and reads "10s" as
 * 10.  What is checked after it (fleet.c, instance.c) finds line and spelling
 * here.  A path is written as in messages: "instances[1].spawn.argv[0]".
 */
#ifndef SUPERVISOR_FLEET_YAML_TEXT_H
#define SUPERVISOR_FLEET_YAML_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

#include "state/err.h"

#define YAML_PATH_MAX 128

struct yaml_text {
	const char *file; /* for messages; borrowed */
	const char *text; /* borrowed */
	size_t len;
	yaml_document_t document;
	bool is_open;
};

/* ERR_CONFIG: no YAML, empty, or more than one document. */
bool yaml_text_open(struct yaml_text *yaml, const char *file, const char *text,
	size_t len, struct err *err) WARN_UNUSED;
/* The same for what jansson printed: brackets that stand in its strings are not
 * counted, because there may be more of them than there were in the file. */
bool yaml_text_open_json(struct yaml_text *yaml, const char *file,
	const char *text, size_t len, struct err *err) WARN_UNUSED;
void yaml_text_done(struct yaml_text *yaml);

/* NULL: there is none. */
yaml_node_t *yaml_text_find(struct yaml_text *yaml, const char *path);
/* The line of this path, or of the nearest one above it that exists. */
size_t yaml_text_line(struct yaml_text *yaml, const char *path);
/* Calls fn for every scalar below the top, with its line; false ends it. */
typedef bool yaml_scalar_fn(
	void *arg, size_t line, const char *value, size_t len, struct err *err);
bool yaml_text_each(struct yaml_text *yaml, yaml_scalar_fn *fn, void *arg,
	struct err *err) WARN_UNUSED;

/* A whole number in plain decimal digits between least and most; a missing
 * path leaves *number alone. */
bool yaml_text_number(struct yaml_text *yaml, const char *path, uint64_t least,
	uint64_t most, uint64_t *number, struct err *err) WARN_UNUSED;

/* ERR_CONFIG "<file>:<line>: <path> <message>"; returns false. */
bool yaml_text_refuse(struct yaml_text *yaml, struct err *err, const char *path,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* The same for a known line; line 0: without one. */
bool yaml_refuse_at(const char *file, size_t line, struct err *err,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
