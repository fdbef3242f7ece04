/*
 * instance.h - a sync process's own YAML file, as far as we need it.
 *
 * mongosync's keys are flat and camelCase (mongosync configuration reference).
 * Keys that we do not use are the process's own business; only that they are
 * there is kept, so that it can be asked whether another version knows them.  A
 * nested cluster0/cluster1 or a wrong type is an error.  Read afresh on each
 * start of ours, because it holds the credentials, which no file of ours may
 * keep.
 */
#ifndef SUPERVISOR_FLEET_INSTANCE_H
#define SUPERVISOR_FLEET_INSTANCE_H

#include <stddef.h>
#include <stdint.h>

#include "state/err.h"
#include "supervisor/fleet/secret.h"

#define INSTANCE_KEYS_MAX 32u /* more are not kept */

struct instance_key {
	char name[48];
	char value[16]; /* if it is a short plain word, yes and on being true */
};

struct instance_config {
	uint16_t port; /* default 27182 */
	char id[128]; /* "" without one */
	char log_path[512]; /* a directory, or "" */
	struct secret source; /* cluster0 */
	struct secret destination; /* cluster1 */
	bool accept_disclaimer;
	struct instance_key key[INSTANCE_KEYS_MAX]; /* all that are there */
	unsigned key_count;
};

/* ERR_CONFIG "file:line: ..."; known secrets go to the scrubber. */
bool instance_config_load(const char *path, struct instance_config *ret_config,
	struct err *err) WARN_UNUSED;
/* The same for a text that is in memory already; file is its name in messages.
 */
bool instance_config_read(const char *file, const char *data, size_t len,
	struct instance_config *ret_config, struct err *err) WARN_UNUSED;
void instance_config_done(struct instance_config *config);

#endif
