/*
 * privileges.h - may the user of a connection string do what a version needs?
 *
 * Pure: held is what connectionStatus says, as the helper tells it:
 *   {access_control, privileges: [{resource, actions}]}
 * A resource is {cluster: true}, {anyResource: true}, or {db, collection},
 * where
 * "" stands for any: any database, or any collection whose name does not begin
 * with "system.".
 */
#ifndef SYNC_CLIENT_PRIVILEGES_H
#define SYNC_CLIENT_PRIVILEGES_H

#include <jansson.h>

#include "sync_client/compat.h"

/* The actions of need that are not held, a list for the caller to free; NULL:
 * none is missing. */
json_t *privileges_lacking(const json_t *held, const struct compat_need *need);
/* "the cluster", "all databases", "config.shards", "system.js anywhere". */
void privileges_place(const json_t *resource, char *ret_text, size_t size);
/* From the answer to connectionStatus {showPrivileges: true}; NULL if it is
 * none.  Nobody being logged in, there is no access control. */
json_t *privileges_told(const json_t *status);

#endif
