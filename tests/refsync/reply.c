/*
 * reply.c - see reply.h.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "tests/refsync/log.h"
#include "tests/refsync/reply.h"

#define CHUNK (64 << 10)
#define CHUNKS_AHEAD 8
#define HUGE_TICK_US 2000

static void send_body(struct evhttp_request *request, int status,
	const char *type, const void *body, size_t len)
{
	struct evbuffer *out = evbuffer_new();

	(void)evhttp_add_header(evhttp_request_get_output_headers(request),
		"Content-Type", type);
	(void)evbuffer_add(out, body, len);
	evhttp_send_reply(request, status, NULL, out);
	evbuffer_free(out);
}

void reply_json(struct evhttp_request *request, int status, json_t *body)
{
	_cleanup_json_ json_t *taken = body;
	_cleanup_free_ char *text = json_dumps(taken, JSON_COMPACT);

	if (!text)
		abort();
	log_add(LOG_DEBUG, "Sent response",
		json_pack("{s:i, s:s}", "status", status, "body", text));
	send_body(request, status, "application/json", text, strlen(text));
}

void reply_text(struct evhttp_request *request, const char *head,
	const char *name, int64_t value)
{
	struct evbuffer *out = evbuffer_new();

	(void)evhttp_add_header(evhttp_request_get_output_headers(request),
		"Content-Type", "text/plain");
	(void)evbuffer_add_printf(out, "%s%s %" PRId64 "\n", head, name, value);
	evhttp_send_reply(request, 200, NULL, out);
	evbuffer_free(out);
}

void reply_garbage(struct evhttp_request *request)
{
	static const char garbage[] = "<html>\0\xff\xfe{\"progress\":[[[[";

	send_body(request, 200, "text/html", garbage, sizeof(garbage));
}

void reply_drop(struct evhttp_request *request)
{
	if (!evhttp_request_get_connection(request))
		evhttp_request_free(request);
}

/* The connection's descriptor; -1 and the request freed: the client is gone. */
static int take_connection(
	struct evhttp_request *request, struct evhttp_connection **ret)
{
	*ret = evhttp_request_get_connection(request);
	if (!*ret) {
		evhttp_request_free(request);
		return -1;
	}
	return bufferevent_getfd(evhttp_connection_get_bufferevent(*ret));
}

void reply_half(struct evhttp_request *request)
{
	static const char half[] = "HTTP/1.1 200 OK\r\n"
				   "Content-Type: application/json\r\n"
				   "Content-Length: 400\r\n\r\n"
				   "{\"progress\":{\"state\":\"PAU";
	struct evhttp_connection *connection;
	int fd = take_connection(request, &connection);

	if (fd < 0)
		return;
	if (send(fd, half, sizeof(half) - 1, MSG_NOSIGNAL) < 0) {
		/* then it is even less than half */
	}
	evhttp_connection_free(connection);
}

void reply_close(struct evhttp_request *request, bool reset)
{
	struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
	struct evhttp_connection *connection;
	int fd = take_connection(request, &connection);

	if (fd < 0)
		return;
	/* Linux answers this with an RST; evhttp's own close would first say
	 * goodbye with a FIN */
	if (reset && connect(fd, &nowhere, sizeof(nowhere)) < 0)
		abort();
	evhttp_connection_free(connection);
}

struct huge {
	struct evhttp_request *request;
	struct event *timer;
	long chunks;
	struct huge *next, **link;
};

static struct huge *huges;

static void huge_free(struct huge *huge)
{
	*huge->link = huge->next;
	if (huge->next)
		huge->next->link = huge->link;
	event_free(huge->timer);
	free(huge);
}

void reply_drop_all(void)
{
	while (huges) {
		reply_drop(huges->request);
		huge_free(huges);
	}
}

static void on_huge(evutil_socket_t fd, short what, void *arg)
{
	static char filler[CHUNK];
	struct huge *huge = arg;
	struct evhttp_connection *connection =
		evhttp_request_get_connection(huge->request);
	struct timeval tick = {0, HUGE_TICK_US};
	struct evbuffer *out, *waiting;

	(void)fd;
	(void)what;
	if (!connection || huge->chunks <= 0) {
		evhttp_send_reply_end(huge->request);
		huge_free(huge);
		return;
	}
	memset(filler, 'x', sizeof(filler));
	out = evbuffer_new();
	waiting = bufferevent_get_output(
		evhttp_connection_get_bufferevent(connection));
	for (int i = 0;
		i < CHUNKS_AHEAD && huge->chunks > 0 &&
		evbuffer_get_length(waiting) < (size_t)CHUNKS_AHEAD * CHUNK;
		i++, huge->chunks--) {
		(void)evbuffer_add_reference(
			out, filler, sizeof(filler), NULL, NULL);
		evhttp_send_reply_chunk(huge->request, out);
	}
	evbuffer_free(out);
	(void)event_add(huge->timer, &tick);
}

void reply_huge(
	struct event_base *base, struct evhttp_request *request, long mb)
{
	static const char start[] = "{\"progress\":{\"state\":\"RUNNING\","
				    "\"info\":\"";
	struct huge *huge = calloc(1, sizeof(*huge));
	struct evbuffer *out = evbuffer_new();

	if (!huge || !out)
		abort();
	*huge = (struct huge){.request = request,
		.chunks = mb * ((1 << 20) / CHUNK),
		.next = huges,
		.link = &huges};
	if (huges)
		huges->link = &huge->next;
	huges = huge;
	huge->timer = event_new(base, -1, 0, on_huge, huge);
	(void)evbuffer_add(out, start, sizeof(start) - 1);
	evhttp_send_reply_start(request, 200, NULL);
	evhttp_send_reply_chunk(request, out);
	evbuffer_free(out);
	event_active(huge->timer, EV_TIMEOUT, 0);
}
