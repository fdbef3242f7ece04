/*
 * loop.h - questions in, answers out: one JSON object a line each way.
 *
 * The words are in supervisor/engine/helper.h; what the questions mean is the
 * table of whoever runs the loop.  Everything in a question's "uri" is scrubbed
 * from the error that answers it, and forgotten with the question.
 */
#ifndef SUPERVISOR_HELPER_LOOP_H
#define SUPERVISOR_HELPER_LOOP_H

#include <jansson.h>
#include <stddef.h>

#include "state/err.h"

/* ask is borrowed; the caller owns *ret_result, set only on success. */
typedef bool helper_op_fn(
	const json_t *ask, json_t **ret_result, struct err *err);

struct helper_op {
	const char *name;
	helper_op_fn *fn;
};

/* Ends when in closes: 0.  A line that is no question, or nobody who takes the
 * answer: 1, because whoever asks restarts us.  err says why. */
int helper_loop(const struct helper_op *ops, size_t count, int in, int out,
	struct err *err);
/* A member that must be a non-empty text; NULL with ERR_BUG set if it is not.
 */
const char *helper_text(const json_t *ask, const char *key, struct err *err);
/* Dies with whoever started us, even if it is killed; call first in main. */
void helper_follow_parent(void);

#endif
