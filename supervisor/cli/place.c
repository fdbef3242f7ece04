/*
 * place.c - from the operand to the state folder, its lock and its journal.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "state/atomic_file.h"
#include "state/journal.h"
#include "state/lock.h"
#include "supervisor/cli/cli.h"
#include "supervisor/fleet/secret.h"

static bool leaf(const char *folder, const char *name, char **ret_path,
	struct err *err)
{
	if (asprintf(ret_path, "%s/%s", folder, name) >= 0)
		return true;
	*ret_path = NULL;
	return err_set(err, ERR_BUG, "out of memory");
}

bool cli_place_find(const char *operand, struct cli_place *ret_place,
	struct err *err)
{
	struct cli_place place = {.operand = operand};
	struct stat st;

	if (stat(operand, &st) == 0 && S_ISDIR(st.st_mode)) {
		place.folder = realpath(operand, NULL);
	} else {
		if (!fleet_load(operand, &place.fleet, err))
			return false;
		place.folder = fleet_state_path(place.fleet, NULL);
	}
	if (place.folder && leaf(place.folder, "run.journal", &place.journal, err) &&
		leaf(place.folder, "request", &place.request, err) &&
		leaf(place.folder, "lock", &place.lock, err) &&
		leaf(place.folder, "history", &place.history, err)) {
		*ret_place = place;
		return true;
	}
	cli_place_done(&place);
	return false;
}

void cli_place_done(struct cli_place *place)
{
	fleet_free(place->fleet);
	free(place->folder);
	free(place->journal);
	free(place->request);
	free(place->lock);
	free(place->history);
}

bool cli_place_lock(const struct cli_place *place, bool make, int *ret_fd,
	struct err *err)
{
	char *metadata;
	bool ok;

	if (make) {
		if (!atomic_mkdir(place->folder, 0700, err) ||
			!lock_check_filesystem(place->folder, err) ||
			!atomic_mkdir(place->history, 0700, err) ||
			!leaf(place->folder, "metadata", &metadata, err))
			return false;
		ok = atomic_mkdir(metadata, 0700, err);
		free(metadata);
		if (!ok)
			return false;
	}
	return lock_take(place->lock, ret_fd, err);
}

bool cli_place_read(const struct cli_place *place, struct run_state *ret_state,
	struct err *err)
{
	memset(ret_state, 0, sizeof(*ret_state));
	if (journal_read(place->journal, run_state_apply, ret_state, NULL, err))
		return true;
	run_state_done(ret_state);
	return false;
}

int cli_fail(const struct err *err, const char *next)
{
	char msg[sizeof(err->msg)];

	(void)snprintf(msg, sizeof(msg), "%s", err->msg);
	scrub_in_place(msg, sizeof(msg));
	(void)fprintf(stderr, "syncup: %s\n", msg);
	if (next && next[0])
		(void)fprintf(stderr, "Type: %s\n", next);
	return err_exit_code(err->code);
}
