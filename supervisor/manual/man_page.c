/*
 * man_page.c - the parts of syncup(1) and syncup-fleet(5), in man(7).
 */
#include <ctype.h>
#include <string.h>

#include "supervisor/fleet/fleet_keys.h"
#include "supervisor/manual/manual.h"

#define SOURCE_WIDTH 70u
#define SENTENCE_MAX 1000u

/* A dash is one that can be copied and typed, a quote not a typographer's. */
static void letter(FILE *out, char c)
{
	if (c == '-')
		(void)fputs("\\-", out);
	else if (c == '\\')
		(void)fputs("\\e", out);
	else if (c == '\'')
		(void)fputs("\\(aq", out);
	else if (c == '"')
		(void)fputs("\\(dq", out);
	else
		(void)fputc(c, out);
}

static void text(FILE *out, const char *words)
{
	for (; *words; words++)
		letter(out, *words);
}

/* Lines of the source stay short, and none begins like a request. */
static void paragraph(FILE *out, const char *words, const char *end)
{
	size_t column = 0;

	while (*words) {
		size_t len = strcspn(words, " ");

		if (column + len > SOURCE_WIDTH) {
			(void)fputc('\n', out);
			column = 0;
		} else if (column) {
			(void)fputc(' ', out);
		}
		if (!column && strchr(".'", words[0]))
			(void)fputs("\\&", out);
		column += len + 1;
		for (; len; len--)
			letter(out, *words++);
		words += strspn(words, " ");
	}
	(void)fprintf(out, "%s\n", end);
}

static void styled(FILE *out, const char *style, const char *words)
{
	(void)fprintf(out, "\\f%s", style);
	text(out, words);
	(void)fputs("\\fR", out);
}

/* The help of a table is the middle of a sentence. */
static void sentence(FILE *out, const char *words)
{
	char whole[SENTENCE_MAX];

	(void)snprintf(whole, sizeof(whole), "%c%s",
		toupper((unsigned char)words[0]), words + 1);
	paragraph(out, whole, ".");
}

bool manual_verbs(FILE *out)
{
	for (const struct cli_verb *verb = cli_verbs; verb->name; verb++) {
		const struct cli_option *option = verb->options;

		(void)fputs(".SS syncup ", out);
		text(out, verb->name);
		if (option->name)
			(void)fputs(" [options]", out);
		(void)fputs(verb->operands[0] ? " " : "", out);
		text(out, verb->operands);
		(void)fputc('\n', out);
		sentence(out, verb->help);
		for (; option->name; option++) {
			(void)fputs(".TP\n\\fB\\-\\-", out);
			text(out, option->name);
			(void)fputs("\\fR", out);
			if (option->value) {
				(void)fputc(' ', out);
				styled(out, "I", option->value);
			}
			(void)fputc('\n', out);
			sentence(out, option->help);
		}
	}
	return true;
}

bool manual_words(FILE *out)
{
	for (const struct cli_word *word = cli_words; word->name; word++) {
		(void)fputs(".TP\n", out);
		styled(out, "I", word->name);
		(void)fputc('\n', out);
		sentence(out, word->help);
	}
	return true;
}

bool manual_exits(FILE *out)
{
	for (const struct cli_exit *exit = cli_exits; exit->brief; exit++) {
		(void)fprintf(out, ".TP\n\\fB%d\\fR\n", exit->code);
		paragraph(out, exit->meaning, "");
		if (exit->next)
			paragraph(out, exit->next, "");
	}
	return true;
}

static void kind_of_value(FILE *out, const struct fleet_key_seen *key)
{
	const cyaml_schema_value_t *value = &key->field->value;

	switch (value->type) {
	case CYAML_ENUM:
		for (uint32_t i = 0; i < value->enumeration.count; i++)
			(void)fprintf(out, "%s%s", i ? " | " : "",
				value->enumeration.strings[i].str);
		break;
	case CYAML_SEQUENCE:
		(void)fprintf(out, "list, %u to %u",
			(unsigned)value->sequence.min,
			(unsigned)value->sequence.max);
		break;
	case CYAML_MAPPING:
		(void)fputs("keys, see below", out);
		break;
	case CYAML_UINT:
		if (key->number)
			(void)fprintf(out, "%u to %u, default %u",
				key->number->least, key->number->most,
				key->number->standard);
		else
			(void)fputs("number", out);
		break;
	case CYAML_BOOL:
		(void)fputs("true | false", out);
		break;
	default:
		(void)fputs("text", out);
	}
	if (!(value->flags & CYAML_FLAG_OPTIONAL))
		(void)fputs("; needed", out);
}

struct page {
	FILE *out;
	bool good;
};

static void write_key(const struct fleet_key_seen *key, void *arg)
{
	struct page *page = arg;

	if (!key->help) {
		(void)fprintf(stderr,
			"syncup-manual: the key %s has no sentence in "
			"supervisor/fleet/fleet_keys.c\n",
			key->path);
		page->good = false;
		return;
	}
	(void)fputs(".TP\n", page->out);
	styled(page->out, "B", key->path);
	(void)fputs(" (", page->out);
	kind_of_value(page->out, key);
	(void)fputs(")\n", page->out);
	paragraph(page->out, key->help, "");
}

bool manual_keys(FILE *out)
{
	struct page page = {out, true};

	fleet_keys_walk(write_key, &page);
	for (const struct fleet_key *key = fleet_keys; key->path; key++) {
		if (fleet_key_exists(key->path))
			continue;
		(void)fprintf(stderr,
			"syncup-manual: %s in supervisor/fleet/fleet_keys.c is "
			"no key of a fleet file\n",
			key->path);
		page.good = false;
	}
	return page.good;
}
