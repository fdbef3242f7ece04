/*
 * survey_looking.h - what the files that look share; private to survey*.c.
 *
 * All questions are asked at once, and counted; the loop ends with the last
 * answer.
 */
#ifndef SUPERVISOR_PLAN_SURVEY_LOOKING_H
#define SUPERVISOR_PLAN_SURVEY_LOOKING_H

#include "supervisor/engine/helper.h"
#include "supervisor/host/host.h"
#include "supervisor/plan/survey.h"

struct looking {
	struct survey *survey;
	struct event_base *base;
	struct http *http;
	struct helpers *helpers;
	struct hosts *hosts;
	unsigned due; /* answers */
};

struct ask { /* who a callback is for */
	struct looking *looking;
	struct seen_host *host;
	struct seen_instance *instance;
	struct seen_cluster *cluster;
	struct seen_lane *lane;
	struct seen_link *link;
	const char *op;
	int64_t asked_ms; /* wall clock */
};

/* One more answer is due; the caller fills in whom it is about. */
struct ask *survey_expect(struct looking *looking, const char *op);
void survey_answered(struct ask *ask); /* ask is gone */
bool survey_await(const struct looking *looking, struct err *err) WARN_UNUSED;
struct host *survey_host_of(
	const struct looking *looking, const struct seen_host *seen);
/* Asks a host; question is stolen.  done is called in any case. */
void survey_ask_host(
	struct ask *ask, json_t *question, int64_t timeout_ms, host_fn *done);

/* survey_hosts.c: hosts, and the instances' own files.  False: one cannot be
 * read.  What is on a host out of reach is left out. */
bool survey_load(struct looking *looking, struct err *err) WARN_UNUSED;
/* survey_clusters.c */
void survey_find_clusters(struct looking *looking);
void survey_ask_cluster(struct looking *looking, struct seen_cluster *cluster,
	const char *op, const struct secret *uri);
/* survey_processes.c */
void survey_look_at_process(
	struct looking *looking, struct seen_instance *seen);
void survey_look_at_api(struct looking *looking, struct seen_instance *seen);
void survey_look_at_unit(struct looking *looking, struct seen_instance *seen);
/* survey_files.c: claims, links, install roots; wants the lanes grouped. */
bool survey_look_at_files(struct looking *looking, struct err *err) WARN_UNUSED;

#endif
