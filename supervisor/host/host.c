/*
 * host.c - see host.h; this machine only, for now.
 */
#include "supervisor/host/host.h"

#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "supervisor/engine/child.h"
#include "supervisor/host/ops.h"
#include "supervisor/host/ops_install.h"
#include "supervisor/steps/ask.h"

struct host {
	struct event_base *base;
};

struct hosts {
	struct host local;
};

struct host_call {
	const struct host_op *op;
	const json_t *ask;
	struct child *child;
	host_fn *done;
	void *arg;
};

bool hosts_new(struct event_base *base, const char *owner,
	struct hosts **ret_hosts, struct err *err)
{
	struct hosts *hosts = calloc(1, sizeof(*hosts));

	(void)owner;
	if (!hosts)
		return err_set(err, ERR_MEMORY, "out of memory");
	hosts->local.base = base;
	*ret_hosts = hosts;
	return true;
}

void hosts_free(struct hosts *hosts)
{
	free(hosts);
}

struct host *hosts_get(struct hosts *hosts, const char *name)
{
	(void)name;
	return &hosts->local;
}

bool host_is_local(const struct host *host)
{
	(void)host;
	return true;
}

const char *host_name(const struct host *host)
{
	(void)host;
	return "local";
}

const char *host_trouble(const struct host *host)
{
	(void)host;
	return "";
}

static int run_op(void *arg, int fd)
{
	const struct host_call *call = arg;
	_cleanup_json_ json_t *result = NULL, *said = NULL;
	struct err err = {0};

	if (call->op->fn(call->ask, &result, &err))
		said = json_pack("{s:O}", "result", result);
	else
		said = json_pack("{s:o}", "err", op_err_json(&err));
	return json_dumpfd(said, fd, JSON_COMPACT);
}

static void ended(void *arg, const struct child_end *end)
{
	struct host_call *call = arg;
	_cleanup_json_ json_t *said = NULL;
	struct err err = {0};
	bool ok = ask_child_said(end, &said, &err);

	call->done(call->arg, ok ? json_object_get(said, "result") : NULL,
		ok ? NULL : &err);
	free(call);
}

bool host_ask(struct host *host, const json_t *ask, int64_t timeout_ms,
	host_fn *done, void *arg, struct host_call **ret_call, struct err *err)
{
	const char *name = json_string_value(json_object_get(ask, "op"));
	const struct host_op *op = host_ops, *end = host_ops + host_ops_count;
	_cleanup_json_ json_t *result = NULL;
	struct host_call *call;
	struct err why = {0};

	while (op < end && (!name || strcmp(op->name, name) != 0))
		op++;
	if (op == end)
		return err_set(err, ERR_BUG, "a host was asked for %s",
			name ? name : "nothing");
	*ret_call = NULL;
	if (!op->slow) {
		bool ok = op->fn(ask, &result, &why);

		done(arg, ok ? result : NULL, ok ? NULL : &why);
		return true;
	}
	call = calloc(1, sizeof(*call));
	if (!call)
		return err_set(err, ERR_MEMORY, "out of memory");
	*call = (struct host_call){
		.op = op, .ask = ask, .done = done, .arg = arg};
	if (!child_work(host->base, run_op, call, timeout_ms, ended, call,
		    &call->child, err)) {
		free(call);
		return false;
	}
	*ret_call = call;
	return true;
}

void host_call_cancel(struct host_call *call)
{
	if (!call)
		return;
	child_kill(call->child);
	free(call);
}

bool host_place(struct host *host, uint16_t port, int64_t timeout_ms,
	host_place_fn *done, void *arg, struct host_call **ret_call,
	struct err *err)
{
	const struct http_place place = {.host = "127.0.0.1", .port = port};

	(void)host, (void)timeout_ms, (void)err;
	*ret_call = NULL;
	done(arg, &place, NULL);
	return true;
}

bool host_put(struct host *host, const char *path, const char *sha256,
	const char *root, int64_t timeout_ms, host_fn *done, void *arg,
	struct host_call **ret_call, struct err *err)
{
	(void)host, (void)path, (void)sha256, (void)root, (void)timeout_ms;
	(void)done, (void)arg, (void)ret_call;
	return err_set(err, ERR_BUG, "this machine needs no copy");
}
