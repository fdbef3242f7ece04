/*
 * place.c - from the operand to the state folder, its lock and its journal.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/journal.h"
#include "state/lock.h"
#include "supervisor/cli/cli.h"
#include "supervisor/install/claim.h"
#include "supervisor/report/journald.h"
#include "supervisor/steps/copies.h"

enum {
	LOCK_TRIES = 5,
	LOCK_REST_MS = 50,
};

struct traces { /* of a run whose journal is not there */
	const struct cli_place *place;
	const char *but; /* the run that an operator gave up, or NULL */
};

static bool leaf(
	const char *folder, const char *name, char **ret_path, struct err *err)
{
	if (asprintf(ret_path, "%s/%s", folder, name) >= 0)
		return true;
	*ret_path = NULL;
	return err_set(err, ERR_MEMORY, "out of memory");
}

bool cli_place_find(
	const char *operand, struct cli_place *ret_place, struct err *err)
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
	if (place.folder &&
		leaf(place.folder, "run.journal", &place.journal, err) &&
		leaf(place.folder, "request", &place.request, err) &&
		leaf(place.folder, "lock", &place.lock, err) &&
		leaf(place.folder, "history", &place.history, err)) {
		/* The folder is called like the fleet. */
		journald_about(strrchr(place.folder, '/') + 1, NULL);
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

/* status takes the lock too, for an instant. */
static bool lock_patiently(const char *path, int *ret_fd, struct err *err)
{
	const struct timespec rest = {.tv_nsec = LOCK_REST_MS * 1000000};

	for (int tries = 1; !lock_take(path, ret_fd, err); tries++) {
		if (err->code != ERR_HELD || tries == LOCK_TRIES)
			return false;
		(void)nanosleep(&rest, NULL);
	}
	return true;
}

bool cli_place_lock(
	const struct cli_place *place, bool make, int *ret_fd, struct err *err)
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
	} else if (access(place->lock, F_OK) != 0 && errno == ENOENT &&
		   access(place->journal, F_OK) != 0 && errno == ENOENT) {
		/* A mistyped folder is not made one of ours. */
		return err_set(err, ERR_MISSING, "there is no run in %s",
			place->folder);
	}
	return lock_patiently(place->lock, ret_fd, err);
}

static bool claim_is_known(
	void *arg, const char *name, const struct claim *claim, struct err *err)
{
	const struct traces *traces = arg;

	if (strcmp(claim->state_dir, traces->place->folder) != 0 ||
		(traces->but && strcmp(claim->run, traces->but) == 0))
		return true;
	return err_set(err, ERR_JOURNAL,
		"the journal of run %s is lost, and %s is still claimed by it; "
		"bring %s back",
		claim->run, name, traces->place->journal);
}

bool cli_place_check_traces(
	const struct cli_place *place, const char *but, struct err *err)
{
	struct traces traces = {place, but};
	_cleanup_free_ char *copy = NULL;

	if (!place->fleet)
		return true;
	if (!copies_unsettled(place->fleet, &copy, err))
		return false;
	if (copy && !(but && strncmp(copy, but, strlen(but)) == 0 &&
			    copy[strlen(but)] == '-'))
		return err_set(err, ERR_JOURNAL,
			"the metadata copy %s is of a run that did not end and "
			"whose journal is lost; bring %s back",
			copy, place->journal);
	return claim_each(
		place->fleet->install_root, claim_is_known, &traces, err);
}

struct lost { /* where a run's state is, by its claims */
	const char *run;
	char state_dir[sizeof(((struct claim *)0)->state_dir)];
};

static bool find_state(
	void *arg, const char *name, const struct claim *claim, struct err *err)
{
	struct lost *lost = arg;
	char host[sizeof(claim->host)] = "";

	(void)name, (void)err;
	(void)gethostname(host, sizeof(host) - 1);
	if (strcmp(claim->run, lost->run) == 0 &&
		strcmp(claim->host, host) == 0)
		(void)snprintf(lost->state_dir, sizeof(lost->state_dir), "%s",
			claim->state_dir);
	return true;
}

static bool is_same_folder(const char *a, const char *b)
{
	struct stat st_a, st_b;

	return stat(a, &st_a) == 0 && stat(b, &st_b) == 0 &&
	       st_a.st_dev == st_b.st_dev && st_a.st_ino == st_b.st_ino;
}

bool cli_place_lock_lost(const struct cli_place *place, const char *root,
	const char *run, int *ret_fd, struct err *err)
{
	struct lost lost = {.run = run};
	_cleanup_free_ char *lock = NULL;
	struct err why = {0};

	*ret_fd = -1;
	if (!claim_each(root, find_state, &lost, err))
		return false;
	/* In our own folder it is our own lock that keeps others out. */
	if (!lost.state_dir[0] || is_same_folder(lost.state_dir, place->folder))
		return true;
	if (!leaf(lost.state_dir, "lock", &lock, err))
		return false;
	if (lock_patiently(lock, ret_fd, &why) || why.sys == ENOENT)
		return true;
	return err_set(err, ERR_HELD, "run %s %s: %.250s", run,
		why.code == ERR_HELD ? "is not lost"
				     : "may not be lost, that cannot be told",
		why.msg);
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

int cli_fail_journal(const struct cli_place *place, const struct err *err)
{
	if (err->code != ERR_JOURNAL)
		return cli_fail(err);
	return cli_fail_next(err, "syncup journal verify %s", place->operand);
}

int cli_fail_traces(const struct cli_place *place, const struct err *err)
{
	if (err->code != ERR_JOURNAL)
		return cli_fail(err);
	return cli_fail_next(err,
		"syncup run --take-over RUN %s   only if it is gone for good",
		place->operand);
}
