/*
 * fuzz_answers.c - what a sync process answers, and what is made of it.
 *
 * The first byte chooses the HTTP status and whether the request left us; the
 * rest is the body, and also a text for sync_text_copy().  The answers come in
 * through the dialect's own functions: http_request() is this file's.
 *
 * What must hold: only a 2xx with a yes is DONE; only a clear no, or nothing
 * sent, is REFUSED; a progress that is believed is clean, and read back equal
 * from the JSON that it makes; words are never longer than what they came from
 * and the stars in it.
 */
#include <jansson.h>

#include "state/cleanup.h"
#include "sync_client/mongosync.h"
#include "sync_client/sync_text.h"
#include "tests/fuzz/fuzz.h"

/* ---- an http that answers what we want ---- */

static http_fn *on_done;
static void *on_done_arg;

bool http_request(struct http *http, const struct http_place *place,
	const char *path, const char *body, int64_t timeout_ms, http_fn *done,
	void *arg, struct http_call **ret_call, struct err *err)
{
	(void)http, (void)place, (void)path, (void)body, (void)timeout_ms;
	(void)err;
	on_done = done;
	on_done_arg = arg;
	*ret_call = NULL;
	return true;
}

void http_call_keep(struct http_call *call, void *memory)
{
	(void)call;
	FUZZ_CHECK(memory == on_done_arg);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	json_object_seed(1);
	return 0;
}

/* ---- words ---- */

static bool is_utf8(const char *text)
{
	_cleanup_json_ json_t *json = json_string(text);

	return json != NULL;
}

static void check_clean(const char *text)
{
	FUZZ_CHECK(!fuzz_has_control(text));
	FUZZ_CHECK(is_utf8(text));
}

static size_t count(const char *text, const char *what)
{
	size_t found = 0;

	while ((text = strstr(text, what))) {
		text += strlen(what);
		found++;
	}
	return found;
}

/* With an '@' in a word behind it, "://" is followed by stars. */
static void check_hidden(const char *text)
{
	for (; (text = strstr(text, "://")); text += 3) {
		size_t word = strcspn(text + 3, " \"'<>");

		FUZZ_CHECK(!memchr(text + 3, '@', word) || text[3] == '@' ||
			   strncmp(text + 3, "***@", 4) == 0);
	}
}

static void check_text(const char *text)
{
	size_t len = strlen(text), room = len + 3 * count(text, "://") + 1;
	_cleanup_free_ char *copy = malloc(room + 1);
	_cleanup_free_ char *twice = malloc(room + 1);
	char small[16];

	if (!is_utf8(text))
		return;
	FUZZ_CHECK(copy && twice);
	sync_text_copy(copy, room + 1, text);
	check_clean(copy);
	check_hidden(copy);
	FUZZ_CHECK(strlen(copy) < room);
	sync_text_copy(twice, room + 1, copy);
	FUZZ_CHECK(strcmp(copy, twice) == 0);
	/* What does not fit is the end, and nothing else. */
	sync_text_copy(small, sizeof(small), text);
	check_clean(small);
	FUZZ_CHECK(strncmp(copy, small, strlen(small)) == 0);
	FUZZ_CHECK(
		strlen(small) + 4 >= sizeof(small) || strcmp(copy, small) == 0);
}

/* ---- progress ---- */

static void check_progress(const struct sync_progress *progress)
{
	check_clean(progress->id);
	check_clean(progress->coordinator);
	check_clean(progress->info);
	check_clean(progress->phase_text);
	check_clean(progress->oplog_left);
	check_clean(progress->verifier_phase);
	check_clean(progress->source_at);
	check_clean(progress->destination_at);
	FUZZ_CHECK(progress->lag_s >= -1 && progress->copied_bytes >= -1 &&
		   progress->total_bytes >= -1 &&
		   progress->events_applied >= -1 &&
		   progress->verifier_docs >= -1 &&
		   progress->verifier_hashed >= -1 &&
		   progress->verifier_collections >= -1);
	FUZZ_CHECK(progress->phase == sync_phase_parse(progress->phase_text));
}

/* parse(print(x)) == x. */
static void check_read_back(const struct sync_progress *progress)
{
	struct sync_progress again;
	_cleanup_json_ json_t *json = json_pack(
		"{s:{s:s, s:b, s:b, s:s, s:s, s:s, s:s, s:I, s:I, s:{s:I, s:I},"
		" s:{s:s, s:s}, s:{s:{s:s, s:I, s:I, s:I}}}}",
		"progress", "state", progress->phase_text, "canWrite",
		progress->can_write, "canCommit", progress->can_commit,
		"mongosyncID", progress->id, "coordinatorID",
		progress->coordinator, "info", progress->info,
		"estimatedOplogTimeRemaining", progress->oplog_left,
		"lagTimeSeconds", (json_int_t)progress->lag_s,
		"totalEventsApplied", (json_int_t)progress->events_applied,
		"collectionCopy", "estimatedCopiedBytes",
		(json_int_t)progress->copied_bytes, "estimatedTotalBytes",
		(json_int_t)progress->total_bytes, "directionMapping", "Source",
		progress->source_at, "Destination", progress->destination_at,
		"verification", progress->verifier ? "source" : "else", "phase",
		progress->verifier_phase, "estimatedDocumentCount",
		(json_int_t)progress->verifier_docs, "hashedDocumentCount",
		(json_int_t)progress->verifier_hashed, "totalCollectionCount",
		(json_int_t)progress->verifier_collections);
	_cleanup_free_ char *text = json ? json_dumps(json, 0) : NULL;

	FUZZ_CHECK(text);
	FUZZ_CHECK(mongosync_parse_progress(text, strlen(text), &again, NULL));
	/* padding is 0, too: NOLINTNEXTLINE(*-comparison, cert-*) */
	FUZZ_CHECK(memcmp(progress, &again, sizeof(again)) == 0);
}

/* ---- the dialect ---- */

struct told {
	unsigned times;
	enum sync_reply reply;
	bool is_progress;
	struct err err;
	struct sync_progress progress;
};

static void on_progress(
	void *arg, const struct sync_progress *progress, const struct err *err)
{
	struct told *told = arg;

	told->times++;
	FUZZ_CHECK(!progress == (err != NULL));
	if (err) {
		told->err = *err;
		return;
	}
	told->is_progress = true;
	told->progress = *progress;
}

static void on_reply(void *arg, enum sync_reply reply, const struct err *err)
{
	struct told *told = arg;

	told->times++;
	told->reply = reply;
	FUZZ_CHECK((reply == SYNC_REPLY_DONE) == (err == NULL));
	if (err)
		told->err = *err;
}

static void answer(const struct http_answer *with, bool is_answer)
{
	const struct err cut = {ERR_AGAIN, 0, "the connection was cut"};
	void *call = on_done_arg;

	on_done(call, with, is_answer ? NULL : &cut);
	free(call);
}

static void check_get(const struct http_answer *with, bool is_answer)
{
	struct told told = {0};
	struct err err = {0};
	bool ok;

	FUZZ_CHECK(mongosync_api.progress(
		NULL, NULL, 1, on_progress, &told, NULL, &err));
	answer(with, is_answer);
	FUZZ_CHECK(told.times == 1);
	if (!told.is_progress) {
		FUZZ_CHECK(told.err.code == ERR_AGAIN);
		fuzz_check_refusal(&told.err);
		return;
	}
	ok = mongosync_parse_progress(
		with->body, with->len, &told.progress, &err);
	FUZZ_CHECK(ok && is_answer && with->status / 100 == 2);
	check_progress(&told.progress);
	check_read_back(&told.progress);
}

static void check_post(const struct http_answer *with, bool is_answer)
{
	struct told told = {0};
	struct err err = {0};
	bool yes;

	FUZZ_CHECK(mongosync_api.pause(
		NULL, NULL, 1, on_reply, &told, NULL, &err));
	answer(with, is_answer);
	FUZZ_CHECK(told.times == 1);
	yes = mongosync_parse_reply(with->body, with->len, &err);
	if (told.reply == SYNC_REPLY_DONE) {
		FUZZ_CHECK(yes && is_answer && with->status / 100 == 2);
		return;
	}
	fuzz_check_refusal(&told.err);
	if (!is_answer)
		FUZZ_CHECK((told.reply == SYNC_REPLY_REFUSED) == !with->sent);
	else
		FUZZ_CHECK((told.reply == SYNC_REPLY_REFUSED) ==
			   (!yes && err.code == ERR_STEP));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const long statuses[] = {200, 204, 299, 199, 300, 404, 500, 0};
	unsigned how = size ? data[0] : 0;
	struct http_answer with = {0};
	_cleanup_free_ char *body = NULL;

	if (size)
		data++, size--;
	body = fuzz_text(data, size);
	check_text(body);
	with.status = statuses[how % 8];
	with.sent = with.status != 0 || how & 8;
	with.body = body;
	with.len = size;
	check_get(&with, with.status != 0);
	check_post(&with, with.status != 0);
	return 0;
}
