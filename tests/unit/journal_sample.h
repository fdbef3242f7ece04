/*
 * journal_sample.h - the journal that most tests of it begin with: record 0 in
 * batch 0, then two records in each of the batches 1 to 4.  Each says its
 * number in "n".
 */
#ifndef TESTS_UNIT_JOURNAL_SAMPLE_H
#define TESTS_UNIT_JOURNAL_SAMPLE_H

#include "state/journal.h"

#include "scratch.h"

#define BATCHES 4
#define RECORDS (1 + 2 * BATCHES)

struct sample {
	struct scratch scratch;
	char path[300];
	char *text;
	size_t len;
	size_t line[RECORDS + 1]; /* where each begins, and the end */
	char run[RUN_ID_MAX + 1];
};

struct seen {
	unsigned count;
	int values[100]; /* "n" of each record, -1 where it has none */
	uint64_t last_batch;
};

static inline bool sample_see(
	void *arg, const struct record *record, struct err *err)
{
	const json_t *n = json_object_get(record->json, "n");
	struct seen *seen = arg;

	(void)err;
	assert_int_equal(record->seq, seen->count);
	assert_true(seen->count < 100);
	seen->values[seen->count++] = n ? (int)json_integer_value(n) : -1;
	seen->last_batch = record->batch;
	return true;
}

static inline void sample_append(
	struct journal *journal, const char *kind, int n)
{
	json_t *body = json_pack("{s:i}", "n", n);
	struct err err = {0};

	if (!journal_append(journal, kind, body, &err))
		fail_msg("%s", err.msg);
	json_decref(body);
}

static inline void sample_sync(struct journal *journal)
{
	struct err err = {0};

	if (!journal_sync(journal, &err))
		fail_msg("%s", err.msg);
}

static inline struct journal *sample_create(const char *path, struct seen *seen)
{
	json_t *body = json_pack("{s:{s:s}}", "plan", "to", "1.2.3");
	struct journal *journal = NULL;
	struct err err = {0};

	if (!journal_create(path, body, sample_see, seen, &journal, &err))
		fail_msg("%s", err.msg);
	json_decref(body);
	return journal;
}

static inline int sample_set_up(void **state)
{
	struct sample *sample = calloc(1, sizeof(*sample));
	struct seen seen = {0};
	struct journal *journal;

	assert_non_null(sample);
	scratch_make(&sample->scratch);
	(void)snprintf(sample->path, sizeof(sample->path), "%s/run.journal",
		sample->scratch.dir);
	journal = sample_create(sample->path, &seen);
	for (int n = 1; n < RECORDS; n++) {
		sample_append(journal, "note", n);
		if (n % 2 == 0)
			sample_sync(journal);
	}
	(void)snprintf(sample->run, sizeof(sample->run), "%s",
		journal_run_id(journal));
	journal_close(journal);
	sample->text = scratch_read(sample->path, &sample->len);
	for (int i = 0; i < RECORDS; i++)
		sample->line[i + 1] =
			(size_t)(strchr(sample->text + sample->line[i], '\n') -
				 sample->text) +
			1;
	assert_int_equal(sample->line[RECORDS], sample->len);
	*state = sample;
	return 0;
}

static inline int sample_tear_down(void **state)
{
	struct sample *sample = *state;

	scratch_remove(&sample->scratch);
	free(sample->text);
	free(sample);
	return 0;
}

static inline void sample_put(
	const struct sample *sample, const char *text, size_t len)
{
	scratch_write(sample->path, text, len);
}

/* The file as it would be with these lines in this order; -1 ends the list. */
static inline void sample_put_lines(
	const struct sample *sample, const int *lines)
{
	char *text = malloc(sample->len * 2);
	size_t len = 0;

	assert_non_null(text);
	for (; *lines >= 0; lines++) {
		size_t from = sample->line[*lines];
		size_t size = sample->line[*lines + 1] - from;

		memcpy(text + len, sample->text + from, size);
		len += size;
	}
	sample_put(sample, text, len);
	free(text);
}

/* That many records are believed, and those are the right ones. */
static inline void sample_assert_reads(
	const struct sample *sample, unsigned count, unsigned long cut_line)
{
	struct seen seen = {0};
	struct err err = {0};
	unsigned long line = 77;

	if (!journal_read(sample->path, sample_see, &seen, &line, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(seen.count, count);
	assert_int_equal(line, cut_line);
	for (unsigned i = 1; i < count; i++)
		assert_int_equal(seen.values[i], i);
}

static inline void sample_assert_refused_at(
	const struct sample *sample, unsigned line)
{
	struct journal *journal = NULL;
	struct seen seen = {0};
	char expected[400];
	size_t before_len, after_len;
	char *before = scratch_read(sample->path, &before_len), *after;
	struct err err;

	assert_false(journal_read(sample->path, sample_see, &seen, NULL, &err));
	assert_int_equal(err.code, ERR_JOURNAL);
	(void)snprintf(expected, sizeof(expected), "line %u of %s", line,
		sample->path);
	if (!strstr(err.msg, expected))
		fail_msg("\"%s\" is not in \"%s\"", expected, err.msg);
	seen = (struct seen){0};
	assert_false(
		journal_open(sample->path, sample_see, &seen, &journal, &err));
	assert_int_equal(err.code, ERR_JOURNAL);
	after = scratch_read(sample->path, &after_len);
	assert_int_equal(before_len, after_len);
	assert_memory_equal(before, after, after_len);
	free(before);
	free(after);
}

/* Continues it, and what is written then is read back. */
static inline void sample_assert_continues(
	const struct sample *sample, unsigned count)
{
	struct journal *journal = NULL;
	struct seen seen = {0};
	struct err err = {0};

	if (!journal_open(sample->path, sample_see, &seen, &journal, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(seen.count, count);
	assert_string_equal(journal_run_id(journal), sample->run);
	sample_append(journal, "resumed", (int)count);
	sample_sync(journal);
	journal_close(journal);
	sample_assert_reads(sample, count + 1, 0);
}

static inline bool sample_refuse_five(
	void *arg, const struct record *record, struct err *err)
{
	(void)arg;
	if (record->seq == 5)
		return err_set(err, ERR_DECIDE, "five is refused");
	return true;
}

#define SAMPLE(test)                                                           \
	cmocka_unit_test_setup_teardown(test, sample_set_up, sample_tear_down)

#endif
