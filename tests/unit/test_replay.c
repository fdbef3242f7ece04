/*
 * test_replay.c - how much of a damaged journal is believed, seen through
 * journal_read() and journal_open().
 */
#include "journal_sample.h"

static void test_replay_read_function_refuses(void **state)
{
	struct sample *sample = *state;
	char expected[400];
	struct err err;

	assert_false(journal_read(
		sample->path, sample_refuse_five, NULL, NULL, &err));
	assert_int_equal(err.code, ERR_DECIDE);
	(void)snprintf(expected, sizeof(expected),
		"line 6 of %s: five is refused", sample->path);
	assert_string_equal(err.msg, expected);
}

static void test_replay_read_missing_empty_or_nonsense(void **state)
{
	struct sample *sample = *state;
	struct journal *journal = NULL;
	struct err err;

	sample_put(sample, "", 0);
	sample_assert_refused_at(sample, 1);
	sample_put(sample, "hello\n", 6);
	sample_assert_refused_at(sample, 1);
	sample_put(sample, sample->text, sample->line[1] - 1);
	sample_assert_refused_at(sample, 1);
	sample_put(sample, sample->text + sample->line[1],
		sample->len - sample->line[1]);
	sample_assert_refused_at(sample, 1);
	assert_int_equal(unlink(sample->path), 0);
	assert_false(journal_read(sample->path, NULL, NULL, NULL, &err));
	assert_int_equal(err.code, ERR_MISSING);
	assert_false(journal_open(sample->path, NULL, NULL, &journal, &err));
	assert_int_equal(err.code, ERR_MISSING);
	assert_int_equal(mkdir(sample->path, 0700), 0);
	assert_false(journal_read(sample->path, NULL, NULL, NULL, &err));
	assert_int_equal(err.code, ERR_JOURNAL);
}

/* A view reads while the supervisor appends: any prefix is a journal. */
static void test_replay_read_cut_at_any_byte(void **state)
{
	struct sample *sample = *state;
	unsigned whole = 1;

	for (size_t len = sample->line[1]; len <= sample->len; len++) {
		if (len == sample->line[whole + 1])
			whole++;
		sample_put(sample, sample->text, len);
		sample_assert_reads(sample, whole,
			len == sample->line[whole] ? 0 : whole + 1);
	}
	assert_int_equal(whole, RECORDS);
}

static void test_replay_read_last_batch_cut_at_any_byte(void **state)
{
	struct sample *sample = *state;
	unsigned whole = RECORDS - 2;

	for (size_t len = sample->line[whole]; len <= sample->len; len++) {
		if (len == sample->line[whole + 1])
			whole++;
		sample_put(sample, sample->text, len);
		sample_assert_continues(sample, whole);
	}
}

static void test_replay_read_last_batch_zero_filled(void **state)
{
	struct sample *sample = *state;
	char *text = malloc(sample->len);
	unsigned whole = RECORDS - 2;

	assert_non_null(text);
	for (size_t len = sample->line[whole]; len < sample->len; len++) {
		if (len == sample->line[whole + 1])
			whole++;
		memset(text, 0, sample->len);
		memcpy(text, sample->text, len);
		sample_put(sample, text, sample->len);
		sample_assert_reads(sample, whole, whole + 1);
		sample_assert_continues(sample, whole);
	}
	/* A hole in front of a line that did reach the disk. */
	memcpy(text, sample->text, sample->len);
	memset(text + sample->line[RECORDS - 2], 0,
		sample->line[RECORDS - 1] - sample->line[RECORDS - 2]);
	sample_put(sample, text, sample->len);
	sample_assert_continues(sample, RECORDS - 2);
	free(text);
}

static void test_replay_read_last_batch_reordered_or_with_gaps(void **state)
{
	struct sample *sample = *state;
	int swapped[] = {0, 1, 2, 3, 4, 5, 6, 8, 7, -1};
	int gap[] = {0, 1, 2, 3, 4, 5, 6, 8, -1};
	int twice[] = {0, 1, 2, 3, 4, 5, 6, 7, 7, 8, -1};

	sample_put_lines(sample, swapped);
	sample_assert_continues(sample, 7);
	sample_put_lines(sample, gap);
	sample_assert_continues(sample, 7);
	sample_put_lines(sample, twice);
	sample_assert_continues(sample, 8);
}

static void test_replay_read_gap_before_a_later_batch(void **state)
{
	struct sample *sample = *state;
	int gap[] = {0, 1, 2, 4, 5, 6, -1};
	int far_gap[] = {0, 1, 2, 5, 6, -1};
	int swapped[] = {0, 1, 4, 3, 2, 5, 6, 7, 8, -1};

	/* Batch 2 is damaged, batch 3 is there: it had been synced. */
	sample_put_lines(sample, gap);
	sample_assert_refused_at(sample, 4);
	sample_put_lines(sample, far_gap);
	sample_assert_refused_at(sample, 4);
	sample_put_lines(sample, swapped);
	sample_assert_refused_at(sample, 3);
}

static void test_replay_read_damage_of_a_synced_batch(void **state)
{
	struct sample *sample = *state;
	char *text = malloc(sample->len);

	/* Each byte of batch 1 and 2; batches 3 and 4 prove that they were
	 * synced.  A lost newline hides the record behind it from a reader
	 * who looks at whole lines only. */
	assert_non_null(text);
	for (size_t at = sample->line[1]; at < sample->line[5]; at++) {
		unsigned line = 2;

		while (at >= sample->line[line])
			line++;
		memcpy(text, sample->text, sample->len);
		text[at] ^= 0x20;
		sample_put(sample, text, sample->len);
		sample_assert_refused_at(sample, line);
	}
	free(text);
}

static void test_replay_read_zeros_up_to_the_last_record(void **state)
{
	struct sample *sample = *state;
	char *text = malloc(sample->len);

	assert_non_null(text);
	memcpy(text, sample->text, sample->len);
	memset(text + sample->line[3], 0, sample->line[8] - sample->line[3]);
	sample_put(sample, text, sample->len);
	sample_assert_refused_at(sample, 4);
	free(text);
}

static void append_raw(const struct sample *sample, const char *run,
	uint64_t seq, uint64_t batch, const char *kind, json_t *body)
{
	char *line = NULL, *text = malloc(sample->len + 1000);
	struct err err;
	size_t len;

	assert_non_null(text);
	assert_true(
		record_print(run, seq, batch, kind, body, &line, &len, &err));
	memcpy(text, sample->text, sample->len);
	memcpy(text + sample->len, line, len);
	sample_put(sample, text, sample->len + len);
	json_decref(body);
	free(line);
	free(text);
}

static void test_replay_read_line_of_another_run(void **state)
{
	struct sample *sample = *state;

	append_raw(sample, "20260101T000000Z-000000", RECORDS, 40, "note",
		json_object());
	sample_assert_continues(sample, RECORDS);
}

static void test_replay_read_batch_out_of_order(void **state)
{
	struct sample *sample = *state;

	append_raw(sample, sample->run, RECORDS, BATCHES + 2, "note",
		json_object());
	sample_assert_refused_at(sample, RECORDS + 1);
	append_raw(sample, sample->run, RECORDS, BATCHES - 1, "note",
		json_object());
	sample_assert_continues(sample, RECORDS);
}

static void assert_newer(
	const struct sample *sample, const char *what, const char *by)
{
	struct journal *journal = NULL;
	struct err err;

	assert_false(journal_open(sample->path, NULL, NULL, &journal, &err));
	assert_int_equal(err.code, ERR_JOURNAL);
	assert_non_null(strstr(err.msg, what));
	assert_non_null(strstr(err.msg, by));
}

static void put_first(const struct sample *sample, json_t *body)
{
	struct err err;
	char *line = NULL;
	size_t len;

	assert_true(record_print(
		sample->run, 0, 0, "run", body, &line, &len, &err));
	sample_put(sample, line, len);
	json_decref(body);
	free(line);
}

static void test_replay_read_newer_format(void **state)
{
	struct sample *sample = *state;

	put_first(sample,
		json_pack("{s:i, s:[], s:s, s:s}", "format", JOURNAL_FORMAT + 1,
			"needs", "run", sample->run, "syncup", "9.8"));
	assert_newer(sample, "format is 2", "9.8");
	put_first(sample, json_pack("{s:s}", "run", sample->run));
	assert_newer(sample, "no format", "line 1");
}

static void test_replay_read_unknown_need(void **state)
{
	struct sample *sample = *state;

	put_first(sample, json_pack("{s:i, s:[s], s:s, s:s}", "format",
				  JOURNAL_FORMAT, "needs", "time-travel", "run",
				  sample->run, "syncup", "9.8"));
	assert_newer(sample, "time-travel", "9.8");
	append_raw(sample, sample->run, RECORDS, BATCHES + 1, "resumed",
		json_pack("{s:[s], s:s}", "needs", "time-travel", "syncup",
			"9.9"));
	assert_newer(sample, "time-travel", "9.9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SAMPLE(test_replay_read_function_refuses),
		SAMPLE(test_replay_read_missing_empty_or_nonsense),
		SAMPLE(test_replay_read_cut_at_any_byte),
		SAMPLE(test_replay_read_last_batch_cut_at_any_byte),
		SAMPLE(test_replay_read_last_batch_zero_filled),
		SAMPLE(test_replay_read_last_batch_reordered_or_with_gaps),
		SAMPLE(test_replay_read_gap_before_a_later_batch),
		SAMPLE(test_replay_read_damage_of_a_synced_batch),
		SAMPLE(test_replay_read_zeros_up_to_the_last_record),
		SAMPLE(test_replay_read_line_of_another_run),
		SAMPLE(test_replay_read_batch_out_of_order),
		SAMPLE(test_replay_read_newer_format),
		SAMPLE(test_replay_read_unknown_need),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
