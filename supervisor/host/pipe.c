/*
 * pipe.c - programs on other hosts whose input and output somebody here holds.
 *
 * ssh ends when its input is closed and the program there has ended; it is ours
 * only to be reaped.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "supervisor/host/internal.h"
#include "supervisor/memory.h"
#include "supervisor/process/forked.h"

static void pipe_end(struct pipe *pipe)
{
	(void)kill(pipe->pid, SIGKILL); /* not reaped: still its pid */
	while (waitpid(pipe->pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (pipe->ended)
		event_free(pipe->ended);
	if (pipe->pidfd >= 0)
		(void)close(pipe->pidfd);
	LIST_REMOVE(pipe, next);
	free(pipe);
}

void pipes_end(struct host *host)
{
	while (!LIST_EMPTY(&host->pipes))
		pipe_end(LIST_FIRST(&host->pipes));
}

static void on_ended(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	pipe_end(arg);
}

static bool pipe_open(struct host *host, const struct ssh_words *words,
	int *ret_fd, struct err *err)
{
	struct pipe *pipe = memory_calloc(1, sizeof(*pipe));

	if (!forked_pair(
		    words->word, NULL, host->errors, ret_fd, &pipe->pid, err)) {
		free(pipe);
		return false;
	}
	LIST_INSERT_HEAD(&host->pipes, pipe, next);
	pipe->pidfd = pidfd_open(pipe->pid, 0);
	if (pipe->pidfd >= 0)
		pipe->ended = event_new(host->hosts->base, pipe->pidfd, EV_READ,
			on_ended, pipe);
	if (pipe->ended && event_add(pipe->ended, NULL) == 0)
		return true;
	(void)err_sys(err, ERR_AGAIN, errno, "watching ssh");
	(void)close(take_fd(ret_fd));
	pipe_end(pipe);
	return false;
}

static void begin_pipe(struct host_call *call)
{
	const char *const *words =
		(const char *const *)(const void *)call->words;
	host_pipe_fn *piped = call->piped;
	void *arg = call->arg;
	struct ssh_words ssh;
	struct err err = {0};
	int fd = -1;

	ssh_session_words(call->host, words, &ssh);
	if (!pipe_open(call->host, &ssh, &fd, &err)) {
		err.code = ERR_AGAIN;
		call_fail(call, &err);
		return;
	}
	call_free(call);
	piped(arg, fd, NULL);
}

static void pipe_failed(const struct host_call *call, const struct err *err)
{
	call->piped(call->arg, -1, err);
}

static void forget_words(struct host_call *call)
{
	for (char **word = call->words; word && *word; word++)
		free(*word);
	free(call->words);
}

static const struct call_kind pipe_kind = {
	begin_pipe, pipe_failed, forget_words};

bool host_pipe(struct host *host, const char *const words[], int64_t timeout_ms,
	host_pipe_fn *done, void *arg, struct host_call **ret_call,
	struct err *err)
{
	struct host_call *call;
	size_t count = 0;

	if (ret_call)
		*ret_call = NULL;
	if (host_is_local(host))
		return err_set(err, ERR_BUG, "a pipe to this machine");
	while (words[count])
		count++;
	if (count == 0 || count > PIPE_WORDS_MAX)
		return err_set(err, ERR_BUG, "a pipe of %zu words", count);
	call = call_new(host, &pipe_kind, timeout_ms);
	call->words = memory_calloc(count + 1, sizeof(*call->words));
	for (size_t i = 0; i < count; i++)
		call->words[i] = memory_strdup(words[i]);
	call->piped = done;
	call->arg = arg;
	return call_go(call, ret_call, err);
}
