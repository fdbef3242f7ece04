/*
 * manager.h - a made-up service manager that really starts and stops processes.
 *
 * It stands on a D-Bus as org.freedesktop.systemd1 and answers what syncup asks
 * of systemd 252, so that tests need no systemd as PID 1 and can make it deny,
 * lie, stay silent and go away.  See README.md for its files.
 */
#ifndef TESTS_SYSTEMD_FAKE_MANAGER_H
#define TESTS_SYSTEMD_FAKE_MANAGER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#define UNITS_MAX 16

struct unit {
	char name[256];
	char *path;
	const char *active, *sub, *result;
	pid_t main;
	int code, status; /* of its last end, as in siginfo_t */
	uint32_t restarts;
	uint64_t started_us, exited_us;
	unsigned char invocation[16];
	uint32_t stop_job; /* 0: none */
	sd_event_source *timer; /* its next start, or its SIGKILL */
};

struct manager {
	const char *dir;
	sd_event *event;
	sd_bus *bus;
	struct unit unit[UNITS_MAX];
	unsigned count;
	uint32_t last_job;
	unsigned calls;
};

/* life.c: what its file says, borrowed by nobody: json_decref(); NULL: there is
 * no such unit. */
json_t *unit_file(const struct manager *manager, const char *name);
struct unit *unit_find(struct manager *manager, const char *name);
void unit_start(struct manager *manager, struct unit *unit);
/* True if there is something to wait for. */
bool unit_stop(struct manager *manager, struct unit *unit);
void unit_reset(struct unit *unit);
/* Its processes: the main one and all that came from it. */
size_t unit_pids(const struct unit *unit, pid_t pids[], size_t max);

/* Starts what is enabled, as a host that comes up does. */
void units_come_up(struct manager *manager);

/* bus.c */
int manager_serve(struct manager *manager);
void manager_changed(struct manager *manager, const struct unit *unit);
void manager_job_removed(struct manager *manager, uint32_t job,
	const struct unit *unit, const char *result);

#endif
