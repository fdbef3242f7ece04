/*
 * environment.h - the environment that a spawned process gets.
 *
 * Not ours: syncup may run with credentials in its own.  PATH, HOME, USER,
 * LOGNAME, LANG, LC_ALL, TZ and TMPDIR are passed on where set; then the lines
 * of environment_file, which may replace them.
 *
 * A line is KEY=value, in which one pair of quotes around the whole value is
 * taken off and nothing else is special; empty lines and those that begin
 * with # or ; are skipped.  systemd reads such a file in the same way.
 */
#ifndef SUPERVISOR_PROCESS_ENVIRONMENT_H
#define SUPERVISOR_PROCESS_ENVIRONMENT_H

#include "state/err.h"

#define ENVIRONMENT_FILE_MAX (64u << 10)
#define ENVIRONMENT_MAX 1024u /* variables */

/* file may be NULL.  ERR_STEP names file and line, never a value. */
bool environment_new(
	const char *file, char ***ret_env, struct err *err) WARN_UNUSED;
void environment_free(char **env);

#endif
