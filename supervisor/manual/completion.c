/*
 * completion.c - what bash and zsh offer, by the tables of the command line.
 *
 * The templates know how to look for a FLEET or a RUN; which verb wants one,
 * and where, is written here.
 */
#include <ctype.h>
#include <string.h>

#include "supervisor/manual/manual.h"

#define WORD_LEN 80u

bool manual_is_name(const char *word)
{
	return isupper((unsigned char)word[0]) != 0;
}

bool manual_next_word(const char **text, char *ret_word, size_t size)
{
	const char *from = *text + strspn(*text, "[]|");
	size_t len = cli_word_find(from) ? strlen(from) : strcspn(from, "|]");

	(void)snprintf(ret_word, size, "%.*s", (int)len, from);
	*text = from + len;
	return len > 0;
}

static bool check_words_of(const char *text)
{
	char word[WORD_LEN];
	bool good = true;

	while (manual_next_word(&text, word, sizeof(word)))
		if (manual_is_name(word) && !cli_word_find(word)) {
			(void)fprintf(stderr,
				"syncup-manual: %s has no row in cli_words of "
				"supervisor/cli/help.c\n",
				word);
			good = false;
		}
	return good;
}

/* Operands stand apart by spaces.  Takes one off *text. */
static bool next_operand(const char **text, char *ret_operand, size_t size)
{
	const char *from = *text + strspn(*text, " ");
	size_t len = strcspn(from, " ");

	(void)snprintf(ret_operand, size, "%.*s", (int)len, from);
	*text = from + len;
	return len > 0;
}

bool manual_check_words(void)
{
	char operand[WORD_LEN];
	bool good = true;

	for (const struct cli_verb *verb = cli_verbs; verb->name; verb++) {
		const struct cli_option *option = verb->options;
		const char *operands = verb->operands;

		while (next_operand(&operands, operand, sizeof(operand)))
			good = check_words_of(operand) && good;
		for (; option->name; option++)
			if (option->value)
				good = check_words_of(option->value) && good;
	}
	return good;
}

/* A line of a case: pattern) words=(literal words) names=(FLEET ...) ;; */
static void bash_words(FILE *out, const char *text)
{
	char word[WORD_LEN];
	const char *at = text;

	(void)fputs(" words='", out);
	while (manual_next_word(&at, word, sizeof(word)))
		if (!manual_is_name(word))
			(void)fprintf(out, "%s ", word);
	(void)fputs("' names='", out);
	at = text;
	while (manual_next_word(&at, word, sizeof(word)))
		if (manual_is_name(word))
			(void)fprintf(out, "%s ", word);
	(void)fputs("' ;;\n", out);
}

static void bash_verb(FILE *out, const struct cli_verb *verb)
{
	const struct cli_option *option = verb->options;
	const char *operands = verb->operands;
	char operand[WORD_LEN];
	unsigned number = 0;

	(void)fprintf(out, "\t%s:options) words='", verb->name);
	for (; option->name; option++)
		(void)fprintf(out, "--%s ", option->name);
	(void)fputs("--help' ;;\n", out);
	for (option = verb->options; option->name; option++)
		if (option->value) {
			(void)fprintf(
				out, "\t%s:--%s)", verb->name, option->name);
			bash_words(out, option->value);
		}
	while (next_operand(&operands, operand, sizeof(operand))) {
		(void)fprintf(out, "\t%s:%u)", verb->name, ++number);
		bash_words(out, operand);
	}
}

bool manual_bash(FILE *out)
{
	(void)fputs("\t:verb) words='", out);
	for (const struct cli_verb *verb = cli_verbs; verb->name; verb++)
		(void)fprintf(out, "%s ", verb->name);
	(void)fputs("' ;;\n", out);
	for (const struct cli_verb *verb = cli_verbs; verb->name; verb++)
		bash_verb(out, verb);
	return true;
}

/* Inside single quotes, in a description that ends at ] or : */
static void zsh_text(FILE *out, const char *words)
{
	for (; *words; words++) {
		if (*words == '\'')
			(void)fputs("'\\'", out);
		else if (strchr("[]:\\", *words))
			(void)fputc('\\', out);
		(void)fputc(*words, out);
	}
}

/* The action of _arguments: (literal words), or _syncup_names NAME... */
static void zsh_action(FILE *out, const char *text)
{
	char word[WORD_LEN];
	const char *at = text;

	(void)fputs(":_syncup_value \"", out);
	while (manual_next_word(&at, word, sizeof(word)))
		if (!manual_is_name(word))
			(void)fprintf(out, "%s ", word);
	(void)fputs("\" \"", out);
	at = text;
	while (manual_next_word(&at, word, sizeof(word)))
		if (manual_is_name(word))
			(void)fprintf(out, "%s ", word);
	(void)fputc('"', out);
}

static void zsh_verb(FILE *out, const struct cli_verb *verb)
{
	const char *operands = verb->operands;
	char operand[WORD_LEN];
	unsigned number = 0;

	(void)fprintf(out, "\t%s)\n\t\targuments=(\n", verb->name);
	for (const struct cli_option *option = verb->options; option->name;
		option++) {
		(void)fprintf(out, "\t\t\t'--%s%s[", option->name,
			option->value ? "=" : "");
		zsh_text(out, option->help);
		(void)fputc(']', out);
		if (option->value) {
			(void)fputc(':', out);
			zsh_text(out, option->value);
			zsh_action(out, option->value);
		}
		(void)fputs("'\n", out);
	}
	(void)fputs("\t\t\t'--help[print help]'\n", out);
	while (next_operand(&operands, operand, sizeof(operand))) {
		(void)fprintf(out, "\t\t\t'%u:", ++number);
		zsh_text(out, operand);
		zsh_action(out, operand);
		(void)fputs("'\n", out);
	}
	(void)fputs("\t\t) ;;\n", out);
}

bool manual_zsh(FILE *out)
{
	(void)fputs("\t:verb)\n\t\tverbs=(\n", out);
	for (const struct cli_verb *verb = cli_verbs; verb->name; verb++) {
		(void)fprintf(out, "\t\t\t'%s:", verb->name);
		zsh_text(out, verb->help);
		(void)fputs("'\n", out);
	}
	(void)fputs("\t\t) ;;\n", out);
	for (const struct cli_verb *verb = cli_verbs; verb->name; verb++)
		zsh_verb(out, verb);
	return true;
}
