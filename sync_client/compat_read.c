/*
 * compat_read.c - the table of versions, read from JSON: see compat_read.h.
 */
#include "sync_client/compat_read.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"

#define SCHEMA 1
#define PLACE_MAX 120 /* bytes of a path in a message */

static size_t print_place(
	const struct compat_place *place, char *to, size_t size)
{
	size_t len;
	int more;

	if (!place->above) {
		to[0] = '\0';
		return 0;
	}
	len = print_place(place->above, to, size);
	if (place->key)
		more = snprintf(to + len, size - len, "%s%s", len ? "." : "",
			place->key);
	else
		more = snprintf(to + len, size - len, "[%zu]", place->index);
	return len + (size_t)more < size ? len + (size_t)more : size - 1;
}

bool compat_refuse(
	struct err *err, const struct compat_place *place, const char *fmt, ...)
{
	char shown[PLACE_MAX], why[200];
	va_list args;

	(void)print_place(place, shown, sizeof(shown));
	va_start(args, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	return err_set(
		err, ERR_CONFIG, "%s%s%s", shown, shown[0] ? " " : "", why);
}

bool compat_no_memory(struct err *err)
{
	return err_sys(
		err, ERR_MEMORY, ENOMEM, "reading the table of versions");
}

/* ---- values ---- */

static bool looks_like_key(const char *key)
{
	size_t len = strspn(key, "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$");

	return len > 0 && len <= 40 && !key[len];
}

/* json is an object with these keys and no others; an optional one has a '?' in
 * front.  keys ends with NULL. */
bool compat_check_keys(const json_t *json, const struct compat_place *place,
	const char *const *keys, struct err *err)
{
	const char *key;
	json_t *value;

	if (!json_is_object(json))
		return compat_refuse(err, place, "must be an object");
	for (const char *const *known = keys; *known; known++)
		if (**known != '?' && !json_object_get(json, *known))
			return compat_refuse(
				err, place, "has no key \"%s\"", *known);
	json_object_foreach ((json_t *)json, key, value) {
		const char *const *known = keys;

		while (*known && strcmp(*known + (**known == '?'), key) != 0)
			known++;
		if (!*known && looks_like_key(key))
			return compat_refuse(
				err, place, "has an unknown key \"%s\"", key);
		if (!*known)
			return compat_refuse(err, place, "has an unknown key");
	}
	return true;
}

static bool has_control(const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < ' ' || c == 0x7f ||
			(c == 0xc2 && (unsigned char)text[1] < 0xa0))
			return true;
	}
	return false;
}

bool compat_read_text(const json_t *json, const struct compat_place *above,
	const char *key, char **ret_text, struct err *err)
{
	const struct compat_place place = {.above = above, .key = key};
	const char *text = json_string_value(json_object_get(json, key));

	if (!text || !*text)
		return compat_refuse(err, &place, "must be a text");
	if (strlen(text) > COMPAT_TEXT_MAX)
		return compat_refuse(err, &place,
			"must not have more than %u bytes", COMPAT_TEXT_MAX);
	if (has_control(text))
		return compat_refuse(
			err, &place, "must not have control characters");
	*ret_text = strdup(text);
	return *ret_text || compat_no_memory(err);
}

bool compat_read_words(const json_t *json, const struct compat_place *place,
	struct compat_words *words, struct err *err)
{
	return compat_read_text(json, place, "note", &words->note, err) &&
	       compat_read_text(
		       json, place, "documented", &words->documented, err);
}

/* Three numbers, each in one spelling only. */
static bool is_bound(const char *text)
{
	if (!version_is_valid(text) || strchr(text, '-'))
		return false;
	for (const char *at = text; at; at = strchr(at, '.')) {
		at += *at == '.';
		if (at[0] == '0' && at[1] >= '0' && at[1] <= '9')
			return false;
	}
	return true;
}

bool compat_read_bound(const json_t *json, const struct compat_place *above,
	const char *key, char ret_bound[VERSION_MAX], struct err *err)
{
	const struct compat_place place = {.above = above, .key = key};
	const char *text = json_string_value(json_object_get(json, key));

	if (!text || !is_bound(text))
		return compat_refuse(
			err, &place, "must be three numbers such as 1.13.0");
	(void)snprintf(ret_bound, VERSION_MAX, "%s", text);
	return true;
}

static bool read_range(const json_t *json, const struct compat_place *place,
	struct compat_range *range, struct err *err)
{
	static const char *const keys[] = {"at_least", "below", NULL};

	if (!compat_check_keys(json, place, keys, err) ||
		!compat_read_bound(
			json, place, "at_least", range->at_least, err) ||
		!compat_read_bound(json, place, "below", range->below, err))
		return false;
	return version_compare(range->at_least, range->below) < 0 ||
	       compat_refuse(err, place, "holds no version");
}

bool compat_read_sure(const json_t *json, const struct compat_place *above,
	bool *ret_is_stated, struct err *err)
{
	const struct compat_place place = {.above = above, .key = "sure"};
	const char *word = json_string_value(json_object_get(json, "sure"));

	*ret_is_stated = word && strcmp(word, "stated") == 0;
	return *ret_is_stated || (word && strcmp(word, "presumed") == 0) ||
	       compat_refuse(err, &place, "must be one of stated, presumed");
}

bool compat_check_list(const json_t *json, const struct compat_place *place,
	size_t least, size_t most, struct err *err)
{
	if (!json_is_array(json) || json_array_size(json) < least)
		return compat_refuse(err, place, "must be a list%s",
			least ? ", and not empty" : "");
	return json_array_size(json) <= most ||
	       compat_refuse(
		       err, place, "must not have more than %zu entries", most);
}

static bool read_from(const json_t *json, const struct compat_place *above,
	struct compat_entry *entry, struct err *err)
{
	const struct compat_place list = {.above = above, .key = "from"};
	const json_t *from = json_object_get(json, "from");

	if (!compat_check_list(from, &list, 1, COMPAT_RANGES_MAX, err))
		return false;
	for (size_t i = 0; i < json_array_size(from); i++) {
		const struct compat_place place = {.above = &list, .index = i};

		if (!read_range(json_array_get(from, i), &place,
			    &entry->from[entry->from_count++], err))
			return false;
	}
	return true;
}

static bool read_entry(const json_t *json, const struct compat_place *place,
	struct compat_entry *entry, struct err *err)
{
	static const char *const keys[] = {
		"versions", "from", "note", "documented", "sure", NULL};
	const struct compat_place versions = {
		.above = place, .key = "versions"};

	return compat_check_keys(json, place, keys, err) &&
	       read_range(json_object_get(json, "versions"), &versions,
		       &entry->versions, err) &&
	       read_from(json, place, entry, err) &&
	       compat_read_words(json, place, &entry->words, err) &&
	       compat_read_sure(json, place, &entry->words.is_stated, err);
}

static bool read_entries(const json_t *json, const struct compat_place *above,
	const char *key, struct compat_entries *entries, struct err *err)
{
	const struct compat_place list = {.above = above, .key = key};
	const json_t *from = json_object_get(json, key);

	if (!compat_check_list(from, &list, 1, COMPAT_ENTRIES_MAX, err))
		return false;
	entries->entry = calloc(json_array_size(from), sizeof(*entries->entry));
	if (!entries->entry)
		return compat_no_memory(err);
	for (size_t i = 0; i < json_array_size(from); i++) {
		const struct compat_place place = {.above = &list, .index = i};

		if (!read_entry(json_array_get(from, i), &place,
			    &entries->entry[entries->count++], err))
			return false;
	}
	return true;
}

static bool read_said(const json_t *json, const struct compat_place *above,
	const char *key, struct compat_words *words, struct err *err)
{
	static const char *const keys[] = {"note", "documented", NULL};
	const struct compat_place place = {.above = above, .key = key};
	const json_t *said = json_object_get(json, key);

	return compat_check_keys(said, &place, keys, err) &&
	       compat_read_words(said, &place, words, err);
}

/* ---- entries that speak of the same pair ---- */

static bool ranges_meet(
	const struct compat_range *a, const struct compat_range *b)
{
	return version_compare(a->at_least, b->below) < 0 &&
	       version_compare(b->at_least, a->below) < 0;
}

static bool entries_meet(
	const struct compat_entry *a, const struct compat_entry *b)
{
	if (!ranges_meet(&a->versions, &b->versions))
		return false;
	for (size_t i = 0; i < a->from_count; i++)
		for (size_t k = 0; k < b->from_count; k++)
			if (ranges_meet(&a->from[i], &b->from[k]))
				return true;
	return false;
}

/* The entry at place and all of others, up to the index before. */
static bool check_alone(const struct compat_entry *entry,
	const struct compat_place *place, const struct compat_entries *others,
	size_t before, const char *key, struct err *err)
{
	for (size_t i = 0; i < before; i++)
		if (entries_meet(entry, &others->entry[i]))
			return compat_refuse(err, place,
				"speaks of versions that %s[%zu] speaks of "
				"already",
				key, i);
	return true;
}

static bool check_entries(const struct compat *compat,
	const struct compat_place *above, struct err *err)
{
	const struct compat_place targets = {.above = above, .key = "targets"};
	const struct compat_place impossible = {
		.above = above, .key = "impossible"};
	const struct compat_entries *yes = &compat->targets;
	const struct compat_entries *no = &compat->impossible;

	for (size_t i = 0; i < yes->count; i++) {
		const struct compat_place place = {
			.above = &targets, .index = i};

		if (!check_alone(
			    &yes->entry[i], &place, yes, i, "targets", err))
			return false;
	}
	for (size_t i = 0; i < no->count; i++) {
		const struct compat_place place = {
			.above = &impossible, .index = i};

		if (!check_alone(&no->entry[i], &place, yes, yes->count,
			    "targets", err) ||
			!check_alone(&no->entry[i], &place, no, i, "impossible",
				err))
			return false;
	}
	return true;
}

/* ---- the whole file ---- */

static bool read_schema(
	const json_t *json, const struct compat_place *above, struct err *err)
{
	const struct compat_place place = {.above = above, .key = "schema"};
	const json_t *number = json_object_get(json, "schema");
	const json_t *editors = json_object_get(json, "$schema");

	if (!json_is_integer(number))
		return compat_refuse(err, &place, "must be a number");
	if (json_integer_value(number) != SCHEMA)
		return compat_refuse(err, &place,
			"is %" JSON_INTEGER_FORMAT
			", this version of syncup reads %d",
			json_integer_value(number), SCHEMA);
	if (editors && !json_is_string(editors))
		return compat_refuse(
			err, above, "has a \"$schema\" that is no text");
	return true;
}

bool compat_read_table(
	struct compat *compat, const json_t *json, struct err *err)
{
	static const char *const keys[] = {"?$schema", "schema", "about",
		"same", "downgrade", "otherwise", "targets", "impossible",
		"settings", "uri_options", "privileges", "?servers", NULL};
	const struct compat_place top = {0}, *file = &top;
	_cleanup_free_ char *about = NULL;

	/* First of all: another schema may well have other keys. */
	if (!json_is_object(json))
		return compat_refuse(err, file, "the file must hold an object");
	return read_schema(json, file, err) &&
	       compat_check_keys(json, file, keys, err) &&
	       compat_read_text(json, file, "about", &about, err) &&
	       read_said(json, file, "same", &compat->same, err) &&
	       read_said(json, file, "downgrade", &compat->downgrade, err) &&
	       read_said(json, file, "otherwise", &compat->otherwise, err) &&
	       read_entries(json, file, "targets", &compat->targets, err) &&
	       read_entries(
		       json, file, "impossible", &compat->impossible, err) &&
	       check_entries(compat, file, err) &&
	       compat_read_asks(compat, json, file, err);
}

void compat_free_words(struct compat_words *words)
{
	free(words->note);
	free(words->documented);
}
