/*
 * ops.h - what can be asked of a host.
 *
 * A table of names and functions; each blocks, uses no event loop of ours, and
 * may be repeated after a kill at any instant.  The same functions run in this
 * process, in a child of ours and in syncup-host.
 */
#ifndef SUPERVISOR_HOST_OPS_H
#define SUPERVISOR_HOST_OPS_H

#include <jansson.h>
#include <stddef.h>

#include "state/err.h"

/* ask is borrowed; the caller owns *ret_result, set only on success. */
typedef bool host_op_fn(
	const json_t *ask, json_t **ret_result, struct err *err);

struct host_op {
	const char *name;
	host_op_fn *fn;
	bool slow; /* here: in a child, so that the loop goes on */
};

extern const struct host_op host_ops[];
extern const size_t host_ops_count;

#endif
