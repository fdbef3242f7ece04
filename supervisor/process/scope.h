/*
 * scope.h - a unit of its own for what has to outlive the service we are in.
 *
 * Within a service a new session is not enough: systemd ends all processes of
 * its control group with it.  systemd-run(1) --scope puts itself into a new
 * unit and then becomes the process, with the same pid and descriptors.
 */
#ifndef SUPERVISOR_PROCESS_SCOPE_H
#define SUPERVISOR_PROCESS_SCOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SCOPE_RUNNER "systemd-run"

enum scope {
	SCOPE_NONE, /* we are in no service: nothing ends with us */
	SCOPE_SYSTEM,
	SCOPE_USER, /* of our user's own manager */
	SCOPE_REFUSED, /* in a service, and without the right or a manager: it
			* stays in there, which only KillMode=process allows */
};

/* ret_service: the one that we are in, or ""; NULL: of no interest. */
enum scope scope_here(char *ret_service, size_t size);
/* The service that a text like /proc/self/cgroup names; false: none. */
bool scope_service(const char *cgroup, char *ret_name, size_t size);
/* argv with systemd-run in front, to be freed as a whole; texts are borrowed
 * from argv and from static memory. */
char **scope_argv(enum scope scope, const char *instance, char *const argv[]);
/* Is this process still systemd-run? */
bool scope_is_runner(const char *exe);

#endif
