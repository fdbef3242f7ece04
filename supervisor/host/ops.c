/*
 * ops.c - the table of what can be asked of a host.
 */
#include "supervisor/host/ops.h"

#include "supervisor/host/ops_install.h"

const struct host_op host_ops[] = {
	{"claim_see", op_claim_see, false},
	{"claim_check", op_claim_check, false},
	{"claim_create", op_claim_create, false},
	{"claims_left", op_claims_left, false},
	{"claims_remove", op_claims_remove, false},
	{"claims_look", op_claims_look, false},
	{"link_see", op_link_see, false},
	{"link_hold", op_link_hold, false},
	{"link_point", op_link_point, false},
	{"link_look", op_link_look, true},
	{"adopt", op_adopt, true},
	{"unadopt", op_unadopt, true},
	{"version_see", op_version_see, true},
	{"unpack", op_unpack, true},
	{"prune", op_prune, true},
	{"root_look", op_root_look, true},
};

const size_t host_ops_count = sizeof(host_ops) / sizeof(host_ops[0]);
