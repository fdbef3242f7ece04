/*
 * recorder.h - a struct sys that writes down what is done to a disk.
 *
 * Whatever goes through sys (state/sys.h) and changes something below one of
 * the roots is an operation: it gets a number, from 1, and a line in
 * <folder>/trace; what was written is in <folder>/data.  A failed call has its
 * line too, so that the lines and the numbers agree.  Processes that share a
 * folder (the supervisor, its children, the helper) take turns, so the order
 * of the lines is the order on the disk.  disks.h reads it.
 *
 *     <pid> TAB <operation> TAB <argument> ...
 *
 * Files and directories go by their inode numbers.  The trace begins with what
 * was there already, as if it had just been made, then "durable".
 *
 * A program that links recorder_main.c records from its start if the
 * environment has RECORD_INTO (the folder) and RECORD_ROOTS ("/a:/b").  With
 * RECORD_CUT_AT=N it dies by SIGKILL instead of doing operation N, and so does
 * whoever else records into the folder and comes later.  RECORD_CUT_AFTER=TEXT
 * with RECORD_CUT_MATCH=N lets them die at the operation behind the Nth whose
 * line has TEXT in it.
 */
#ifndef TESTS_SIM_RECORDER_H
#define TESTS_SIM_RECORDER_H

#include <stdbool.h>

/* Writes down what is below the roots ("/a:/b") as a new trace in folder,
 * which must exist.  False: errno says why. */
bool recorder_prepare(const char *folder, const char *roots)
	__attribute__((warn_unused_result));
/* From now on sys records, and dies at operation cut_at; 0: where those who
 * began before were told to. */
bool recorder_begin(const char *folder, const char *roots, unsigned long cut_at)
	__attribute__((warn_unused_result));
/* text is borrowed; NULL: nothing. */
void recorder_cut_after(const char *text, unsigned long matches);
/* sys is again what it was. */
void recorder_end(void);
/* Operations so far, of all that record into the folder. */
unsigned long recorder_count(void);

#endif
