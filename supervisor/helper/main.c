/*
 * main.c - syncup-helper: answers questions about clusters until its standard
 * input closes.  Started by syncup, not by people.
 */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/helper/ops.h"
#include "supervisor/memory.h"
#include "supervisor/version.h"
#include "sync_client/cluster.h"

static void log_to_stderr(const char *line)
{
	_cleanup_free_ char *clean = scrub(line);

	(void)fprintf(stderr, "syncup-helper: %s\n", clean);
}

/* The answers' way out is ours alone: a library that prints something must not
 * end up between two of them. */
static int take_stdout(void)
{
	int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (out >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
		(void)close(out);
		return -1;
	}
	return out;
}

int main(int argc, char **argv)
{
	_cleanup_fd_ int out = -1;
	struct err err = {0};
	int code;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		(void)printf("syncup-helper %s\n", SYNCUP_VERSION);
		return 0;
	}
	if (argc != 1) {
		(void)fprintf(stderr,
			"syncup-helper: started by syncup, takes no "
			"arguments\n");
		return 2;
	}
	/* As libbson does: who asked is told that we died. */
	json_set_alloc_funcs(memory_alloc, free);
	helper_follow_parent();
	(void)umask(077);
	out = take_stdout();
	if (out < 0) {
		(void)fprintf(stderr, "syncup-helper: no standard output\n");
		return 1;
	}
	cluster_library_begin(log_to_stderr);
	code = helper_loop(
		helper_ops, helper_ops_count, STDIN_FILENO, out, &err);
	cluster_library_end();
	if (code)
		log_to_stderr(err.msg);
	return code;
}
