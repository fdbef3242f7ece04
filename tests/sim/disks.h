/*
 * disks.h - the disks that a power cut may leave.
 *
 * Reads a trace (recorder.h), and knows after each operation what is durable
 * and what is not.  The model is the strict one of POSIX, not that of one file
 * system:
 *
 * - What was written to a file is durable when its fsync or fdatasync returned.
 *   Until then each write may be there or not, whatever became of the others;
 *   where it is not, there is the old text, or zeros, or the file is shorter.
 *   The last one may be there in part.
 * - An entry of a directory (new, removed, renamed) is durable when the sync of
 *   that directory returned.  A file's sync says nothing about its name.
 * - A rename within a directory is there or not, and never half; from one
 *   directory to another its two halves are on their own.
 * - A symbolic link comes with its text, a new directory empty.  Modes are not
 *   looked at.
 *
 * Trouble with the trace itself ends the program: it is a test's own bug.
 */
#ifndef TESTS_SIM_DISKS_H
#define TESTS_SIM_DISKS_H

#include <stdbool.h>
#include <stddef.h>

struct disks; /* a trace, and how far it has been followed */

struct disk { /* one that may be left; valid in the call that it is given to */
	struct disks *disks; /* borrowed */
	const struct disk_choice *choice; /* private */
	const char *what; /* for people: what is missing */
};

/* As it was before the first operation; disks_free() frees it. */
struct disks *disks_new(const char *folder);
void disks_free(struct disks *disks);
unsigned long disks_operations(const struct disks *disks); /* in the trace */
unsigned long disks_done(const struct disks *disks); /* followed so far */
/* Follows one more operation; false: there is none. */
bool disks_forward(struct disks *disks);
/* The operation that comes next, "" at the end; for people. */
const char *disks_next(const struct disks *disks);

/* False ends it. */
typedef bool disks_fn(void *arg, const struct disk *disk);
struct disks_options {
	/* What was written to a file and not synced is cut at every byte if it
	 * is no longer than this, else in some places. */
	size_t every_byte;
	/* Disks that came before with the same stamp do not come again. */
	unsigned long stamp;
};
/* Each disk that the operations done so far may leave.  Always the same, in the
 * same order.  True if fn never returned false. */
bool disks_each(struct disks *disks, const struct disks_options *options,
	disks_fn *fn, void *arg);
/* Only the two extremes. */
void disks_none(struct disks *disks, disks_fn *fn, void *arg);
void disks_all(struct disks *disks, disks_fn *fn, void *arg);

/* Writes what it has below root number index (0: the first of them) to
 * directory, which must exist and be empty. */
void disk_write(const struct disk *disk, unsigned index, const char *directory);
/* Does directory hold just that?  Modes are not looked at, nor a file's text if
 * its name is ignore (NULL: none). */
bool disk_is(const struct disk *disk, unsigned index, const char *directory,
	const char *ignore);

#endif
