/*
 * Unit tests of the events that an operator acts on, and of their fields in the
 * system's journal.
 */
#include <syslog.h>

#include "supervisor/report/journald.h"

#include "scratch.h"

static enum event_kind kind_of(const char *text)
{
	json_t *record = json_loads(text, 0, NULL);
	enum event_kind kind;

	assert_non_null(record);
	kind = event_of_record(record);
	json_decref(record);
	return kind;
}

static void test_event_ids_are_unique(void **state)
{
	(void)state;
	for (unsigned i = EVENT_NONE + 1; i <= EVENT_STORAGE; i++) {
		assert_int_equal(strlen(event_id(i)), 32);
		assert_int_equal(strspn(event_id(i), "0123456789abcdef"), 32);
		for (unsigned j = EVENT_NONE + 1; j < i; j++)
			assert_string_not_equal(event_id(i), event_id(j));
	}
}

static void test_event_of_record(void **state)
{
	static const struct {
		const char *record;
		enum event_kind kind;
	} rows[] = {
		{"{\"kind\":\"run\"}", EVENT_STARTED},
		{"{\"kind\":\"resumed\"}", EVENT_CONTINUED},
		{"{\"kind\":\"turn\"}", EVENT_TURNING},
		{"{\"kind\":\"halt\",\"code\":6}", EVENT_STEP_FAILED},
		{"{\"kind\":\"halt\",\"code\":7}", EVENT_NEEDS_PERSON},
		{"{\"kind\":\"halt\",\"code\":4}", EVENT_NEEDS_PERSON},
		{"{\"kind\":\"clock\",\"loud\":0}", EVENT_NONE},
		{"{\"kind\":\"clock\",\"loud\":1}", EVENT_MARGIN_LOW},
		/* a reading of the margin: said before */
		{"{\"kind\":\"clock\",\"loud\":1,\"margin_s\":9}", EVENT_NONE},
		{"{\"kind\":\"end\",\"outcome\":\"reached\"}", EVENT_DONE},
		{"{\"kind\":\"end\",\"outcome\":\"turned-back\"}",
			EVENT_TURNED_BACK},
		{"{\"kind\":\"end\",\"outcome\":\"aborted\"}", EVENT_NONE},
		{"{\"kind\":\"intent\"}", EVENT_NONE},
		{"{\"kind\":\"note\"}", EVENT_NONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (kind_of(rows[i].record) != rows[i].kind)
			fail_msg("%s", rows[i].record);
}

static void assert_fields(
	const struct journald_event *event, const char *expected)
{
	char *field[JOURNALD_FIELDS_MAX], all[1024] = "";
	unsigned count = journald_fields(event, field);

	for (unsigned i = 0; i < count; i++) {
		size_t len = strlen(all);

		(void)snprintf(all + len, sizeof(all) - len, "%s\n", field[i]);
		free(field[i]);
	}
	assert_string_equal(all, expected);
}

static void test_journald_fields_of_an_event(void **state)
{
	const struct journald_event event = {EVENT_NEEDS_PERSON, "shop", "r1",
		"east", "shard0", "stop", 7,
		"lane east stops: mongodb://u:hunter22@h/ said no"};
	char expected[600];

	(void)state;
	(void)snprintf(expected, sizeof(expected),
		"MESSAGE=lane east stops: mongodb://***@h/ said no\n"
		"MESSAGE_ID=%s\nPRIORITY=%d\nSYNCUP_FLEET=shop\n"
		"SYNCUP_RUN=r1\nSYNCUP_LANE=east\nSYNCUP_TARGET=shard0\n"
		"SYNCUP_STEP=stop\nSYNCUP_EXIT=7\n",
		event_id(EVENT_NEEDS_PERSON), LOG_ALERT);
	assert_fields(&event, expected);
}

static void test_journald_fields_of_a_unit(void **state)
{
	const struct journald_event event = {.kind = EVENT_DONE,
		.exit = -1,
		.text = "syncup@shop.service ended"};
	char expected[200];

	(void)state;
	(void)snprintf(expected, sizeof(expected),
		"MESSAGE=syncup@shop.service ended\n"
		"MESSAGE_ID=%s\nPRIORITY=%d\n",
		event_id(EVENT_DONE), LOG_NOTICE);
	assert_fields(&event, expected);
}

static void test_journald_fields_that_are_not_known(void **state)
{
	const struct journald_event event = {
		.kind = EVENT_DONE, .run = "r1", .exit = -1, .text = "end"};
	char expected[200];

	(void)state;
	(void)snprintf(expected, sizeof(expected),
		"MESSAGE=end\nMESSAGE_ID=%s\nPRIORITY=%d\nSYNCUP_RUN=r1\n",
		event_id(EVENT_DONE), LOG_NOTICE);
	assert_fields(&event, expected);
}

/* JOURNAL_STREAM names device and inode of what the journal reads; what our
 * parent's output goes to is none of ours. */
static void test_journald_is_by_device_and_inode(void **state)
{
	FILE *out = tmpfile(), *other = tmpfile();
	struct stat st;
	char stream[64];

	(void)state;
	assert_non_null(out);
	assert_non_null(other);
	assert_int_equal(fstat(fileno(out), &st), 0);
	(void)snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		(uintmax_t)st.st_ino);
	(void)unsetenv("JOURNAL_STREAM");
	assert_false(journald_is(out));
	assert_string_equal(journald_level(out, LOG_ERR), "");
	(void)setenv("JOURNAL_STREAM", stream, 1);
	assert_true(journald_is(out));
	assert_false(journald_is(other));
	assert_string_equal(journald_level(out, LOG_ERR), "<3>");
	assert_string_equal(journald_level(other, LOG_ERR), "");
	(void)unsetenv("JOURNAL_STREAM");
	(void)fclose(out);
	(void)fclose(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_event_ids_are_unique),
		cmocka_unit_test(test_event_of_record),
		cmocka_unit_test(test_journald_fields_of_an_event),
		cmocka_unit_test(test_journald_fields_of_a_unit),
		cmocka_unit_test(test_journald_fields_that_are_not_known),
		cmocka_unit_test(test_journald_is_by_device_and_inode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
