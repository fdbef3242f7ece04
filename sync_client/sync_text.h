/*
 * sync_text.h - words of a sync process, made safe to keep, show and log.
 *
 * They come from outside: control characters become spaces, what is no UTF-8
 * becomes "?" (a JSON text cannot hold it), the userinfo of any URI becomes
 * "***" (before anything is cut, so that no half of a password is left), and
 * what does not fit is cut between two characters.
 */
#ifndef SYNC_CLIENT_SYNC_TEXT_H
#define SYNC_CLIENT_SYNC_TEXT_H

#include <stddef.h>

#define SYNC_TEXT_CLEAN_MAX 1024

/* from NULL: "". */
void sync_text_copy(char *to, size_t size, const char *from);
/* The same in place, for what snprintf() has cut anywhere; size is at most
 * SYNC_TEXT_CLEAN_MAX. */
void sync_text_clean(char *text, size_t size);

#endif
