/*
 * subjects_state.c - records, journals, the fold.
 */
#include "subjects.h"

#include "alloc_fault.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../unit/scratch.h"
#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/journal.h"
#include "state/lock.h"
#include "state/run_state.h"

static json_t *body, *plan;
static const char *journal_path, *old_path;
static unsigned *synced; /* records said to be on disk; survives a round */

static json_t *pack(json_t *json)
{
	assert_non_null(json);
	return json;
}

/* One lane, pause and stop of one process. */
static json_t *small_plan(void)
{
	return pack(json_loads(
		"{\"lanes\": [{\"name\": \"a\", \"stages\": ["
		"{\"kind\": \"pause\", \"patience_s\": 1, \"quiet_s\": 1, "
		"\"targets\": [\"p\"]},"
		"{\"kind\": \"stop\", \"targets\": [\"p\"]}]}]}",
		0, NULL));
}

/* ---- one record ---- */

static bool print_and_parse(struct err *err)
{
	_cleanup_free_ char *line = NULL;
	struct record record = {0};
	size_t len;
	bool ok = record_print("r-1", 1, 1, "note", body, &line, &len, err) &&
		  record_parse("r-1", line, len - 1, &record, err);

	if (ok && !json_object_get(record.json, "deep"))
		ok = err_set(err, ERR_BUG, "a member is missing");
	record_done(&record);
	return ok;
}

/* ---- journal ---- */

static void remove_journal(void)
{
	(void)unlink(journal_path);
	(void)unlink(subject_path("run.journal.new"));
	*synced = 0;
}

static bool write_three(struct journal *journal, struct err *err)
{
	for (int i = 0; i < 3; i++) {
		if (!journal_append(journal, "note", body, err) ||
			!journal_sync(journal, err))
			return false;
		(*synced)++;
	}
	return true;
}

static bool create(struct err *err)
{
	struct journal *journal = NULL;
	bool ok = journal_create(journal_path, body, NULL, NULL, &journal, err);

	*synced += ok;
	ok = ok && write_three(journal, err);
	journal_close(journal);
	return ok;
}

static bool count_whole(void *arg, const struct record *record, struct err *err)
{
	unsigned *count = arg;

	if (strcmp(record_kind(record), "note") == 0 &&
		!json_object_get(record->json, "deep"))
		return err_set(err, ERR_BUG, "a record lacks a member");
	(*count)++;
	return true;
}

/* Every record that was synced is there, and each is whole. */
static const char *journal_is_whole(bool ok)
{
	static char text[500];
	unsigned count = 0;
	unsigned long cut;
	struct err err = {0};

	if (!journal_read(journal_path, count_whole, &count, &cut, &err)) {
		(void)snprintf(text, sizeof(text), "%s", err.msg);
		return err.code == ERR_MISSING && !*synced ? "" : text;
	}
	if (cut)
		return "a line is cut";
	if (count < *synced || (ok && count != *synced))
		return "records are missing";
	return "";
}

static void copy_journal(void)
{
	size_t len = 0;
	char *text = scratch_read(old_path, &len);

	assert_non_null(text);
	remove_journal();
	scratch_write(journal_path, text, len);
	free(text);
	*synced = 4;
}

static bool go_on(struct err *err)
{
	struct journal *journal = NULL;
	unsigned count = 0;
	bool ok = journal_open(
			  journal_path, count_whole, &count, &journal, err) &&
		  write_three(journal, err);

	journal_close(journal);
	return ok;
}

/* ---- fold ---- */

struct word {
	const char *kind, *text;
};

static const struct word story[] = {
	{"intent", "{\"lane\":\"a\",\"stage\":0,\"step\":\"pause\","
		   "\"target\":\"p\",\"saw\":{\"pid\":1}}"},
	{"note", "{\"lane\":\"a\",\"stage\":0,\"step\":\"pause\","
		 "\"target\":\"p\",\"text\":\"waiting\",\"since\":1}"},
	{"failed", "{\"lane\":\"a\",\"stage\":0,\"step\":\"pause\","
		   "\"target\":\"p\",\"why\":\"deaf\"}"},
	{"halt", "{\"lane\":\"a\",\"code\":7,\"why\":\"who knows\","
		 "\"decide\":\"pause@p\"}"},
	{"answer", "{\"step\":\"pause\",\"target\":\"p\","
		   "\"answer\":\"again\"}"},
	{"turn", "{\"lane\":\"a\",\"why\":\"asked\",\"outcome\":"
		 "\"turned-back\",\"course\":[{\"kind\":\"resume\","
		 "\"targets\":[\"p\"]}]}"},
	{"done", "{\"lane\":\"a\",\"stage\":0,\"step\":\"resume\","
		 "\"target\":\"p\",\"how\":\"acted\",\"saw\":{\"pid\":2}}"},
	{"lane-end", "{\"lane\":\"a\",\"outcome\":\"turned-back\"}"},
	{"end", "{\"outcome\":\"turned-back\",\"exit\":9}"},
};

static bool fold_one(struct run_state *state, const char *kind,
	const char *text, struct err *err)
{
	static uint64_t seq;
	json_error_t why;
	struct record record = {
		.seq = seq++, .json = json_loads(text, 0, &why)};
	bool ok = record.json != NULL;

	if (!ok)
		return err_set(err, ERR_MEMORY, "the test has no memory");
	if (strcmp(kind, "run") == 0)
		ok = json_object_set(record.json, "plan", plan) == 0;
	ok = ok &&
	     json_object_set_new(record.json, "kind", json_string(kind)) == 0;
	if (!ok)
		(void)err_set(err, ERR_MEMORY, "the test has no memory");
	else
		ok = run_state_apply(state, &record, err);
	record_done(&record);
	return ok;
}

/* What people wrote and what a step is to be told again is all there. */
static bool is_all_there(const struct run_state *state, struct err *err)
{
	const struct run_lane *lane = &state->lane[0];
	const struct run_step *step = &lane->forward.stage[0].step[0];
	const struct run_answer *answer = state->answer;

	if (!lane->halt_why || !lane->halt_decide || !lane->turn_why ||
		!step->why || !step->note || !step->saw ||
		!state->answer_count || !answer->step || !answer->target ||
		!answer->answer || lane->back.stage_count != 1 ||
		state->exit_code != 9)
		return err_set(err, ERR_BUG, "the fold lost something");
	return true;
}

static bool fold(struct err *err)
{
	struct run_state state = {0};
	bool ok = fold_one(&state, "run", "{\"run\":\"r-1\"}", err);

	for (size_t i = 0; ok && i < sizeof(story) / sizeof(story[0]); i++)
		ok = fold_one(&state, story[i].kind, story[i].text, err);
	ok = ok && is_all_there(&state, err);
	run_state_done(&state);
	return ok;
}

/* ---- a file, and the lock ---- */

static void write_old(void)
{
	scratch_write(subject_path("file"), "old", 3);
}

static bool replace(struct err *err)
{
	_cleanup_free_ char *data = NULL;
	size_t len;

	return atomic_file_write(subject_path("file"), "new", 3, 0600, err) &&
	       atomic_file_read(subject_path("file"), 100, &data, &len, err);
}

static const char *is_old_or_new(bool ok)
{
	const char *path = subject_path("file");

	if (scratch_holds(path, "new") || (!ok && scratch_holds(path, "old")))
		return "";
	return "the file is neither old nor new";
}

static bool lock(struct err *err)
{
	_cleanup_fd_ int fd = -1;

	return lock_take(subject_path("lock"), &fd, err);
}

static const char *lock_is_free(bool ok)
{
	_cleanup_fd_ int fd = -1;

	(void)ok;
	return lock_take(subject_path("lock"), &fd, NULL) ? ""
							  : "it stays locked";
}

const struct subject subjects_state[] = {
	{.name = "record: print, parse", .act = print_and_parse},
	{.name = "journal: create, append",
		.prepare = remove_journal,
		.act = create,
		.check = journal_is_whole},
	{.name = "journal: continue",
		.prepare = copy_journal,
		.act = go_on,
		.check = journal_is_whole},
	{.name = "fold", .act = fold},
	{.name = "file: replace, read",
		.prepare = write_old,
		.act = replace,
		.check = is_old_or_new},
	{.name = "lock", .act = lock, .check = lock_is_free},
	{0},
};

void subjects_state_begin(void)
{
	static char journal[300], old[300];
	struct err err = {0};

	(void)snprintf(
		journal, sizeof(journal), "%s", subject_path("run.journal"));
	(void)snprintf(old, sizeof(old), "%s", subject_path("old.journal"));
	if (!synced)
		synced = mmap(NULL, sizeof(*synced), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(synced != MAP_FAILED);
	journal_path = old;
	old_path = old;
	plan = small_plan();
	body = pack(json_pack("{s:s, s:{s:[i,i,s], s:n}}", "run", "r-1", "deep",
		"list", 1, 2, "three", "none"));
	(void)json_object_del(body, "run");
	if (!create(&err))
		fail_msg("%s", err.msg);
	journal_path = journal;
}
