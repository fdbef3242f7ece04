/*
 * compat.c - reading the table of versions, and asking it.
 */
#include "sync_client/compat.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"

#define SCHEMA 1
#define PLACE_MAX 120 /* bytes of a path in a message */

struct range { /* at_least <= version < below */
	char at_least[VERSION_MAX], below[VERSION_MAX];
};

struct words {
	char *note, *documented;
};

struct entry {
	struct range versions; /* that are upgraded to */
	struct range from[COMPAT_RANGES_MAX];
	size_t from_count;
	struct words words;
	bool is_stated;
};

struct entries {
	struct entry *entry;
	size_t count;
};

struct compat {
	struct entries targets, impossible;
	struct words same, downgrade, otherwise;
};

/* ---- where in the file we are, for messages ---- */

struct place {
	const struct place *above; /* NULL: the whole file */
	const char *key; /* NULL: an entry of a list */
	size_t index;
};

static size_t print_place(const struct place *place, char *to, size_t size)
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

static bool refuse(struct err *err, const struct place *place, const char *fmt,
	...) __attribute__((format(printf, 3, 4)));

static bool refuse(
	struct err *err, const struct place *place, const char *fmt, ...)
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

static bool no_memory(struct err *err)
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
static bool check_keys(const json_t *json, const struct place *place,
	const char *const *keys, struct err *err)
{
	const char *key;
	json_t *value;

	if (!json_is_object(json))
		return refuse(err, place, "must be an object");
	for (const char *const *known = keys; *known; known++)
		if (**known != '?' && !json_object_get(json, *known))
			return refuse(err, place, "has no key \"%s\"", *known);
	json_object_foreach ((json_t *)json, key, value) {
		const char *const *known = keys;

		while (*known && strcmp(*known + (**known == '?'), key) != 0)
			known++;
		if (!*known && looks_like_key(key))
			return refuse(
				err, place, "has an unknown key \"%s\"", key);
		if (!*known)
			return refuse(err, place, "has an unknown key");
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

static bool read_text(const json_t *json, const struct place *above,
	const char *key, char **ret_text, struct err *err)
{
	const struct place place = {.above = above, .key = key};
	const char *text = json_string_value(json_object_get(json, key));

	if (!text || !*text)
		return refuse(err, &place, "must be a text");
	if (strlen(text) > COMPAT_TEXT_MAX)
		return refuse(err, &place, "must not have more than %u bytes",
			COMPAT_TEXT_MAX);
	if (has_control(text))
		return refuse(err, &place, "must not have control characters");
	*ret_text = strdup(text);
	return *ret_text || no_memory(err);
}

static bool read_words(const json_t *json, const struct place *place,
	struct words *words, struct err *err)
{
	return read_text(json, place, "note", &words->note, err) &&
	       read_text(json, place, "documented", &words->documented, err);
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

static bool read_bound(const json_t *json, const struct place *above,
	const char *key, char ret_bound[VERSION_MAX], struct err *err)
{
	const struct place place = {.above = above, .key = key};
	const char *text = json_string_value(json_object_get(json, key));

	if (!text || !is_bound(text))
		return refuse(
			err, &place, "must be three numbers such as 1.13.0");
	(void)snprintf(ret_bound, VERSION_MAX, "%s", text);
	return true;
}

static bool read_range(const json_t *json, const struct place *place,
	struct range *range, struct err *err)
{
	static const char *const keys[] = {"at_least", "below", NULL};

	if (!check_keys(json, place, keys, err) ||
		!read_bound(json, place, "at_least", range->at_least, err) ||
		!read_bound(json, place, "below", range->below, err))
		return false;
	return version_compare(range->at_least, range->below) < 0 ||
	       refuse(err, place, "holds no version");
}

static bool read_sure(const json_t *json, const struct place *above,
	bool *ret_is_stated, struct err *err)
{
	const struct place place = {.above = above, .key = "sure"};
	const char *word = json_string_value(json_object_get(json, "sure"));

	*ret_is_stated = word && strcmp(word, "stated") == 0;
	return *ret_is_stated || (word && strcmp(word, "presumed") == 0) ||
	       refuse(err, &place, "must be one of stated, presumed");
}

static bool read_list(const json_t *json, const struct place *place,
	size_t most, struct err *err)
{
	if (!json_is_array(json) || json_array_size(json) == 0)
		return refuse(err, place, "must be a list, and not empty");
	return json_array_size(json) <= most ||
	       refuse(err, place, "must not have more than %zu entries", most);
}

static bool read_from(const json_t *json, const struct place *above,
	struct entry *entry, struct err *err)
{
	const struct place list = {.above = above, .key = "from"};
	const json_t *from = json_object_get(json, "from");

	if (!read_list(from, &list, COMPAT_RANGES_MAX, err))
		return false;
	for (size_t i = 0; i < json_array_size(from); i++) {
		const struct place place = {.above = &list, .index = i};

		if (!read_range(json_array_get(from, i), &place,
			    &entry->from[entry->from_count++], err))
			return false;
	}
	return true;
}

static bool read_entry(const json_t *json, const struct place *place,
	struct entry *entry, struct err *err)
{
	static const char *const keys[] = {
		"versions", "from", "note", "documented", "sure", NULL};
	const struct place versions = {.above = place, .key = "versions"};

	return check_keys(json, place, keys, err) &&
	       read_range(json_object_get(json, "versions"), &versions,
		       &entry->versions, err) &&
	       read_from(json, place, entry, err) &&
	       read_words(json, place, &entry->words, err) &&
	       read_sure(json, place, &entry->is_stated, err);
}

static bool read_entries(const json_t *json, const struct place *above,
	const char *key, struct entries *entries, struct err *err)
{
	const struct place list = {.above = above, .key = key};
	const json_t *from = json_object_get(json, key);

	if (!read_list(from, &list, COMPAT_ENTRIES_MAX, err))
		return false;
	entries->entry = calloc(json_array_size(from), sizeof(*entries->entry));
	if (!entries->entry)
		return no_memory(err);
	for (size_t i = 0; i < json_array_size(from); i++) {
		const struct place place = {.above = &list, .index = i};

		if (!read_entry(json_array_get(from, i), &place,
			    &entries->entry[entries->count++], err))
			return false;
	}
	return true;
}

static bool read_said(const json_t *json, const struct place *above,
	const char *key, struct words *words, struct err *err)
{
	static const char *const keys[] = {"note", "documented", NULL};
	const struct place place = {.above = above, .key = key};
	const json_t *said = json_object_get(json, key);

	return check_keys(said, &place, keys, err) &&
	       read_words(said, &place, words, err);
}

/* ---- entries that speak of the same pair ---- */

static bool ranges_meet(const struct range *a, const struct range *b)
{
	return version_compare(a->at_least, b->below) < 0 &&
	       version_compare(b->at_least, a->below) < 0;
}

static bool entries_meet(const struct entry *a, const struct entry *b)
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
static bool check_alone(const struct entry *entry, const struct place *place,
	const struct entries *others, size_t before, const char *key,
	struct err *err)
{
	for (size_t i = 0; i < before; i++)
		if (entries_meet(entry, &others->entry[i]))
			return refuse(err, place,
				"speaks of versions that %s[%zu] speaks of "
				"already",
				key, i);
	return true;
}

static bool check_entries(
	const struct compat *compat, const struct place *above, struct err *err)
{
	const struct place targets = {.above = above, .key = "targets"};
	const struct place impossible = {.above = above, .key = "impossible"};
	const struct entries *yes = &compat->targets;
	const struct entries *no = &compat->impossible;

	for (size_t i = 0; i < yes->count; i++) {
		const struct place place = {.above = &targets, .index = i};

		if (!check_alone(
			    &yes->entry[i], &place, yes, i, "targets", err))
			return false;
	}
	for (size_t i = 0; i < no->count; i++) {
		const struct place place = {.above = &impossible, .index = i};

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
	const json_t *json, const struct place *above, struct err *err)
{
	const struct place place = {.above = above, .key = "schema"};
	const json_t *number = json_object_get(json, "schema");
	const json_t *editors = json_object_get(json, "$schema");

	if (!json_is_integer(number))
		return refuse(err, &place, "must be a number");
	if (json_integer_value(number) != SCHEMA)
		return refuse(err, &place,
			"is %" JSON_INTEGER_FORMAT
			", this version of syncup reads %d",
			json_integer_value(number), SCHEMA);
	if (editors && !json_is_string(editors))
		return refuse(err, above, "has a \"$schema\" that is no text");
	return true;
}

static bool read_file(struct compat *compat, const json_t *json,
	const struct place *file, struct err *err)
{
	static const char *const keys[] = {"?$schema", "schema", "about",
		"same", "downgrade", "otherwise", "targets", "impossible",
		NULL};
	_cleanup_free_ char *about = NULL;

	/* First of all: another schema may well have other keys. */
	if (!json_is_object(json))
		return refuse(err, file, "the file must hold an object");
	return read_schema(json, file, err) &&
	       check_keys(json, file, keys, err) &&
	       read_text(json, file, "about", &about, err) &&
	       read_said(json, file, "same", &compat->same, err) &&
	       read_said(json, file, "downgrade", &compat->downgrade, err) &&
	       read_said(json, file, "otherwise", &compat->otherwise, err) &&
	       read_entries(json, file, "targets", &compat->targets, err) &&
	       read_entries(
		       json, file, "impossible", &compat->impossible, err) &&
	       check_entries(compat, file, err);
}

bool compat_read(const char *file, const char *text, size_t len,
	struct compat **ret_compat, struct err *err)
{
	const struct place top = {0};
	_cleanup_json_ json_t *json = NULL;
	struct compat *compat;
	json_error_t why;
	bool ok;

	if (len > COMPAT_FILE_MAX)
		return err_set(err, ERR_CONFIG, "%s has more than %u bytes",
			file, COMPAT_FILE_MAX);
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	/* jansson's own sentence quotes the file, whatever is in it */
	if (!json)
		return err_set(err, ERR_CONFIG,
			"%s:%d: no JSON, or a key is there twice", file,
			why.line);
	compat = calloc(1, sizeof(*compat));
	if (!compat)
		return no_memory(err);
	ok = read_file(compat, json, &top, err);
	if (!ok) {
		compat_free(compat);
		return err_wrap(err, "%s", file);
	}
	*ret_compat = compat;
	return true;
}

bool compat_load(const char *path, struct compat **ret_compat, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	return atomic_file_read(path, COMPAT_FILE_MAX, &text, &len, err) &&
	       compat_read(path, text, len, ret_compat, err);
}

static void free_words(struct words *words)
{
	free(words->note);
	free(words->documented);
}

static void free_entries(struct entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		free_words(&entries->entry[i].words);
	free(entries->entry);
}

void compat_free(struct compat *compat)
{
	if (!compat)
		return;
	free_entries(&compat->targets);
	free_entries(&compat->impossible);
	free_words(&compat->same);
	free_words(&compat->downgrade);
	free_words(&compat->otherwise);
	free(compat);
}

/* ---- questions ---- */

static bool is_in(const struct range *range, const char *version)
{
	return version_compare(range->at_least, version) <= 0 &&
	       version_compare(version, range->below) < 0;
}

static bool is_from(const struct entry *entry, const char *from)
{
	for (size_t i = 0; i < entry->from_count; i++)
		if (is_in(&entry->from[i], from))
			return true;
	return false;
}

static const struct entry *find_entry(
	const struct entries *entries, const char *from, const char *to)
{
	for (size_t i = 0; i < entries->count; i++)
		if (is_in(&entries->entry[i].versions, to) &&
			is_from(&entries->entry[i], from))
			return &entries->entry[i];
	return NULL;
}

/* Only the first version of an entry is sure to have been released. */
static void find_nearest(const struct entries *targets, const char *from,
	const char *to, char ret_nearest[VERSION_MAX])
{
	const char *below = NULL, *above = NULL;

	for (size_t i = 0; i < targets->count; i++) {
		const char *first = targets->entry[i].versions.at_least;

		if (version_compare(first, from) <= 0 ||
			!is_from(&targets->entry[i], from))
			continue;
		if (version_compare(first, to) < 0) {
			if (!below || version_compare(first, below) > 0)
				below = first;
		} else if (!above || version_compare(first, above) < 0) {
			above = first;
		}
	}
	if (!below)
		below = above ? above : "";
	(void)snprintf(ret_nearest, VERSION_MAX, "%s", below);
}

static void say(struct compat_answer *answer, enum compat_verdict verdict,
	const struct words *words, bool is_stated)
{
	answer->verdict = verdict;
	answer->is_stated = is_stated;
	answer->note = words->note;
	answer->documented = words->documented;
}

bool compat_judge(const struct compat *compat, const char *from, const char *to,
	struct compat_answer *ret_answer, struct err *err)
{
	const struct entry *entry = NULL;
	int order;

	if (!version_is_valid(from) || !version_is_valid(to))
		return err_set(err, ERR_CONFIG,
			"one of the two is no version such as 1.13.0");
	memset(ret_answer, 0, sizeof(*ret_answer));
	order = version_compare(from, to);
	if (order == 0) {
		say(ret_answer, COMPAT_DOCUMENTED, &compat->same, true);
		return true;
	}
	if (order > 0) {
		say(ret_answer, COMPAT_DOWNGRADE, &compat->downgrade, true);
		return true;
	}
	/* What is said of 1.13.0 is not said of 1.13.0-rc1. */
	if (!strchr(from, '-') && !strchr(to, '-')) {
		entry = find_entry(&compat->targets, from, to);
		if (entry) {
			say(ret_answer, COMPAT_DOCUMENTED, &entry->words,
				entry->is_stated);
			return true;
		}
		entry = find_entry(&compat->impossible, from, to);
	}
	if (entry) {
		say(ret_answer, COMPAT_IMPOSSIBLE, &entry->words,
			entry->is_stated);
		find_nearest(&compat->targets, from, to, ret_answer->nearest);
	} else {
		say(ret_answer, COMPAT_UNKNOWN, &compat->otherwise, false);
	}
	return true;
}

const char *compat_verdict_name(enum compat_verdict verdict)
{
	static const char *const names[] = {
		[COMPAT_UNKNOWN] = "unknown",
		[COMPAT_DOCUMENTED] = "documented",
		[COMPAT_IMPOSSIBLE] = "impossible",
		[COMPAT_DOWNGRADE] = "downgrade",
	};

	return names[verdict];
}
