/*
 * link.c - the connection to one host: made when first needed, made again when
 * it broke.
 *
 * An ssh master of ours logs in and makes its control socket; that is seen, and
 * a first session asks which machine it is; then the first syncup-host is sent
 * there, which ends what an older connection left before it says hello.  Only
 * then the host is up, and what has waited is asked.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/host/internal.h"
#include "supervisor/memory.h"

#define MORE_MS 2000 /* our own time runs out before that of the helpers */

static void name_connection(struct host *host)
{
	unsigned char bytes[16] = {0};

	if (getrandom(bytes, sizeof(bytes), 0) < 0)
		memcpy(bytes, &host->not_before, sizeof(host->not_before));
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(host->connection + 2 * i, 3, "%02x", bytes[i]);
}

static void set_patience(struct host *host, int64_t ms)
{
	const struct timeval tv = {.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	(void)event_add(host->patience, &tv);
}

void link_end(struct host *host)
{
	struct host_call *call;

	host->state = LINK_DOWN;
	TAILQ_FOREACH (call, &host->calls, next) {
		call->asked = NULL; /* they end without a word */
	}
	if (host->patience)
		event_free(host->patience);
	host->patience = NULL;
	/* Its sessions first: they would say that their master is gone. */
	helpers_free(take_ptr(host->quick));
	helpers_free(take_ptr(host->slow));
	forwards_end(host);
	pipes_end(host);
	child_kill(take_ptr(host->looking));
	child_kill(take_ptr(host->master));
	program_free(take_ptr(host->program));
	hear_end(host);
	if (host->control[0])
		(void)unlink(host->control);
	host->control[0] = '\0';
}

/* The next try is at once if it had been up, else after a while. */
static void wait_longer(struct host *host, bool was_up)
{
	if (was_up)
		host->backoff_ms = 0;
	else if (host->backoff_ms == 0)
		host->backoff_ms = BACKOFF_MIN_MS;
	else if (host->backoff_ms < BACKOFF_MAX_MS / 2)
		host->backoff_ms *= 2;
	else
		host->backoff_ms = BACKOFF_MAX_MS;
	host->not_before = sys_monotonic_ms() + host->backoff_ms;
}

/* It is down now, and *ret_err says it in words for people. */
static void go_down(
	struct host *host, const struct err *why, struct err *ret_err)
{
	bool was_up = host->state == LINK_UP;

	if (was_up)
		(void)err_set(ret_err, ERR_AGAIN,
			"the connection to %s ended: %.250s", host->name,
			why->msg);
	else
		(void)err_set(ret_err,
			why->code == ERR_CONFIG ? ERR_CONFIG : ERR_AGAIN,
			"cannot work on %s: %.150s (try: ssh -o BatchMode=yes "
			"%.100s true)",
			host->name, why->msg, host->name);
	(void)snprintf(
		host->trouble, sizeof(host->trouble), "%s", ret_err->msg);
	link_end(host);
	wait_longer(host, was_up);
}

void link_break(struct host *host, const struct err *why)
{
	struct err err = {0};
	struct err more = *why;
	char line[150];

	if (host->complaint[0] && host->state >= LINK_BEGINNING) {
		ssh_last_line(host->complaint, line, sizeof(line));
		(void)err_set(&more, why->code, "%.200s (%s)", why->msg, line);
	}
	go_down(host, &more, &err);
	host_fail_calls(host, &err);
}

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
	struct host *host = arg;
	struct err err = {0};

	(void)fd;
	(void)what;
	(void)err_set(&err, ERR_AGAIN, "%s after %d s",
		host->state == LINK_REACHING
			? "ssh has not logged in"
			: "logged in, but nothing was answered",
		CONNECT_MS / 1000);
	link_break(host, &err);
}

static void on_master_end(void *arg, const struct child_end *end)
{
	struct host *host = arg;
	struct err err = {0};
	char line[200];

	host->master = NULL; /* it frees itself after this */
	ssh_last_line(end->output, line, sizeof(line));
	(void)err_set(&err, ERR_AGAIN, "%s", line);
	link_break(host, &err);
}

/* ---- up, step by step ---- */

static void on_begun(void *arg, const json_t *result, const struct err *err)
{
	struct host *host = arg;

	(void)result;
	if (err) {
		link_break(host, err);
		return;
	}
	(void)event_del(host->patience);
	host->state = LINK_UP;
	host->backoff_ms = 0;
	host->trouble[0] = '\0';
	host_begin_calls(host);
}

static bool begin(struct host *host, const char *said, struct err *err)
{
	_cleanup_json_ json_t *ask = json_pack("{s:s}", "op", "clock");
	struct event_base *base = host->hosts->base;

	if (!program_new(host, said, &host->program, err) ||
		!helpers_new_program(base, program_of(host->program, false),
			&host->quick, err) ||
		!helpers_new_program(base, program_of(host->program, true),
			&host->slow, err))
		return false;
	host->state = LINK_BEGINNING;
	set_patience(host, CONNECT_MS);
	return helpers_ask(
		host->quick, ask, CONNECT_MS + MORE_MS, on_begun, host, err);
}

static void on_looked(void *arg, const struct child_end *end)
{
	struct host *host = arg;
	struct err err = {0};
	char line[200];

	host->looking = NULL;
	if (WIFEXITED(end->status) && WEXITSTATUS(end->status) == 0) {
		if (!begin(host, end->output, &err))
			link_break(host, &err);
		return;
	}
	ssh_last_line(end->output, line, sizeof(line));
	(void)err_set(&err, ERR_AGAIN, "%s", line);
	link_break(host, &err);
}

void link_socket_seen(struct host *host)
{
	struct ssh_words words;
	struct err err = {0};

	if (host->state != LINK_REACHING)
		return;
	host->state = LINK_LOOKING;
	ssh_session_words(host, program_look, &words);
	if (!child_run(host->hosts->base, words.word, NULL, 0, on_looked, host,
		    &host->looking, &err))
		link_break(host, &err);
}

bool link_want(struct host *host, struct err *err)
{
	struct ssh_words words;
	struct err why = {0}, told = {0};

	if (host->state != LINK_DOWN)
		return true;
	if (sys_monotonic_ms() < host->not_before)
		return err_set(err, ERR_AGAIN, "%s", host->trouble);
	host->patience = memory_must(
		event_new(host->hosts->base, -1, 0, on_patience, host));
	host->state = LINK_REACHING;
	name_connection(host);
	if (ssh_directory(host->hosts, &why) && hear_begin(host, &why)) {
		(void)snprintf(host->control, sizeof(host->control), "%s/h%u",
			host->hosts->directory, host->number);
		(void)unlink(host->control);
		ssh_master_words(host, &words);
		set_patience(host, CONNECT_MS);
		if (child_run(host->hosts->base, words.word, NULL, 0,
			    on_master_end, host, &host->master, &why))
			return true;
	}
	/* Nobody else waits: it was down. */
	go_down(host, &why, &told);
	return err_set(err, told.code, "%s", told.msg);
}

/* ---- asking ---- */

bool link_ask(struct host_call *call, const json_t *ask, bool slow,
	helper_fn *done, struct err *err)
{
	struct helpers *helpers = slow ? call->host->slow : call->host->quick;

	if (!helpers_ask(helpers, ask, call_left_ms(call) + MORE_MS, done, call,
		    err))
		return false;
	call->asked = helpers;
	return true;
}

bool link_lost(struct host_call *call, const struct err *err)
{
	bool lost = helpers_is_lost(call->asked);

	call->asked = NULL;
	if (lost)
		link_break(call->host, err);
	return lost;
}
