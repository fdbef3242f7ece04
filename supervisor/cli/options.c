/*
 * options.c - the verbs, their options, and the parsing of both.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/cli/cli.h"

static const struct cli_option plan_options[] = {
	{"accept-unlisted", NULL,
		"plan an upgrade of which nothing is documented"},
	{"finish-by", "TIME",
		"when it has to be over: 04:00, \"2026-11-28 04:00\", +90m, "
		"+2h (local time)"},
	{"json", NULL, "print one JSON document"},
	{0},
};

static const struct cli_option run_options[] = {
	{"accept-unlisted", NULL,
		"begin an upgrade of which nothing is documented"},
	{"as-planned", NULL,
		"go on with the plan in the journal, whatever the fleet file "
		"says now"},
	{"detach", NULL,
		"hand the run to a unit of systemd, and come back when it has "
		"begun"},
	{"finish-by", "TIME",
		"when it has to be over: 04:00, \"2026-11-28 04:00\", +90m, "
		"+2h (local time)"},
	{"retry", NULL, "begin anew after a run that turned back"},
	{"retry-of", "RUN",
		"the same, but only if that is the run: for lines that are "
		"repeated by themselves"},
	{"unfinished", NULL, "continue a run if there is one, else do nothing"},
	{"scheduled", NULL,
		"for timers and cron: say nothing when there is nothing to do, "
		"or when another supervisor is at it"},
	{"answer", "STEP@TARGET=again|done|stop",
		"answer the question that a run stopped with (exit 7)"},
	{"take-over", "RUN", "take the claims of another, lost run"},
	{"json", NULL, "print the journal's records, one JSON object a line"},
	{0},
};

static const struct cli_option status_options[] = {
	{"json", NULL, "print one JSON document"},
	{0},
};

static const struct cli_option rollback_options[] = {
	{"restore-metadata", NULL,
		"allow the saved metadata to be put back on the destination"},
	{0},
};

static const struct cli_option no_options[] = {{0}};

const struct cli_verb cli_verbs[] = {
	{"plan", "FLEET", 1, 1, "look at everything, say what would be done",
		plan_options, verb_plan},
	{"run", "FLEET", 1, 1, "start the upgrade, or continue it", run_options,
		verb_run},
	{"status", "FLEET", 1, 1, "what the current or last run did",
		status_options, verb_status},
	{"rollback", "FLEET", 1, 1,
		"take an unfinished run back to the old version",
		rollback_options, verb_rollback},
	{"abort", "FLEET", 1, 1,
		"end an unfinished run and leave everything as it is",
		no_options, verb_abort},
	{"failed", "FLEET", 1, 1,
		"tell notify: that systemd has given the supervisor up",
		no_options, verb_failed},
	{"journal", "show|verify FLEET|FILE", 2, 2,
		"print a journal, or check every line of it", no_options,
		verb_journal},
	{"version", "", 0, 0, "print syncup's version", no_options,
		verb_version},
	{"help", "[VERB]", 0, 1, "print help", no_options, verb_help},
	{0},
};

const struct cli_verb *cli_verb_find(const char *name)
{
	for (const struct cli_verb *verb = cli_verbs; verb->name; verb++)
		if (strcmp(verb->name, name) == 0)
			return verb;
	return NULL;
}

const char *cli_value(const struct cli_args *args, const char *option)
{
	const struct cli_option *options = args->verb->options;

	for (unsigned i = 0; options[i].name; i++)
		if (strcmp(options[i].name, option) == 0)
			return args->value[i];
	return NULL;
}

int cli_usage_error(const struct cli_verb *verb, const char *fmt, ...)
{
	va_list args;

	(void)fprintf(stderr, "syncup: ");
	va_start(args, fmt);
	(void)vfprintf(stderr, fmt, args);
	va_end(args);
	(void)fprintf(stderr, "\nType: syncup help%s%s\n", verb ? " " : "",
		verb ? verb->name : "");
	return err_exit_code(ERR_USAGE);
}

static const struct cli_option *find_option(
	const struct cli_verb *verb, const char *name, size_t len)
{
	const struct cli_option *option = verb->options;

	while (option->name && (strlen(option->name) != len ||
				       strncmp(option->name, name, len) != 0))
		option++;
	return option->name ? option : NULL;
}

/* word[0] is an option.  Returns how many words it took, 0 if it is refused. */
static int parse_option(struct cli_args *args, char **word)
{
	const struct cli_verb *verb = args->verb;
	size_t len = strcspn(word[0], "=");
	const char *value = word[0][len] ? word[0] + len + 1 : NULL;
	const struct cli_option *option = NULL;
	int took = 1;

	if (len > 2 && strncmp(word[0], "--", 2) == 0)
		option = find_option(verb, word[0] + 2, len - 2);
	if (!option) {
		(void)cli_usage_error(verb, "%s: unknown option %.*s",
			verb->name, (int)len, word[0]);
		return 0;
	}
	if (!option->value && value) {
		(void)cli_usage_error(
			verb, "--%s takes no value", option->name);
		return 0;
	}
	if (option->value && !value) {
		value = word[1];
		took = 2;
	}
	/* An empty one is a variable that a script forgot to set. */
	if (option->value && (!value || !value[0])) {
		(void)cli_usage_error(verb, "--%s needs a value: %s",
			option->name, option->value);
		return 0;
	}
	args->value[option - verb->options] = value ? value : "";
	return took;
}

/*
 * Not getopt_long(), which takes any unique beginning of an option's name: a
 * script that relies on one breaks when another option gets it.
 */
static int parse(const struct cli_verb *verb, int argc, char **argv,
	struct cli_args *args)
{
	bool only_words = false;
	int took;

	args->verb = verb;
	args->word = argv + 1;
	for (int i = 1; i < argc; i += took) {
		char *word = argv[i];

		took = 1;
		if (only_words || word[0] != '-' || !word[1]) {
			args->word[args->word_count++] = word;
		} else if (strcmp(word, "--") == 0) {
			only_words = true;
		} else if (strcmp(word, "--help") == 0 ||
			   strcmp(word, "-h") == 0) {
			cli_help(verb, stdout);
			return 0;
		} else {
			took = parse_option(args, argv + i);
			if (!took)
				return err_exit_code(ERR_USAGE);
		}
	}
	if (args->word_count < verb->least || args->word_count > verb->most)
		return cli_usage_error(verb, "%s takes %s", verb->name,
			verb->operands[0] ? verb->operands : "no operands");
	for (int i = 0; i < args->word_count; i++)
		if (!args->word[i][0])
			return cli_usage_error(
				verb, "%s: an operand is empty", verb->name);
	return verb->run(args);
}

/* Where a standard descriptor is closed, the next file gets its number, and
 * what we print ends up in a journal. */
static bool fill_standard_descriptors(void)
{
	int fd;

	do /* for what we start, too: NOLINTNEXTLINE(android-cloexec-*) */
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
	return fd >= 0;
}

int cli_main(int argc, char **argv)
{
	struct cli_args args = {0};
	const struct cli_verb *verb;
	const char *name = argc > 1 ? argv[1] : "";

	if (!fill_standard_descriptors())
		return err_exit_code(ERR_BUG);
	if (!name[0])
		return cli_usage_error(NULL, "a verb is missing");
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	else if (strcmp(name, "--version") == 0)
		name = "version";
	verb = cli_verb_find(name);
	if (!verb)
		return cli_usage_error(NULL, "unknown verb %s", argv[1]);
	return parse(verb, argc - 1, argv + 1, &args);
}
