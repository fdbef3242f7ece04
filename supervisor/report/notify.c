#include "supervisor/report/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/engine/child.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/memory.h"
#include "supervisor/report/journald.h"

enum {
	TELL_MS = 30000,
	TOLD_MAX = 64, /* ids that are remembered: the last */
	FILE_MAX = 64 << 10,
};

struct notify {
	struct event_base *base;
	char **argv;
	struct notice_about about;
	char *fleet, *operand, *file;
	json_t *told; /* ids */
	json_t *queue; /* the first is being told while there is a child */
	struct child *child;
	bool known; /* something is remembered, or the run was seen to work */
};

static void warn(const struct notify *notify, const char *text)
{
	_cleanup_free_ char *clean = scrub(text);

	err_mend_text(clean);
	(void)fprintf(stderr, "%ssyncup: notify: %s: %s\n",
		journald_level(stderr, LOG_WARNING), notify->argv[0], clean);
}

/* ---- what was told ---- */

static void load(struct notify *notify)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_json_ json_t *json = NULL;
	json_t *told;
	size_t len;

	if (atomic_file_read(notify->file, FILE_MAX, &text, &len, NULL))
		json = json_loads(text, 0, NULL);
	/* Unreadable: rather told twice than not at all. */
	told = json_object_get(json, "told");
	notify->known = json_is_array(told);
	notify->told = json_is_array(told) ? json_incref(told) : json_array();
}

static bool is_in(const json_t *list, const char *id)
{
	size_t i;
	json_t *one;

	json_array_foreach (list, i, one) {
		const char *text = json_string_value(one);

		if (!text)
			text = json_string_value(json_object_get(one, "id"));
		if (text && strcmp(text, id) == 0)
			return true;
	}
	return false;
}

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static void remember(struct notify *notify, const json_t *event)
{
	_cleanup_json_ json_t *json = NULL;
	_cleanup_free_ char *text = NULL;
	struct err err = {0};

	/* What was refused before may come again, and is news then. */
	if (strcmp(text_of(event, "event"), "started") == 0)
		(void)json_array_clear(notify->told);
	if (json_array_size(notify->told) >= TOLD_MAX)
		(void)json_array_remove(notify->told, 0);
	(void)json_array_append(notify->told, json_object_get(event, "id"));
	json = json_pack("{s:i, s:O}", "schema", 1, "told", notify->told);
	text = memory_must(json_dumps(json, JSON_COMPACT));
	if (!atomic_file_write(notify->file, text, strlen(text), 0600, &err))
		warn(notify, err.msg);
}

/* ---- telling ---- */

static void judge(const struct notify *notify, const struct child_end *end)
{
	char how[60] = "", line[300], text[400];

	if (end->timed_out)
		(void)snprintf(how, sizeof(how), "it had not ended after %d s",
			TELL_MS / 1000);
	else if (WIFSIGNALED(end->status))
		(void)snprintf(how, sizeof(how), "ended by signal %d",
			WTERMSIG(end->status));
	else if (WEXITSTATUS(end->status) != 0)
		(void)snprintf(
			how, sizeof(how), "exit %d", WEXITSTATUS(end->status));
	if (!how[0])
		return;
	scrub_last_line(end->output, line, sizeof(line));
	(void)snprintf(text, sizeof(text), "%s: %s", how, line);
	warn(notify, text);
}

static void begin_next(struct notify *notify);

static void told_it(struct notify *notify)
{
	remember(notify, json_array_get(notify->queue, 0));
	(void)json_array_remove(notify->queue, 0);
}

static void on_end(void *arg, const struct child_end *end)
{
	struct notify *notify = arg;

	notify->child = NULL;
	judge(notify, end);
	told_it(notify);
	begin_next(notify);
}

/* In memory, so that nobody waits for who does not read; -1 and errno. */
static int open_event(const json_t *event)
{
	_cleanup_free_ char *text =
		memory_must(json_dumps(event, JSON_COMPACT));
	_cleanup_fd_ int fd = memfd_create("event", MFD_CLOEXEC);
	size_t len = strlen(text), done = 0;

	text[len++] = '\n';
	while (fd >= 0 && done < len) {
		ssize_t wrote = write(fd, text + done, len - done);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return -1;
		done += (size_t)wrote;
	}
	if (fd >= 0 && lseek(fd, 0, SEEK_SET) != 0)
		return -1;
	return take_fd(&fd);
}

static bool begin(struct notify *notify, struct err *err)
{
	_cleanup_fd_ int input = open_event(json_array_get(notify->queue, 0));

	if (input < 0)
		return err_sys(err, ERR_STEP, errno, "an event for it");
	return child_run_from(notify->base, notify->argv, input, TELL_MS,
		on_end, notify, &notify->child, err);
}

static void begin_next(struct notify *notify)
{
	struct err err = {0};

	while (!notify->child && json_array_size(notify->queue) > 0 &&
		!begin(notify, &err)) {
		warn(notify, err.msg);
		told_it(notify);
	}
}

static void tell(struct notify *notify, json_t *event)
{
	const char *id = text_of(event, "id");

	if (is_in(notify->told, id) || is_in(notify->queue, id))
		return;
	if (json_array_append(notify->queue, event) != 0)
		memory_out();
	begin_next(notify);
}

void notify_look(struct notify *notify, const struct run_state *state)
{
	_cleanup_json_ json_t *list = NULL;
	json_t *event;
	size_t i;

	if (state->outcome == RUN_UNFINISHED)
		notify->known = true;
	if (!notify->known)
		return;
	list = notices(state, &notify->about, sys_wall_ms());
	json_array_foreach (list, i, event) {
		tell(notify, event);
	}
}

void notify_refused(
	struct notify *notify, const char *run, int code, const char *why)
{
	_cleanup_json_ json_t *event =
		notice_refused(&notify->about, run, code, why, sys_wall_ms());

	tell(notify, event);
}

void notify_failed(struct notify *notify, const struct run_state *state,
	const char *once, const char *why, const char *next)
{
	_cleanup_json_ json_t *event = notice_failed(
		&notify->about, state, once, why, next, sys_wall_ms());

	tell(notify, event);
}

bool notify_is_busy(const struct notify *notify)
{
	return notify->child != NULL;
}

/* ---- life ---- */

static char **copy(char *const argv[])
{
	size_t count = 0;
	char **list;

	while (argv[count])
		count++;
	list = memory_calloc(count + 1, sizeof(*list));
	for (size_t i = 0; i < count; i++)
		list[i] = memory_strdup(argv[i]);
	return list;
}

struct notify *notify_new(struct event_base *base, char *const argv[],
	const struct notice_about *about, const char *folder)
{
	struct notify *notify = memory_must(calloc(1, sizeof(*notify)));

	notify->base = base;
	notify->argv = copy(argv);
	notify->fleet = memory_strdup(about->fleet);
	notify->operand = memory_strdup(about->operand);
	notify->about = (struct notice_about){notify->fleet, notify->operand};
	notify->file = memory_text("%s/notified", folder);
	notify->queue = memory_must(json_array());
	load(notify);
	return notify;
}

void notify_free(struct notify *notify)
{
	if (!notify)
		return;
	child_kill(notify->child);
	for (char **word = notify->argv; *word; word++)
		free(*word);
	free(notify->argv);
	free(notify->fleet);
	free(notify->operand);
	free(notify->file);
	json_decref(notify->told);
	json_decref(notify->queue);
	free(notify);
}
