/*
 * words.c - the last lines of a sync process's own log, and of what it printed.
 */
#include "supervisor/steps/words.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/memory.h"
#include "supervisor/steps/steps.h"
#include "sync_client/sync_text.h"

enum {
	LAG_MS = 10, /* of a file's time behind the clock */
};

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

/* "error" is a text or {"message"}; so is what it was handled as. */
static const char *error_of(const json_t *event)
{
	static const char *const keys[] = {"error", "handledError"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const json_t *error = json_object_get(event, keys[i]);
		const char *text = json_is_object(error)
					   ? text_of(error, "message")
					   : text_of(event, keys[i]);

		if (text[0])
			return text;
	}
	return "";
}

static bool is_fatal(const json_t *event)
{
	const char *level = text_of(event, "level");

	return strcmp(level, "fatal") == 0 || strcmp(level, "panic") == 0;
}

/* Scrubbed while it is whole: half a password would not be known as one. */
static json_t *fit(const char *line)
{
	_cleanup_free_ char *clean = scrub(line);
	char words[WORDS_BYTES + 1];

	sync_text_copy(words, sizeof(words), clean);
	return words[0] ? json_string(words) : NULL;
}

static json_t *line_words(const char *line, size_t len, bool *ret_fatal)
{
	_cleanup_json_ json_t *event =
		json_loadb(line, len, JSON_DISABLE_EOF_CHECK, NULL);
	_cleanup_free_ char *text = NULL;
	const char *level = text_of(event, "level"), *error = error_of(event);

	*ret_fatal = is_fatal(event);
	if (json_is_object(event) && (level[0] || error[0]))
		text = memory_text("%s%s%s%s%s", level, level[0] ? ": " : "",
			text_of(event, "message"), error[0] ? ": " : "", error);
	else
		text = memory_text("%.*s", (int)len, line);
	return fit(text);
}

/* Keeps the last fatal line and, behind it, the last others. */
static void keep(
	json_t *lines, json_t **fatal, json_t *words, bool is_last_word)
{
	if (!words)
		return;
	if (is_last_word) {
		json_decref(*fatal);
		*fatal = words;
		return;
	}
	(void)json_array_append_new(lines, words);
	if (json_array_size(lines) > WORDS_LINES)
		(void)json_array_remove(lines, 0);
}

json_t *words_of(const char *text, size_t len, bool whole)
{
	json_t *lines = json_array(), *fatal = NULL, *words;
	const char *end = text + len;
	bool skip = !whole, is_last_word;

	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t line_len = (size_t)((stop ? stop : end) - text);

		if (!skip) {
			words = line_words(text, line_len, &is_last_word);
			keep(lines, &fatal, words, is_last_word);
		}
		skip = false;
		text += line_len + 1;
	}
	if (fatal && json_array_size(lines) == WORDS_LINES)
		(void)json_array_remove(lines, 0);
	if (fatal)
		(void)json_array_insert_new(lines, 0, fatal);
	return lines;
}

static bool begins_fatal(const json_t *words)
{
	const char *first = json_string_value(json_array_get(words, 0));

	return first && (strncmp(first, "fatal", 5) == 0 ||
				strncmp(first, "panic", 5) == 0);
}

const char *words_reason(const json_t *words)
{
	size_t count = json_array_size(words);

	if (!count)
		return "";
	return json_string_value(
		json_array_get(words, begins_fatal(words) ? 0 : count - 1));
}

/* By the file system's clock, which lags a little, or has no parts of a second.
 */
static int64_t written_ms(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000 +
	       (st->st_mtim.tv_nsec ? st->st_mtim.tv_nsec / 1000000 + LAG_MS
				    : 999);
}

/* Nothing if it was not written to since: then it speaks of an earlier life. */
static json_t *words_of_file(const char *path, int64_t since_ms)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char tail[WORDS_TAIL];
	struct stat st;
	off_t from = 0;
	ssize_t len;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
		written_ms(&st) < since_ms)
		return json_array();
	if (st.st_size > WORDS_TAIL)
		from = st.st_size - WORDS_TAIL;
	len = pread(fd, tail, sizeof(tail), from);
	return words_of(tail, len > 0 ? (size_t)len : 0, from == 0);
}

/* mongosync writes this file into the directory of its logPath. */
char *words_log_path(const struct target *target)
{
	const char *folder = target->config.log_path;
	const char *below = target->process.directory;

	if (!folder[0] || (folder[0] != '/' && !below))
		return NULL;
	return memory_text("%s%s%s/mongosync.log",
		folder[0] == '/' ? "" : below, folder[0] == '/' ? "" : "/",
		folder);
}

void words_join(json_t *lines, const json_t *printed)
{
	size_t count = json_array_size(printed), j;
	size_t wanted = count < WORDS_PRINTED ? count : WORDS_PRINTED;
	json_t *known;

	while (!begins_fatal(lines) &&
		json_array_size(lines) + wanted > WORDS_LINES)
		(void)json_array_remove(lines, 0);
	wanted = WORDS_LINES - json_array_size(lines);
	for (size_t i = count > wanted ? count - wanted : 0; i < count; i++) {
		json_t *line = json_array_get(printed, i);
		bool is_new = true;

		json_array_foreach (lines, j, known)
			is_new &= !json_equal(line, known);
		if (is_new)
			(void)json_array_append(lines, line);
	}
}

void step_said(struct step_run *run, const char *said)
{
	if (!said[0])
		return;
	if (!run->memory)
		run->memory = json_object();
	(void)json_object_set_new(run->memory, "said", json_string(said));
}

/* What it printed goes to a file, or to its manager's journal. */
static json_t *words_printed(const struct step_run *run, int64_t since)
{
	const char *said =
		json_string_value(json_object_get(run->memory, "said"));

	if (said)
		return words_of(said, strlen(said), true);
	return run->target->process.output && host_is_local(run->target->host)
		       ? words_of_file(run->target->process.output, since)
		       : NULL;
}

/* As it was when its failure was seen. */
static json_t *words_elsewhere(const struct step_run *run)
{
	json_t *log = json_object_get(run->memory, "log");
	json_t *lines = log ? json_deep_copy(log) : json_array();
	_cleanup_json_ json_t *said = words_printed(run, 0);

	words_join(
		lines, said ? said : json_object_get(run->memory, "printed"));
	return lines;
}

static json_t *words_here(const struct step_run *run)
{
	int64_t since = run->past ? run->past->intent_at : 0;
	_cleanup_free_ char *log = words_log_path(run->target);
	json_t *lines = log ? words_of_file(log, since) : json_array();
	_cleanup_json_ json_t *printed = words_printed(run, since);

	words_join(lines, printed);
	return lines;
}

json_t *step_last_words(const struct step_run *run)
{
	const struct target *target = run->target;
	json_t *lines;

	if (target->type != TARGET_PROCESS)
		return NULL;
	lines = host_is_local(target->host) ? words_here(run)
					    : words_elsewhere(run);
	if (json_array_size(lines) == 0) {
		json_decref(lines);
		return NULL;
	}
	return lines;
}
