/*
 * fault_sys.h - a struct sys that lets one call fail, or every call from one
 * on, and that counts what a scenario does.
 *
 * Calls are numbered from 1.  A short write or read moves some of the bytes,
 * so only writes and reads are numbered for that fault.  A close that fails
 * closes all the same, as on Linux.
 */
#ifndef TESTS_FAULT_FAULT_SYS_H
#define TESTS_FAULT_FAULT_SYS_H

#include <stdbool.h>

struct fault {
	const char *name;
	int error; /* errno, or 0: a short write or read */
	unsigned times; /* how many calls in a row; FAULT_FOREVER */
	const char *only; /* the only call that it happens to, or NULL: any */
};

#define FAULT_FOREVER (~0u)

/* Everything that the loop tries.  EINTR ends at some time, as it does in the
 * world. */
extern const struct fault faults[];
extern const unsigned fault_count;

/* From now on state/ calls through the faulty table.  fault NULL: only count.
 */
void fault_begin(const struct fault *fault, unsigned first);
void fault_end(void); /* no faults, but nothing is really synced */

/* Until said otherwise no hard link can be made: as between file systems. */
void fault_refuse_links(bool refuse);

/* Since fault_begin(). */
bool fault_fired(void);
unsigned fault_syncs_of_files(void);
unsigned fault_syncs_of_directories(void);
/* Did anyone sync a file again after its sync had failed? */
bool fault_sync_was_retried(void);
bool fault_failed_sync(void); /* did a sync fail? */
bool fault_closed_twice(void); /* the second may hit somebody else's */
const char *fault_last_call(void); /* the one that failed last, or "" */

#endif
