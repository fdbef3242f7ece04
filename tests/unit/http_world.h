/*
 * http_world.h - a loop with an HTTP client and a scripted server on it.
 *
 * setup and teardown are cmocka's; teardown fails a test whose server met a
 * request that it did not expect.
 */
#ifndef TESTS_UNIT_HTTP_WORLD_H
#define TESTS_UNIT_HTTP_WORLD_H

#include "sync_client/http.h"
#include "tests/unit/scratch.h"
#include "tests/unit/scripted_server.h"

#define PATIENCE_MS 10000 /* what no test ever needs */
#define TIMEOUT_MS 5000

#define in_world(test)                                                         \
	cmocka_unit_test_setup_teardown(                                       \
		test, http_world_setup, http_world_teardown)

struct http_outcome {
	unsigned calls;
	long status;
	bool sent, failed;
	struct err err;
	char body[64]; /* its beginning */
	size_t len;
};

struct http_world {
	struct event_base *base;
	struct scripted_server *server;
	struct http *http;
	struct http_place place;
};

static inline int http_world_setup(void **state)
{
	struct http_world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->base = event_base_new();
	world->server = scripted_server_new(world->base, NULL);
	world->place.host = "127.0.0.1";
	world->place.port = scripted_server_port(world->server);
	assert_true(http_new(world->base, &world->http, NULL));
	*state = world;
	return 0;
}

static inline int http_world_teardown(void **state)
{
	struct http_world *world = *state;

	assert_int_equal(scripted_server_surprises(world->server), 0);
	http_free(world->http);
	scripted_server_free(world->server);
	event_base_free(world->base);
	free(world);
	return 0;
}

static inline void http_world_on_done(
	void *arg, const struct http_answer *answer, const struct err *err)
{
	struct http_outcome *outcome = arg;

	assert_non_null(answer);
	assert_non_null(answer->body);
	assert_int_equal(strlen(answer->body), answer->len);
	outcome->calls++;
	outcome->status = answer->status;
	outcome->sent = answer->sent;
	outcome->len = answer->len;
	(void)snprintf(outcome->body, sizeof(outcome->body), "%.*s",
		(int)sizeof(outcome->body) - 1, answer->body);
	outcome->failed = err != NULL;
	if (err)
		outcome->err = *err;
}

static inline void http_world_on_patience_over(
	evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	fail_msg("nothing happened for %d ms", PATIENCE_MS);
}

/* Fails the test if it is not freed in time. */
static inline struct event *http_world_patience(struct http_world *world)
{
	struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
	struct event *timer =
		evtimer_new(world->base, http_world_on_patience_over, NULL);

	(void)event_add(timer, &patience);
	return timer;
}

/* Runs the loop until *count has reached wanted. */
static inline void http_world_run_until(
	struct http_world *world, const unsigned *count, unsigned wanted)
{
	struct event *patience = http_world_patience(world);

	while (*count < wanted)
		assert_int_equal(event_base_loop(world->base, EVLOOP_ONCE), 0);
	event_free(patience);
}

static inline void http_world_run_until_requests(
	struct http_world *world, unsigned wanted)
{
	struct event *patience = http_world_patience(world);

	while (scripted_server_requests(world->server) < wanted)
		assert_int_equal(event_base_loop(world->base, EVLOOP_ONCE), 0);
	event_free(patience);
}

/* Runs the loop for so long; what must not happen has had its chance. */
static inline void http_world_run_for(struct http_world *world, int ms)
{
	struct timeval wait = {.tv_usec = ms * 1000};

	(void)event_base_loopexit(world->base, &wait);
	assert_int_equal(event_base_dispatch(world->base), 0);
}

static inline struct http_call *http_world_start(struct http_world *world,
	const char *path, const char *body, int64_t timeout_ms,
	struct http_outcome *outcome)
{
	struct http_call *call = NULL;

	assert_true(http_request(world->http, &world->place, path, body,
		timeout_ms, http_world_on_done, outcome, &call, NULL));
	assert_non_null(call);
	assert_int_equal(outcome->calls, 0);
	return call;
}

#endif
