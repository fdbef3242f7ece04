/*
 * fuzz_journal.c - reading a journal, and folding it.
 *
 * The input is a recipe for one, line by line, so that inputs stay readable and
 * a mutation does not always end in a wrong checksum:
 *
 *   +<kind> <JSON>   a record that record_print() makes, with the next seq
 *   -                what follows is the next batch
 *   ????????<text>   these bytes, behind the checksum that fits them
 *   <text>           these bytes
 *
 * What must hold: what was printed is read back equal; a fold of what was
 * believed and printed again is the same fold; any prefix of a journal that
 * folds folds too, or has no first record yet; a refusal says why.
 */
#include <inttypes.h>

#include "state/cleanup.h"
#include "state/replay.h"
#include "state/run_state.h"
#include "tests/fuzz/fuzz.h"

#define RUN "20261121T000000Z-fuzz00-0123456789012345" /* RUN_ID_MAX */
#define FIXED "????????"

static struct fuzz_file file;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	json_object_seed(1);
	fuzz_file_open(&file);
	return 0;
}

/* ---- the journal that a recipe makes ---- */

struct making {
	char *text; /* what out is written into */
	size_t len;
	FILE *out;
	uint64_t seq, batch;
};

static bool are_members_own(const json_t *body)
{
	return !json_object_get(body, "seq") &&
	       !json_object_get(body, "batch") &&
	       !json_object_get(body, "kind");
}

/* parse(print(x)) == x. */
static void check_record(const char *line, size_t len, uint64_t seq,
	uint64_t batch, const char *kind, const json_t *body)
{
	struct record record = {0};
	const char *key;
	json_t *value;
	uint64_t read_seq, read_batch;

	FUZZ_CHECK(record_verify(
		RUN, line, len - 1, &read_seq, &read_batch, NULL));
	FUZZ_CHECK(read_seq == seq && read_batch == batch);
	FUZZ_CHECK(record_parse(RUN, line, len - 1, &record, NULL));
	FUZZ_CHECK(record.seq == seq && record.batch == batch);
	FUZZ_CHECK(strcmp(record_kind(&record), kind) == 0);
	FUZZ_CHECK(json_object_size(record.json) == json_object_size(body) + 3);
	json_object_foreach ((json_t *)body, key, value)
		FUZZ_CHECK(
			json_equal(value, json_object_get(record.json, key)));
	record_done(&record);
}

static bool put_record(struct making *making, const char *recipe, size_t len)
{
	const char *blank = memchr(recipe, ' ', len);
	char kind[32];
	_cleanup_json_ json_t *body = NULL;
	_cleanup_free_ char *line = NULL;
	size_t line_len, kind_len = blank ? (size_t)(blank - recipe) : len;

	if (kind_len == 0 || kind_len >= sizeof(kind))
		return false;
	memcpy(kind, recipe, kind_len);
	kind[kind_len] = '\0';
	body = blank ? json_loadb(blank, len - kind_len, JSON_REJECT_DUPLICATES,
			       NULL)
		     : json_object();
	if (!json_is_object(body) || !are_members_own(body) ||
		!record_print(RUN, making->seq, making->batch, kind, body,
			&line, &line_len, NULL))
		return false;
	check_record(line, line_len, making->seq, making->batch, kind, body);
	making->seq++;
	(void)fwrite(line, 1, line_len, making->out);
	return true;
}

/* The number behind the mark; the checksum is over it. */
static uint64_t number_after(const char *text, size_t len, const char *mark)
{
	const char *at = memmem(text, len, mark, strlen(mark));
	uint64_t number = 0;

	for (at = at ? at + strlen(mark) : text + len;
		at < text + len && *at >= '0' && *at <= '9'; at++)
		number = number * 10 + (uint64_t)(*at - '0');
	return number;
}

static void put_fixed(struct making *making, const char *line, size_t len)
{
	uint64_t numbers[2] = {number_after(line, len, "\"seq\":"),
		number_after(line, len, "\"batch\":")};
	uint8_t order[16];
	uint32_t crc = record_crc32c(0, RUN, sizeof(RUN));

	for (size_t i = 0; i < sizeof(order); i++)
		order[i] = (uint8_t)(numbers[i / 8] >> (8 * (i % 8)));
	crc = record_crc32c(crc, order, sizeof(order));
	if (len)
		crc = record_crc32c(crc, line + 1, len - 1);
	(void)fprintf(making->out, "%08" PRIx32, crc);
	(void)fwrite(line, 1, len, making->out);
}

static char *make(const char *recipe, size_t size, size_t *ret_len)
{
	struct making making = {0};
	const char *end = recipe + size;

	making.out = open_memstream(&making.text, &making.len);
	FUZZ_CHECK(making.out);
	while (recipe < end) {
		const char *stop = memchr(recipe, '\n', (size_t)(end - recipe));
		size_t len = (size_t)((stop ? stop : end) - recipe);

		if (len == 1 && recipe[0] == '-') {
			making.batch++;
		} else if (len == 0 || recipe[0] != '+' ||
			   !put_record(&making, recipe + 1, len - 1)) {
			if (len >= strlen(FIXED) &&
				memcmp(recipe, FIXED, strlen(FIXED)) == 0)
				put_fixed(&making, recipe + strlen(FIXED),
					len - strlen(FIXED));
			else
				(void)fwrite(recipe, 1, len, making.out);
			if (stop)
				(void)fputc('\n', making.out);
		}
		recipe += len + (stop != NULL);
	}
	FUZZ_CHECK(fclose(making.out) == 0);
	*ret_len = making.len;
	return making.text;
}

/* ---- folds as text, to compare them ---- */

static const char *shown(const char *text)
{
	return text ? text : "(null)";
}

static void show_course(FILE *out, const struct run_course *course)
{
	for (unsigned i = 0; i < course->stage_count; i++) {
		const struct run_stage *stage = &course->stage[i];

		(void)fprintf(out, " stage %s %" PRId64 " %" PRId64 "\n",
			stage->kind, stage->patience_s, stage->quiet_s);
		for (unsigned j = 0; j < stage->step_count; j++) {
			const struct run_step *step = &stage->step[j];
			_cleanup_free_ char *saw =
				json_dumps(step->saw, JSON_ENCODE_ANY);

			(void)fprintf(out,
				"  %s %d %s %d %u %u %u %" PRIu64 " %" PRIu64
				" %s %" PRId64 " %" PRId64 " %" PRId64
				" %" PRId64 " %s %s %s %" PRId64 "\n",
				step->target, step->status,
				run_how_name(step->how), step->recheck,
				step->intents, step->failures, step->reopened,
				step->intent_seq, step->failed_seq,
				step->intent_boot, step->first_intent_at,
				step->intent_at, step->done_at, step->intent_up,
				shown(saw), shown(step->why), shown(step->note),
				step->note_at);
		}
	}
}

static char *show(const struct run_state *state)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	FUZZ_CHECK(out);
	(void)fprintf(out,
		"%s %s %s %d %d %d %d %u %" PRId64 " %" PRId64 " %" PRId64
		" %" PRIu64 " %d\n",
		state->run, state->boot, state->syncup, state->request,
		state->request_restore, state->outcome, state->exit_code,
		state->resumed, state->started_at, state->last_at,
		state->ended_at, state->records, state->pid);
	for (unsigned i = 0; i < state->lane_count; i++) {
		const struct run_lane *lane = &state->lane[i];

		(void)fprintf(out, "lane %s %d %d %s %s %d %s %s %" PRId64 "\n",
			shown(lane->name), lane->turned, lane->turn_outcome,
			shown(lane->turn_why), run_outcome_name(lane->outcome),
			lane->halt_code, shown(lane->halt_why),
			shown(lane->halt_decide), lane->end_at);
		show_course(out, &lane->forward);
		(void)fputs(" back\n", out);
		show_course(out, &lane->back);
	}
	for (unsigned i = 0; i < state->answer_count; i++)
		(void)fprintf(out, "answer %s %s %s %d\n",
			state->answer[i].step, state->answer[i].target,
			state->answer[i].answer, state->answer[i].used);
	FUZZ_CHECK(fclose(out) == 0);
	return text;
}

/* ---- one reading ---- */

struct reading {
	struct run_state state;
	FILE *again; /* what was believed, printed anew; or NULL */
	char run[RUN_ID_MAX + 1];
};

static void print_again(struct reading *reading, const struct record *record)
{
	_cleanup_json_ json_t *body = json_copy(record->json);
	_cleanup_free_ char *line = NULL, *kind = NULL;
	struct err err = {0};
	size_t len;

	if (record->seq == 0)
		(void)snprintf(reading->run, sizeof(reading->run), "%s",
			json_string_value(json_object_get(body, "run")));
	kind = strdup(record_kind(record));
	FUZZ_CHECK(kind);
	(void)json_object_del(body, "seq");
	(void)json_object_del(body, "batch");
	(void)json_object_del(body, "kind");
	/* One that is longer when printed is no concern of ours. */
	FUZZ_CHECK(record_print(reading->run, record->seq, record->batch, kind,
		body, &line, &len, &err));
	(void)fwrite(line, 1, len, reading->again);
}

static bool on_record(void *arg, const struct record *record, struct err *err)
{
	struct reading *reading = arg;

	if (!run_state_apply(&reading->state, record, err))
		return false;
	if (reading->again)
		print_again(reading, record);
	return true;
}

/* The caller frees *ret_fold and *ret_again; both may be NULL. */
static bool read_journal(const char *text, size_t len, struct replay *replay,
	char **ret_fold, char **ret_again, size_t *ret_again_len)
{
	struct reading reading = {0};
	struct err err = {0};
	bool ok;

	fuzz_file_fill(&file, text, len);
	if (ret_again)
		reading.again = open_memstream(ret_again, ret_again_len);
	ok = replay_read(replay, file.path, on_record, &reading, &err);
	if (!ok) {
		FUZZ_CHECK(err.code == ERR_JOURNAL);
		FUZZ_CHECK(err.msg[0]);
	} else {
		FUZZ_CHECK(replay->lines > 0 && replay->good <= len);
		FUZZ_CHECK(reading.state.records == replay->lines);
		FUZZ_CHECK(replay->seq + 1 == replay->lines);
		FUZZ_CHECK(strcmp(reading.state.run, replay->run) == 0);
		if (ret_fold)
			*ret_fold = show(&reading.state);
	}
	if (reading.again)
		FUZZ_CHECK(fclose(reading.again) == 0);
	run_state_done(&reading.state);
	return ok;
}

/* A crash may leave any prefix: it must be read as one. */
static void check_prefix(
	const char *text, const struct replay *whole, size_t cut)
{
	struct replay replay = {0};
	size_t first =
		(size_t)((const char *)memchr(text, '\n', whole->good) - text) +
		1;
	bool ok = read_journal(text, cut, &replay, NULL, NULL, NULL);

	FUZZ_CHECK(ok == (cut >= first));
	if (ok) {
		FUZZ_CHECK(replay.good <= cut && replay.lines <= whole->lines);
		FUZZ_CHECK(
			!memchr(text + replay.good, '\n', cut - replay.good));
	}
	replay_done(&replay);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *recipe = fuzz_text(data, size), *text = NULL;
	_cleanup_free_ char *fold = NULL, *again = NULL, *fold_again = NULL;
	struct replay replay = {0}, second = {0};
	size_t len, again_len;

	text = make(recipe, size, &len);
	if (read_journal(text, len, &replay, &fold, &again, &again_len)) {
		FUZZ_CHECK(read_journal(
			again, again_len, &second, &fold_again, NULL, NULL));
		FUZZ_CHECK(second.good == again_len);
		FUZZ_CHECK(second.lines == replay.lines);
		FUZZ_CHECK(strcmp(fold, fold_again) == 0);
		check_prefix(text, &replay,
			record_crc32c(0, data, size) % (replay.good + 1));
	}
	replay_done(&second);
	replay_done(&replay);
	return 0;
}
