/*
 * The sync's metadata on a real server: found, summed up, digested, saved and
 * put back.
 */
#include "sync_client/metadata.h"
#include "tests/unit/database_world.h"

#define OLD "mongosync_reserved_for_internal_use"
#define NEW "__mdb_internal_mongosync"
#define VERIFIER "__mdb_internal_mongosync_verifier_dst"
#define BETA "mongosync_internal_trial"

#define BIG_TEXT (15u << 20)

static void insert_a_sync(struct world *world)
{
	world_insert(world, OLD, "globalState",
		"{\"_id\":\"globalState\",\"persistedMetadataVersion\":11,"
		"\"detectRandomId\":true,\"verificationMode\":\"startAtCEA\","
		"\"copyInNaturalOrderFilter\":{\"selectAll\":true,"
		"\"dbsAndColls\":[]}}");
	world_insert(world, OLD, "resumeData",
		"{\"_id\":\"shard1\",\"state\":\"PAUSED\",\"syncPhase\":"
		"\"change event application\",\"crudChangeStreamResumeInfo\":"
		"{\"lastEventTs\":{\"$timestamp\":{\"t\":1700000002,\"i\":7}}}"
		"}");
	world_insert(world, OLD, "resumeData",
		"{\"_id\":\"shard0\",\"state\":\"RUNNING\",\"syncPhase\":"
		"\"collection copy\"}");
	world_insert(world, OLD, "partitions",
		"{\"_id\":\"a\",\"partitionPhase\":\"done\","
		"\"copiedByteCount\":{\"$numberLong\":\"5000000000\"}}");
	world_insert(world, OLD, "partitions",
		"{\"_id\":\"b\",\"partitionPhase\":\"in progress\","
		"\"copiedByteCount\":12}");
	world_insert(world, OLD, "partitions",
		"{\"_id\":\"c\",\"partitionPhase\":\"not started\"}");
	world_insert(world, "shop", "items", "{\"_id\":1}");
}

static void insert_big_document(struct world *world)
{
	mongoc_collection_t *handle =
		mongoc_client_get_collection(world->cluster.client, OLD, "big");
	char *text = malloc(BIG_TEXT + 1);
	bson_t *doc;

	assert_non_null(text);
	memset(text, 'x', BIG_TEXT);
	text[BIG_TEXT] = '\0';
	doc = BCON_NEW("_id", "big", "text", BCON_UTF8(text));
	assert_true(
		mongoc_collection_insert_one(handle, doc, NULL, NULL, NULL));
	bson_destroy(doc);
	free(text);
	mongoc_collection_destroy(handle);
}

/* Everything that a copy might lose. */
static void insert_what_is_special(struct world *world)
{
	world_insert(world, OLD, "a b%/\xc3\xbc.x", "{\"_id\":\"odd name\"}");
	world_run(world, OLD, "{\"create\":\"empty\"}");
	world_run(world, OLD,
		"{\"createIndexes\":\"partitions\",\"indexes\":[{\"key\":"
		"{\"partitionPhase\":1,\"_id\":-1},\"name\":\"by_phase\"}]}");
	world_insert(world, OLD, "types",
		"{\"_id\":{\"$oid\":\"0123456789abcdef01234567\"},"
		"\"zero\":{\"$timestamp\":{\"t\":0,\"i\":0}},"
		"\"long\":{\"$numberLong\":\"3\"},\"double\":3.0,"
		"\"null\":null,\"date\":{\"$date\":\"2026-11-20T01:02:03Z\"},"
		"\"binary\":{\"$binary\":{\"base64\":\"AQID\","
		"\"subType\":\"04\"}},\"inner\":{\"z\":1,\"a\":[1,\"2\"]}}");
	insert_big_document(world);
	world_insert(world, VERIFIER, "collection_checksum", "{\"_id\":1}");
}

static void digest_now(struct world *world, struct metadata_totals *ret_totals)
{
	const struct metadata_source source = metadata_on(&world->cluster);
	struct err err = {0};

	if (!metadata_digest_of(&source, ret_totals, &err))
		fail_msg("%s", err.msg);
}

/* 64 hex digits; the caller has room. */
static void digest_text(struct world *world, char ret_text[SHA256_HEX_SIZE])
{
	struct metadata_totals totals = {0};

	digest_now(world, &totals);
	memcpy(ret_text, totals.digest, SHA256_HEX_SIZE);
	metadata_totals_done(&totals);
}

static bool save(struct world *world, const char *name, struct err *err)
{
	const struct metadata_source source = metadata_on(&world->cluster);
	struct metadata_totals totals = {0};
	bool ok = metadata_save(&source, scratch_path(&world->scratch, name),
		NULL, &totals, err);

	metadata_totals_done(&totals);
	return ok;
}

static bool put_back(struct world *world, const char *name, struct err *err)
{
	struct metadata_totals totals = {0};
	bool ok = metadata_put_back(&world->cluster,
		scratch_path(&world->scratch, name), &totals, err);

	metadata_totals_done(&totals);
	return ok;
}

static void assert_digest(struct world *world, const char *expected)
{
	char now[SHA256_HEX_SIZE];

	digest_text(world, now);
	assert_string_equal(now, expected);
}

static void test_summary_of_nothing(void **state)
{
	struct world *world = *state;
	json_t *json = NULL;

	world_insert(world, "shop", "items", "{\"_id\":1}");
	assert_true(metadata_summary(&world->cluster, &json, NULL));
	assert_true(json_is_false(json_object_get(json, "found")));
	assert_int_equal(
		json_array_size(json_object_get(json, "databases")), 0);
	json_decref(json);
}

static void test_summary_of_a_sync(void **state)
{
	struct world *world = *state;
	json_t *json = NULL;
	json_t *expected = json_loads(
		"{\"found\":true,\"databases\":[\"" OLD "\"],\"generations\":"
		"[\"" OLD "\"],\"database\":\"" OLD
		"\",\"metadata_version\":11,\"recognised\":true,"
		"\"instances\":[{\"id\":\"shard0\",\"state\":\"RUNNING\","
		"\"phase\":\"collection copy\",\"last_event\":null,"
		"\"copy_started\":null},"
		"{\"id\":\"shard1\",\"state\":\"PAUSED\",\"phase\":"
		"\"change event application\",\"last_event\":\"1700000002.7\","
		"\"copy_started\":null}"
		"],\"partitions\":{\"total\":3,\"done\":1,\"in_progress\":1,"
		"\"in_progress_bytes\":12},\"copied_bytes\":5000000012,"
		"\"options\":{\"write_blocking\":null,\"natural_order\":"
		"\"all\",\"random_id\":\"on\",\"verification\":\"startAtCEA\"}"
		"}",
		0, NULL);

	insert_a_sync(world);
	assert_true(metadata_summary(&world->cluster, &json, NULL));
	assert_non_null(expected);
	/* How the server counts is its own business. */
	assert_true(json_integer_value(json_object_get(json, "bytes")) > 0);
	(void)json_object_del(json, "bytes");
	if (!json_equal(json, expected))
		fail_msg("%s", json_dumps(json, 0));
	json_decref(expected);
	json_decref(json);
}

static void test_summary_while_the_database_is_renamed(void **state)
{
	struct world *world = *state;
	json_t *json = NULL;

	insert_a_sync(world);
	world_insert(world, NEW, "globalState",
		"{\"_id\":\"globalState\",\"persistedMetadataVersion\":14}");
	assert_true(metadata_summary(&world->cluster, &json, NULL));
	assert_string_equal(
		json_string_value(json_object_get(json, "database")), NEW);
	assert_int_equal(
		json_array_size(json_object_get(json, "databases")), 2);
	assert_int_equal(
		json_integer_value(json_object_get(json, "metadata_version")),
		14);
	json_decref(json);
}

static void test_digest_tells_every_change(void **state)
{
	struct world *world = *state;
	const char *const changes[][2] = {
		{OLD, "{\"create\":\"more\"}"},
		{OLD, "{\"createIndexes\":\"more\",\"indexes\":[{\"key\":"
		      "{\"a\":1},\"name\":\"a_1\"}]}"},
		{OLD, "{\"insert\":\"more\",\"documents\":[{\"_id\":1}]}"},
		{OLD, "{\"update\":\"more\",\"updates\":[{\"q\":{\"_id\":1},"
		      "\"u\":{\"$set\":{\"a\":{\"$numberLong\":\"1\"}}}}]}"},
		{OLD, "{\"update\":\"more\",\"updates\":[{\"q\":{\"_id\":1},"
		      "\"u\":{\"$set\":{\"a\":{\"$numberInt\":\"1\"}}}}]}"},
		{VERIFIER, "{\"create\":\"empty\"}"},
	};
	char before[SHA256_HEX_SIZE], after[SHA256_HEX_SIZE];

	insert_a_sync(world);
	digest_text(world, before);
	assert_digest(world, before);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		world_run(world, changes[i][0], changes[i][1]);
		digest_text(world, after);
		assert_string_not_equal(before, after);
		memcpy(before, after, sizeof(before));
	}
}

static void test_digest_leaves_other_databases_alone(void **state)
{
	struct world *world = *state;
	char before[SHA256_HEX_SIZE];

	insert_a_sync(world);
	digest_text(world, before);
	world_insert(world, "shop", "items", "{\"_id\":2}");
	world_insert(world, "__mdb_internal_other", "x", "{\"_id\":2}");
	world_insert(world, BETA, "not_the_syncs", "{\"_id\":1}");
	assert_digest(world, before);
	world_insert(world, BETA, "resumeData", "{\"_id\":\"coordinator\"}");
	{
		struct metadata_totals totals = {0};

		digest_now(world, &totals);
		assert_int_equal(json_array_size(totals.databases), 2);
		metadata_totals_done(&totals);
	}
}

static void test_save_and_put_back_what_a_newer_version_changed(void **state)
{
	struct world *world = *state;
	char saved[SHA256_HEX_SIZE];
	struct err err = {0};

	insert_a_sync(world);
	insert_what_is_special(world);
	digest_text(world, saved);
	if (!save(world, "copy", &err))
		fail_msg("%s", err.msg);
	world_insert(world, NEW, "globalState", "{\"_id\":\"globalState\"}");
	world_insert(world, OLD, "resumeData", "{\"_id\":\"shard2\"}");
	world_run(world, OLD, "{\"drop\":\"types\"}");
	world_run(world, OLD, "{\"drop\":\"empty\"}");
	world_run(world, VERIFIER, "{\"dropDatabase\":1}");
	if (!put_back(world, "copy", &err))
		fail_msg("%s", err.msg);
	assert_digest(world, saved);
	assert_int_equal(world_count(world, NEW, "globalState"), 0);
	assert_int_equal(world_count(world, OLD, "resumeData"), 2);
	assert_int_equal(world_count(world, OLD, "types"), 1);
	assert_int_equal(world_count(world, OLD, "big"), 1);
	assert_int_equal(
		world_count(world, VERIFIER, "collection_checksum"), 1);
	assert_int_equal(world_count(world, "shop", "items"), 1);
}

static void test_put_back_after_one_that_was_interrupted(void **state)
{
	struct world *world = *state;
	char saved[SHA256_HEX_SIZE];

	insert_a_sync(world);
	world_insert(world, BETA, "globalState", "{\"_id\":\"globalState\"}");
	world_insert(world, BETA, "zones", "{\"_id\":1}");
	digest_text(world, saved);
	assert_true(save(world, "copy", NULL));
	/* So little is left that the beta's cannot be told from others'. */
	world_run(world, BETA, "{\"drop\":\"globalState\"}");
	world_run(world, OLD, "{\"drop\":\"resumeData\"}");
	assert_true(put_back(world, "copy", NULL));
	assert_digest(world, saved);
	assert_true(put_back(world, "copy", NULL));
	assert_digest(world, saved);
}

/* A write would be seen: nothing is written when all is equal already. */
static void test_put_back_of_what_is_there_writes_nothing(void **state)
{
	static const char no_writes[] =
		"{\"commands\":["
		"{\"command\":\"drop\",\"fail\":{\"code\":13,\"errmsg\":\"no\"}"
		"},"
		"{\"command\":\"insert\",\"fail\":{\"code\":13,"
		"\"errmsg\":\"no\"}}]}";
	struct world *world = *state;
	struct err err = {0};

	insert_a_sync(world);
	assert_true(save(world, "copy", NULL));
	world_override(world, no_writes);
	assert_true(put_back(world, "copy", NULL));
	world_override(world, "{\"commands\":[]}");
	world_insert(world, NEW, "x", "{\"_id\":1}");
	world_override(world, no_writes);
	assert_false(put_back(world, "copy", &err));
	assert_int_equal(err.code, ERR_CONFIG);
}

static void damage(const char *path)
{
	size_t len = 0;
	char *data = scratch_read(path, &len);

	assert_non_null(data);
	data[len / 2] ^= 1;
	scratch_write(path, data, len);
	free(data);
}

static void test_put_back_refuses_a_damaged_copy_before_it_drops(void **state)
{
	static const char *const files[] = {
		"copy/" OLD "/resumeData.bson",
		"copy/" OLD "/globalState.metadata.json",
	};
	struct world *world = *state;
	char before[SHA256_HEX_SIZE];
	struct err err = {0};

	insert_a_sync(world);
	assert_true(save(world, "copy", NULL));
	world_insert(world, NEW, "globalState", "{\"_id\":\"globalState\"}");
	digest_text(world, before);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		damage(scratch_path(&world->scratch, files[i]));
		assert_false(put_back(world, "copy", &err));
		assert_int_equal(err.code, ERR_STEP);
		assert_digest(world, before);
		damage(scratch_path(&world->scratch, files[i]));
	}
	assert_true(put_back(world, "copy", NULL));
}

static void test_put_back_refuses_another_cluster(void **state)
{
	struct world *world = *state;
	const struct metadata_source source = metadata_on(&world->cluster);
	const char *copy = scratch_path(&world->scratch, "copy");
	struct metadata_totals totals = {0};
	struct err err = {0};

	insert_a_sync(world);
	assert_true(metadata_save(&source, copy,
		"cluster:000000000000000000000001", &totals, NULL));
	metadata_totals_done(&totals);
	world_run(world, OLD, "{\"drop\":\"resumeData\"}");
	world_override(world,
		"{\"commands\":[{\"command\":\"find\",\"db\":\"config\","
		"\"collection\":\"version\",\"documents\":[{\"_id\":1,"
		"\"clusterId\":{\"$oid\":\"000000000000000000000002\"}}]}]}");
	assert_false(put_back(world, "copy", &err));
	assert_int_equal(err.code, ERR_DECIDE);
	assert_int_equal(world_count(world, OLD, "globalState"), 1);
	world_override(world,
		"{\"commands\":[{\"command\":\"find\",\"db\":\"config\","
		"\"collection\":\"version\",\"documents\":[{\"_id\":1,"
		"\"clusterId\":{\"$oid\":\"000000000000000000000001\"}}]}]}");
	assert_true(put_back(world, "copy", NULL));
}

static void test_save_is_for_its_owner_only(void **state)
{
	static const struct {
		const char *path;
		mode_t mode;
	} entries[] = {
		{"copy", S_IFDIR | 0700},
		{"copy/" OLD, S_IFDIR | 0700},
		{"copy/copy.json", S_IFREG | 0600},
		{"copy/" OLD "/resumeData.bson", S_IFREG | 0600},
		{"copy/" OLD "/resumeData.metadata.json", S_IFREG | 0600},
	};
	struct world *world = *state;
	struct stat st;

	insert_a_sync(world);
	assert_true(save(world, "copy", NULL));
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		const char *path =
			scratch_path(&world->scratch, entries[i].path);

		assert_int_equal(lstat(path, &st), 0);
		assert_int_equal(st.st_mode, entries[i].mode);
	}
	assert_int_not_equal(
		access(scratch_path(&world->scratch, "copy.partial"), F_OK), 0);
}

static void test_save_refuses_a_time_series(void **state)
{
	struct world *world = *state;
	struct err err = {0};

	insert_a_sync(world);
	world_override(world,
		"{\"commands\":[{\"command\":\"listCollections\",\"db\":"
		"\"" OLD "\",\"documents\":[{\"name\":\"v\",\"type\":"
		"\"timeseries\",\"options\":{}}]}]}");
	assert_false(save(world, "copy", &err));
	assert_int_equal(err.code, ERR_STEP);
}

static void assert_identity(
	struct world *world, const char *expected, bool proved)
{
	json_t *json = NULL;
	struct err err = {0};

	if (!cluster_identify(&world->cluster, &json, &err))
		fail_msg("%s", err.msg);
	if (expected)
		assert_string_equal(
			json_string_value(json_object_get(json, "identity")),
			expected);
	assert_int_equal(json_is_true(json_object_get(json, "proved")), proved);
	json_decref(json);
}

static void test_identify_by_the_best_that_is_shown(void **state)
{
	struct world *world = *state;
	char hosts[220];
	struct err err = {0};
	json_t *json = NULL;

	(void)snprintf(hosts, sizeof(hosts), "hosts:%s",
		world->uri + strlen("mongodb://"));
	hosts[strlen(hosts) - 1] = '\0';
	assert_identity(world, hosts, false);
	world_override(world,
		"{\"commands\":[{\"command\":\"replSetGetConfig\",\"reply\":"
		"{\"config\":{\"settings\":{\"replicaSetId\":{\"$oid\":"
		"\"00000000000000000000000a\"}}}}}]}");
	assert_identity(world, "set:00000000000000000000000a", true);
	world_override(world,
		"{\"commands\":[{\"command\":\"find\",\"db\":\"config\","
		"\"collection\":\"version\",\"documents\":[{\"_id\":1,"
		"\"clusterId\":{\"$oid\":\"00000000000000000000000b\"}}]}]}");
	assert_identity(world, "cluster:00000000000000000000000b", true);
	world_override(world,
		"{\"commands\":[{\"command\":\"replSetGetConfig\",\"fail\":"
		"{\"code\":13,\"errmsg\":\"not authorized\"}}]}");
	assert_identity(world, hosts, false);
	/* An election must not make another cluster of it. */
	world_override(world,
		"{\"commands\":[{\"command\":\"replSetGetConfig\",\"fail\":"
		"{\"code\":189,\"errmsg\":\"stepped down\"}}]}");
	assert_false(cluster_identify(&world->cluster, &json, &err));
	assert_int_equal(err.code, ERR_AGAIN);
}

static void test_shards_of_each_kind_of_cluster(void **state)
{
	struct world *world = *state;
	struct err err = {0};
	json_t *json = NULL;

	assert_true(cluster_shards(&world->cluster, &json, NULL));
	assert_true(json_is_false(json_object_get(json, "sharded")));
	json_decref(json);
	world_override(world,
		"{\"commands\":[{\"command\":\"listShards\",\"reply\":"
		"{\"shards\":[{\"_id\":\"s0\"},{\"_id\":\"s1\"}]}}]}");
	assert_true(cluster_shards(&world->cluster, &json, NULL));
	assert_true(json_is_true(json_object_get(json, "sharded")));
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(json, "shards"), 1)),
		"s1");
	json_decref(json);
	world_override(world,
		"{\"commands\":[{\"command\":\"hello\",\"merge\":true,"
		"\"reply\":{\"msg\":\"isdbgrid\"}},{\"command\":\"listShards\","
		"\"fail\":{\"code\":13,\"errmsg\":\"not authorized\"}}]}");
	assert_false(cluster_shards(&world->cluster, &json, &err));
	assert_int_equal(err.code, ERR_CONFIG);
}

static void test_errors_of_a_cluster_that_is_not_there(void **state)
{
	struct cluster nowhere;
	struct err err = {0};
	json_t *json = NULL;

	(void)state;
	assert_true(cluster_open(
		&nowhere, "mongodb://user:canary@127.0.0.1:1/", NULL));
	assert_false(metadata_summary(&nowhere, &json, &err));
	assert_int_equal(err.code, ERR_AGAIN);
	assert_null(strstr(err.msg, "canary"));
	cluster_close(&nowhere);
	assert_false(cluster_open(&nowhere, "mongodb://user:canary@", &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_null(strstr(err.msg, "canary"));
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
		WITH_WORLD(test_summary_of_nothing),
		WITH_WORLD(test_summary_of_a_sync),
		WITH_WORLD(test_summary_while_the_database_is_renamed),
		WITH_WORLD(test_digest_tells_every_change),
		WITH_WORLD(test_digest_leaves_other_databases_alone),
		WITH_WORLD(test_save_and_put_back_what_a_newer_version_changed),
		WITH_WORLD(test_put_back_after_one_that_was_interrupted),
		WITH_WORLD(test_put_back_of_what_is_there_writes_nothing),
		WITH_WORLD(
			test_put_back_refuses_a_damaged_copy_before_it_drops),
		WITH_WORLD(test_put_back_refuses_another_cluster),
		WITH_WORLD(test_save_is_for_its_owner_only),
		WITH_WORLD(test_save_refuses_a_time_series),
		WITH_WORLD(test_identify_by_the_best_that_is_shown),
		WITH_WORLD(test_shards_of_each_kind_of_cluster),
		cmocka_unit_test(test_errors_of_a_cluster_that_is_not_there),
	};
	int failed;

	world_needs_database();
	cluster_library_begin(say);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	cluster_library_end();
	return failed;
}
