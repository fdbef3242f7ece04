/*
 * yaml_error.h - libcyaml, with one sentence for what it did not like.
 *
 * libcyaml tells its log: first the cause, then a backtrace, innermost first.
 * From these a sentence is made such as
 * `fleet.yaml:3: unknown key "prot" in instances[1]`.  Its lines are those of
 * what it had just read, so the line is looked up in the text instead.  A
 * sentence never holds a value of the file, and a key only if it looks like
 * one.
 */
#ifndef SUPERVISOR_FLEET_YAML_ERROR_H
#define SUPERVISOR_FLEET_YAML_ERROR_H

#include <cyaml/cyaml.h>

#include "supervisor/fleet/yaml_text.h"

#define YAML_ERROR_DEPTH 8

struct yaml_error_place { /* one line of the backtrace */
	char key[48]; /* "": an entry of a list, or a mapping's keys */
	bool is_entry;
	unsigned entry;
	size_t line;
};

struct yaml_error {
	char cause[200]; /* libcyaml's first line; may hold a value: not shown
			  */
	struct yaml_error_place place[YAML_ERROR_DEPTH];
	unsigned depth;
};

/* A cyaml_log_fn_t whose ctx is a struct yaml_error. */
void yaml_error_log(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
	__attribute__((format(printf, 3, 0)));
/* The sentence; schema is that of the whole file.  Returns false. */
bool yaml_error_set(const struct yaml_error *error, cyaml_err_t code,
	struct yaml_text *yaml, const cyaml_schema_value_t *schema,
	struct err *err);

/* cyaml_load_data() with these.  The strings in *ret_data are malloc'ed.  An
 * all-optional mapping with nothing in it is NULL. */
bool yaml_load(struct yaml_text *yaml, const cyaml_schema_value_t *schema,
	cyaml_cfg_flags_t flags, void **ret_data, struct err *err) WARN_UNUSED;

#endif
