/*
 * book.h - the one place where a run's journal is written.
 *
 * Scrubs what came from outside, keeps run_state equal to the journal, and
 * syncs: at once for what an effect rests on, within a second otherwise.
 * A failure to write or sync is final: nothing more is done in this life.
 */
#ifndef SUPERVISOR_ENGINE_BOOK_H
#define SUPERVISOR_ENGINE_BOOK_H

#include "supervisor/engine/engine.h"

struct book;

bool book_new(struct event_base *base, const struct engine_config *config,
	const json_t *plan, struct book **ret_book,
	struct err *err) WARN_UNUSED;
void book_free(struct book *book);
const struct run_state *book_state(const struct book *book);
/* A text for a body; of what is no UTF-8, such as a process's last words or a
 * character that was cut, each byte becomes '?'. */
json_t *book_text(const char *text);
/* body is stolen, also on failure; NULL, which nobody could read, is refused.
 */
bool book_write(struct book *book, const char *kind, json_t *body,
	struct err *err) WARN_UNUSED;
bool book_sync(struct book *book, struct err *err) WARN_UNUSED;
/* The error that ended this book's life, or NULL. */
const struct err *book_broken(const struct book *book);

#endif
