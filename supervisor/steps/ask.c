/*
 * ask.c - see ask.h.
 */
#include "supervisor/steps/ask.h"

#include <signal.h>
#include <sys/wait.h>

#include "state/cleanup.h"
#include "supervisor/host/ops_install.h"
#include "supervisor/steps/steps.h"

static void told(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	host_fn *done = run->told;

	run->asked = NULL;
	run->told = NULL;
	done(run, result, err);
}

static unsigned ask_begins(struct step_run *run, host_fn *done)
{
	run->told = done;
	return ++run->questions;
}

/* It may be answered already, and something else be asked by now. */
static bool asked(
	struct step_run *run, unsigned number, bool ok, struct host_call *call)
{
	if (!ok)
		run->told = NULL;
	else if (run->told && run->questions == number)
		run->asked = call;
	return ok;
}

bool ask_host(struct step_run *run, const struct target *target, const char *op,
	json_t *ask, int64_t timeout_ms, host_fn *done, struct err *err)
{
	_cleanup_json_ json_t *question = ask;
	struct host_call *call = NULL;
	unsigned number = ask_begins(run, done);

	(void)json_object_set_new(question, "op", json_string(op));
	return asked(run, number,
		host_ask(target->host, question, timeout_ms, told, run, &call,
			err),
		call);
}

bool ask_put(struct step_run *run, const char *path, const char *sha256,
	int64_t timeout_ms, host_fn *done, struct err *err)
{
	struct host_call *call = NULL;
	unsigned number = ask_begins(run, done);

	return asked(run, number,
		host_put(run->target->host, path, sha256, ask_root(run),
			timeout_ms, told, run, &call, err),
		call);
}

void ask_acted(void *arg, const json_t *result, const struct err *err)
{
	(void)result;
	step_acted(arg, err);
}

const char *ask_root(const struct step_run *run)
{
	return run->env->fleet->install_root;
}

json_t *ask_ours(const struct step_run *run)
{
	return json_pack("{s:s, s:s, s:s}", "root", ask_root(run), "name",
		target_claim_name(run->target), "run", run->env->state->run);
}

const struct target *ask_host_link(const struct step_run *run)
{
	json_int_t index =
		json_integer_value(json_object_get(run->memory, "host"));
	const struct target *link = NULL;

	do {
		link = targets_next(run->env->targets, TARGET_LINK,
			run->target->lane, link);
	} while (link && index-- > 0);
	return link;
}

void ask_first_host(struct step_run *run)
{
	json_decref(run->memory);
	run->memory = json_pack("{s:i}", "host", 0);
}

void ask_next_host(struct step_run *run)
{
	json_t *index = json_object_get(run->memory, "host");

	(void)json_integer_set(index, json_integer_value(index) + 1);
}

/* By memory.h, by libarchive (exit status 1), or by the kernel.  A crash is
 * none of these. */
static bool had_no_memory(int status)
{
	return WIFEXITED(status) || WTERMSIG(status) == SIGKILL;
}

bool ask_child_said(
	const struct child_end *end, json_t **ret_said, struct err *err)
{
	json_t *said = json_loads(end->output, 0, NULL);
	struct err why = {0};

	op_err_read(json_object_get(said, "err"), &why);
	if (end->timed_out)
		(void)err_set(&why, ERR_STEP,
			"the child that did it took too long: %.200s",
			end->output);
	else if (!said && had_no_memory(end->status))
		(void)err_set(&why, ERR_MEMORY,
			"the child that did it was killed or out of memory");
	else if (!said)
		(void)err_set(&why, ERR_STEP,
			"the child that did it failed: %.200s", end->output);
	if (!why.code) {
		*ret_said = said;
		return true;
	}
	json_decref(said);
	if (err)
		*err = why;
	return false;
}
