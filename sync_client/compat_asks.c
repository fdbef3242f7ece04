/*
 * compat_asks.c - what a version asks of its surroundings: keys of its
 * configuration, options of its connection strings, privileges of its users,
 * and which servers it does not support.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync_client/compat_read.h"

#define WORD_MAX 80 /* bytes of a key, an option, an action */

/* A word that may stand in a message and on a command line. */
static bool is_word(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return len > 0 && len <= WORD_MAX && !text[len];
}

static bool read_word(const json_t *json, const struct compat_place *above,
	const char *key, char **ret_word, struct err *err)
{
	const struct compat_place place = {.above = above, .key = key};
	const char *text = json_string_value(json_object_get(json, key));
	char *word;

	if (!text || !is_word(text))
		return compat_refuse(err, &place, "must be one word");
	word = strdup(text);
	if (!word)
		return compat_no_memory(err);
	*ret_word = word;
	return true;
}

static bool read_span(const json_t *json, const struct compat_place *place,
	struct compat_span *span, struct err *err)
{
	if (!compat_read_bound(json, place, "since", span->since, err))
		return false;
	if (!json_object_get(json, "until"))
		return true;
	if (!compat_read_bound(json, place, "until", span->until, err))
		return false;
	return version_compare(span->since, span->until) < 0 ||
	       compat_refuse(err, place, "holds no version");
}

/* A list of words; the caller has no reference to *ret_list of its own. */
static bool read_word_list(const json_t *json, const struct compat_place *above,
	const char *key, size_t least, json_t **ret_list, struct err *err)
{
	const struct compat_place list = {.above = above, .key = key};
	json_t *words = json_object_get(json, key);
	json_t *word;
	size_t i;

	if (!compat_check_list(words, &list, least, COMPAT_WORDS_MAX, err))
		return false;
	json_array_foreach (words, i, word) {
		const struct compat_place place = {.above = &list, .index = i};

		if (!json_is_string(word) || !is_word(json_string_value(word)))
			return compat_refuse(err, &place, "must be one word");
	}
	*ret_list = json_incref(words);
	return true;
}

static bool read_sides(const json_t *json, const struct compat_place *above,
	unsigned *ret_of, struct err *err)
{
	const struct compat_place place = {.above = above, .key = "of"};
	json_t *words = NULL, *word;
	bool ok = read_word_list(json, above, "of", 1, &words, err);
	size_t i;

	json_array_foreach (words, i, word) {
		const char *side = json_string_value(word);

		if (strcmp(side, "source") == 0)
			*ret_of |= COMPAT_SOURCE;
		else if (strcmp(side, "destination") == 0)
			*ret_of |= COMPAT_DESTINATION;
		else
			ok = compat_refuse(err, &place,
				"must hold source, destination or both");
	}
	json_decref(words);
	return ok;
}

static bool read_said(const json_t *json, const struct compat_place *place,
	struct compat_words *words, struct err *err)
{
	return compat_read_words(json, place, words, err) &&
	       compat_read_sure(json, place, &words->is_stated, err);
}

/* ---- settings ---- */

static bool is_known_key(const struct compat *compat, const char *key)
{
	size_t twice = 0;

	for (size_t i = 0; i < compat->setting_count; i++)
		twice += strcmp(compat->setting[i].key, key) == 0;
	return twice > 1;
}

static bool read_setting(struct compat *compat, const json_t *json,
	const struct compat_place *place, struct err *err)
{
	static const char *const keys[] = {"key", "since", "?until", "?must_be",
		"note", "documented", "sure", NULL};
	struct compat_setting *setting =
		&compat->setting[compat->setting_count];

	if (!compat_check_keys(json, place, keys, err) ||
		!read_word(json, place, "key", &setting->key, err))
		return false;
	compat->setting_count++;
	if (is_known_key(compat, setting->key))
		return compat_refuse(err, place,
			"speaks of a key that an entry speaks of already");
	if (json_object_get(json, "must_be") &&
		!read_word(json, place, "must_be", &setting->must_be, err))
		return false;
	return read_span(json, place, &setting->span, err) &&
	       read_said(json, place, &setting->words, err);
}

/* ---- options of connection strings ---- */

static bool read_option(struct compat *compat, const json_t *json,
	const struct compat_place *place, struct err *err)
{
	static const char *const keys[] = {"option", "of", "since", "?until",
		"allowed", "note", "documented", "sure", NULL};
	struct compat_option *option = &compat->option[compat->option_count++];

	return compat_check_keys(json, place, keys, err) &&
	       read_word(json, place, "option", &option->option, err) &&
	       read_sides(json, place, &option->of, err) &&
	       read_span(json, place, &option->span, err) &&
	       read_word_list(
		       json, place, "allowed", 0, &option->allowed, err) &&
	       read_said(json, place, &option->words, err);
}

/* ---- privileges ---- */

/* {cluster: true}, or {db, collection}, "" standing for any. */
static bool is_resource(const json_t *json)
{
	const json_t *db = json_object_get(json, "db");
	const json_t *collection = json_object_get(json, "collection");

	if (json_object_size(json) == 1)
		return json_is_true(json_object_get(json, "cluster"));
	return json_object_size(json) == 2 && json_is_string(db) &&
	       json_is_string(collection) &&
	       (!*json_string_value(db) || is_word(json_string_value(db))) &&
	       (!*json_string_value(collection) ||
		       is_word(json_string_value(collection)));
}

static bool read_resources(const json_t *json, const struct compat_place *above,
	json_t **ret_on, struct err *err)
{
	const struct compat_place list = {.above = above, .key = "on"};
	json_t *on = json_object_get(json, "on"), *resource;
	size_t i;

	if (!compat_check_list(on, &list, 1, COMPAT_WORDS_MAX, err))
		return false;
	json_array_foreach (on, i, resource) {
		const struct compat_place place = {.above = &list, .index = i};

		if (!is_resource(resource))
			return compat_refuse(err, &place,
				"must be {\"cluster\": true}, or "
				"{\"db\", \"collection\"}");
	}
	*ret_on = json_incref(on);
	return true;
}

static bool read_need(struct compat *compat, const json_t *json,
	const struct compat_place *place, struct err *err)
{
	static const char *const keys[] = {"of", "since", "?until", "actions",
		"on", "note", "documented", "sure", NULL};
	struct compat_need *need = &compat->need[compat->need_count++];

	return compat_check_keys(json, place, keys, err) &&
	       read_sides(json, place, &need->of, err) &&
	       read_span(json, place, &need->span, err) &&
	       read_word_list(json, place, "actions", 1, &need->actions, err) &&
	       read_resources(json, place, &need->on, err) &&
	       read_said(json, place, &need->words, err);
}

/* ---- servers ---- */

static bool read_server(struct compat *compat, const json_t *json,
	const struct compat_place *place, struct err *err)
{
	static const char *const keys[] = {"of", "since", "?until", "at_least",
		"below", "note", "documented", "sure", NULL};
	struct compat_server *server = &compat->server[compat->server_count++];

	if (!compat_check_keys(json, place, keys, err) ||
		!read_sides(json, place, &server->of, err) ||
		!read_span(json, place, &server->span, err) ||
		!compat_read_bound(
			json, place, "at_least", server->at_least, err) ||
		!compat_read_bound(json, place, "below", server->below, err))
		return false;
	if (version_compare(server->at_least, server->below) >= 0)
		return compat_refuse(err, place, "holds no server's version");
	return read_said(json, place, &server->words, err);
}

/* ---- all of them ---- */

typedef bool read_fn(struct compat *compat, const json_t *json,
	const struct compat_place *place, struct err *err);

/* entries: room for as many as the list has, of that size each. */
static bool read_all(struct compat *compat, const json_t *json,
	const struct compat_place *file, const char *key, size_t size,
	void *entries, read_fn *read, struct err *err)
{
	const struct compat_place list = {.above = file, .key = key};
	const json_t *from = json_object_get(json, key);
	void *room;

	if (!compat_check_list(from, &list, 0, COMPAT_ENTRIES_MAX, err))
		return false;
	room = calloc(json_array_size(from) + 1, size);
	if (!room)
		return compat_no_memory(err);
	memcpy(entries, &room, sizeof(room));
	for (size_t i = 0; i < json_array_size(from); i++) {
		const struct compat_place place = {.above = &list, .index = i};

		if (!read(compat, json_array_get(from, i), &place, err))
			return false;
	}
	return true;
}

bool compat_read_asks(struct compat *compat, const json_t *json,
	const struct compat_place *file, struct err *err)
{
	return read_all(compat, json, file, "settings",
		       sizeof(*compat->setting), &compat->setting, read_setting,
		       err) &&
	       read_all(compat, json, file, "uri_options",
		       sizeof(*compat->option), &compat->option, read_option,
		       err) &&
	       read_all(compat, json, file, "privileges", sizeof(*compat->need),
		       &compat->need, read_need, err) &&
	       (!json_object_get(json, "servers") ||
		       read_all(compat, json, file, "servers",
			       sizeof(*compat->server), &compat->server,
			       read_server, err));
}

void compat_free_asks(struct compat *compat)
{
	for (size_t i = 0; i < compat->setting_count; i++) {
		free(compat->setting[i].key);
		free(compat->setting[i].must_be);
		compat_free_words(&compat->setting[i].words);
	}
	for (size_t i = 0; i < compat->option_count; i++) {
		free(compat->option[i].option);
		json_decref(compat->option[i].allowed);
		compat_free_words(&compat->option[i].words);
	}
	for (size_t i = 0; i < compat->need_count; i++) {
		json_decref(compat->need[i].actions);
		json_decref(compat->need[i].on);
		compat_free_words(&compat->need[i].words);
	}
	for (size_t i = 0; i < compat->server_count; i++)
		compat_free_words(&compat->server[i].words);
	free(compat->setting);
	free(compat->option);
	free(compat->need);
	free(compat->server);
}

bool compat_applies(const struct compat_span *span, const char *version)
{
	return version_compare(span->since, version) <= 0 &&
	       (!span->until[0] || version_compare(version, span->until) < 0);
}

const struct compat_setting *compat_setting(
	const struct compat *compat, size_t index)
{
	return index < compat->setting_count ? &compat->setting[index] : NULL;
}

const struct compat_option *compat_option(
	const struct compat *compat, size_t index)
{
	return index < compat->option_count ? &compat->option[index] : NULL;
}

const struct compat_need *compat_need(const struct compat *compat, size_t index)
{
	return index < compat->need_count ? &compat->need[index] : NULL;
}

const struct compat_server *compat_server(
	const struct compat *compat, size_t index)
{
	return index < compat->server_count ? &compat->server[index] : NULL;
}
