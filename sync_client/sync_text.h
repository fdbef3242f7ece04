/*
 * sync_text.h - words of a sync process, made safe to keep, show and log.
 *
 * They come from outside: control characters become spaces, the userinfo of
 * any URI becomes "***" (before anything is cut, so that no half of a password
 * is left), and what does not fit is cut between two UTF-8 characters.
 */
#ifndef SYNC_CLIENT_SYNC_TEXT_H
#define SYNC_CLIENT_SYNC_TEXT_H

#include <stddef.h>

/* from NULL: "".  from is valid UTF-8, as jansson's strings are. */
void sync_text_copy(char *to, size_t size, const char *from);

#endif
