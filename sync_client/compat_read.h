/*
 * compat_read.h - what the parts of compat share: the table in memory, and how
 * a value of the file is read, or refused with the path to it.
 */
#ifndef SYNC_CLIENT_COMPAT_READ_H
#define SYNC_CLIENT_COMPAT_READ_H

#include <jansson.h>

#include "sync_client/compat.h"

struct compat_range { /* at_least <= version < below */
	char at_least[VERSION_MAX], below[VERSION_MAX];
};

struct compat_entry {
	struct compat_range versions; /* that are upgraded to */
	struct compat_range from[COMPAT_RANGES_MAX];
	size_t from_count;
	struct compat_words words;
};

struct compat_entries {
	struct compat_entry *entry;
	size_t count;
};

struct compat {
	struct compat_entries targets, impossible;
	struct compat_words same, downgrade, otherwise;
	struct compat_setting *setting;
	struct compat_option *option;
	struct compat_need *need;
	struct compat_server *server;
	size_t setting_count, option_count, need_count, server_count;
};

struct compat_place { /* where in the file we are, for messages */
	const struct compat_place *above; /* NULL: the whole file */
	const char *key; /* NULL: an entry of a list */
	size_t index;
};

bool compat_refuse(struct err *err, const struct compat_place *place,
	const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool compat_no_memory(struct err *err);
/* json is an object with these keys and no others; an optional one has a '?' in
 * front.  keys ends with NULL. */
bool compat_check_keys(const json_t *json, const struct compat_place *place,
	const char *const *keys, struct err *err) WARN_UNUSED;
bool compat_check_list(const json_t *json, const struct compat_place *place,
	size_t least, size_t most, struct err *err) WARN_UNUSED;
bool compat_read_text(const json_t *json, const struct compat_place *above,
	const char *key, char **ret_text, struct err *err) WARN_UNUSED;
bool compat_read_words(const json_t *json, const struct compat_place *place,
	struct compat_words *words, struct err *err) WARN_UNUSED;
bool compat_read_sure(const json_t *json, const struct compat_place *above,
	bool *ret_is_stated, struct err *err) WARN_UNUSED;
bool compat_read_bound(const json_t *json, const struct compat_place *above,
	const char *key, char ret_bound[VERSION_MAX],
	struct err *err) WARN_UNUSED;
void compat_free_words(struct compat_words *words);

/* compat_asks.c: what a version asks of its surroundings. */
bool compat_read_asks(struct compat *compat, const json_t *json,
	const struct compat_place *file, struct err *err) WARN_UNUSED;
void compat_free_asks(struct compat *compat);

/* compat_read.c */
bool compat_read_table(
	struct compat *compat, const json_t *json, struct err *err) WARN_UNUSED;

#endif
