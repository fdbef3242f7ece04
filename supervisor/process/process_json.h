/*
 * process_json.h - what is said of a process to another host, and by it.
 *
 * Members are called as in process.h; what is NULL or 0 is left out.
 */
#ifndef SUPERVISOR_PROCESS_PROCESS_JSON_H
#define SUPERVISOR_PROCESS_PROCESS_JSON_H

#include <jansson.h>

#include "supervisor/process/process.h"

/* The caller owns it.  spec->host is left out. */
json_t *process_spec_json(const struct process_spec *spec);
/* ret_spec's texts belong to json; its lists are freed by process_spec_done().
 * ERR_BUG: json is no such thing. */
bool process_spec_read(const json_t *json, struct process_spec *ret_spec,
	struct err *err) WARN_UNUSED;
void process_spec_done(struct process_spec *spec); /* zeroed is fine */

json_t *process_seen_json(const struct process_seen *seen);
bool process_seen_read(const json_t *json, struct process_seen *ret_seen,
	struct err *err) WARN_UNUSED;

#endif
