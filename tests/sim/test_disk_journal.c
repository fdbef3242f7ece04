/*
 * test_disk_journal.c - the journal on every disk that a power cut may leave.
 *
 * On each of them it must be readable: just the records that were appended, in
 * their order, and of them at least those whose journal_sync() had returned.
 * There may be none only as long as journal_create() had not.  Then it is
 * continued there, and the power may be cut again.
 */
#include "tests/sim/disk_lab.h"

#include "state/journal.h"

#define PAST_MAX 64
#define EVERY_BYTE 8192

/* What was appended, and when it was promised: in memory that outlives a child
 * that dies, because what is on the disk is what is to be judged. */
struct past {
	unsigned count;
	char record[PAST_MAX][1024];
	unsigned promises;
	struct promise {
		unsigned long operation;
		unsigned records;
	} promise[PAST_MAX];
};

struct world {
	struct lab lab;
	struct past *past;
	char path[160], bench_path[160];
	unsigned long states;
	unsigned must; /* records that are promised on this disk */
	bool deep; /* cut the continuation as well */
};

static struct world world;

static void text_of(const struct record *record, char ret_text[1024])
{
	char *text = json_dumps(record->json, JSON_COMPACT);

	assert_non_null(text);
	assert_true(strlen(text) < 1024);
	(void)snprintf(ret_text, 1024, "%s", text);
	free(text);
}

/* What is told is what was appended, or is being appended now. */
static bool on_record(void *arg, const struct record *record, struct err *err)
{
	struct past *past = arg;
	char text[1024];

	text_of(record, text);
	if (record->seq < past->count &&
		strcmp(past->record[record->seq], text) != 0)
		return err_set(err, ERR_BUG, "record %u is another",
			(unsigned)record->seq);
	if (record->seq > past->count)
		return err_set(err, ERR_BUG, "record %u is out of order",
			(unsigned)record->seq);
	if (record->seq == past->count) {
		assert_true(past->count < PAST_MAX);
		memcpy(past->record[past->count++], text, sizeof(text));
	}
	return true;
}

struct reading {
	const struct past *past;
	unsigned count;
};

static bool on_read(void *arg, const struct record *record, struct err *err)
{
	struct reading *reading = arg;
	char text[1024];

	text_of(record, text);
	if (reading->count >= reading->past->count ||
		strcmp(reading->past->record[reading->count], text) != 0)
		return err_set(err, ERR_BUG,
			"record %u was never appended: %.200s", reading->count,
			text);
	reading->count++;
	return true;
}

static void promise(struct past *past)
{
	assert_true(past->promises < PAST_MAX);
	past->promise[past->promises++] = (struct promise){
		recorder_count(),
		past->count,
	};
}

static unsigned promised(const struct past *past, unsigned long operation)
{
	unsigned records = 0;

	for (unsigned i = 0; i < past->promises; i++)
		if (past->promise[i].operation <= operation)
			records = past->promise[i].records;
	return records;
}

/* ---- scenarios ---- */

static void append(struct journal *journal, const char *kind, size_t len)
{
	char filler[512] = "";
	struct err err = {0};
	json_t *body;

	memset(filler, 'x', len);
	body = json_pack("{s:s}", "text", filler);
	if (!journal_append(journal, kind, body, &err))
		fail_msg("%s", err.msg);
	json_decref(body);
}

static void sync_it(struct journal *journal, struct past *past)
{
	struct err err = {0};

	if (!journal_sync(journal, &err))
		fail_msg("%s", err.msg);
	promise(past);
}

/* As an engine does: INTENTs, their sync, DONEs and notes, theirs. */
static void use(struct journal *journal, struct past *past)
{
	append(journal, "intent", 10);
	append(journal, "intent", 0);
	sync_it(journal, past);
	append(journal, "done", 20);
	append(journal, "note", 200);
	append(journal, "intent", 1);
	sync_it(journal, past);
	append(journal, "note", 3);
	append(journal, "note", 0);
}

static void start(const char *path, struct past *past)
{
	json_t *body = json_pack("{s:s}", "plan", "something to do");
	struct journal *journal = NULL;
	struct err err = {0};

	if (!journal_create(path, body, on_record, past, &journal, &err))
		fail_msg("%s", err.msg);
	json_decref(body);
	promise(past);
	if (!journal_reserve(journal, 1 << 16, &err))
		fail_msg("%s", err.msg);
	use(journal, past);
	journal_close(journal);
}

static void continue_it(const char *path, struct past *past)
{
	struct journal *journal = NULL;
	unsigned told = past->count;
	struct err err = {0};

	if (!journal_open(path, on_record, past, &journal, &err))
		fail_msg("%s", err.msg);
	/* Its new file is synced: what it believes is promised from now on. */
	assert_true(past->count >= told);
	promise(past);
	append(journal, "resumed", 5);
	sync_it(journal, past);
	use(journal, past);
	journal_close(journal);
}

static void go_on(const char *path, struct past *past)
{
	if (access(path, F_OK) == 0)
		continue_it(path, past);
	else
		start(path, past);
}

/* Forgets what was appended behind what the file still has. */
static void trim(const char *path, struct past *past)
{
	struct reading reading = {past, 0};
	struct err err = {0};

	if (journal_read(path, on_read, &reading, NULL, &err))
		past->count = reading.count;
	else
		past->count = 0;
}

static void act_create(void *arg)
{
	start(world.path, arg);
}

static void act_continue(void *arg)
{
	continue_it(world.path, arg);
}

static void act_twice(void *arg)
{
	continue_it(world.path, arg);
	continue_it(world.path, arg);
}

static void prepare_nothing(void)
{
}

static void prepare_torn(void)
{
	struct err err = {0};
	unsigned long line = 0;
	int fd;

	lab_prepare(&world.lab, world.lab.disk);
	lab_begin(&world.lab, world.lab.disk, 0);
	start(world.path, world.past);
	recorder_end();
	fd = open(world.path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "01234567 {\"seq\"", 15), 15);
	assert_int_equal(close(fd), 0);
	assert_true(journal_read(world.path, NULL, NULL, &line, &err));
	assert_int_equal(line, world.past->count + 1);
	world.past->promises = 0;
	world.past->promise[world.past->promises++] =
		(struct promise){0, world.past->count};
}

static const struct scenario {
	const char *name;
	void (*prepare)(void);
	void (*act)(void *past);
} scenarios[] = {
	{"a new journal", prepare_nothing, act_create},
	{"a continuation", prepare_torn, act_continue},
	{"two continuations", prepare_torn, act_twice},
};

#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

/* ---- the judge ---- */

static void wrong(const struct disk *disk, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), noreturn));
static void wrong(const struct disk *disk, const char *fmt, ...)
{
	char text[600];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	fail_msg("after %lu operations, %s: %s (next is: %s)",
		disks_done(disk->disks), disk->what, text,
		disks_next(disk->disks));
	abort();
}

/* How many records the journal on the bench has; 0: there is none. */
static unsigned judge(const struct disk *disk, const struct past *past,
	unsigned must, const char *path)
{
	struct reading reading = {past, 0};
	struct err err = {0};

	if (!journal_read(path, on_read, &reading, NULL, &err)) {
		if (err.code != ERR_MISSING)
			wrong(disk, "refused: %s", err.msg);
		reading.count = 0;
	} else if (reading.count == 0) {
		wrong(disk, "it has no records");
	}
	if (reading.count < must)
		wrong(disk, "%u records, but %u were synced", reading.count,
			must);
	return reading.count;
}

static bool judge_and_continue(void *arg, const struct disk *disk);

/* All disks that may be left by what is in the trace, from operation "from"
 * on. */
static void each_disk(const struct past *past, unsigned long from,
	size_t every_byte, disks_fn *fn, void *arg)
{
	struct disks *disks = disks_new(world.lab.trace);

	do {
		struct disks_options options = {every_byte, 0};

		world.must = promised(past, disks_done(disks));
		options.stamp = world.must;
		if (disks_done(disks) >= from)
			(void)disks_each(disks, &options, fn, arg);
	} while (disks_forward(disks));
	disks_free(disks);
}

static bool judge_only(void *arg, const struct disk *disk)
{
	const struct past *past = arg;

	world.states++;
	lab_put(&world.lab, disk);
	(void)judge(disk, past, world.must, world.bench_path);
	return true;
}

/* The continuation on the bench is recorded, cut in its turn, and judged. */
static void cut_again(void)
{
	struct lab above = world.lab;
	struct past *past = malloc(sizeof(*past));
	unsigned must = world.must;
	char path[160];

	assert_non_null(past);
	*past = *world.past;
	past->promises = 0;
	(void)snprintf(world.lab.trace, sizeof(world.lab.trace), "%s/trace-2",
		above.dir);
	(void)snprintf(world.lab.bench, sizeof(world.lab.bench), "%s/bench-2",
		above.dir);
	(void)mkdir(world.lab.trace, 0700);
	(void)mkdir(world.lab.bench, 0700);
	trim(world.bench_path, past);
	past->promise[past->promises++] = (struct promise){0, past->count};
	lab_prepare(&world.lab, above.bench);
	lab_begin(&world.lab, above.bench, 0);
	go_on(world.bench_path, past);
	recorder_end();
	memcpy(path, world.bench_path, sizeof(path));
	(void)snprintf(world.bench_path, sizeof(world.bench_path),
		"%s/run.journal", world.lab.bench);
	each_disk(past, 0, 0, judge_only, past);
	memcpy(world.bench_path, path, sizeof(path));
	world.lab = above;
	world.must = must;
	free(past);
}

static bool judge_and_continue(void *arg, const struct disk *disk)
{
	struct past *past = malloc(sizeof(*past));
	unsigned there;

	assert_non_null(past);
	*past = *(const struct past *)arg;
	world.states++;
	lab_put(&world.lab, disk);
	there = judge(disk, past, world.must, world.bench_path);
	if (world.deep && lab_takes(20)) {
		cut_again();
	} else if (lab_takes(10)) {
		lab_begin(&world.lab, world.lab.disk, 0); /* counts only */
		past->count = there;
		past->promises = 0;
		go_on(world.bench_path, past);
		recorder_end();
		(void)judge(disk, past, past->count, world.bench_path);
	}
	free(past);
	return true;
}

static void set_up(const struct scenario *scenario)
{
	lab_make(&world.lab);
	world.past = lab_share(sizeof(*world.past));
	(void)snprintf(world.path, sizeof(world.path), "%s/run.journal",
		world.lab.disk);
	(void)snprintf(world.bench_path, sizeof(world.bench_path),
		"%s/run.journal", world.lab.bench);
	scenario->prepare();
	lab_prepare(&world.lab, world.lab.disk);
}

/* ---- the tests ---- */

static void cut_everywhere(const char *what, bool deep)
{
	struct lab_count count;

	lab_count_begin(&count);
	world.states = 0;
	for (size_t i = 0; i < SCENARIOS; i++) {
		set_up(&scenarios[i]);
		assert_false(lab_in_child(
			&world.lab, 0, scenarios[i].act, world.past));
		world.deep = deep;
		each_disk(world.past, 0, deep ? 0 : EVERY_BYTE,
			judge_and_continue, world.past);
		lab_remove(&world.lab);
	}
	count.states = world.states;
	lab_count_end(&count, what);
}

static void test_journal_survives_every_power_cut(void **state)
{
	(void)state;
	cut_everywhere("journal, one power cut", false);
}

static void test_journal_survives_a_second_power_cut(void **state)
{
	(void)state;
	cut_everywhere("journal, a power cut in the continuation", true);
}

/* Killed at each operation, and continued at once from what the kernel still
 * had in memory; then the power goes. */
static void test_journal_survives_a_kill_and_a_power_cut(void **state)
{
	struct lab_count count;
	unsigned long at;
	bool died;

	(void)state;
	lab_count_begin(&count);
	world.states = 0;
	for (size_t i = 0; i < SCENARIOS; i++)
		for (at = 1, died = true; died; at++) {
			set_up(&scenarios[i]);
			died = lab_in_child(
				&world.lab, at, scenarios[i].act, world.past);
			if (died) {
				trim(world.path, world.past);
				lab_begin(&world.lab, world.lab.disk, 0);
				go_on(world.path, world.past);
				recorder_end();
				each_disk(world.past, at - 1, 0, judge_only,
					world.past);
			}
			lab_remove(&world.lab);
		}
	count.states = world.states;
	lab_count_end(&count, "journal, a kill and then a power cut");
}

/* The recorder saw all that was done: else the rest proves nothing. */
static bool is_the_disk(void *arg, const struct disk *disk)
{
	const char *name = arg;

	if (!disk_is(disk, 0, world.lab.disk, NULL))
		fail_msg("%s: the model is not what is on the disk", name);
	return true;
}

static void test_model_agrees_with_the_disk(void **state)
{
	(void)state;
	for (size_t i = 0; i < SCENARIOS; i++) {
		unsigned long at = 1;
		bool died = true;

		for (; died; at++) {
			struct disks *disks;

			set_up(&scenarios[i]);
			died = lab_in_child(
				&world.lab, at, scenarios[i].act, world.past);
			disks = disks_new(world.lab.trace);
			while (disks_forward(disks))
				;
			if (died)
				assert_int_equal(disks_done(disks), at - 1);
			disks_all(disks, is_the_disk,
				(void *)(uintptr_t)scenarios[i].name);
			disks_free(disks);
			lab_remove(&world.lab);
		}
		assert_true(at > 15);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model_agrees_with_the_disk),
		cmocka_unit_test(test_journal_survives_every_power_cut),
		cmocka_unit_test(test_journal_survives_a_second_power_cut),
		cmocka_unit_test(test_journal_survives_a_kill_and_a_power_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
