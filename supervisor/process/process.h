/*
 * process.h - how a sync process is observed, stopped and started.
 *
 * Three makers: spawn (we start it detached), command (the fleet file's own
 * commands), systemd (a unit of a service manager).  A process is named by pid
 * and start time, never by name; unreachable is not gone.
 */
#ifndef SUPERVISOR_PROCESS_PROCESS_H
#define SUPERVISOR_PROCESS_PROCESS_H

#include <event2/event.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "state/err.h"

#define PROCESS_SAID 2048

enum process_view {
	PROCESS_UNKNOWN = 0, /* cannot see */
	PROCESS_RUNNING,
	PROCESS_GONE, /* proved: nothing holds its lock, nothing listens */
};

struct host;

struct process_seen {
	enum process_view view;
	pid_t pid; /* 0 unless RUNNING */
	uint64_t start_ticks; /* field 22 of /proc/PID/stat: names this very one
			       */
	int64_t age_ms; /* since its start, by its own host's clock; 0 unless
			 * pid is known */
	char boot_id[37]; /* of its host, also when GONE; "" if nobody looked */
	uint64_t attempt; /* spawn: what start() was told, from the run file;
			   * also when GONE: the last one that began */
	bool exe_known; /* /proc/PID/exe could be read */
	dev_t exe_dev;
	ino_t exe_ino;
	char exe[512]; /* its path as /proc says, " (deleted)" included */
	char why[200]; /* of UNKNOWN or GONE, for people */
	/* systemd, where it is known: */
	bool has_ended; /* not RUNNING: its last life ended ended_ms ago */
	int64_t ended_ms;
	bool failing; /* UNKNOWN: between two starts by its manager */
	unsigned restarts; /* by its manager, since anybody started it */
	char said[PROCESS_SAID]; /* what it printed last, if that ended badly */
};

/* What the plan says about one process; all borrowed. */
struct process_spec {
	const char *name; /* instance */
	const char *backend; /* "spawn", "command" or "systemd" */
	struct host *host; /* where it is; NULL: here */
	/* It is stopped and started only while this run claims it below this
	 * install root of its host; NULL: without asking. */
	const char *root, *run;
	uint16_t port; /* of its API on 127.0.0.1 */
	const char *config; /* its --config */
	char *const *argv; /* spawn: what to start, NULL-terminated */
	const char *directory; /* spawn: working directory, or NULL */
	const char *environment_file; /* spawn: KEY=value lines, or NULL */
	const char *output; /* stdout and stderr of spawn, and of command's
			     * start, are appended here; NULL: lost */
	uint64_t nofile; /* spawn: RLIMIT_NOFILE, 0 = as ours */
	const char *run_file; /* spawn: <state>/<fleet>/<instance>.run */
	char *const *start, *const *stop, *const *status; /* command */
	const char *unit; /* systemd: its name */
	bool user_manager; /* systemd: of ours, not of the system's */
};

typedef void process_seen_fn(void *arg, const struct process_seen *seen);
/* err NULL: done.  ERR_STEP: it certainly was not done.  ERR_AGAIN: unknown. */
typedef void process_acted_fn(void *arg, const struct err *err);

struct process_ops {
	const char *name;
	/* Each calls done exactly once, possibly before it returns; false means
	 * that done will not be called. */
	bool (*observe)(struct event_base *base,
		const struct process_spec *spec, process_seen_fn *done,
		void *arg, struct err *err);
	/* One SIGTERM (or the stop command) to this very process, never a
	 * second one; kill: SIGKILL instead. */
	bool (*stop)(struct event_base *base, const struct process_spec *spec,
		const struct process_seen *who, bool kill,
		process_acted_fn *done, void *arg, struct err *err);
	/* attempt is written to the run file before exec. */
	bool (*start)(struct event_base *base, const struct process_spec *spec,
		uint64_t attempt, process_acted_fn *done, void *arg,
		struct err *err);
};

/* For spec->host: on another one, the same maker is asked there (host.h).
 * NULL: there is no such backend.  (supervisor/host/remote.c) */
const struct process_ops *process_ops_find(
	const char *backend, const struct host *host);
/* The makers that need nothing but this machine's kernel. */
const struct process_ops *process_ops_here(const char *backend);

/* Its name, or its number if /etc/passwd does not tell. */
void process_user_name(uid_t uid, char *ret_name, size_t size);

/* Who listens on the port of a process that we spawned, if that is certainly
 * neither it nor one that it started; 0: it is, or it cannot be told. */
pid_t process_port_taken(
	const struct process_spec *spec, const struct process_seen *seen);

/*
 * proc.c: reading /proc.  Who listens on 127.0.0.1:port or *:port, by socket
 * inode and the descriptors that we may read; 0 if nobody or unseen.
 * *ret_listening tells whether anybody does.
 */
bool proc_find_listener(uint16_t port, pid_t *ret_pid, bool *ret_listening,
	struct err *err) WARN_UNUSED;
/* ERR_MISSING: no such process (or a zombie). */
bool proc_start_ticks(
	pid_t pid, uint64_t *ret_ticks, struct err *err) WARN_UNUSED;
/* argv of a process, NULL-terminated, freed by proc_argv_free. */
bool proc_argv(pid_t pid, char ***ret_argv, struct err *err) WARN_UNUSED;
void proc_argv_free(char **argv);
/* Its --config FILE or --config=FILE made absolute by its cwd, or "". */
bool proc_config(
	pid_t pid, char *ret_path, size_t size, struct err *err) WARN_UNUSED;
/* Fills the exe fields; false: errno says why. */
bool proc_exe(pid_t pid, struct process_seen *seen);

#endif
