/*
 * disk_states.c - the disks of disks.h, for scripts.
 *
 *     disk-states prepare FOLDER ROOT[:ROOT...]   begins a trace
 *     disk-states count FOLDER                    operations in it
 *     disk-states list FOLDER                     what may be left after them
 *     disk-states write FOLDER NUMBER DIR...      puts one of these into the
 *         directories, one for each root; "-" leaves a root out
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/disks.h"
#include "tests/sim/recorder.h"

struct wanted {
	unsigned long next, number;
	char **dirs; /* NULL: only lists */
	bool found;
};

static bool see(void *arg, const struct disk *disk)
{
	struct wanted *wanted = arg;

	if (!wanted->dirs) {
		(void)printf("%lu %s\n", wanted->next++, disk->what);
		return true;
	}
	if (wanted->next++ != wanted->number)
		return true;
	for (unsigned i = 0; wanted->dirs[i]; i++)
		if (strcmp(wanted->dirs[i], "-") != 0)
			disk_write(disk, i, wanted->dirs[i]);
	wanted->found = true;
	return false;
}

static int each(const char *folder, struct wanted *wanted)
{
	const struct disks_options options = {0};
	struct disks *disks = disks_new(folder);

	while (disks_forward(disks))
		;
	(void)disks_each(disks, &options, see, wanted);
	disks_free(disks);
	return !wanted->dirs || wanted->found ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct wanted wanted = {0};

	if (argc == 4 && strcmp(argv[1], "prepare") == 0)
		return recorder_prepare(argv[2], argv[3]) ? 0 : 1;
	if (argc == 3 && strcmp(argv[1], "count") == 0) {
		struct disks *disks = disks_new(argv[2]);

		(void)printf("%lu\n", disks_operations(disks));
		disks_free(disks);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "list") == 0)
		return each(argv[2], &wanted);
	if (argc >= 5 && strcmp(argv[1], "write") == 0) {
		wanted.number = strtoul(argv[3], NULL, 10);
		wanted.dirs = argv + 4;
		return each(argv[2], &wanted);
	}
	(void)fprintf(stderr, "disk-states prepare|count|list|write ...\n");
	return 2;
}
