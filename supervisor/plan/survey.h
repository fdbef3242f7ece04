/*
 * survey.h - what is seen before a run: processes, clusters, files.
 *
 * survey_take() does all the looking, and changes nothing.  survey_group()
 * and preflight() only think about what was seen, so that both are tested
 * with made-up surveys.
 */
#ifndef SUPERVISOR_PLAN_SURVEY_H
#define SUPERVISOR_PLAN_SURVEY_H

#include <jansson.h>
#include <sys/types.h>

#include "supervisor/fleet/fleet.h"
#include "supervisor/fleet/instance.h"
#include "supervisor/install/artifact.h"
#include "supervisor/install/claim.h"
#include "supervisor/install/link.h"
#include "supervisor/plan/earlier.h"
#include "supervisor/plan/margin.h"
#include "supervisor/process/process.h"
#include "sync_client/compat.h"
#include "sync_client/sync_api.h"

struct seen_place { /* a file system that the run writes to */
	const char *path; /* of the fleet */
	bool seen;
	dev_t device;
	uint64_t free; /* bytes, for everybody */
};

struct seen_host { /* where processes of the fleet are */
	const char *name; /* of the fleet file; NULL: this machine */
	struct err trouble; /* code: out of reach, and nothing else is known */
	unsigned count; /* of its instances in the fleet file */
	char machine[65]; /* as uname -m says, or "" */
	char itself[104]; /* its host name and boot id, as it says itself: alike
			   * for whoever asks, by whatever name */
	int64_t clock_ms; /* so far its clock is ahead of ours */
	struct seen_place root_place;
	struct err root_err; /* code: no version can be put there and run */
	struct err claims_err; /* code: no claims can be made */
	bool delivered; /* versions/<version> is there */
};

struct seen_instance {
	const struct fleet_instance *instance; /* of the fleet */
	unsigned host; /* index */
	struct instance_config config;
	char *run_file;
	struct process_seen process;
	char version[VERSION_MAX]; /* that runs; "" if it cannot be told */
	const char *version_proof; /* "exe" or "link"; NULL without a version */
	struct err version_err;
	json_t *unit; /* what systemd says (unit.h, systemd.h), or NULL */
	struct err unit_err; /* why it does not */
	struct sync_progress progress;
	struct err progress_err; /* no code: progress is good */
	unsigned cluster; /* index of its destination */
	unsigned lane; /* index, once grouped */
	struct claim claim; /* run[0] == 0: unclaimed */
	struct err claim_err; /* no code: claim is what is there */
	/* Wall clock, 0: not known.  When it was started; when its file was
	 * written; and when another one may have taken its place at the latest
	 * (by mv or cp -p, too). */
	int64_t started_ms, config_ms, config_replaced_ms;
	char differs[400]; /* how a start by us differs from what runs, or "" */
};

struct seen_cluster { /* a destination, and the source of the same instances */
	const char *via; /* the instance through which it was seen */
	const struct secret *destination, *source; /* borrowed */
	char identity[200];
	bool proved; /* by the cluster itself, not by host names */
	char version[32]; /* of its server; "" if it does not tell */
	struct err err; /* of identify */
	json_t *summary; /* or NULL */
	struct err summary_err;
	json_t *privileges[2]; /* of the users at source and destination, or
				* NULL */
	struct err privileges_err[2];
	bool sharded;
	json_t *shards; /* of the source: ids */
	struct err shards_err;
	json_t *oplog; /* of the source, as the helper tells it; or NULL */
	struct err oplog_err;
};

struct seen_link { /* what a lane's processes of one host are started through */
	unsigned host; /* index */
	unsigned first; /* index of its first instance */
	char *path; /* owned */
	bool is_binary;
	bool differs; /* its instances name different links */
	struct link_seen seen;
	struct err err; /* cannot be read or replaced */
	struct claim claim; /* run[0] == 0: unclaimed */
	struct err claim_err;
	bool kept; /* versions/<from> is there and the link goes to a version */
	char kept_version[VERSION_MAX]; /* as what is kept says itself */
	struct err kept_err; /* it does not run */
	uint64_t adopted_bytes; /* of the executable, if it is to be kept */
};

struct seen_lane {
	char name[128];
	char identity[200];
	bool proved;
	unsigned cluster; /* of the first instance */
	struct seen_link *link; /* owned; one for each of its hosts */
	unsigned link_count;
	char from[VERSION_MAX];
	unsigned first; /* index of its first instance */
	unsigned count; /* of instances */
	struct margin margin; /* by check_margin() */
};

struct seen_source { /* where the new version comes from */
	char path[4096]; /* of the archive: given, or in the cache */
	char url[2001]; /* "": a file of the operator's */
	char name[200]; /* as findings call it; "": as the fleet file does */
	bool fetched; /* just now; else it was in the cache */
	bool by_feed; /* its digest is known from the feed alone */
	char signed_by[65], signer[200]; /* key and its owner, or "" */
	struct err signature_err; /* code: it was not looked into */
};

enum finding_level {
	FINDING_PASS,
	FINDING_WARNING,
	FINDING_REFUSAL,
};

struct finding {
	enum finding_level level;
	enum err_code code; /* of a refusal: ERR_CONFIG or ERR_HELD */
	const char *check; /* "version", "state", ...: stable, for --json */
	char subject[128]; /* instance, lane, file ... */
	char text[400]; /* what was seen, in one sentence */
	char fix[300]; /* what to do or type, or "" */
};

struct survey_options { /* what a person said on the command line */
	bool accept_unlisted; /* a version pair of which nothing is known */
	int64_t finish_by_ms; /* wall clock; 0: whenever */
	/* A plan's, whose address and digest count instead of the feed's and
	 * whose signature was verified; NULL: none is made yet. */
	const json_t *artifact;
};

struct survey {
	const struct fleet *fleet;
	struct survey_options options;
	int64_t now_ms; /* wall clock, when it was taken */
	char confined_by[200]; /* the service that what we start here stays
				  in, or "" */
	struct expected expected; /* how long it will take */
	int64_t finish_by_ms; /* by check_time(); 0: whenever */
	struct seen_host *host; /* in the order of the fleet file */
	unsigned host_count;
	struct seen_instance *instance; /* none on a host out of reach */
	unsigned instance_count;
	struct seen_cluster *cluster;
	unsigned cluster_count;
	struct seen_lane *lane;
	unsigned lane_count;
	struct compat *compat; /* the table of versions, or NULL */
	char *compat_file; /* or NULL: there is none */
	struct err compat_err;
	struct seen_source source;
	struct artifact_info artifact;
	struct err artifact_err;
	struct seen_place state_place;
	struct finding *finding;
	unsigned finding_count;
};

/* Looks at everything, groups, checks.  False only if looking itself was
 * impossible (an instance file that cannot be read, no memory). */
bool survey_take(const struct fleet *fleet,
	const struct survey_options *options, struct survey *ret_survey,
	struct err *err) WARN_UNUSED;
void survey_done(struct survey *survey);

/* Fills host from the fleet, and the instances' indices of it; pure. */
bool survey_find_hosts(struct survey *survey, struct err *err) WARN_UNUSED;
/* Some of the fleet's processes could not be looked at. */
bool survey_is_partial(const struct survey *survey);
/* The new version is on every host. */
bool survey_is_delivered(const struct survey *survey);
/* Fills lane from instances and clusters; pure. */
bool survey_group(struct survey *survey, struct err *err) WARN_UNUSED;
/* Adds the findings; pure. */
bool preflight(struct survey *survey, struct err *err) WARN_UNUSED;
/* One more finding, to be filled in.  Lives until the next one. */
struct finding *survey_add(struct survey *survey, enum finding_level level,
	const char *check, const char *subject);
/* The claim that a finding is about, by its subject; NULL: about none. */
const struct claim *survey_claim(
	const struct survey *survey, const struct finding *finding);
/* The worst refusal's code, or ERR_NONE. */
enum err_code survey_refused(const struct survey *survey);
/* A lane that runs the version already is left alone: after one lane turned
 * back and another did not, only the first is tried again. */
bool survey_moves(const struct survey *survey, unsigned lane);
/* Every process runs the wanted version already and nothing is held by us. */
bool survey_is_reached(const struct survey *survey);
/* The sync goes from cluster1 to cluster0: it was started so, or reversed. */
bool seen_is_turned(const struct seen_instance *seen);
bool survey_is_turned(const struct survey *survey, unsigned lane);
/* The path of the executable that a link stands for; the caller frees. */
char *seen_link_binary(const struct seen_link *link);
/* The link that an instance is started through. */
struct seen_link *seen_link_of(
	const struct survey *survey, const struct seen_instance *seen);
/* How a path is called in findings: on another host with its name before. */
#define SEEN_SHOWN 400
const char *seen_show_path(const struct survey *survey, unsigned host,
	const char *path, char ret_shown[SEEN_SHOWN]);
/* The same for a lane's part on a host, where it has several. */
const char *seen_show_lane(const struct survey *survey,
	const struct seen_lane *lane, const struct seen_link *link,
	char ret_shown[SEEN_SHOWN]);
/* " on <host>", or "" for this machine. */
const char *seen_on(
	const struct survey *survey, unsigned host, char ret_shown[SEEN_SHOWN]);
/* What is started: the fleet's argv, or the default through the link. */
json_t *seen_argv(
	const struct survey *survey, const struct seen_instance *seen);

#endif
