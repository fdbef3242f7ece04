/*
 * caught_up.c - waits until the reference sync process has applied the log as
 * far as it went when we were called.
 *
 * Each instance has a document in resumeData.  How far it is stands in
 * crudChangeStreamResumeInfo.sequence, with metadata below 12 in
 * lastAppliedSequence, and means something only once its copy is over.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "state/sys.h"
#include "tests/workload/change_log.h"
#include "tests/workload/server.h"
#include "tests/workload/workload.h"

#define LOOK_EVERY_MS 100
#define TIMEOUT_S 60

struct positions {
	int64_t instances, lowest; /* lowest: -1 while one still copies */
};

static bool is_past_copy(const bson_t *doc)
{
	static const char *const phases[] = {"change event application",
		"waiting for commit to complete", "commit completed"};
	bson_iter_t iter;

	if (!bson_iter_init_find(&iter, doc, "syncPhase") ||
		!BSON_ITER_HOLDS_UTF8(&iter))
		return false;
	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
		if (!strcmp(bson_iter_utf8(&iter, NULL), phases[i]))
			return true;
	return false;
}

static int64_t position_of(const bson_t *doc)
{
	static const char *const paths[] = {
		"crudChangeStreamResumeInfo.sequence", "lastAppliedSequence"};
	bson_iter_t iter, found;

	if (!is_past_copy(doc))
		return -1;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		if (bson_iter_init(&iter, doc) &&
			bson_iter_find_descendant(&iter, paths[i], &found))
			return bson_iter_as_int64(&found);
	return -1;
}

static bool take_position(void *arg, const bson_t *doc, struct err *err)
{
	struct positions *positions = arg;
	int64_t position = position_of(doc);

	(void)err;
	if (!positions->instances++ || position < positions->lowest)
		positions->lowest = position;
	return true;
}

static bool look(
	mongoc_client_t *destination, struct positions *ret, struct err *err)
{
	/* The newer name first: a migration leaves nothing under the old. */
	static const char *const dbs[] = {"__mdb_internal_mongosync",
		"mongosync_reserved_for_internal_use"};

	*ret = (struct positions){.lowest = -1};
	for (size_t i = 0; i < 2 && !ret->instances; i++)
		if (!server_find(destination, dbs[i], "resumeData", NULL, NULL,
			    take_position, ret, err))
			return false;
	return true;
}

static bool wait_for(mongoc_client_t *destination, int64_t goal,
	const struct options *options, struct err *err)
{
	int64_t timeout_s = options->timeout_s ? options->timeout_s : TIMEOUT_S;
	int64_t deadline = sys_monotonic_ms() + timeout_s * 1000;
	int64_t wanted = options->instances ? options->instances : 1;
	struct positions at;
	bool seen;

	for (;;) {
		seen = look(destination, &at, err);
		if (seen && at.instances >= wanted && at.lowest >= goal)
			break;
		if (sys_monotonic_ms() > deadline)
			return seen ? err_set(err, ERR_AGAIN,
					      "after %" PRId64 " s %" PRId64
					      " instances are at %" PRId64
					      " of %" PRId64,
					      timeout_s, at.instances,
					      at.lowest, goal)
				    : false;
		(void)usleep(LOOK_EVERY_MS * 1000);
	}
	(void)printf("sequence=%" PRId64 " instances=%" PRId64 "\n", goal,
		at.instances);
	return true;
}

bool workload_caught_up(const struct options *options, struct err *err)
{
	mongoc_client_t *source = NULL, *destination = NULL;
	int64_t goal;
	bool ok = server_open(options->source, &source, err) &&
		  server_open(options->destination, &destination, err) &&
		  change_log_last(source, &goal, err) &&
		  wait_for(destination, goal, options, err);

	if (source)
		mongoc_client_destroy(source);
	if (destination)
		mongoc_client_destroy(destination);
	return ok;
}
