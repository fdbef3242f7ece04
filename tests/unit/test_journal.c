#include "state/journal.h"

#include "journal_sample.h"
#include "state/sys.h"

#include <errno.h>

static void test_journal_create_first_record(void **state)
{
	struct sample *sample = *state;
	struct record record = {0};
	struct err err;
	struct stat st;
	char *text;

	assert_true(record_parse(
		NULL, sample->text, sample->line[1] - 1, &record, &err));
	assert_string_equal(record_kind(&record), "run");
	assert_int_equal(
		json_integer_value(json_object_get(record.json, "format")),
		JOURNAL_FORMAT);
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(record.json, "needs"), 0)),
		JOURNAL_NEEDS);
	assert_string_equal(
		json_string_value(json_object_get(record.json, "boot")),
		sys_boot_id());
	assert_true(json_is_integer(json_object_get(record.json, "at")));
	assert_true(json_is_integer(json_object_get(record.json, "up")));
	text = json_dumps(json_object_get(record.json, "plan"), JSON_COMPACT);
	assert_string_equal(text, "{\"to\":\"1.2.3\"}");
	free(text);
	record_done(&record);
	assert_int_equal(stat(sample->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(
		strlen(sample->run), strlen("20261120T101530Z-3f9a1c"));
	assert_int_equal(sample->run[8], 'T');
	assert_int_equal(sample->run[15], 'Z');
}

static void test_journal_create_existing_is_left_alone(void **state)
{
	struct sample *sample = *state;
	struct journal *journal = NULL;
	json_t *body = json_object();
	struct err err;

	assert_false(
		journal_create(sample->path, body, NULL, NULL, &journal, &err));
	assert_int_equal(err.code, ERR_HELD);
	assert_null(journal);
	assert_true(scratch_holds(sample->path, sample->text));
	assert_int_equal(scratch_count_entries(sample->scratch.dir), 1);
	json_decref(body);
}

static void test_journal_create_over_a_half_made_one(void **state)
{
	struct sample *sample = *state;
	char path[400], half[410];
	struct seen seen = {0};

	(void)snprintf(path, sizeof(path), "%s.2", sample->path);
	(void)snprintf(half, sizeof(half), "%s.new", path);
	scratch_write(half, "half", 4);
	journal_close(sample_create(path, &seen));
	assert_int_equal(seen.count, 1);
	assert_int_equal(access(half, F_OK), -1);
}

static void test_journal_create_body_with_a_member_of_ours(void **state)
{
	struct sample *sample = *state;
	const char *path = scratch_path(&sample->scratch, "other");
	static const char *const ours[] = {
		"seq", "kind", "at", "up", "format", "needs", "run", "boot"};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		json_t *body = json_pack("{s:i}", ours[i], 1);
		struct journal *journal = NULL;
		struct err err;

		assert_false(
			journal_create(path, body, NULL, NULL, &journal, &err));
		assert_int_equal(err.code, ERR_BUG);
		assert_int_equal(access(path, F_OK), -1);
		json_decref(body);
	}
}

static void test_journal_append_counts_batches_by_syncs(void **state)
{
	struct sample *sample = *state;
	static const uint64_t expected[RECORDS] = {0, 1, 1, 2, 2, 3, 3, 4, 4};

	for (int i = 0; i < RECORDS; i++) {
		uint64_t seq, batch;

		assert_true(record_verify(sample->run,
			sample->text + sample->line[i],
			sample->line[i + 1] - sample->line[i] - 1, &seq, &batch,
			NULL));
		assert_int_equal(seq, i);
		assert_int_equal(batch, expected[i]);
	}
}

static void test_journal_append_refused_record_leaves_it_alive(void **state)
{
	struct sample *sample = *state;
	const char *path = scratch_path(&sample->scratch, "other");
	struct seen seen = {0};
	struct journal *journal = sample_create(path, &seen);
	char *text = malloc(RECORD_LINE_MAX + 1);
	json_t *clash = json_pack("{s:i}", "at", 1), *big;
	struct err err;

	assert_non_null(text);
	memset(text, 'x', RECORD_LINE_MAX);
	text[RECORD_LINE_MAX] = '\0';
	big = json_pack("{s:s}", "text", text);
	assert_false(journal_append(journal, "note", clash, &err));
	assert_int_equal(err.code, ERR_BUG);
	assert_false(journal_append(journal, "note", big, &err));
	assert_int_equal(err.code, ERR_BUG);
	/* what json_pack() makes of a text that is no UTF-8 */
	assert_false(journal_append(journal, "note", NULL, &err));
	assert_int_equal(err.code, ERR_BUG);
	assert_false(journal_is_dirty(journal));
	sample_append(journal, "note", 1);
	assert_int_equal(seen.count, 2);
	assert_int_equal(seen.values[1], 1);
	json_decref(clash);
	json_decref(big);
	free(text);
	journal_close(journal);
}

static void test_journal_sync_only_what_is_dirty(void **state)
{
	struct sample *sample = *state;
	const char *path = scratch_path(&sample->scratch, "other");
	struct seen seen = {0};
	struct journal *journal = sample_create(path, &seen);

	assert_false(journal_is_dirty(journal));
	sample_sync(journal);
	sample_append(journal, "note", 1);
	assert_true(journal_is_dirty(journal));
	assert_int_equal(seen.last_batch, 1); /* no batch was empty */
	sample_sync(journal);
	assert_false(journal_is_dirty(journal));
	journal_close(journal);
}

static unsigned syncs;

static int fdatasync_that_fails(int fd)
{
	(void)fd;
	syncs++;
	errno = EIO;
	return -1;
}

static ssize_t write_that_tears(int fd, const void *buf, size_t len)
{
	static bool torn;

	torn = !torn;
	if (torn)
		return sys_real.write(fd, buf, len / 2);
	errno = ENOSPC;
	return -1;
}

static void assert_dead(struct journal *journal, const char *why)
{
	json_t *body = json_object();
	struct err err;

	assert_false(journal_append(journal, "note", body, &err));
	assert_int_equal(err.code, ERR_STORAGE);
	assert_non_null(strstr(err.msg, why));
	assert_false(journal_sync(journal, &err));
	assert_int_equal(err.code, ERR_STORAGE);
	assert_false(journal_reserve(journal, 4096, &err));
	assert_int_equal(err.code, ERR_STORAGE);
	json_decref(body);
}

static void test_journal_sync_failure_is_final(void **state)
{
	struct sample *sample = *state;
	const char *path = scratch_path(&sample->scratch, "other");
	struct sys faulty = sys_real;
	struct seen seen = {0};
	struct journal *journal = sample_create(path, &seen);
	struct err err;

	sample_append(journal, "note", 1);
	faulty.fdatasync = fdatasync_that_fails;
	syncs = 0;
	sys = &faulty;
	assert_false(journal_sync(journal, &err));
	assert_int_equal(err.code, ERR_STORAGE);
	assert_int_equal(err.sys, EIO);
	assert_dead(journal, "Input/output error");
	sys = &sys_real;
	assert_dead(journal, "Input/output error");
	assert_int_equal(syncs, 1);
	journal_close(journal);
}

static void test_journal_append_torn_write_is_final(void **state)
{
	struct sample *sample = *state;
	struct sys faulty = sys_real;
	struct seen seen = {0};
	struct journal *journal = NULL;
	json_t *body = json_object();
	struct err err;

	assert_true(
		journal_open(sample->path, sample_see, &seen, &journal, &err));
	faulty.write = write_that_tears;
	sys = &faulty;
	assert_false(journal_append(journal, "note", body, &err));
	assert_int_equal(err.code, ERR_STORAGE);
	assert_int_equal(err.sys, ENOSPC);
	sys = &sys_real;
	assert_dead(journal, "No space left");
	assert_int_equal(seen.count, RECORDS); /* it was not told of it */
	journal_close(journal);
	sample_assert_reads(sample, RECORDS, RECORDS + 1);
	json_decref(body);
}

static void test_journal_append_function_refuses_is_final(void **state)
{
	struct sample *sample = *state;
	int lines[] = {0, 1, 2, 3, 4, -1};
	struct journal *journal = NULL;
	json_t *body = json_object();
	struct err err;

	sample_put_lines(sample, lines);
	assert_true(journal_open(
		sample->path, sample_refuse_five, NULL, &journal, &err));
	assert_false(journal_append(journal, "note", body, &err));
	assert_int_equal(err.code, ERR_DECIDE);
	assert_dead(journal, "five is refused");
	journal_close(journal);
	json_decref(body);
}

static void test_journal_open_continues(void **state)
{
	struct sample *sample = *state;
	char prev[400];
	struct stat before, after, kept;

	(void)snprintf(prev, sizeof(prev), "%s.prev", sample->path);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(stat(sample->path, &before), 0);
		sample_assert_continues(sample, RECORDS + i);
		assert_int_equal(stat(sample->path, &after), 0);
		assert_int_equal(stat(prev, &kept), 0);
		assert_int_not_equal(before.st_ino, after.st_ino);
		assert_int_equal(before.st_ino, kept.st_ino);
		assert_int_equal(after.st_mode & 07777, 0600);
	}
	assert_int_equal(scratch_count_entries(sample->scratch.dir), 2);
}

static void test_journal_open_begins_a_batch(void **state)
{
	struct sample *sample = *state;
	struct journal *journal = NULL;
	struct seen seen = {0};
	struct err err;

	assert_true(
		journal_open(sample->path, sample_see, &seen, &journal, &err));
	assert_int_equal(seen.last_batch, BATCHES);
	sample_append(journal, "resumed", RECORDS);
	assert_int_equal(seen.last_batch, BATCHES + 1);
	journal_close(journal);
}

static void test_journal_reserve_keeps_the_size(void **state)
{
	struct sample *sample = *state;
	struct journal *journal = NULL;
	struct seen seen = {0};
	struct stat before, after;
	struct err err;

	assert_true(
		journal_open(sample->path, sample_see, &seen, &journal, &err));
	assert_int_equal(stat(sample->path, &before), 0);
	assert_true(journal_reserve(journal, 1 << 20, &err));
	assert_int_equal(stat(sample->path, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	sample_append(journal, "resumed", RECORDS);
	journal_close(journal);
	sample_assert_reads(sample, RECORDS + 1, 0);
}

static int fallocate_on_a_full_disk(int fd, int mode, off_t off, off_t len)
{
	(void)fd;
	(void)off;
	(void)len;
	assert_int_equal(mode, FALLOC_FL_KEEP_SIZE);
	errno = ENOSPC;
	return -1;
}

static void test_journal_reserve_full_disk(void **state)
{
	struct sample *sample = *state;
	struct sys faulty = sys_real;
	struct journal *journal = NULL;
	struct seen seen = {0};
	struct err err;

	assert_true(
		journal_open(sample->path, sample_see, &seen, &journal, &err));
	faulty.fallocate = fallocate_on_a_full_disk;
	sys = &faulty;
	assert_false(journal_reserve(journal, 1 << 20, &err));
	sys = &sys_real;
	assert_int_equal(err.code, ERR_STORAGE);
	assert_int_equal(err.sys, ENOSPC);
	sample_append(journal, "stopped", RECORDS); /* nothing was lost by it */
	journal_close(journal);
}

static void test_journal_close_null(void **state)
{
	(void)state;
	journal_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SAMPLE(test_journal_create_first_record),
		SAMPLE(test_journal_create_existing_is_left_alone),
		SAMPLE(test_journal_create_over_a_half_made_one),
		SAMPLE(test_journal_create_body_with_a_member_of_ours),
		SAMPLE(test_journal_append_counts_batches_by_syncs),
		SAMPLE(test_journal_append_refused_record_leaves_it_alive),
		SAMPLE(test_journal_sync_only_what_is_dirty),
		SAMPLE(test_journal_sync_failure_is_final),
		SAMPLE(test_journal_append_torn_write_is_final),
		SAMPLE(test_journal_append_function_refuses_is_final),
		SAMPLE(test_journal_open_continues),
		SAMPLE(test_journal_open_begins_a_batch),
		SAMPLE(test_journal_reserve_keeps_the_size),
		SAMPLE(test_journal_reserve_full_disk),
		cmocka_unit_test(test_journal_close_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
