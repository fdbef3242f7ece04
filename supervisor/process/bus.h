/*
 * bus.h - a connection to a service manager (systemd) on the event loop.
 *
 * One connection for each manager, made when it is first needed, kept, and made
 * again when it broke.  Nothing blocks: calls have deadlines, and what was
 * under way when a connection broke is ERR_AGAIN, for nobody knows what became
 * of it.  All that comes from the bus is cleaned before it is kept or told.
 */
#ifndef SUPERVISOR_PROCESS_BUS_H
#define SUPERVISOR_PROCESS_BUS_H

#include <event2/event.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "state/err.h"

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER SYSTEMD_NAME ".Manager"

enum {
	BUS_CALL_MS = 25000,
	BUS_WORD = 64, /* of a job's result, with its end */
};

struct bus;
struct host;

/* Borrowed, and the same for the same words; nothing is connected yet.  host
 * NULL: this one; it is borrowed until bus_close_all(). */
struct bus *bus_find(
	struct event_base *base, struct host *host, bool is_user_manager);
struct event_base *bus_base(const struct bus *bus);
/* Ends all connections of a loop, before it or its hosts are freed; nobody is
 * called. */
void bus_close_all(struct event_base *base);

/* Once it is connected; err NULL: it is.  May be called before this returns.
 * On another host a systemd-stdio-bridge is the way to its bus. */
typedef void bus_ready_fn(void *arg, const struct err *err);
void bus_ready(struct bus *bus, bus_ready_fn *done, void *arg);

/* A method of path; types and what follows as in sd_bus_message_append(3).
 * Called once, never before this returns: reply is borrowed, NULL with err.
 * ERR_AGAIN: no answer.  ERR_STEP: refused; sys is EACCES if for want of a
 * right, ENOENT if there is no such unit. */
typedef void bus_reply_fn(
	void *arg, sd_bus_message *reply, const struct err *err);
bool bus_call(struct bus *bus, const char *path, const char *interface,
	const char *method, bus_reply_fn *done, void *arg, struct err *err,
	const char *types, ...) WARN_UNUSED;

/* How the job ended ("done", "failed" ...), "" if it has not by then, NULL with
 * err.  It may have ended before this is called. */
typedef void bus_job_fn(void *arg, const char *result, const struct err *err);
void bus_await_job(struct bus *bus, const char *job, int64_t timeout_ms,
	bus_job_fn *done, void *arg);

/* Takes in what has arrived, and counts what has changed about the unit with
 * this path (any other number: look again; 0 is never given).  The first
 * question makes it be told of from now on. */
unsigned bus_changes(struct bus *bus, const char *unit_path);

#endif
