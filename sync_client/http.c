/*
 * http.c - curl's multi interface, driven by libevent.
 *
 * curl tells by callbacks which sockets and which moment it waits for; each
 * becomes an event.  Answers are handed over only from those events, never
 * from inside a call of ours, so that a caller may do anything in its done:
 * ask again, cancel other calls, or free the whole http.
 */
#include "sync_client/http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "sync_client/sync_text.h"

#define HEAD_MAX (64l << 10) /* bytes of status line and headers, 1xx too */
#define BODY_FIRST 4096u /* first allocation for a body */
#define URL_MAX 320

struct http {
	struct event_base *base;
	CURLM *multi;
	struct event *timer;
	struct http_call *calls;
	bool finishing; /* done is being called: who frees us must wait */
	bool freed;
};

struct http_call {
	struct http *http; /* NULL: over, done is being called */
	struct http_call *prev, *next;
	CURL *easy;
	struct curl_slist *headers;
	http_fn *done;
	void *arg;
	void *kept;
	char *body;
	size_t len, size;
	long head_len;
	const char *abort_why; /* why one of our callbacks gave up */
	bool lost; /* curl may have forgotten it */
	char where[URL_MAX + 8]; /* verb and URL, for people */
	char why[CURL_ERROR_SIZE];
};

static void call_free(struct http_call *call)
{
	if (call->easy)
		curl_easy_cleanup(call->easy);
	curl_slist_free_all(call->headers);
	free(call->kept);
	free(call->body);
	free(call);
}

static void call_link(struct http *http, struct http_call *call)
{
	call->http = http;
	call->next = http->calls;
	if (http->calls)
		http->calls->prev = call;
	http->calls = call;
}

/* After this curl makes no more callbacks for it. */
static void call_unlink(struct http_call *call)
{
	struct http *http = call->http;

	(void)curl_multi_remove_handle(http->multi, call->easy);
	if (call->prev)
		call->prev->next = call->next;
	else
		http->calls = call->next;
	if (call->next)
		call->next->prev = call->prev;
	call->http = NULL;
}

static size_t give_up(struct http_call *call, const char *why)
{
	call->abort_why = why;
	return 0;
}

static size_t on_body(char *data, size_t one, size_t len, void *arg)
{
	struct http_call *call = arg;
	size_t need = call->len + len + 1;

	(void)one; /* always 1 */
	if (!len)
		return 0;
	if (len > HTTP_BODY_MAX - call->len)
		return give_up(call, "the answer is too long");
	if (need > call->size) {
		size_t size = call->size ? call->size : BODY_FIRST;
		char *body;

		while (size < need)
			size *= 2;
		body = realloc(call->body, size);
		if (!body)
			return give_up(call, "out of memory");
		call->body = body;
		call->size = size;
	}
	memcpy(call->body + call->len, data, len);
	call->len += len;
	call->body[call->len] = '\0';
	return len;
}

/* We ask for no encoding of the transfer, and curl undoes every one that it
 * knows, asked or not: a few hundred bytes could become as many MiB. */
static bool is_encoded(const char *line, size_t len)
{
	static const char name[] = "Transfer-Encoding:", chunked[] = "chunked";
	const char *end = line + len;

	if (len < sizeof(name) - 1 ||
		strncasecmp(line, name, sizeof(name) - 1) != 0)
		return false;
	line += sizeof(name) - 1;
	while (line < end && isspace((unsigned char)*line))
		line++;
	while (line < end && isspace((unsigned char)end[-1]))
		end--;
	return (size_t)(end - line) != sizeof(chunked) - 1 ||
	       strncasecmp(line, chunked, sizeof(chunked) - 1) != 0;
}

/* curl keeps every header it reads: without a limit a server that never ends
 * its headers would fill our memory until the timeout. */
static size_t on_head(char *data, size_t one, size_t len, void *arg)
{
	struct http_call *call = arg;

	(void)one;
	call->head_len += (long)len;
	if (call->head_len > HEAD_MAX)
		return give_up(call, "the answer's headers are too long");
	if (is_encoded(data, len))
		return give_up(call, "the answer is encoded, unasked");
	return len;
}

/* Certain only where no connection came about.  A connection that was made
 * and lost may have carried the request, whatever else curl reports. */
static bool was_sent(CURL *easy, CURLcode code)
{
	long sent = 0;

	if (code != CURLE_COULDNT_CONNECT && code != CURLE_COULDNT_RESOLVE_HOST)
		return true;
	(void)curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
	return sent > 0;
}

/* The same words for the same trouble: curl's own count milliseconds, so that
 * each would be news. */
static const char *why_failed(struct http_call *call, CURLcode code)
{
	long sys = 0;

	if (call->abort_why)
		return call->abort_why;
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return "timed out before the answer was complete";
	case CURLE_COULDNT_CONNECT:
		(void)curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &sys);
		(void)snprintf(call->why, sizeof(call->why),
			"cannot connect: %s",
			sys ? strerrordesc_np((int)sys) : "no reason is known");
		return call->why;
	case CURLE_GOT_NOTHING:
		return "closed without an answer";
	case CURLE_PARTIAL_FILE:
		return "closed before the answer was complete";
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		return "the answer is not HTTP/1 (HTTP/0.9, TLS or another "
		       "protocol)";
	default:
		return call->why[0] ? call->why : curl_easy_strerror(code);
	}
}

static void call_finish(struct http_call *call, CURLcode code)
{
	struct http_answer answer = {.body = ""};
	struct err err = {.code = ERR_NONE};

	(void)curl_easy_getinfo(
		call->easy, CURLINFO_RESPONSE_CODE, &answer.status);
	answer.sent = was_sent(call->easy, code);
	call_unlink(call);
	if (code == CURLE_OK) {
		answer.body = call->body ? call->body : "";
		answer.len = call->len;
		call->done(call->arg, &answer, NULL);
	} else {
		(void)err_set(&err, ERR_AGAIN, "%s: %s", call->where,
			why_failed(call, code));
		sync_text_clean(err.msg, sizeof(err.msg)); /* curl may quote */
		call->done(call->arg, &answer, &err);
	}
	call_free(call);
}

static void destroy(struct http *http)
{
	if (http->multi)
		(void)curl_multi_cleanup(http->multi);
	if (http->timer)
		event_free(http->timer);
	curl_global_cleanup();
	free(http);
}

static void finish_all(struct http *http)
{
	const CURLMsg *message;
	int left;

	http->finishing = true;
	while (!http->freed &&
		(message = curl_multi_info_read(http->multi, &left))) {
		CURLcode code = message->data.result;
		char *call = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void)curl_easy_getinfo(
			message->easy_handle, CURLINFO_PRIVATE, &call);
		call_finish((struct http_call *)(void *)call, code);
	}
	http->finishing = false;
	if (http->freed)
		destroy(http);
}

static struct http_call *find_lost(struct http *http)
{
	struct http_call *call = http->calls;

	while (call && !call->lost)
		call = call->next;
	return call;
}

/* Without memory curl may let a transfer fall without telling its end: it
 * would be waited for for ever.  Whether it was sent nobody knows. */
static void finish_lost(struct http *http)
{
	struct http_call *call;

	for (call = http->calls; call; call = call->next)
		call->lost = true;
	http->finishing = true;
	while (!http->freed && (call = find_lost(http)))
		call_finish(call, CURLE_OUT_OF_MEMORY);
	http->finishing = false;
	if (http->freed)
		destroy(http);
}

/* The multi handle looks at what has come; http may be freed afterwards. */
static void go_on(struct http *http, curl_socket_t fd, int bits)
{
	int running;
	CURLMcode code =
		curl_multi_socket_action(http->multi, fd, bits, &running);

	if (code == CURLM_OK)
		finish_all(http);
	else
		finish_lost(http);
}

static void on_socket_event(evutil_socket_t fd, short what, void *arg)
{
	struct http *http = arg;
	int bits = (what & EV_READ ? CURL_CSELECT_IN : 0) |
		   (what & EV_WRITE ? CURL_CSELECT_OUT : 0);

	go_on(http, fd, bits);
}

static void on_timer_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	go_on(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_curl_socket(
	CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct http *http = arg;
	struct event *event = socket_arg;
	short wanted = EV_PERSIST;

	(void)easy;
	if (event)
		event_free(event);
	if (what == CURL_POLL_REMOVE) {
		(void)curl_multi_assign(http->multi, fd, NULL);
		return 0;
	}
	if (what & CURL_POLL_IN)
		wanted |= EV_READ;
	if (what & CURL_POLL_OUT)
		wanted |= EV_WRITE;
	event = event_new(http->base, fd, wanted, on_socket_event, http);
	if (event && event_add(event, NULL)) {
		event_free(event);
		event = NULL;
	}
	/* Without an event the total timeout still ends the call. */
	(void)curl_multi_assign(http->multi, fd, event);
	return 0;
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct http *http = arg;
	struct timeval wait = {
		.tv_sec = timeout_ms / 1000,
		.tv_usec = timeout_ms % 1000 * 1000,
	};

	(void)multi;
	if (timeout_ms < 0)
		return event_del(http->timer);
	return event_add(http->timer, &wait);
}

static bool multi_set(struct http *http)
{
	CURLM *multi = http->multi;

	return !curl_multi_setopt(
		       multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) &&
	       !curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, http) &&
	       !curl_multi_setopt(
		       multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) &&
	       !curl_multi_setopt(multi, CURLMOPT_TIMERDATA, http) &&
	       !curl_multi_setopt(
		       multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
}

bool http_new(struct event_base *base, struct http **ret_http, struct err *err)
{
	struct http *http = calloc(1, sizeof(*http));

	if (!http)
		return err_set(err, ERR_MEMORY, "HTTP client: out of memory");
	if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
		free(http);
		return err_set(
			err, ERR_MEMORY, "HTTP client: curl did not start");
	}
	http->base = base;
	http->multi = curl_multi_init();
	http->timer = evtimer_new(base, on_timer_event, http);
	if (!http->multi || !http->timer || !multi_set(http)) {
		http_free(http);
		return err_set(err, ERR_MEMORY, "HTTP client: out of memory");
	}
	*ret_http = http;
	return true;
}

void http_free(struct http *http)
{
	struct http_call *call, *next;

	if (!http)
		return;
	for (call = http->calls; call; call = next) {
		next = call->next;
		http_cancel(call);
	}
	http->freed = true;
	if (!http->finishing)
		destroy(http);
}

static bool host_is_plain(const char *host)
{
	if (!host || !*host)
		return false;
	for (; *host; host++)
		if (!isalnum((unsigned char)*host) && !strchr(".:-_", *host))
			return false;
	return true;
}

static bool make_url(struct http_call *call, const struct http_place *place,
	const char *path, bool post, char url[static URL_MAX], struct err *err)
{
	const char *verb = post ? "POST" : "GET";
	bool bracket;
	int len;

	if (place->unix_socket) {
		len = snprintf(url, URL_MAX, "http://localhost%s", path);
		(void)snprintf(call->where, sizeof(call->where), "%s %s of %s",
			verb, path, place->unix_socket);
	} else {
		if (!host_is_plain(place->host))
			return err_set(err, ERR_CONFIG,
				"not an address of a sync process");
		bracket = strchr(place->host, ':') != NULL;
		len = snprintf(url, URL_MAX, "http://%s%s%s:%u%s",
			bracket ? "[" : "", place->host, bracket ? "]" : "",
			place->port, path);
		(void)snprintf(
			call->where, sizeof(call->where), "%s %s", verb, url);
	}
	if (len < 0 || len >= URL_MAX)
		return err_set(
			err, ERR_CONFIG, "%s: address too long", call->where);
	return true;
}

/* What every request has: limits, and no surprises from the environment. */
static bool easy_set_common(
	struct http_call *call, const char *url, int64_t timeout_ms)
{
	CURL *easy = call->easy;
	long timeout = timeout_ms < 1           ? 1l
		       : timeout_ms > INT32_MAX ? (long)INT32_MAX
						: (long)timeout_ms;

	return !curl_easy_setopt(easy, CURLOPT_URL, url) &&
	       !curl_easy_setopt(easy, CURLOPT_PRIVATE, call) &&
	       !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->why) &&
	       !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout) &&
	       !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1l) &&
	       !curl_easy_setopt(easy, CURLOPT_PROXY, "") &&
	       !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http") &&
	       !curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0l) &&
	       !curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
		       (long)CURL_HTTP_VERSION_1_1) &&
	       !curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0l) &&
	       !curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1l) &&
	       !curl_easy_setopt(easy, CURLOPT_USERAGENT, "syncup") &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEDATA, call) &&
	       !curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head) &&
	       !curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
}

static bool add_header(struct http_call *call, const char *line)
{
	struct curl_slist *longer = curl_slist_append(call->headers, line);

	if (!longer)
		return false;
	call->headers = longer;
	return true;
}

static bool easy_set_post(struct http_call *call, const char *body)
{
	CURL *easy = call->easy;

	return add_header(call, "Content-Type: application/json") &&
	       add_header(call, "Expect:") &&
	       !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers) &&
	       !curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
		       (curl_off_t)strlen(body)) &&
	       !curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body) &&
	       !curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1l) &&
	       !curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1l);
}

bool http_request(struct http *http, const struct http_place *place,
	const char *path, const char *body, int64_t timeout_ms, http_fn *done,
	void *arg, struct http_call **ret_call, struct err *err)
{
	struct http_call *call = calloc(1, sizeof(*call));
	char url[URL_MAX];

	if (!call)
		return err_set(err, ERR_MEMORY, "HTTP request: out of memory");
	call->done = done;
	call->arg = arg;
	if (!make_url(call, place, path, body != NULL, url, err)) {
		call_free(call);
		return false;
	}
	call->easy = curl_easy_init();
	if (!call->easy || !easy_set_common(call, url, timeout_ms) ||
		(body && !easy_set_post(call, body)) ||
		(place->unix_socket &&
			curl_easy_setopt(call->easy, CURLOPT_UNIX_SOCKET_PATH,
				place->unix_socket)) ||
		curl_multi_add_handle(http->multi, call->easy)) {
		(void)err_set(
			err, ERR_MEMORY, "%s: no memory for it", call->where);
		call_free(call);
		return false;
	}
	call_link(http, call);
	if (ret_call)
		*ret_call = call;
	return true;
}

void http_call_keep(struct http_call *call, void *memory)
{
	call->kept = memory;
}

void http_cancel(struct http_call *call)
{
	if (!call || !call->http)
		return;
	call_unlink(call);
	call_free(call);
}
