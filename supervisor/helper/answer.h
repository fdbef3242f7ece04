/*
 * answer.h - the line that answers a question (supervisor/engine/helper.h):
 * made by who is asked, read by who asks.
 */
#ifndef SUPERVISOR_HELPER_ANSWER_H
#define SUPERVISOR_HELPER_ANSWER_H

#include <jansson.h>
#include <stddef.h>

#include "state/err.h"

/* The whole answer; takes over result, or tells why there is none, scrubbed.
 * NULL: no memory. */
json_t *answer_make(const json_t *id, json_t *result, struct err *why);
/* True with what the caller owns; false with what they answered in err, or with
 * err->code ERR_NONE if this is no answer to that question.  err is not NULL.
 */
bool answer_read(const char *op, json_int_t id, const char *line, size_t len,
	json_t **ret_result, struct err *err);
/* Control characters become spaces: servers answer in many lines. */
void answer_clean_text(char *text);

#endif
