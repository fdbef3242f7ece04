/*
 * target.h - what a step acts on, made ready for work.
 *
 * The plan names targets in JSON; targets_new() turns them into structs, reads
 * each instance's own file afresh (that is where the credentials are) and
 * checks that it still means the process that was planned.
 */
#ifndef SUPERVISOR_PLAN_TARGET_H
#define SUPERVISOR_PLAN_TARGET_H

#include <jansson.h>

#include "supervisor/fleet/fleet.h"
#include "supervisor/fleet/instance.h"
#include "supervisor/host/host.h"
#include "supervisor/install/link.h"
#include "supervisor/process/process.h"
#include "sync_client/sync_api.h"

enum target_type {
	TARGET_PROCESS, /* "<instance>" */
	TARGET_HOST, /* "host:local", "host:<host>" */
	TARGET_LINK, /* "link:<lane>", "link:<lane>+<host>" */
	TARGET_METADATA, /* "metadata:<lane>" */
	TARGET_LANE, /* "lane:<lane>" */
};

struct target {
	enum target_type type;
	const char *name;
	const char *lane;
	const json_t *json; /* as planned */
	struct host *host; /* where it is; NULL: on none */

	/* process */
	const struct fleet_instance *instance;
	const struct sync_api *api;
	const struct process_ops *ops;
	struct process_spec process;
	/* On another host only what the plan says of it, until it is read. */
	struct instance_config config;
	bool config_read;
	enum sync_phase was; /* before the run */
	const char *from; /* version before the run */
	const char *answers_as; /* mongosyncID before the run, "" = not told */
	const char *coordinator; /* coordinatorID, the same */
	char *run_file, *output;

	/* link */
	struct link_spec link;

	/* metadata: through whose connection string */
	const struct target *via;
};

struct targets {
	struct target *item;
	unsigned count;
};

/* All are borrowed for as long as the targets live. */
bool targets_new(const json_t *plan, const struct fleet *fleet, const char *run,
	struct hosts *hosts, struct targets *ret_targets,
	struct err *err) WARN_UNUSED;
void targets_done(struct targets *targets);
struct target *targets_find(const struct targets *targets, const char *name);
/* The next process of a lane after `after` (NULL: the first), or NULL. */
const struct target *targets_next(const struct targets *targets,
	enum target_type type, const char *lane, const struct target *after);
/* By which name a run claims a process or a link, on its host; and by which
 * port of that host. */
const char *target_claim_name(const struct target *target);
int target_claim_port(const struct target *target);

/* Takes the text of the file of a process on another host. */
bool target_read_config(
	struct target *target, const char *text, struct err *err) WARN_UNUSED;

/* A process_spec of an instance for looking at it before there is a plan;
 * argv may be NULL.  run_file must outlive it. */
struct process_spec target_process_spec(const struct fleet_instance *instance,
	const struct instance_config *config, const char *run_file);

#endif
