/*
 * report.h - views of a run.  All are folds of the same journal.
 */
#ifndef SUPERVISOR_REPORT_REPORT_H
#define SUPERVISOR_REPORT_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "state/run_state.h"

struct report_process { /* one process, as the journal tells it */
	const char *name, *lane;
	const char *host; /* NULL: this machine */
	char called[170]; /* "<name>", or "<name> on <host>" */
	const char *before, *after; /* versions; after: what runs now */
	const char *state; /* last seen, or "stopped", "?" */
	int64_t paused_ms, stopped_ms; /* -1: not at all */
	bool still_paused, still_stopped; /* by us, at this moment */
	const char *doing; /* the step it is at, or "" */
	const char *note; /* what that waits for, or "" */
	int64_t note_at;
};

/* Returns the number of processes; the caller frees *ret_list.  now is wall
 * clock ms: what still stands is counted up to it. */
unsigned report_processes(const struct run_state *state, int64_t now,
	struct report_process **ret_list);

/* Where a process is, by its target's name; NULL: here, or it is none. */
const char *report_process_host(
	const struct run_state *state, const char *target);

/* Per process: versions, how long paused and stopped, state now. */
void report_table(const struct run_state *state, int64_t now, FILE *out);
/* One sentence per lane: where it is, how long it may stand still, and why it
 * stopped. */
void report_lanes(const struct run_state *state, int64_t now, FILE *out);
/* How long a lane stands still and may: "for 12 s, 3 min left"; "" if it does
 * not.  now is wall clock ms. */
const char *report_clock(
	const struct run_clock *clock, int64_t now, char *buf, size_t size);
/* How long it has stood still by now, as it can be told in this boot. */
int64_t report_stood_ms(const struct run_clock *clock, int64_t now);
/* "2 of 3 processes on 1.13.0; lane a: stopping shard1, turn back by 03:40". */
const char *report_line(
	const struct run_state *state, int64_t now, char *buf, size_t size);
/* "shard0 is paused; shard1 is stopped", and how much time is left. */
void report_present(const struct run_state *state, FILE *out);
/* What to type when a run ended or stopped with this exit code; "" after 0. */
const char *report_next(const struct run_state *state, int code,
	const char *operand, char *buf, size_t size);
json_t *report_processes_json(const struct run_state *state, int64_t now);
json_t *report_json(const struct run_state *state, int64_t now);
/* The plan, stage by stage. */
void report_plan(const struct run_state *state, FILE *out);

/* One record as a line for people, freed by the caller; NULL: it is not for
 * them. */
char *report_record_text(const struct run_state *state, const json_t *json);

struct live;
/* On a terminal a line per process, rewritten; else a line an event. */
struct live *live_new(FILE *out);
void live_free(struct live *live);
/* An engine_view_fn; arg is the struct live. */
void live_record(
	void *arg, const struct run_state *state, const struct record *record);
void live_tick(struct live *live, const struct run_state *state);
/* Leaves the terminal below what was drawn. */
void live_end(struct live *live, const struct run_state *state);

#endif
