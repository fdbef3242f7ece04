#include "supervisor/plan/versions.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/memory.h"

#ifndef SYNCUP_DATADIR /* set by the build */
#define SYNCUP_DATADIR "/usr/share/syncup"
#endif
#define FILE_NAME "mongosync.json"
#define CORRECTED "/etc/syncup/" FILE_NAME
#define INSTALLED SYNCUP_DATADIR "/compat/" FILE_NAME

/* The folder of our own program; the caller frees. */
static char *program_folder(void)
{
	char self[PATH_MAX] = "";
	char *slash;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) <= 0)
		return memory_text("/");
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	return memory_text("%s", self);
}

/* Takes path.  True: that is the one, good or bad. */
static bool is_there(char *path, struct compat **ret_compat, char **ret_file,
	struct err *ret_why)
{
	*ret_why = (struct err){0};
	if (!compat_load(path, ret_compat, ret_why) &&
		ret_why->code == ERR_MISSING) {
		free(path);
		return false;
	}
	*ret_file = path;
	return true;
}

bool versions_load(const struct fleet *fleet, struct compat **ret_compat,
	char **ret_file, struct err *err)
{
	char *folder = program_folder();
	struct err why = {0};
	bool found;

	*ret_compat = NULL;
	*ret_file = NULL;
	if (fleet->compat)
		found = is_there(memory_text("%s", fleet->compat), ret_compat,
			ret_file, &why);
	else
		found = is_there(memory_text(CORRECTED), ret_compat, ret_file,
				&why) ||
			is_there(memory_text("%s/compat/" FILE_NAME, folder),
				ret_compat, ret_file, &why) || /* built */
			is_there(memory_text(
					 "%s/../share/syncup/compat/" FILE_NAME,
					 folder),
				ret_compat, ret_file, &why) ||
			is_there(memory_text(INSTALLED), ret_compat, ret_file,
				&why);
	free(folder);
	if (found && !*ret_compat)
		return err_set(err,
			why.code == ERR_MEMORY ? ERR_MEMORY : ERR_CONFIG, "%s",
			why.msg);
	if (found)
		return true;
	if (fleet->compat)
		return err_set(err, ERR_MISSING, "compat: %s is not there",
			fleet->compat);
	return err_set(err, ERR_MISSING,
		"no table of versions is there, neither " CORRECTED
		" nor " INSTALLED);
}
