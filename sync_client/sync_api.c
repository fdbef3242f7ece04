/*
 * sync_api.c - the dialects that we speak.
 */
#include "sync_client/sync_api.h"

#include <string.h>

#include "sync_client/mongosync.h"

static const struct sync_api *const dialects[] = {
	&mongosync_api,
};

const struct sync_api *sync_api_find(const char *name)
{
	for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++)
		if (name && !strcmp(name, dialects[i]->name))
			return dialects[i];
	return NULL;
}
