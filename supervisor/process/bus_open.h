/*
 * bus_open.h - the beginning of a connection; sd-bus finishes it by itself.
 *
 * A negative errno is returned on failure, and *ret_sd is not set.
 */
#ifndef SUPERVISOR_PROCESS_BUS_OPEN_H
#define SUPERVISOR_PROCESS_BUS_OPEN_H

#include <stdbool.h>
#include <systemd/sd-bus.h>

int bus_open_here(bool is_user_manager, sd_bus **ret_sd);
/* To the bus behind a socket, which is taken in any case. */
int bus_open_fd(int fd, sd_bus **ret_sd);

#endif
