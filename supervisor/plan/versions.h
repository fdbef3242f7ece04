/*
 * versions.h - the table of versions (sync_client/compat.h), wherever it is.
 */
#ifndef SUPERVISOR_PLAN_VERSIONS_H
#define SUPERVISOR_PLAN_VERSIONS_H

#include "supervisor/fleet/fleet.h"
#include "sync_client/compat.h"

/* The fleet's `compat:`, else /etc/syncup/mongosync.json, which is there only
 * if somebody corrects what we know, else the one that came with syncup.  The
 * first that is there counts, and is an error (ERR_CONFIG) if it is faulty.
 * ERR_MISSING: none is.  ret_file is the caller's; NULL if none was found. */
bool versions_load(const struct fleet *fleet, struct compat **ret_compat,
	char **ret_file, struct err *err) WARN_UNUSED;

#endif
