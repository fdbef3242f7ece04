/*
 * options.h - the command line and the flat YAML file of mongosync.
 *
 * A flag overrides the file.  A name that this version does not know yet is
 * refused, in both places.  Messages never contain a value, since a URI may
 * hold a password.
 */
#ifndef REFSYNC_OPTIONS_H
#define REFSYNC_OPTIONS_H

#include "state/err.h"

struct options {
	char *config, *cluster[2], *log_path, *verbosity, *id, *metrics_path;
	char *hot_ids;
	long port, load_level, index_batch;
	bool accept_disclaimer, disable_telemetry, disable_verification;
	bool disable_metrics, capped, version, help;
};

bool options_parse(int argc, char **argv, struct options *ret_options,
	struct err *err) WARN_UNUSED;
void options_done(struct options *options);
void options_print_help(void);
/* What the process calls itself: its id, or "coordinator" when it is alone. */
const char *options_id(const struct options *options);

#endif
