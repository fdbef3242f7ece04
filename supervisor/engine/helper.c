/*
 * helper.c - the asking side: questions wait, slots work.
 *
 * A slot is one helper process and the question that it has.  Whatever goes
 * wrong with a helper, it is killed; a slot is free again once it is reaped,
 * and the next question starts a new process.  Its end is known by a pidfd, so
 * that a helper which the kernel cannot end at once never stops our loop.
 *
 * Connection strings are secrets: they pass through the socket only.
 */
#include "supervisor/engine/helper.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/process/forked.h"

#ifndef SYNCUP_LIBEXECDIR /* set by the build */
#define SYNCUP_LIBEXECDIR "/usr/libexec/syncup"
#endif
#define HELPER_NAME "syncup-helper"

struct question {
	STAILQ_ENTRY(question) next;
	json_int_t id;
	char op[32];
	char *line; /* with its newline; holds secrets */
	size_t len;
	int64_t timeout_ms;
	helper_fn *done;
	void *arg;
};
STAILQ_HEAD(questions, question);

struct slot {
	struct helpers *helpers;
	struct question *question; /* being answered */
	struct bufferevent *io; /* NULL: no helper, or it is ending */
	struct event *ended, *deadline;
	pid_t pid; /* 0: reaped, or never started */
	int pidfd;
};

struct helpers {
	struct event_base *base;
	struct event *pump; /* hands waiting questions to free slots */
	struct questions waiting;
	struct slot slot[HELPERS_MAX];
	json_int_t last_id;
	char path[PATH_MAX];
};

static void question_free(struct question *question)
{
	if (!question)
		return;
	if (question->line)
		explicit_bzero(question->line, question->len);
	free(question->line);
	free(question);
}

/* The callback may ask, forget and free: nothing of ours is touched after. */
static void answer(
	struct question *question, const json_t *result, const struct err *err)
{
	helper_fn *done = question->done;
	void *arg = question->arg;

	question_free(question);
	done(arg, result, err);
}

static void pump_soon(struct helpers *helpers)
{
	event_active(helpers->pump, EV_TIMEOUT, 0);
}

/* ---- one helper process ---- */

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

/* It is reaped when the kernel says that it is gone. */
static void slot_kill(struct slot *slot)
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

	slot_kill(slot);
	if (question)
		answer(question, NULL, err);
}

static void describe_end(int status, struct err *err)
{
	if (WIFSIGNALED(status))
		(void)err_set(err, ERR_AGAIN,
			"the helper was ended by signal %d", WTERMSIG(status));
	else
		(void)err_set(err, ERR_AGAIN,
			"the helper ended by itself with exit status %d",
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
	pump_soon(slot->helpers);
	if (!question)
		return;
	describe_end(status, &err);
	answer(question, NULL, &err);
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

static enum err_code code_of(const char *word)
{
	static const struct {
		const char *word;
		enum err_code code;
	} codes[] = {
		{"again", ERR_AGAIN},
		{"step", ERR_STEP},
		{"decide", ERR_DECIDE},
		{"config", ERR_CONFIG},
		{"storage", ERR_STORAGE},
		{"bug", ERR_BUG},
	};

	for (size_t i = 0; word && i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(word, codes[i].word) == 0)
			return codes[i].code;
	return ERR_NONE;
}

/* *ret_answer is owned by the caller; false: this is not an answer. */
static bool parse_answer(const struct question *question, const char *line,
	size_t len, json_t **ret_answer, struct err *err)
{
	_cleanup_json_ json_t *json = json_loadb(line, len, 0, NULL);
	const json_t *id = json_object_get(json, "id");
	const json_t *ok = json_object_get(json, "ok");
	enum err_code code =
		code_of(json_string_value(json_object_get(json, "code")));
	bool whole = json_is_true(ok)
			     ? json_is_object(json_object_get(json, "result"))
			     : json_is_false(ok) && code != ERR_NONE;

	if (!json_is_integer(id) || json_integer_value(id) != question->id ||
		!whole)
		return err_set(err, ERR_STEP,
			"the helper's answer to \"%s\" cannot be understood",
			question->op);
	*ret_answer = take_ptr(json);
	return true;
}

static void take_answer(struct slot *slot, const char *line, size_t len)
{
	struct question *question = slot->question;
	_cleanup_json_ json_t *json = NULL;
	struct err err = {0};
	const char *text;

	sys_crash_point("helper: answered");
	if (!parse_answer(question, line, len, &json, &err)) {
		slot_fail(slot, &err);
		return;
	}
	slot->question = NULL;
	(void)event_del(slot->deadline);
	pump_soon(slot->helpers);
	if (json_is_true(json_object_get(json, "ok"))) {
		answer(question, json_object_get(json, "result"), NULL);
		return;
	}
	text = json_string_value(json_object_get(json, "error"));
	(void)err_set(&err,
		code_of(json_string_value(json_object_get(json, "code"))), "%s",
		text ? text : question->op);
	answer(question, NULL, &err);
}

static void on_line(struct bufferevent *io, void *arg)
{
	struct slot *slot = arg;
	struct evbuffer *input = bufferevent_get_input(io);
	_cleanup_free_ char *line = NULL;
	struct err err = {0};
	size_t len;

	if (!slot->question) { /* it spoke without being asked */
		slot_kill(slot);
		return;
	}
	line = evbuffer_readln(input, &len, EVBUFFER_EOL_LF);
	if (line && len < HELPER_LINE_MAX) {
		take_answer(slot, line, len);
	} else if (line || evbuffer_get_length(input) >= HELPER_LINE_MAX) {
		(void)err_set(&err, ERR_STEP,
			"the helper's answer to \"%s\" is longer than %u bytes",
			slot->question->op, HELPER_LINE_MAX);
		slot_fail(slot, &err);
	}
}

/* Its end is closed or broken; how it ended, the pidfd tells. */
static void on_closed(struct bufferevent *io, short what, void *arg)
{
	(void)io;
	(void)what;
	slot_kill(arg);
}

static _Noreturn void become_helper(
	const char *path, int socket, int failed, pid_t parent)
{
	const int keep[] = {socket, socket, STDERR_FILENO, failed};
	char *argv[] = {(char *)(uintptr_t)path, NULL};

	(void)setsid(); /* Ctrl-C on our terminal is for us to interpret */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before the line above */
		_exit(127);
	if (!forked_keep(keep, 4))
		forked_fail(failed, "arranging its descriptors");
	(void)fcntl(3, F_SETFD, FD_CLOEXEC);
	forked_signals();
	forked_exec(argv, environ);
	forked_fail(3, "exec");
}

static bool slot_watch(struct slot *slot, int *socket, struct err *err)
{
	struct event_base *base = slot->helpers->base;

	slot->pidfd = pidfd_open(slot->pid, 0);
	if (slot->pidfd >= 0)
		slot->ended =
			event_new(base, slot->pidfd, EV_READ, on_ended, slot);
	if (!slot->ended || event_add(slot->ended, NULL) != 0 ||
		evutil_make_socket_nonblocking(*socket) != 0)
		return err_sys(err, ERR_AGAIN, errno, "watching the helper");
	slot->io = bufferevent_socket_new(base, *socket, BEV_OPT_CLOSE_ON_FREE);
	if (!slot->io)
		return err_set(err, ERR_AGAIN, "watching the helper");
	(void)take_fd(socket);
	bufferevent_setcb(slot->io, on_line, NULL, on_closed, slot);
	bufferevent_setwatermark(slot->io, EV_READ, 0, HELPER_LINE_MAX);
	if (bufferevent_enable(slot->io, EV_READ | EV_WRITE) != 0)
		return err_set(err, ERR_AGAIN, "watching the helper");
	return true;
}

static bool slot_start(struct slot *slot, struct err *err)
{
	const char *path = slot->helpers->path;
	_cleanup_fd_ int ours = -1, theirs = -1, failed = -1, failing = -1;
	pid_t parent = getpid(), pid;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return err_sys(err, ERR_AGAIN, errno, "starting %s", path);
	ours = ends[0];
	theirs = ends[1];
	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_sys(err, ERR_AGAIN, errno, "starting %s", path);
	failed = ends[0];
	failing = ends[1];
	pid = forked_fork();
	if (pid == -1)
		return err_sys(err, ERR_AGAIN, errno, "starting %s", path);
	if (pid == 0)
		become_helper(path, theirs, failing, parent);
	sys_crash_point("helper: forked");
	slot->pid = pid;
	(void)close(take_fd(&failing));
	if (forked_outcome(failed, path, err) < 0) {
		if (err) /* it may be in the middle of being replaced */
			err->code = ERR_AGAIN;
		slot_reap(slot);
		return false;
	}
	if (slot_watch(slot, &ours, err))
		return true;
	slot_kill(slot);
	slot_reap(slot);
	return false;
}

/* ---- questions ---- */

/* Takes over the question. */
static void slot_ask(struct slot *slot, struct question *question)
{
	struct timeval tv = {.tv_sec = (time_t)(question->timeout_ms / 1000),
		.tv_usec = (suseconds_t)(question->timeout_ms % 1000 * 1000)};
	struct err err = {0};

	if (!slot->io && !slot_start(slot, &err)) {
		pump_soon(slot->helpers);
		answer(question, NULL, &err);
		return;
	}
	slot->question = question;
	if (bufferevent_write(slot->io, question->line, question->len) != 0 ||
		event_add(slot->deadline, &tv) != 0) {
		(void)err_set(&err, ERR_AGAIN, "asking the helper");
		slot_fail(slot, &err);
		return;
	}
	explicit_bzero(question->line, question->len);
}

/* A slot whose helper runs is taken before one that must start its own. */
static struct slot *find_free_slot(struct helpers *helpers)
{
	struct slot *found = NULL;

	for (size_t i = 0; i < HELPERS_MAX; i++) {
		struct slot *slot = &helpers->slot[i];

		if (slot->io && !slot->question)
			return slot;
		if (slot->pid == 0 && !found)
			found = slot;
	}
	return found;
}

/* One at a time: a callback may free us. */
static void on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct helpers *helpers = arg;
	struct question *question = STAILQ_FIRST(&helpers->waiting);
	struct slot *slot = find_free_slot(helpers);

	(void)fd;
	(void)what;
	if (!question || !slot)
		return;
	STAILQ_REMOVE_HEAD(&helpers->waiting, next);
	if (!STAILQ_EMPTY(&helpers->waiting))
		pump_soon(helpers);
	slot_ask(slot, question);
}

static bool print_question(
	struct question *question, const json_t *ask, struct err *err)
{
	_cleanup_json_ json_t *json = json_copy((json_t *)(uintptr_t)ask);
	size_t size;

	if (json_object_set_new(json, "id", json_integer(question->id)) != 0)
		return err_set(err, ERR_MEMORY, "out of memory");
	size = json_dumpb(json, NULL, 0, JSON_COMPACT);
	if (size == 0 || size >= HELPER_LINE_MAX)
		return err_set(err, ERR_BUG,
			"a question of %zu bytes to the helper", size);
	question->line = malloc(size + 1);
	if (!question->line)
		return err_set(err, ERR_MEMORY, "out of memory");
	(void)json_dumpb(json, question->line, size, JSON_COMPACT);
	question->line[size] = '\n';
	question->len = size + 1;
	return true;
}

bool helpers_ask(struct helpers *helpers, const json_t *ask, int64_t timeout_ms,
	helper_fn *done, void *arg, struct err *err)
{
	const char *op = json_string_value(json_object_get(ask, "op"));
	struct question *question;

	assert(op && timeout_ms > 0);
	question = calloc(1, sizeof(*question));
	if (!question)
		return err_set(err, ERR_MEMORY, "out of memory");
	question->id = ++helpers->last_id;
	question->timeout_ms = timeout_ms;
	question->done = done;
	question->arg = arg;
	(void)snprintf(question->op, sizeof(question->op), "%s", op);
	if (!print_question(question, ask, err)) {
		question_free(question);
		return false;
	}
	STAILQ_INSERT_TAIL(&helpers->waiting, question, next);
	pump_soon(helpers);
	return true;
}

/* One that is being answered takes its helper with it: what nobody waits for
 * must not go on changing anything. */
bool helpers_forget(struct helpers *helpers, const void *arg)
{
	struct question *question, *next;
	bool found = false;

	for (size_t i = 0; i < HELPERS_MAX; i++) {
		struct slot *slot = &helpers->slot[i];

		if (!slot->question || slot->question->arg != arg)
			continue;
		question_free(take_ptr(slot->question));
		slot_kill(slot);
		found = true;
	}
	for (question = STAILQ_FIRST(&helpers->waiting); question;
		question = next) {
		next = STAILQ_NEXT(question, next);
		if (question->arg != arg)
			continue;
		STAILQ_REMOVE(&helpers->waiting, question, question, next);
		question_free(question);
		found = true;
	}
	return found;
}

/* Beside our own executable, so that a build tree works as it stands. */
static bool find_helper(const char *path, char *ret_path, size_t size)
{
	static const char *const beside[] = {
		HELPER_NAME, /* side by side */
		"helper/" HELPER_NAME, /* a build tree */
		"../libexec/syncup/" HELPER_NAME, /* installed anywhere */
	};
	const char *from_env = getenv("SYNCUP_HELPER");
	char self[PATH_MAX] = "";
	char *slash;

	if (!path && from_env && from_env[0])
		path = from_env;
	if (path) {
		(void)snprintf(ret_path, size, "%s", path);
		return true;
	}
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) > 0 &&
		(slash = strrchr(self, '/'))) {
		*slash = '\0';
		for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]);
			i++) {
			(void)snprintf(ret_path, size, "%.*s/%s",
				(int)(size - 40), self, beside[i]);
			if (access(ret_path, X_OK) == 0)
				return true;
		}
	}
	(void)snprintf(ret_path, size, "%s/%s", SYNCUP_LIBEXECDIR, HELPER_NAME);
	return access(ret_path, X_OK) == 0;
}

static bool make_events(struct helpers *helpers)
{
	helpers->pump = event_new(helpers->base, -1, 0, on_pump, helpers);
	for (size_t i = 0; i < HELPERS_MAX; i++) {
		struct slot *slot = &helpers->slot[i];

		slot->deadline =
			event_new(helpers->base, -1, 0, on_deadline, slot);
		if (!slot->deadline)
			return false;
	}
	return helpers->pump != NULL;
}

bool helpers_new(struct event_base *base, const char *path,
	struct helpers **ret_helpers, struct err *err)
{
	struct helpers *helpers = calloc(1, sizeof(*helpers));

	if (!helpers)
		return err_set(err, ERR_MEMORY, "out of memory");
	helpers->base = base;
	STAILQ_INIT(&helpers->waiting);
	for (size_t i = 0; i < HELPERS_MAX; i++) {
		helpers->slot[i].helpers = helpers;
		helpers->slot[i].pidfd = -1;
	}
	if (!make_events(helpers)) {
		(void)err_set(err, ERR_MEMORY, "out of memory");
	} else if (!find_helper(path, helpers->path, sizeof(helpers->path))) {
		(void)err_set(err, ERR_CONFIG,
			"%s is missing: install syncup whole, or set "
			"SYNCUP_HELPER",
			helpers->path);
	} else {
		*ret_helpers = helpers;
		return true;
	}
	helpers_free(helpers);
	return false;
}

void helpers_free(struct helpers *helpers)
{
	if (!helpers)
		return;
	for (size_t i = 0; i < HELPERS_MAX; i++) {
		struct slot *slot = &helpers->slot[i];

		question_free(slot->question);
		if (slot->deadline)
			slot_kill(slot);
		slot_reap(slot);
		if (slot->deadline)
			event_free(slot->deadline);
	}
	while (!STAILQ_EMPTY(&helpers->waiting)) {
		struct question *question = STAILQ_FIRST(&helpers->waiting);

		STAILQ_REMOVE_HEAD(&helpers->waiting, next);
		question_free(question);
	}
	if (helpers->pump)
		event_free(helpers->pump);
	free(helpers);
}
