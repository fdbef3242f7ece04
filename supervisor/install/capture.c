/*
 * capture.c - see capture.h.
 */
#include "supervisor/install/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"

enum { LOOK_MS = 10 };

struct stream {
	char *text;
	size_t len;
	int fd; /* -1 at its end */
};

struct pipes {
	int out[2], diag[2], failed[2]; /* failed: errno of exec */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(take_fd(fd));
}

static void pipes_close(struct pipes *pipes, int end)
{
	close_fd(&pipes->out[end]);
	close_fd(&pipes->diag[end]);
	close_fd(&pipes->failed[end]);
}

static bool pipes_open(struct pipes *pipes, struct err *err)
{
	if (pipe2(pipes->out, O_CLOEXEC) == 0 &&
		pipe2(pipes->diag, O_CLOEXEC) == 0 &&
		pipe2(pipes->failed, O_CLOEXEC) == 0)
		return true;
	return err_sys(err, ERR_STEP, errno, "making a pipe");
}

static void undo_signals(void)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (int sig = 1; sig < SIGRTMIN; sig++)
		(void)signal(sig, SIG_DFL);
}

static void child_exec(
	const struct capture_spec *spec, const struct pipes *pipes)
{
	static const struct rlimit no_core = {0, 0};
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char *const *argv = (char *const *)spec->argv;
	char path[64];

	/* our death must not leave it behind */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setpgid(0, 0);
	undo_signals();
	(void)setrlimit(RLIMIT_CORE, &no_core);
	if (null < 0 || dup2(null, 0) < 0 || dup2(pipes->out[1], 1) < 0 ||
		dup2(pipes->diag[1], 2) < 0)
		return;
	(void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	if (spec->env)
		environ = (char **)spec->env;
	else
		(void)setenv("LC_ALL", "C", 1);
	if (spec->fd < 0) {
		if (strchr(argv[0], '/'))
			(void)execve(argv[0], argv, environ);
		else
			(void)execvp(argv[0], argv);
		return;
	}
	/* by a name, because valgrind knows no fexecve(); and the interpreter
	 * of a script opens it again */
	(void)fcntl(spec->fd, F_SETFD, 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", spec->fd);
	(void)execve(path, argv, environ);
}

/* Reads what is there; at the end closes. */
static void drain(struct stream *stream)
{
	char dropped[4096];

	while (stream->fd >= 0) {
		bool is_full = stream->len == CAPTURE_MAX;
		ssize_t got = read(stream->fd,
			is_full ? dropped : stream->text + stream->len,
			is_full ? sizeof(dropped) : CAPTURE_MAX - stream->len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0)
			close_fd(&stream->fd);
		else if (!is_full)
			stream->len += (size_t)got;
		if (is_full)
			return; /* an endless writer must not keep us here */
	}
}

/* It stays a zombie, so that its number cannot become another's. */
static bool has_ended(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
		       0 &&
	       info.si_pid == pid;
}

/* True if it ended before the deadline.  Its end counts, not that of its
 * output: something that it left running may hold the pipes. */
static bool watch(pid_t pid, struct stream streams[2], int deadline_ms)
{
	int64_t end = sys_monotonic_ms() + deadline_ms;
	bool is_over = false;

	while (!is_over) {
		struct pollfd polls[] = {
			{.fd = streams[0].fd, .events = POLLIN},
			{.fd = streams[1].fd, .events = POLLIN},
		};

		if (sys_monotonic_ms() >= end)
			return false;
		if (poll(polls, 2, LOOK_MS) < 0 && errno != EINTR)
			return false;
		is_over = has_ended(pid); /* then drain what it said last */
		drain(&streams[0]);
		drain(&streams[1]);
	}
	return true;
}

static bool stream_init(struct stream *stream, int *fd)
{
	stream->fd = take_fd(fd);
	stream->text = calloc(1, CAPTURE_MAX + 1);
	return stream->text && fcntl(stream->fd, F_SETFL, O_NONBLOCK) == 0;
}

static bool parent_watch(pid_t pid, const struct capture_spec *spec,
	struct pipes *pipes, struct capture *capture, struct err *err)
{
	struct stream streams[2] = {{.fd = -1}, {.fd = -1}};
	bool ok = stream_init(&streams[0], &pipes->out[0]);

	ok = stream_init(&streams[1], &pipes->diag[0]) && ok;
	capture->out = streams[0].text;
	capture->diag = streams[1].text;
	if (ok)
		capture->is_late = !watch(pid, streams, spec->deadline_ms);
	else
		(void)err_sys(err, ERR_STEP, errno, "watching a child");
	close_fd(&streams[0].fd);
	close_fd(&streams[1].fd);
	return ok;
}

bool capture_run(const struct capture_spec *spec, struct capture *ret_capture,
	struct err *err)
{
	struct pipes pipes = {{-1, -1}, {-1, -1}, {-1, -1}};
	pid_t pid = -1;
	bool ok;

	memset(ret_capture, 0, sizeof(*ret_capture));
	ok = pipes_open(&pipes, err);
	if (ok)
		pid = fork();
	if (ok && pid < 0)
		ok = err_sys(err, ERR_STEP, errno, "starting a child");
	if (pid == 0) {
		int failed;

		child_exec(spec, &pipes);
		failed = errno;
		(void)!write(pipes.failed[1], &failed, sizeof(failed));
		_exit(127);
	}
	pipes_close(&pipes, 1);
	if (pid > 0) {
		(void)setpgid(pid, pid); /* whoever comes first */
		ok = parent_watch(pid, spec, &pipes, ret_capture, err);
		/* before it is reaped: its number is still its own */
		(void)kill(-pid, SIGKILL);
		(void)kill(pid, SIGKILL);
		while (waitpid(pid, &ret_capture->status, 0) < 0 &&
			errno == EINTR)
			continue;
		if (read(pipes.failed[0], &ret_capture->exec_errno,
			    sizeof(int)) != (ssize_t)sizeof(int))
			ret_capture->exec_errno = 0;
	}
	pipes_close(&pipes, 0);
	if (!ok)
		capture_done(ret_capture);
	return ok;
}

void capture_done(struct capture *capture)
{
	free(capture->out);
	free(capture->diag);
	memset(capture, 0, sizeof(*capture));
}
