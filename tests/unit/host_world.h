/*
 * host_world.h - another host to ask: this machine, through an ssh that stands
 * in for the real one (tests/fake_ssh).
 */
#ifndef TESTS_UNIT_HOST_WORLD_H
#define TESTS_UNIT_HOST_WORLD_H

#include "tests/unit/scratch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/host/host.h"

enum { PLENTY_MS = 60000 };

struct world {
	struct scratch scratch; /* ssh's sockets and the program are in here */
	struct event_base *base;
	struct hosts *hosts;
	struct host *host;
};

struct asked {
	struct world *world;
	struct host_call *call;
	bool done;
	json_t *result;
	struct err err;
	char socket[108];
	int fd;
};

static inline struct world *world_make(const char *owner)
{
	struct world *world = calloc(1, sizeof(*world));
	char path[PATH_MAX];

	scratch_make(&world->scratch);
	(void)snprintf(path, sizeof(path), "%s/tests/fake_ssh:/usr/bin:/bin",
		SOURCE_TOP);
	assert_int_equal(setenv("PATH", path, 1), 0);
	assert_int_equal(setenv("FAKE_SSH", world->scratch.dir, 1), 0);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", world->scratch.dir, 1), 0);
	assert_int_equal(setenv("SYNCUP_HOST", HOST_PROGRAM, 1), 0);
	assert_int_equal(unsetenv("RUNTIME_DIRECTORY"), 0);
	world->base = event_base_new();
	assert_true(hosts_new(world->base, owner, &world->hosts, NULL));
	world->host = hosts_get(world->hosts, "somewhere");
	return world;
}

static inline void world_end(struct world *world)
{
	hosts_free(world->hosts);
	event_base_free(world->base);
	scratch_remove(&world->scratch);
	free(world);
}

static inline void on_result(
	void *arg, const json_t *result, const struct err *err)
{
	struct asked *asked = arg;

	assert_false(asked->done);
	asked->done = true;
	asked->result = json_deep_copy(result);
	if (err)
		asked->err = *err;
	(void)event_base_loopbreak(asked->world->base);
}

static inline void wait_for(struct asked *asked)
{
	int64_t end = sys_monotonic_ms() + PLENTY_MS;

	while (!asked->done && sys_monotonic_ms() < end)
		assert_int_equal(
			event_base_loop(asked->world->base, EVLOOP_ONCE), 0);
	assert_true(asked->done);
}

/* Takes over ask. */
static inline void begin(struct asked *asked, struct world *world,
	struct host *host, json_t *ask, int64_t timeout_ms)
{
	*asked = (struct asked){.world = world, .fd = -1};
	if (!host_ask(host, ask, timeout_ms, on_result, asked, &asked->call,
		    &asked->err))
		asked->done = true;
	json_decref(ask);
}

static inline void ask(struct asked *asked, struct world *world, json_t *what)
{
	begin(asked, world, world->host, what, PLENTY_MS);
	wait_for(asked);
}

static inline void done_with(struct asked *asked)
{
	json_decref(asked->result);
	asked->result = NULL;
}

static inline pid_t master_of(struct world *world)
{
	char path[PATH_MAX];
	_cleanup_free_ char *text = NULL;
	DIR *dir = opendir(world->scratch.dir);
	struct dirent *entry;
	size_t len;

	while ((entry = readdir(dir)))
		if (strncmp(entry->d_name, "syncup-ssh-", 11) == 0)
			break;
	assert_non_null(entry);
	(void)snprintf(path, sizeof(path), "%s/%s/h1", world->scratch.dir,
		entry->d_name);
	(void)closedir(dir);
	assert_true(atomic_file_read(path, 100, &text, &len, NULL));
	return (pid_t)strtol(text, NULL, 10);
}

#endif
