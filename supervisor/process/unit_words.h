/*
 * unit_words.h - what one life of a unit said last, from the host's journal.
 */
#ifndef SUPERVISOR_PROCESS_UNIT_WORDS_H
#define SUPERVISOR_PROCESS_UNIT_WORDS_H

#include <event2/event.h>
#include <stdbool.h>

struct unit_words;

/* said: its last lines, scrubbed, at most PROCESS_SAID - 1 bytes, or why they
 * cannot be read. */
typedef void unit_words_fn(void *arg, const char *said);
/* Called once, never before this returns; false: cannot be asked. */
bool unit_words_ask(struct event_base *base, const char *invocation,
	unit_words_fn *done, void *arg, struct unit_words **ret_words);
void unit_words_cancel(struct unit_words *words); /* NULL is fine */

#endif
