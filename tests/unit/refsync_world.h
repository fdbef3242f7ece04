/*
 * refsync_world.h - reference sync processes in light mode, for tests.
 *
 * Every wait is a poll with a deadline; a test ends with all processes ended.
 */
#ifndef TESTS_UNIT_REFSYNC_WORLD_H
#define TESTS_UNIT_REFSYNC_WORLD_H

#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/unit/scratch.h"

#define PATIENCE_MS 15000
#define POLL_MS 10
#define INSTANCES 3
#define START_BODY                                                             \
	"{\"source\":\"cluster0\",\"destination\":\"cluster1\","               \
	"\"reversible\":true}"

struct instance {
	pid_t pid; /* 0: not running */
	int port;
	char config[300], errors[320];
};

struct refsync_world {
	struct scratch scratch;
	struct instance instances[INSTANCES];
	int count;
};

static inline int64_t refsync_now_ms(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void refsync_poll(void)
{
	struct timespec pause = {0, POLL_MS * 1000000};

	(void)nanosleep(&pause, NULL);
}

static inline int refsync_free_port(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(close(fd), 0);
	return ntohs(address.sin_port);
}

/* Settings of all instances, JSON members without the braces; "" for none. */
static inline void refsync_set(struct refsync_world *world, const char *more)
{
	for (int i = 0; i < world->count; i++) {
		char path[340], temporary[360], text[1200];

		(void)snprintf(path, sizeof(path), "%s.refsync",
			world->instances[i].config);
		(void)snprintf(temporary, sizeof(temporary), "%s.tmp", path);
		(void)snprintf(text, sizeof(text),
			"{\"effects\":\"%s/effects\",\"silence_ms\":1%s%s%s}",
			world->scratch.dir,
			world->count > 1 ? ",\"instances\":[\"shard0\","
					   "\"shard1\",\"shard2\"]"
					 : "",
			*more ? "," : "", more);
		scratch_write(temporary, text, strlen(text));
		assert_int_equal(rename(temporary, path), 0);
	}
}

static inline void refsync_configure(
	struct refsync_world *world, int i, const char *more)
{
	struct instance *instance = &world->instances[i];
	char text[1200], id[32] = "";

	if (world->count > 1)
		(void)snprintf(id, sizeof(id), "id: shard%d\n", i);
	(void)snprintf(text, sizeof(text),
		"cluster0: \"light:%s/source\"\n"
		"cluster1: \"light:%s/destination\"\n"
		"port: %d\nlogPath: %s/log%d\n%s%s",
		world->scratch.dir, world->scratch.dir, instance->port,
		world->scratch.dir, i, id, more);
	scratch_write(instance->config, text, strlen(text));
}

static inline struct refsync_world *refsync_world_new(int count)
{
	struct refsync_world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	scratch_make(&world->scratch);
	world->count = count;
	for (int i = 0; i < count; i++) {
		struct instance *instance = &world->instances[i];
		char dir[sizeof(world->scratch.dir)];

		(void)snprintf(dir, sizeof(dir), "%s", world->scratch.dir);
		instance->port = refsync_free_port();
		(void)snprintf(instance->config, sizeof(instance->config),
			"%s/%d.yaml", dir, i);
		(void)snprintf(instance->errors, sizeof(instance->errors),
			"%s/%d.err", dir, i);
		refsync_configure(world, i, "acceptDisclaimer: true\n");
	}
	refsync_set(world, "");
	return world;
}

static inline void refsync_run(
	struct refsync_world *world, int i, const char *version)
{
	struct instance *instance = &world->instances[i];
	char program[600];
	pid_t pid;

	(void)snprintf(program, sizeof(program),
		REFSYNC_BUILD_DIR "/%s/mongosync", version);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (freopen("/dev/null", "r", stdin) &&
			freopen("/dev/null", "w", stdout) &&
			freopen(instance->errors, "w", stderr))
			(void)execl(program, program, "--config",
				instance->config, (char *)NULL);
		_exit(126);
	}
	instance->pid = pid;
}

/* Waits for its end; -1 - signal if it died by one. */
static inline int refsync_wait_end(struct refsync_world *world, int i)
{
	struct instance *instance = &world->instances[i];
	int64_t until = refsync_now_ms() + PATIENCE_MS;
	int status;
	pid_t pid;

	while ((pid = waitpid(instance->pid, &status, WNOHANG)) == 0 &&
		refsync_now_ms() < until)
		refsync_poll();
	assert_int_equal(pid, instance->pid);
	instance->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1 - WTERMSIG(status);
}

static inline int refsync_end(struct refsync_world *world, int i, int signal)
{
	assert_true(world->instances[i].pid > 0);
	assert_int_equal(kill(world->instances[i].pid, signal), 0);
	return refsync_wait_end(world, i);
}

static inline void refsync_world_free(struct refsync_world *world)
{
	for (int i = 0; i < world->count; i++)
		if (world->instances[i].pid > 0)
			(void)refsync_end(world, i, SIGKILL);
	scratch_remove(&world->scratch);
	free(world);
}

static inline int refsync_connect(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct timeval limit = {10, 0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)),
		0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	assert_int_equal(close(fd), 0);
	return -1;
}

/* The whole answer, head and all, which the caller frees; "" if there was
 * none, NULL if nobody listens.  *ret_error is the errno that ended it. */
static inline char *refsync_ask(struct refsync_world *world, int i,
	const char *path, const char *body, int *ret_error)
{
	char *answer = calloc(1, 65536);
	size_t len = 0;
	ssize_t got;
	int fd = refsync_connect(world->instances[i].port);

	assert_non_null(answer);
	if (fd < 0) {
		free(answer);
		return NULL;
	}
	(void)dprintf(fd,
		"%s /api/v1/%s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		body ? "POST" : "GET", path, body ? strlen(body) : 0,
		body ? body : "");
	while ((got = read(fd, answer + len, 65535 - len)) > 0)
		len += (size_t)got;
	if (ret_error)
		*ret_error = got < 0 ? errno : 0;
	assert_int_equal(close(fd), 0);
	return answer;
}

static inline bool refsync_says(struct refsync_world *world, int i,
	const char *path, const char *body, const char *text)
{
	char *answer = refsync_ask(world, i, path, body, NULL);
	bool found = answer && strstr(answer, text);

	free(answer);
	return found;
}

static inline void refsync_wait_text(
	struct refsync_world *world, int i, const char *text)
{
	int64_t until = refsync_now_ms() + PATIENCE_MS;

	while (!refsync_says(world, i, "progress", NULL, text)) {
		assert_true(refsync_now_ms() < until);
		refsync_poll();
	}
}

static inline void refsync_wait_state(
	struct refsync_world *world, int i, const char *state)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "\"state\":\"%s\"", state);
	refsync_wait_text(world, i, text);
}

static inline void refsync_post(
	struct refsync_world *world, int i, const char *path, const char *body)
{
	assert_true(refsync_says(world, i, path, body, "{\"success\":true}"));
}

/* Lines of the effects that contain both texts. */
static inline int refsync_count(
	struct refsync_world *world, const char *one, const char *other)
{
	char *text =
		scratch_read(scratch_path(&world->scratch, "effects"), NULL);
	char *rest = text, *line;
	int count = 0;

	while (text && (line = strsep(&rest, "\n")))
		count += strstr(line, one) && strstr(line, other);
	free(text);
	return count;
}

static inline void refsync_wait_effect(
	struct refsync_world *world, const char *one, const char *other)
{
	int64_t until = refsync_now_ms() + PATIENCE_MS;

	while (!refsync_count(world, one, other)) {
		assert_true(refsync_now_ms() < until);
		refsync_poll();
	}
}

/* A file of the world's directory; the caller frees it. */
static inline char *refsync_read(struct refsync_world *world, const char *name)
{
	return scratch_read(scratch_path(&world->scratch, name), NULL);
}

#endif
