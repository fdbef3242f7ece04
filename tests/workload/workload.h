/*
 * workload.h - the verbs, and what may be said to them.
 */
#ifndef TESTS_WORKLOAD_WORKLOAD_H
#define TESTS_WORKLOAD_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "state/err.h"

struct options { /* zero and NULL: not given */
	const char *uri, *source, *destination, *until_file;
	int64_t documents, rate, seed, timeout_s, instances;
};

/* Each prints its last line to stdout.  True: exit 0; false without a code in
 * err: the answer is no, and was printed. */
typedef bool verb_fn(const struct options *options, struct err *err);

verb_fn workload_load, workload_write, workload_replay, workload_compare,
	workload_caught_up;

#endif
