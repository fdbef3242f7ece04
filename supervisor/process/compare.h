/*
 * compare.h - how a process that we would start differs from the one that
 * runs, so that nobody is surprised by it after the upgrade.
 */
#ifndef SUPERVISOR_PROCESS_COMPARE_H
#define SUPERVISOR_PROCESS_COMPARE_H

#include <stddef.h>

#include "supervisor/process/process.h"

/* Writes "working directory /a, not /b; ..." to ret_text, "" if they are the
 * same or if the running one's details may not be read.  Of the environment
 * only names are told: values may be secret. */
void process_compare(const struct process_spec *spec, pid_t pid, char *ret_text,
	size_t size);

#endif
