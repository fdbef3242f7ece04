/*
 * systemd.h - what else is asked of the systemd maker of process_ops.
 */
#ifndef SUPERVISOR_PROCESS_SYSTEMD_H
#define SUPERVISOR_PROCESS_SYSTEMD_H

#include <jansson.h>

#include "supervisor/process/process.h"

/* What systemd says of the unit (unit.h) and, as "may_manage", whether we may
 * start and stop it ("denied": why not) and, of a user manager, whether it
 * "lingers" without a session; NULL with err.  Borrowed; called once,
 * perhaps before this returns. */
typedef void systemd_unit_fn(
	void *arg, const json_t *unit, const struct err *err);
void systemd_describe(struct event_base *base, const struct process_spec *spec,
	systemd_unit_fn *done, void *arg);

/* Ends what is under way on this loop, before it is freed; nobody is called. */
void systemd_close(struct event_base *base);

#endif
