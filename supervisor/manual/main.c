/*
 * main.c - syncup-manual TEMPLATE OUTPUT: fills a template of a man page or a
 * completion from the tables of the program.  Run by the build.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "supervisor/manual/manual.h"
#include "supervisor/version.h"

static bool version(FILE *out)
{
	return fputs(SYNCUP_VERSION, out) >= 0;
}

static const struct {
	const char *name;
	manual_part_fn *write;
} parts[] = {
	{"VERSION", version},
	{"VERBS", manual_verbs},
	{"WORDS", manual_words},
	{"EXITS", manual_exits},
	{"KEYS", manual_keys},
	{"BASH", manual_bash},
	{"ZSH", manual_zsh},
};

static bool write_part(const char *name, size_t len, FILE *out)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strlen(parts[i].name) == len &&
			strncmp(parts[i].name, name, len) == 0)
			return parts[i].write(out);
	(void)fprintf(stderr, "syncup-manual: no part is called %.*s\n",
		(int)len, name);
	return false;
}

/* A single @ stands for itself. */
static bool fill_line(const char *line, FILE *out)
{
	while (*line) {
		size_t len =
			line[0] == '@'
				? strspn(line + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
				: 0;

		if (len && line[len + 1] == '@') {
			if (!write_part(line + 1, len, out))
				return false;
			line += len + 2;
		} else {
			(void)fputc(*line++, out);
		}
	}
	return true;
}

static bool fill(FILE *template, FILE *out)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, template) > 0)
		if (!fill_line(line, out))
			return false;
	return !ferror(template) && !ferror(out);
}

int main(int argc, char **argv)
{
	FILE *template, *out;
	bool good;

	if (argc != 3) {
		(void)fprintf(stderr, "usage: syncup-manual TEMPLATE OUTPUT\n");
		return 2;
	}
	template = fopen(argv[1], "re");
	out = fopen(argv[2], "we");
	good = template && out && manual_check_words() && fill(template, out);
	if (template)
		(void)fclose(template);
	if (out && fclose(out) != 0)
		good = false;
	if (!good) {
		(void)fprintf(stderr, "syncup-manual: %s could not be made\n",
			argv[2]);
		(void)remove(argv[2]);
	}
	return good ? 0 : 1;
}
