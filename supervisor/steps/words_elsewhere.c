/*
 * words_elsewhere.c - the same of a process on another host, asked for before a
 * failure is told.
 */
#include <string.h>

#include "state/cleanup.h"
#include "supervisor/steps/ask.h"
#include "supervisor/steps/steps.h"
#include "supervisor/steps/words.h"

enum {
	LAG_MS = 1000, /* of a file's time behind its host's clock */
};

static void remember(struct step_run *run, const char *key, json_t *words)
{
	if (!run->memory)
		run->memory = json_object();
	(void)json_object_set_new(run->memory, key, words);
}

/* Nothing if it was not written to since: then it speaks of an earlier life. */
static json_t *words_in(const struct step_run *run, const json_t *result)
{
	const char *text = json_string_value(json_object_get(result, "text"));
	int64_t age = json_integer_value(json_object_get(result, "now_ms")) -
		      json_integer_value(json_object_get(result, "mtime_ms"));
	size_t len = text ? strlen(text) : 0;

	if (!text || age > step_intent_age_ms(run) + LAG_MS)
		return json_array();
	return words_of(text, len,
		json_integer_value(json_object_get(result, "size")) <=
			(json_int_t)len);
}

static void go_on(struct step_run *run)
{
	struct err err = {0};

	if (!run->with_words(run, &err))
		step_cannot_look(run, &err);
}

/* What cannot be read is nothing that was said. */
static void read_tail(struct step_run *run, const char *path, host_fn *done)
{
	struct err err = {0};

	if (!path || !ask_host(run, run->target, "read_file",
			     json_pack("{s:s, s:i, s:b}", "path", path, "max",
				     WORDS_TAIL, "tail", 1),
			     ASK_MS, done, &err))
		done(run, NULL, &err);
}

static void printed_told(void *arg, const json_t *result, const struct err *err)
{
	(void)err;
	remember(arg, "printed", words_in(arg, result));
	go_on(arg);
}

static void log_told(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;

	(void)err;
	remember(run, "log", words_in(run, result));
	read_tail(run, run->target->process.output, printed_told);
}

static bool read_log(struct step_run *run, struct err *err)
{
	_cleanup_free_ char *path = words_log_path(run->target);

	(void)err;
	read_tail(run, path, log_told);
	return true;
}

bool after_words(struct step_run *run, step_fn *then, struct err *err)
{
	run->with_words = then;
	if (host_is_local(run->target->host))
		return then(run, err);
	/* Which log it writes stands in its file. */
	return after_config(run, run->target, read_log, err);
}
