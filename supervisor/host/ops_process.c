/*
 * ops_process.c - what is asked of a host's processes.
 *
 * The makers of process_ops want an event loop: here one of its own runs until
 * they have answered.
 */
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/host/ops_install.h"
#include "supervisor/install/artifact.h"
#include "supervisor/install/place.h"
#include "supervisor/process/backend.h"
#include "supervisor/process/compare.h"
#include "supervisor/process/process_json.h"
#include "supervisor/process/unit_look.h"
#include "supervisor/process/unit_words.h"

#define DIFFERS_MAX 2000

struct wait { /* for one answer */
	struct event_base *base;
	bool answered, failed;
	struct process_seen seen;
	struct err why;
};

static void on_seen(void *arg, const struct process_seen *seen)
{
	struct wait *wait = arg;

	wait->seen = *seen;
	wait->answered = true;
	(void)event_base_loopbreak(wait->base);
}

static void on_acted(void *arg, const struct err *err)
{
	struct wait *wait = arg;

	if (err) {
		wait->failed = true;
		wait->why = *err;
	}
	wait->answered = true;
	(void)event_base_loopbreak(wait->base);
}

static bool wait_for(struct wait *wait, struct err *err)
{
	while (!wait->answered)
		if (event_base_loop(wait->base, EVLOOP_ONCE) != 0)
			return err_set(err, ERR_AGAIN,
				"the loop ended before the answer came");
	if (wait->failed && err)
		*err = wait->why;
	return !wait->failed;
}

static bool made(json_t *json, json_t **ret_result, struct err *err)
{
	*ret_result = json;
	return json || err_set(err, ERR_MEMORY, "out of memory");
}

/* What one of the three is asked; who and attempt as it needs them. */
typedef bool process_fn(const struct process_ops *ops,
	const struct process_spec *spec, const json_t *ask, struct wait *wait,
	struct err *err);

static bool with_process(
	const json_t *ask, process_fn *fn, struct wait *wait, struct err *err)
{
	struct process_spec spec = {0};
	const struct process_ops *ops;
	bool ok;

	if (!process_spec_read(json_object_get(ask, "process"), &spec, err))
		return false;
	ops = process_ops_here(spec.backend);
	wait->base = event_base_new();
	if (!ops)
		ok = err_set(err, ERR_BUG, "no such backend: %s", spec.backend);
	else if (!wait->base)
		ok = err_set(err, ERR_MEMORY, "out of memory");
	else
		ok = fn(ops, &spec, ask, wait, err) && wait_for(wait, err);
	if (wait->base)
		event_base_free(wait->base);
	process_spec_done(&spec);
	return ok;
}

static bool do_observe(const struct process_ops *ops,
	const struct process_spec *spec, const json_t *ask, struct wait *wait,
	struct err *err)
{
	(void)ask;
	return ops->observe(wait->base, spec, on_seen, wait, err);
}

static bool do_stop(const struct process_ops *ops,
	const struct process_spec *spec, const json_t *ask, struct wait *wait,
	struct err *err)
{
	struct process_seen who;

	return process_seen_read(json_object_get(ask, "who"), &who, err) &&
	       op_process_is_ours(spec, err) &&
	       ops->stop(wait->base, spec, &who,
		       json_is_true(json_object_get(ask, "kill")), on_acted,
		       wait, err);
}

/* Where its run file and its output go on another host. */
static bool make_folders(const json_t *ask, struct err *err)
{
	static const char *const keys[] = {"run_file", "output"};
	const json_t *process = json_object_get(ask, "process");

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *path =
			json_string_value(json_object_get(process, keys[i]));

		if (path && strstr(path, "/.syncup/run/") &&
			!place_make_private(path, err))
			return false;
	}
	return true;
}

static bool do_start(const struct process_ops *ops,
	const struct process_spec *spec, const json_t *ask, struct wait *wait,
	struct err *err)
{
	json_int_t attempt =
		json_integer_value(json_object_get(ask, "attempt"));

	return op_process_is_ours(spec, err) && make_folders(ask, err) &&
	       ops->start(wait->base, spec, (uint64_t)attempt, on_acted, wait,
		       err);
}

static bool op_observe(const json_t *ask, json_t **ret_result, struct err *err)
{
	struct wait wait = {0};

	return with_process(ask, do_observe, &wait, err) &&
	       made(process_seen_json(&wait.seen), ret_result, err);
}

static bool op_stop(const json_t *ask, json_t **ret_result, struct err *err)
{
	struct wait wait = {0};

	return with_process(ask, do_stop, &wait, err) &&
	       made(json_object(), ret_result, err);
}

static bool op_start(const json_t *ask, json_t **ret_result, struct err *err)
{
	struct wait wait = {0};

	return with_process(ask, do_start, &wait, err) &&
	       made(json_object(), ret_result, err);
}

static bool pid_of(const json_t *ask, pid_t *ret_pid, struct err *err)
{
	json_int_t pid = json_integer_value(json_object_get(ask, "pid"));

	*ret_pid = (pid_t)pid;
	return (pid > 0 && *ret_pid == pid) ||
	       err_set(err, ERR_BUG, "the question has no pid");
}

static void keep_seen(void *arg, const struct process_seen *seen)
{
	struct process_seen *kept = arg;

	*kept = *seen;
}

static bool op_see(const json_t *ask, json_t **ret_result, struct err *err)
{
	struct process_seen seen = {0}, told;
	pid_t pid;

	if (!pid_of(ask, &pid, err))
		return false;
	if (!process_see(pid, &seen)) {
		seen.view = PROCESS_GONE;
		(void)snprintf(seen.why, sizeof(seen.why),
			"there is no process %d", (int)pid);
	}
	process_tell(&seen, keep_seen, &told);
	return made(process_seen_json(&told), ret_result, err);
}

static bool op_port_taken(
	const json_t *ask, json_t **ret_result, struct err *err)
{
	struct process_spec spec = {0};
	struct process_seen who;
	pid_t pid;

	if (!process_seen_read(json_object_get(ask, "who"), &who, err) ||
		!process_spec_read(json_object_get(ask, "process"), &spec, err))
		return false;
	pid = process_port_taken(&spec, &who);
	process_spec_done(&spec);
	return made(
		json_pack("{s:I}", "pid", (json_int_t)pid), ret_result, err);
}

static bool op_compare(const json_t *ask, json_t **ret_result, struct err *err)
{
	struct process_spec spec = {0};
	char differs[DIFFERS_MAX];
	pid_t pid;

	if (!pid_of(ask, &pid, err) ||
		!process_spec_read(json_object_get(ask, "process"), &spec, err))
		return false;
	process_compare(&spec, pid, differs, sizeof(differs));
	process_spec_done(&spec);
	err_mend_text(differs);
	return made(json_pack("{s:s}", "differs", differs), ret_result, err);
}

static bool op_version_of(
	const json_t *ask, json_t **ret_result, struct err *err)
{
	const char *path = json_string_value(json_object_get(ask, "path"));
	char exe[64], version[VERSION_MAX];
	pid_t pid;

	if (!path) {
		if (!pid_of(ask, &pid, err))
			return false;
		(void)snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)pid);
		path = exe;
	}
	return version_of_binary(path, version, err) &&
	       made(json_pack("{s:s}", "version", version), ret_result, err);
}

static bool op_unit_look(
	const json_t *ask, json_t **ret_result, struct err *err)
{
	struct process_seen seen;

	return unit_look(ask, &seen, err) &&
	       made(process_seen_json(&seen), ret_result, err);
}

struct words {
	struct event_base *base;
	char *said; /* once they are there */
};

static void on_words(void *arg, const char *said)
{
	struct words *words = arg;

	words->said = strdup(said);
	(void)event_base_loopbreak(words->base);
}

static bool op_unit_words(
	const json_t *ask, json_t **ret_result, struct err *err)
{
	const char *invocation =
		json_string_value(json_object_get(ask, "invocation"));
	struct words words = {.base = event_base_new()};
	struct unit_words *asked;
	bool ok = invocation && words.base &&
		  unit_words_ask(
			  words.base, invocation, on_words, &words, &asked);

	if (ok)
		(void)event_base_dispatch(words.base);
	ok = words.said ? made(json_pack("{s:s}", "said", words.said),
				  ret_result, err)
			: err_set(err, ERR_AGAIN, "no journal can be read");
	if (words.base)
		event_base_free(words.base);
	free(words.said);
	return ok;
}

const struct host_op host_ops_process[] = {
	{"observe", op_observe, HOST_SLOW},
	{"stop", op_stop, HOST_SLOW},
	{"start", op_start, HOST_SLOW},
	{"see", op_see, HOST_QUICK},
	{"port_taken", op_port_taken, HOST_QUICK},
	{"compare", op_compare, HOST_QUICK},
	{"version_of", op_version_of, HOST_SLOW},
	{"unit_look", op_unit_look, HOST_QUICK},
	{"unit_words", op_unit_words, HOST_SLOW},
	{0},
};
