/*
 * checks.h - what preflight asks, one function per question.
 *
 * A check is pure: it thinks about a survey, and adds findings to it.  Each
 * finding names its check by a word of checks[], which --json, README and the
 * tests go by.
 */
#ifndef SUPERVISOR_PLAN_CHECKS_H
#define SUPERVISOR_PLAN_CHECKS_H

#include "supervisor/plan/survey.h"

struct check {
	const char *name; /* in --json: never rename */
	const char *asks; /* for people: what is found out */
};

extern const struct check checks[]; /* ends with a NULL name */

/* What was seen, in one sentence; what to do about it. */
void finding_say(struct finding *finding, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void finding_fix(struct finding *finding, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* check_host.c: the archive, and each host. */
void check_artifact(struct survey *survey);
void check_host(struct survey *survey);
void check_way_back(struct survey *survey, unsigned index);
void check_signature(struct survey *survey);
void check_claims(struct survey *survey);
void check_claim(struct survey *survey, const char *subject,
	const struct claim *claim, const struct err *claim_err);

/* check_reach.c: all hosts. */
void check_reach(struct survey *survey);
void check_machine(struct survey *survey);
void check_clocks(struct survey *survey);

/* check_process.c: an instance. */
void check_process(struct survey *survey, struct seen_instance *seen);
void check_api(struct survey *survey, struct seen_instance *seen);
void check_start(struct survey *survey, struct seen_instance *seen);

/* check_unit.c: an instance that is a unit of systemd. */
void check_unit(struct survey *survey, struct seen_instance *seen);

/* check_sync.c: what a sync is doing, and what an interruption costs it. */
void check_lag(struct survey *survey, struct seen_instance *seen);
void check_verifier(struct survey *survey, struct seen_instance *seen);
void check_phase(struct survey *survey, unsigned index);
void check_natural_order(struct survey *survey, unsigned index);
void check_write_blocking(struct survey *survey, unsigned index);

/* check_metadata.c: what the sync persisted. */
void check_metadata(struct survey *survey, unsigned index);
/* A second look, some seconds later, may find that they agree. */
bool metadata_is_at_odds(const struct survey *survey);
/* How the metadata calls an instance. */
const char *seen_metadata_id(const struct seen_instance *seen);
/* {id, state, phase, last_event}; NULL: it is not in it. */
const json_t *seen_in_metadata(
	const struct survey *survey, const struct seen_instance *seen);

/* check_lane.c: a lane, by its index. */
void check_cluster(struct survey *survey, unsigned index);
void check_complete(struct survey *survey, unsigned index);
void check_coordinator(struct survey *survey, unsigned index);
void check_link(struct survey *survey, unsigned index);
void check_pause(struct survey *survey);

/* check_source.c: how long a lane may stand still. */
void check_margin(struct survey *survey, unsigned index);
void check_save(struct survey *survey, unsigned index);

/* check_time.c: when it has to be over. */
void check_time(struct survey *survey);

/* check_version.c: from which version to which. */
void check_table(struct survey *survey);
void check_versions(struct survey *survey, unsigned index);

/* check_privileges.c: what the version's users must be allowed to do. */
void check_privileges(struct survey *survey, unsigned index);

/* check_config.c: what the version asks of an instance's configuration. */
void check_configuration(struct survey *survey, struct seen_instance *seen);
void check_uri(struct survey *survey, struct seen_instance *seen);
void check_unchanged(struct survey *survey, struct seen_instance *seen);
/* Whether this instance is to get another version, of which the table tells. */
bool is_to_change(
	const struct survey *survey, const struct seen_instance *seen);

#endif
