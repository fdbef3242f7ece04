/*
 * ops.c - finding what was asked by its name.
 */
#include "supervisor/host/ops.h"

#include <string.h>

const struct host_op *host_op_find(const char *name)
{
	const struct host_op *const lists[] = {
		host_ops_files, host_ops_process, host_ops_install};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct host_op *op = lists[i]; op->name; op++)
			if (strcmp(op->name, name) == 0)
				return op;
	return NULL;
}
