/*
 * place.c - how the API of a process on another host is reached: its port,
 * which listens there on 127.0.0.1, is a socket in our private directory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/host/internal.h"
#include "supervisor/memory.h"

#define FORWARD_MS 15000

static struct forward *find_forward(const struct host *host, uint16_t port)
{
	struct forward *forward;

	LIST_FOREACH (forward, &host->forwards, next) {
		if (forward->port == port)
			return forward;
	}
	return NULL;
}

static void forward_end(struct forward *forward)
{
	child_kill(forward->asking);
	(void)unlink(forward->path);
	LIST_REMOVE(forward, next);
	free(forward);
}

void forwards_end(struct host *host)
{
	while (!LIST_EMPTY(&host->forwards))
		forward_end(LIST_FIRST(&host->forwards));
}

static void tell_place(struct host_call *call, const char *path)
{
	const struct http_place place = {.host = call->host->name,
		.port = call->port,
		.unix_socket = path};
	host_place_fn *placed = call->placed;
	char kept[SOCKET_MAX];
	struct http_place told = place;
	void *arg = call->arg;
	char name[HOST_NAME_SIZE];

	(void)snprintf(kept, sizeof(kept), "%s", path);
	(void)snprintf(name, sizeof(name), "%s", place.host);
	told.unix_socket = kept;
	told.host = name;
	call_free(call);
	placed(arg, &told, NULL);
}

/* Those that were begun and wait for this one. */
static struct host_call *first_for(
	const struct host *host, const struct call_kind *kind, uint16_t port)
{
	struct host_call *call;

	TAILQ_FOREACH (call, &host->calls, next) {
		if (call->kind == kind && call->begun && call->port == port)
			return call;
	}
	return NULL;
}

static const struct call_kind place_kind;

static void on_forwarded(void *arg, const struct child_end *end)
{
	struct forward *forward = arg;
	struct host *host = forward->host;
	uint16_t port = forward->port;
	struct host_call *call;
	struct err err = {0};
	char line[200];

	forward->asking = NULL;
	if (WIFEXITED(end->status) && WEXITSTATUS(end->status) == 0) {
		/* A callback may break the connection. */
		while ((forward = find_forward(host, port)) &&
			!forward->asking &&
			(call = first_for(host, &place_kind, port)))
			tell_place(call, forward->path);
		return;
	}
	ssh_last_line(end->output, line, sizeof(line));
	(void)err_set(&err, ERR_AGAIN, "%s: forwarding port %u: %s", host->name,
		port, end->timed_out ? "no answer" : line);
	forward_end(forward);
	while (!find_forward(host, port) &&
		(call = first_for(host, &place_kind, port)))
		call_fail(call, &err);
}

static void begin_place(struct host_call *call)
{
	struct host *host = call->host;
	struct forward *forward = find_forward(host, call->port);
	struct ssh_words words;
	struct err err = {0};

	if (forward) {
		if (!forward->asking)
			tell_place(call, forward->path);
		return;
	}
	forward = memory_calloc(1, sizeof(*forward));
	forward->host = host;
	forward->port = call->port;
	(void)snprintf(forward->path, sizeof(forward->path), "%s/h%u-%u",
		host->hosts->directory, host->number, call->port);
	LIST_INSERT_HEAD(&host->forwards, forward, next);
	ssh_forward_words(host, forward, &words);
	if (child_run(host->hosts->base, words.word, NULL, FORWARD_MS,
		    on_forwarded, forward, &forward->asking, &err))
		return;
	forward_end(forward);
	call_fail(call, &err);
}

static void place_failed(const struct host_call *call, const struct err *err)
{
	call->placed(call->arg, NULL, err);
}

static const struct call_kind place_kind = {begin_place, place_failed, NULL};

bool host_place(struct host *host, uint16_t port, int64_t timeout_ms,
	host_place_fn *done, void *arg, struct host_call **ret_call,
	struct err *err)
{
	const struct http_place here = {.host = "127.0.0.1", .port = port};
	struct host_call *call;

	if (ret_call)
		*ret_call = NULL;
	if (host_is_local(host)) {
		done(arg, &here, NULL);
		return true;
	}
	call = call_new(host, &place_kind, timeout_ms);
	call->port = port;
	call->placed = done;
	call->arg = arg;
	return call_go(call, ret_call, err);
}
