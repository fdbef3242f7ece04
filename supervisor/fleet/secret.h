/*
 * secret.h - connection strings and the like, and the one scrubber.
 *
 * A struct secret is never formatted by accident: it has no text but "***".
 * Everything that comes from outside (log tails, answers, unit output) passes
 * scrub() before it is stored or shown: userinfo in any URI, values of
 * password-like keys (JSON, YAML, key=value, query strings), and every known
 * secret's literal and percent-encoded text become "***".
 */
#ifndef SUPERVISOR_FLEET_SECRET_H
#define SUPERVISOR_FLEET_SECRET_H

#include <jansson.h>
#include <stdbool.h>

struct secret {
	char *value; /* owned; only secret_reveal() may look */
};

void secret_set(struct secret *secret, const char *value); /* copies */
void secret_done(struct secret *secret); /* wipes */
const char *secret_reveal(const struct secret *secret); /* for the wire only */

/* What is scrubbed: process-wide, because a message may come from anywhere.
 * A URI adds its password (decoded and encoded) and its whole userinfo. */
void scrub_add_uri(const char *uri);
void scrub_add(const char *text); /* ignored if shorter than 4 bytes */
void scrub_forget(void); /* for tests and at the end */
/* A scrubbed copy that the caller frees; never NULL (aborts without memory). */
char *scrub(const char *text);
void scrub_in_place(
	char *text, size_t size); /* fixed buffers: may cut the end */
/* The last line of what a program printed, "" for none: scrubbed before it is
 * cut, because half a connection string is not known for one. */
void scrub_last_line(const char *output, char *ret_line, size_t size);
/* Every string in an object or an array, in depth. */
void scrub_json(json_t *value);
/* Would scrub() hide part of it even if no secret were known? */
bool secret_shows(const char *text);

#endif
