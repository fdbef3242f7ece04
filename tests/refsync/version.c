/*
 * version.c - see version.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/refsync/version.h"

bool version_has(int minor)
{
	return strtol(&REFSYNC_VERSION[2], NULL, 10) >= minor;
}

const char *version_text(void)
{
	return REFSYNC_VERSION;
}

const char *version_database(void)
{
	return version_has(20) ? DATABASE_NEW : DATABASE_OLD;
}

void version_print(void)
{
	printf("mongosync version: " REFSYNC_VERSION "\n"
	       "Git version: reference\n"
	       "Metadata version: %d (minimum %d)\n"
	       "Platform: linux/amd64\n",
		REFSYNC_METADATA, REFSYNC_MINIMUM);
}
