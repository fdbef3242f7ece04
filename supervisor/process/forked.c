/*
 * forked.c - between fork and exec.
 */
#include "supervisor/process/forked.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/cleanup.h"

/* Whoever started us may have had SIGCHLD ignored; then the kernel reaps for
 * us and every exit status is lost. */
static void want_exit_statuses(void)
{
	struct sigaction action;

	if (sigaction(SIGCHLD, NULL, &action) == 0 &&
		action.sa_handler == SIG_IGN)
		(void)signal(SIGCHLD, SIG_DFL);
}

pid_t forked_fork(void)
{
	sigset_t all, before;
	pid_t pid;
	int error;

	want_exit_statuses();
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	error = errno;
	if (pid != 0)
		(void)sigprocmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return pid;
}

void forked_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL); /* KILL and STOP refuse */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

bool forked_keep(const int fd[], int count)
{
	int high[8];

	/* First out of the way, so that no target overwrites a source. */
	for (int i = 0; i < count; i++) {
		int null =
			fd[i] < 0 ? open("/dev/null", O_RDWR | O_CLOEXEC) : -1;
		int from = fd[i] < 0 ? null : fd[i];

		high[i] = fcntl(from, F_DUPFD_CLOEXEC, count);
		if (high[i] < 0)
			return false;
	}
	for (int i = 0; i < count; i++)
		if (dup2(high[i], i) < 0)
			return false;
	return close_range((unsigned)count, ~0U, 0) == 0;
}

void forked_exec(char *const argv[], char *const env[])
{
	if (strchr(argv[0], '/') != NULL)
		(void)execve(argv[0], argv, env);
	else
		(void)execvpe(argv[0], argv, env);
}

_Noreturn void forked_fail(int fd, const char *doing)
{
	struct forked_failure failure = {.sys = errno};

	(void)snprintf(failure.doing, sizeof(failure.doing), "%s", doing);
	/* Less than PIPE_BUF: all or nothing. */
	if (write(fd, &failure, sizeof(failure)) < 0)
		_exit(126);
	_exit(127);
}

/* What the child could not write or sync is not tried again. */
static bool is_disk(int sys_errno)
{
	return sys_errno == EIO || sys_errno == ENOSPC || sys_errno == EDQUOT;
}

int forked_outcome(int fd, const char *who, struct err *err)
{
	struct forked_failure failure;
	ssize_t got;

	do
		got = read(fd, &failure, sizeof(failure));
	while (got < 0 && errno == EINTR);
	if (got == 0)
		return 1;
	if (got < 0 && errno == EAGAIN)
		return 0;
	if (got < 0) {
		(void)err_sys(err, ERR_STEP, errno, "starting %s", who);
		return -1;
	}
	failure.doing[sizeof(failure.doing) - 1] = '\0';
	(void)err_sys(err, is_disk(failure.sys) ? ERR_STORAGE : ERR_STEP,
		failure.sys, "starting %s: %s", who, failure.doing);
	return -1;
}

void forked_belong(pid_t parent)
{
	(void)setsid();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it died before the line above */
		_exit(127);
}

static _Noreturn void become(char *const argv[], char *const env[],
	const int fd[3], int failed, pid_t parent)
{
	const int keep[] = {fd[0], fd[1], fd[2], failed};

	forked_belong(parent);
	if (!forked_keep(keep, 4))
		forked_fail(failed, "arranging its descriptors");
	(void)fcntl(3, F_SETFD, FD_CLOEXEC);
	forked_signals();
	forked_exec(argv, env);
	forked_fail(3, "exec");
}

bool forked_start(char *const argv[], char *const env[], const int fd[3],
	pid_t *ret_pid, struct err *err)
{
	_cleanup_fd_ int failed = -1, failing = -1;
	pid_t parent = getpid(), pid;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_sys(err, ERR_STEP, errno, "starting %s", argv[0]);
	failed = ends[0];
	failing = ends[1];
	pid = forked_fork();
	if (pid == -1)
		return err_sys(
			err, ERR_STEP, errno, "starting %s: fork", argv[0]);
	if (pid == 0)
		become(argv, env ? env : environ, fd, failing, parent);
	(void)close(take_fd(&failing));
	if (forked_outcome(failed, argv[0], err) < 0) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return false;
	}
	*ret_pid = pid;
	return true;
}

bool forked_pair(char *const argv[], char *const env[], int errors, int *ret_fd,
	pid_t *ret_pid, struct err *err)
{
	_cleanup_fd_ int ours = -1, theirs = -1;
	int ends[2], fd[3];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
		return err_sys(err, ERR_STEP, errno, "starting %s", argv[0]);
	ours = ends[0];
	theirs = ends[1];
	fd[0] = fd[1] = theirs;
	fd[2] = errors;
	if (!forked_start(argv, env, fd, ret_pid, err))
		return false;
	*ret_fd = take_fd(&ours);
	return true;
}
