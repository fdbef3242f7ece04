/*
 * put.c - a file is brought to another host, piece by piece.
 *
 * How much is there is asked first, so that what broke off is gone on with;
 * each piece is answered by how much is there then.  The digest over the whole
 * is made by the host; if it is wrong, all is sent once more.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "supervisor/host/internal.h"
#include "supervisor/memory.h"

#define PIECE HOST_CHUNK_MAX /* a multiple of 3 */
#define TRIES 2
#define STUCK_MAX 16 /* pieces that changed nothing */

struct put {
	int fd;
	int64_t size, there;
	unsigned tries, stuck;
	char root[PATH_MAX], sha256[65];
};

static void ask_next(struct host_call *call);

static json_t *make_ask(const struct put *put, const char *op)
{
	return json_pack("{s:s, s:s, s:s}", "op", op, "root", put->root,
		"sha256", put->sha256);
}

/* Takes over ask. */
static void ask_host(struct host_call *call, json_t *ask, helper_fn *done)
{
	_cleanup_json_ json_t *owned = ask;
	struct err err = {0};

	if (!link_ask(call, owned, true, done, &err))
		call_fail(call, &err);
}

static void on_size(void *arg, const json_t *result, const struct err *err)
{
	struct host_call *call = arg;
	struct put *put = call->put;
	int64_t before = put->there;

	if (err) {
		if (!link_lost(call, err))
			call_fail(call, err);
		return;
	}
	call->asked = NULL;
	put->there = json_integer_value(json_object_get(result, "size"));
	put->stuck = put->there > before ? 0 : put->stuck + 1;
	ask_next(call);
}

static void on_checked(void *arg, const json_t *result, const struct err *err)
{
	struct host_call *call = arg;
	struct put *put = call->put;

	if (result) {
		call->asked = NULL;
		call_result(call, result);
		return;
	}
	if (err->code == ERR_AGAIN && !helpers_is_lost(call->asked) &&
		++put->tries < TRIES) {
		call->asked = NULL;
		put->there = 0;
		ask_next(call);
		return;
	}
	if (!link_lost(call, err))
		call_fail(call, err);
}

static bool read_piece(const struct put *put, char **ret_text, struct err *err)
{
	int64_t left = put->size - put->there;
	size_t len = left > PIECE ? PIECE : (size_t)left;
	_cleanup_free_ unsigned char *piece = memory_alloc(len);
	ssize_t got;

	do
		got = pread(put->fd, piece, len, put->there);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_sys(err, ERR_STEP, errno, "reading the archive");
	if ((size_t)got != len)
		return err_set(err, ERR_STEP, "the archive became shorter");
	*ret_text = memory_alloc(len / 3 * 4 + 5);
	(void)EVP_EncodeBlock((unsigned char *)*ret_text, piece, (int)len);
	return true;
}

static void ask_next(struct host_call *call)
{
	struct put *put = call->put;
	_cleanup_free_ char *text = NULL;
	struct err err = {0};
	json_t *ask;

	/* One that is longer than ours is another's or damaged. */
	if (put->there >= put->size) {
		ask_host(call, make_ask(put, "receive_end"), on_checked);
		return;
	}
	if (put->there < 0 || put->stuck > STUCK_MAX) {
		(void)err_set(&err, ERR_AGAIN,
			"%s: what is sent does not arrive", call->host->name);
		call_fail(call, &err);
		return;
	}
	if (!read_piece(put, &text, &err)) {
		call_fail(call, &err);
		return;
	}
	ask = make_ask(put, "receive");
	(void)json_object_set_new(ask, "offset", json_integer(put->there));
	(void)json_object_set_new(ask, "data", json_string(text));
	ask_host(call, ask, on_size);
}

static void begin_put(struct host_call *call)
{
	ask_host(call, make_ask(call->put, "received"), on_size);
}

static void put_failed(const struct host_call *call, const struct err *err)
{
	call->done(call->arg, NULL, err);
}

static void forget_put(struct host_call *call)
{
	if (call->put) {
		(void)close(call->put->fd);
		free(call->put);
	}
}

static const struct call_kind put_kind = {begin_put, put_failed, forget_put};

static bool put_here(const char *path, host_fn *done, void *arg)
{
	_cleanup_json_ json_t *result = json_pack("{s:s}", "path", path);

	done(arg, result, NULL);
	return true;
}

bool host_put(struct host *host, const char *path, const char *sha256,
	const char *root, int64_t timeout_ms, host_fn *done, void *arg,
	struct host_call **ret_call, struct err *err)
{
	_cleanup_fd_ int fd = -1;
	struct host_call *call;
	struct put *put;
	struct stat st;

	if (ret_call)
		*ret_call = NULL;
	if (host_is_local(host))
		return put_here(path, done, arg);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		return err_sys(err, ERR_STEP, errno, "reading %s", path);
	put = memory_calloc(1, sizeof(*put));
	put->fd = take_fd(&fd);
	put->size = st.st_size;
	(void)snprintf(put->root, sizeof(put->root), "%s", root);
	(void)snprintf(put->sha256, sizeof(put->sha256), "%s", sha256);
	call = call_new(host, &put_kind, timeout_ms);
	call->put = put;
	call->done = done;
	call->arg = arg;
	return call_go(call, ret_call, err);
}
