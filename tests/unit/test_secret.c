#include "supervisor/fleet/secret.h"

#include <stdint.h>
#include <time.h>

#include "tests/unit/scratch.h"

#define SEED 20240607u

static int forget(void **state)
{
	(void)state;
	scrub_forget();
	return 0;
}

static void assert_scrubbed(const char *text, const char *expected)
{
	char *clean = scrub(text);
	char *again = scrub(clean);

	assert_string_equal(clean, expected);
	assert_string_equal(again, expected);
	free(clean);
	free(again);
}

static void test_secret_set_copies_and_done_empties(void **state)
{
	char value[] = "hunter2";
	struct secret secret = {0};

	(void)state;
	assert_string_equal(secret_reveal(&secret), "");
	secret_set(&secret, value);
	memset(value, 'x', sizeof(value) - 1);
	assert_string_equal(secret_reveal(&secret), "hunter2");
	secret_set(&secret, secret_reveal(&secret));
	assert_string_equal(secret_reveal(&secret), "hunter2");
	secret_done(&secret);
	assert_string_equal(secret_reveal(&secret), "");
	secret_done(&secret);
}

static void test_scrub_leaves_plain_text(void **state)
{
	static const char *const texts[] = {
		"",
		"shard0 is paused; 12:30:01 lag 3 s",
		"GET http://127.0.0.1:27182/api/v1/progress: refused",
		"'http://localhost:27182': refused",
		"(see https://docs.example.org/a/b?page=2#top).",
		"mongodb://h1.example.net:27017,h2:27017/?replicaSet=rs0",
		"mongodb://[::1]:27017/admin",
		"mongodb+srv://cluster0.example.net",
		"ssh root@host uptime",
		"mongosync@shard0.service is failed",
		"mongosync@a\\x2db.service: refused",
		"unexpected token near line 3",
		"tlsCertificateKeyFile=/etc/ssl/client.pem&x=1",
		"passwordFile: /run/secrets/pw",
		"{\"state\":\"RUNNING\",\"lagTimeSeconds\":0}",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_scrubbed(texts[i], texts[i]);
		assert_false(secret_shows(texts[i]));
	}
}

static void test_scrub_userinfo_of_any_uri(void **state)
{
	(void)state;
	assert_scrubbed("mongodb://user:p%40ss@host", "mongodb://***@host");
	assert_scrubbed("pa:ss@host.service", "***@host.service");
	assert_scrubbed("pa$s@host.service", "***@host.service");
	assert_scrubbed("to ftp://me:you@h/x done", "to ftp://***@h/x done");
	assert_scrubbed("mongodb+srv://u@h/", "mongodb+srv://***@h/");
	assert_scrubbed("mongodb://u:a@b/c:d@h/db", "mongodb://***@h/db");
	assert_scrubbed("mongodb://u:p@h1,mongodb://v:q@h2",
		"mongodb://***@h1,mongodb://***@h2");
	assert_scrubbed("from mongodb://u:p@h1 to \"mongodb://v:q@h2\".",
		"from mongodb://***@h1 to \"mongodb://***@h2\".");
	assert_scrubbed("mongodb:\\/\\/u:p@h", "mongodb:\\/\\/***@h");
	assert_scrubbed(
		"x=mongodb%3A%2F%2Fu%3Ap%40h", "x=mongodb%3A%2F%2F***%40h");
	assert_scrubbed("auth user:pass@host failed", "auth ***@host failed");
}

static void test_scrub_a_uri_that_was_cut(void **state)
{
	(void)state;
	assert_scrubbed("url mongodb://user:p%40s", "url mongodb://***");
	assert_scrubbed("url mongodb://user:123456", "url mongodb://***");
	assert_scrubbed("url mongodb://us;er:pa", "url mongodb://***");
	assert_scrubbed("mongodb%3A%2F%2Fuser%3Apa", "mongodb%3A%2F%2F***");
	assert_scrubbed("%40ss@host:27017/db", "***@host:27017/db");
	assert_scrubbed("er:pass@host:27017/db", "***@host:27017/db");
}

static void test_scrub_values_of_password_like_keys(void **state)
{
	(void)state;
	assert_scrubbed("password=abc next", "password=*** next");
	assert_scrubbed("PassWord: a b, c\nnext: d", "PassWord: ***\nnext: d");
	assert_scrubbed("{\"password\": \"a\\\"b\", \"n\": 1}",
		"{\"password\": \"***\", \"n\": 1}");
	assert_scrubbed("{\"pwd\":12345,\"n\":1}", "{\"pwd\":***,\"n\":1}");
	assert_scrubbed("{\"tokens\":[\"a\",\"b]\"],\"n\":1}",
		"{\"tokens\":***,\"n\":1}");
	assert_scrubbed("{\"m\":\"{\\\"secret\\\":\\\"a\\\\\\\"b\\\"}\"}",
		"{\"m\":\"{\\\"secret\\\":\\\"***\\\"}\"}");
	assert_scrubbed("{\"m\":\"bad token: abc def\",\"n\":1}",
		"{\"m\":\"bad token: ***\",\"n\":1}");
	assert_scrubbed("password: 'it''s'\nx: 1", "password: '***'\nx: 1");
	assert_scrubbed("a:\n  secret: |\n    one\n\n    two\n  b: 1\n",
		"a:\n  secret: |\n    ***\n\n    ***\n  b: 1\n");
	assert_scrubbed("mongosync --password hunter2 --port 1",
		"mongosync --password *** --port 1");
	assert_scrubbed("Authorization: Bearer abc", "Authorization: ***");
	assert_scrubbed("AWS_SESSION_TOKEN=abc", "AWS_SESSION_TOKEN=***");
	assert_scrubbed("password: \"cut in the mid", "password: \"***");
}

static void test_scrub_query_strings(void **state)
{
	(void)state;
	assert_scrubbed(
		"mongodb://h/?tlsCertificateKeyFilePassword=abc&tls=true",
		"mongodb://h/?tlsCertificateKeyFilePassword=***&tls=true");
	assert_scrubbed("mongodb://h/?a=1&authMechanismProperties="
			"AWS_SESSION_TOKEN:x,A:b&c=d",
		"mongodb://h/?a=1&authMechanismProperties=***&c=d");
	assert_scrubbed("url=x%3Fpassword%3Dabc", "url=x%3Fpassword%3D***");
}

static void test_scrub_known_secrets(void **state)
{
	(void)state;
	scrub_add_uri("mongodb://joe:p%40ss%2Fw%22rd@h1,h2/db?"
		      "tlsCertificateKeyFilePassword=k%3Dey!&"
		      "authMechanismProperties=SERVICE:mongodb,"
		      "AWS_SESSION_TOKEN:abcdef");
	assert_scrubbed("it said p@ss/w\"rd.", "it said ***.");
	assert_scrubbed("it said p%40ss%2fw%22rd.", "it said ***.");
	assert_scrubbed("it said %70@s%73/w%22rd.", "it said ***.");
	assert_scrubbed("it said \"p@ss\\/w\\\"rd\"", "it said \"***\"");
	assert_scrubbed("it said p%2540ss%252Fw%2522rd", "it said ***");
	assert_scrubbed("it said k=ey! abcdef joe mongodb",
		"it said *** *** joe mongodb");
}

static void test_scrub_add_uri_of_a_name_alone_is_no_secret(void **state)
{
	(void)state;
	scrub_add_uri("mongodb://mongosync@h/?authMechanism=MONGODB-X509");
	scrub_add_uri("mongodb://plain.example.net/");
	scrub_add_uri("no uri");
	scrub_add_uri(NULL);
	assert_scrubbed("mongosync at plain.example.net",
		"mongosync at plain.example.net");
}

static void test_scrub_add_ignores_short_text(void **state)
{
	(void)state;
	scrub_add("abc");
	scrub_add(NULL);
	assert_scrubbed("abc", "abc");
	scrub_add("abcd");
	scrub_add("abcd");
	assert_scrubbed("xabcdabcdx", "x***x");
	scrub_forget();
	assert_scrubbed("abcd", "abcd");
}

static void test_scrub_in_place_cuts_cleanly(void **state)
{
	char fits[16] = "pwd=abcdefgh";
	char full[9] = "pwd=12 b";
	char utf8[10] = "pwd=1 \xc3\xa4";

	(void)state;
	scrub_in_place(fits, sizeof(fits));
	assert_string_equal(fits, "pwd=***");
	scrub_in_place(full, sizeof(full));
	assert_string_equal(full, "pwd=*** ");
	scrub_in_place(utf8, sizeof(utf8));
	assert_string_equal(utf8, "pwd=*** ");
	memset(full, 'x', sizeof(full));
	scrub_in_place(full, sizeof(full));
	assert_string_equal(full, "xxxxxxxx");
}

/* "p%a4ss" in a URI: what is left of the character must still be text. */
static void test_scrub_half_a_character(void **state)
{
	json_t *json = json_pack("{s:s}", "a", "x \xc3\xa4ssss y");
	char *clean;

	(void)state;
	scrub_add("\xa4ssss");
	clean = scrub("x \xc3\xa4ssss y");
	assert_string_equal(clean, "x *** y");
	scrub_json(json);
	assert_string_equal(
		json_string_value(json_object_get(json, "a")), "x *** y");
	json_decref(json);
	free(clean);
	scrub_forget();
	scrub_add("ssss\xc3");
	clean = scrub("x ssss\xc3\xa4 y");
	assert_string_equal(clean, "x *** y");
	free(clean);
}

static void test_scrub_json_in_depth(void **state)
{
	json_t *json = json_pack("{s:[s,{s:s,s:i,s:{s:s}}],s:i}", "list",
		"mongodb://u:p@h", "password", "abc", "pwd", 5, "token", "a",
		"b", "mongodb://u:p@h", 1);
	char *dump;

	(void)state;
	assert_non_null(json);
	scrub_json(json);
	dump = json_dumps(json, JSON_COMPACT);
	assert_string_equal(dump, "{\"list\":[\"mongodb://***@h\",{"
				  "\"password\":\"***\",\"pwd\":\"***\","
				  "\"token\":\"***\"}],\"mongodb://***@h\":1}");
	free(dump);
	json_decref(json);
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* %XX or %xx */
static size_t write_hex(char *to, char c, bool is_upper)
{
	int len = snprintf(to, 4, is_upper ? "%%%02X" : "%%%02x",
		(unsigned)(unsigned char)c);

	assert_int_equal(len, 3);
	return 3;
}

enum spelling { LITERAL, UPPER, LOWER, MIXED, SPELLINGS };

static size_t plant(
	char *to, const char *password, unsigned how, uint32_t *seed)
{
	size_t len = 0;

	for (; *password; password++) {
		unsigned each = how == MIXED ? next_random(seed) % 3 : how;

		if (each == LITERAL)
			to[len++] = *password;
		else
			len += write_hex(to + len, *password, each == UPPER);
	}
	to[len] = '\0';
	return len;
}

/* Whether text begins with the password, in any of these spellings. */
static bool spells(const char *text, const char *password)
{
	char upper[4], lower[4];

	if (!*password)
		return true;
	(void)write_hex(upper, *password, true);
	(void)write_hex(lower, *password, false);
	if (*text == *password && spells(text + 1, password + 1))
		return true;
	return (!strncmp(text, upper, 3) || !strncmp(text, lower, 3)) &&
	       spells(text + 3, password + 1);
}

static bool betrays(const char *text, const char *password)
{
	for (; *text; text++) {
		if (spells(text, password))
			return true;
	}
	return false;
}

static void test_scrub_planted_password_never_survives(void **state)
{
	static const char alphabet[] =
		"aZ0259:@/?#[]!$&'()+,;=%\"\\ -._~{}<>|\n\tpassword=";
	uint32_t seed = SEED;
	unsigned round;

	(void)state;
	for (round = 0; round < 4000; round++) {
		char password[17], text[256], *clean;
		size_t len = 4 + next_random(&seed) % 12, i, at = 0;

		for (i = 0; i < len; i++)
			password[i] = alphabet[next_random(&seed) %
					       (sizeof(alphabet) - 1)];
		password[len] = '\0';
		scrub_add(password);
		for (i = next_random(&seed) % 64; i; i--)
			text[at++] = alphabet[next_random(&seed) %
					      (sizeof(alphabet) - 1)];
		at += plant(text + at, password, round % SPELLINGS, &seed);
		for (i = next_random(&seed) % 64; i; i--)
			text[at++] = alphabet[next_random(&seed) %
					      (sizeof(alphabet) - 1)];
		text[at] = '\0';
		clean = scrub(text);
		if (betrays(clean, password))
			fail_msg("seed %u, round %u", SEED, round);
		free(clean);
		scrub_forget();
	}
}

/* Nobody told us the password: its place alone must give it away. */
static void test_scrub_unknown_password_in_usual_places(void **state)
{
	static const char *const places[] = {
		"mongodb://user:%s@host:27017/db?x=y",
		"connect \"mongodb+srv://user:%s@host\": timeout",
		"[mongodb://user:%s@host,other]",
		"user:%s@host",
		"cut off mongodb://user:%s",
		"password=%s",
		"--password %s --port 1",
		"{\"a\":1,\"PASSWORD\":\"%s\",\"b\":2}",
		"{\"m\":\"{\\\"clientSecret\\\":\\\"%s\\\"}\"}",
		"keyPassword: %s\nb: 1",
		"pwd: '%s'",
		"http://h/?token=%s&b=1",
		"mongodb://h/?tlsCertificateKeyFilePassword=%s&tls=true",
		"Authorization: Bearer %s",
		"secret: |\n  %s\n",
	};
	static const char alphabet[] = "abcXYZ0189-_.~!$*+;%40%2F";
	uint32_t seed = SEED;
	unsigned round;

	(void)state;
	for (round = 0; round < 3000; round++) {
		const char *place =
			places[round % (sizeof(places) / sizeof(*places))];
		const char *hole = strstr(place, "%s");
		char password[24] = "hX", text[256], *clean;
		size_t len = 8 + next_random(&seed) % 12, i;

		for (i = 2; i < len; i++)
			password[i] = alphabet[next_random(&seed) %
					       (sizeof(alphabet) - 1)];
		password[len] = '\0';
		(void)snprintf(text, sizeof(text), "%.*s%s%s",
			(int)(hole - place), place, password, hole + 2);
		clean = scrub(text);
		if (strstr(clean, password))
			fail_msg("seed %u: %s -> %s", SEED, text, clean);
		free(clean);
	}
}

/* Any text, with the first bytes as a known secret; tests/fuzz has more. */
static void check_any(const char *data, size_t size)
{
	char *text = calloc(1, size + 1), *clean, *again;
	char known[9] = "";

	assert_non_null(text);
	if (size)
		memcpy(text, data, size);
	memcpy(known, text, size < 8 ? size : 8);
	scrub_add(known);
	clean = scrub(text);
	again = scrub(clean);
	/* The stars and what is behind them may by chance spell it again. */
	if (strlen(known) >= 4 && !strchr(known, '*') && strstr(clean, known))
		fail_msg("%s is left of %s", known, text);
	assert_true(strlen(again) <= 3 * strlen(clean));
	free(again);
	free(clean);
	free(text);
	scrub_forget();
}

static void test_scrub_any_bytes(void **state)
{
	static const char *const words[] = {"password", "token", "://", "@",
		":", "=", "\"", "\\", "'", "{", "]", "\n", " ", "%3a%2f%2f",
		"%40", "|", "mongodb", "--", "a", "\xc3\xa4", "[", "}", "&"};
	uint32_t seed = SEED;
	unsigned round;

	(void)state;
	for (round = 0; round < 5000; round++) {
		char text[400] = "";
		size_t at = 0;

		while (at < 300 && next_random(&seed) % 40)
			at += (size_t)snprintf(text + at, sizeof(text) - at,
				"%s",
				words[next_random(&seed) %
					(sizeof(words) / sizeof(*words))]);
		check_any(text, at);
	}
}

static double seconds_for(const char *word, size_t size)
{
	char *text = malloc(size + 1), *clean;
	size_t len = strlen(word), i;
	clock_t begin;

	assert_non_null(text);
	for (i = 0; i < size; i++)
		text[i] = word[i % len];
	text[size] = '\0';
	begin = clock();
	clean = scrub(text);
	free(clean);
	free(text);
	return (double)(clock() - begin) / CLOCKS_PER_SEC;
}

/* Eight times as much text takes eight times as long; by a quadratic pass it
 * would be 64 times.  The machine may be slow, or valgrind. */
static void test_scrub_long_text_is_linear(void **state)
{
	static const char *const words[] = {"a", "token ", "token=", "token:|",
		"token:\n", "token: \"x\" ", "\"token\":[", "://", "a@", ":",
		"mongodb://", "x://a:b", "mongodb%3a%2f%2f", "\\", "{",
		"--token -", "password", "\"", "'", "%40", "-", " ", "abc:d,"};
	size_t i;

	(void)state;
	scrub_add("aaaaaaab");
	for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
		double some = seconds_for(words[i], 64u << 10);
		double more = seconds_for(words[i], 512u << 10);

		if (more > 24 * some + 0.5)
			fail_msg("%s: %.2f s, and %.2f s for eight times as "
				 "much",
				words[i], some, more);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secret_set_copies_and_done_empties),
		cmocka_unit_test(test_scrub_leaves_plain_text),
		cmocka_unit_test(test_scrub_userinfo_of_any_uri),
		cmocka_unit_test(test_scrub_a_uri_that_was_cut),
		cmocka_unit_test(test_scrub_values_of_password_like_keys),
		cmocka_unit_test(test_scrub_query_strings),
		cmocka_unit_test_teardown(test_scrub_known_secrets, forget),
		cmocka_unit_test_teardown(
			test_scrub_add_uri_of_a_name_alone_is_no_secret,
			forget),
		cmocka_unit_test_teardown(
			test_scrub_add_ignores_short_text, forget),
		cmocka_unit_test(test_scrub_in_place_cuts_cleanly),
		cmocka_unit_test_teardown(test_scrub_half_a_character, forget),
		cmocka_unit_test(test_scrub_json_in_depth),
		cmocka_unit_test_teardown(
			test_scrub_planted_password_never_survives, forget),
		cmocka_unit_test(test_scrub_unknown_password_in_usual_places),
		cmocka_unit_test_teardown(test_scrub_any_bytes, forget),
		cmocka_unit_test_teardown(
			test_scrub_long_text_is_linear, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
