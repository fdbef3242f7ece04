/*
 * oplog.h - where the source's oplog begins and ends, shard by shard.
 *
 * Blocking libmongoc: for the helper executable only; nothing is written.  What
 * cannot be read is said for that shard, and is no failure.
 */
#ifndef SYNC_CLIENT_OPLOG_H
#define SYNC_CLIENT_OPLOG_H

#include "sync_client/cluster.h"

/* {shards: [{id, first: "T.I", last: "T.I"} or {id, error}]}, in the servers'
 * own time.  uri is the one that cluster was opened with: a shard is asked at
 * its own hosts, with the same credentials and options. */
bool oplog_read(struct cluster *cluster, const char *uri, json_t **ret_json,
	struct err *err) WARN_UNUSED;

/* The URI of a shard: host is listShards' word for it, "set/a:1,b:2".  The
 * caller destroys it.  Errors hold nothing of either. */
bool oplog_shard_uri(const mongoc_uri_t *via, const char *host,
	mongoc_uri_t **ret_uri, struct err *err) WARN_UNUSED;

#endif
