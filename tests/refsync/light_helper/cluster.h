/*
 * cluster.h - what a light cluster says about itself and the sync into it.
 */
#ifndef LIGHT_HELPER_CLUSTER_H
#define LIGHT_HELPER_CLUSTER_H

#include <jansson.h>

#include "state/err.h"

/* {identity, proved, version}: the first word of <cluster>/identity, or the
 * directory's name, which proves nothing. */
bool cluster_identify(
	const char *cluster, json_t **ret_json, struct err *err) WARN_UNUSED;
/* {sharded, shards}: the list in <cluster>/shards.json; without one it is not
 * sharded. */
bool cluster_shards(
	const char *cluster, json_t **ret_json, struct err *err) WARN_UNUSED;
/* {access_control, privileges}: the file <cluster>/privileges.json; without one
 * there is no access control. */
bool cluster_privileges(
	const char *cluster, json_t **ret_json, struct err *err) WARN_UNUSED;
/* The list in <cluster>/oplog.json, or what that says of the only shard:
 * {"first": "T.I", "last": "T.I"}.  Without one it cannot be read. */
bool cluster_oplog(
	const char *cluster, json_t **ret_json, struct err *err) WARN_UNUSED;
bool cluster_summary(
	const char *cluster, json_t **ret_json, struct err *err) WARN_UNUSED;

#endif
