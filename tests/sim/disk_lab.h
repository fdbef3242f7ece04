/*
 * disk_lab.h - where the disk tests work: a directory in memory with the disk
 * that a scenario changes, the trace of it, and a bench for the disks that may
 * be left.
 */
#ifndef TESTS_SIM_DISK_LAB_H
#define TESTS_SIM_DISK_LAB_H

#include "tests/sim/disks.h"
#include "tests/sim/recorder.h"
#include "tests/unit/scratch.h"

struct lab {
	char dir[100];
	char disk[128]; /* the recorded root */
	char bench[128]; /* one that may be left */
	char trace[128];
};

void lab_make(struct lab *lab);
void lab_remove(struct lab *lab);
/* What is in directory goes; directory stays. */
void lab_empty(const char *directory);
void lab_put(const struct lab *lab, const struct disk *disk); /* on the bench */
/* What is on the disk now counts as durable, a new trace begins. */
void lab_prepare(const struct lab *lab, const char *root);
void lab_begin(const struct lab *lab, const char *root, unsigned long cut_at);
/* Runs work in a child that records, and dies at operation cut_at (0: never).
 * True if it died of that; what else goes wrong there fails the test. */
bool lab_in_child(const struct lab *lab, unsigned long cut_at,
	void (*work)(void *arg), void *arg);
/* So many of a hundred are taken: all with FULL=1 in the environment, else by
 * SEED. */
bool lab_takes(unsigned percent);
void *lab_share(size_t size); /* memory that children share; zero */

/* Prints "<what>: disk_states=<n> wrong=<n> per_cpu_second=<n>", and fails the
 * test if any is wrong. */
struct lab_count {
	unsigned long states, wrong;
	double begin;
};
void lab_count_begin(struct lab_count *count);
void lab_count_end(const struct lab_count *count, const char *what);

#endif
