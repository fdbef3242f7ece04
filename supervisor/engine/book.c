/*
 * book.c - journal, fold and view kept in step.
 */
#include "supervisor/engine/book.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/memory.h"
#include "supervisor/version.h"

#define JOURNAL_BYTES_LEAST (128 << 10) /* to take up a run on a full disk */

struct book {
	struct journal *journal;
	struct run_state state;
	struct event *sync_timer;
	struct err broken;
	engine_view_fn *view;
	void *view_arg;
	bool live; /* past records are folded; from now on views are told */
};

static bool book_saw(void *arg, const struct record *record, struct err *err)
{
	struct book *book = arg;

	if (!run_state_apply(&book->state, record, err))
		return false;
	if (book->live && book->view)
		book->view(book->view_arg, &book->state, record);
	return true;
}

static void sync_later(evutil_socket_t fd, short what, void *arg)
{
	struct book *book = arg;

	(void)fd, (void)what;
	(void)!book_sync(book, NULL); /* remembered in broken */
}

static json_t *who_we_are(void)
{
	char host[65] = "";

	(void)gethostname(host, sizeof(host) - 1);
	return json_pack("{s:s, s:i, s:s}", "syncup", SYNCUP_VERSION, "pid",
		(int)getpid(), "host", host);
}

static bool begin(struct book *book, const char *path, const json_t *plan,
	struct err *err)
{
	json_t *head = who_we_are();
	bool ok;

	(void)json_object_set(head, "plan", (json_t *)(uintptr_t)plan);
	book->live = true;
	ok = journal_create(path, head, book_saw, book, &book->journal, err);
	json_decref(head);
	return ok && journal_reserve(book->journal, ENGINE_JOURNAL_BYTES, err);
}

/* Somebody may stand still: rather go on with less room than not at all. */
static bool reserve_some(struct book *book, struct err *err)
{
	off_t bytes = ENGINE_JOURNAL_BYTES;

	while (!journal_reserve(book->journal, bytes, err)) {
		if (err->sys != ENOSPC || bytes <= JOURNAL_BYTES_LEAST)
			return false;
		bytes /= 2;
	}
	return true;
}

static bool take_up(struct book *book, const char *path, struct err *err)
{
	json_t *body;

	if (!journal_open(path, book_saw, book, &book->journal, err) ||
		!reserve_some(book, err))
		return false;
	book->live = true;
	body = who_we_are();
	(void)json_object_set_new(body, "boot", json_string(sys_boot_id()));
	(void)json_object_set_new(
		body, "needs", json_pack("[s]", JOURNAL_NEEDS));
	return book_write(book, "resumed", body, err) && book_sync(book, err);
}

bool book_new(struct event_base *base, const struct engine_config *config,
	const json_t *plan, struct book **ret_book, struct err *err)
{
	struct book *book = calloc(1, sizeof(*book));

	if (!book)
		return err_set(err, ERR_MEMORY, "out of memory");
	book->view = config->view;
	book->view_arg = config->view_arg;
	book->sync_timer = event_new(base, -1, 0, sync_later, book);
	if (!book->sync_timer) {
		(void)err_set(err, ERR_MEMORY, "out of memory");
	} else if (plan ? begin(book, config->journal, plan, err)
			: take_up(book, config->journal, err)) {
		*ret_book = book;
		return true;
	}
	book_free(book);
	return false;
}

void book_free(struct book *book)
{
	if (!book)
		return;
	if (book->sync_timer)
		event_free(book->sync_timer);
	journal_close(book->journal);
	run_state_done(&book->state);
	free(book);
}

const struct run_state *book_state(const struct book *book)
{
	return &book->state;
}

const struct err *book_broken(const struct book *book)
{
	return book->broken.code ? &book->broken : NULL;
}

static bool broke(struct book *book, struct err *err)
{
	if (err)
		*err = book->broken;
	return false;
}

json_t *book_text(const char *text)
{
	_cleanup_free_ char *clean = memory_must(strdup(text));

	err_mend_text(clean);
	return json_string(clean);
}

/* STEP@TARGET is our own, and looks like a connection string's userinfo. */
static void scrub_body(json_t *body)
{
	json_t *decide = json_incref(json_object_get(body, "decide"));

	scrub_json(body);
	if (decide)
		(void)json_object_set_new(body, "decide", decide);
}

bool book_write(
	struct book *book, const char *kind, json_t *body, struct err *err)
{
	const struct timeval second = {.tv_sec = 1};
	bool ok = !book->broken.code;

	/* An empty record would make the whole journal unreadable. */
	if (ok && !body)
		ok = err_set(&book->broken, ERR_BUG,
			"a \"%s\" record could not be made", kind);
	if (ok) {
		scrub_body(body);
		ok = journal_append(book->journal, kind, body, &book->broken);
	}
	json_decref(body);
	if (!ok)
		return broke(book, err);
	/* These ride along: they are never a reason to sync. */
	if (strcmp(kind, "note") != 0 && strcmp(kind, "clock") != 0 &&
		!event_pending(book->sync_timer, EV_TIMEOUT, NULL))
		(void)event_add(book->sync_timer, &second);
	return true;
}

bool book_sync(struct book *book, struct err *err)
{
	(void)event_del(book->sync_timer);
	if (book->broken.code || !journal_sync(book->journal, &book->broken))
		return broke(book, err);
	return true;
}
