/*
 * bus_error.h - why systemd did not do what it was asked for.
 */
#ifndef SUPERVISOR_PROCESS_BUS_ERROR_H
#define SUPERVISOR_PROCESS_BUS_ERROR_H

#include <stddef.h>
#include <systemd/sd-bus.h>

#include "state/err.h"

/* As bus_reply_fn has it. */
void bus_explain(
	const char *method, const sd_bus_error *error, struct err *ret_err);
/* Scrubbed, without control characters; from may be NULL. */
void bus_clean(char *to, size_t size, const char *from);

#endif
