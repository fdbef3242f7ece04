/*
 * Tests of reading the oplog from a server, sync_client/oplog.c; without the
 * test database they are skipped.
 */
#include "database_world.h"
#include "sync_client/oplog.h"

#define ENTRY                                                                  \
	"{\"command\":\"find\",\"db\":\"local\",\"collection\":\"oplog.rs\","  \
	"\"documents\":[{\"ts\":{\"$timestamp\":{\"t\":1700000000,\"i\":7}}}]" \
	"}"

static void assert_oplog(struct world *world, const char *expected)
{
	json_t *json = NULL;
	struct err err = {0};
	char *text;

	if (!oplog_read(&world->cluster, world->uri, &json, &err))
		fail_msg("%s", err.msg);
	text = json_dumps(json, JSON_COMPACT);
	assert_string_equal(text, expected);
	free(text);
	json_decref(json);
}

static void test_oplog_read_of_a_set(void **state)
{
	struct world *world = *state;

	world_override(world, "{\"commands\":[" ENTRY "]}");
	assert_oplog(world,
		"{\"shards\":[{\"id\":\"source\",\"first\":\"1700000000.7\","
		"\"last\":\"1700000000.7\"}]}");
}

static void test_oplog_read_where_there_is_none(void **state)
{
	world_override(*state,
		"{\"commands\":[{\"command\":\"find\",\"db\":\"local\","
		"\"documents\":[]}]}");
	assert_oplog(*state,
		"{\"shards\":[{\"id\":\"source\",\"error\":\"there is no "
		"oplog\"}]}");
}

static void test_oplog_read_that_is_not_allowed(void **state)
{
	struct world *world = *state;

	world_override(world,
		"{\"commands\":[{\"command\":\"find\",\"db\":\"local\","
		"\"fail\":"
		"{\"code\":13,\"codeName\":\"Unauthorized\",\"errmsg\":\"not "
		"authorized on local\"}}]}");
	assert_oplog(world, "{\"shards\":[{\"id\":\"source\",\"error\":"
			    "\"reading the oplog: "
			    "not authorized on local\"}]}");
}

/* Each shard is asked at its own hosts; one that cannot be reached is told, and
 * the others are not lost with it. */
static void test_oplog_read_of_each_shard(void **state)
{
	struct world *world = *state;
	const char *address = strstr(world->uri, "//") + 2;
	char text[600], via[300];
	json_t *json = NULL, *shards;
	struct err err = {0};

	(void)snprintf(text, sizeof(text),
		"{\"commands\":[" ENTRY
		",{\"command\":\"listShards\",\"reply\":"
		"{\"shards\":[{\"_id\":\"one\",\"host\":\"%.*s\"},"
		"{\"_id\":\"two\",\"host\":\"rs2/127.0.0.1:1\"},"
		"{\"_id\":\"three\",\"host\":\"a b\"}]}}]}",
		(int)strcspn(address, "/"), address);
	world_override(world, text);
	(void)snprintf(via, sizeof(via),
		"mongodb://u:canary@%.*s/?authMechanism=PLAIN&"
		"serverSelectionTimeoutMS=300",
		(int)strcspn(address, "/"), address);
	if (!oplog_read(&world->cluster, via, &json, &err))
		fail_msg("%s", err.msg);
	shards = json_object_get(json, "shards");
	assert_int_equal(json_array_size(shards), 3);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(shards, 0), "first")),
		"1700000000.7");
	for (size_t i = 1; i < 3; i++) {
		const char *error = json_string_value(
			json_object_get(json_array_get(shards, i), "error"));

		assert_non_null(error);
		assert_null(strstr(error, "canary"));
	}
	json_decref(json);
}

#define WITH_WORLD(test)                                                       \
	cmocka_unit_test_setup_teardown(test, world_set_up, world_tear_down)

static void say(const char *line)
{
	(void)fprintf(stderr, "%s\n", line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WORLD(test_oplog_read_of_a_set),
		WITH_WORLD(test_oplog_read_where_there_is_none),
		WITH_WORLD(test_oplog_read_that_is_not_allowed),
		WITH_WORLD(test_oplog_read_of_each_shard),
	};
	int failed;

	world_needs_database();
	cluster_library_begin(say);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	cluster_library_end();
	return failed;
}
