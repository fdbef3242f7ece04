#include "state/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Last: it needs three of the headers above. */
#include <cmocka.h>

static void test_err_set_fills_code_and_message(void **state)
{
	struct err err = {.sys = 5};

	(void)state;
	assert_false(err_set(&err, ERR_HELD, "%s by %d", "held", 12));
	assert_int_equal(err.code, ERR_HELD);
	assert_int_equal(err.sys, 0);
	assert_string_equal(err.msg, "held by 12");
}

static void test_err_set_own_message_as_argument(void **state)
{
	struct err err;

	(void)state;
	(void)err_set(&err, ERR_STEP, "first");
	(void)err_set(&err, ERR_DECIDE, "then %s", err.msg);
	assert_string_equal(err.msg, "then first");
	assert_int_equal(err.code, ERR_DECIDE);
}

static void test_err_sys_appends_the_reason(void **state)
{
	struct err err;

	(void)state;
	assert_false(err_sys(&err, ERR_STORAGE, ENOSPC, "writing %s", "/x"));
	assert_int_equal(err.code, ERR_STORAGE);
	assert_int_equal(err.sys, ENOSPC);
	assert_string_equal(err.msg, "writing /x: No space left on device");
}

static void test_err_wrap_keeps_code_and_errno(void **state)
{
	struct err err;

	(void)state;
	(void)err_sys(&err, ERR_STORAGE, EIO, "writing");
	assert_false(err_wrap(&err, "step %d", 3));
	assert_int_equal(err.code, ERR_STORAGE);
	assert_int_equal(err.sys, EIO);
	assert_string_equal(err.msg, "step 3: writing: Input/output error");
}

static void test_err_set_too_long_is_cut_with_dots(void **state)
{
	char text[2 * sizeof(((struct err *)0)->msg)];
	struct err err;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)err_set(&err, ERR_BUG, "%s", text);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	assert_string_equal(err.msg + sizeof(err.msg) - 5, "x...");
	text[sizeof(err.msg) - 1] = '\0';
	(void)err_set(&err, ERR_BUG, "%s", text);
	assert_string_equal(err.msg, text);
}

static void test_err_set_never_cuts_a_character(void **state)
{
	struct err err;

	(void)state;
	/* Two bytes each, begun at an odd offset: the cut would hit a middle.
	 */
	for (int shift = 0; shift < 2; shift++) {
		char text[2 * sizeof(err.msg)];
		size_t len = (size_t)shift;

		memset(text, 'x', len);
		for (; len + 2 < sizeof(text); len += 2)
			memcpy(text + len, "\xc3\xa4", 2);
		text[len] = '\0';
		(void)err_set(&err, ERR_BUG, "%s", text);
		len = strlen(err.msg);
		assert_string_equal(err.msg + len - 3, "...");
		assert_int_equal((unsigned char)err.msg[len - 4], 0xa4);
	}
}

static void test_err_null_is_allowed(void **state)
{
	(void)state;
	assert_false(err_set(NULL, ERR_BUG, "x"));
	assert_false(err_sys(NULL, ERR_BUG, EIO, "x"));
	assert_false(err_wrap(NULL, "x"));
}

static void test_err_mend_text_leaves_characters(void **state)
{
	static const char *const texts[] = {"", "plain",
		"\xc3\xa4 \xe2\x82\xac", "\xf0\x9f\x98\x80",
		"\xed\x9f\xbf\xee\x80\x80", "\xf4\x8f\xbf\xbf"};
	char text[40];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		(void)snprintf(text, sizeof(text), "%s", texts[i]);
		err_mend_text(text);
		assert_string_equal(text, texts[i]);
	}
}

static void test_err_mend_text_of_odd_bytes(void **state)
{
	static const char *const pairs[][2] = {
		{"Gr\xfc\xdf"
		 "e",
			"Gr??e"},
		{"cut \xe2\x82", "cut ??"},
		{"\xc3", "?"},
		{"\x80z", "?z"},
		{"\xc0\xaf", "??"}, /* too long a spelling of '/' */
		{"\xe0\x80\xaf", "???"},
		{"\xf0\x80\x80\xaf", "????"},
		{"\xed\xa0\x80", "???"}, /* half a pair */
		{"\xf4\x90\x80\x80", "????"},
		{"\xf5\xff", "??"},
		{"\xe2\x82\xc3\xa4", "??\xc3\xa4"},
	};
	char text[40];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		(void)snprintf(text, sizeof(text), "%s", pairs[i][0]);
		err_mend_text(text);
		assert_string_equal(text, pairs[i][1]);
	}
}

/* A message may become part of a record, which is JSON. */
static void test_err_message_is_always_utf8(void **state)
{
	struct err err;

	(void)state;
	(void)err_set(&err, ERR_STEP, "it said \"%s\"", "Gr\xfc\xdf");
	assert_string_equal(err.msg, "it said \"Gr??\"");
	(void)err_wrap(&err, "\xff");
	assert_string_equal(err.msg, "?: it said \"Gr??\"");
	(void)err_sys(&err, ERR_STEP, ENOENT, "\x80");
	assert_string_equal(err.msg, "?: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_err_set_fills_code_and_message),
		cmocka_unit_test(test_err_mend_text_leaves_characters),
		cmocka_unit_test(test_err_mend_text_of_odd_bytes),
		cmocka_unit_test(test_err_message_is_always_utf8),
		cmocka_unit_test(test_err_set_own_message_as_argument),
		cmocka_unit_test(test_err_sys_appends_the_reason),
		cmocka_unit_test(test_err_wrap_keeps_code_and_errno),
		cmocka_unit_test(test_err_set_too_long_is_cut_with_dots),
		cmocka_unit_test(test_err_set_never_cuts_a_character),
		cmocka_unit_test(test_err_null_is_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
