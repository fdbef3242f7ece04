/*
 * ops.h - the questions of supervisor/engine/helper.h, answered by a server.
 */
#ifndef SUPERVISOR_HELPER_OPS_H
#define SUPERVISOR_HELPER_OPS_H

#include "supervisor/helper/loop.h"

extern const struct helper_op helper_ops[];
extern const size_t helper_ops_count;

#endif
