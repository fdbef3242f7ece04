/*
 * test_refsync_light_copy.c - metadata saved from light clusters and put back:
 * clusters made by hand, and one that reference processes sync.
 */
#include "tests/unit/light_helper_world.h"

static const char *cluster_path(struct fixture *fixture, const char *name)
{
	char below[100];

	(void)snprintf(below, sizeof(below), "cluster/%s", name);
	return scratch_path(&fixture->scratch, below);
}

static void save(struct fixture *fixture)
{
	json_decref(result_of(fixture, "save", fixture->copy));
}

static void expect_mode(const char *path, mode_t mode)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

static void test_save_writes_a_private_copy(void **state)
{
	struct fixture *fixture = *state;
	struct scratch *scratch = &fixture->scratch;
	char *digest;
	json_t *saved, *checked;

	put_metadata(fixture);
	digest = helper_digest(&fixture->helper, fixture->cluster);
	saved = result_of(fixture, "save", fixture->copy);
	assert_string_equal(
		digest, json_string_value(json_object_get(saved, "digest")));
	expect_digest(fixture, digest);

	expect_mode(scratch_path(scratch, "saved"), 0700);
	expect_mode(scratch_path(scratch, "saved/1/" OLD), 0700);
	expect_mode(scratch_path(scratch, "saved/1/copy.json"), 0600);
	expect_mode(scratch_path(scratch, "saved/1/" OLD "/globalState.ndjson"),
		0600);
	assert_true(scratch_holds(
		scratch_path(scratch, "saved/1/" OLD "/globalState.ndjson"),
		GLOBAL));
	assert_int_equal(
		access(scratch_path(scratch, "saved/1/shop"), F_OK), -1);
	assert_int_equal(
		access(scratch_path(scratch, "saved/1.partial"), F_OK), -1);

	checked = result_of(fixture, "check_copy", fixture->copy);
	assert_true(json_equal(saved, checked));
	json_decref(checked);
	json_decref(saved);
	free(digest);
}

static void test_save_of_nothing(void **state)
{
	struct fixture *fixture = *state;
	json_t *result = result_of(fixture, "save", fixture->copy);

	expect_member(result, "found", "false");
	expect_member(result, "digest", "\"" NOTHING "\"");
	json_decref(result);
	json_decref(result_of(fixture, "check_copy", fixture->copy));
}

/* A lost answer is asked for again; another state must not replace a copy. */
static void test_save_again(void **state)
{
	struct fixture *fixture = *state;

	put_metadata(fixture);
	save(fixture);
	save(fixture);
	put(fixture, OLD "/globalState.ndjson", GLOBAL GLOBAL);
	expect_error(fixture, "save", fixture->copy, "step");
	json_decref(result_of(fixture, "check_copy", fixture->copy));
}

static void test_save_after_a_kill(void **state)
{
	struct fixture *fixture = *state;
	struct scratch *scratch = &fixture->scratch;

	put_metadata(fixture);
	assert_int_equal(mkdir(scratch_path(scratch, "saved"), 0700), 0);
	assert_int_equal(
		mkdir(scratch_path(scratch, "saved/1.partial"), 0700), 0);
	scratch_write(scratch_path(scratch, "saved/1.partial/half"), "half", 4);
	save(fixture);
	assert_int_equal(
		access(scratch_path(scratch, "saved/1/half"), F_OK), -1);
}

static void wait_for_file(const char *path)
{
	int64_t until = refsync_now_ms() + ANSWER_MS;

	while (access(path, F_OK) != 0) {
		assert_true(refsync_now_ms() < until);
		refsync_poll();
	}
}

static void test_save_while_somebody_writes(void **state)
{
	struct fixture *fixture = *state;

	put(fixture, OLD "/globalState.ndjson", GLOBAL);
	put(fixture, "helper_faults.json", "{\"delay_ms\":1000}");
	helper_send(&fixture->helper, "save", fixture->cluster, fixture->copy);
	wait_for_file(scratch_path(&fixture->scratch,
		"saved/1.partial/" OLD "/globalState.ndjson"));
	put(fixture, OLD "/globalState.ndjson", GLOBAL GLOBAL);
	helper_expect_error(&fixture->helper, "decide");
	assert_int_equal(access(fixture->copy, F_OK), -1);
}

static void test_check_copy_missing(void **state)
{
	struct fixture *fixture = *state;

	expect_error(fixture, "check_copy", fixture->copy, "step");
}

/* Saves a copy of its own, and damages one file of it. */
static void expect_damage_seen(struct fixture *fixture, const char *file)
{
	static unsigned copies;
	char path[400];

	(void)snprintf(fixture->copy, sizeof(fixture->copy), "%s/saved/%u",
		fixture->scratch.dir, ++copies);
	(void)snprintf(path, sizeof(path), "%s/%s", fixture->copy, file);
	save(fixture);
	scratch_write(path, "{}\n", 3);
	expect_error(fixture, "check_copy", fixture->copy, "step");
	expect_error(fixture, "put_back", fixture->copy, "step");
}

static void test_check_copy_damaged(void **state)
{
	struct fixture *fixture = *state;

	put_metadata(fixture);
	expect_damage_seen(fixture, OLD "/globalState.ndjson");
	expect_damage_seen(fixture, OLD "/extra.ndjson");
	expect_damage_seen(fixture, "copy.json");
	/* a bad copy was never put back */
	assert_true(scratch_holds(
		cluster_path(fixture, OLD "/globalState.ndjson"), GLOBAL));
}

static void test_put_back(void **state)
{
	struct fixture *fixture = *state;
	char *digest;
	json_t *result;

	put_metadata(fixture);
	digest = helper_digest(&fixture->helper, fixture->cluster);
	save(fixture);
	put(fixture, OLD "/globalState.ndjson", "{\"migratingTo\":14}\n");
	put(fixture, OLD "/extra.ndjson", "{\"_id\":1}\n");
	put(fixture, NEW "/globalState.ndjson", GLOBAL);
	put(fixture, "shop/orders.ndjson", "{\"_id\":2}\n");

	result = result_of(fixture, "put_back", fixture->copy);
	expect_member(result, "databases", "[\"" OLD "\"]");
	assert_string_equal(
		digest, json_string_value(json_object_get(result, "digest")));
	json_decref(result);
	expect_digest(fixture, digest);
	assert_int_equal(access(cluster_path(fixture, NEW), F_OK), -1);
	assert_int_equal(
		access(cluster_path(fixture, OLD "/extra.ndjson"), F_OK), -1);
	assert_true(scratch_holds(
		cluster_path(fixture, "shop/orders.ndjson"), "{\"_id\":2}\n"));
	free(digest);
}

/* Everything that a killed one may leave: nothing, some, half a file. */
static void test_put_back_again(void **state)
{
	struct fixture *fixture = *state;
	char *digest;

	put_metadata(fixture);
	digest = helper_digest(&fixture->helper, fixture->cluster);
	save(fixture);
	assert_int_equal(
		unlink(cluster_path(fixture, OLD "/globalState.ndjson")), 0);
	assert_int_equal(
		unlink(cluster_path(fixture, OLD "/resumeData.ndjson")), 0);
	put(fixture, OLD "/.globalState.ndjson.tmp-1", "{\"_id\"");
	json_decref(result_of(fixture, "put_back", fixture->copy));
	json_decref(result_of(fixture, "put_back", fixture->copy));
	expect_digest(fixture, digest);
	assert_int_equal(scratch_count_entries(cluster_path(fixture, OLD)), 3);
	free(digest);
}

static void test_put_back_nothing(void **state)
{
	struct fixture *fixture = *state;

	save(fixture);
	put_metadata(fixture);
	json_decref(result_of(fixture, "put_back", fixture->copy));
	expect_digest(fixture, NOTHING);
	assert_true(scratch_holds(
		cluster_path(fixture, "shop/orders.ndjson"), "{\"_id\":1}\n"));
}

/* A sync in the middle of its copy, paused by the old version and stopped. */
static void bring_to_pause(struct refsync_world *world)
{
	refsync_set(world, "\"synthetic_docs\":3000,\"partition_docs\":300,"
			   "\"partition_docs_per_s\":1000");
	refsync_run(world, 0, "1.13.0");
	refsync_wait_state(world, 0, "IDLE");
	refsync_post(world, 0, "start", START_BODY);
	refsync_wait_effect(world, "\"partition\"", "\"complete\":true");
	refsync_post(world, 0, "pause", "{}");
	refsync_wait_state(world, 0, "PAUSED");
	assert_int_equal(refsync_end(world, 0, SIGTERM), 0);
}

static void expect_version(
	struct fixture *fixture, const char *cluster, const char *version)
{
	json_t *result =
		helper_result(&fixture->helper, "summary", cluster, NULL);
	const json_t *first =
		json_array_get(json_object_get(result, "instances"), 0);

	expect_member(result, "metadata_version", version);
	expect_member(result, "recognised", "true");
	expect_member(first, "id", "\"coordinator\"");
	expect_member(first, "state", "\"PAUSED\"");
	expect_member(first, "phase", "\"collection copy\"");
	assert_true(json_is_string(json_object_get(first, "last_event")));
	json_decref(result);
}

/* The new version migrates the paused sync, into a database of another name. */
static void migrate(struct refsync_world *world)
{
	refsync_set(world, "\"accept_metadata\":12");
	refsync_run(world, 0, "1.20.0");
	refsync_wait_state(world, 0, "PAUSED");
	assert_int_equal(refsync_end(world, 0, SIGTERM), 0);
}

static void test_put_back_after_a_migration(void **state)
{
	struct fixture *fixture = *state;
	struct helper *helper = &fixture->helper;
	struct refsync_world *world = refsync_world_new(1);
	char cluster[220], *saved, *now;

	fixture->world = world;
	(void)snprintf(
		cluster, sizeof(cluster), "%s/destination", world->scratch.dir);
	bring_to_pause(world);
	json_decref(helper_result(helper, "save", cluster, fixture->copy));
	saved = helper_digest(helper, cluster);
	expect_version(fixture, cluster, "12");

	migrate(world);
	expect_version(fixture, cluster, "14");
	now = helper_digest(helper, cluster);
	assert_string_not_equal(saved, now);
	free(now);

	json_decref(helper_result(helper, "put_back", cluster, fixture->copy));
	now = helper_digest(helper, cluster);
	assert_string_equal(saved, now);
	expect_version(fixture, cluster, "12");

	refsync_set(world, "\"synthetic_docs\":3000,\"partition_docs\":300");
	refsync_run(world, 0, "1.13.0");
	refsync_wait_state(world, 0, "PAUSED");
	refsync_post(world, 0, "resume", "{}");
	refsync_wait_text(world, 0, "change event application");
	assert_int_equal(
		refsync_count(world, "\"partition\"", "\"again\":true"), 0);
	free(now);
	free(saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_save_writes_a_private_copy),
		TEST(test_save_of_nothing),
		TEST(test_save_again),
		TEST(test_save_after_a_kill),
		TEST(test_save_while_somebody_writes),
		TEST(test_check_copy_missing),
		TEST(test_check_copy_damaged),
		TEST(test_put_back),
		TEST(test_put_back_again),
		TEST(test_put_back_nothing),
		TEST(test_put_back_after_a_migration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
