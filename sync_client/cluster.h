/*
 * cluster.h - a MongoDB cluster, asked who it is and what it is made of.
 *
 * Blocking libmongoc: for the helper executable only.  Nothing here writes to
 * a cluster.  Errors hold what libmongoc says, which may hold hosts; whoever
 * shows them scrubs them.
 *
 * ERR_AGAIN: cannot be reached or is electing.  ERR_CONFIG: the connection
 * string, the credentials or the privileges are not sufficient.  ERR_STEP: the
 * server says no for another reason.
 */
#ifndef SYNC_CLIENT_CLUSTER_H
#define SYNC_CLIENT_CLUSTER_H

#include <jansson.h>
#include <mongoc/mongoc.h>

#include "state/err.h"

#define CLUSTER_REACH_MS 5000 /* unless the URI says otherwise */

struct cluster {
	mongoc_client_t *client;
	bool no_majority; /* the server knows no such read concern */
};

/* Before the first and after the last cluster. */
void cluster_library_begin(void (*log)(const char *line));
void cluster_library_end(void);

/* Does not connect yet. */
bool cluster_open(
	struct cluster *cluster, const char *uri, struct err *err) WARN_UNUSED;
/* With a URI that was made, not read; it is changed, and stays the caller's. */
bool cluster_open_uri(struct cluster *cluster, mongoc_uri_t *uri,
	struct err *err) WARN_UNUSED;
void cluster_close(struct cluster *cluster);

/* {identity, proved, version} as in engine/helper.h. */
bool cluster_identify(struct cluster *cluster, json_t **ret_json,
	struct err *err) WARN_UNUSED;
/* {sharded, shards} */
bool cluster_shards(struct cluster *cluster, json_t **ret_json,
	struct err *err) WARN_UNUSED;
/* [{id, host: "set/a:1,b:2"}], empty if it is not sharded. */
bool cluster_shard_hosts(struct cluster *cluster, bool *ret_sharded,
	json_t **ret_hosts, struct err *err) WARN_UNUSED;

/* {access_control, privileges} as in privileges.h; privileges is null if the
 * server does not show them */
bool cluster_privileges(struct cluster *cluster, json_t **ret_json,
	struct err *err) WARN_UNUSED;

/* For metadata.c. */

/* Fills err from what libmongoc said; returns false. */
bool cluster_failed(const bson_error_t *error, struct err *err, const char *fmt,
	...) __attribute__((format(printf, 3, 4)));
/* The server answered: it knows no read concern "majority". */
bool cluster_lacks_majority(const bson_error_t *error);
/* Runs a command that only reads; the caller destroys *ret_reply, always. */
bool cluster_read_command(struct cluster *cluster, const char *command,
	bson_t *ret_reply, bson_error_t *ret_error);
bool cluster_is_again(const bson_error_t *error);

#endif
