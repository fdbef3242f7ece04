/*
 * disks_model.h - what disks.c and disks_each.c share.
 */
#ifndef TESTS_SIM_DISKS_MODEL_H
#define TESTS_SIM_DISKS_MODEL_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "tests/sim/disks.h"

struct node;

struct entry {
	const char *name;
	struct node *node;
};

enum item_kind { ITEM_WRITE, ITEM_TRUNCATE, ITEM_ENTRY };

struct item { /* one change that is not durable */
	enum item_kind kind;
	struct node *node; /* the file or directory that it changes */
	size_t at, len; /* write; truncate: at is the new size */
	const char *data; /* write */
	const char *gone; /* entry: the name that goes, or NULL */
	struct entry new; /* entry: that comes; name NULL: none */
};

struct node {
	mode_t mode;
	const char *text; /* of a symbolic link */
	char *data; /* of a file, durable */
	size_t len;
	struct entry *entry; /* of a directory, durable */
	unsigned entries;
	/* Scratch of disks_each.c. */
	unsigned long mark;
	uint64_t hash[2];
	bool hashed[2];
	char *path;
};

struct root {
	char *path;
	struct node *node;
};

struct disks {
	char *trace, *data; /* read whole; names point into trace */
	size_t data_len;
	char **line;
	unsigned long lines, begin, next; /* begin: behind "durable" */
	struct root root[4];
	unsigned roots;
	struct node **known; /* by inode number, newest first */
	ino_t *ino;
	unsigned nodes;
	struct item *item; /* pending, in their order */
	unsigned items;
	uint64_t *seen; /* by disks_each() */
	size_t seen_count, seen_room;
	unsigned long mark;
};

/* What becomes of each pending item. */
enum fate { FATE_NONE, FATE_ALL, FATE_ZERO, FATE_CUT };

struct disk_choice {
	unsigned char *fate; /* as many as there are items */
	size_t cut; /* of the one that is cut: bytes that are there */
	bool cut_zero; /* behind them are zeros */
};

void disks_apply_entry(
	struct entry **entry, unsigned *entries, const struct item *item);
/* The caller frees it. */
char *disks_content(const struct disks *disks, const struct node *node,
	const struct disk_choice *choice, size_t *ret_len);
struct entry *disks_entries(const struct disks *disks, const struct node *node,
	const struct disk_choice *choice, unsigned *ret_count);
void *disks_grow(void *list, size_t count, size_t size);

#endif
