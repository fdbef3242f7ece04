/*
 * service.h - what the service manager is told, if one started us.
 *
 * sd_notify(3) of Type=notify: that the run has begun, one line about where it
 * is, that it ends, and that the loop still turns.  Without a manager all of it
 * does nothing.  One process has one manager, so nothing is passed around.
 */
#ifndef SUPERVISOR_REPORT_SERVICE_H
#define SUPERVISOR_REPORT_SERVICE_H

#include <stdint.h>

/* Before anything is started: what was meant for us alone leaves the
 * environment, so that no child can speak in our name. */
void service_begin(void);
/* The unit counts as started from the first of these on; later ones say
 * nothing. */
void service_ready(const char *status);
/* The line that "systemctl status" shows; sent only if it is a new one. */
void service_status(const char *status);
void service_stopping(const char *status);
/* How often service_alive() has to be called at least; 0: never. */
int64_t service_watchdog_ms(void);
void service_alive(void);

#endif
