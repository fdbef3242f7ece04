/*
 * remote.c - a process where it is: asked of the makers here, or of the same
 * ones on another host.  Whatever is stopped or started has to be claimed then.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "supervisor/host/host.h"
#include "supervisor/host/ops_install.h"
#include "supervisor/process/backend.h"
#include "supervisor/process/process.h"
#include "supervisor/process/process_json.h"

enum { /* above what the makers themselves allow, see command.c */
	OBSERVE_MS = 45000,
	ACT_MS = 660000,
};

struct remote {
	process_seen_fn *seen;
	process_acted_fn *acted;
	void *arg;
};

static void on_seen(void *arg, const json_t *result, const struct err *err)
{
	struct remote remote = *(struct remote *)arg;
	struct process_seen seen = {.view = PROCESS_UNKNOWN};
	struct err bad = {0};

	free(arg);
	if (!err && !process_seen_read(result, &seen, &bad))
		err = &bad;
	if (err)
		(void)snprintf(seen.why, sizeof(seen.why), "%.199s", err->msg);
	err_mend_text(seen.why); /* it may have been cut */
	remote.seen(remote.arg, &seen);
}

static void on_acted(void *arg, const json_t *result, const struct err *err)
{
	struct remote remote = *(struct remote *)arg;

	(void)result;
	free(arg);
	remote.acted(remote.arg, err);
}

/* Takes over ask. */
static bool ask_there(const struct process_spec *spec, json_t *ask,
	int64_t timeout_ms, host_fn *done, const struct remote *what,
	struct err *err)
{
	_cleanup_json_ json_t *owned = ask;
	struct remote *remote = malloc(sizeof(*remote));

	if (!remote || !owned) {
		free(remote);
		return err_set(err, ERR_MEMORY, "out of memory");
	}
	*remote = *what;
	if (host_ask(spec->host, owned, timeout_ms, done, remote, NULL, err))
		return true;
	free(remote);
	return false;
}

static bool remote_observe(struct event_base *base,
	const struct process_spec *spec, process_seen_fn *done, void *arg,
	struct err *err)
{
	const struct remote remote = {.seen = done, .arg = arg};

	(void)base;
	return ask_there(spec,
		json_pack("{s:s, s:o}", "op", "observe", "process",
			process_spec_json(spec)),
		OBSERVE_MS, on_seen, &remote, err);
}

static bool remote_stop(struct event_base *base,
	const struct process_spec *spec, const struct process_seen *who,
	bool kill, process_acted_fn *done, void *arg, struct err *err)
{
	const struct remote remote = {.acted = done, .arg = arg};

	(void)base;
	return ask_there(spec,
		json_pack("{s:s, s:o, s:o, s:b}", "op", "stop", "process",
			process_spec_json(spec), "who", process_seen_json(who),
			"kill", kill),
		ACT_MS, on_acted, &remote, err);
}

static bool remote_start(struct event_base *base,
	const struct process_spec *spec, uint64_t attempt,
	process_acted_fn *done, void *arg, struct err *err)
{
	const struct remote remote = {.acted = done, .arg = arg};

	(void)base;
	return ask_there(spec,
		json_pack("{s:s, s:o, s:I}", "op", "start", "process",
			process_spec_json(spec), "attempt",
			(json_int_t)attempt),
		ACT_MS, on_acted, &remote, err);
}

/* ---- here ---- */

/* Our guard was asked before the INTENT was written: until then, and while we
 * were stopped or starved, somebody may have taken it over. */
static bool stop_here(struct event_base *base, const struct process_spec *spec,
	const struct process_seen *who, bool kill, process_acted_fn *done,
	void *arg, struct err *err)
{
	return op_process_is_ours(spec, err) &&
	       process_ops_here(spec->backend)
		       ->stop(base, spec, who, kill, done, arg, err);
}

static bool start_here(struct event_base *base, const struct process_spec *spec,
	uint64_t attempt, process_acted_fn *done, void *arg, struct err *err)
{
	return op_process_is_ours(spec, err) &&
	       process_ops_here(spec->backend)
		       ->start(base, spec, attempt, done, arg, err);
}

static bool observe_here(struct event_base *base,
	const struct process_spec *spec, process_seen_fn *done, void *arg,
	struct err *err)
{
	return process_ops_here(spec->backend)
		->observe(base, spec, done, arg, err);
}

static const struct process_ops here[] = {
	{"spawn", observe_here, stop_here, start_here},
	{"command", observe_here, stop_here, start_here},
};

static const struct process_ops elsewhere[] = {
	{"spawn", remote_observe, remote_stop, remote_start},
	{"command", remote_observe, remote_stop, remote_start},
};

const struct process_ops *process_ops_find(
	const char *backend, const struct host *host)
{
	const struct process_ops *ops =
		!host || host_is_local(host) ? here : elsewhere;

	if (strcmp(backend, process_systemd.name) == 0)
		return &process_systemd; /* a bus reaches any host */
	for (size_t i = 0; i < sizeof(here) / sizeof(here[0]); i++)
		if (strcmp(ops[i].name, backend) == 0)
			return &ops[i];
	return NULL;
}
