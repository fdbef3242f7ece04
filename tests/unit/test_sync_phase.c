/*
 * test_sync_phase.c - the states as words, and which of them are final.
 */
#include "sync_client/sync_phase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PHASE_LAST SYNC_PHASE_REVERSING

static void test_parse_words_of_the_api(void **state)
{
	(void)state;
	assert_int_equal(
		sync_phase_parse("INITIALIZING"), SYNC_PHASE_INITIALIZING);
	assert_int_equal(sync_phase_parse("IDLE"), SYNC_PHASE_IDLE);
	assert_int_equal(sync_phase_parse("RUNNING"), SYNC_PHASE_RUNNING);
	assert_int_equal(sync_phase_parse("PAUSED"), SYNC_PHASE_PAUSED);
	assert_int_equal(sync_phase_parse("COMMITTING"), SYNC_PHASE_COMMITTING);
	assert_int_equal(sync_phase_parse("COMMITTED"), SYNC_PHASE_COMMITTED);
	assert_int_equal(sync_phase_parse("REVERSING"), SYNC_PHASE_REVERSING);
}

static void test_parse_other_words_are_unknown(void **state)
{
	static const char *const words[] = {
		NULL, "", "paused", "PAUSED ", "PAUSE", "PAUSEDX", "UNKNOWN"};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_int_equal(
			sync_phase_parse(words[i]), SYNC_PHASE_UNKNOWN);
}

static void test_name_parses_back(void **state)
{
	(void)state;
	for (int phase = SYNC_PHASE_UNKNOWN; phase <= PHASE_LAST; phase++)
		assert_int_equal(sync_phase_parse(sync_phase_name(
					 (enum sync_phase)phase)),
			phase);
}

static void test_name_outside_the_enum(void **state)
{
	(void)state;
	assert_string_equal(
		sync_phase_name((enum sync_phase)(PHASE_LAST + 1)), "UNKNOWN");
}

static void test_is_final_after_a_cut_over_only(void **state)
{
	(void)state;
	for (int phase = SYNC_PHASE_UNKNOWN; phase <= PHASE_LAST; phase++)
		assert_int_equal(sync_phase_is_final((enum sync_phase)phase),
			phase >= SYNC_PHASE_COMMITTING);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_words_of_the_api),
		cmocka_unit_test(test_parse_other_words_are_unknown),
		cmocka_unit_test(test_name_parses_back),
		cmocka_unit_test(test_name_outside_the_enum),
		cmocka_unit_test(test_is_final_after_a_cut_over_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
