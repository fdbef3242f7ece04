/*
 * unit_look.c - the process of a unit, by /proc.
 *
 * It is the one of the unit's processes that owns the port; until it listens,
 * and once it no longer does, the youngest that has its --config (a wrapper
 * that has it, too, is older than what it started); else the unit's main
 * process.
 */
#include "supervisor/process/unit_look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/memory.h"
#include "supervisor/process/backend.h"

struct look {
	uint16_t port;
	const char *config;
	const json_t *pids;
	pid_t main;
	bool ended;
};

__attribute__((format(printf, 3, 4))) static void say(
	struct process_seen *seen, enum process_view view, const char *fmt, ...)
{
	va_list args;

	seen->view = view;
	va_start(args, fmt);
	(void)vsnprintf(seen->why, sizeof(seen->why), fmt, args);
	va_end(args);
}

static bool is_of_unit(const struct look *look, pid_t pid)
{
	size_t i;
	json_t *item;

	json_array_foreach (look->pids, i, item)
		if (json_integer_value(item) == pid)
			return true;
	return false;
}

static pid_t youngest_with_config(const struct look *look)
{
	uint64_t youngest = 0, ticks;
	pid_t found = 0;
	size_t i;
	json_t *item;

	json_array_foreach (look->pids, i, item) {
		pid_t pid = (pid_t)json_integer_value(item);

		if (proc_match_config(pid, look->config) == PROC_DIFFERS ||
			!proc_start_ticks(pid, &ticks, NULL) ||
			ticks < youngest)
			continue;
		youngest = ticks;
		found = pid;
	}
	return found;
}

/* A shell that runs the hold: it is about to end by itself, and is no sync. */
static bool is_turned_away(pid_t pid)
{
	_cleanup_free_ char *script = NULL;
	char **argv = NULL;

	if (!proc_argv(pid, &argv, NULL))
		return false;
	if (argv[0] && argv[1] && argv[1][0] == '/')
		script = realpath(argv[1], NULL);
	proc_argv_free(argv);
	return script && strstr(script, "/versions/.hold-");
}

static void see_one(pid_t pid, struct process_seen *seen)
{
	if (!process_see(pid, seen))
		say(seen, PROCESS_UNKNOWN, "process %d ended while we looked",
			(int)pid);
	else if (is_turned_away(pid))
		say(seen, PROCESS_UNKNOWN,
			"it is just being turned away by the hold (pid %d)",
			(int)pid);
}

static void look_at_live(
	const struct look *look, pid_t listener, struct process_seen *seen)
{
	pid_t pid = listener;

	if (!pid)
		pid = youngest_with_config(look);
	if (!pid)
		pid = look->main;
	if (!pid && json_array_size(look->pids) > 0)
		say(seen, PROCESS_UNKNOWN,
			"the unit has processes, but none with this --config");
	else if (!pid)
		say(seen, PROCESS_UNKNOWN, "the unit has no process just now");
	else
		see_one(pid, seen);
}

/* Nobody else may have started it by hand, either. */
static void look_for_others(const struct look *look, struct process_seen *seen)
{
	struct proc_matches matches;
	struct err err = {0};

	if (!proc_find_config(look->config, &matches, &err))
		say(seen, PROCESS_UNKNOWN, "%.199s", err.msg);
	else if (matches.count)
		say(seen, PROCESS_UNKNOWN,
			"process %d has this --config and is not of the unit",
			(int)matches.pid);
	else if (matches.unsure)
		say(seen, PROCESS_UNKNOWN,
			"process %d may have this --config: run syncup as its "
			"user",
			(int)matches.unsure);
	else
		say(seen, PROCESS_GONE,
			"it has no process, and nothing "
			"listens on port %u",
			look->port);
}

static void look_at(const struct look *look, struct process_seen *seen)
{
	struct err err = {0};
	bool listening;
	pid_t pid;

	if (!proc_find_listener(look->port, &pid, &listening, &err)) {
		say(seen, PROCESS_UNKNOWN, "%.199s", err.msg);
	} else if (pid && !is_of_unit(look, pid)) {
		say(seen, PROCESS_UNKNOWN,
			"port %u belongs to process %d, which is not of the "
			"unit",
			look->port, (int)pid);
	} else if (!look->ended) {
		look_at_live(look, pid, seen);
	} else if (json_array_size(look->pids) > 0) {
		say(seen, PROCESS_UNKNOWN,
			"the unit has ended, but its process %d has not",
			(int)json_integer_value(json_array_get(look->pids, 0)));
	} else if (listening) {
		say(seen, PROCESS_UNKNOWN,
			"the unit has ended, but somebody listens on port %u",
			look->port);
	} else {
		look_for_others(look, seen);
	}
}

static json_int_t int_of(const json_t *json, const char *key)
{
	return json_integer_value(json_object_get(json, key));
}

static void tell_end(json_int_t exited_us, struct process_seen *seen)
{
	struct timespec now;

	if (exited_us <= 0 || seen->view == PROCESS_RUNNING ||
		clock_gettime(CLOCK_MONOTONIC, &now) != 0)
		return;
	seen->has_ended = true;
	seen->ended_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 -
			 exited_us / 1000;
}

static void keep(void *arg, const struct process_seen *seen)
{
	*(struct process_seen *)arg = *seen;
}

bool unit_look(
	const json_t *ask, struct process_seen *ret_seen, struct err *err)
{
	const struct look look = {
		.port = (uint16_t)int_of(ask, "port"),
		.config = json_string_value(json_object_get(ask, "config")),
		.pids = json_object_get(ask, "pids"),
		.main = (pid_t)int_of(ask, "main"),
		.ended = json_is_true(json_object_get(ask, "ended")),
	};
	struct process_seen seen = {0};

	if (!look.config)
		return err_set(err, ERR_BUG, "a look at a unit without config");
	look_at(&look, &seen);
	tell_end(int_of(ask, "exited_us"), &seen);
	process_tell(&seen, keep, ret_seen);
	return true;
}
