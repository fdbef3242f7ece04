/*
 * command.c - processes that the fleet file's own commands start and stop.
 *
 * Exit statuses: start and stop 0 = done, else not done; status 0 = running,
 * 3 = not running (as LSB says), else it cannot tell.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/engine/child.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/process/backend.h"

#define STATUS_MS 30000
#define ACT_MS 600000 /* a stop command may wait for the process's end */
#define TAIL_MAX 4096 /* of an output file */
#define STATUS_GONE 3

struct command {
	const char *doing; /* "start command" */
	char name[128];
	uint16_t port;
	int output; /* the file that it appends to, or -1 */
	off_t from; /* where it began */
	process_seen_fn *seen;
	process_acted_fn *acted;
	void *arg;
};

static void describe_end(const struct command *command,
	const struct child_end *end, char *ret_text, size_t size)
{
	char tail[TAIL_MAX + 1] = "", line[160];
	const char *output = end->output;

	if (command->output >= 0) {
		off_t last = lseek(command->output, 0, SEEK_END);
		off_t from = last - command->from > TAIL_MAX ? last - TAIL_MAX
							     : command->from;
		ssize_t len = pread(command->output, tail, TAIL_MAX, from);

		tail[len > 0 ? len : 0] = '\0';
		output = tail;
	}
	scrub_last_line(output, line, sizeof(line));
	if (line[0] == '\0')
		(void)snprintf(line, sizeof(line), "it said nothing");
	if (end->timed_out)
		(void)snprintf(ret_text, size, "%s: no end in time: %s",
			command->doing, line);
	else if (WIFEXITED(end->status))
		(void)snprintf(ret_text, size, "%s: exit status %d: %s",
			command->doing, WEXITSTATUS(end->status), line);
	else
		(void)snprintf(ret_text, size, "%s: killed by signal %d: %s",
			command->doing, WTERMSIG(end->status), line);
}

static void command_free(struct command *command)
{
	if (command->output >= 0)
		(void)close(command->output);
	free(command);
}

static void judge_status(const struct command *command,
	const struct child_end *end, struct process_seen *seen)
{
	struct err err = {0};
	bool listening;
	pid_t pid;

	if (!WIFEXITED(end->status) ||
		(WEXITSTATUS(end->status) != 0 &&
			WEXITSTATUS(end->status) != STATUS_GONE)) {
		describe_end(command, end, seen->why, sizeof(seen->why));
		return;
	}
	if (!proc_find_listener(command->port, &pid, &listening, &err)) {
		(void)snprintf(seen->why, sizeof(seen->why), "%.199s", err.msg);
		return;
	}
	if (WEXITSTATUS(end->status) == 0) {
		/* In a container or under another user it has no pid for us. */
		if (pid == 0 || !process_see(pid, seen))
			seen->view = PROCESS_RUNNING;
		return;
	}
	if (listening) {
		(void)snprintf(seen->why, sizeof(seen->why),
			"the status command says not running, but process %d "
			"listens on port %u",
			(int)pid, command->port);
		return;
	}
	seen->view = PROCESS_GONE;
	(void)snprintf(seen->why, sizeof(seen->why),
		"the status command says not running, nothing listens on port "
		"%u",
		command->port);
}

static void on_status(void *arg, const struct child_end *end)
{
	struct command *command = arg;
	struct process_seen seen = {0};

	judge_status(command, end, &seen);
	process_tell(&seen, command->seen, command->arg);
	command_free(command);
}

static void on_acted(void *arg, const struct child_end *end)
{
	struct command *command = arg;
	char text[300];
	struct err err = {0};

	if (WIFEXITED(end->status) && WEXITSTATUS(end->status) == 0) {
		command->acted(command->arg, NULL);
		command_free(command);
		return;
	}
	describe_end(command, end, text, sizeof(text));
	/* Killed in the middle it may have done anything. */
	(void)err_set(&err, WIFEXITED(end->status) ? ERR_STEP : ERR_AGAIN,
		"%s: %s", command->name, text);
	command->acted(command->arg, &err);
	command_free(command);
}

static bool command_run(struct event_base *base,
	const struct process_spec *spec, char *const *argv,
	struct command *command, struct err *err)
{
	child_fn *done = command->seen != NULL ? on_status : on_acted;
	int64_t timeout = command->seen != NULL ? STATUS_MS : ACT_MS;
	bool ok;

	(void)snprintf(command->name, sizeof(command->name), "%s", spec->name);
	command->port = spec->port;
	if (argv == NULL || argv[0] == NULL)
		ok = err_set(err, ERR_STEP, "none is given");
	else if (command->output >= 0)
		ok = child_run_to(base, argv, NULL, command->output, timeout,
			done, command, NULL, err);
	else
		ok = child_run(
			base, argv, NULL, timeout, done, command, NULL, err);
	if (ok)
		return true;
	(void)err_wrap(err, "%s: %s", spec->name, command->doing);
	command_free(command);
	return false;
}

static struct command *command_new(
	const char *doing, void *arg, struct err *err)
{
	struct command *command = calloc(1, sizeof(*command));

	if (command == NULL) {
		(void)err_set(err, ERR_MEMORY, "out of memory");
		return NULL;
	}
	command->doing = doing;
	command->arg = arg;
	command->output = -1;
	return command;
}

static bool command_observe(struct event_base *base,
	const struct process_spec *spec, process_seen_fn *done, void *arg,
	struct err *err)
{
	struct command *command = command_new("status command", arg, err);

	if (command == NULL)
		return false;
	command->seen = done;
	return command_run(base, spec, spec->status, command, err);
}

static bool command_stop(struct event_base *base,
	const struct process_spec *spec, const struct process_seen *who,
	bool kill, process_acted_fn *done, void *arg, struct err *err)
{
	struct command *command;

	if (kill) {
		if (who->pid <= 0)
			return err_set(err, ERR_STEP,
				"%s: cannot be killed: its pid is not known",
				spec->name);
		if (!process_signal(who, SIGKILL, err))
			return err_wrap(err, "%s", spec->name);
		done(arg, NULL);
		return true;
	}
	command = command_new("stop command", arg, err);
	if (command == NULL)
		return false;
	command->acted = done;
	return command_run(base, spec, spec->stop, command, err);
}

/* What it leaves running may keep its output: that is a file, never a pipe of
 * ours. */
static bool command_start(struct event_base *base,
	const struct process_spec *spec, uint64_t attempt,
	process_acted_fn *done, void *arg, struct err *err)
{
	struct command *command = command_new("start command", arg, err);

	(void)attempt;
	if (command == NULL)
		return false;
	command->acted = done;
	command->output =
		open(spec->output != NULL ? spec->output : "/dev/null",
			O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (command->output < 0) {
		(void)err_sys(err, ERR_STEP, errno, "%s: opening %s",
			spec->name, spec->output);
		command_free(command);
		return false;
	}
	command->from = lseek(command->output, 0, SEEK_END);
	return command_run(base, spec, spec->start, command, err);
}

const struct process_ops process_command = {
	.name = "command",
	.observe = command_observe,
	.stop = command_stop,
	.start = command_start,
};
