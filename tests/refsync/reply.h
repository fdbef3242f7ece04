/*
 * reply.h - ways to end an HTTP request, good and bad ones.
 *
 * Each takes the request over.  Not to be called from within evhttp's request
 * callback, except reply_json() and reply_text().
 */
#ifndef REFSYNC_REPLY_H
#define REFSYNC_REPLY_H

#include <event2/event.h>
#include <event2/http.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

void reply_json(struct evhttp_request *request, int status, json_t *body);
/* One number in the text form of metrics. */
void reply_text(struct evhttp_request *request, const char *head,
	const char *name, int64_t value);
void reply_garbage(struct evhttp_request *request);
/* Announces more than it sends. */
void reply_half(struct evhttp_request *request);
void reply_huge(
	struct event_base *base, struct evhttp_request *request, long mb);
/* No answer at all; reset: by RST in place of FIN. */
void reply_close(struct evhttp_request *request, bool reset);
/* For the end: frees a request whose client is gone. */
void reply_drop(struct evhttp_request *request);
/* The same for huge answers that are still on their way. */
void reply_drop_all(void);

#endif
