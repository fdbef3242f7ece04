/*
 * version.h - asking an executable for its version; private to install/.
 */
#ifndef SUPERVISOR_INSTALL_VERSION_H
#define SUPERVISOR_INSTALL_VERSION_H

#include "state/err.h"
#include "supervisor/install/artifact.h"

/* The first N.N.N in text that is not part of something else. */
bool version_find(const char *text, char ret_version[VERSION_MAX]);
/* fd is an executable; shown stands for it in messages.  *ret_exec_errno: it
 * could not be started at all (may be NULL). */
bool version_of_fd(int fd, const char *shown, char ret_version[VERSION_MAX],
	int *ret_exec_errno, struct err *err) WARN_UNUSED;

#endif
