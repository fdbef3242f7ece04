#include "supervisor/fleet/secret_pattern.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static void mark(char *marks, size_t from, size_t to)
{
	if (from < to)
		memset(marks + from, 1, to - from);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t skip_blanks(const char *text, size_t len, size_t at)
{
	while (at < len && (text[at] == ' ' || text[at] == '\t'))
		at++;
	return at;
}

/* ---- keys ---- */

bool secret_pattern_is_key(const char *key, size_t len)
{
	static const char *const parts[] = {"password", "passwd", "pwd",
		"passphrase", "secret", "token", "credential", "apikey",
		"api_key", "api-key", "privatekey", "private_key",
		"private-key", "authorization", "authmechanismproperties"};
	static const char *const endings[] = {"file", "path"};
	char first;
	size_t i, at;

	for (i = 0; i < sizeof(endings) / sizeof(*endings); i++) {
		size_t size = strlen(endings[i]);

		if (len > size &&
			!strncasecmp(key + len - size, endings[i], size))
			return false;
	}
	if (len >= 4 && !strncasecmp(key + len - 4, "pass", 4) &&
		(len == 4 || !isalpha((unsigned char)key[len - 5])))
		return true;
	for (at = 0; at < len; at++) {
		first = (char)tolower((unsigned char)key[at]);
		if (!strchr("pstca", first))
			continue;
		for (i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
			size_t size = strlen(parts[i]);

			if (first == parts[i][0] && len - at >= size &&
				!strncasecmp(key + at, parts[i], size))
				return true;
		}
	}
	return false;
}

struct scan { /* where a key was found */
	const char *text;
	size_t len;
	char *marks;
	size_t key, key_end; /* the name itself */
	size_t line; /* where its line begins */
	bool is_quoted; /* "key": what is not quoted ends at , } ] */
	bool in_string; /* an odd number of " before it in its line */
	bool is_query; /* ? or & stands before it */
};

static size_t count_backslashes(const struct scan *s, size_t at)
{
	size_t n = 0;

	while (at + n < s->len && s->text[at + n] == '\\')
		n++;
	return n;
}

/*
 * The end of a quoted value whose quote has `level` backslashes in front of it:
 * JSON in a JSON string has \" for its quotes and \\\" for those inside.
 */
static size_t end_of_quoted(
	const struct scan *s, size_t at, char quote, size_t level)
{
	size_t run = 0;

	for (; at < s->len; at++) {
		if (s->text[at] == '\\') {
			run++;
			continue;
		}
		if (s->text[at] == quote && quote == '\'' && !level &&
			at + 1 < s->len && s->text[at + 1] == '\'')
			at++; /* YAML writes ' as '' */
		else if (s->text[at] == quote &&
			 run % (2 * (level + 1)) == level)
			return at - level;
		run = 0;
	}
	return s->len;
}

/* The end of a list or object; strings in it may hold brackets. */
static size_t end_of_brackets(const struct scan *s, size_t at)
{
	bool in_string = false;
	size_t depth = 0;

	for (; at < s->len; at++) {
		char c = s->text[at];

		if (c == '\\' && in_string)
			at++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '{' || c == '['))
			depth++;
		else if (!in_string && (c == '}' || c == ']') && !--depth)
			return at + 1;
	}
	return s->len;
}

static size_t end_of_line(const struct scan *s, size_t at)
{
	const char *end = memchr(s->text + at, '\n', s->len - at);

	return end ? (size_t)(end - s->text) : s->len;
}

static size_t indent_of(const struct scan *s, size_t line)
{
	size_t at = line;

	while (at < s->len && (s->text[at] == ' ' || s->text[at] == '-'))
		at++;
	return at - line;
}

/* YAML: the lines below that stand further to the right. */
static size_t mark_block(const struct scan *s, size_t at)
{
	size_t indent = s->key - s->line, next = end_of_line(s, at);

	if (indent_of(s, s->line) < indent)
		indent = indent_of(s, s->line);
	while (next < s->len) {
		size_t line = next + 1, end = end_of_line(s, line);
		size_t begin = skip_blanks(s->text, end, line);

		if (begin < end && begin - line <= indent)
			break;
		mark(s->marks, begin, end);
		next = end;
	}
	return next;
}

static bool is_bare_end(const struct scan *s, size_t at, bool is_assigned)
{
	char c = s->text[at];

	if (c == '\n')
		return true;
	if (c == '"' && s->in_string)
		return true;
	if (s->is_query && (c == '&' || c == '#' || c == '"' || c == '\''))
		return true;
	if (s->is_quoted && (c == ',' || c == '}' || c == ']'))
		return true;
	return (is_assigned || s->is_quoted) && is_space(c);
}

static size_t mark_bare(const struct scan *s, size_t at, bool is_assigned)
{
	size_t from = at;

	while (at < s->len && !is_bare_end(s, at, is_assigned))
		at++;
	mark(s->marks, from, at);
	return at;
}

/* YAML's |, >-, |2 and nothing at all: the value is in the lines below.  Looks
 * no further than needed, as a line may hold very many keys. */
static bool is_block_start(const struct scan *s, size_t at)
{
	if (at < s->len && (s->text[at] == '|' || s->text[at] == '>')) {
		at++;
		while (at < s->len && strchr("+-0123456789", s->text[at]))
			at++;
	}
	at = skip_blanks(s->text, s->len, at);
	if (at < s->len && s->text[at] == '\r')
		at++;
	return at == s->len || s->text[at] == '\n';
}

/* Marks the value at `at` and returns where to go on. */
static size_t mark_value(const struct scan *s, size_t at, bool is_assigned)
{
	size_t level, end;
	char c;

	if (is_block_start(s, at))
		return mark_block(s, at);
	level = count_backslashes(s, at);
	c = at + level < s->len ? s->text[at + level] : '\0';
	if (c == '"' || c == '\'') {
		/* A quote that ends the string around us opens nothing. */
		if (c == '"' && !level && s->in_string)
			return at;
		at += level + 1;
		end = end_of_quoted(s, at, c, level);
		mark(s->marks, at, end);
		return end;
	}
	if (c == '{' || c == '[') {
		end = end_of_brackets(s, at);
		mark(s->marks, at, end);
		return end;
	}
	return mark_bare(s, at, is_assigned);
}

/* Past the key's closing quote, if any. */
static size_t skip_closing_quote(struct scan *s, size_t at)
{
	size_t quote = at + count_backslashes(s, at);

	if (quote < s->len &&
		(s->text[quote] == '"' || s->text[quote] == '\'')) {
		s->is_quoted = true;
		if (s->text[quote] == '"' && quote == at)
			s->in_string = false;
		return quote + 1;
	}
	return at;
}

/* What follows a password-like name; returns where to go on. */
static size_t mark_after_key(struct scan *s)
{
	size_t at = skip_closing_quote(s, s->key_end), after;
	char c;

	after = skip_blanks(s->text, s->len, at);
	c = after < s->len ? s->text[after] : '\0';
	if (c == ':' || c == '=') {
		bool is_assigned = c == '=';

		after++;
		if (after < s->len &&
			(s->text[after] == '=' || s->text[after] == '>'))
			after++;
		after = skip_blanks(s->text, s->len, after);
		return mark_value(s, after, is_assigned);
	}
	if (s->len - at >= 3 && (!strncasecmp(s->text + at, "%3d", 3) ||
					!strncasecmp(s->text + at, "%3a", 3)))
		return mark_bare(s, at + 3, true);
	if (s->key >= s->line + 2 && s->text[s->key - 1] == '-' &&
		s->text[s->key - 2] == '-' && after > at && c != '-')
		return mark_value(s, after, true);
	return s->key_end;
}

static bool is_key_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-';
}

void secret_pattern_mark_keys(const char *text, size_t len, char *marks)
{
	struct scan s = {.text = text, .len = len, .marks = marks};
	bool in_string = false;
	size_t at = 0, seen = 0;

	while (at < len) {
		/* Lines and quotes up to here, values included. */
		for (; seen < at; seen++) {
			if (text[seen] == '\n') {
				s.line = seen + 1;
				in_string = false;
			} else if (text[seen] == '"' &&
				   (!seen || text[seen - 1] != '\\')) {
				in_string = !in_string;
			}
		}
		if (!is_key_char(text[at])) {
			at++;
			continue;
		}
		while (at < len && text[at] == '-')
			at++;
		s.key = at;
		while (at < len && is_key_char(text[at]))
			at++;
		s.key_end = at;
		if (!secret_pattern_is_key(text + s.key, at - s.key))
			continue;
		s.is_quoted = false;
		s.in_string = in_string;
		s.is_query = s.key &&
			     (text[s.key - 1] == '?' || text[s.key - 1] == '&');
		at = mark_after_key(&s);
	}
}

/* ---- URIs ---- */

/* "://", as JSON may write it, or percent-encoded; 0: not here. */
static size_t separator_at(const char *text, size_t len)
{
	if (len >= 3 && !strncmp(text, "://", 3))
		return 3;
	if (len >= 5 && !strncmp(text, ":\\/\\/", 5))
		return 5;
	if (len >= 9 && !strncasecmp(text, "%3a%2f%2f", 9))
		return 9;
	return 0;
}

/* Past the last '@' (or %40, in a URI that is itself encoded). */
static size_t find_last_at(
	const char *text, size_t from, size_t to, bool is_encoded)
{
	size_t at = to;

	while (at > from) {
		at--;
		if (text[at] == '@')
			return at;
		if (is_encoded && to - at >= 3 && !strncmp(text + at, "%40", 3))
			return at;
	}
	return to;
}

/* host, host:27017, [::1]:27017, and several of them with commas. */
static bool is_hosts(const char *text, size_t from, size_t to)
{
	size_t at = from;

	while (at < to) {
		size_t digits = 0;

		if (text[at] == '[') {
			while (at < to && text[at] != ']')
				at++;
			at += at < to;
		}
		while (at < to && (isalnum((unsigned char)text[at]) ||
					  strchr(".-_*", text[at])))
			at++;
		if (at < to && text[at] == ':') {
			while (++at < to && isdigit((unsigned char)text[at]))
				digits++;
			if (digits < 1 || digits > 5)
				return false;
		}
		if (at < to && text[at++] != ',')
			return false;
	}
	return true;
}

/* The same percent-encoded: host%3A27017 and then another % or the end. */
static bool is_encoded_hosts(const char *text, size_t from, size_t to)
{
	size_t at = from, digits = 0;

	while (at < to && text[at] != '%')
		at++;
	if (to - at < 3 || strncasecmp(text + at, "%3a", 3) != 0)
		return true;
	for (at += 3; at < to && isdigit((unsigned char)text[at]); at++)
		digits++;
	return digits <= 5 && (at == to || text[at] == '%');
}

/* A URI from behind its separator to the end of its token. */
static void mark_uri(
	const char *text, size_t from, size_t to, bool is_encoded, char *marks)
{
	size_t at = find_last_at(text, from, to, is_encoded), end = from;

	if (at < to) {
		mark(marks, from, at);
		return;
	}
	/* Without '@' it has no userinfo, or it was cut in the middle of it. */
	if (is_encoded) {
		if (!is_encoded_hosts(text, from, to))
			mark(marks, from, to);
		return;
	}
	while (end < to && !strchr("/?#", text[end]))
		end++;
	while (end > from && strchr(")]}>'.,;:\\", text[end - 1]))
		end--;
	if (!is_hosts(text, from, end))
		mark(marks, from, to);
}

/* Where the scheme of the next URI in this token begins, or `to`. */
static size_t next_scheme(const char *text, size_t from, size_t to)
{
	size_t at;

	for (at = from; at < to; at++) {
		size_t begin = at;

		if (!separator_at(text + at, to - at))
			continue;
		while (begin > from &&
			(isalnum((unsigned char)text[begin - 1]) ||
				strchr("+.", text[begin - 1])))
			begin--;
		if (at - begin >= 3)
			return begin;
	}
	return to;
}

/* name@instance.service, as systemd calls an instance of a template. */
static bool is_unit(const char *text, size_t from, size_t at, size_t to)
{
	static const char ending[] = ".service";
	size_t size = sizeof(ending) - 1, end = to;

	while (end > at && strchr(":,;.)'!?", text[end - 1]))
		end--;
	if (at == from || end < at + 1 + size ||
		strncmp(text + end - size, ending, size) != 0)
		return false;
	for (; from < end; from++)
		if (from != at && !isalnum((unsigned char)text[from]) &&
			!strchr("_.-\\", text[from]))
			return false;
	return true;
}

/* user:pass@host without a scheme: its beginning may have been cut off. */
static void mark_token(const char *text, size_t from, size_t to, char *marks)
{
	size_t at = find_last_at(text, from, to, false);

	if (at < to && !is_unit(text, from, at, to) &&
		(from == 0 || memchr(text + from, ':', at - from)))
		mark(marks, from, at);
}

static void mark_in_token(const char *text, size_t from, size_t to, char *marks)
{
	size_t at = from, begin = next_scheme(text, from, to);

	mark_token(text, from, begin, marks);
	while (begin < to) {
		bool is_encoded;

		at = begin;
		while (!separator_at(text + at, to - at))
			at++;
		is_encoded = text[at] == '%';
		at += separator_at(text + at, to - at);
		begin = next_scheme(text, at, to);
		mark_uri(text, at, begin, is_encoded, marks);
	}
}

void secret_pattern_mark_uris(const char *text, size_t len, char *marks)
{
	size_t at = 0;

	while (at < len) {
		size_t from;

		while (at < len && (is_space(text[at]) || text[at] == '"'))
			at++;
		from = at;
		while (at < len && !is_space(text[at]) && text[at] != '"')
			at++;
		mark_in_token(text, from, at, marks);
	}
}
