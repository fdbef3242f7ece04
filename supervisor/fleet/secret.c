#include "supervisor/fleet/secret.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "supervisor/fleet/secret_pattern.h"
#include "supervisor/memory.h"

#define KNOWN_MIN 4u /* shorter ones are in every second word */

static const char stars[] = "***";

static void wipe_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

void secret_set(struct secret *secret, const char *value)
{
	char *copy = value ? memory_must(strdup(value)) : NULL;

	secret_done(secret);
	secret->value = copy;
}

void secret_done(struct secret *secret)
{
	wipe_free(secret->value);
	secret->value = NULL;
}

const char *secret_reveal(const struct secret *secret)
{
	return secret->value ? secret->value : "";
}

/* ---- what is known to be secret ---- */

struct known {
	char *text;
	size_t len;
	struct known *next; /* begins with the same byte */
};

static struct known *known[256];

void scrub_add(const char *text)
{
	size_t len = text ? strlen(text) : 0;
	struct known **list, *entry;

	if (len < KNOWN_MIN)
		return;
	list = &known[(unsigned char)text[0]];
	for (entry = *list; entry; entry = entry->next) {
		if (entry->len == len && !memcmp(entry->text, text, len))
			return;
	}
	entry = memory_must(malloc(sizeof(*entry)));
	entry->text = memory_must(strdup(text));
	entry->len = len;
	entry->next = *list;
	*list = entry;
}

void scrub_forget(void)
{
	size_t i;

	for (i = 0; i < 256; i++) {
		while (known[i]) {
			struct known *entry = known[i];

			known[i] = entry->next;
			wipe_free(entry->text);
			free(entry);
		}
	}
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "%40": its byte, or -1.  Reads no further than the NUL. */
static int percent_value(const char *text)
{
	int high, low;

	if (text[0] != '%' || (high = hex_value(text[1])) < 0 ||
		(low = hex_value(text[2])) < 0)
		return -1;
	return high * 16 + low;
}

/* The byte that a JSON string's escape stands for, or -1. */
static int escape_value(const char *text, size_t *ret_len)
{
	static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
	const char *at;
	int high, low;

	if (text[0] != '\\' || !text[1])
		return -1;
	*ret_len = 2;
	at = strchr(names, text[1]);
	if (at)
		return values[at - names];
	if (strncmp(text + 1, "u00", 3) != 0 ||
		(high = hex_value(text[4])) < 0 ||
		(low = hex_value(text[5])) < 0)
		return -1;
	*ret_len = 6;
	return high * 16 + low < 0x80 ? high * 16 + low : -1;
}

/* Where in the text a match may stand after some bytes of the secret.  There is
 * a choice only with % and \, which may be themselves or begin a spelling. */
#define WAYS_MAX 32u

struct ways {
	size_t at[WAYS_MAX];
	unsigned count;
};

static void add_way(struct ways *ways, size_t at)
{
	unsigned i;

	for (i = 0; i < ways->count; i++) {
		if (ways->at[i] == at)
			return;
	}
	if (ways->count < WAYS_MAX)
		ways->at[ways->count++] = at;
}

/* A byte is spelt as it is, as %XX, or as a JSON string's escape. */
static void add_spellings(
	struct ways *ways, const char *text, size_t at, unsigned char byte)
{
	size_t len;

	if ((unsigned char)text[at] == byte)
		add_way(ways, at + 1);
	if (text[at] == '%' && percent_value(text + at) == byte)
		add_way(ways, at + 3);
	if (text[at] == '\\' && escape_value(text + at, &len) == byte)
		add_way(ways, at + len);
}

/* The length of what spells the secret at the start of text, or 0. */
static size_t match(const char *text, const struct known *entry)
{
	struct ways now, next;
	size_t i, longest = 0;
	unsigned way;

	now.at[0] = 0;
	now.count = 1;
	for (i = 0; i < entry->len && now.count; i++) {
		next.count = 0;
		for (way = 0; way < now.count; way++)
			add_spellings(&next, text, now.at[way],
				(unsigned char)entry->text[i]);
		now.count = next.count;
		memcpy(now.at, next.at, next.count * sizeof(*next.at));
	}
	for (way = 0; way < now.count; way++) {
		if (now.at[way] > longest)
			longest = now.at[way];
	}
	return longest;
}

static void mark_list(const char *text, size_t at, int first, char *marks)
{
	const struct known *entry;

	if (first < 0)
		return;
	for (entry = known[first]; entry; entry = entry->next) {
		size_t len = match(text + at, entry);

		memset(marks + at, 1, len);
	}
}

static void mark_known(const char *text, size_t len, char *marks)
{
	size_t at, step;

	for (at = 0; at < len; at++) {
		mark_list(text, at, (unsigned char)text[at], marks);
		if (text[at] == '%')
			mark_list(text, at, percent_value(text + at), marks);
		else if (text[at] == '\\')
			mark_list(text, at, escape_value(text + at, &step),
				marks);
	}
}

/* ---- a URI's own secrets ---- */

static void decode(char *text)
{
	const char *from = text;
	char *to = text;

	while (*from) {
		int value = percent_value(from);

		if (value > 0) {
			*to++ = (char)value;
			from += 3;
		} else {
			*to++ = *from++;
		}
	}
	*to = '\0';
}

/* As it stands, and decoded. */
static void add_both(const char *text, size_t len)
{
	char *copy = memory_must(strndup(text, len));

	scrub_add(copy);
	decode(copy);
	scrub_add(copy);
	wipe_free(copy);
}

/* NAME:value,NAME:value */
static void add_properties(const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *comma = memchr(text, ',', (size_t)(end - text));
		const char *stop = comma ? comma : end;
		const char *colon = memchr(text, ':', (size_t)(stop - text));

		if (colon &&
			secret_pattern_is_key(text, (size_t)(colon - text)))
			add_both(colon + 1, (size_t)(stop - colon - 1));
		text = comma ? comma + 1 : end;
	}
}

static void add_query(const char *query)
{
	while (*query) {
		size_t len = strcspn(query, "&#"), key = strcspn(query, "=&#");
		static const char properties[] = "authMechanismProperties";

		if (key == sizeof(properties) - 1 &&
			!strncasecmp(query, properties, key))
			add_properties(query + key, len - key);
		else if (key < len && secret_pattern_is_key(query, key))
			add_both(query + key + 1, len - key - 1);
		query += len;
		query += *query != '\0';
	}
}

void scrub_add_uri(const char *uri)
{
	const char *start = uri ? strstr(uri, "://") : NULL;
	const char *end, *at, *colon, *query;

	if (!start)
		return;
	start += 3;
	end = start + strcspn(start, "/?#");
	at = memrchr(start, '@', (size_t)(end - start));
	if (!at) /* a '/' or '?' that should have been encoded */
		at = strrchr(start, '@');
	colon = at ? memchr(start, ':', (size_t)(at - start)) : NULL;
	/* A name alone, as with X.509, is no secret, and may be a plain word.
	 */
	if (colon) {
		add_both(start, (size_t)(at - start));
		add_both(colon + 1, (size_t)(at - colon - 1));
	}
	query = strchr(at ? at : start, '?');
	if (query)
		add_query(query + 1);
}

/* ---- scrubbing ---- */

static char *replace_marked(const char *text, size_t len, const char *marks)
{
	size_t i, runs = 0, to = 0;
	char *clean;

	for (i = 0; i < len; i++)
		runs += marks[i] && (!i || !marks[i - 1]);
	clean = memory_must(malloc(len + runs * (sizeof(stars) - 1) + 1));
	for (i = 0; i < len; i++) {
		if (!marks[i]) {
			clean[to++] = text[i];
		} else if (!i || !marks[i - 1]) {
			memcpy(clean + to, stars, sizeof(stars) - 1);
			to += sizeof(stars) - 1;
		}
	}
	clean[to] = '\0';
	return clean;
}

/* A secret that is not UTF-8 may spell part of a character: half of one must
 * not be left, or the text could not be put into JSON. */
static void widen_marks(const char *text, size_t len, char *marks)
{
	for (size_t i = 1; i < len; i++)
		if (((unsigned char)text[i] & 0xc0) == 0x80 && marks[i - 1])
			marks[i] = 1;
	for (size_t i = len; i > 1; i--)
		if (((unsigned char)text[i - 1] & 0xc0) == 0x80 && marks[i - 1])
			marks[i - 2] = 1;
}

char *scrub(const char *text)
{
	size_t len = text ? strlen(text) : 0;
	_cleanup_free_ char *marks = memory_must(calloc(len + 1, 1));

	mark_known(text, len, marks);
	secret_pattern_mark_uris(text, len, marks);
	secret_pattern_mark_keys(text, len, marks);
	widen_marks(text, len, marks);
	return replace_marked(text, len, marks);
}

void scrub_last_line(const char *output, char *ret_line, size_t size)
{
	_cleanup_free_ char *clean = scrub(output);
	size_t end = strlen(clean), begin;

	while (end > 0 && isspace((unsigned char)clean[end - 1]))
		end--;
	begin = end;
	while (begin > 0 && clean[begin - 1] != '\n')
		begin--;
	(void)snprintf(
		ret_line, size, "%.*s", (int)(end - begin), clean + begin);
}

/* user@host, as ssh is told where to go.  In a log it may be the end of a
 * connection string; a text of its own has no beginning that was cut off. */
static bool is_destination(const char *text)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		"._-";
	size_t at = strspn(text, letters);

	return at && text[at] == '@' && text[at + 1] &&
	       !text[at + 1 + strspn(text + at + 1, letters)];
}

bool secret_shows(const char *text)
{
	size_t len = strlen(text);
	_cleanup_free_ char *marks = memory_must(calloc(len + 1, 1));

	secret_pattern_mark_uris(text, len, marks);
	secret_pattern_mark_keys(text, len, marks);
	return !is_destination(text) && memchr(marks, 1, len) != NULL;
}

void scrub_in_place(char *text, size_t size)
{
	_cleanup_free_ char *clean = NULL;
	size_t len;

	if (!size)
		return;
	text[strnlen(text, size - 1)] = '\0';
	clean = scrub(text);
	len = strlen(clean);
	if (len >= size) {
		len = size - 1;
		/* Not in the middle of a UTF-8 character. */
		while (len && ((unsigned char)clean[len] & 0xc0) == 0x80)
			len--;
	}
	memset(text, 0, size);
	memcpy(text, clean, len);
}

static json_t *clean_string(const json_t *value)
{
	const char *text = json_string_value(value);
	_cleanup_free_ char *clean = scrub(text);

	/* With a NUL in it the rest has not been looked at. */
	if (strlen(text) != json_string_length(value) || !strcmp(text, clean))
		return NULL;
	return memory_must(json_string(clean));
}

/* Replaces value where it hangs: NULL means that it is fine. */
static json_t *cleaned(json_t *value, bool is_secret)
{
	if (json_is_string(value)) {
		if (is_secret || strlen(json_string_value(value)) !=
					 json_string_length(value))
			return memory_must(json_string(stars));
		return clean_string(value);
	}
	if (is_secret && json_is_number(value))
		return memory_must(json_string(stars));
	if (is_secret && (json_is_object(value) || json_is_array(value)))
		return memory_must(json_string(stars));
	scrub_json(value);
	return NULL;
}

static void scrub_array(json_t *array)
{
	json_t *value;
	size_t i;

	json_array_foreach (array, i, value) {
		json_t *clean = cleaned(value, false);

		if (clean && json_array_set_new(array, i, clean) < 0)
			memory_out();
	}
}

/* Names are data too: {"mongodb://...": "up"}. */
static void scrub_keys(json_t *object)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(object, next, key, value)
	{
		_cleanup_free_ char *clean = scrub(key);

		if (!strcmp(key, clean))
			continue;
		if (json_object_set(object, clean, value) < 0)
			memory_out();
		(void)json_object_del(object, key);
	}
}

void scrub_json(json_t *value)
{
	const char *key;
	json_t *member;

	if (json_is_array(value))
		scrub_array(value);
	if (!json_is_object(value))
		return;
	scrub_keys(value);
	json_object_foreach (value, key, member) {
		bool is_secret = secret_pattern_is_key(key, strlen(key));
		json_t *clean = cleaned(member, is_secret);

		if (clean && json_object_set_new(value, key, clean) < 0)
			memory_out();
	}
}
