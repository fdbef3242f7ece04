/*
 * log.h - the NDJSON log of mongosync.
 *
 * With a logPath the live file is <logPath>/mongosync.log; one that is there
 * at start is renamed by its time first.  Without, the log is on stdout.
 */
#ifndef REFSYNC_LOG_H
#define REFSYNC_LOG_H

#include <jansson.h>

#include "state/err.h"

enum log_level {
	LOG_TRACE,
	LOG_DEBUG,
	LOG_INFO,
	LOG_WARN,
	LOG_ERROR,
	LOG_FATAL,
};

/* dir and verbosity may be NULL; id is the mongosyncID. */
bool log_open(const char *dir, const char *verbosity, const char *id,
	struct err *err) WARN_UNUSED;
void log_close(void);
/* What SIGUSR1 does: rename the live file and begin a new one. */
bool log_rotate(struct err *err) WARN_UNUSED;
/* Does nothing before log_open().  more may be NULL; it is an object whose
 * members are added, and is taken. */
void log_add(enum log_level level, const char *message, json_t *more);

#endif
