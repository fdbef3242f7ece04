/*
 * subjects.h - what the rounds are played with.
 */
#ifndef TESTS_FAULT_MEMORY_SUBJECTS_H
#define TESTS_FAULT_MEMORY_SUBJECTS_H

#include "rounds.h"

/* Each ends with one that has no name. */
extern const struct subject subjects_state[]; /* records, journal, fold */
extern const struct subject subjects_files[]; /* files, claims, archives */
extern const struct subject subjects_http[]; /* requests and answers */
/* With the allocators that main() gives to jansson and libevent. */
extern const struct subject subjects_supervisor[];

extern char subject_dir[200]; /* a folder for all of them */
/* The path of name in it; four may be in use at a time. */
const char *subject_path(const char *name);

void subjects_state_begin(void);
void subjects_files_begin(void);
void subjects_supervisor_begin(void);
void subjects_http_begin(void); /* starts a server */
void subjects_http_end(void);

#endif
