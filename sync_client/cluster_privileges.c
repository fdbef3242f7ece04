/*
 * cluster_privileges.c - what we may do on a cluster, by its own account.
 */
#include "state/cleanup.h"
#include "sync_client/cluster.h"
#include "sync_client/privileges.h"

static json_t *to_json(const bson_t *reply)
{
	char *text = bson_as_relaxed_extended_json(reply, NULL);
	json_t *json = text ? json_loads(text, JSON_ALLOW_NUL, NULL) : NULL;

	bson_free(text);
	return json;
}

bool cluster_privileges(
	struct cluster *cluster, json_t **ret_json, struct err *err)
{
	bson_t *request = BCON_NEW("connectionStatus", BCON_INT32(1),
		"showPrivileges", BCON_BOOL(true));
	_cleanup_json_ json_t *status = NULL;
	bson_error_t error;
	bson_t reply;
	bool ok = mongoc_client_command_simple(
		cluster->client, "admin", request, NULL, &reply, &error);

	bson_destroy(request);
	if (ok)
		status = to_json(&reply);
	bson_destroy(&reply);
	if (!ok)
		return cluster_failed(&error, err, "connectionStatus");
	*ret_json = privileges_told(status);
	return *ret_json ||
	       err_set(err, ERR_STEP, "connectionStatus names no users");
}
