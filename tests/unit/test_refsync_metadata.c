/*
 * The reference process is built as version 1.18.0 here: it writes metadata 13
 * and accepts 12.
 */
#include "tests/refsync/metadata.h"
#include "tests/refsync/migrate.h"
#include "tests/refsync/settings.h"
#include "tests/unit/scratch.h"

#define DATABASE "mongosync_reserved_for_internal_use"

struct world {
	struct scratch scratch;
	struct store *store;
	struct metadata m;
};

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	char uri[300];
	struct err err;

	assert_non_null(world);
	scratch_make(&world->scratch);
	(void)snprintf(uri, sizeof(uri), "light:%s", world->scratch.dir);
	assert_true(settings_open(NULL, "shard0", &err));
	assert_true(store_open(uri, &world->store, &err));
	metadata_init(&world->m, world->store, "shard0");
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	metadata_done(&world->m);
	store_free(world->store);
	settings_close();
	scratch_remove(&world->scratch);
	free(world);
	return 0;
}

static void put(struct world *world, const char *collection, const char *text)
{
	struct name name = {DATABASE, collection};
	json_t *doc = json_loads(text, 0, NULL);
	struct err err;

	assert_non_null(doc);
	assert_true(world->store->ops->put(world->store, name, doc, &err));
	json_decref(doc);
}

/* What version 1.12 or 1.13 would have left. */
static void put_older(struct world *world, int version)
{
	char text[200];

	(void)snprintf(text, sizeof(text),
		"{\"_id\":\"globalState\",\"persistedMetadataVersion\":%d,"
		"\"instances\":[\"shard0\",\"shard1\"]}",
		version);
	put(world, "globalState", text);
	put(world, "resumeData",
		"{\"_id\":\"shard0\",\"state\":\"PAUSED\","
		"\"documentVersion\":12,\"crudChangeStreamResumeInfo\":"
		"{\"sequence\":41,\"lastEventTs\":{\"$timestamp\":"
		"{\"t\":7,\"i\":1}}}}");
	put(world, "resumeData", "{\"_id\":\"shard1\",\"documentVersion\":12}");
	put(world, "partitions", "{\"_id\":\"p1\",\"documentVersion\":12}");
}

static char *snapshot(struct world *world, const char *collection)
{
	char path[400];

	(void)snprintf(path, sizeof(path), "%s/" DATABASE "/%s.ndjson",
		world->scratch.dir, collection);
	return scratch_read(path, NULL);
}

static void test_metadata_load_of_nothing(void **state)
{
	struct world *world = *state;
	enum metadata_found found;
	struct err err;

	assert_true(metadata_load(&world->m, &found, &err));
	assert_int_equal(found, METADATA_NONE);
}

static void test_metadata_begin_then_load(void **state)
{
	struct world *world = *state;
	json_t *body = json_pack("{s:b}", "reversible", 1);
	json_t *ids = json_pack("[s, s]", "shard0", "shard1");
	struct store *clusters[2] = {world->store, world->store};
	enum metadata_found found;
	struct metadata other;
	struct err err;

	assert_true(metadata_begin(&world->m, body, ids, clusters, &err));
	metadata_set_position(&world->m, 5, 4000000000);
	metadata_set_position(&world->m, 6, 3000000000);
	metadata_set_state(&world->m, "PAUSED");
	assert_true(metadata_save(&world->m, &err));
	metadata_init(&other, world->store, "shard0");
	assert_true(metadata_load(&other, &found, &err));
	assert_int_equal(found, METADATA_READY);
	assert_string_equal(metadata_state(&other), "PAUSED");
	assert_int_equal(metadata_position(&other), 6);
	/* a resume point's time never goes back */
	assert_int_equal(metadata_position_time(&other), 4000000000);
	assert_int_equal(json_array_size(metadata_instances(&other)), 2);
	metadata_done(&other);
	json_decref(body);
	json_decref(ids);
}

static void test_metadata_load_leaves_migration_to_the_lowest(void **state)
{
	struct world *world = *state;
	enum metadata_found found;
	struct metadata other;
	struct err err;

	put_older(world, 12);
	assert_true(metadata_load(&world->m, &found, &err));
	assert_int_equal(found, METADATA_OLDER);
	metadata_init(&other, world->store, "shard1");
	assert_true(metadata_load(&other, &found, &err));
	assert_int_equal(found, METADATA_OTHERS);
	metadata_done(&other);
}

static void assert_refused(struct world *world, const char *why)
{
	char *before = snapshot(world, "globalState");
	enum metadata_found found;
	struct err err;
	char *after;

	assert_false(metadata_load(&world->m, &found, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_string_equal(err.msg, why);
	after = snapshot(world, "globalState");
	assert_string_equal(before, after);
	free(before);
	free(after);
}

static void test_metadata_load_refuses_the_too_old(void **state)
{
	struct world *world = *state;

	put_older(world, 10);
	assert_refused(world,
		"Persisted metadata version: 10 is lower than the minimum "
		"supported metadata version: 12");
}

static void test_metadata_load_refuses_the_newer(void **state)
{
	struct world *world = *state;

	put_older(world, 14);
	assert_refused(world,
		"Persisted metadata version: 14 is higher than the maximum "
		"supported metadata version: 13");
}

static void test_metadata_load_refuses_half_of_a_newer(void **state)
{
	struct world *world = *state;

	put(world, "globalState",
		"{\"_id\":\"globalState\",\"persistedMetadataVersion\":13,"
		"\"migratingTo\":14}");
	assert_refused(world,
		"Persisted metadata version: 14 is higher than the maximum "
		"supported metadata version: 13");
}

static bool allow(void *arg)
{
	int *left = arg;

	return (*left)-- > 0;
}

static void test_metadata_migrate_goes_on_where_it_stopped(void **state)
{
	struct world *world = *state;
	enum metadata_found found;
	int left = 1;
	struct err err;
	char *text;

	put_older(world, 12);
	assert_true(metadata_load(&world->m, &found, &err));
	assert_false(metadata_migrate(&world->m, allow, &left, &err));
	assert_int_equal(err.code, ERR_STOPPED);
	text = snapshot(world, "globalState");
	assert_non_null(strstr(text, "\"migratingTo\":13"));
	assert_non_null(strstr(text, "\"persistedMetadataVersion\":12"));
	free(text);

	assert_true(metadata_load(&world->m, &found, &err));
	assert_int_equal(found, METADATA_OLDER);
	left = 2; /* just those that were not done */
	assert_true(metadata_migrate(&world->m, allow, &left, &err));
	assert_true(metadata_load(&world->m, &found, &err));
	assert_int_equal(found, METADATA_READY);
	assert_int_equal(metadata_position(&world->m), 41);
	text = snapshot(world, "globalState");
	assert_null(strstr(text, "migratingTo"));
	assert_non_null(strstr(text, "\"persistedMetadataVersion\":13"));
	free(text);
}

static void test_migrate_document_moves_the_position(void **state)
{
	json_t *doc = json_pack("{s:i, s:{}}", "lastAppliedSequence", 9,
		"crudChangeStreamResumeInfo");
	char *text;

	(void)state;
	migrate_document(doc);
	migrate_document(doc);
	text = json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text, "{\"crudChangeStreamResumeInfo\":"
				  "{\"sequence\":9},\"documentVersion\":13}");
	free(text);
	json_decref(doc);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_metadata_load_of_nothing),
		TEST(test_metadata_begin_then_load),
		TEST(test_metadata_load_leaves_migration_to_the_lowest),
		TEST(test_metadata_load_refuses_the_too_old),
		TEST(test_metadata_load_refuses_the_newer),
		TEST(test_metadata_load_refuses_half_of_a_newer),
		TEST(test_metadata_migrate_goes_on_where_it_stopped),
		TEST(test_migrate_document_moves_the_position),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
