/*
 * help.c - what people are told about the command line: `syncup help`, and the
 * tables that the man page and the completions are made of as well.
 */
#include <assert.h>
#include <string.h>

#include "supervisor/cli/cli.h"

const struct cli_exit cli_exits[] = {
	{0, "reached", "The goal is reached.", NULL},
	{1, "error", "A bug of syncup, or an error that is not classified.",
		"Type run again; please report it."},
	{2, "usage", "The command line is wrong.", "See syncup help."},
	{3, "refused",
		"The fleet file, the plan or a check refuses; nothing was "
		"touched.",
		"Mend what it names."},
	{4, "held by another",
		"Another supervisor, or the claim of another run, holds it.",
		"It says whose it is, and since when."},
	{5, "journal unreadable",
		"The journal is damaged, missing or of a newer syncup.",
		"A person must look: syncup journal verify FLEET."},
	{6, "step failed", "A step failed after its tries.",
		"Type run again, or rollback."},
	{7, "needs a decision", "Only a person can decide how to go on.",
		"It prints the line run --answer that is to be typed."},
	{8, "stopped",
		"Stopped by a signal, out of memory, or writing to disk "
		"failed.",
		"Type run again."},
	{9, "turned back", "It turned back: the old version runs.",
		"Type run --retry when the reason is gone."},
	{0},
};

const struct cli_word cli_words[] = {
	{"FLEET", "a fleet file, or the state folder of a fleet"},
	{"FILE", "the journal of a run"},
	{"VERB", "one of the verbs"},
	{"RUN", "the id of a run, as claims and refusals name it"},
	{"TIME", "a time of day, a date and time, or a time from now"},
	{"STEP@TARGET=again|done|stop", "as printed when the run stopped"},
	{0},
};

const struct cli_word *cli_word_find(const char *name)
{
	for (const struct cli_word *word = cli_words; word->name; word++)
		if (strcmp(word->name, name) == 0)
			return word;
	return NULL;
}

static void help_verb(const struct cli_verb *verb, FILE *out)
{
	(void)fprintf(out, "usage: syncup %s%s%s%s\n\n%c%s.\n", verb->name,
		verb->options[0].name ? " [options]" : "",
		verb->operands[0] ? " " : "", verb->operands,
		verb->help[0] - 'a' + 'A', verb->help + 1);
	if (verb->options[0].name)
		(void)fprintf(out, "\noptions:\n");
	for (const struct cli_option *option = verb->options; option->name;
		option++)
		(void)fprintf(out, "  --%s%s%s\n        %s\n", option->name,
			option->value ? " " : "",
			option->value ? option->value : "", option->help);
	(void)fprintf(out, "\nMore: man syncup\n");
}

static void help_exits(FILE *out)
{
	static const int width = 79;
	int column = fprintf(out, "exit codes:");

	for (const struct cli_exit *exit = cli_exits; exit->brief; exit++) {
		if (column + 5 + (int)strlen(exit->brief) > width)
			column = fprintf(out, "\n ") - 1;
		column += fprintf(out, " %d %s%s", exit->code, exit->brief,
			exit[1].brief ? "," : "\n");
	}
}

void cli_help(const struct cli_verb *verb, FILE *out)
{
	const struct cli_word *fleet = cli_word_find("FLEET");

	assert(fleet);
	if (verb) {
		help_verb(verb, out);
		return;
	}
	(void)fprintf(out, "usage: syncup VERB [options] [operands]\n\n"
			   "Upgrades running cluster-sync processes without "
			   "losing the sync.\n\nverbs:\n");
	for (verb = cli_verbs; verb->name; verb++)
		(void)fprintf(out, "  %-10s%s\n", verb->name, verb->help);
	(void)fprintf(out, "\nFLEET is %s.\n", fleet->help);
	help_exits(out);
	(void)fprintf(out,
		"\nMore: syncup help VERB, man syncup, man syncup-fleet\n");
}
