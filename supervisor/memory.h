/*
 * memory.h - what the supervisor does when there is no memory: it ends.
 *
 * Its plans, records and questions are built of thousands of small pieces, and
 * one that is missing unnoticed (a name in "resume", an argument of a command)
 * would lose a sync.  To die is safe here at every instant, so it dies at the
 * first piece that cannot be had, as by a kill: exit 8, the same command goes
 * on.  main() gives these functions to jansson, libevent and libcurl as well
 * (libcurl 7.88 was seen to end by SIGFPE when a hash table had no memory).
 *
 * state/, sync_client/ and install/ return ERR_MEMORY instead, and so do
 * libcyaml and libarchive in their own ways.
 */
#ifndef SUPERVISOR_MEMORY_H
#define SUPERVISOR_MEMORY_H

#include <stddef.h>

/* Says so on standard error and ends this process, without exit handlers. */
_Noreturn void memory_out(void);
void *memory_must(void *p); /* p; NULL ends this process */
void *memory_alloc(size_t size);
void *memory_calloc(size_t count, size_t size);
char *memory_strdup(const char *text);
void *memory_realloc(void *p, size_t size);
/* A new text that the caller frees. */
char *memory_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
