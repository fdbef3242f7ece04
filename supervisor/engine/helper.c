/*
 * helper.c - the asking side: questions wait, slots work (helper_slot.c).
 *
 * Connection strings are secrets: they pass through the socket only.
 */
#include "supervisor/engine/helper_slot.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/cleanup.h"

#ifndef SYNCUP_LIBEXECDIR /* set by the build */
#define SYNCUP_LIBEXECDIR "/usr/libexec/syncup"
#endif
#define HELPER_NAME "syncup-helper"

void question_free(struct question *question)
{
	if (!question)
		return;
	if (question->line)
		explicit_bzero(question->line, question->len);
	free(question->line);
	free(question);
}

void question_answer(
	struct question *question, const json_t *result, const struct err *err)
{
	helper_fn *done = question->done;
	void *arg = question->arg;

	question_free(question);
	done(arg, result, err);
}

void helpers_pump_soon(struct helpers *helpers)
{
	event_active(helpers->pump, EV_TIMEOUT, 0);
}

/* A slot whose helper runs is taken before one that must start its own. */
static struct slot *find_free_slot(struct helpers *helpers)
{
	struct slot *found = NULL;

	for (size_t i = 0; i < helpers->program.most; i++) {
		struct slot *slot = &helpers->slot[i];

		if (slot->io && !slot->question)
			return slot;
		if (slot->pid == 0 && !found)
			found = slot;
	}
	return found;
}

/* One at a time: a callback may free us. */
static void on_pump(evutil_socket_t fd, short what, void *arg)
{
	struct helpers *helpers = arg;
	struct question *question = STAILQ_FIRST(&helpers->waiting);
	struct slot *slot = find_free_slot(helpers);

	(void)fd;
	(void)what;
	if (!question || !slot)
		return;
	STAILQ_REMOVE_HEAD(&helpers->waiting, next);
	if (!STAILQ_EMPTY(&helpers->waiting))
		helpers_pump_soon(helpers);
	slot_ask(slot, question);
}

static bool print_question(
	struct question *question, const json_t *ask, struct err *err)
{
	_cleanup_json_ json_t *json = json_copy((json_t *)(uintptr_t)ask);
	size_t size;

	if (json_object_set_new(json, "id", json_integer(question->id)) != 0)
		return err_set(err, ERR_MEMORY, "out of memory");
	size = json_dumpb(json, NULL, 0, JSON_COMPACT);
	if (size == 0 || size >= HELPER_LINE_MAX)
		return err_set(err, ERR_BUG,
			"a question of %zu bytes to the helper", size);
	question->line = malloc(size + 1);
	if (!question->line)
		return err_set(err, ERR_MEMORY, "out of memory");
	(void)json_dumpb(json, question->line, size, JSON_COMPACT);
	question->line[size] = '\n';
	question->len = size + 1;
	return true;
}

bool helpers_ask(struct helpers *helpers, const json_t *ask, int64_t timeout_ms,
	helper_fn *done, void *arg, struct err *err)
{
	const char *op = json_string_value(json_object_get(ask, "op"));
	struct question *question;

	assert(op && timeout_ms > 0);
	question = calloc(1, sizeof(*question));
	if (!question)
		return err_set(err, ERR_MEMORY, "out of memory");
	question->id = ++helpers->last_id;
	question->timeout_ms = timeout_ms;
	question->done = done;
	question->arg = arg;
	(void)snprintf(question->op, sizeof(question->op), "%s", op);
	if (!print_question(question, ask, err)) {
		question_free(question);
		return false;
	}
	STAILQ_INSERT_TAIL(&helpers->waiting, question, next);
	helpers_pump_soon(helpers);
	return true;
}

/* One that is being answered takes its helper with it: what nobody waits for
 * must not go on changing anything. */
bool helpers_forget(struct helpers *helpers, const void *arg)
{
	struct question *question, *next;
	bool found = false;

	for (size_t i = 0; i < helpers->program.most; i++) {
		struct slot *slot = &helpers->slot[i];

		if (!slot->question || slot->question->arg != arg)
			continue;
		question_free(take_ptr(slot->question));
		slot_kill(slot);
		found = true;
	}
	for (question = STAILQ_FIRST(&helpers->waiting); question;
		question = next) {
		next = STAILQ_NEXT(question, next);
		if (question->arg != arg)
			continue;
		STAILQ_REMOVE(&helpers->waiting, question, question, next);
		question_free(question);
		found = true;
	}
	return found;
}

/* Beside our own executable, so that a build tree works as it stands. */
bool helpers_find_program(const char *variable, const char *folder,
	const char *name, char *ret_path, size_t size)
{
	const char *const beside[] = {
		"", /* side by side */
		folder, /* a build tree */
		"../libexec/syncup", /* installed anywhere */
	};
	const char *from_env = getenv(variable);
	char self[PATH_MAX] = "";
	char *slash;

	if (from_env && from_env[0]) {
		(void)snprintf(ret_path, size, "%s", from_env);
		return true;
	}
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) > 0 &&
		(slash = strrchr(self, '/'))) {
		*slash = '\0';
		for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]);
			i++) {
			(void)snprintf(ret_path, size, "%.*s/%s/%s",
				(int)(size - 80), self, beside[i], name);
			if (access(ret_path, X_OK) == 0)
				return true;
		}
	}
	(void)snprintf(ret_path, size, "%s/%s", SYNCUP_LIBEXECDIR, name);
	return access(ret_path, X_OK) == 0;
}

static bool make_events(struct helpers *helpers)
{
	helpers->pump = event_new(helpers->base, -1, 0, on_pump, helpers);
	for (size_t i = 0; i < helpers->program.most; i++)
		if (!slot_init(&helpers->slot[i], helpers))
			return false;
	return helpers->pump != NULL;
}

static struct question *make_hello(const json_t *ask, struct err *err)
{
	struct question *hello = calloc(1, sizeof(*hello));

	if (hello && print_question(hello, ask, err))
		return hello;
	question_free(hello);
	return NULL;
}

bool helpers_new_program(struct event_base *base,
	const struct helper_program *program, struct helpers **ret_helpers,
	struct err *err)
{
	struct helpers *helpers = calloc(1, sizeof(*helpers));

	assert(program->most > 0 && program->most <= SLOTS_MAX);
	if (!helpers) {
		(void)err_set(err, ERR_MEMORY, "out of memory");
		return false;
	}
	helpers->base = base;
	helpers->program = *program;
	STAILQ_INIT(&helpers->waiting);
	if (make_events(helpers) &&
		(!program->hello ||
			(helpers->hello = make_hello(program->hello, err)))) {
		*ret_helpers = helpers;
		return true;
	}
	helpers_free(helpers);
	(void)err_set(err, ERR_MEMORY, "out of memory");
	return false;
}

/* libmongoc makes a file in /dev/shm as soon as it is loaded, before our main,
 * for counters that nobody reads; that of a helper which is killed would stay
 * until the next boot. */
static char **make_environment(void)
{
	static char no_counters[] = "MONGOC_DISABLE_SHM=1";
	size_t count = 0;
	char **env;

	while (environ[count])
		count++;
	env = calloc(count + 2, sizeof(*env));
	if (!env)
		return NULL;
	memcpy(env, environ, count * sizeof(*env));
	env[count] = no_counters;
	return env;
}

bool helpers_new(struct event_base *base, const char *path,
	struct helpers **ret_helpers, struct err *err)
{
	struct helper_program program = {.name = "the helper",
		.most = HELPERS_MAX,
		.errors = STDERR_FILENO};
	struct helpers *helpers = NULL;
	char found[PATH_MAX];

	if (path)
		(void)snprintf(found, sizeof(found), "%s", path);
	else if (!helpers_find_program("SYNCUP_HELPER", "helper", HELPER_NAME,
			 found, sizeof(found)))
		return err_set(err, ERR_CONFIG,
			"%s is missing: install syncup whole, or set "
			"SYNCUP_HELPER",
			found);
	if (!helpers_new_program(base, &program, &helpers, err))
		return false;
	(void)snprintf(helpers->path, sizeof(helpers->path), "%s", found);
	helpers->argv[0] = helpers->path;
	helpers->program.argv = helpers->argv;
	helpers->env = make_environment();
	if (!helpers->env) {
		helpers_free(helpers);
		return err_set(err, ERR_MEMORY, "out of memory");
	}
	helpers->program.env = helpers->env;
	*ret_helpers = helpers;
	return true;
}

bool helpers_has_asked(const struct helpers *helpers, const void *arg)
{
	for (size_t i = 0; i < helpers->program.most; i++)
		if (helpers->slot[i].question &&
			helpers->slot[i].question->arg == arg)
			return true;
	return false;
}

bool helpers_is_lost(const struct helpers *helpers)
{
	return helpers->lost;
}

void helpers_free(struct helpers *helpers)
{
	if (!helpers)
		return;
	for (size_t i = 0; i < SLOTS_MAX; i++)
		slot_done(&helpers->slot[i]);
	while (!STAILQ_EMPTY(&helpers->waiting)) {
		struct question *question = STAILQ_FIRST(&helpers->waiting);

		STAILQ_REMOVE_HEAD(&helpers->waiting, next);
		question_free(question);
	}
	if (helpers->pump)
		event_free(helpers->pump);
	question_free(helpers->hello);
	free(helpers->env);
	free(helpers);
}
