/*
 * life.c - how a unit lives: started, restarted, stopped, killed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "manager.h"

struct life { /* what an event is about */
	struct manager *manager;
	struct unit *unit;
};

static uint64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

json_t *unit_file(const struct manager *manager, const char *name)
{
	char path[4096];

	(void)snprintf(path, sizeof(path), "%s/%s.json", manager->dir, name);
	return json_load_file(path, 0, NULL);
}

static struct life *life_of(struct manager *manager, struct unit *unit)
{
	static struct life lives[UNITS_MAX];
	struct life *life = &lives[unit - manager->unit];

	*life = (struct life){manager, unit};
	return life;
}

struct unit *unit_find(struct manager *manager, const char *name)
{
	json_t *file = unit_file(manager, name);
	struct unit *unit;

	for (unsigned i = 0; i < manager->count; i++)
		if (strcmp(manager->unit[i].name, name) == 0) {
			json_decref(file);
			return &manager->unit[i];
		}
	if (!file || manager->count == UNITS_MAX) {
		json_decref(file);
		return NULL;
	}
	json_decref(file);
	unit = &manager->unit[manager->count++];
	(void)snprintf(unit->name, sizeof(unit->name), "%s", name);
	if (sd_bus_path_encode(
		    "/org/freedesktop/systemd1/unit", name, &unit->path) < 0)
		exit(1);
	unit->active = "inactive";
	unit->sub = "dead";
	unit->result = "success";
	return unit;
}

static int64_t number_of(const struct manager *manager, const struct unit *unit,
	const char *key, int64_t standard)
{
	json_t *file = unit_file(manager, unit->name);
	const json_t *value = json_object_get(file, key);
	int64_t number =
		json_is_integer(value) ? json_integer_value(value) : standard;

	json_decref(file);
	return number;
}

static bool restarts(const struct manager *manager, const struct unit *unit)
{
	json_t *file = unit_file(manager, unit->name);
	bool always = json_is_true(json_object_get(file, "restart"));

	json_decref(file);
	return always;
}

static void set(struct manager *manager, struct unit *unit, const char *active,
	const char *sub)
{
	unit->active = active;
	unit->sub = sub;
	manager_changed(manager, unit);
}

static void in_ms(struct manager *manager, struct unit *unit, int64_t ms,
	sd_event_time_handler_t handler)
{
	sd_event_source_unref(unit->timer);
	unit->timer = NULL;
	(void)sd_event_add_time_relative(manager->event, &unit->timer,
		CLOCK_MONOTONIC, (uint64_t)ms * 1000, 1000, handler,
		life_of(manager, unit));
}

static int on_restart(sd_event_source *source, uint64_t at, void *arg)
{
	struct life *life = arg;

	(void)source, (void)at;
	life->unit->restarts++;
	unit_start(life->manager, life->unit);
	return 0;
}

static void ended(struct manager *manager, struct unit *unit)
{
	bool clean = unit->code == CLD_EXITED && unit->status == 0;

	unit->main = 0;
	unit->exited_us = now_us();
	sd_event_source_unref(unit->timer);
	unit->timer = NULL;
	if (unit->stop_job) {
		uint32_t job = unit->stop_job;
		bool killed =
			unit->code != CLD_EXITED && unit->status == SIGKILL;

		unit->stop_job = 0;
		unit->result = killed ? "timeout" : "success";
		set(manager, unit, killed ? "failed" : "inactive",
			killed ? "failed" : "dead");
		manager_job_removed(manager, job, unit, "done");
		return;
	}
	unit->result = clean                      ? "success"
		       : unit->code == CLD_EXITED ? "exit-code"
						  : "signal";
	if (restarts(manager, unit)) {
		in_ms(manager, unit,
			number_of(manager, unit, "restart_ms", 200),
			on_restart);
		set(manager, unit, "activating", "auto-restart");
	} else {
		set(manager, unit, clean ? "inactive" : "failed",
			clean ? "dead" : "failed");
	}
}

static int on_child(sd_event_source *source, const siginfo_t *info, void *arg)
{
	struct life *life = arg;

	life->unit->code = info->si_code;
	life->unit->status = info->si_status;
	sd_event_source_unref(source);
	ended(life->manager, life->unit);
	return 0;
}

static char **argv_of(const struct manager *manager, const struct unit *unit)
{
	json_t *file = unit_file(manager, unit->name);
	const json_t *list = json_object_get(file, "argv");
	char **argv = calloc(json_array_size(list) + 1, sizeof(*argv));

	for (size_t i = 0; argv && i < json_array_size(list); i++)
		argv[i] = strdup(json_string_value(json_array_get(list, i)));
	json_decref(file);
	return argv;
}

/* What it prints goes to a file called like its life: the fake journalctl reads
 * it. */
static void become(const struct manager *manager, const struct unit *unit)
{
	char path[4096], hex[33];
	char **argv = argv_of(manager, unit);
	sigset_t none;
	int out;

	for (size_t i = 0; i < 16; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", unit->invocation[i]);
	(void)snprintf(path, sizeof(path), "%s/%s.log", manager->dir, hex);
	out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)setsid();
	(void)dup2(out, 1);
	(void)dup2(out, 2);
	(void)close_range(3, ~0u, 0);
	if (argv && argv[0])
		(void)execv(argv[0], argv);
	_exit(203);
}

void unit_start(struct manager *manager, struct unit *unit)
{
	pid_t pid;

	sd_event_source_unref(unit->timer);
	unit->timer = NULL;
	if (getrandom(unit->invocation, sizeof(unit->invocation), 0) < 0)
		exit(1);
	unit->started_us = now_us();
	unit->result = "success";
	pid = fork();
	if (pid == 0)
		become(manager, unit);
	if (pid < 0)
		exit(1);
	unit->main = pid;
	(void)sd_event_add_child(manager->event, &(sd_event_source *){NULL},
		pid, WEXITED, on_child, life_of(manager, unit));
	set(manager, unit, "active", "running");
}

static int on_patience(sd_event_source *source, uint64_t at, void *arg)
{
	const struct life *life = arg;

	(void)source, (void)at;
	if (life->unit->main > 0)
		(void)kill(life->unit->main, SIGKILL);
	return 0;
}

bool unit_stop(struct manager *manager, struct unit *unit)
{
	sd_event_source_unref(unit->timer);
	unit->timer = NULL;
	if (unit->main <= 0) {
		if (strcmp(unit->active, "failed") != 0)
			set(manager, unit, "inactive", "dead");
		return false;
	}
	if (strcmp(unit->active, "deactivating") != 0)
		(void)kill(unit->main, SIGTERM);
	in_ms(manager, unit, number_of(manager, unit, "stop_ms", 90000),
		on_patience);
	set(manager, unit, "deactivating", "stop-sigterm");
	return true;
}

void unit_reset(struct unit *unit)
{
	unit->restarts = 0;
	if (strcmp(unit->active, "failed") == 0) {
		unit->active = "inactive";
		unit->sub = "dead";
		unit->result = "success";
	}
}

static pid_t parent_of(pid_t pid)
{
	char path[64], text[512], *rest;
	FILE *file;
	size_t len;
	int parent = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	(void)fclose(file);
	rest = strrchr(text, ')');
	if (!rest || sscanf(rest + 1, " %*c %d", &parent) != 1)
		return 0;
	return parent;
}

size_t unit_pids(const struct unit *unit, pid_t pids[], size_t max)
{
	struct dirent *entry;
	size_t count = 0;
	DIR *dir;

	if (unit->main <= 0)
		return 0;
	dir = opendir("/proc");
	while (dir && count < max && (entry = readdir(dir))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10), at = pid;

		while (at > 1 && at != unit->main)
			at = parent_of(at);
		if (pid > 1 && at == unit->main)
			pids[count++] = pid;
	}
	if (dir)
		(void)closedir(dir);
	return count;
}

void units_come_up(struct manager *manager)
{
	static const char ending[] = ".json";
	DIR *dir = opendir(manager->dir);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name), size = sizeof(ending) - 1;
		struct unit *unit;
		json_t *file;

		if (len < size || strcmp(entry->d_name + len - size, ending) ||
			!strstr(entry->d_name, ".service"))
			continue;
		entry->d_name[len - size] = '\0';
		file = unit_file(manager, entry->d_name);
		unit = unit_find(manager, entry->d_name);
		if (unit && json_is_true(json_object_get(file, "enabled")))
			unit_start(manager, unit);
		json_decref(file);
	}
	if (dir)
		(void)closedir(dir);
}
