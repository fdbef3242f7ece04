/*
 * margin.h - how long a sync may stand still before its place in the source's
 * oplog is gone.  Pure.
 *
 * The margin is the oldest resume point in the sync's metadata (in the copy
 * phase the copy's start) minus the first entry of the oplog, the least of all
 * shards, both by the servers' time; never more than from its first entry to
 * its last.  If the oplog cannot be read it is what
 * the processes estimated before they were paused, else oplog_window: of the
 * fleet file minus the lag.
 */
#ifndef SUPERVISOR_PLAN_MARGIN_H
#define SUPERVISOR_PLAN_MARGIN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Words of the journal: never rename. */
#define MARGIN_OPLOG "oplog"
#define MARGIN_ESTIMATE "estimate"
#define MARGIN_WINDOW "oplog_window"

struct margin {
	const char *how; /* one of the words above, or NULL: nobody knows */
	int64_t s; /* >= 0 */
	int64_t resume_s; /* the oldest resume point, servers' time; 0: not
			     told */
	char why[250]; /* the oplog could not be used, if it was not */
	bool turned; /* the source is cluster1 */
};

/* Of the summary that the helper tells; 0 if it tells none. */
int64_t margin_resume_point(const json_t *summary);
/* One of them needs all changes since its copy began, whatever lag it tells. */
bool margin_is_copying(const json_t *summary);
/* Of the helper's "oplog".  Less than nothing left is 0. */
bool margin_by_oplog(int64_t resume_s, const json_t *oplog, int64_t *ret_s,
	char *ret_why, size_t size);
/* The sync's own words, "45 minutes", read with care; -1: they say nothing. */
int64_t margin_by_words(const char *words);
/* For people: "read from the oplog". */
const char *margin_how_text(const char *how);
/* "3 h 20 min", "4 min", "12 s". */
const char *margin_duration(char *buf, size_t size, int64_t s);

#endif
