/*
 * test_disk_damage.c - journals that no crash of ours can have left.
 *
 * Whatever is damaged in front of the last two batches is refused, with the
 * number of the line.  In these two it may be the torn tail of a power cut,
 * and is cut there.  Nowhere is a record believed that was not appended so.
 */
#include "tests/sim/disk_lab.h"

#include "state/journal.h"

#define BATCHES 6
#define LINES_MAX 32
#define PATH_SIZE 160

static struct {
	struct lab lab;
	char path[PATH_SIZE];
	char *text; /* of the whole journal */
	size_t len;
	size_t at[LINES_MAX + 1]; /* where each line begins */
	unsigned long batch[LINES_MAX];
	unsigned lines;
	unsigned long last_batch;
} sample;

static bool note_batch(void *arg, const struct record *record, struct err *err)
{
	(void)arg, (void)err;
	assert_true(sample.lines < LINES_MAX);
	sample.batch[sample.lines++] = record->batch;
	sample.last_batch = record->batch;
	return true;
}

static int make_sample(void **state)
{
	json_t *body = json_pack("{s:s}", "text", "x");
	struct journal *journal = NULL;
	struct err err = {0};

	(void)state;
	lab_make(&sample.lab);
	(void)snprintf(sample.path, sizeof(sample.path), "%s/run.journal",
		sample.lab.disk);
	assert_true(journal_create(
		sample.path, body, note_batch, NULL, &journal, &err));
	for (int batch = 1; batch < BATCHES; batch++) {
		for (int i = 0; i <= batch % 3; i++)
			assert_true(
				journal_append(journal, "intent", body, &err));
		assert_true(journal_sync(journal, &err));
	}
	journal_close(journal);
	json_decref(body);
	sample.text = scratch_read(sample.path, &sample.len);
	assert_non_null(sample.text);
	for (unsigned i = 1; i <= sample.lines; i++)
		sample.at[i] =
			(size_t)(strchr(sample.text + sample.at[i - 1], '\n') +
				 1 - sample.text);
	assert_true(sample.at[sample.lines] == sample.len);
	return 0;
}

static int forget_sample(void **state)
{
	(void)state;
	free(sample.text);
	lab_remove(&sample.lab);
	return 0;
}

struct reading {
	const char *expected; /* the text that is read, line by line */
	unsigned records;
};

/* Printed again, a record that is believed is just what was appended. */
static bool is_appended(void *arg, const struct record *record, struct err *err)
{
	struct reading *reading = arg;
	unsigned line = reading->records++;
	char *text = json_dumps(record->json, JSON_COMPACT);
	size_t len = sample.at[line + 1] - sample.at[line];
	bool same =
		line < sample.lines && strlen(text) == len - 10 &&
		memcmp(sample.text + sample.at[line] + 9, text, len - 10) == 0;

	free(text);
	return same ||
	       err_set(err, ERR_BUG, "record %u was never appended", line);
}

/*
 * line: the first bad one, counted from 0.  Behind the good ones before it,
 * there must be a batch that can only have begun when that line was synced.
 */
static void expect(const char *what, unsigned line)
{
	unsigned long good = line ? sample.batch[line - 1] : 0;
	bool refused = line == 0 || sample.last_batch > good + 1;
	struct reading reading = {0};
	struct err err = {0};
	unsigned long cut = 0;
	char number[20];
	bool ok = journal_read(sample.path, is_appended, &reading, &cut, &err);

	(void)snprintf(number, sizeof(number), "line %u ", line + 1);
	if (refused &&
		(ok || err.code != ERR_JOURNAL || !strstr(err.msg, number)))
		fail_msg("%s, line %u: %s", what, line + 1,
			ok ? "believed" : err.msg);
	if (!refused && (!ok || reading.records != line || cut != line + 1))
		fail_msg("%s, line %u: %u records, cut at %lu, %s", what,
			line + 1, reading.records, cut, err.msg);
}

static void put(const char *text, size_t len)
{
	scratch_write(sample.path, text, len);
}

static unsigned line_of(size_t byte)
{
	unsigned line = 0;

	while (sample.at[line + 1] <= byte)
		line++;
	return line;
}

static void test_journal_refuses_every_changed_bit(void **state)
{
	char *text = malloc(sample.len);
	struct lab_count count;

	(void)state;
	assert_non_null(text);
	lab_count_begin(&count);
	for (size_t byte = 0; byte < sample.len; byte++)
		for (int bit = 0; bit < 8; bit++) {
			memcpy(text, sample.text, sample.len);
			text[byte] = (char)(text[byte] ^ (1 << bit));
			put(text, sample.len);
			expect("a bit", line_of(byte));
			count.states++;
		}
	free(text);
	lab_count_end(&count, "journal, one bit changed");
}

static void test_journal_refuses_every_changed_byte(void **state)
{
	static const char values[] = {'\0', '\n', ' ', '"', '0', 'f', '}'};
	char *text = malloc(sample.len);
	struct lab_count count;

	(void)state;
	assert_non_null(text);
	lab_count_begin(&count);
	for (size_t byte = 0; byte < sample.len; byte++)
		for (size_t i = 0; i < sizeof(values); i++) {
			if (sample.text[byte] == values[i])
				continue;
			memcpy(text, sample.text, sample.len);
			text[byte] = values[i];
			put(text, sample.len);
			expect("a byte", line_of(byte));
			count.states++;
		}
	free(text);
	lab_count_end(&count, "journal, one byte changed");
}

/* Lines first up to last, without their order or number being right. */
static void put_lines(const unsigned *line, unsigned count)
{
	char *text = malloc(2 * sample.len);
	size_t len = 0;

	assert_non_null(text);
	for (unsigned i = 0; i < count; i++) {
		size_t size = sample.at[line[i] + 1] - sample.at[line[i]];

		memcpy(text + len, sample.text + sample.at[line[i]], size);
		len += size;
	}
	put(text, len);
	free(text);
}

static void test_journal_refuses_lines_out_of_place(void **state)
{
	unsigned order[LINES_MAX + 1];
	struct lab_count count;

	(void)state;
	lab_count_begin(&count);
	for (unsigned i = 0; i < sample.lines; i++) {
		unsigned n = 0;

		for (unsigned j = 0; j < sample.lines; j++)
			if (j != i)
				order[n++] = j;
		put_lines(order, n);
		/* Without its end it is a shorter journal. */
		if (i + 1 < sample.lines)
			expect("a line missing", i);
		for (unsigned j = n = 0; j < sample.lines; j++) {
			order[n++] = j;
			if (j == i)
				order[n++] = j;
		}
		put_lines(order, n);
		expect("a line twice", i + 1);
		for (unsigned j = 0; j < sample.lines; j++)
			order[j] = j;
		if (i + 1 < sample.lines) {
			order[i] = i + 1;
			order[i + 1] = i;
			put_lines(order, sample.lines);
			expect("two lines swapped", i);
		}
		count.states += 3;
	}
	lab_count_end(&count, "journal, lines out of place");
}

/* A block of zeros or nothing where lines were synced, as a disk that lies
 * would leave it. */
static void test_journal_refuses_a_hole(void **state)
{
	char *text = malloc(sample.len);
	struct lab_count count;

	(void)state;
	assert_non_null(text);
	lab_count_begin(&count);
	for (unsigned from = 0; from < sample.lines; from++)
		for (unsigned to = from + 1; to < sample.lines; to++) {
			size_t begin = sample.at[from], end = sample.at[to];

			memcpy(text, sample.text, sample.len);
			memset(text + begin, 0, end - begin);
			put(text, sample.len);
			expect("zeros", from);
			memmove(text + begin, text + end, sample.len - end);
			put(text, sample.len - (end - begin));
			expect("a gap", from);
			count.states += 2;
		}
	free(text);
	lab_count_end(&count, "journal, holes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_journal_refuses_every_changed_bit),
		cmocka_unit_test(test_journal_refuses_every_changed_byte),
		cmocka_unit_test(test_journal_refuses_lines_out_of_place),
		cmocka_unit_test(test_journal_refuses_a_hole),
	};

	return cmocka_run_group_tests(tests, make_sample, forget_sample);
}
