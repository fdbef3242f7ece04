/*
 * host.c - the hosts, and what is asked of them.
 *
 * A call waits in its host's list until the host is reached, is begun, and ends
 * once: by an answer, by its time, by the end of the connection, or because
 * nobody wants it any more.  Whoever is called back may ask, cancel and free.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/sys.h"
#include "supervisor/host/internal.h"
#include "supervisor/memory.h"

bool host_name_ok(const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._-:@%[]";
	size_t len = strlen(name);

	return len > 0 && len < HOST_NAME_SIZE && name[0] != '-' &&
	       strspn(name, plain) == len && strcmp(name, "local") != 0;
}

/* ---- calls ---- */

static void on_time(evutil_socket_t fd, short what, void *arg);

struct host_call *call_new(
	struct host *host, const struct call_kind *kind, int64_t timeout_ms)
{
	struct host_call *call = memory_calloc(1, sizeof(*call));

	assert(timeout_ms > 0);
	call->host = host;
	call->kind = kind;
	call->timeout_ms = timeout_ms;
	call->deadline = sys_monotonic_ms() + timeout_ms;
	call->timer =
		memory_must(event_new(host->hosts->base, -1, 0, on_time, call));
	TAILQ_INSERT_TAIL(&host->calls, call, next);
	return call;
}

int64_t call_left_ms(const struct host_call *call)
{
	int64_t left = call->deadline - sys_monotonic_ms();

	return left > 0 ? left : 1;
}

/* Nobody will call it back any more. */
static void take_back(struct host_call *call)
{
	if (call->asked)
		(void)helpers_forget(call->asked, call);
	call->asked = NULL;
	child_kill(call->child);
	call->child = NULL;
}

void call_free(struct host_call *call)
{
	take_back(call);
	TAILQ_REMOVE(&call->host->calls, call, next);
	if (call->kind->forget)
		call->kind->forget(call);
	event_free(call->timer);
	json_decref(call->ask);
	free(call);
}

void call_fail(struct host_call *call, const struct err *err)
{
	const struct host_call last = *call;
	const struct err why = *err; /* it may belong to what is freed */

	call_free(call);
	last.kind->failed(&last, &why);
}

void call_result(struct host_call *call, const json_t *result)
{
	host_fn *done = call->done;
	void *arg = call->arg;

	call_free(call);
	done(arg, result, NULL);
}

static void set_timer(struct host_call *call)
{
	const struct timeval tv = {.tv_sec = (time_t)(call->timeout_ms / 1000),
		.tv_usec = (suseconds_t)(call->timeout_ms % 1000 * 1000)};

	(void)event_add(call->timer, &tv);
}

bool call_go(
	struct host_call *call, struct host_call **ret_call, struct err *err)
{
	struct host *host = call->host;

	if (!link_want(host, err)) {
		call_free(call);
		return false;
	}
	set_timer(call);
	if (ret_call)
		*ret_call = call;
	/* From the loop, so that nobody is called back before this returns. */
	event_active(host->pump, EV_TIMEOUT, 0);
	return true;
}

/* What was asked there and not answered in time may still be done, so the
 * connection goes, and with it whoever works there. */
static void on_time(evutil_socket_t fd, short what, void *arg)
{
	struct host_call *call = arg;
	struct host *host = call->host;
	struct err err = {0};

	(void)fd;
	(void)what;
	(void)err_set(&err, ERR_AGAIN, "%s: no answer within %lld s%s%s",
		host->name, (long long)(call->timeout_ms + 999) / 1000,
		call->begun || !host->trouble[0] ? "" : "; ",
		call->begun ? "" : host->trouble);
	if (call->asked && helpers_has_asked(call->asked, call))
		link_break(host, &err);
	else
		call_fail(call, &err);
}

void host_call_cancel(struct host_call *call)
{
	if (call)
		call_free(call);
}

/* ---- all calls of a host ---- */

static struct host_call *first_cut(const struct host *host)
{
	struct host_call *call;

	TAILQ_FOREACH (call, &host->calls, next) {
		if (call->cut)
			return call;
	}
	return NULL;
}

/* Those that come while the others are told belong to the next connection. */
void host_fail_calls(struct host *host, const struct err *err)
{
	const struct err why = *err;
	struct host_call *call;

	TAILQ_FOREACH (call, &host->calls, next) {
		call->cut = true;
	}
	while ((call = first_cut(host)))
		call_fail(call, &why);
}

static struct host_call *first_waiting(const struct host *host)
{
	struct host_call *call;

	TAILQ_FOREACH (call, &host->calls, next) {
		if (!call->begun)
			return call;
	}
	return NULL;
}

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct host *host = arg;
	struct host_call *call;

	(void)fd;
	(void)what;
	while (host->state == LINK_UP && (call = first_waiting(host))) {
		call->begun = true;
		call->kind->begin(call);
	}
}

void host_begin_calls(struct host *host)
{
	event_active(host->pump, EV_TIMEOUT, 0);
}

/* ---- asking ---- */

static void on_answer(void *arg, const json_t *result, const struct err *err)
{
	struct host_call *call = arg;

	if (result) {
		call->asked = NULL;
		call_result(call, result);
	} else if (!link_lost(call, err)) {
		call_fail(call, err);
	}
}

static void begin_ask(struct host_call *call)
{
	const char *name = json_string_value(json_object_get(call->ask, "op"));
	const struct host_op *op = host_op_find(name);
	struct err err = {0};

	if (!link_ask(call, call->ask, op->pace == HOST_SLOW, on_answer, &err))
		call_fail(call, &err);
}

static void ask_failed(const struct host_call *call, const struct err *err)
{
	call->done(call->arg, NULL, err);
}

static const struct call_kind ask_kind = {begin_ask, ask_failed, NULL};

bool host_ask(struct host *host, const json_t *ask, int64_t timeout_ms,
	host_fn *done, void *arg, struct host_call **ret_call, struct err *err)
{
	const char *name = json_string_value(json_object_get(ask, "op"));
	struct host_call *call;

	if (ret_call)
		*ret_call = NULL;
	if (!name || !host_op_find(name))
		return err_set(err, ERR_BUG, "no host can be asked \"%s\"",
			name ? name : "");
	call = call_new(host, &ask_kind, timeout_ms);
	call->ask = json_incref((json_t *)(uintptr_t)ask);
	call->done = done;
	call->arg = arg;
	if (host_is_local(host))
		return local_ask(call, ret_call, err);
	return call_go(call, ret_call, err);
}

/* ---- hosts ---- */

bool host_is_local(const struct host *host)
{
	return host->number == 0;
}

const char *host_name(const struct host *host)
{
	return host->name;
}

const char *host_trouble(const struct host *host)
{
	return host->trouble;
}

struct host *hosts_get(struct hosts *hosts, const char *name)
{
	struct host *host;

	if (!name)
		name = "local";
	LIST_FOREACH (host, &hosts->list, next) {
		if (strcmp(host->name, name) == 0)
			return host;
	}
	host = memory_calloc(1, sizeof(*host));
	host->hosts = hosts;
	TAILQ_INIT(&host->calls);
	(void)snprintf(host->name, sizeof(host->name), "%s", name);
	if (strcmp(name, "local") != 0)
		host->number = ++hosts->last_number;
	host->errors = host->heard = -1;
	host->pump = memory_must(event_new(hosts->base, -1, 0, on_pump, host));
	LIST_INSERT_HEAD(&hosts->list, host, next);
	return host;
}

bool hosts_new(struct event_base *base, const char *owner,
	struct hosts **ret_hosts, struct err *err)
{
	struct hosts *hosts = calloc(1, sizeof(*hosts));

	if (!hosts)
		return err_set(err, ERR_MEMORY, "out of memory");
	hosts->base = base;
	hosts->watch = hosts->lock = -1;
	LIST_INIT(&hosts->list);
	(void)snprintf(
		hosts->owner, sizeof(hosts->owner), "%s", owner ? owner : "");
	*ret_hosts = hosts;
	return true;
}

void hosts_free(struct hosts *hosts)
{
	if (!hosts)
		return;
	while (!LIST_EMPTY(&hosts->list)) {
		struct host *host = LIST_FIRST(&hosts->list);

		while (!TAILQ_EMPTY(&host->calls))
			call_free(TAILQ_FIRST(&host->calls));
		link_end(host);
		LIST_REMOVE(host, next);
		event_free(host->pump);
		free(host);
	}
	ssh_directory_remove(hosts);
	payloads_free(hosts);
	free(hosts);
}
