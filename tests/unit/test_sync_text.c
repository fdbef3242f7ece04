/*
 * test_sync_text.c - foreign words, cut and cleaned.
 */
#include "sync_client/sync_text.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *copied(size_t size, const char *from)
{
	static char to[256];

	assert_true(size <= sizeof(to));
	memset(to, '#', sizeof(to));
	sync_text_copy(to, size, from);
	if (size < sizeof(to))
		assert_int_equal(to[size], '#');
	return to;
}

static void test_copy_plain(void **state)
{
	(void)state;
	assert_string_equal(copied(16, "collection copy"), "collection copy");
	assert_string_equal(copied(16, ""), "");
	assert_string_equal(copied(16, NULL), "");
}

static void test_copy_cuts_to_the_buffer(void **state)
{
	(void)state;
	assert_string_equal(copied(4, "abcdef"), "abc");
	assert_string_equal(copied(1, "abcdef"), "");
}

static void test_copy_cuts_between_characters(void **state)
{
	(void)state;
	/* u-umlaut (2 bytes), euro (3), a rocket (4) */
	assert_string_equal(copied(3, "a\xc3\xbc"), "a");
	assert_string_equal(copied(4, "a\xc3\xbc"), "a\xc3\xbc");
	assert_string_equal(copied(4, "a\xe2\x82\xac"), "a");
	assert_string_equal(copied(5, "a\xf0\x9f\x9a\x80"), "a");
	assert_string_equal(
		copied(6, "a\xf0\x9f\x9a\x80z"), "a\xf0\x9f\x9a\x80");
}

static void test_copy_replaces_control_characters(void **state)
{
	(void)state;
	assert_string_equal(
		copied(32, "a\x1b[31mb\nc\rd\te\x7f"), "a [31mb c d e ");
	/* C1 controls, which are two bytes in UTF-8 */
	assert_string_equal(copied(32, "a\xc2\x9b"
				       "31m"),
		"a 31m");
	assert_string_equal(copied(32, "\xc2\xa0"), "\xc2\xa0");
}

static void test_copy_replaces_what_is_no_utf8(void **state)
{
	(void)state;
	assert_string_equal(copied(32, "a\xff\xfe"
				       "b"),
		"a??b");
	assert_string_equal(copied(32, "\x80z"), "?z");
	/* cut off, at the end and before something else */
	assert_string_equal(copied(32, "a\xc3"), "a?");
	assert_string_equal(copied(32, "a\xe2\x82"), "a??");
	assert_string_equal(copied(32, "\xf0\x9f"
				       "zz"),
		"??zz");
	/* longer than it must be, a surrogate, beyond Unicode */
	assert_string_equal(copied(32, "\xc0\x80"), "??");
	assert_string_equal(copied(32, "\xe0\x80\xaf"), "???");
	assert_string_equal(copied(32, "\xed\xa0\x80"), "???");
	assert_string_equal(copied(32, "\xf4\x90\x80\x80"), "????");
	assert_string_equal(copied(32, "\xf4\x8f\xbf\xbf"), "\xf4\x8f\xbf\xbf");
}

static void test_clean_what_was_cut_anywhere(void **state)
{
	static const char whole[] =
		"pause: \xc3\xa9\xe2\x82\xac\xf0\x9f\x9a\x80";

	(void)state;
	for (size_t size = 1; size <= sizeof(whole); size++) {
		char text[sizeof(whole)];
		json_t *json;

		memcpy(text, whole, size);
		text[size - 1] = '\0';
		sync_text_clean(text, size);
		json = json_string(text);
		assert_non_null(json);
		assert_true(strlen(text) < size);
		json_decref(json);
	}
}

static void test_copy_hides_userinfo(void **state)
{
	(void)state;
	assert_string_equal(
		copied(128, "to mongodb://u:canary@h:1/?a=b failed"),
		"to mongodb://***@h:1/?a=b failed");
	assert_string_equal(copied(128, "mongodb+srv://u:can@ary@h"),
		"mongodb+srv://***@h");
	assert_string_equal(copied(128, "\"x://u:p@h\", \"y://u:p@i\""),
		"\"x://***@h\", \"y://***@i\"");
	assert_string_equal(copied(128, "http://h/ me@example.net"),
		"http://h/ me@example.net");
}

/* There is nothing to hide, and what follows must not drown in stars. */
static void test_copy_empty_userinfo(void **state)
{
	(void)state;
	assert_string_equal(copied(64, "mongodb://@host/db, end"),
		"mongodb://@host/db, end");
	assert_string_equal(copied(64, "mongodb://u:p://@host end"),
		"mongodb://***@host end");
}

static void test_copy_hides_userinfo_before_cutting(void **state)
{
	static const char uri[] = "mongodb://user:canary@host";
	char to[sizeof(uri)];

	(void)state;
	for (size_t size = 1; size <= sizeof(to); size++) {
		sync_text_copy(to, size, uri);
		assert_null(strstr(to, "u"));
		assert_true(strlen(to) < size);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy_plain),
		cmocka_unit_test(test_copy_cuts_to_the_buffer),
		cmocka_unit_test(test_copy_cuts_between_characters),
		cmocka_unit_test(test_copy_replaces_control_characters),
		cmocka_unit_test(test_copy_replaces_what_is_no_utf8),
		cmocka_unit_test(test_clean_what_was_cut_anywhere),
		cmocka_unit_test(test_copy_hides_userinfo),
		cmocka_unit_test(test_copy_empty_userinfo),
		cmocka_unit_test(test_copy_hides_userinfo_before_cutting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
