/*
 * run_file.h - what a spawned process leaves to be found again by.
 *
 * One line of JSON, padded with spaces to RUN_FILE_SIZE so that it is replaced
 * by a single write: {"pid","start_ticks","boot_id","attempt","argv0"}.
 * On disk: never rename a member.
 *
 * The flock on it is taken before the fork and kept across exec, so that "not
 * locked" proves that nothing we ever began is alive or on its way.
 */
#ifndef SUPERVISOR_PROCESS_RUN_FILE_H
#define SUPERVISOR_PROCESS_RUN_FILE_H

#include <stdint.h>
#include <sys/types.h>

#include "state/err.h"

#define RUN_FILE_SIZE 512

struct run_file {
	bool there; /* the file exists */
	bool locked; /* somebody holds it */
	bool valid; /* the following could be read */
	pid_t pid;
	uint64_t start_ticks;
	char boot_id[37];
	uint64_t attempt;
};

bool run_file_read(const char *path, struct run_file *ret_file,
	struct err *err) WARN_UNUSED;
/* True if it names a process that is alive. */
bool run_file_is_alive(const struct run_file *file);
/* Makes the file if need be and locks it; ERR_STEP if somebody holds it. */
bool run_file_lock(const char *path, int *ret_fd, struct err *err) WARN_UNUSED;
/* Names the calling process; durable on return.  False and errno. */
bool run_file_claim(int fd, uint64_t attempt, const char *argv0);

#endif
