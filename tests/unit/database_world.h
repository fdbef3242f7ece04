/*
 * database_world.h - a database server (tests/database) of a test's own.
 *
 * SYNCUP_TEST_DATABASE names its executable; without it there is nothing to
 * test against: world_needs_database() ends the program with 77, "skipped".
 */
#ifndef TESTS_UNIT_DATABASE_WORLD_H
#define TESTS_UNIT_DATABASE_WORLD_H

#include <mongoc/mongoc.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "state/err.h"
#include "sync_client/cluster.h"
#include "tests/unit/scratch.h"

#define WORLD_SKIPPED 77
#define WORLD_START_MS 20000

struct world {
	struct scratch scratch;
	char uri[200], overrides[300];
	pid_t server;
	struct cluster cluster;
};

static inline const char *world_program(void)
{
	const char *program = getenv("SYNCUP_TEST_DATABASE");

	return program && program[0] ? program : NULL;
}

static inline void world_needs_database(void)
{
	if (world_program())
		return;
	(void)fprintf(stderr, "SYNCUP_TEST_DATABASE is not set: skipped\n");
	exit(WORLD_SKIPPED);
}

/* The server's first line is "ready <address>". */
static inline void world_read_address(int fd, char *ret_uri, size_t size)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	char line[100] = "";
	size_t len = 0;

	assert_int_equal(poll(&ready, 1, WORLD_START_MS), 1);
	while (len + 1 < sizeof(line) && read(fd, line + len, 1) == 1 &&
		line[len] != '\n')
		len++;
	line[len] = '\0';
	assert_int_equal(strncmp(line, "ready ", 6), 0);
	(void)snprintf(ret_uri, size, "mongodb://%s/", line + 6);
}

static inline void world_start_server(struct world *world)
{
	char dir[300];
	int fds[2];

	(void)snprintf(dir, sizeof(dir), "%s/db", world->scratch.dir);
	(void)snprintf(world->overrides, sizeof(world->overrides),
		"%s/overrides.json", world->scratch.dir);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	world->server = fork();
	assert_true(world->server >= 0);
	if (world->server == 0) {
		int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);

		(void)dup2(fds[1], STDOUT_FILENO);
		(void)dup2(quiet, STDERR_FILENO);
		(void)execl(world_program(), world_program(), "--dir", dir,
			"--override", world->overrides, (char *)NULL);
		_exit(126);
	}
	assert_int_equal(close(fds[1]), 0);
	world_read_address(fds[0], world->uri, sizeof(world->uri));
	assert_int_equal(close(fds[0]), 0);
}

static inline int world_set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	scratch_make(&world->scratch);
	world_start_server(world);
	assert_true(cluster_open(&world->cluster, world->uri, NULL));
	*state = world;
	return 0;
}

static inline int world_tear_down(void **state)
{
	struct world *world = *state;

	cluster_close(&world->cluster);
	assert_int_equal(kill(world->server, SIGKILL), 0);
	assert_int_equal(waitpid(world->server, NULL, 0), world->server);
	scratch_remove(&world->scratch);
	free(world);
	return 0;
}

/* What the server says from now on, see tests/database/README.md. */
static inline void world_override(struct world *world, const char *json)
{
	char next[310];

	(void)snprintf(next, sizeof(next), "%s.new", world->overrides);
	scratch_write(next, json, strlen(json));
	assert_int_equal(rename(next, world->overrides), 0);
}

/* document is extended JSON. */
static inline void world_insert(struct world *world, const char *database,
	const char *collection, const char *document)
{
	bson_t *bson = bson_new_from_json((const uint8_t *)document, -1, NULL);
	mongoc_collection_t *handle = mongoc_client_get_collection(
		world->cluster.client, database, collection);

	assert_non_null(bson);
	assert_true(
		mongoc_collection_insert_one(handle, bson, NULL, NULL, NULL));
	mongoc_collection_destroy(handle);
	bson_destroy(bson);
}

static inline void world_run(
	struct world *world, const char *database, const char *command)
{
	bson_t *bson = bson_new_from_json((const uint8_t *)command, -1, NULL);
	bson_error_t error = {0};

	assert_non_null(bson);
	if (!mongoc_client_command_simple(
		    world->cluster.client, database, bson, NULL, NULL, &error))
		fail_msg("%s: %s", command, error.message);
	bson_destroy(bson);
}

static inline int64_t world_count(
	struct world *world, const char *database, const char *collection)
{
	mongoc_collection_t *handle = mongoc_client_get_collection(
		world->cluster.client, database, collection);
	const bson_t all = BSON_INITIALIZER;
	int64_t count = mongoc_collection_count_documents(
		handle, &all, NULL, NULL, NULL, NULL);

	mongoc_collection_destroy(handle);
	return count;
}

#endif
