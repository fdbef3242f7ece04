/*
 * claim.h - which run owns an instance or a link, on the host itself.
 *
 * <install root>/.syncup/claims/<name>.json, created with O_EXCL and synced:
 * {"run","host","pid","state_dir","fleet","since","versions":[...]}.
 * On disk: never rename a member.
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
};

/* '/' and other bytes unfit for a file name in `name` are percent-encoded. */
bool claim_create(const char *root, const char *name, const struct claim *claim,
	struct err *err)
	WARN_UNUSED; /* ERR_HELD names the owner; ours: success */
bool claim_read(const char *root, const char *name, struct claim *ret_claim,
	struct err *err) WARN_UNUSED; /* ERR_MISSING */
/* Is it ours?  ERR_HELD names whose it is, ERR_MISSING: nobody's. */
bool claim_check(const char *root, const char *name, const char *run,
	struct err *err) WARN_UNUSED;
/* Replaces another's claim by ours (--take-over). */
bool claim_take_over(const char *root, const char *name,
	const struct claim *claim, struct err *err) WARN_UNUSED;
bool claim_remove(const char *root, const char *name, const char *run,
	struct err *err) WARN_UNUSED; /* only ours; missing is success */
/* What was found claimed, or not, stays so: whoever did it may have been killed
 * before the sync. */
bool claim_sync(const char *root, struct err *err) WARN_UNUSED;
/* Calls fn for every claim below root. */
typedef bool claim_fn(void *arg, const char *name, const struct claim *claim,
	struct err *err);
bool claim_each(
	const char *root, claim_fn *fn, void *arg, struct err *err) WARN_UNUSED;

#endif
