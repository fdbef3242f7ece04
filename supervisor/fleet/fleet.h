/*
 * fleet.h - the fleet file: everything one run is about, immutable once read.
 *
 * YAML, read with libcyaml; unknown keys are errors.  The same schema reads the
 * normalised JSON that a journal keeps (JSON is YAML), so that a run is
 * continued from its journal alone.  Nothing in here is secret: connection
 * strings stay in the instances' own files (instance.h).
 */
#ifndef SUPERVISOR_FLEET_FLEET_H
#define SUPERVISOR_FLEET_FLEET_H

#include <jansson.h>
#include <stdint.h>

#include "state/err.h"

#define FLEET_FILE_MAX (1u << 20)
#define FLEET_INSTANCES_MAX 1000u

enum fleet_failure { /* on_failure: when a lane fails */
	FLEET_FAILURE_UNSET = 0, /* stop; refused without a terminal */
	FLEET_FAILURE_STOP, /* stop there, a person decides */
	FLEET_FAILURE_ROLLBACK, /* go back where that is provably safe */
	FLEET_FAILURE_RESTORE, /* ... putting saved metadata back if need be */
};

enum fleet_pause {
	FLEET_PAUSE_ALWAYS = 0, /* default: pause, then stop */
	FLEET_PAUSE_NEVER, /* stop while running */
};

enum fleet_complete {
	FLEET_COMPLETE_CHECKED = 0, /* metadata and listShards must agree */
	FLEET_COMPLETE_ASSUMED, /* the operator says that none is missing */
};

struct fleet_strings { /* a list of strings; item[count] is NULL */
	char **item;
	unsigned count;
};

struct fleet_spawn { /* we start it, detached */
	/* default: [<link>/bin/mongosync, --config, <config>] */
	struct fleet_strings argv;
	char *directory; /* default: directory of config */
	char *environment_file; /* or NULL */
	char *output; /* default: fleet_instance_path(..., "out") */
	uint64_t nofile; /* 0: leave */
};

struct fleet_command { /* the operator's own commands, argv arrays */
	struct fleet_strings start, stop, status;
};

enum fleet_manager { /* whose unit it is */
	FLEET_MANAGER_SYSTEM = 0,
	FLEET_MANAGER_USER, /* of the user that syncup runs as */
};

struct fleet_instance {
	char *name;
	char *host; /* where it is, an ssh destination; NULL: this machine */
	char *config; /* its own mongosync YAML, absolute; on its host, as all
			 paths of an instance */
	char *lane; /* or NULL: joins instances into one lane */
	/* The path it is started through; default: the fleet's, else
	 * <install_root>/<lane, or the fleet's name>/current. */
	char *link;
	/* Exactly one of these three; default spawn. */
	struct fleet_spawn *spawn;
	struct fleet_command *command;
	char *unit; /* of systemd: mongosync@sh0.service */
	enum fleet_manager manager; /* only with unit */
};

enum fleet_signed {
	FLEET_SIGNED_OPTIONAL = 0, /* verified if there is a signature */
	FLEET_SIGNED_REQUIRED, /* refused without one */
};

/* Where the new version comes from: exactly one of file, url and feed. */
struct fleet_artifact {
	char *file;
	char *url; /* https:// */
	char *feed; /* https://, the vendor's list of releases */
	char *sha256; /* NULL only with feed, which says it */
	char *platform; /* in the feed; NULL: this host's */
	char *signature; /* detached, a path or https://; or NULL */
	char *keyring; /* public keys that may have made it */
	enum fleet_signed is_signed; /* "signed" */
	char *ca; /* NULL: the system's */
	char *proxy; /* NULL: as the environment says */
	char *cache_dir; /* absolute; default <state_dir>/.cache; NULL if
			    nothing is fetched */
	uint32_t stall; /* seconds without a byte end a try: 30 */
	uint32_t tries; /* to fetch one thing: 5 */
};

struct fleet_timeouts { /* seconds; defaults in fleet.c, from what is known */
	uint32_t api; /* one GET: 15 */
	uint32_t pause; /* until PAUSED: 300 */
	uint32_t stop; /* until gone: 300 */
	uint32_t start; /* until it answers: 2100 */
	uint32_t resume; /* until RUNNING: 600 */
	uint32_t save; /* metadata copy: 900 */
	uint32_t deliver; /* unpacking: 3600 */
	uint32_t movement; /* warned of when nothing moves: 600 */
	uint32_t idle; /* IDLE after start means: not found: 300 */
	uint32_t pause_quiet; /* before a pause whose answer was lost is
				 repeated: 30 */
	uint32_t start_quiet; /* ... a start: 60 */
	uint32_t resume_quiet; /* ... a resume: 180 */
	uint32_t reach; /* a host that is out of reach is waited for: 300 */
	uint32_t kill_after; /* SIGKILL this long after SIGTERM; 0 = never */
};

struct fleet_window { /* maintenance window, in local time */
	char *from, *until; /* "HH:MM"; until at or before from: the next day */
	struct fleet_strings
		days; /* on which it opens: mon ... sun; none: all */
};

struct fleet {
	char *file; /* where it was read from; not part of the JSON */
	char *name; /* [A-Za-z0-9._-]{1,64}, not starting with . or - */
	char *procedure; /* "mongosync" */
	char *version; /* to reach */
	struct fleet_artifact artifact;
	char *install_root; /* absolute */
	char *state_dir; /* absolute; default /var/lib/syncup */
	char *link; /* or NULL: for all instances without their own */
	char *compat; /* or NULL: the table of versions that counts */
	enum fleet_failure on_failure;
	enum fleet_pause pause;
	enum fleet_complete lane_complete;
	/* How much the source's oplog holds, s, when nothing else tells; 0: not
	 * known. */
	uint32_t oplog_window;
	uint32_t turn_back_at; /* percent of the margin, default 50 */
	struct fleet_window *window; /* or NULL: at any time */
	/* A command that is told of events (report/notify.h); may be empty. */
	struct fleet_strings notify;
	uint32_t lanes_at_once; /* limits.lanes, default 4 */
	uint32_t keep_versions; /* limits.keep_versions, default 2, >= 1 */
	uint32_t keep_metadata_days; /* limits.keep_metadata_days, default 7 */
	struct fleet_timeouts timeouts;
	struct fleet_instance *instance;
	unsigned instance_count;
};

/* ERR_CONFIG with "file:line: ..." in one sentence that names the key, never a
 * value of an unknown key.  Checks everything that the file alone can tell:
 * names unique, version well formed, sha256 64 hex digits, paths absolute,
 * exactly one backend; relative config paths are taken from the fleet file's
 * folder. */
bool fleet_load(const char *path, struct fleet **ret_fleet,
	struct err *err) WARN_UNUSED;
/* The same for a text that is in memory already: file is its name in messages,
 * folder (absolute) is where its relative paths begin. */
bool fleet_read(const char *file, const char *folder, const char *data,
	size_t len, struct fleet **ret_fleet, struct err *err) WARN_UNUSED;
/* Defaults filled in, paths absolute; the same fleet gives the same JSON. */
json_t *fleet_to_json(const struct fleet *fleet);
bool fleet_from_json(const json_t *json, struct fleet **ret_fleet,
	struct err *err) WARN_UNUSED;
void fleet_free(struct fleet *fleet);
/* Where this fleet's state is: <state_dir>/<name>[/<leaf>]; the caller frees.
 */
char *fleet_state_path(const struct fleet *fleet, const char *leaf);
/* What syncup keeps where the instance is:
 * <state_dir>/<fleet>/<instance>.<end>, on another host
 * <install_root>/.syncup/run/<fleet>/<instance>.<end>.  The caller frees. */
char *fleet_instance_path(const struct fleet *fleet,
	const struct fleet_instance *instance, const char *end);
/* NULL is this machine, too. */
bool fleet_host_is_same(const char *one, const char *other);
/* A link that is called like the program stands for the executable itself
 * (an adopted path); any other for the version's directory. */
bool fleet_link_is_binary(const char *link, const char *program);
/* One line per difference ("version: 1.12.0 -> 1.13.0"), for exit 3; freed by
 * the caller. */
char *fleet_difference(const json_t *planned, const json_t *now);

#endif
