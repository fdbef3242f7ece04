/*
 * helper_slot.c - one helper process: started, asked, heard, ended.
 *
 * Whatever goes wrong with it, it is killed; the slot is free again once it is
 * reaped.  Its end is known by a pidfd, so that a helper which the kernel
 * cannot end at once never stops our loop.
 */
#include "supervisor/engine/helper_slot.h"

#include <errno.h>
#include <event2/buffer.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/helper/answer.h"
#include "supervisor/process/forked.h"

#define NOISE_MAX (64u << 10) /* what a login shell may print */

static void slot_forget_process(struct slot *slot)
{
	if (slot->io)
		bufferevent_free(slot->io);
	slot->io = NULL;
	if (slot->ended)
		event_free(slot->ended);
	slot->ended = NULL;
	if (slot->pidfd >= 0)
		(void)close(slot->pidfd);
	slot->pidfd = -1;
}

static void slot_reap(struct slot *slot)
{
	if (slot->pid > 0)
		while (waitpid(slot->pid, NULL, 0) < 0 && errno == EINTR)
			;
	slot->pid = 0;
	slot_forget_process(slot);
}

void slot_kill(struct slot *slot)
{
	(void)event_del(slot->deadline);
	if (slot->io)
		bufferevent_free(slot->io);
	slot->io = NULL;
	if (slot->pid > 0)
		(void)kill(slot->pid, SIGKILL); /* not reaped: still its pid */
}

static void slot_fail(struct slot *slot, const struct err *err)
{
	struct question *question = take_ptr(slot->question);

	slot->helpers->lost = true;
	slot_kill(slot);
	if (question)
		question_answer(question, NULL, err);
}

static void describe_end(const char *who, int status, struct err *err)
{
	if (WIFSIGNALED(status))
		(void)err_set(err, ERR_AGAIN, "%s was ended by signal %d", who,
			WTERMSIG(status));
	else
		(void)err_set(err, ERR_AGAIN,
			"%s ended by itself with exit status %d", who,
			WEXITSTATUS(status));
}

/* The pidfd is readable: it can be reaped without waiting. */
static void on_ended(evutil_socket_t fd, short what, void *arg)
{
	struct slot *slot = arg;
	struct question *question = take_ptr(slot->question);
	struct err err = {0};
	int status = 0;

	(void)fd;
	(void)what;
	while (waitpid(slot->pid, &status, 0) < 0 && errno == EINTR)
		;
	slot->pid = 0;
	(void)event_del(slot->deadline);
	slot_forget_process(slot);
	helpers_pump_soon(slot->helpers);
	if (!question)
		return;
	slot->helpers->lost = true;
	describe_end(slot->helpers->program.name, status, &err);
	question_answer(question, NULL, &err);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct slot *slot = arg;
	struct err err = {0};

	(void)fd;
	(void)what;
	(void)err_set(&err, ERR_AGAIN, "no answer to \"%s\" within %lld s",
		slot->question->op,
		(long long)(slot->question->timeout_ms + 999) / 1000);
	slot_fail(slot, &err);
}

/* After false nothing of ours may be touched. */
static bool slot_say(struct slot *slot, const struct question *question)
{
	struct err err = {0};

	if (bufferevent_write(slot->io, question->line, question->len) == 0)
		return true;
	(void)err_set(
		&err, ERR_AGAIN, "asking %s", slot->helpers->program.name);
	slot_fail(slot, &err);
	return false;
}

static void slot_ready(struct slot *slot)
{
	struct question *question = slot->question;

	slot->phase = SLOT_READY;
	if (slot_say(slot, question))
		explicit_bzero(question->line, question->len);
}

static void slot_greeted(struct slot *slot)
{
	if (!slot->helpers->hello) {
		slot_ready(slot);
		return;
	}
	slot->phase = SLOT_HELLO;
	(void)slot_say(slot, slot->helpers->hello);
}

/* Others may speak before it does: a login shell, its profile.  True: this line
 * was such a one. */
static bool hear_greeting(struct slot *slot, const char *line, size_t len)
{
	const struct helper_program *program = &slot->helpers->program;
	struct err err = {0};

	if (strcmp(line, program->greeting) == 0) {
		slot_greeted(slot);
		return false;
	}
	slot->noise += len + 1;
	if (program->trouble &&
		strncmp(line, program->trouble, strlen(program->trouble)) == 0)
		(void)err_set(&err, ERR_CONFIG, "%s: %s", program->name,
			line + strlen(program->trouble));
	else if (slot->noise > NOISE_MAX)
		(void)err_set(&err, ERR_CONFIG,
			"%s: its login shell prints too much", program->name);
	else
		return true;
	scrub_in_place(err.msg, sizeof(err.msg));
	answer_clean_text(err.msg);
	slot_fail(slot, &err);
	return false;
}

static void hear_hello(struct slot *slot, const char *line, size_t len)
{
	const struct helper_program *program = &slot->helpers->program;
	_cleanup_json_ json_t *result = NULL;
	struct err err = {0};
	bool answered = answer_read(
		"hello", slot->helpers->hello->id, line, len, &result, &err);

	if (answered && (!program->greets || program->greets(result, &err))) {
		slot_ready(slot);
		return;
	}
	if (err.code == ERR_NONE)
		(void)err_set(&err, ERR_AGAIN, "%s: no answer to hello",
			program->name);
	slot_fail(slot, &err);
}

static void take_answer(struct slot *slot, const char *line, size_t len)
{
	struct question *question = slot->question;
	const struct helper_program *program = &slot->helpers->program;
	_cleanup_json_ json_t *result = NULL;
	struct err err = {0};

	sys_crash_point("helper: answered");
	if (!answer_read(
		    question->op, question->id, line, len, &result, &err) &&
		err.code == ERR_NONE) {
		(void)err_set(&err, ERR_STEP,
			"%s: its answer to \"%s\" cannot be understood",
			program->name, question->op);
		slot_fail(slot, &err);
		return;
	}
	/* In a cluster nothing is missing that a person has named. */
	if (err.code == ERR_MISSING && !program->greeting)
		err.code = ERR_STEP;
	slot->question = NULL;
	(void)event_del(slot->deadline);
	helpers_pump_soon(slot->helpers);
	question_answer(question, result, result ? NULL : &err);
}

/* True: there may be more to hear.  After false nothing of ours may be touched:
 * whoever was answered may have freed it. */
static bool hear(struct slot *slot, const char *line, size_t len)
{
	if (slot->phase == SLOT_GREETING)
		return hear_greeting(slot, line, len);
	if (slot->phase == SLOT_HELLO)
		hear_hello(slot, line, len);
	else
		take_answer(slot, line, len);
	return false;
}

static void on_line(struct bufferevent *io, void *arg)
{
	struct slot *slot = arg;
	struct evbuffer *input = bufferevent_get_input(io);
	struct err err = {0};
	bool more;

	do {
		_cleanup_free_ char *line = NULL;
		size_t len;

		if (!slot->question) { /* it spoke without being asked */
			slot_kill(slot);
			return;
		}
		line = evbuffer_readln(input, &len, EVBUFFER_EOL_LF);
		if (!line && evbuffer_get_length(input) < HELPER_LINE_MAX)
			return;
		if (!line || len >= HELPER_LINE_MAX) {
			(void)err_set(&err, ERR_STEP,
				"%s: its answer to \"%s\" is longer than %u "
				"bytes",
				slot->helpers->program.name, slot->question->op,
				HELPER_LINE_MAX);
			slot_fail(slot, &err);
			return;
		}
		more = hear(slot, line, len);
	} while (more);
}

/* Its end is closed or broken; how it ended, the pidfd tells. */
static void on_closed(struct bufferevent *io, short what, void *arg)
{
	(void)io;
	(void)what;
	slot_kill(arg);
}

static bool slot_watch(struct slot *slot, int *socket, struct err *err)
{
	struct event_base *base = slot->helpers->base;
	const char *name = slot->helpers->program.name;

	slot->pidfd = pidfd_open(slot->pid, 0);
	if (slot->pidfd >= 0)
		slot->ended =
			event_new(base, slot->pidfd, EV_READ, on_ended, slot);
	if (!slot->ended || event_add(slot->ended, NULL) != 0 ||
		evutil_make_socket_nonblocking(*socket) != 0)
		return err_sys(err, ERR_AGAIN, errno, "watching %s", name);
	slot->io = bufferevent_socket_new(base, *socket, BEV_OPT_CLOSE_ON_FREE);
	if (!slot->io)
		return err_set(err, ERR_AGAIN, "watching %s", name);
	(void)take_fd(socket);
	bufferevent_setcb(slot->io, on_line, NULL, on_closed, slot);
	bufferevent_setwatermark(slot->io, EV_READ, 0, HELPER_LINE_MAX);
	if (bufferevent_enable(slot->io, EV_READ | EV_WRITE) != 0)
		return err_set(err, ERR_AGAIN, "watching %s", name);
	return true;
}

static bool slot_begin(struct slot *slot, struct err *err)
{
	const struct helper_program *program = &slot->helpers->program;

	slot->noise = 0;
	slot->phase = program->greeting ? SLOT_GREETING : SLOT_READY;
	if (program->prologue &&
		evbuffer_add_reference(bufferevent_get_output(slot->io),
			program->prologue, program->prologue_len, NULL,
			NULL) != 0)
		return err_set(err, ERR_AGAIN, "starting %s", program->name);
	return true;
}

static bool slot_start(struct slot *slot, struct err *err)
{
	_cleanup_fd_ int ours = -1;

	const struct helper_program *program = &slot->helpers->program;

	if (!forked_pair(program->argv, program->env, program->errors, &ours,
		    &slot->pid, err)) {
		if (err) /* it may be in the middle of being replaced */
			err->code = ERR_AGAIN;
		return false;
	}
	sys_crash_point("helper: forked");
	if (slot_watch(slot, &ours, err) && slot_begin(slot, err))
		return true;
	slot_kill(slot);
	slot_reap(slot);
	return false;
}

void slot_ask(struct slot *slot, struct question *question)
{
	struct timeval tv = {.tv_sec = (time_t)(question->timeout_ms / 1000),
		.tv_usec = (suseconds_t)(question->timeout_ms % 1000 * 1000)};
	struct err err = {0};

	if (!slot->io && !slot_start(slot, &err)) {
		slot->helpers->lost = true;
		helpers_pump_soon(slot->helpers);
		question_answer(question, NULL, &err);
		return;
	}
	slot->question = question;
	if (event_add(slot->deadline, &tv) != 0) {
		(void)err_set(&err, ERR_AGAIN, "asking %s",
			slot->helpers->program.name);
		slot_fail(slot, &err);
		return;
	}
	if (slot->phase == SLOT_READY)
		slot_ready(slot);
}

bool slot_init(struct slot *slot, struct helpers *helpers)
{
	slot->helpers = helpers;
	slot->pidfd = -1;
	slot->deadline = event_new(helpers->base, -1, 0, on_deadline, slot);
	return slot->deadline != NULL;
}

void slot_done(struct slot *slot)
{
	if (!slot->helpers)
		return;
	question_free(slot->question);
	if (slot->deadline)
		slot_kill(slot);
	slot_reap(slot);
	if (slot->deadline)
		event_free(slot->deadline);
}
