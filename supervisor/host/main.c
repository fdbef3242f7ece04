/*
 * main.c - syncup-host: answers questions about the host it runs on until its
 * standard input closes.  Sent there by syncup, and started there by a line of
 * shell (bootstrap.h); not by people.
 *
 * When the connection ends, so does it, at once and in the middle of whatever
 * it does: everything that it does may be repeated after a kill.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/err.h"
#include "supervisor/helper/loop.h"
#include "supervisor/host/bootstrap.h"
#include "supervisor/host/fence.h"
#include "supervisor/host/ops.h"
#include "supervisor/memory.h"
#include "supervisor/version.h"

#define OPS_MAX 64

static bool op_hello(const json_t *ask, json_t **ret_result, struct err *err)
{
	const char *owner = json_string_value(json_object_get(ask, "owner"));
	const char *connection =
		json_string_value(json_object_get(ask, "connection"));

	if (!owner || !connection)
		return err_set(err, ERR_BUG, "hello from nobody");
	if (owner[0] && !fence_enter(owner, connection, err))
		return false;
	*ret_result = json_pack("{s:I, s:s}", "pid", (json_int_t)getpid(),
		"version", SYNCUP_VERSION);
	return *ret_result || err_set(err, ERR_MEMORY, "out of memory");
}

/* Held while something is done. */
static pthread_mutex_t working = PTHREAD_MUTEX_INITIALIZER;

static bool answer_op(const json_t *ask, json_t **ret_result, struct err *err)
{
	const char *name = json_string_value(json_object_get(ask, "op"));
	bool ok;

	(void)pthread_mutex_lock(&working);
	ok = strcmp(name, "hello") == 0
		     ? op_hello(ask, ret_result, err)
		     : host_op_find(name)->fn(ask, ret_result, err);
	(void)pthread_mutex_unlock(&working);
	return ok;
}

/* Whatever the question is, nobody waits for its answer any more.  In the
 * middle of one we stay in the fence's list: a disk may hold up our end, and
 * whoever comes next has to wait for that. */
static void *watch_input(void *arg)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLRDHUP};

	(void)arg;
	for (;;) {
		if (poll(&input, 1, -1) < 0)
			continue;
		if (input.revents & (POLLHUP | POLLRDHUP | POLLERR)) {
			if (pthread_mutex_trylock(&working) == 0)
				fence_leave();
			_exit(0);
		}
	}
}

/* Its file and the directory that was made for it. */
static void remove_ourselves(void)
{
	char path[512];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *name, *folder;

	if (len <= 0)
		return;
	path[len] = '\0';
	name = strrchr(path, '/');
	if (!name || name == path)
		return;
	*name = '\0';
	folder = strrchr(path, '/');
	if (!folder || strncmp(folder + 1, BOOTSTRAP_DIRECTORY,
			       strlen(BOOTSTRAP_DIRECTORY)) != 0)
		return; /* not sent: it is where it was built */
	*name = '/';
	(void)unlink(path);
	*name = '\0';
	(void)rmdir(path);
}

/* The answers' way out is ours alone. */
static int take_stdout(void)
{
	int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (out >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
		(void)close(out);
		return -1;
	}
	return out;
}

static size_t collect_ops(struct helper_op ops[static OPS_MAX])
{
	const struct host_op *const lists[] = {
		host_ops_files, host_ops_process, host_ops_install};
	size_t count = 0;

	ops[count++] = (struct helper_op){"hello", answer_op};
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct host_op *op = lists[i]; op->name; op++)
			if (count < OPS_MAX)
				ops[count++] =
					(struct helper_op){op->name, answer_op};
	return count;
}

int main(int argc, char **argv)
{
	struct helper_op ops[OPS_MAX];
	_cleanup_fd_ int out = -1;
	struct err err = {0};
	pthread_t watcher;
	size_t count;
	int code;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		(void)printf("syncup-host %s\n", SYNCUP_VERSION);
		return 0;
	}
	if (argc != 1) {
		(void)fprintf(stderr,
			"syncup-host: sent and started by syncup, takes no "
			"arguments\n");
		return 2;
	}
	remove_ourselves();
	json_set_alloc_funcs(memory_alloc, free);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)umask(077);
	out = take_stdout();
	if (out < 0 || pthread_create(&watcher, NULL, watch_input, NULL) != 0 ||
		dprintf(out, BOOTSTRAP_GREETING "\n") < 0)
		return 1;
	count = collect_ops(ops);
	code = helper_loop(ops, count, STDIN_FILENO, out, &err);
	fence_leave();
	if (code)
		(void)fprintf(stderr, "syncup-host: %s\n", err.msg);
	return code;
}
