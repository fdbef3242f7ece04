/*
 * say.c - how a command says why it ends, and what to type.
 *
 * One sentence of cause and one line to type, on standard error; where that is
 * the system's journal the sentence is an event, if it is one.
 */
#include <stdarg.h>
#include <string.h>
#include <syslog.h>

#include "state/cleanup.h"
#include "supervisor/cli/cli.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/report/journald.h"

enum {
	SENTENCE_MAX = 800,
};

static char cause[SENTENCE_MAX];

void cli_because(const char *why)
{
	if (cause[0]) /* the first one is what the others come from */
		return;
	(void)snprintf(cause, sizeof(cause), "%s", why);
	scrub_in_place(cause, sizeof(cause));
}

const char *cli_cause(void)
{
	return cause;
}

static void say(enum event_kind kind, int priority, int code, char *sentence)
{
	scrub_in_place(sentence, SENTENCE_MAX);
	if (journald_send(kind, code, sentence))
		return;
	(void)fprintf(stderr, "%ssyncup: %s\n",
		journald_level(stderr, priority), sentence);
}

void cli_tell(enum event_kind kind, int code, const char *fmt, ...)
{
	char sentence[SENTENCE_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(sentence, sizeof(sentence), fmt, args);
	va_end(args);
	say(kind, kind == EVENT_NONE ? LOG_ERR : event_kind_priority(kind),
		code, sentence);
}

int cli_fail(const struct err *err)
{
	char sentence[SENTENCE_MAX];
	int code = err_exit_code(err->code);

	(void)snprintf(sentence, sizeof(sentence), "%s", err->msg);
	say(event_of_error(err->code), LOG_ERR, code, sentence);
	cli_because(sentence);
	return code;
}

static void type_this(const char *fmt, va_list args)
	__attribute__((format(printf, 1, 0)));

static void type_this(const char *fmt, va_list args)
{
	(void)fprintf(stderr, "%sType: ", journald_level(stderr, LOG_NOTICE));
	(void)vfprintf(stderr, fmt, args);
	(void)fprintf(stderr, "\n");
}

void cli_type(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	type_this(fmt, args);
	va_end(args);
}

int cli_fail_next(const struct err *err, const char *fmt, ...)
{
	va_list args;
	int code = cli_fail(err);

	va_start(args, fmt);
	type_this(fmt, args);
	va_end(args);
	return code;
}
