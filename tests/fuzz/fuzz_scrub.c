/*
 * fuzz_scrub.c - the one scrubber, which everything from outside passes.
 *
 * The first line, up to 64 bytes, is a secret that is known; the rest is the
 * text, and perhaps JSON.
 *
 * What must hold: nothing that is left spells the secret; what is scrubbed
 * again does not grow without end; a fixed buffer is ended and cut between two
 * characters; no string and no name in scrubbed JSON spells the secret.
 */
#include "state/cleanup.h"
#include "supervisor/fleet/secret.h"
#include "tests/fuzz/fuzz.h"

#define SECRET_MAX 64u

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	json_object_seed(1);
	return 0;
}

/* The stars and what is behind them may by chance spell it again, so that one
 * with a star in it proves nothing. */
static bool is_telling(const char *secret)
{
	return strlen(secret) >= 4 && !strchr(secret, '*');
}

static void check_hidden(const char *text, const char *secret)
{
	FUZZ_CHECK(!is_telling(secret) || !strstr(text, secret));
}

static bool is_utf8(const char *text)
{
	_cleanup_json_ json_t *json = json_string(text);

	return json != NULL;
}

static void check_text(const char *text, const char *secret)
{
	_cleanup_free_ char *clean = scrub(text), *again = scrub(clean);

	check_hidden(clean, secret);
	check_hidden(again, secret);
	FUZZ_CHECK(!is_utf8(text) || is_utf8(clean));
	FUZZ_CHECK(strlen(clean) <= 3 * strlen(text));
	FUZZ_CHECK(strlen(again) <= 3 * strlen(clean));
}

/* A buffer that has just room for the text: what becomes longer is cut, but no
 * character is halved. */
static void check_buffer(const char *text, const char *secret)
{
	_cleanup_free_ char *clean = scrub(text), *buf = strdup(text);
	size_t room = strlen(text) + 1;

	FUZZ_CHECK(buf);
	scrub_in_place(buf, room);
	FUZZ_CHECK(strnlen(buf, room) < room);
	FUZZ_CHECK(strncmp(buf, clean, strlen(buf)) == 0);
	FUZZ_CHECK(!is_utf8(clean) || is_utf8(buf));
	check_hidden(buf, secret);
}

/* Nothing is known to be secret: it is all in how it looks. */
static void check_looks(const char *text)
{
	_cleanup_free_ char *clean = scrub(text);

	FUZZ_CHECK(secret_shows(text) || strcmp(text, clean) == 0);
}

static void check_json_hidden(const json_t *json, const char *secret)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_string(json)) {
		FUZZ_CHECK(strlen(json_string_value(json)) ==
			   json_string_length(json));
		check_hidden(json_string_value(json), secret);
	}
	json_array_foreach (json, i, value)
		check_json_hidden(value, secret);
	json_object_foreach ((json_t *)json, key, value) {
		check_hidden(key, secret);
		check_json_hidden(value, secret);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *input = fuzz_text(data, size);
	_cleanup_json_ json_t *json = NULL;
	char secret[SECRET_MAX + 1] = "";
	const char *text = input;
	size_t len = strcspn(input, "\n");

	if (len <= SECRET_MAX && input[len]) {
		memcpy(secret, input, len);
		text += len + 1;
	}
	check_looks(text);
	scrub_add(secret);
	check_text(text, secret);
	check_buffer(text, secret);
	/* An object or an array: nothing else is given to scrub_json(). */
	json = json_loadb(
		text, size - (size_t)(text - input), JSON_ALLOW_NUL, NULL);
	if (json) {
		scrub_json(json);
		check_json_hidden(json, secret);
	}
	scrub_forget();
	scrub_add_uri(text);
	check_text(text, "");
	scrub_forget();
	return 0;
}
