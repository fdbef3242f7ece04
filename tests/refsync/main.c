/*
 * main.c - the reference sync process: a stand-in for MongoDB's mongosync.
 *
 * It begins as `mongosync --config FILE`, serves its API in this thread and
 * syncs in another.  See README.md.
 */
#include <event2/event.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "tests/refsync/api.h"
#include "tests/refsync/effects.h"
#include "tests/refsync/log.h"
#include "tests/refsync/options.h"
#include "tests/refsync/settings.h"
#include "tests/refsync/sync.h"
#include "tests/refsync/version.h"

#define STOP_SIGNALS 3
#define WORKER_MS 10000 /* how long a stop waits for a blocked worker */

struct process {
	struct options options;
	struct event_base *base;
	struct event *signals[STOP_SIGNALS], *rotate, *done, *stopped, *stuck;
	struct sync *sync; /* NULL when told to hang at the start */
	struct api *api;
	bool stopping;
	int code;
};

static void arm(struct event *event, long ms)
{
	struct timeval when = {ms / 1000, ms % 1000 * 1000};

	(void)event_add(event, &when);
}

static void on_stopped(evutil_socket_t fd, short what, void *arg)
{
	struct process *process = arg;

	(void)fd;
	(void)what;
	(void)event_base_loopbreak(process->base);
}

/* A stop must not wait for ever for a cluster that does not answer. */
static void on_stuck(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	effects_add("exited", json_pack("{s:i}", "code", 1));
	_exit(1);
}

static void on_done(evutil_socket_t fd, short what, void *arg)
{
	struct process *process = arg;
	char byte;

	(void)what;
	if (read(fd, &byte, 1) != 1)
		return;
	(void)event_del(process->stuck);
	if (process->stopping) {
		arm(process->stopped, setting(SET_STOP_MS));
		return;
	}
	log_add(LOG_FATAL, process->sync->fatal, NULL);
	(void)fprintf(stderr, "%s\n", process->sync->fatal);
	process->code = 1;
	(void)event_base_loopbreak(process->base);
}

static void on_signal(evutil_socket_t number, short what, void *arg)
{
	struct process *process = arg;

	(void)what;
	settings_refresh();
	effects_add("signal", json_pack("{s:i}", "n", (int)number));
	if (setting(SET_IGNORE_SIGTERM))
		return;
	log_add(LOG_INFO, "received signal",
		json_pack("{s:i}", "signal", (int)number));
	if (process->stopping) {
		if (!version_has(20))
			effects_die(
				"panic", 2, "panic: close of closed channel");
		return;
	}
	process->stopping = true;
	api_stop_listening(process->api);
	if (process->sync) {
		sync_stop(process->sync);
		arm(process->stuck, WORKER_MS);
	} else {
		arm(process->stopped, setting(SET_STOP_MS));
	}
}

static void on_rotate(evutil_socket_t number, short what, void *arg)
{
	struct err err;

	(void)number;
	(void)what;
	(void)arg;
	if (!log_rotate(&err))
		log_add(LOG_ERROR, err.msg, NULL);
}

static void make_events(struct process *process)
{
	static const int stops[STOP_SIGNALS] = {SIGTERM, SIGINT, SIGQUIT};

	process->base = event_base_new();
	if (!process->base)
		abort();
	for (int i = 0; i < STOP_SIGNALS; i++) {
		process->signals[i] = evsignal_new(
			process->base, stops[i], on_signal, process);
		(void)event_add(process->signals[i], NULL);
	}
	process->rotate =
		evsignal_new(process->base, SIGUSR1, on_rotate, process);
	(void)event_add(process->rotate, NULL);
	process->stopped = event_new(process->base, -1, 0, on_stopped, process);
	process->stuck = event_new(process->base, -1, 0, on_stuck, process);
}

static void free_events(struct process *process)
{
	struct event *events[] = {process->rotate, process->done,
		process->stopped, process->stuck};

	for (int i = 0; i < STOP_SIGNALS; i++)
		if (process->signals[i])
			event_free(process->signals[i]);
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
		if (events[i])
			event_free(events[i]);
	if (process->base)
		event_base_free(process->base);
}

static bool serve(struct process *process, struct err *err)
{
	struct sync sync;
	bool ok;

	make_events(process); /* before, a signal just kills */
	if (setting(SET_HANG_AT_START)) {
		(void)event_base_loop(process->base, EVLOOP_NO_EXIT_ON_EMPTY);
		return true;
	}
	if (!sync_open(&sync, &process->options, err))
		return false;
	process->sync = &sync;
	process->done = event_new(process->base, sync.done_pipe[0],
		EV_READ | EV_PERSIST, on_done, process);
	(void)event_add(process->done, NULL);
	ok = api_open(process->base, &sync, &process->api, err) &&
	     sync_run(&sync, err);
	if (ok)
		(void)event_base_loop(process->base, EVLOOP_NO_EXIT_ON_EMPTY);
	sync_stop(&sync);
	api_free(process->api);
	process->api = NULL;
	sync_close(&sync);
	process->sync = NULL;
	return ok;
}

/* From 1.9 on the first thing a terminal sees. */
static bool accept_disclaimer(const struct options *options, struct err *err)
{
	char answer[16];

	if (!version_has(9) || options->accept_disclaimer)
		return true;
	printf("The embedded verifier has limitations; read its "
	       "documentation.\nDo you want to continue? (y/n): ");
	(void)fflush(stdout);
	if (fgets(answer, sizeof(answer), stdin) &&
		(answer[0] == 'y' || answer[0] == 'Y'))
		return true;
	return err_set(err, ERR_CONFIG, "the disclaimer was not accepted");
}

/* *ret_quit: there is nothing to serve. */
static bool begin(struct process *process, bool *ret_quit, struct err *err)
{
	const struct options *options = &process->options;
	const char *id = options_id(options);
	_cleanup_free_ char *effects = NULL;

	if (!settings_open(options->config, id, err))
		return false;
	effects = settings_effects();
	if (!effects_open(effects, id, err))
		return false;
	effects_add("started", json_pack("{s:i}", "port", (int)options->port));
	if (setting(SET_QUIT_AT_START)) {
		*ret_quit = true;
		return true;
	}
	process->code = (int)setting(SET_CRASH_AT_START);
	if (process->code)
		return err_set(err, ERR_CONFIG, "told to crash at the start");
	if (!accept_disclaimer(options, err) ||
		!log_open(options->log_path, options->verbosity, id, err))
		return false;
	log_add(LOG_INFO, "Version info",
		json_pack("{s:s, s:s, s:s}", "version", REFSYNC_VERSION, "os",
			"linux", "arch", "amd64"));
	log_add(LOG_INFO, "Mongosync Options",
		json_pack("{s:s, s:i, s:i}", "id", id, "port",
			(int)options->port, "loadLevel",
			(int)options->load_level));
	return true;
}

/* Light processes are run by the hundred. */
static void save_memory(void)
{
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_TRIM_THRESHOLD, 64 << 10);
	(void)mallopt(M_TOP_PAD, 16 << 10);
}

int main(int argc, char **argv)
{
	struct process process = {0};
	struct err err = {0};
	bool quit = false;

	save_memory();
	(void)signal(SIGPIPE, SIG_IGN);
	if (!options_parse(argc, argv, &process.options, &err)) {
		(void)fprintf(stderr, "Error: %s\n", err.msg);
		return 1;
	}
	if (process.options.version || process.options.help) {
		if (process.options.version)
			version_print();
		else
			options_print_help();
		options_done(&process.options);
		/* Not by exit(): in the sandbox of a service the search for
		 * leaks that a sanitizer makes there is refused (ptrace). */
		if (fflush(stdout) == 0)
			_exit(0);
		return 1;
	}
	if (!begin(&process, &quit, &err) ||
		(!quit && !serve(&process, &err))) {
		log_add(LOG_FATAL, err.msg, NULL);
		(void)fprintf(stderr, "Error: %s\n", err.msg);
		if (!process.code)
			process.code = 1;
	}
	effects_add("exited", json_pack("{s:i}", "code", process.code));
	free_events(&process);
	log_close();
	effects_close();
	settings_close();
	options_done(&process.options);
	return process.code;
}
