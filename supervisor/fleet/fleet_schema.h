/*
 * fleet_schema.h - the keys of a fleet file, as tables.
 *
 * The enums' words and the numbers' limits are used both ways: to read YAML
 * and to write the JSON of a journal.  On disk: never rename a key or a word.
 */
#ifndef SUPERVISOR_FLEET_FLEET_SCHEMA_H
#define SUPERVISOR_FLEET_FLEET_SCHEMA_H

#include <cyaml/cyaml.h>

#include "supervisor/fleet/fleet.h"

#define FLEET_PATH_MAX 4000u
#define FLEET_ARGUMENT_MAX 16384u
#define FLEET_ARGUMENTS_MAX 256u
#define FLEET_TIMEOUT_MAX 604800u /* a week: more is a slip of the pen */

struct fleet_number { /* one number at the top, of limits or of timeouts */
	const char *key;
	size_t offset; /* of a uint32_t in struct fleet */
	uint32_t standard, least, most;
};

extern const cyaml_schema_value_t fleet_schema;
/* Ended by key NULL. */
extern const struct fleet_number fleet_numbers[]; /* at the top */
extern const struct fleet_number fleet_limits[];
extern const struct fleet_number fleet_timeouts[];
extern const struct fleet_number fleet_fetch[]; /* of artifact */

/* NULL for a value without a word (UNSET). */
const char *fleet_failure_word(enum fleet_failure failure);
const char *fleet_pause_word(enum fleet_pause pause);
const char *fleet_manager_word(enum fleet_manager manager);
const char *fleet_complete_word(enum fleet_complete complete);
const char *fleet_signed_word(enum fleet_signed is_signed);

#endif
