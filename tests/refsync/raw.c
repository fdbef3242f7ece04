/*
 * raw.c - see raw.h.
 */
#include "tests/refsync/raw.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/refsync/reply.h"

#define FILE_MAX (2u << 20)
#define FILLER_LEN (64u << 10) /* sent at once; whole copies of the filler */
#define CHECK_MS 200 /* is the client still there? */

struct raw {
	struct event_base *base;
	struct evhttp_request *request;
	struct event *event;
	struct raw *next, **link;
	char *text, *filler;
	size_t text_len, filler_len;
	size_t sent, wanted; /* wanted: without the text */
	long gap_ms;
	enum raw_end end;
};

static struct raw *raws;

static void raw_free(struct raw *raw)
{
	*raw->link = raw->next;
	if (raw->next)
		raw->next->link = raw->link;
	if (raw->event)
		event_free(raw->event);
	free(raw->text);
	free(raw->filler);
	free(raw);
}

void reply_raw_drop_all(void)
{
	while (raws) {
		reply_drop(raws->request);
		raw_free(raws);
	}
}

/* A test's file that cannot be read proves nothing: the process ends. */
static char *read_file(const char *path, size_t *ret_len)
{
	char *text = calloc(1, FILE_MAX);
	FILE *file = fopen(path, "re");

	if (!text || !file)
		abort();
	*ret_len = fread(text, 1, FILE_MAX, file);
	(void)fclose(file);
	return text;
}

/* As many whole fillers as fit; "x" if there is none. */
static void fill(struct raw *raw, const char *path)
{
	size_t len = 1;
	char *one = *path ? read_file(path, &len) : strdup("x");

	raw->filler = calloc(1, FILLER_LEN);
	if (!one || !raw->filler || !len || len > FILLER_LEN)
		abort();
	for (; raw->filler_len + len <= FILLER_LEN; raw->filler_len += len)
		memcpy(raw->filler + raw->filler_len, one, len);
	free(one);
}

static int descriptor(const struct evhttp_connection *connection)
{
	return bufferevent_getfd(evhttp_connection_get_bufferevent(
		(struct evhttp_connection *)(uintptr_t)connection));
}

static void on_turn(evutil_socket_t fd, short what, void *arg);

static void wait_for(struct raw *raw, int fd, short what, long ms)
{
	struct timeval when = {ms / 1000, ms % 1000 * 1000};

	if (raw->event)
		event_free(raw->event);
	raw->event = event_new(raw->base, fd, what, on_turn, raw);
	(void)event_add(raw->event, what ? NULL : &when);
}

static void end(struct raw *raw, struct evhttp_connection *connection)
{
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

	if (raw->end == RAW_OPEN) {
		wait_for(raw, -1, 0, CHECK_MS);
		return;
	}
	/* As in reply_close(): an RST instead of a FIN. */
	if (raw->end == RAW_RESET &&
		connect(descriptor(connection), &nowhere, sizeof(nowhere)) < 0)
		abort();
	evhttp_connection_free(connection);
	raw_free(raw);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct raw *raw = arg;
	struct evhttp_connection *connection =
		evhttp_request_get_connection(raw->request);
	size_t left = raw->text_len + raw->wanted - raw->sent;
	const char *from = raw->text + raw->sent;
	ssize_t put = 0;

	(void)fd;
	(void)what;
	if (!connection) { /* it has gone */
		reply_drop(raw->request);
		raw_free(raw);
		return;
	}
	if (!left) {
		end(raw, connection);
		return;
	}
	if (raw->sent < raw->text_len) {
		left = raw->text_len - raw->sent;
	} else {
		size_t at = (raw->sent - raw->text_len) % raw->filler_len;

		from = raw->filler + at;
		if (left > raw->filler_len - at)
			left = raw->filler_len - at;
	}
	if (raw->gap_ms)
		left = 1;
	put = send(descriptor(connection), from, left,
		MSG_NOSIGNAL | MSG_DONTWAIT);
	if (put < 0 && errno != EAGAIN) {
		evhttp_connection_free(connection);
		raw_free(raw);
		return;
	}
	raw->sent += put > 0 ? (size_t)put : 0;
	if (raw->gap_ms)
		wait_for(raw, -1, 0, raw->gap_ms);
	else
		wait_for(raw, descriptor(connection), EV_WRITE, 0);
}

void reply_raw(struct event_base *base, struct evhttp_request *request,
	const struct fault *fault)
{
	struct raw *raw = calloc(1, sizeof(*raw));

	if (!raw)
		abort();
	*raw = (struct raw){.base = base,
		.request = request,
		.next = raws,
		.link = &raws,
		.wanted = (size_t)fault->mb << 20,
		.gap_ms = fault->gap_ms,
		.end = fault->end};
	if (raws)
		raws->link = &raw->next;
	raws = raw;
	if (fault->file[0])
		raw->text = read_file(fault->file, &raw->text_len);
	fill(raw, fault->filler);
	wait_for(raw, -1, 0, 0);
}
