/*
 * ops_install.c - what is asked of a host's install root.
 */
#include "supervisor/host/ops.h"

const struct host_op host_ops_install[] = {
	{0},
};
