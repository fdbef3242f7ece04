/*
 * child.c - children of ours on the event loop.
 *
 * The end is known by a pidfd in the loop, so that no signal handler is
 * needed and only this child is ever waited for.
 */
#include "supervisor/engine/child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/memory.h"
#include "supervisor/process/forked.h"

struct child {
	pid_t pid; /* 0 once reaped */
	int pidfd;
	int pipe; /* -1 once closed, or if it writes elsewhere */
	int status;
	bool timed_out, finishing;
	bool whole; /* what it started is killed with it */
	struct event *ended, *readable, *timer;
	char *output; /* CHILD_OUTPUT_MAX + 1 bytes */
	size_t len;
	child_fn *done;
	void *arg;
};

static void child_free(struct child *child)
{
	struct event **events[] = {
		&child->ended, &child->readable, &child->timer};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (*events[i] != NULL)
			event_free(*events[i]);
	if (child->pidfd >= 0)
		(void)close(child->pidfd);
	if (child->pipe >= 0)
		(void)close(child->pipe);
	free(child->output);
	free(child);
}

static void wait_for(struct child *child)
{
	pid_t got;

	do
		got = waitpid(child->pid, &child->status, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0) /* somebody else reaped it: never take that for success */
		child->status = W_EXITCODE(255, 0);
	child->pid = 0;
}

static void finish(struct child *child)
{
	struct child_end end = {.status = child->status,
		/* It may have ended by itself while the timer fired. */
		.timed_out = child->timed_out && WIFSIGNALED(child->status),
		.output = child->output,
		.len = child->len};

	child->output[child->len] = '\0';
	child->finishing = true;
	child->done(child->arg, &end);
	child_free(child);
}

static void set_timer(struct child *child, int64_t ms)
{
	struct timeval tv = {.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	(void)event_add(child->timer, &tv);
}

static void close_pipe(struct child *child)
{
	(void)event_del(child->readable);
	(void)close(child->pipe);
	child->pipe = -1;
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
	struct child *child = arg;

	(void)fd;
	(void)what;
	(void)event_del(child->ended);
	wait_for(child);
	sys_crash_point("child: reaped");
	if (child->pipe < 0) {
		finish(child);
		return;
	}
	set_timer(child, CHILD_LINGER_MS);
}

/* The last word of a talkative child is worth more than its first. */
static void make_room(struct child *child)
{
	size_t half = CHILD_OUTPUT_MAX / 2;

	if (child->len < CHILD_OUTPUT_MAX)
		return;
	memmove(child->output, child->output + half, child->len - half);
	child->len -= half;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct child *child = arg;
	ssize_t got;

	(void)what;
	make_room(child);
	got = read(
		fd, child->output + child->len, CHILD_OUTPUT_MAX - child->len);
	if (got > 0) {
		child->len += (size_t)got;
		return;
	}
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	close_pipe(child);
	if (child->pid == 0)
		finish(child);
}

/* Not reaped: the pid is still its own, and its group's, which it leads. */
static void strike(const struct child *child)
{
	if (child->whole)
		(void)kill(-child->pid, SIGKILL);
	else
		(void)kill(child->pid, SIGKILL);
}

/* First the caller's timeout; once it is reaped, the time that something else
 * may keep its output open. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct child *child = arg;

	(void)fd;
	(void)what;
	if (child->pid > 0) {
		child->timed_out = true;
		strike(child);
		return;
	}
	close_pipe(child);
	finish(child);
}

static bool watch(
	struct child *child, struct event_base *base, int64_t timeout_ms)
{
	child->pidfd = pidfd_open(child->pid, 0);
	if (child->pidfd < 0)
		return false;
	child->ended = event_new(
		base, child->pidfd, EV_READ | EV_PERSIST, on_ended, child);
	child->timer = event_new(base, -1, 0, on_timer, child);
	if (child->ended == NULL || child->timer == NULL ||
		event_add(child->ended, NULL) != 0)
		return false;
	if (child->pipe >= 0) {
		child->readable = event_new(base, child->pipe,
			EV_READ | EV_PERSIST, on_readable, child);
		if (child->readable == NULL ||
			event_add(child->readable, NULL) != 0)
			return false;
	}
	if (timeout_ms > 0)
		set_timer(child, timeout_ms);
	return true;
}

/* Takes over the pipe, and reaps the child if it cannot be watched. */
static bool adopt(struct event_base *base, pid_t pid, int *pipe_fd,
	int64_t timeout_ms, child_fn *done, void *arg, struct child **ret_child,
	struct err *err)
{
	struct child *child = memory_must(calloc(1, sizeof(*child)));

	assert(pid > 0);
	child->pid = pid;
	child->pidfd = -1;
	child->pipe = take_fd(pipe_fd);
	child->done = done;
	child->arg = arg;
	child->output = memory_alloc(CHILD_OUTPUT_MAX + 1);
	if (watch(child, base, timeout_ms)) {
		if (ret_child != NULL)
			*ret_child = child;
		return true;
	}
	/* It runs already: a command may have done anything by now. */
	(void)err_sys(err, ERR_AGAIN, errno, "watching a child");
	child_kill(child);
	return false;
}

static bool run(struct event_base *base, char *const argv[], char *const env[],
	int input, int output, int64_t timeout_ms, child_fn *done, void *arg,
	struct child **ret_child, struct err *err)
{
	_cleanup_fd_ int ours = -1, theirs = -1;
	int ends[2], fd[3];
	pid_t pid;

	if (output < 0) {
		if (pipe2(ends, O_CLOEXEC) != 0)
			return err_sys(
				err, ERR_STEP, errno, "starting %s", argv[0]);
		ours = ends[0];
		theirs = ends[1];
	}
	fd[0] = input;
	fd[1] = fd[2] = output < 0 ? theirs : output;
	if (!forked_start(argv, env, fd, &pid, err))
		return false;
	sys_crash_point("child: forked");
	return adopt(base, pid, &ours, timeout_ms, done, arg, ret_child, err);
}

bool child_run(struct event_base *base, char *const argv[], char *const env[],
	int64_t timeout_ms, child_fn *done, void *arg, struct child **ret_child,
	struct err *err)
{
	return run(
		base, argv, env, -1, -1, timeout_ms, done, arg, ret_child, err);
}

bool child_run_to(struct event_base *base, char *const argv[],
	char *const env[], int output, int64_t timeout_ms, child_fn *done,
	void *arg, struct child **ret_child, struct err *err)
{
	return run(base, argv, env, -1, output, timeout_ms, done, arg,
		ret_child, err);
}

bool child_run_from(struct event_base *base, char *const argv[], int input,
	int64_t timeout_ms, child_fn *done, void *arg, struct child **ret_child,
	struct err *err)
{
	struct child *child = NULL;

	if (!run(base, argv, NULL, input, -1, timeout_ms, done, arg, &child,
		    err))
		return false;
	assert(child);
	child->whole = true;
	if (ret_child != NULL)
		*ret_child = child;
	return true;
}

/* Standard error stays: it is where an assert or a sanitizer speaks. */
static _Noreturn void become_worker(
	child_work_fn *work, void *work_arg, int output, pid_t parent)
{
	const int keep[] = {-1, -1, STDERR_FILENO, output};

	forked_belong(parent);
	if (!forked_keep(keep, 4))
		_exit(127);
	(void)fcntl(3, F_SETFD, FD_CLOEXEC);
	forked_signals();
	/* No exit handlers: they are the parent's. */
	_exit(work(work_arg, 3));
}

bool child_work(struct event_base *base, child_work_fn *work, void *work_arg,
	int64_t timeout_ms, child_fn *done, void *arg, struct child **ret_child,
	struct err *err)
{
	_cleanup_fd_ int ours = -1, theirs = -1;
	pid_t parent = getpid(), pid;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_sys(err, ERR_STEP, errno, "starting a worker");
	ours = ends[0];
	theirs = ends[1];
	pid = forked_fork();
	if (pid == -1)
		return err_sys(err, ERR_STEP, errno, "starting a worker: fork");
	if (pid == 0)
		become_worker(work, work_arg, theirs, parent);
	sys_crash_point("child: forked");
	return adopt(base, pid, &ours, timeout_ms, done, arg, ret_child, err);
}

void child_kill(struct child *child)
{
	if (child == NULL || child->finishing)
		return;
	if (child->pid > 0) {
		strike(child);
		wait_for(child);
	}
	child_free(child);
}
