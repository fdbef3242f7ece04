/*
 * main.c - workload: makes, changes and compares the data that tests sync.
 */
#include <errno.h>
#include <getopt.h>
#include <mongoc/mongoc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/workload/workload.h"

enum { EXIT_OK, EXIT_NO, EXIT_USAGE };

struct verb {
	const char *name;
	verb_fn *run;
	const char *usage;
};

static const struct verb verbs[] = {
	{"load", workload_load, "--uri U --documents N [--seed S]"},
	{"write", workload_write,
		"--uri U --rate N/s [--until-file PATH] [--seed S]"},
	{"replay", workload_replay, "--source U --destination U"},
	{"compare", workload_compare, "--source U --destination U"},
	{"caught-up", workload_caught_up,
		"--source U --destination U [--timeout S] [--instances N]"},
};

#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

static int usage(void)
{
	for (size_t i = 0; i < VERB_COUNT; i++)
		(void)fprintf(stderr, "%s workload %s %s\n",
			i ? "      " : "usage:", verbs[i].name, verbs[i].usage);
	return EXIT_USAGE;
}

static bool parse_number(const char *text, const char *unit, int64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoll(text, &end, 10);
	return !errno && end != text && *ret >= 0 && *ret <= INT32_MAX &&
	       (!*end || !strcmp(end, unit));
}

static bool parse_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{"uri", required_argument, NULL, 'u'},
		{"source", required_argument, NULL, 'f'},
		{"destination", required_argument, NULL, 't'},
		{"until-file", required_argument, NULL, 'p'},
		{"documents", required_argument, NULL, 'n'},
		{"rate", required_argument, NULL, 'r'},
		{"seed", required_argument, NULL, 's'},
		{"timeout", required_argument, NULL, 'w'},
		{"instances", required_argument, NULL, 'i'},
		{NULL, 0, NULL, 0},
	};
	bool ok = true;
	int key;

	while (ok && (key = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (key) {
		case 'u':
			options->uri = optarg;
			break;
		case 'f':
			options->source = optarg;
			break;
		case 't':
			options->destination = optarg;
			break;
		case 'p':
			options->until_file = optarg;
			break;
		case 'n':
			ok = parse_number(optarg, "", &options->documents);
			break;
		case 'r':
			ok = parse_number(optarg, "/s", &options->rate);
			break;
		case 's':
			ok = parse_number(optarg, "", &options->seed);
			break;
		case 'w':
			ok = parse_number(optarg, "s", &options->timeout_s);
			break;
		case 'i':
			ok = parse_number(optarg, "", &options->instances);
			break;
		default:
			ok = false;
		}
	}
	return ok && optind == argc;
}

static bool has_what_it_needs(
	const struct verb *verb, const struct options *options)
{
	if (verb->run == workload_load)
		return options->uri && options->documents;
	if (verb->run == workload_write)
		return options->uri && options->rate;
	return options->source && options->destination;
}

/* Its warnings are about servers that do not know every command. */
static void on_driver_log(mongoc_log_level_t level, const char *domain,
	const char *message, void *arg)
{
	(void)arg;
	if (level <= MONGOC_LOG_LEVEL_CRITICAL)
		(void)fprintf(stderr, "workload: %s: %s\n", domain, message);
}

static int run(const struct verb *verb, const struct options *options)
{
	struct err err = {.code = ERR_NONE};
	bool ok;

	(void)setenv("MONGOC_DISABLE_SHM", "1", 1);
	mongoc_init();
	mongoc_log_set_handler(on_driver_log, NULL);
	ok = verb->run(options, &err);
	mongoc_cleanup();
	if (!ok && err.code != ERR_NONE)
		(void)fprintf(stderr, "workload %s: %s\n", verb->name, err.msg);
	return ok ? EXIT_OK : EXIT_NO;
}

int main(int argc, char **argv)
{
	struct options options = {.uri = NULL};

	for (size_t i = 0; argc > 1 && i < VERB_COUNT; i++) {
		if (strcmp(argv[1], verbs[i].name) != 0)
			continue;
		if (!parse_options(argc - 1, argv + 1, &options) ||
			!has_what_it_needs(&verbs[i], &options))
			return usage();
		return run(&verbs[i], &options);
	}
	return usage();
}
