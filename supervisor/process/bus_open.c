/*
 * bus_open.c - to this machine's managers, or through a socket.
 */
#include "supervisor/process/bus_open.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int begin(sd_bus *sd, sd_bus **ret_sd)
{
	int r = sd_bus_set_bus_client(sd, 1);

	if (r >= 0)
		r = sd_bus_start(sd);
	if (r < 0)
		sd_bus_close_unref(sd);
	else
		*ret_sd = sd;
	return r;
}

/* A timer or cron starts us without the variables of a session. */
static int open_user(sd_bus **ret_sd)
{
	char address[64];
	sd_bus *sd = NULL;
	int r;

	if (getenv("DBUS_SESSION_BUS_ADDRESS") || getenv("XDG_RUNTIME_DIR"))
		return sd_bus_open_user(ret_sd);
	(void)snprintf(address, sizeof(address), "unix:path=/run/user/%u/bus",
		(unsigned)getuid());
	r = sd_bus_new(&sd);
	if (r < 0)
		return r;
	r = sd_bus_set_address(sd, address);
	if (r < 0) {
		sd_bus_unref(sd);
		return r;
	}
	return begin(sd, ret_sd);
}

int bus_open_here(bool is_user_manager, sd_bus **ret_sd)
{
	return is_user_manager ? open_user(ret_sd) : sd_bus_open_system(ret_sd);
}

int bus_open_fd(int fd, sd_bus **ret_sd)
{
	sd_bus *sd = NULL;
	int r = sd_bus_new(&sd);

	if (r >= 0)
		r = sd_bus_set_fd(sd, fd, fd);
	if (r < 0) {
		(void)close(fd);
		sd_bus_unref(sd);
		return r;
	}
	r = sd_bus_set_trusted(sd, 1);
	if (r < 0) {
		sd_bus_close_unref(sd);
		return r;
	}
	return begin(sd, ret_sd);
}
