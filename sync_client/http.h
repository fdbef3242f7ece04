/*
 * http.h - HTTP requests on a libevent loop: one curl multi, no threads.
 *
 * GETs reuse connections.  A POST has a connection of its own
 * (CURLOPT_FRESH_CONNECT, CURLOPT_FORBID_REUSE) and is sent once: on a
 * kept-alive connection that dies before the answer libcurl 7.88.1 silently
 * sends the request again.  No redirects, no proxies, HTTP/1.x only, no
 * HTTP/0.9, no compression, only http:// (later: a Unix socket).
 */
#ifndef SYNC_CLIENT_HTTP_H
#define SYNC_CLIENT_HTTP_H

#include <event2/event.h>
#include <stdint.h>

#include "state/err.h"

/* Bytes of an answer that we keep.  mongosync's have one or two KiB; read as
 * JSON, a hostile one takes some 80 times its size ("{},{},{}"). */
#define HTTP_BODY_MAX (128u << 10)

struct http;
struct http_call; /* under way; gone once done was called or after cancel */

struct http_place { /* where an API listens */
	const char *host; /* "127.0.0.1"; NULL with a socket */
	uint16_t port;
	const char *unix_socket; /* or NULL */
};

struct http_answer {
	long status; /* HTTP status, 0 if no answer came */
	const char *body; /* NUL-terminated, borrowed for the call; may be "" */
	size_t len;
	bool sent; /* false: it is certain that no byte of the request left */
};

/* answer is never NULL; err is NULL on an answer of whatever status. */
typedef void http_fn(
	void *arg, const struct http_answer *answer, const struct err *err);

bool http_new(struct event_base *base, struct http **ret_http,
	struct err *err) WARN_UNUSED;
void http_free(struct http *http); /* cancels what is under way, silently */

/* body NULL: GET; else POST with this body and Content-Type
 * application/json.  done is never called before this returns. */
bool http_request(struct http *http, const struct http_place *place,
	const char *path, const char *body, int64_t timeout_ms, http_fn *done,
	void *arg, struct http_call **ret_call, struct err *err) WARN_UNUSED;
void http_cancel(struct http_call *call); /* done is not called; NULL is fine */
/* memory is freed (free(3)) when the call is gone, however it ends. */
void http_call_keep(struct http_call *call, void *memory);

#endif
