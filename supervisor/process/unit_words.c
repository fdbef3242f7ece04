/*
 * unit_words.c - journalctl for the lines of one invocation.
 *
 * First its own lines; if there are none (it could not even be executed), what
 * systemd said of it.
 */
#include "supervisor/process/unit_words.h"

#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "supervisor/engine/child.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/memory.h"
#include "supervisor/process/process.h"

enum {
	WORDS_MS = 15000,
};

struct unit_words {
	struct event_base *base;
	struct child *child;
	char invocation[33];
	bool by_systemd;
	unit_words_fn *done;
	void *arg;
};

void unit_words_cancel(struct unit_words *words)
{
	if (!words)
		return;
	child_kill(words->child);
	free(words);
}

static bool is_hint(const char *line)
{
	return strncmp(line, "Hint: ", 6) == 0 ||
	       strncmp(line, "      ", 6) == 0 ||
	       strncmp(line, "-- ", 3) == 0 ||
	       strncmp(line, "No journal files were", 21) == 0;
}

/* Without the hints, in place. */
static void drop_hints(char *text)
{
	const char *begin = text;
	char *to = text;

	while (*text) {
		size_t len = strcspn(text, "\n");
		size_t whole = len + (text[len] == '\n');

		if (len && !is_hint(text)) {
			memmove(to, text, whole);
			to += whole;
		}
		text += whole;
	}
	while (to > begin && to[-1] == '\n')
		to--;
	*to = '\0';
}

static void tell(struct unit_words *words, const char *output, size_t len)
{
	char said[PROCESS_SAID];

	(void)snprintf(said, sizeof(said), "%s",
		len < sizeof(said) ? output : output + len - sizeof(said) + 1);
	err_mend_text(said);
	words->done(words->arg, said);
	free(words);
}

static bool run(struct unit_words *words, child_fn *done)
{
	char match[64];
	char *const argv[] = {(char *)"journalctl", match, (char *)"-n",
		(char *)"5", (char *)"-o", (char *)"cat", (char *)"--no-pager",
		NULL};

	(void)snprintf(match, sizeof(match), "%sINVOCATION_ID=%s",
		words->by_systemd ? "" : "_SYSTEMD_", words->invocation);
	return child_run(words->base, argv, NULL, WORDS_MS, done, words,
		&words->child, NULL);
}

static void on_end(void *arg, const struct child_end *end)
{
	struct unit_words *words = arg;
	_cleanup_free_ char *clean = scrub(end->output);
	bool hidden = strstr(clean, "insufficient permissions") ||
		      strstr(clean, "You are currently not seeing messages");

	words->child = NULL;
	drop_hints(clean);
	if (!clean[0] && hidden) {
		const struct passwd *user = getpwuid(geteuid());

		free(clean);
		clean = memory_text("(its journal may not be read: put user %s "
				    "into group systemd-journal)",
			user ? user->pw_name : "of syncup");
	} else if (!clean[0] && !words->by_systemd) {
		words->by_systemd = true;
		if (run(words, on_end))
			return;
	}
	tell(words, clean, strlen(clean));
}

bool unit_words_ask(struct event_base *base, const char *invocation,
	unit_words_fn *done, void *arg, struct unit_words **ret_words)
{
	struct unit_words *words = memory_calloc(1, sizeof(*words));

	words->base = base;
	words->done = done;
	words->arg = arg;
	(void)snprintf(
		words->invocation, sizeof(words->invocation), "%s", invocation);
	if (!run(words, on_end)) {
		free(words);
		return false;
	}
	*ret_words = words;
	return true;
}
