/*
 * fleet_keys.h - what each key of a fleet file is for, one sentence each.
 *
 * The man page syncup-fleet(5) is made of it and of the schema, which knows the
 * rest: what kind of value, its limits, whether it is needed.
 */
#ifndef SUPERVISOR_FLEET_FLEET_KEYS_H
#define SUPERVISOR_FLEET_FLEET_KEYS_H

#include "supervisor/fleet/fleet_schema.h"

struct fleet_key {
	const char *path; /* "instances[].spawn.argv"; NULL ends the table */
	const char *help;
};

struct fleet_key_seen { /* one key, as fleet_keys_walk() comes to it */
	const char *path;
	const cyaml_schema_field_t *field;
	const struct fleet_number *number; /* standard and limits; or NULL */
	const char *help; /* NULL: nobody has written it */
};

extern const struct fleet_key fleet_keys[];

/* Every key of the schema in its order, each mapping before what is in it. */
void fleet_keys_walk(
	void (*seen)(const struct fleet_key_seen *key, void *arg), void *arg);
/* Whether the schema has such a key. */
bool fleet_key_exists(const char *path);

#endif
