#include "tests/unit/scripted_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ACTS_MAX 64
#define REQUEST_MAX 4096
#define FLOOD_PIECE 65536

struct peer {
	struct scripted_server *server;
	struct peer *next;
	struct event *readable, *writable, *delay;
	int fd; /* -1: ended, waits for scripted_server_free() */
	char request[REQUEST_MAX];
	size_t request_len;
	const struct scripted_act *act; /* being played, or NULL */
	size_t sent; /* of this act */
};

struct scripted_server {
	struct event_base *base;
	struct event *acceptable;
	int fd;
	uint16_t port;
	struct scripted_act act[ACTS_MAX];
	char *owned[ACTS_MAX]; /* texts that scripted_server_add_json made */
	char *request[ACTS_MAX];
	unsigned acts, played, requests, connections, surprises;
	size_t sent;
	struct peer *peers;
};

/* Fixtures have no err to fill: what cannot go wrong must not go on. */
static void must(bool ok)
{
	if (!ok)
		abort();
}

static void peer_end(struct peer *peer, bool reset)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	if (peer->fd < 0)
		return;
	(void)event_del(peer->readable);
	(void)event_del(peer->writable);
	(void)event_del(peer->delay);
	if (reset)
		(void)setsockopt(
			peer->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	(void)close(peer->fd);
	peer->fd = -1;
}

static void peer_act_done(struct peer *peer)
{
	enum scripted_end end = peer->act->end;

	peer->act = NULL;
	(void)event_del(peer->writable);
	if (end != SCRIPTED_KEEP)
		peer_end(peer, end == SCRIPTED_RESET);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	static char flood[FLOOD_PIECE];
	struct peer *peer = arg;
	const struct scripted_act *act = peer->act;
	size_t text_len = act->send ? strlen(act->send) : 0;
	size_t left = text_len + act->flood - peer->sent;
	const char *from = flood;
	ssize_t put;

	(void)what;
	if (!left) {
		peer_act_done(peer);
		return;
	}
	if (peer->sent < text_len) {
		from = act->send + peer->sent;
		left = text_len - peer->sent;
	} else {
		memset(flood, 'x', sizeof(flood));
		if (left > sizeof(flood))
			left = sizeof(flood);
	}
	if (act->byte_by_byte)
		left = 1;
	put = send(fd, from, left, MSG_NOSIGNAL);
	if (put < 0) {
		if (errno != EAGAIN)
			peer_end(peer, false);
		return;
	}
	peer->sent += (size_t)put;
	peer->server->sent += (size_t)put;
}

static void on_delay_over(evutil_socket_t fd, short what, void *arg)
{
	struct peer *peer = arg;

	(void)fd;
	(void)what;
	(void)event_add(peer->writable, NULL);
}

static void take_request(struct peer *peer)
{
	struct scripted_server *server = peer->server;
	const struct scripted_act *act = &server->act[server->played];
	struct timeval wait;

	must(server->requests < ACTS_MAX);
	server->request[server->requests++] = strdup(peer->request);
	peer->request_len = 0;
	if (server->played == server->acts ||
		(act->expect && strncmp(peer->request, act->expect,
					strlen(act->expect)) != 0)) {
		server->surprises++;
		peer_end(peer, true);
		return;
	}
	server->played++;
	peer->act = act;
	peer->sent = 0;
	wait.tv_sec = act->delay_ms / 1000;
	wait.tv_usec = act->delay_ms % 1000 * 1000;
	(void)event_add(peer->delay, &wait);
}

static bool request_is_whole(const struct peer *peer)
{
	const char *end = strstr(peer->request, "\r\n\r\n");
	const char *length = strcasestr(peer->request, "\r\nContent-Length:");
	size_t body = 0;

	if (!end)
		return false;
	if (length && length < end)
		body = strtoul(strchr(length + 2, ':') + 1, NULL, 10);
	return (size_t)(end + 4 - peer->request) + body <= peer->request_len;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct peer *peer = arg;
	size_t room = sizeof(peer->request) - 1 - peer->request_len;
	ssize_t got = read(fd, peer->request + peer->request_len, room);

	(void)what;
	if (got <= 0) {
		peer_end(peer, false);
		return;
	}
	peer->request_len += (size_t)got;
	peer->request[peer->request_len] = '\0';
	if (!peer->act && request_is_whole(peer))
		take_request(peer);
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct scripted_server *server = arg;
	struct peer *peer;
	int one = 1, taken;

	(void)what;
	taken = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (taken < 0)
		return;
	(void)setsockopt(taken, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	peer = calloc(1, sizeof(*peer));
	must(peer);
	peer->server = server;
	peer->fd = taken;
	peer->next = server->peers;
	server->peers = peer;
	server->connections++;
	peer->readable = event_new(
		server->base, taken, EV_READ | EV_PERSIST, on_readable, peer);
	peer->writable = event_new(
		server->base, taken, EV_WRITE | EV_PERSIST, on_writable, peer);
	peer->delay = evtimer_new(server->base, on_delay_over, peer);
	(void)event_add(peer->readable, NULL);
}

static int listen_unix(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	must(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path) + 1);
	rc = bind(fd, (const struct sockaddr *)&address, sizeof(address));
	must(!rc);
	return fd;
}

static int listen_loopback(uint16_t *ret_port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr = {htonl(INADDR_LOOPBACK)},
	};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc;

	rc = bind(fd, (const struct sockaddr *)&address, sizeof(address));
	must(!rc);
	rc = getsockname(fd, (struct sockaddr *)&address, &len);
	must(!rc);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

struct scripted_server *scripted_server_new(
	struct event_base *base, const char *path)
{
	struct scripted_server *server = calloc(1, sizeof(*server));
	int rc;

	must(server);
	server->base = base;
	server->fd = path ? listen_unix(path) : listen_loopback(&server->port);
	rc = listen(server->fd, 16);
	must(!rc);
	server->acceptable = event_new(
		base, server->fd, EV_READ | EV_PERSIST, on_acceptable, server);
	(void)event_add(server->acceptable, NULL);
	return server;
}

void scripted_server_stop_listening(struct scripted_server *server)
{
	if (server->fd < 0)
		return;
	event_free(server->acceptable);
	(void)close(server->fd);
	server->fd = -1;
}

void scripted_server_free(struct scripted_server *server)
{
	scripted_server_stop_listening(server);
	while (server->peers) {
		struct peer *peer = server->peers;

		server->peers = peer->next;
		peer_end(peer, false);
		event_free(peer->readable);
		event_free(peer->writable);
		event_free(peer->delay);
		free(peer);
	}
	for (unsigned i = 0; i < ACTS_MAX; i++) {
		free(server->owned[i]);
		free(server->request[i]);
	}
	free(server);
}

uint16_t scripted_server_port(const struct scripted_server *server)
{
	return server->port;
}

void scripted_server_add(
	struct scripted_server *server, const struct scripted_act *act)
{
	must(server->acts < ACTS_MAX);
	server->act[server->acts++] = *act;
}

void scripted_server_add_json(struct scripted_server *server,
	const char *expect, int status, const char *json)
{
	struct scripted_act act = {.expect = expect};
	char *text;
	int len = asprintf(&text,
		"HTTP/1.1 %d Whatever\r\nContent-Type: application/json\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		status, strlen(json), json);

	must(len > 0);
	server->owned[server->acts] = text;
	act.send = text;
	scripted_server_add(server, &act);
}

unsigned scripted_server_requests(const struct scripted_server *server)
{
	return server->requests;
}

unsigned scripted_server_connections(const struct scripted_server *server)
{
	return server->connections;
}

unsigned scripted_server_surprises(const struct scripted_server *server)
{
	return server->surprises;
}

size_t scripted_server_sent(const struct scripted_server *server)
{
	return server->sent;
}

const char *scripted_server_request(
	const struct scripted_server *server, unsigned i)
{
	must(i < server->requests);
	return server->request[i];
}
