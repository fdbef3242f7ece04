/*
 * manual.h - the parts of the man pages and the completions that are made of
 * the program's own tables, at build time.
 *
 * Each function writes one part.  False: a table lacks something, and what it
 * is was said on standard error.
 */
#ifndef SUPERVISOR_MANUAL_MANUAL_H
#define SUPERVISOR_MANUAL_MANUAL_H

#include <stdio.h>

#include "supervisor/cli/cli.h"

typedef bool manual_part_fn(FILE *out);

/* man_page.c, for man(7) */
bool manual_verbs(FILE *out); /* a subsection for each, with its options */
bool manual_words(FILE *out); /* what values and operands are */
bool manual_exits(FILE *out);
bool manual_keys(FILE *out); /* of a fleet file */

/* completion.c */
bool manual_bash(FILE *out); /* functions that answer from the tables */
bool manual_zsh(FILE *out);

/* Takes the next of the words that "show|verify" or "[VERB]" stands for off
 * *text; false when there are none.  A name with a row of its own in cli_words
 * is one word, whatever is in it. */
bool manual_next_word(const char **text, char *ret_word, size_t size);
/* Whether it stands for something, as FLEET does, and is not typed itself. */
bool manual_is_name(const char *word);
/* Each name that any verb uses has its row in cli_words. */
bool manual_check_words(void);

#endif
