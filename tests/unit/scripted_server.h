/*
 * scripted_server.h - an HTTP server that says exactly what a test tells it.
 *
 * It lives on the test's own libevent loop and knows nothing of HTTP but where
 * a request ends, so that it can send what no honest server would.  Each
 * request takes the next act of the script; one that finds no act left, or not
 * the expected first words, is counted in "surprises" and reset.
 */
#ifndef TESTS_UNIT_SCRIPTED_SERVER_H
#define TESTS_UNIT_SCRIPTED_SERVER_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum scripted_end { /* once everything is sent */
	SCRIPTED_KEEP, /* wait for the connection's next request */
	SCRIPTED_CLOSE,
	SCRIPTED_RESET, /* the peer gets ECONNRESET */
};

struct scripted_act {
	const char *expect; /* first words: "POST /api/v1/pause"; NULL: any */
	const char *send; /* raw bytes, headers too; NULL: nothing */
	size_t flood; /* and then so many bytes of 'x' */
	int64_t delay_ms; /* before anything is sent */
	bool byte_by_byte;
	enum scripted_end end;
};

struct scripted_server;

/* Listens on 127.0.0.1, or on a Unix socket if path is not NULL. */
struct scripted_server *scripted_server_new(
	struct event_base *base, const char *path);
void scripted_server_free(struct scripted_server *server);
uint16_t scripted_server_port(const struct scripted_server *server);
/* act is copied, its texts are borrowed. */
void scripted_server_add(
	struct scripted_server *server, const struct scripted_act *act);
/* An answer of the ordinary kind: this status, this JSON, kept alive. */
void scripted_server_add_json(struct scripted_server *server,
	const char *expect, int status, const char *json);
/* Takes no more connections: from now on they are refused. */
void scripted_server_stop_listening(struct scripted_server *server);

unsigned scripted_server_requests(const struct scripted_server *server);
unsigned scripted_server_connections(const struct scripted_server *server);
unsigned scripted_server_surprises(const struct scripted_server *server);
/* Bytes that the peer let us write. */
size_t scripted_server_sent(const struct scripted_server *server);
/* The whole request number i, from 0, as it came. */
const char *scripted_server_request(
	const struct scripted_server *server, unsigned i);

#endif
