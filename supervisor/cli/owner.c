/*
 * owner.c - whose a state folder is.
 *
 * What somebody else writes there, root too, its owner cannot read any more:
 * the next run of the timer would not know of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "supervisor/cli/cli.h"
#include "supervisor/memory.h"
#include "supervisor/process/process.h"

/* Below a folder that we may not look into it is that one's owner.  False: it
 * is not there, and will be ours. */
static bool find_owner(const char *folder, uid_t *ret_owner)
{
	_cleanup_free_ char *path = memory_strdup(folder);
	struct stat st;
	char *slash;

	while (stat(path, &st) != 0) {
		slash = strrchr(path, '/');
		if (errno != EACCES || !slash || slash == path)
			return false;
		*slash = '\0';
	}
	*ret_owner = st.st_uid;
	return true;
}

/* As they were typed. */
static char *words_of(const struct cli_args *args)
{
	const struct cli_option *options = args->verb->options;
	char *words = memory_text("%s", args->verb->name);

	for (unsigned i = 0; options[i].name; i++) {
		const char *value = args->value[i];
		char *more;

		if (!value)
			continue;
		more = memory_text("%s --%s%s%s", words, options[i].name,
			options[i].value ? "=" : "",
			options[i].value ? value : "");
		free(words);
		words = more;
	}
	return words;
}

int cli_place_refuse_other(
	const struct cli_place *place, const struct cli_args *args)
{
	_cleanup_free_ char *words = NULL;
	uid_t owner, ours = geteuid();
	struct err err = {0};
	char user[65];

	if (!find_owner(place->folder, &owner) || owner == ours)
		return 0;
	process_user_name(owner, user, sizeof(user));
	words = words_of(args);
	(void)err_set(&err, ERR_CONFIG,
		"%s belongs to user %s, who alone works with it", place->folder,
		user);
	return cli_fail_next(&err, "%s -u %s %ssyncup %s %s",
		ours == 0 ? "runuser" : "sudo", user, ours == 0 ? "-- " : "",
		words, place->operand);
}
