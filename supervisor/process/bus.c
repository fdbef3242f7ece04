/*
 * bus.c - sd-bus on libevent.
 *
 * sd-bus says what it waits for after every call; arm() tells libevent.  It
 * never runs sd_bus_process() within itself, so a callback may call again.
 */
#include "supervisor/process/bus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "supervisor/host/host.h"
#include "supervisor/memory.h"
#include "supervisor/process/bus_error.h"
#include "supervisor/process/bus_open.h"

enum {
	ENDED_JOBS = 64, /* remembered */
	PATH_BYTES = 96, /* of a job's path */
	CONNECT_MS = 60000, /* to another host, which may have to be reached */
};

struct call { /* under way */
	struct call *next;
	struct bus *bus;
	char method[64];
	bus_reply_fn *done;
	void *arg;
};

struct await { /* for a job's end */
	struct await *next;
	struct bus *bus;
	struct event *timer;
	char path[PATH_BYTES];
	bus_job_fn *done;
	void *arg;
};

struct watched { /* a unit */
	struct watched *next;
	char *path;
	unsigned changes;
};

struct ready { /* whom to call when it is connected */
	struct ready *next;
	bus_ready_fn *done;
	void *arg;
};

struct ended { /* a job */
	char path[PATH_BYTES], result[BUS_WORD];
};

struct bus {
	struct bus *next;
	struct event_base *base;
	struct host *host; /* NULL: this one */
	bool is_user_manager;
	sd_bus *sd; /* NULL: not connected */
	bool connecting; /* to another host */
	bool has_answered; /* since it was connected */
	struct host_call *pipe;
	struct ready *readies;
	struct event *event;
	bool processing;
	struct call *calls;
	struct await *awaits;
	struct watched *watched;
	struct ended ended[ENDED_JOBS]; /* a ring */
	unsigned ended_next;
};

static struct bus *all; /* of every loop */

struct bus *bus_find(
	struct event_base *base, struct host *host, bool is_user_manager)
{
	struct bus *bus = all;

	if (host && host_is_local(host))
		host = NULL;
	while (bus && (bus->base != base || bus->host != host ||
			      bus->is_user_manager != is_user_manager))
		bus = bus->next;
	if (bus)
		return bus;
	bus = memory_calloc(1, sizeof(*bus));
	bus->base = base;
	bus->host = host;
	bus->is_user_manager = is_user_manager;
	bus->next = all;
	all = bus;
	return bus;
}

struct event_base *bus_base(const struct bus *bus)
{
	return bus->base;
}

static void on_event(evutil_socket_t fd, short what, void *arg);

static void await_free(struct await *await)
{
	if (await->timer)
		event_free(await->timer);
	free(await);
}

/* ---- the loop ---- */

/* sd-bus counts by CLOCK_MONOTONIC; NULL: for as long as it takes. */
static const struct timeval *wait_of(sd_bus *sd, struct timeval *wait)
{
	struct timespec now;
	uint64_t until = UINT64_MAX, now_us;

	if (sd_bus_get_timeout(sd, &until) < 0 || until == UINT64_MAX)
		return NULL;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	until = until > now_us ? until - now_us : 0;
	wait->tv_sec = (time_t)(until / 1000000);
	wait->tv_usec = (suseconds_t)(until % 1000000);
	return wait;
}

static void arm(struct bus *bus)
{
	struct timeval wait;
	int events = bus->sd ? sd_bus_get_events(bus->sd) : -1;
	short what = 0;

	if (bus->event)
		event_free(bus->event);
	bus->event = NULL;
	if (!bus->sd)
		return;
	if (events > 0 && (events & POLLIN))
		what |= EV_READ;
	if (events > 0 && (events & POLLOUT))
		what |= EV_WRITE;
	bus->event = memory_must(event_new(
		bus->base, sd_bus_get_fd(bus->sd), what, on_event, bus));
	if (event_add(bus->event, wait_of(bus->sd, &wait)) != 0)
		memory_out();
}

static void await_over(
	struct await *await, const char *result, const struct err *err)
{
	struct await **at = &await->bus->awaits;

	while (*at != await)
		at = &(*at)->next;
	*at = await->next;
	await->done(await->arg, result, err);
	await_free(await);
}

enum {
	WORDS = 300,
};

/* A bridge that could not even begin has said why to its standard error. */
static void last_heard(struct bus *bus, char ret_words[static WORDS])
{
	char line[160] = "";

	if (bus->host && !bus->has_answered)
		host_last_words(bus->host, line, sizeof(line));
	ret_words[0] = '\0';
	if (line[0])
		(void)snprintf(ret_words, WORDS,
			" (last heard from %.100s: %s)", host_name(bus->host),
			line);
}

/* Calls are answered by sd-bus itself when a connection ends, but not when what
 * came makes no sense.  Who is told may connect anew at once: that one's calls
 * are none of ours. */
static void broken(struct bus *bus)
{
	struct call *calls = bus->calls;
	struct await *awaits = bus->awaits;
	char words[WORDS];
	struct err err = {0};

	last_heard(bus, words);
	sd_bus_close_unref(bus->sd);
	bus->sd = NULL;
	bus->calls = NULL;
	bus->awaits = NULL;
	for (struct await *await = awaits; await; await = await->next)
		(void)event_del(await->timer);
	for (struct watched *unit = bus->watched; unit; unit = unit->next)
		unit->changes++;
	memset(bus->ended, 0, sizeof(bus->ended));
	(void)err_set(&err, ERR_AGAIN,
		"the connection to systemd broke before it answered%s", words);
	while (calls) {
		struct call *call = calls;

		calls = call->next;
		call->done(call->arg, NULL, &err);
		free(call);
	}
	(void)err_set(&err, ERR_AGAIN,
		"the connection to systemd broke before a job ended");
	while (awaits) {
		struct await *await = awaits;

		awaits = await->next;
		await->done(await->arg, NULL, &err);
		await_free(await);
	}
}

static void pump(struct bus *bus)
{
	int r = 1;

	if (bus->processing || !bus->sd)
		return;
	bus->processing = true;
	while (r > 0)
		r = sd_bus_process(bus->sd, NULL);
	bus->processing = false;
	if (r < 0)
		broken(bus);
	arm(bus);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	pump(arg);
}

/* ---- signals ---- */

static int on_job_removed(
	sd_bus_message *message, void *arg, sd_bus_error *ret_error)
{
	struct bus *bus = arg;
	const char *path, *unit, *result;
	struct await *await = bus->awaits;
	struct ended *ended;
	uint32_t id;

	(void)ret_error;
	if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) <
		0)
		return 0;
	ended = &bus->ended[bus->ended_next++ % ENDED_JOBS];
	(void)snprintf(ended->path, sizeof(ended->path), "%s", path);
	bus_clean(ended->result, sizeof(ended->result), result);
	while (await && strcmp(await->path, ended->path) != 0)
		await = await->next;
	if (await)
		await_over(await, ended->result, NULL);
	return 0;
}

static int on_changed(
	sd_bus_message *message, void *arg, sd_bus_error *ret_error)
{
	struct bus *bus = arg;
	const char *path = sd_bus_message_get_path(message);

	(void)ret_error;
	for (struct watched *unit = bus->watched; unit; unit = unit->next)
		if (!path || strcmp(unit->path, path) == 0)
			unit->changes++;
	return 0;
}

/* Unit files were read again: any of them may be another. */
static int on_reloading(
	sd_bus_message *message, void *arg, sd_bus_error *ret_error)
{
	struct bus *bus = arg;

	(void)message, (void)ret_error;
	for (struct watched *unit = bus->watched; unit; unit = unit->next)
		unit->changes++;
	return 0;
}

/* Messages are answered in their order: what is asked for here holds before any
 * later call is obeyed. */
static int listen_to(struct bus *bus)
{
	static const struct {
		const char *signal;
		sd_bus_message_handler_t handler;
	} signals[] = {
		{"JobRemoved", on_job_removed},
		{"Reloading", on_reloading},
	};
	int r = 0;

	for (size_t i = 0; i < 2 && r >= 0; i++)
		r = sd_bus_match_signal_async(bus->sd, NULL, SYSTEMD_NAME,
			SYSTEMD_PATH, SYSTEMD_MANAGER, signals[i].signal,
			signals[i].handler, NULL, bus);
	for (struct watched *unit = bus->watched; unit && r >= 0;
		unit = unit->next)
		r = sd_bus_match_signal_async(bus->sd, NULL, SYSTEMD_NAME,
			unit->path, "org.freedesktop.DBus.Properties",
			"PropertiesChanged", on_changed, NULL, bus);
	if (r >= 0)
		r = sd_bus_call_method_async(bus->sd, NULL, SYSTEMD_NAME,
			SYSTEMD_PATH, SYSTEMD_MANAGER, "Subscribe", NULL, NULL,
			"");
	return r;
}

/* ---- connecting ---- */

static bool connect_here(struct bus *bus, struct err *err)
{
	int r = bus_open_here(bus->is_user_manager, &bus->sd);

	if (r < 0)
		return err_sys(err, ERR_AGAIN, -r,
			"reaching systemd's %s manager by D-Bus",
			bus->is_user_manager ? "user" : "system");
	r = listen_to(bus);
	if (r >= 0)
		return true;
	sd_bus_close_unref(bus->sd);
	bus->sd = NULL;
	return err_sys(err, ERR_AGAIN, -r, "listening to systemd");
}

/* On another host: through fd, a socket, which is taken. */
static bool connect_there(struct bus *bus, int fd, struct err *err)
{
	int r = bus_open_fd(fd, &bus->sd);

	bus->has_answered = false;
	if (r >= 0)
		r = listen_to(bus);
	if (r >= 0)
		return true;
	sd_bus_close_unref(bus->sd);
	bus->sd = NULL;
	return err_sys(err, ERR_AGAIN, -r, "reaching systemd of host %s",
		host_name(bus->host));
}

static void on_pipe(void *arg, int fd, const struct err *err)
{
	struct bus *bus = arg;
	struct ready *ready = bus->readies;
	struct err why = {0};
	bool ok;

	bus->pipe = NULL;
	bus->connecting = false;
	bus->readies = NULL;
	if (err)
		why = *err;
	ok = !err && connect_there(bus, fd, &why);
	arm(bus);
	while (ready) {
		struct ready *next = ready->next;

		ready->done(ready->arg, ok ? NULL : &why);
		free(ready);
		ready = next;
	}
}

static void begin_there(struct bus *bus, bus_ready_fn *done, void *arg)
{
	const char *const system[] = {"systemd-stdio-bridge", NULL};
	/* systemd 252 takes its --user for --system, without a word. */
	const char *const user[] = {"sh", "-c",
		"'exec systemd-stdio-bridge --bus-path=\"unix:path="
		"${XDG_RUNTIME_DIR:-/run/user/$(id -u)}/bus\"'",
		NULL};
	struct ready *ready = memory_calloc(1, sizeof(*ready));
	struct err err = {0};

	*ready = (struct ready){bus->readies, done, arg};
	bus->readies = ready;
	if (bus->connecting)
		return;
	bus->connecting = true;
	if (!host_pipe(bus->host, bus->is_user_manager ? user : system,
		    CONNECT_MS, on_pipe, bus, &bus->pipe, &err))
		on_pipe(bus, -1, &err);
}

void bus_ready(struct bus *bus, bus_ready_fn *done, void *arg)
{
	struct err err = {0};
	bool ok;

	pump(bus);
	if (!bus->sd && bus->host) {
		begin_there(bus, done, arg);
		return;
	}
	ok = bus->sd || connect_here(bus, &err);
	arm(bus);
	done(arg, ok ? NULL : &err);
}

void bus_close_all(struct event_base *base)
{
	struct bus **at = &all;

	while (*at) {
		struct bus *bus = *at;

		if (bus->base != base) {
			at = &bus->next;
			continue;
		}
		*at = bus->next;
		if (bus->event)
			event_free(bus->event);
		sd_bus_close_unref(bus->sd);
		host_call_cancel(bus->pipe);
		for (struct ready *ready = bus->readies, *next; ready;
			ready = next) {
			next = ready->next;
			free(ready);
		}
		for (struct call *call = bus->calls, *next; call; call = next) {
			next = call->next;
			free(call);
		}
		for (struct await *await = bus->awaits, *next; await;
			await = next) {
			next = await->next;
			await_free(await);
		}
		for (struct watched *unit = bus->watched, *next; unit;
			unit = next) {
			next = unit->next;
			free(unit->path);
			free(unit);
		}
		free(bus);
	}
}

/* ---- calls ---- */

static void explain(
	const struct call *call, const sd_bus_error *error, struct err *ret_err)
{
	char words[WORDS] = "";
	struct err why = {0};

	bus_explain(call->method, error, &why);
	if (why.code == ERR_AGAIN)
		last_heard(call->bus, words);
	*ret_err = why;
	if (words[0])
		(void)err_set(ret_err, why.code, "%.200s%s", why.msg, words);
}

static int on_reply(sd_bus_message *reply, void *arg, sd_bus_error *ret_error)
{
	struct call *call = arg, **at = &call->bus->calls;
	const sd_bus_error *error = sd_bus_message_get_error(reply);
	struct err err = {0};

	(void)ret_error;
	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	if (error)
		explain(call, error, &err);
	else
		call->bus->has_answered = true;
	call->done(call->arg, error ? NULL : reply, error ? &err : NULL);
	free(call);
	return 0;
}

bool bus_call(struct bus *bus, const char *path, const char *interface,
	const char *method, bus_reply_fn *done, void *arg, struct err *err,
	const char *types, ...)
{
	sd_bus_message *message = NULL;
	struct call *call;
	va_list args;
	int r;

	if (!bus->sd)
		return err_set(err, ERR_AGAIN,
			"%s: the connection to systemd broke", method);
	call = memory_calloc(1, sizeof(*call));
	*call = (struct call){.bus = bus, .done = done, .arg = arg};
	(void)snprintf(call->method, sizeof(call->method), "%s", method);
	r = sd_bus_message_new_method_call(
		bus->sd, &message, SYSTEMD_NAME, path, interface, method);
	if (r >= 0) {
		va_start(args, types);
		r = sd_bus_message_appendv(message, types, args);
		va_end(args);
	}
	if (r >= 0)
		r = sd_bus_call_async(bus->sd, NULL, message, on_reply, call,
			(uint64_t)BUS_CALL_MS * 1000);
	sd_bus_message_unref(message);
	if (r < 0) {
		free(call);
		/* It may have left in part. */
		return err_sys(
			err, ERR_AGAIN, -r, "asking systemd for %s", method);
	}
	call->next = bus->calls;
	bus->calls = call;
	arm(bus);
	return true;
}

/* ---- jobs and units ---- */

static void on_no_end(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	await_over(arg, "", NULL);
}

void bus_await_job(struct bus *bus, const char *job, int64_t timeout_ms,
	bus_job_fn *done, void *arg)
{
	const struct timeval wait = {
		.tv_sec = timeout_ms / 1000,
		.tv_usec = timeout_ms % 1000 * 1000,
	};
	struct await *await;

	for (size_t i = 0; i < ENDED_JOBS; i++) {
		if (strcmp(bus->ended[i].path, job) != 0)
			continue;
		done(arg, bus->ended[i].result, NULL);
		return;
	}
	await = memory_calloc(1, sizeof(*await));
	await->bus = bus;
	await->done = done;
	await->arg = arg;
	(void)snprintf(await->path, sizeof(await->path), "%s", job);
	await->timer = memory_must(evtimer_new(bus->base, on_no_end, await));
	if (event_add(await->timer, &wait) != 0)
		memory_out();
	await->next = bus->awaits;
	bus->awaits = await;
}

unsigned bus_changes(struct bus *bus, const char *unit_path)
{
	struct watched *unit;

	pump(bus);
	unit = bus->watched;
	while (unit && strcmp(unit->path, unit_path) != 0)
		unit = unit->next;
	if (unit)
		return unit->changes;
	unit = memory_calloc(1, sizeof(*unit));
	unit->path = memory_strdup(unit_path);
	unit->changes = 1;
	unit->next = bus->watched;
	bus->watched = unit;
	if (bus->sd && sd_bus_match_signal_async(bus->sd, NULL, SYSTEMD_NAME,
			       unit->path, "org.freedesktop.DBus.Properties",
			       "PropertiesChanged", on_changed, NULL, bus) < 0)
		broken(bus);
	arm(bus);
	return unit->changes;
}
