/*
 * claim.h - which run owns an instance or a link, on the host itself.
 *
 * <install root>/.syncup/claims/<name>.json, created with O_EXCL and synced:
 * {"run","host","pid","state_dir","fleet","since","versions":[...],"port"}.
 * On disk: never rename a member.
 *
 * One thing may have two names: two fleets call an instance differently, or
 * write a link's path differently.  So two claims are of the same thing if
 * they have the same name, or the same port (a process has one of its own on
 * its host), or are paths to the same entry of the same directory, however
 * that is reached.  Who changes claims holds a flock on their directory.
 */
#ifndef SUPERVISOR_INSTALL_CLAIM_H
#define SUPERVISOR_INSTALL_CLAIM_H

#include <jansson.h>

#include "state/err.h"

struct claim {
	char run[64];
	char host[65]; /* the supervisor's */
	char state_dir[512]; /* where its journal is */
	char fleet[128];
	int pid; /* the supervisor's; for messages only */
	int64_t since_ms; /* wall clock */
	char from[32], to[32]; /* versions that must not be pruned */
	int port; /* of a process; 0: a link, or written by an older syncup */
};

/*
 * '/' and other bytes unfit for a file name in `name` are percent-encoded.
 * What a person has to put right, such as a directory that we may not write,
 * is ERR_CONFIG.
 */

struct claim_thing { /* what a claim is on */
	const char *name; /* NULL ends a list */
	int port;
};

/* ERR_HELD names the owner, also if it has claimed the same thing by another
 * name; a claim of ours is success.  `lane` is what has to be ours together: if
 * any of it is another's, nothing is claimed, so that of two runs that want
 * the same one gets all of it.  NULL: just this. */
bool claim_create(const char *root, const char *name, const struct claim *claim,
	const struct claim_thing *lane, struct err *err) WARN_UNUSED;
/* Makes the claims of run `from` on this thing ours (--take-over), and creates
 * what is missing.  ERR_HELD: it is somebody else's by now. */
bool claim_take_over(const char *root, const char *name,
	const struct claim *claim, const char *from,
	const struct claim_thing *lane, struct err *err) WARN_UNUSED;
bool claim_read(const char *root, const char *name, struct claim *ret_claim,
	struct err *err) WARN_UNUSED; /* ERR_MISSING */
/* The claim on the same thing, by whatever name; but none of run `but` (NULL:
 * of any run).  ERR_MISSING. */
bool claim_find(const char *root, const char *name, int port, const char *but,
	struct claim *ret_claim, struct err *err) WARN_UNUSED;
/* Is it ours, by exactly this name?  ERR_HELD names whose it is, ERR_MISSING:
 * nobody's. */
bool claim_check(const char *root, const char *name, const char *run,
	struct err *err) WARN_UNUSED;
bool claim_remove(const char *root, const char *name, const char *run,
	struct err *err) WARN_UNUSED; /* only ours; missing is success */
/* Can claims be made below root?  ERR_CONFIG says why not.  Changes nothing. */
bool claim_check_writable(const char *root, struct err *err) WARN_UNUSED;
/* Removes what killed supervisors left beside the claims: temporary files that
 * are older than a day. */
bool claim_sweep(const char *root, struct err *err) WARN_UNUSED;
/* What was found claimed, or not, stays so: whoever did it may have been killed
 * before the sync. */
bool claim_sync(const char *root, struct err *err) WARN_UNUSED;
/* Calls fn for every claim below root. */
typedef bool claim_fn(void *arg, const char *name, const struct claim *claim,
	struct err *err);
bool claim_each(
	const char *root, claim_fn *fn, void *arg, struct err *err) WARN_UNUSED;

#endif
