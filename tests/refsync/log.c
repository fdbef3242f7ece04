/*
 * log.c - see log.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "tests/refsync/log.h"
#include "tests/refsync/version.h"

#define PATH_SIZE 4096

static const char *const level_names[] = {
	"trace", "debug", "info", "warn", "error", "fatal"};

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = STDOUT_FILENO;
static enum log_level log_least = LOG_DEBUG;
static char *log_dir, *log_id;
static char server_id[9];

static bool is_level(const char *verbosity)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(*level_names); i++)
		if (!strcasecmp(level_names[i], verbosity)) {
			log_least = (enum log_level)i;
			return true;
		}
	return false;
}

/* The old file is named by the time of its last write, as mongosync does. */
static bool set_aside(const char *path, struct err *err)
{
	char aside[PATH_SIZE], when[32];
	struct stat st;
	struct tm tm;

	if (stat(path, &st) < 0)
		return errno == ENOENT ||
		       err_sys(err, ERR_STORAGE, errno, "finding %s", path);
	(void)gmtime_r(&st.st_mtim.tv_sec, &tm);
	(void)strftime(when, sizeof(when), "%Y-%m-%dT%H-%M-%S", &tm);
	(void)snprintf(aside, sizeof(aside), "%s/mongosync-%s.%03ld.log",
		log_dir, when, st.st_mtim.tv_nsec / 1000000);
	if (rename(path, aside) < 0)
		return err_sys(err, ERR_STORAGE, errno, "renaming %s", path);
	return true;
}

bool log_rotate(struct err *err)
{
	char path[PATH_SIZE];
	int fd;

	if (!log_dir)
		return true;
	(void)snprintf(path, sizeof(path), "%s/mongosync.log", log_dir);
	if (!set_aside(path, err))
		return false;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, ERR_STORAGE, errno, "opening %s", path);
	(void)pthread_mutex_lock(&log_lock);
	if (log_fd != STDOUT_FILENO)
		(void)close(log_fd);
	log_fd = fd;
	(void)pthread_mutex_unlock(&log_lock);
	return true;
}

bool log_open(
	const char *dir, const char *verbosity, const char *id, struct err *err)
{
	unsigned random = 0;

	if (verbosity && !is_level(verbosity) && strcasecmp(verbosity, "PANIC"))
		return err_set(err, ERR_USAGE, "unknown verbosity");
	if (getrandom(&random, sizeof(random), 0) < 0)
		return err_sys(err, ERR_BUG, errno, "reading random bytes");
	(void)snprintf(server_id, sizeof(server_id), "%08x", random);
	log_id = strdup(id);
	if (!dir)
		return true;
	log_dir = strdup(dir);
	if (!log_id || !log_dir)
		return err_set(err, ERR_BUG, "out of memory");
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_sys(err, ERR_STORAGE, errno, "making %s", dir);
	return log_rotate(err);
}

void log_close(void)
{
	if (log_fd != STDOUT_FILENO)
		(void)close(log_fd);
	log_fd = STDOUT_FILENO;
	free(log_dir);
	free(log_id);
	log_dir = log_id = NULL;
}

static void print_time(char *buf, size_t size)
{
	struct timespec now;
	struct tm tm;
	size_t len;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)gmtime_r(&now.tv_sec, &tm);
	len = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(buf + len, size - len, ".%09ldZ", now.tv_nsec);
}

void log_add(enum log_level level, const char *message, json_t *more)
{
	_cleanup_json_ json_t *taken = more;
	_cleanup_json_ json_t *line = NULL;
	_cleanup_free_ char *text = NULL;
	char when[48];
	size_t len;

	if (!log_id || level < log_least)
		return;
	print_time(when, sizeof(when));
	line = json_pack("{s:s, s:s, s:s}", "level", level_names[level],
		"serverID", server_id, "mongosyncID", log_id);
	if (version_has(19))
		(void)json_object_set_new(line, "pid", json_integer(getpid()));
	if (taken)
		(void)json_object_update(line, taken);
	(void)json_object_set_new(line, "time", json_string(when));
	(void)json_object_set_new(line, "message", json_string(message));
	text = json_dumps(line, JSON_COMPACT);
	if (!text)
		return;
	len = strlen(text);
	text[len] = '\n';
	(void)pthread_mutex_lock(&log_lock);
	if (write(log_fd, text, len + 1) < 0) {
		/* a full disk must not end the sync */
	}
	(void)pthread_mutex_unlock(&log_lock);
}
