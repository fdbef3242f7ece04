/*
 * process_fixture.h - what the tests of process/ share: a directory, a port,
 * a sleeper, and the callbacks turned into plain calls.
 */
#ifndef TESTS_UNIT_PROCESS_FIXTURE_H
#define TESTS_UNIT_PROCESS_FIXTURE_H

#include <limits.h>

#include "supervisor/process/process.h"

#define FIXTURE_DEADLINE_MS 20000

struct fixture {
	char dir[PATH_MAX / 2];
	char sleeper[PATH_MAX]; /* beside the test program */
	char config[PATH_MAX], output[PATH_MAX], run_file[PATH_MAX];
	char port[8];
	char *argv[12]; /* of the sleeper, NULL-terminated */
	struct process_spec spec;
	struct event_base *base;
};

/* cmocka setup and teardown; *state is a struct fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state); /* kills what runs with its config */

void fixture_argument(struct fixture *fixture, const char *argument);
void fixture_write(const char *path, const char *text);
/* Whole file, freed by the caller; "" if it is not there. */
char *fixture_read(const char *path);
unsigned fixture_count(const char *path, const char *line);
uint16_t fixture_free_port(void);
/* A sleeper that is our child; argv NULL: the fixture's. */
pid_t fixture_run_sleeper(struct fixture *fixture, char *const argv[]);
void fixture_kill(pid_t pid); /* our own child: and reaps it */

void fixture_observe(struct fixture *fixture, const struct process_ops *ops,
	struct process_seen *ret_seen);
/* Observes until it is this view, or fails the test. */
void fixture_await(struct fixture *fixture, const struct process_ops *ops,
	enum process_view view, struct process_seen *ret_seen);
void fixture_await_line(const char *path, const char *line);
/* The outcome as the callback or the return value gave it; ERR_NONE: done. */
struct err fixture_start(struct fixture *fixture, const struct process_ops *ops,
	uint64_t attempt);
struct err fixture_stop(struct fixture *fixture, const struct process_ops *ops,
	const struct process_seen *who, bool kill);
void fixture_assert_done(struct err outcome);
/* By spawn; returns when it has said "ready". */
void fixture_start_sleeper(struct fixture *fixture, uint64_t attempt,
	struct process_seen *ret_seen);
/* How many processes have the fixture's --config. */
unsigned fixture_count_processes(struct fixture *fixture);

#endif
