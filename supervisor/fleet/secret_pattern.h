/*
 * secret_pattern.h - what looks like a secret, in any text.
 *
 * Marks bytes; who emits the text replaces each run of marks.  Judged is always
 * the original text, so that one finding never hides another.  Each pass
 * is linear in the text.  When in doubt, more is marked.
 */
#ifndef SUPERVISOR_FLEET_SECRET_PATTERN_H
#define SUPERVISOR_FLEET_SECRET_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* Is this the name of something secret ("keyPassword", "AWS_SESSION_TOKEN")?
 * A name that ends in file or path only says where one is. */
bool secret_pattern_is_key(const char *key, size_t len);
/* Userinfo of every URI, whole or cut, and user:pass@ without a scheme. */
void secret_pattern_mark_uris(const char *text, size_t len, char *marks);
/* Values of password-like keys: JSON (also inside a JSON string), YAML,
 * key=value, query strings, --key value. */
void secret_pattern_mark_keys(const char *text, size_t len, char *marks);

#endif
