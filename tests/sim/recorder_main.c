/*
 * recorder_main.c - linked into a program, it records from the program's start
 * if the environment says so (recorder.h).
 */
#include <stdlib.h>

#include "tests/sim/recorder.h"

__attribute__((constructor)) static void record_from_start(void)
{
	const char *folder = getenv("RECORD_INTO");
	const char *roots = getenv("RECORD_ROOTS");
	const char *cut_at = getenv("RECORD_CUT_AT");
	const char *matches = getenv("RECORD_CUT_MATCH");

	if (folder && roots &&
		!recorder_begin(
			folder, roots, cut_at ? strtoul(cut_at, NULL, 10) : 0))
		abort();
	if (folder && roots)
		recorder_cut_after(getenv("RECORD_CUT_AFTER"),
			matches ? strtoul(matches, NULL, 10) : 1);
}
