/*
 * local.c - what is asked of this machine: at once, or in a child of ours if it
 * takes long.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "supervisor/helper/answer.h"
#include "supervisor/host/internal.h"

#define LOCAL_ID 1 /* of the only question that such a child has */

static bool do_op(const json_t *ask, json_t **ret_result, struct err *err)
{
	const char *name = json_string_value(json_object_get(ask, "op"));

	if (host_op_find(name)->fn(ask, ret_result, err))
		return true;
	if (!err->code)
		(void)err_set(err, ERR_BUG, "%s failed silently", name);
	return false;
}

static int work(void *arg, int fd)
{
	_cleanup_json_ json_t *id = json_integer(LOCAL_ID);
	_cleanup_json_ json_t *answer = NULL;
	_cleanup_free_ char *text = NULL;
	json_t *result = NULL;
	struct err err = {0};

	if (!do_op(arg, &result, &err))
		result = NULL;
	answer = answer_make(id, result, &err);
	text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
	return text && atomic_write_all(fd, text, strlen(text), &err) ? 0 : 1;
}

static void on_end(void *arg, const struct child_end *end)
{
	struct host_call *call = arg;
	const char *name = json_string_value(json_object_get(call->ask, "op"));
	_cleanup_json_ json_t *result = NULL;
	struct err err = {0};

	call->child = NULL; /* it frees itself after this */
	/* Without a word: by memory.h, by libarchive (exit status 1), or by the
	 * kernel.  A crash is none of these. */
	if (!end->timed_out && !end->len &&
		(WIFEXITED(end->status) || WTERMSIG(end->status) == SIGKILL))
		(void)err_set(&err, ERR_MEMORY,
			"the child that did it was killed or out of memory");
	else if (end->timed_out)
		(void)err_set(&err, ERR_AGAIN,
			"no answer to \"%s\" within "
			"%lld s",
			name, (long long)(call->timeout_ms + 999) / 1000);
	else if (WIFSIGNALED(end->status))
		(void)err_set(&err, ERR_STEP, "\"%s\" was ended by signal %d",
			name, WTERMSIG(end->status));
	else if (answer_read(name, LOCAL_ID, end->output, end->len, &result,
			 &err)) {
		call_result(call, result);
		return;
	} else if (!err.code)
		(void)err_set(&err, ERR_BUG,
			"\"%s\" answered what cannot be understood", name);
	call_fail(call, &err);
}

bool local_ask(
	struct host_call *call, struct host_call **ret_call, struct err *err)
{
	const char *name = json_string_value(json_object_get(call->ask, "op"));
	_cleanup_json_ json_t *result = NULL;
	struct err why = {0};

	if (host_op_find(name)->pace == HOST_SLOW) {
		if (!child_work(call->host->hosts->base, work, call->ask,
			    call->timeout_ms, on_end, call, &call->child,
			    err)) {
			call_free(call);
			return false;
		}
		if (ret_call)
			*ret_call = call;
		return true;
	}
	if (do_op(call->ask, &result, &why))
		call_result(call, result);
	else
		call_fail(call, &why);
	return true;
}
