#include "supervisor/report/service.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "supervisor/fleet/secret.h"
#include "supervisor/memory.h"

static const char socket_name[] = "NOTIFY_SOCKET";

static struct {
	char *socket; /* NULL: nobody listens */
	uint64_t watchdog_us;
	bool ready;
	char said[400]; /* the last status */
} service;

void service_begin(void)
{
	const char *socket = getenv(socket_name);

	free(service.socket);
	memset(&service, 0, sizeof(service));
	service.socket = socket ? memory_strdup(socket) : NULL;
	(void)unsetenv(socket_name);
	if (sd_watchdog_enabled(1, &service.watchdog_us) <= 0)
		service.watchdog_us = 0;
}

static void tell(const char *what)
{
	if (!service.socket)
		return;
	if (setenv(socket_name, service.socket, 1) != 0)
		memory_out();
	/* Unsets it again.  A manager that does not listen is no reason to end
	 * a run. */
	(void)sd_notify(1, what);
}

/* False: it was said already. */
static bool new_status(const char *status)
{
	char line[sizeof(service.said)];

	(void)snprintf(line, sizeof(line), "%s", status);
	scrub_in_place(line, sizeof(line));
	for (char *at = line; *at; at++)
		if (*at == '\n') /* what follows would be an order of its own */
			*at = ' ';
	if (strcmp(line, service.said) == 0)
		return false;
	memcpy(service.said, line, sizeof(line));
	return true;
}

static void tell_with_status(const char *order, const char *status)
{
	char text[sizeof(service.said) + 40];

	(void)new_status(status);
	(void)snprintf(
		text, sizeof(text), "%s\nSTATUS=%s", order, service.said);
	tell(text);
}

void service_ready(const char *status)
{
	if (service.ready)
		return;
	service.ready = true;
	tell_with_status("READY=1", status);
}

void service_status(const char *status)
{
	char text[sizeof(service.said) + 10];

	if (!new_status(status))
		return;
	(void)snprintf(text, sizeof(text), "STATUS=%s", service.said);
	tell(text);
}

void service_stopping(const char *status)
{
	tell_with_status("STOPPING=1", status);
}

int64_t service_watchdog_ms(void)
{
	return service.socket ? (int64_t)service.watchdog_us / 1000 : 0;
}

void service_alive(void)
{
	tell("WATCHDOG=1");
}
