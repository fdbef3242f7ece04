/*
 * unit_task.h - what is asked of systemd about one unit, as a chain of calls.
 *
 * Each call is begun by the end of the one before; a task ends by telling its
 * caller, once.  Only systemd.c and systemd_act.c use it.
 */
#ifndef SUPERVISOR_PROCESS_UNIT_TASK_H
#define SUPERVISOR_PROCESS_UNIT_TASK_H

#include "supervisor/host/host.h"
#include "supervisor/process/bus.h"
#include "supervisor/process/systemd.h"
#include "supervisor/process/unit.h"

struct record { /* what is kept of a unit between two looks */
	struct record *next;
	struct bus *bus;
	char *name, *path;
	json_t *unit; /* or NULL */
	unsigned changes; /* as counted before it was read */
	int64_t read_ms;
	pid_t last; /* that ran when it was not being stopped */
	char told[33]; /* the invocation whose last words these are */
	char said[PROCESS_SAID];
};

struct task;
/* False: it ends with err. */
typedef bool task_fn(struct task *task, struct err *err);

struct task {
	struct task *next, **at;
	struct event_base *base;
	struct process_spec spec;
	struct bus *bus;
	struct record *record;
	task_fn *then; /* unit is read */
	unsigned changes;
	struct process_seen looked;
	struct host_call *asked; /* its host */
	process_seen_fn *seen; /* one of these three */
	process_acted_fn *acted;
	systemd_unit_fn *described;
	void *arg;
	bool kill;
	task_fn *begin;
	char result[BUS_WORD]; /* of a start's job that went wrong */
};

/* Goes on with begin when systemd is connected. */
struct task *task_new(
	struct event_base *base, const struct process_spec *spec, void *arg);
void task_begin(struct task *task, task_fn *begin);
void task_go(struct task *task, task_fn *next);
/* The ends. */
void task_fail(struct task *task, const struct err *why);
void task_acted(struct task *task);
void task_free(struct task *task);

/* Reads the unit, then goes on with task->then. */
task_fn task_read_unit;
/* True if what is known of it still holds. */
bool task_is_fresh(const struct task *task);
/* Goes on with task->then once record->said is of the unit's last life. */
task_fn task_want_words;
/* A method of the manager that takes the unit's name alone. */
bool task_call(struct task *task, const char *method, bus_reply_fn *done,
	struct err *err) WARN_UNUSED;

/* Asks the unit's host (host/ops.h); done gets the task, whose asked it sets to
 * NULL.  ask is stolen. */
bool task_ask_host(struct task *task, json_t *ask, int64_t timeout_ms,
	host_fn *done, struct err *err) WARN_UNUSED;

/* Goes on with next if the run still claims it on its host, just now. */
bool task_if_claimed(
	struct task *task, task_fn *next, struct err *err) WARN_UNUSED;

/* Says in err what it was about, and which right is missing. */
void task_explain(const struct task *task, struct err *err);
const char *task_user(void); /* whom we run as */

bool systemd_stop(struct event_base *base, const struct process_spec *spec,
	const struct process_seen *who, bool kill, process_acted_fn *done,
	void *arg, struct err *err);
bool systemd_start(struct event_base *base, const struct process_spec *spec,
	uint64_t attempt, process_acted_fn *done, void *arg, struct err *err);

#endif
