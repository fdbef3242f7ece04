/*
 * api.c - see api.h.  What is said, is in here; reply.c says it.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "tests/refsync/api.h"
#include "tests/refsync/effects.h"
#include "tests/refsync/log.h"
#include "tests/refsync/progress.h"
#include "tests/refsync/raw.h"
#include "tests/refsync/reply.h"
#include "tests/refsync/settings.h"
#include "tests/refsync/version.h"

#define BODY_MAX (1 << 20)
#define BACKLOG 128
#define POLL_MS 20
#define PREFIX "/api/v1/"

struct api {
	struct event_base *base;
	struct evhttp *http;
	struct evhttp_bound_socket *bound;
	struct event *silence;
	struct sync *sync;
	int fd; /* until it is listening */
	int64_t opens_at_ms;
	struct call *calls;
	long told; /* answers of /progress */
};

enum endpoint {
	ENDPOINT_NONE,
	ENDPOINT_PROGRESS,
	ENDPOINT_START,
	ENDPOINT_PAUSE,
	ENDPOINT_RESUME,
	ENDPOINT_COMMIT,
	ENDPOINT_REVERSE,
	ENDPOINTS,
};

static const char *const endpoint_names[ENDPOINTS] = {
	"", "progress", "start", "pause", "resume", "commit", "reverse"};

struct call { /* one request, until it is answered */
	struct api *api;
	struct call *next, **link;
	struct evhttp_request *request;
	struct event *timer;
	enum endpoint endpoint;
	struct fault fault;
	bool asked; /* its request was left with the sync */
};

static void call_free(struct call *call)
{
	*call->link = call->next;
	if (call->next)
		call->next->link = call->link;
	if (call->timer)
		event_free(call->timer);
	free(call);
}

static void wait_ms(struct call *call, int64_t ms)
{
	struct timeval when = {ms / 1000, ms % 1000 * 1000};

	(void)event_add(call->timer, &when);
}

/* Ends the call; body is taken. */
static void answer(struct call *call, int status, json_t *body)
{
	if (call->fault.kind == FAULT_EFFECT_THEN_CLOSE) {
		json_decref(body);
		reply_close(call->request, false);
	} else if (call->fault.kind == FAULT_RAW) {
		json_decref(body);
		reply_raw(call->api->base, call->request, &call->fault);
	} else {
		reply_json(call->request, status, body);
	}
	call_free(call);
}

static void refuse(
	struct call *call, int status, const char *error, const char *text)
{
	answer(call, status,
		json_pack("{s:b, s:s, s:s}", "success", 0, "error", error,
			"errorDescription", text));
}

static void agree(struct call *call)
{
	answer(call, 200, json_pack("{s:b}", "success", 1));
}

/* /start and /commit are answered when they have really happened. */
static bool is_settled(const struct call *call)
{
	struct sync_view view = sync_look(call->api->sync);

	switch (call->endpoint) {
	case ENDPOINT_START:
		return view.state != SYNC_IDLE;
	case ENDPOINT_COMMIT:
		return view.committed_by_all;
	case ENDPOINT_REVERSE:
		return view.state != SYNC_COMMITTED;
	default:
		return true;
	}
}

/* The body of a POST: an object, or NULL. */
static json_t *read_body(struct call *call)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(call->request);
	size_t len = evbuffer_get_length(in);
	json_t *body =
		json_loadb((const char *)evbuffer_pullup(in, -1), len, 0, NULL);

	if (json_is_object(body))
		return body;
	json_decref(body);
	return NULL;
}

/* What /start understands, and until or since when. */
static bool is_start_key(const char *key)
{
	static const struct {
		const char *name;
		int since, until;
	} keys[] = {
		{"source", 0, 99},
		{"destination", 0, 99},
		{"reversible", 0, 99},
		{"enableUserWriteBlocking", 0, 19},
		{"buildIndexes", 3, 99},
		{"includeNamespaces", 1, 99},
		{"excludeNamespaces", 6, 99},
		{"sharding", 1, 99},
		{"verification", 9, 99},
		{"preExistingDestinationData", 15, 99},
		{"copyInNaturalOrder", 16, 99},
		{"detectRandomId", 18, 99},
		{"skipDiskSpaceCheck", 22, 99},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (!strcmp(keys[i].name, key))
			return version_has(keys[i].since) &&
			       !version_has(keys[i].until + 1);
	return false;
}

static bool is_start_body(const json_t *body)
{
	const char *source = json_string_value(json_object_get(body, "source"));
	const char *destination =
		json_string_value(json_object_get(body, "destination"));
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)body, key, value)
		if (!is_start_key(key))
			return false;
	return source && destination && !strcmp(source, "cluster0") &&
	       !strcmp(destination, "cluster1");
}

static bool ask(struct call *call, json_t *body, struct refusal *ret)
{
	struct sync *sync = call->api->sync;

	switch (call->endpoint) {
	case ENDPOINT_START:
		return sync_ask_start(sync, json_incref(body), ret);
	case ENDPOINT_PAUSE:
		return sync_ask_pause(sync, ret);
	case ENDPOINT_RESUME:
		return sync_ask_resume(sync, ret);
	case ENDPOINT_COMMIT:
		return sync_ask_commit(sync, ret);
	default:
		return sync_ask_reverse(sync, ret);
	}
}

static void act_post(struct call *call)
{
	_cleanup_json_ json_t *body = read_body(call);
	struct refusal refusal;

	if (!body) {
		refuse(call, 400, "InvalidRequestBody",
			"the request needs a JSON object as its body");
		return;
	}
	if (call->endpoint == ENDPOINT_START ? !is_start_body(body)
					     : json_object_size(body) != 0) {
		refuse(call, 400, "InvalidRequestBody",
			"the request body has a missing or an unknown field");
		return;
	}
	if (call->fault.kind == FAULT_LIE) {
		agree(call);
		return;
	}
	if (!ask(call, body, &refusal)) {
		refuse(call, 400, refusal.error, refusal.text);
		return;
	}
	call->asked = true;
	if (is_settled(call))
		agree(call);
	else
		wait_ms(call, POLL_MS);
}

/* For a faulty version: comes up, and does not live. */
static void die(struct evhttp_request *request, void *arg)
{
	(void)request;
	(void)arg;
	effects_die("crash", 3, "fatal: told to die");
}

static void act_progress(struct call *call)
{
	long limit = setting(SET_DIE_AFTER_ANSWERS);

	if (limit > 0 && ++call->api->told >= limit)
		evhttp_request_set_on_complete_cb(call->request, die, NULL);
	struct sync_view view = sync_look(call->api->sync);

	log_add(LOG_DEBUG, "getprogress handler called", NULL);
	answer(call, 200,
		progress_make(&view, options_id(call->api->sync->options),
			&call->fault));
}

static void act(struct call *call)
{
	struct sync_view view = sync_look(call->api->sync);

	/* before 1.20 there is no name for not being ready */
	if (view.state == SYNC_INITIALIZING && !version_has(20))
		refuse(call, 503, "NotReady", "mongosync is starting");
	else if (call->endpoint == ENDPOINT_PROGRESS)
		act_progress(call);
	else
		act_post(call);
}

/* Faults that take the place of doing anything. */
static void fail(struct call *call)
{
	switch (call->fault.kind) {
	case FAULT_HTTP_500:
		refuse(call, 500, "InternalError", "told to fail");
		return;
	case FAULT_SUCCESS_FALSE:
		refuse(call, 200, "InternalError", "told to fail");
		return;
	case FAULT_GARBAGE:
		reply_garbage(call->request);
		break;
	case FAULT_HALF:
		reply_half(call->request);
		break;
	case FAULT_RAW:
		reply_raw(call->api->base, call->request, &call->fault);
		break;
	case FAULT_HUGE:
		reply_huge(call->api->base, call->request, call->fault.mb);
		break;
	default:
		reply_close(call->request, true);
	}
	call_free(call);
}

static void on_call(evutil_socket_t fd, short what, void *arg)
{
	struct call *call = arg;

	(void)fd;
	(void)what;
	if (call->asked) {
		if (is_settled(call))
			agree(call);
		else
			wait_ms(call, POLL_MS);
		return;
	}
	switch (call->fault.kind) {
	case FAULT_NONE:
	case FAULT_LIE:
	case FAULT_OTHER_ID:
	case FAULT_OTHER_LANE:
	case FAULT_EFFECT_THEN_CLOSE:
		act(call);
		break;
	case FAULT_RAW:
		if (call->fault.effect)
			act(call);
		else
			fail(call);
		break;
	default:
		fail(call);
	}
}

static enum endpoint find_endpoint(const char *path)
{
	if (!path || strncmp(path, PREFIX, strlen(PREFIX)) != 0)
		return ENDPOINT_NONE;
	for (int i = 1; i < ENDPOINTS; i++)
		if (!strcmp(endpoint_names[i], path + strlen(PREFIX)))
			return (enum endpoint)i;
	return ENDPOINT_NONE;
}

static void log_request(const struct call *call, const char *path)
{
	bool post =
		evhttp_request_get_command(call->request) == EVHTTP_REQ_POST;

	effects_add("request",
		json_pack("{s:s, s:s, s:s}", "path", path ? path : "", "method",
			post ? "POST" : "GET", "fault",
			fault_name(call->fault.kind)));
	log_add(LOG_DEBUG, "Received request",
		json_pack("{s:s}", "uri", path ? path : ""));
}

static void on_request(struct evhttp_request *request, void *arg)
{
	struct api *api = arg;
	const char *path =
		evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
	struct call *call = calloc(1, sizeof(*call));
	int64_t wait;

	if (!call)
		abort();
	*call = (struct call){.api = api,
		.request = request,
		.next = api->calls,
		.link = &api->calls};
	if (api->calls)
		api->calls->link = &call->next;
	api->calls = call;
	call->timer = event_new(api->base, -1, 0, on_call, call);
	call->endpoint = find_endpoint(path);
	settings_refresh();
	settings_fault(endpoint_names[call->endpoint], &call->fault);
	log_request(call, path);
	if (call->endpoint == ENDPOINT_NONE) {
		refuse(call, 404, "NotFound", "no such endpoint");
		return;
	}
	if ((call->endpoint == ENDPOINT_PROGRESS) !=
		(evhttp_request_get_command(request) == EVHTTP_REQ_GET)) {
		refuse(call, 405, "MethodNotAllowed", "wrong HTTP method");
		return;
	}
	wait = api->opens_at_ms - sync_now_ms();
	if (wait < call->fault.slow_ms)
		wait = call->fault.slow_ms;
	wait_ms(call, wait); /* never at once: reply.c may end connections */
}

static void on_metrics(struct evhttp_request *request, void *arg)
{
	const struct api *api = arg;
	struct sync_view view = sync_look(api->sync);

	effects_add("request", json_pack("{s:s, s:s, s:s}", "path", "/metrics",
				       "method", "GET", "fault", "none"));
	reply_text(request, "# TYPE mongosync_events_applied counter\n",
		"mongosync_events_applied", view.events_applied);
}

static void on_silence_over(evutil_socket_t fd, short what, void *arg)
{
	struct api *api = arg;

	(void)fd;
	(void)what;
	if (listen(api->fd, BACKLOG) == 0)
		api->bound =
			evhttp_accept_socket_with_handle(api->http, api->fd);
	if (!api->bound)
		effects_die("crash", 1, "fatal: cannot listen on the port");
	api->fd = -1; /* evhttp's now */
	effects_add("listening", NULL);
}

static bool bind_port(struct api *api, long port, struct err *err)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	int on = 1;

	api->fd =
		socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (api->fd < 0 ||
		setsockopt(api->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) <
			0 ||
		bind(api->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_sys(err, ERR_CONFIG, errno,
			"binding to 127.0.0.1:%ld", port);
	return true;
}

bool api_open(struct event_base *base, struct sync *sync, struct api **ret_api,
	struct err *err)
{
	struct api *api = calloc(1, sizeof(*api));
	bool hangs = setting(SET_SILENCE_HANGS);
	int64_t silence_ms = setting(SET_SILENCE_MS);
	struct timeval when = {0, 0};

	if (!api)
		return err_set(err, ERR_BUG, "out of memory");
	*api = (struct api){.base = base, .sync = sync, .fd = -1};
	api->http = evhttp_new(base);
	evhttp_set_max_body_size(api->http, BODY_MAX);
	evhttp_set_allowed_methods(api->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
	evhttp_set_gencb(api->http, on_request, api);
	if (version_has(15))
		(void)evhttp_set_cb(api->http, "/metrics", on_metrics, api);
	if (!bind_port(api, sync->options->port, err)) {
		api_free(api);
		return false;
	}
	if (hangs) {
		api->opens_at_ms = sync_now_ms() + silence_ms;
	} else {
		when.tv_sec = silence_ms / 1000;
		when.tv_usec = silence_ms % 1000 * 1000;
	}
	api->silence = event_new(base, -1, 0, on_silence_over, api);
	(void)event_add(api->silence, &when);
	*ret_api = api;
	return true;
}

void api_stop_listening(struct api *api)
{
	if (!api)
		return;
	(void)event_del(api->silence);
	if (api->bound)
		evhttp_del_accept_socket(api->http, api->bound);
	api->bound = NULL;
}

void api_free(struct api *api)
{
	if (!api)
		return;
	while (api->calls) {
		reply_drop(api->calls->request);
		call_free(api->calls);
	}
	reply_drop_all();
	reply_raw_drop_all();
	if (api->silence)
		event_free(api->silence);
	evhttp_free(api->http);
	if (api->fd >= 0)
		(void)close(api->fd);
	free(api);
}
