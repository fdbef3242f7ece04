/*
 * spawn.c - processes that we start detached and find again by their lock.
 *
 * Started by a double fork into a session of its own, so that neither our end
 * nor our terminal's touches it.  The lock on the run file is ours before the
 * fork and the process's after it: at no instant can something be on its way
 * while the lock is free.
 *
 * The process has descriptors 0 (/dev/null), 1 and 2 (its output file) and 3,
 * the lock.  What it starts itself and lets inherit 3 counts as alive, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/process/backend.h"
#include "supervisor/process/environment.h"
#include "supervisor/process/forked.h"
#include "supervisor/process/run_file.h"
#include "supervisor/process/scope.h"

#define EXEC_WAIT_S 30 /* a directory on a dead server may never answer */

static bool unknown(struct process_seen *seen, const struct err *err)
{
	seen->view = PROCESS_UNKNOWN;
	(void)snprintf(seen->why, sizeof(seen->why), "%.199s", err->msg);
	return true;
}

/* True if the run file alone decides. */
static bool look_at_run_file(
	const struct process_spec *spec, struct process_seen *seen)
{
	struct run_file file;
	struct err err = {0};

	if (!run_file_read(spec->run_file, &file, &err))
		return unknown(seen, &err);
	seen->attempt = file.attempt;
	if (run_file_is_alive(&file) && process_see(file.pid, seen)) {
		if (!process_is_ours(seen) && !scope_is_runner(seen->exe))
			return true;
		(void)err_set(&err, ERR_AGAIN, "being started (pid %d)",
			(int)file.pid);
	} else if (file.locked) {
		(void)err_set(&err, ERR_AGAIN,
			"being started, or held by something it started: %s is "
			"locked",
			spec->run_file);
	} else {
		return false;
	}
	*seen = (struct process_seen){.attempt = file.attempt};
	return unknown(seen, &err);
}

static void see_foreign(pid_t pid, struct process_seen *seen)
{
	if (!process_see(pid, seen)) {
		(void)snprintf(seen->why, sizeof(seen->why),
			"process %d ended while we looked", (int)pid);
		return;
	}
	seen->attempt = 0; /* not one of ours */
}

/* True if somebody has the port. */
static bool look_at_port(
	const struct process_spec *spec, struct process_seen *seen)
{
	struct err err = {0};
	bool listening;
	pid_t pid;

	if (!proc_find_listener(spec->port, &pid, &listening, &err))
		return unknown(seen, &err);
	if (!listening)
		return false;
	if (pid != 0 && proc_match_config(pid, spec->config) == PROC_SAME) {
		see_foreign(pid, seen);
		return true;
	}
	if (pid == 0)
		(void)snprintf(seen->why, sizeof(seen->why),
			"port %u belongs to a process that we may not see: run "
			"syncup as its user",
			spec->port);
	else
		(void)snprintf(seen->why, sizeof(seen->why),
			"port %u belongs to process %d, whose --config is "
			"another",
			spec->port, (int)pid);
	return true;
}

static void look_at_all(
	const struct process_spec *spec, struct process_seen *seen)
{
	struct proc_matches matches;
	struct err err = {0};

	if (!proc_find_config(spec->config, &matches, &err)) {
		(void)unknown(seen, &err);
	} else if (matches.count > 1) {
		(void)snprintf(seen->why, sizeof(seen->why),
			"several processes have this --config: %d, %d",
			(int)matches.pid, (int)matches.other);
	} else if (matches.count == 1) {
		see_foreign(matches.pid, seen);
	} else if (matches.unsure != 0) {
		(void)snprintf(seen->why, sizeof(seen->why),
			"process %d may have this --config: run syncup as its "
			"user",
			(int)matches.unsure);
	} else {
		seen->view = PROCESS_GONE;
		(void)snprintf(seen->why, sizeof(seen->why),
			"no lock is held, nothing listens on port %u",
			spec->port);
	}
}

static bool spawn_observe(struct event_base *base,
	const struct process_spec *spec, process_seen_fn *done, void *arg,
	struct err *err)
{
	struct process_seen seen = {0};

	(void)base;
	(void)err;
	if (!look_at_run_file(spec, &seen) && !look_at_port(spec, &seen))
		look_at_all(spec, &seen);
	process_tell(&seen, done, arg);
	return true;
}

static bool spawn_stop(struct event_base *base, const struct process_spec *spec,
	const struct process_seen *who, bool kill, process_acted_fn *done,
	void *arg, struct err *err)
{
	(void)base;
	(void)spec;
	if (!process_signal(who, kill ? SIGKILL : SIGTERM, err))
		return false;
	done(arg, NULL);
	return true;
}

struct launch { /* what the copy of us needs */
	const struct process_spec *spec;
	uint64_t attempt;
	char **env;
	enum scope scope;
	int lock, output, failing;
};

static bool limit_files(rlim_t want)
{
	struct rlimit limit;

	if (want == 0)
		return true;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return false;
	limit.rlim_cur = want;
	if (limit.rlim_max < want)
		limit.rlim_max = want;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static _Noreturn void become_process(const struct launch *launch)
{
	const struct process_spec *spec = launch->spec;
	const int keep[] = {-1, launch->output, launch->output, launch->lock,
		launch->failing};

	if (!forked_keep(keep, 5))
		forked_fail(launch->failing, "arranging its descriptors");
	(void)fcntl(4, F_SETFD, FD_CLOEXEC);
	if (spec->directory != NULL && chdir(spec->directory) != 0)
		forked_fail(4, "changing to its directory");
	if (!limit_files((rlim_t)spec->nofile))
		forked_fail(4, "raising its limit of open files");
	if (!run_file_claim(3, launch->attempt, spec->argv[0]))
		forked_fail(4, "writing its run file");
	forked_signals();
	if (launch->scope == SCOPE_SYSTEM || launch->scope == SCOPE_USER)
		forked_exec(scope_argv(launch->scope, spec->name, spec->argv),
			launch->env);
	else
		forked_exec(spec->argv, launch->env);
	forked_fail(4, "exec");
}

/* The child's own child is nobody's: it never has to be waited for by us. */
static bool fork_twice(const struct launch *launch, struct err *err)
{
	pid_t pid = forked_fork();

	if (pid == -1)
		return err_sys(err, ERR_STEP, errno, "starting %s: fork",
			launch->spec->name);
	if (pid == 0) {
		if (setsid() == -1)
			forked_fail(launch->failing, "making a session");
		pid = fork();
		if (pid == -1)
			forked_fail(launch->failing, "fork");
		if (pid == 0)
			become_process(launch);
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return true;
}

struct start { /* one that has been forked and has not told of its exec */
	struct event *event;
	int outcome;
	char name[128];
	process_acted_fn *done;
	void *arg;
};

static void start_free(struct start *start)
{
	if (start == NULL)
		return;
	if (start->event != NULL)
		event_free(start->event);
	if (start->outcome >= 0)
		(void)close(start->outcome);
	free(start);
}

static void on_outcome(evutil_socket_t fd, short what, void *arg)
{
	struct start *start = arg;
	struct err err = {0};
	int outcome = 0;

	if (what & EV_READ)
		outcome = forked_outcome(fd, start->name, &err);
	else
		(void)err_set(&err, ERR_AGAIN,
			"starting %s: no exec after %d s", start->name,
			EXEC_WAIT_S);
	if (outcome == 0 && (what & EV_READ)) { /* a false alarm */
		const struct timeval wait = {.tv_sec = EXEC_WAIT_S};

		(void)event_add(start->event, &wait);
		return;
	}
	sys_crash_point("spawn: exec known");
	start->done(start->arg, outcome == 1 ? NULL : &err);
	start_free(start);
}

static struct start *start_new(struct event_base *base, const char *name,
	process_acted_fn *done, void *arg, int *ret_failing)
{
	const struct timeval wait = {.tv_sec = EXEC_WAIT_S};
	struct start *start = calloc(1, sizeof(*start));
	int ends[2];

	if (start == NULL)
		return NULL;
	start->outcome = -1;
	start->done = done;
	start->arg = arg;
	(void)snprintf(start->name, sizeof(start->name), "%s", name);
	if (pipe2(ends, O_CLOEXEC) != 0) {
		start_free(start);
		return NULL;
	}
	start->outcome = ends[0];
	*ret_failing = ends[1];
	start->event = event_new(base, ends[0], EV_READ, on_outcome, start);
	if (start->event == NULL || event_add(start->event, &wait) != 0) {
		start_free(start);
		return NULL;
	}
	return start;
}

static bool open_output(const char *path, int *ret_fd, struct err *err)
{
	int fd = open(path != NULL ? path : "/dev/null",
		O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(err, ERR_STEP, errno, "opening %s", path);
	*ret_fd = fd;
	return true;
}

/* All that can be refused is refused before the fork. */
static bool spawn_start(struct event_base *base,
	const struct process_spec *spec, uint64_t attempt,
	process_acted_fn *done, void *arg, struct err *err)
{
	_cleanup_fd_ int lock = -1, output = -1, failing = -1;
	struct launch launch = {.spec = spec, .attempt = attempt};
	struct start *start;
	bool ok;

	launch.scope = scope_here(NULL, 0);
	if (!open_output(spec->output, &output, err) ||
		!environment_new(spec->environment_file, &launch.env, err))
		return err_wrap(err, "starting %s", spec->name);
	sys_crash_point("spawn: before the lock");
	ok = run_file_lock(spec->run_file, &lock, err);
	start = ok ? start_new(base, spec->name, done, arg, &failing) : NULL;
	if (ok && start == NULL)
		ok = err_sys(err, ERR_STEP, errno, "watching for its exec");
	sys_crash_point("spawn: locked");
	if (ok) {
		launch.lock = lock;
		launch.output = output;
		launch.failing = failing;
		ok = fork_twice(&launch, err);
		sys_crash_point("spawn: forked");
	}
	environment_free(launch.env);
	if (!ok) {
		start_free(start);
		return err_wrap(err, "starting %s", spec->name);
	}
	return true;
}

const struct process_ops process_spawn = {
	.name = "spawn",
	.observe = spawn_observe,
	.stop = spawn_stop,
	.start = spawn_start,
};
