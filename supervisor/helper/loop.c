/*
 * loop.c - see loop.h.
 */
#include "supervisor/helper/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "supervisor/engine/helper.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/helper/answer.h"

/* The line that is being read; it may hold a connection string. */
struct lines {
	int fd;
	char *buf;
	size_t len, size;
};

static bool grow(struct lines *lines, struct err *err)
{
	size_t size = lines->size ? lines->size * 2 : 4096;
	char *buf;

	if (lines->len < lines->size)
		return true;
	if (size > HELPER_LINE_MAX)
		return err_set(err, ERR_BUG, "a question is too long");
	buf = malloc(size); /* not realloc: the old place is to be wiped */
	if (!buf)
		return err_set(err, ERR_MEMORY, "out of memory");
	if (lines->buf) {
		memcpy(buf, lines->buf, lines->len);
		explicit_bzero(lines->buf, lines->size);
	}
	free(lines->buf);
	lines->buf = buf;
	lines->size = size;
	return true;
}

/* The length of the next line without its end; 0: the pipe was closed. */
static bool next_line(struct lines *lines, size_t *ret_len, struct err *err)
{
	for (;;) {
		char *end = lines->len ? memchr(lines->buf, '\n', lines->len)
				       : NULL;
		ssize_t got;

		*ret_len = end ? (size_t)(end - lines->buf) : 0;
		if (end)
			return *ret_len > 0 ||
			       err_set(err, ERR_BUG, "a question is empty");
		if (!grow(lines, err))
			return false;
		got = read(lines->fd, lines->buf + lines->len,
			lines->size - lines->len);
		if (got == 0)
			return true;
		if (got < 0 && errno != EINTR)
			return err_sys(
				err, ERR_BUG, errno, "reading a question");
		if (got > 0)
			lines->len += (size_t)got;
	}
}

static void drop_line(struct lines *lines, size_t len)
{
	lines->len -= len + 1;
	memmove(lines->buf, lines->buf + len + 1, lines->len);
	explicit_bzero(lines->buf + lines->len, lines->size - lines->len);
}

static json_t *run_op(const struct helper_op *ops, size_t count,
	const json_t *ask, struct err *why)
{
	const char *op = json_string_value(json_object_get(ask, "op"));
	json_t *result = NULL;

	for (size_t i = 0; op && i < count; i++) {
		if (strcmp(ops[i].name, op) != 0)
			continue;
		if (ops[i].fn(ask, &result, why))
			return result;
		if (!why->code)
			(void)err_set(why, ERR_BUG, "%s failed silently", op);
		return NULL;
	}
	(void)err_set(why, ERR_BUG, "the helper has no such question");
	return NULL;
}

static bool reply(const json_t *id, json_t *result, struct err *why, int out,
	struct err *err)
{
	_cleanup_json_ json_t *answer = answer_make(id, result, why);
	_cleanup_free_ char *text = NULL;
	size_t len;

	text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	if (!text)
		return err_set(err, ERR_BUG, "the answer is no text");
	len = strlen(text);
	if (len >= HELPER_LINE_MAX) {
		if (!result)
			return err_set(err, ERR_BUG, "the answer is too long");
		(void)err_set(why, ERR_STEP, "the answer is too long");
		return reply(id, NULL, why, out, err);
	}
	text[len] = '\n'; /* in place of the end: the length is known */
	return atomic_write_all(out, text, len + 1, err);
}

static bool serve(const struct helper_op *ops, size_t count, const char *line,
	size_t len, int out, struct err *err)
{
	_cleanup_json_ json_t *ask = json_loadb(line, len, 0, NULL);
	const json_t *id = json_object_get(ask, "id");
	const char *uri = json_string_value(json_object_get(ask, "uri"));
	struct err why = {0};
	json_t *result;
	bool ok;

	if (!json_is_integer(id))
		return err_set(err, ERR_BUG, "a line is no question");
	if (uri)
		scrub_add_uri(uri);
	result = run_op(ops, count, ask, &why);
	ok = reply(id, result, &why, out, err);
	scrub_forget();
	return ok;
}

int helper_loop(const struct helper_op *ops, size_t count, int in, int out,
	struct err *err)
{
	struct lines lines = {.fd = in};
	size_t len = 0;
	bool ok;

	while ((ok = next_line(&lines, &len, err)) && len) {
		ok = serve(ops, count, lines.buf, len, out, err);
		if (!ok)
			break;
		drop_line(&lines, len);
	}
	if (lines.buf)
		explicit_bzero(lines.buf, lines.size);
	free(lines.buf);
	return ok ? 0 : 1;
}

const char *helper_text(const json_t *ask, const char *key, struct err *err)
{
	const char *text = json_string_value(json_object_get(ask, key));

	if (text && text[0])
		return text;
	(void)err_set(err, ERR_BUG, "the question has no %s", key);
	return NULL;
}

void helper_follow_parent(void)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It may have gone before this: then the pipe is closed, which ends
	 * the loop. */
	(void)signal(SIGPIPE, SIG_IGN);
}
