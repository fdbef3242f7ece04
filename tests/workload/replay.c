/*
 * replay.c - makes on a copy what the log says, as a sync process would: proof
 * that the log tells everything, whatever happened to its writer.
 */
#include <inttypes.h>
#include <stdio.h>

#include "tests/workload/change_log.h"
#include "tests/workload/server.h"
#include "tests/workload/workload.h"

bool workload_replay(const struct options *options, struct err *err)
{
	mongoc_client_t *source = NULL, *destination = NULL;
	int64_t count;
	bool ok = server_open(options->source, &source, err) &&
		  server_open(options->destination, &destination, err) &&
		  change_log_replay(source, destination, &count, err);

	if (ok)
		(void)printf("replayed=%" PRId64 "\n", count);
	if (source)
		mongoc_client_destroy(source);
	if (destination)
		mongoc_client_destroy(destination);
	return ok;
}
