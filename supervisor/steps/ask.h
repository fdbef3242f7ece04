/*
 * ask.h - steps ask the host that their target is on.
 *
 * One question at a time, which ends with the step.  What is asked of this
 * machine is mostly answered before ask_host() returns.
 */
#ifndef SUPERVISOR_STEPS_ASK_H
#define SUPERVISOR_STEPS_ASK_H

#include "supervisor/engine/step.h"

enum {
	ASK_MS = 30000, /* for what is quick */
	ASK_LONG_MS = 600000, /* for what reads or writes much */
};

/* ask is stolen; done gets the step as its arg. */
bool ask_host(struct step_run *run, const struct target *target, const char *op,
	json_t *ask, int64_t timeout_ms, host_fn *done,
	struct err *err) WARN_UNUSED;
/* host_put() in the same way. */
bool ask_put(struct step_run *run, const char *path, const char *sha256,
	int64_t timeout_ms, host_fn *done, struct err *err) WARN_UNUSED;
/* done for an act whose answer says nothing more. */
host_fn ask_acted;
/* Under which claim a question changes something: the target's own. */
json_t *ask_ours(const struct step_run *run);
/* The install root on the hosts of this run. */
const char *ask_root(const struct step_run *run);

/* The hosts of a step's lane, one after the other, by the lane's link there
 * (NULL: that was the last); memory keeps which one it is. */
void ask_first_host(struct step_run *run);
void ask_next_host(struct step_run *run);
const struct target *ask_host_link(const struct step_run *run);

/* What a child of ours told: its JSON, which the caller owns, or the "err" in
 * it, or that it ended without a word. */
bool ask_child_said(const struct child_end *end, json_t **ret_said,
	struct err *err) WARN_UNUSED;

#endif
