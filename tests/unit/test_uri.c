/*
 * test_uri.c - options and hosts of a connection string, never its userinfo.
 */
#include "supervisor/fleet/uri.h"

#include "scratch.h"

static char *options_of(const char *uri)
{
	const char *at = uri_options(uri);
	struct uri_option option;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	while (uri_next_option(&at, &option))
		(void)fprintf(out, "%s=%s ", option.name, option.value);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void test_uri_next_option_of_any_spelling(void **state)
{
	static const char *const cases[][2] = {
		{"mongodb://u:p@a/?w=majority&readPreference=primary",
			"w=majority readPreference=primary "},
		{"mongodb://a/db?w=1;tls", "w=1 tls= "},
		{"mongodb://a?w=%6dajority&&x=a=b&", "w=majority x=a=b "},
		{"mongodb+srv://u:p@a.b/?w=%", "w=% "},
		{"mongodb://u:p@a,b:2/db", ""},
		{"light:/dir?w=1", ""},
		{"mongodb://a/?=x&w=%zz", "=x w=%zz "},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = options_of(cases[i][0]);

		assert_string_equal(text, cases[i][1]);
		free(text);
	}
}

static void test_uri_next_option_cuts_what_is_long(void **state)
{
	char uri[400] = "mongodb://a/?x=";
	struct uri_option option;
	const char *at;

	(void)state;
	memset(uri + strlen(uri), 'v', 200);
	at = uri_options(uri);
	assert_true(uri_next_option(&at, &option));
	assert_string_equal(option.name, "x");
	assert_int_equal(strlen(option.value), sizeof(option.value) - 1);
	assert_false(uri_next_option(&at, &option));
}

static void test_uri_match_host(void **state)
{
	static const struct {
		const char *uri, *host;
		enum uri_match is;
	} cases[] = {
		{"mongodb://a.x:27017/", "a.x:27017", URI_SAME},
		{"mongodb://a.x/", "A.X:27017", URI_SAME},
		{"mongodb://u:p@a.x,b.x:3/?w=1", "b.x:3", URI_SAME},
		{"mongodb://u:p@q@a.x:3", "a.x:3", URI_SAME},
		{"mongodb://[::1]:3,b/", "[::1]:3", URI_SAME},
		{"mongodb://[::1]", "[::1]:27017", URI_SAME},
		{"mongodb://a.x:3", "a.x:4", URI_OTHER},
		{"mongodb://a.x:3", "b.x:3", URI_OTHER},
		{"mongodb://127.0.0.1:3", "127.0.0.1:4", URI_OTHER},
		/* one host by two names */
		{"mongodb://localhost:3", "127.0.0.1:3", URI_PERHAPS},
		{"mongodb://a:3", "10.0.0.1:3", URI_PERHAPS},
		{"mongodb://a:3", "a.x:3", URI_PERHAPS},
		{"mongodb://ab:3", "a.x:3", URI_OTHER},
		/* who knows what stands behind it */
		{"mongodb+srv://a.x/", "b.x:27017", URI_PERHAPS},
		{"light:/dir", "b.x:27017", URI_PERHAPS},
		/* nobody's password is a host */
		{"mongodb://u:3@a.x", "u:3", URI_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (uri_match_host(cases[i].uri, cases[i].host) != cases[i].is)
			fail_msg("%s %s: %d", cases[i].uri, cases[i].host,
				(int)uri_match_host(
					cases[i].uri, cases[i].host));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uri_next_option_of_any_spelling),
		cmocka_unit_test(test_uri_next_option_cuts_what_is_long),
		cmocka_unit_test(test_uri_match_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
