/*
 * test_refsync_light_helper.c - the helper for light clusters, over its pipes,
 * about clusters made by hand and about one that reference processes sync.
 */
#include <errno.h>

#include "tests/unit/light_helper_world.h"
#include "tests/unit/refsync_world.h"

#define NOTHING                                                                \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define GLOBAL "{\"_id\":\"globalState\",\"persistedMetadataVersion\":12}\n"
#define RESUME(id, seconds)                                                    \
	"{\"_id\":\"" id "\",\"state\":\"PAUSED\",\"syncPhase\":"              \
	"\"collection copy\",\"crudChangeStreamResumeInfo\":{\"lastEventTs\":" \
	"{\"$timestamp\":{\"i\":3,\"t\":" seconds "}}}}\n"

struct fixture {
	struct scratch scratch;
	struct helper helper;
	char cluster[220], copy[230];
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	scratch_make(&fixture->scratch);
	(void)snprintf(fixture->cluster, sizeof(fixture->cluster), "%s/cluster",
		fixture->scratch.dir);
	(void)snprintf(fixture->copy, sizeof(fixture->copy), "%s/saved/1",
		fixture->scratch.dir);
	assert_int_equal(mkdir(fixture->cluster, 0700), 0);
	helper_start(&fixture->helper);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->helper.pid)
		(void)helper_end(&fixture->helper, SIGKILL);
	scratch_remove(&fixture->scratch);
	free(fixture);
	return 0;
}

/* name is <database>/<collection>.ndjson, or a file of the cluster itself. */
static void put(struct fixture *fixture, const char *name, const char *text)
{
	char path[400], parent[400];

	(void)snprintf(path, sizeof(path), "%s/%s", fixture->cluster, name);
	(void)snprintf(parent, sizeof(parent), "%s", path);
	*strrchr(parent, '/') = '\0';
	assert_true(mkdir(parent, 0700) == 0 || errno == EEXIST);
	scratch_write(path, text, strlen(text));
}

static void put_metadata(struct fixture *fixture)
{
	put(fixture, OLD "/globalState.ndjson", GLOBAL);
	put(fixture, OLD "/resumeData.ndjson",
		RESUME("shard1", "500") RESUME("shard0", "400"));
	put(fixture, OLD "/partitions.ndjson",
		"{\"_id\":1,\"partitionPhase\":\"done\","
		"\"copiedByteCount\":70}\n"
		"{\"_id\":2,\"partitionPhase\":\"in progress\","
		"\"copiedByteCount\":5}\n"
		"{\"_id\":3,\"partitionPhase\":\"not started\","
		"\"copiedByteCount\":0}\n");
	put(fixture, "shop/orders.ndjson", "{\"_id\":1}\n");
}

static const char *cluster_path(struct fixture *fixture, const char *name)
{
	char below[100];

	(void)snprintf(below, sizeof(below), "cluster/%s", name);
	return scratch_path(&fixture->scratch, below);
}

static void expect_member(
	const json_t *result, const char *key, const char *expected)
{
	char *text = json_dumps(json_object_get(result, key),
		JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static json_t *result_of(
	struct fixture *fixture, const char *op, const char *directory)
{
	return helper_result(&fixture->helper, op, fixture->cluster, directory);
}

static void expect_error(struct fixture *fixture, const char *op,
	const char *directory, const char *code)
{
	helper_send(&fixture->helper, op, fixture->cluster, directory);
	helper_expect_error(&fixture->helper, code);
}

static void save(struct fixture *fixture)
{
	json_decref(result_of(fixture, "save", fixture->copy));
}

static void expect_digest(struct fixture *fixture, const char *expected)
{
	char *digest = helper_digest(&fixture->helper, fixture->cluster);

	assert_string_equal(digest, expected);
	free(digest);
}

/* Puts text there, and expects another digest than the one given. */
static void expect_other_digest(struct fixture *fixture, const char *name,
	const char *text, const char *digest)
{
	char *other;

	put(fixture, name, text);
	other = helper_digest(&fixture->helper, fixture->cluster);
	assert_string_not_equal(other, digest);
	free(other);
}

static void test_identify_with_identity(void **state)
{
	json_t *result;

	put(*state, "identity", "cluster:0123abcd\n");
	result = result_of(*state, "identify", NULL);
	expect_member(result, "identity", "\"cluster:0123abcd\"");
	expect_member(result, "proved", "true");
	json_decref(result);
}

static void test_identify_without_identity(void **state)
{
	struct fixture *fixture = *state;
	char expected[300];
	json_t *result = result_of(fixture, "identify", NULL);

	(void)snprintf(expected, sizeof(expected), "\"hosts:light:%s\"",
		fixture->cluster);
	expect_member(result, "identity", expected);
	expect_member(result, "proved", "false");
	json_decref(result);
}

static void test_identify_missing_cluster(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(rmdir(fixture->cluster), 0);
	expect_error(fixture, "identify", NULL, "again");
	assert_int_equal(access(fixture->cluster, F_OK), -1);
}

static void test_identify_other_scheme(void **state)
{
	struct fixture *fixture = *state;
	json_t *answer;
	char *text;

	assert_true(dprintf(fixture->helper.to,
			    "{\"id\":%d,\"op\":\"identify\",\"uri\":"
			    "\"mongodb://u:c4n4ry@127.0.0.1/\"}\n",
			    (int)++fixture->helper.id) > 0);
	answer = helper_receive(&fixture->helper);
	expect_member(answer, "code", "\"config\"");
	text = json_dumps(answer, 0);
	assert_null(strstr(text, "c4n4ry"));
	free(text);
	json_decref(answer);
}

static void test_shards(void **state)
{
	json_t *result = result_of(*state, "shards", NULL);

	expect_member(result, "sharded", "false");
	expect_member(result, "shards", "[]");
	json_decref(result);

	put(*state, "shards.json", "[\"shard0\",\"shard1\"]");
	result = result_of(*state, "shards", NULL);
	expect_member(result, "sharded", "true");
	expect_member(result, "shards", "[\"shard0\",\"shard1\"]");
	json_decref(result);

	put(*state, "shards.json", "{}");
	expect_error(*state, "shards", NULL, "config");
}

static void test_digest_of_nothing(void **state)
{
	json_t *result;

	put(*state, "shop/orders.ndjson", "{\"_id\":1}\n");
	put(*state, OLD "/resumeData.ndjson.tmp", "{\"_id\":1}\n");
	put(*state, "mongosync_internal_beta/orders.ndjson", "{\"_id\":1}\n");
	result = result_of(*state, "digest", NULL);
	expect_member(result, "found", "false");
	expect_member(result, "databases", "[]");
	expect_member(result, "digest", "\"" NOTHING "\"");
	expect_member(result, "documents", "0");
	json_decref(result);
}

static void test_digest_counts(void **state)
{
	json_t *result;

	put_metadata(*state);
	put(*state, NEW "/uuidMap.ndjson", "");
	put(*state, "mongosync_internal_b/globalState.ndjson", GLOBAL);
	result = result_of(*state, "digest", NULL);
	expect_member(result, "found", "true");
	expect_member(result, "databases",
		"[\"" NEW "\",\"mongosync_internal_b\",\"" OLD "\"]");
	expect_member(result, "documents", "7");
	json_decref(result);
}

static void test_digest_sees_what_is_shifted(void **state)
{
	struct fixture *fixture = *state;
	char *digest;

	put(fixture, OLD "/a.ndjson", "{\"_id\":1}\n");
	put(fixture, OLD "/b.ndjson", "{\"_id\":2}\n");
	digest = helper_digest(&fixture->helper, fixture->cluster);

	/* users' data and leftovers of writers do not count */
	put(fixture, "shop/orders.ndjson", "{\"_id\":1}\n");
	put(fixture, OLD "/a.ndjson.tmp", "{\"_id\":3}\n");
	expect_digest(fixture, digest);

	/* the same bytes elsewhere, other bytes, and one collection more do */
	put(fixture, OLD "/b.ndjson", "");
	expect_other_digest(
		fixture, OLD "/a.ndjson", "{\"_id\":1}\n{\"_id\":2}\n", digest);
	put(fixture, OLD "/a.ndjson", "{\"_id\":1}\n");
	expect_other_digest(fixture, OLD "/b.ndjson", "{\"_id\":2} \n", digest);
	put(fixture, OLD "/b.ndjson", "{\"_id\":2}\n");
	expect_digest(fixture, digest);
	expect_other_digest(fixture, NEW "/c.ndjson", "", digest);
	free(digest);
}

static void test_summary_of_nothing(void **state)
{
	json_t *result = result_of(*state, "summary", NULL);

	expect_member(result, "found", "false");
	expect_member(result, "database", "null");
	expect_member(result, "instances", "[]");
	json_decref(result);
}

static void test_summary(void **state)
{
	json_t *result;

	put_metadata(*state);
	result = result_of(*state, "summary", NULL);
	expect_member(result, "database", "\"" OLD "\"");
	expect_member(result, "metadata_version", "12");
	expect_member(result, "recognised", "true");
	expect_member(result, "instances",
		"[{\"id\":\"shard0\",\"last_event\":\"400.3\",\"phase\":"
		"\"collection copy\",\"state\":\"PAUSED\"},"
		"{\"id\":\"shard1\",\"last_event\":\"500.3\",\"phase\":"
		"\"collection copy\",\"state\":\"PAUSED\"}]");
	expect_member(result, "partitions",
		"{\"done\":1,\"in_progress\":1,\"total\":3}");
	expect_member(result, "copied_bytes", "75");
	json_decref(result);
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

static void test_check_copy_damaged(void **state)
{
	static const char *const damages[] = {"saved/1/" OLD
					      "/globalState.ndjson",
		"saved/1/copy.json", "saved/1/" OLD "/extra.ndjson"};
	struct fixture *fixture = *state;

	put_metadata(fixture);
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		const char *path;

		(void)snprintf(fixture->copy, sizeof(fixture->copy),
			"%s/saved/1", fixture->scratch.dir);
		save(fixture);
		path = scratch_path(&fixture->scratch, damages[i]);
		scratch_write(path, "{}\n", 3);
		expect_error(fixture, "check_copy", fixture->copy, "step");
		expect_error(fixture, "put_back", fixture->copy, "step");
		/* the next round saves anew */
		assert_int_equal(
			rename(fixture->copy, scratch_path(&fixture->scratch,
						      i == 0   ? "bad0"
						      : i == 1 ? "bad1"
							       : "bad2")),
			0);
	}
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

static void test_faults_hang(void **state)
{
	struct fixture *fixture = *state;

	put(fixture, "helper_faults.json", "{\"hang_op\":\"digest\"}");
	json_decref(result_of(fixture, "identify", NULL));
	helper_send(&fixture->helper, "digest", fixture->cluster, NULL);
	assert_false(helper_answers_within(&fixture->helper, SILENCE_MS));
}

static void test_faults_fail(void **state)
{
	struct fixture *fixture = *state;

	put(fixture, "helper_faults.json",
		"{\"fail_op\":\"save\",\"code\":\"decide\"}");
	json_decref(result_of(fixture, "digest", NULL));
	expect_error(fixture, "save", fixture->copy, "decide");
	assert_int_equal(access(fixture->copy, F_OK), -1);
	put(fixture, "helper_faults.json", "{}");
	save(fixture);
}

static void test_faults_misspelt(void **state)
{
	struct fixture *fixture = *state;

	put(fixture, "helper_faults.json", "{\"hangop\":\"digest\"}");
	expect_error(fixture, "identify", NULL, "config");
	put(fixture, "helper_faults.json",
		"{\"fail_op\":\"digest\",\"code\":\"agian\"}");
	expect_error(fixture, "digest", NULL, "config");
}

static void test_main_ends_with_its_input(void **state)
{
	struct fixture *fixture = *state;
	int status = helper_end(&fixture->helper, 0);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
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

/* Starts a version on the paused sync, which migrates it, and stops it. */
static void migrate_by(struct refsync_world *world, const char *version)
{
	refsync_run(world, 0, version);
	refsync_wait_state(world, 0, "PAUSED");
	assert_int_equal(refsync_end(world, 0, SIGTERM), 0);
}

static void test_put_back_after_a_migration(void **state)
{
	struct fixture *fixture = *state;
	struct helper *helper = &fixture->helper;
	struct refsync_world *world = refsync_world_new(1);
	char cluster[220], *saved, *now;

	(void)snprintf(
		cluster, sizeof(cluster), "%s/destination", world->scratch.dir);
	bring_to_pause(world);
	json_decref(helper_result(helper, "save", cluster, fixture->copy));
	saved = helper_digest(helper, cluster);
	expect_version(fixture, cluster, "12");

	migrate_by(world, "1.18.0");
	migrate_by(world, "1.20.0");
	expect_version(fixture, cluster, "14");
	now = helper_digest(helper, cluster);
	assert_string_not_equal(saved, now);
	free(now);

	json_decref(helper_result(helper, "put_back", cluster, fixture->copy));
	now = helper_digest(helper, cluster);
	assert_string_equal(saved, now);
	expect_version(fixture, cluster, "12");

	refsync_run(world, 0, "1.13.0");
	refsync_wait_state(world, 0, "PAUSED");
	refsync_set(world, "\"synthetic_docs\":3000,\"partition_docs\":300");
	refsync_post(world, 0, "resume", "{}");
	refsync_wait_text(world, 0, "change event application");
	assert_int_equal(
		refsync_count(world, "\"partition\"", "\"again\":true"), 0);
	free(now);
	free(saved);
	refsync_world_free(world);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_identify_with_identity),
		TEST(test_identify_without_identity),
		TEST(test_identify_missing_cluster),
		TEST(test_identify_other_scheme),
		TEST(test_shards),
		TEST(test_digest_of_nothing),
		TEST(test_digest_counts),
		TEST(test_digest_sees_what_is_shifted),
		TEST(test_summary_of_nothing),
		TEST(test_summary),
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
		TEST(test_faults_hang),
		TEST(test_faults_fail),
		TEST(test_faults_misspelt),
		TEST(test_main_ends_with_its_input),
		TEST(test_put_back_after_a_migration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
