/*
 * test_words.c - the last words of a sync process: which, how long, and never a
 * secret.
 */
#include "supervisor/steps/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/fleet/secret.h"

static void assert_words(const char *text, bool whole, const char *expected)
{
	json_t *words = words_of(text, strlen(text), whole);
	char *found = json_dumps(words, JSON_COMPACT);

	assert_non_null(found);
	assert_string_equal(found, expected);
	free(found);
	json_decref(words);
}

static void test_words_of_a_log(void **state)
{
	(void)state;
	assert_words(
		"{\"level\":\"info\",\"time\":\"2026\",\"message\":\"one\"}\n"
		"{\"level\":\"error\",\"message\":\"two\","
		"\"error\":{\"message\":\"why\"}}\n"
		"{\"level\":\"warn\",\"message\":\"three\","
		"\"handledError\":{\"message\":\"so\"}}\n"
		"{\"level\":\"error\",\"message\":\"four\","
		"\"error\":\"text\"}\n",
		true,
		"[\"info: one\",\"error: two: why\",\"warn: three: so\","
		"\"error: four: text\"]");
	assert_words("", true, "[]");
	assert_words("\n\n", true, "[]");
}

static void test_words_of_what_is_no_event(void **state)
{
	(void)state;
	assert_words(
		"panic: close of closed channel\n[1]\n{}\n{\"level\":", true,
		"[\"panic: close of closed channel\",\"[1]\",\"{}\","
		"\"{\\\"level\\\":\"]");
}

static void test_words_of_many_lines_are_the_last(void **state)
{
	(void)state;
	assert_words("1\n2\n3\n4\n5\n6\n7\n", true,
		"[\"3\",\"4\",\"5\",\"6\",\"7\"]");
	/* The first may be the end of one. */
	assert_words("1\n2\n3\n", false, "[\"2\",\"3\"]");
	assert_words("only a part", false, "[]");
}

static void test_words_begin_with_the_fatal_one(void **state)
{
	(void)state;
	assert_words("1\n2\n{\"level\":\"fatal\",\"message\":\"it\"}\n"
		     "3\n4\n5\n6\n7\n",
		true, "[\"fatal: it\",\"4\",\"5\",\"6\",\"7\"]");
	assert_words("{\"level\":\"fatal\",\"message\":\"a\"}\nb\n"
		     "{\"level\":\"fatal\",\"message\":\"c\"}\n",
		true, "[\"fatal: c\",\"b\"]");
}

static void test_words_are_short(void **state)
{
	char line[3 * WORDS_BYTES];
	json_t *words;

	(void)state;
	memset(line, 'x', sizeof(line));
	words = words_of(line, sizeof(line), true);
	assert_int_equal(json_array_size(words), 1);
	assert_int_equal(
		json_string_length(json_array_get(words, 0)), WORDS_BYTES);
	json_decref(words);
}

/* A password that a cut would halve is not known by its half. */
static void test_words_hide_secrets_before_they_are_cut(void **state)
{
	char line[600];
	json_t *words;

	(void)state;
	scrub_add_uri("mongodb://sync:t0ps3cretword@host/");
	for (unsigned before = WORDS_BYTES - 30; before < WORDS_BYTES;
		before++) {
		(void)snprintf(line, sizeof(line), "%0*d t0ps3cretword",
			(int)before, 0);
		words = words_of(line, strlen(line), true);
		assert_null(strstr(
			json_string_value(json_array_get(words, 0)), "t0p"));
		json_decref(words);
	}
	assert_words("{\"level\":\"fatal\",\"message\":\"cluster1\",\"error\":"
		     "{\"message\":\"mongodb://who:what@host/ is away\"}}\n",
		true, "[\"fatal: cluster1: mongodb://***@host/ is away\"]");
	scrub_forget();
}

static void test_words_that_are_no_text_are_mended(void **state)
{
	static const char line[] = "caf\xe9 \xff\n";
	json_t *words = words_of(line, sizeof(line) - 1, true);

	(void)state;
	assert_non_null(json_string_value(json_array_get(words, 0)));
	json_decref(words);
}

static void test_words_reason(void **state)
{
	json_t *plain = json_pack("[s, s]", "one", "two");
	json_t *fatal = json_pack("[s, s]", "fatal: one", "two");

	(void)state;
	assert_string_equal(words_reason(NULL), "");
	assert_string_equal(words_reason(plain), "two");
	assert_string_equal(words_reason(fatal), "fatal: one");
	json_decref(plain);
	json_decref(fatal);
}

static void test_words_of_who_died_before_it_had_a_log(void **state)
{
	json_t *log = json_pack("[s, s, s, s, s]", "info: a", "info: b",
		"info: c", "info: d", "info: e");
	json_t *printed = json_pack("[s, s, s]", "one", "two", "three");

	(void)state;
	words_join(log, printed);
	assert_int_equal(json_array_size(log), WORDS_LINES);
	assert_string_equal(
		json_string_value(json_array_get(log, 0)), "info: c");
	assert_string_equal(json_string_value(json_array_get(log, 3)), "two");
	assert_string_equal(words_reason(log), "three");
	json_decref(log);
	json_decref(printed);
}

static void test_words_of_a_fatal_log_stay(void **state)
{
	json_t *log = json_pack("[s, s, s, s, s]", "fatal: no", "info: b",
		"info: c", "info: d", "info: e");
	json_t *printed = json_pack("[s]", "bye");

	(void)state;
	words_join(log, printed);
	assert_int_equal(json_array_size(log), WORDS_LINES);
	assert_string_equal(words_reason(log), "fatal: no");
	json_decref(log);
	json_decref(printed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words_of_a_log),
		cmocka_unit_test(test_words_of_what_is_no_event),
		cmocka_unit_test(test_words_of_many_lines_are_the_last),
		cmocka_unit_test(test_words_begin_with_the_fatal_one),
		cmocka_unit_test(test_words_are_short),
		cmocka_unit_test(test_words_hide_secrets_before_they_are_cut),
		cmocka_unit_test(test_words_that_are_no_text_are_mended),
		cmocka_unit_test(test_words_reason),
		cmocka_unit_test(test_words_of_who_died_before_it_had_a_log),
		cmocka_unit_test(test_words_of_a_fatal_log_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
