/*
 * unit.h - what a service manager says of a unit, as JSON.
 *
 * The properties that anything here asks for, under systemd's own names, see
 * org.freedesktop.systemd1(5); texts cleaned; InvocationID in hex; ExecStart
 * and ExecStop as lists of {"path", "argv"}.  What a manager does not tell is
 * not there.
 */
#ifndef SUPERVISOR_PROCESS_UNIT_H
#define SUPERVISOR_PROCESS_UNIT_H

#include <jansson.h>

#include "state/err.h"

#define UNIT_ARGUMENTS_MAX 256u

struct sd_bus_message;

/* Of GetAll's reply; the caller owns it. */
bool unit_read(struct sd_bus_message *reply, json_t **ret_unit,
	struct err *err) WARN_UNUSED;
/* The pids in GetUnitProcesses's reply, as a list. */
bool unit_read_pids(struct sd_bus_message *reply, json_t **ret_pids,
	struct err *err) WARN_UNUSED;

const char *unit_text(const json_t *unit, const char *property); /* or "" */
int64_t unit_number(const json_t *unit, const char *property); /* or 0 */

enum unit_phase {
	UNIT_UNKNOWN, /* it cannot be told: not loaded */
	UNIT_LIVES, /* is started, runs, or is being stopped */
	UNIT_ENDED, /* and will not be started again by itself */
	UNIT_HELD, /* in circles on the hold: counts as ended */
	UNIT_FAILING, /* between two starts that systemd makes by itself */
	UNIT_EXITED, /* RemainAfterExit=: its process has ended, it has not */
};
enum unit_phase unit_phase(const json_t *unit);
/* "failed (exit-code: it exited with 1)", for people. */
void unit_describe(const json_t *unit, char *ret_text, size_t size);
/* Its last life did not end well, so that its last words are of interest. */
bool unit_ended_badly(const json_t *unit);

#endif
