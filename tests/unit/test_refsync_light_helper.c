/*
 * test_refsync_light_helper.c - what the helper for light clusters tells about
 * clusters made by hand, and the faults it can be given.
 */
#include "tests/unit/light_helper_world.h"

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

/* Computed elsewhere, of d35:mongosync_..., c1:a, b10:{"_id":1}, c1:b, b0: */
static void test_digest_format(void **state)
{
	put(*state, OLD "/b.ndjson", "");
	put(*state, OLD "/a.ndjson", "{\"_id\":1}\n");
	expect_digest(*state, "d5c5c65107f65718026ad299a490061c"
			      "d22fbf90c98045833c2488bd354496ca");
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
		"[{\"copy_started\":null,\"id\":\"shard0\",\"last_event\":"
		"\"400.3\",\"phase\":"
		"\"collection copy\",\"state\":\"PAUSED\"},"
		"{\"copy_started\":null,\"id\":\"shard1\",\"last_event\":\"500."
		"3\",\"phase\":"
		"\"collection copy\",\"state\":\"PAUSED\"}]");
	expect_member(result, "partitions",
		"{\"done\":1,\"in_progress\":1,\"in_progress_bytes\":5,"
		"\"total\":3}");
	expect_member(result, "generations", "[\"" OLD "\"]");
	expect_member(result, "options",
		"{\"natural_order\":null,\"random_id\":null,"
		"\"verification\":null,\"write_blocking\":null}");
	expect_member(result, "copied_bytes", "75");
	json_decref(result);
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
	json_decref(result_of(fixture, "save", fixture->copy));
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
		TEST(test_digest_format),
		TEST(test_digest_sees_what_is_shifted),
		TEST(test_summary_of_nothing),
		TEST(test_summary),
		TEST(test_faults_hang),
		TEST(test_faults_fail),
		TEST(test_faults_misspelt),
		TEST(test_main_ends_with_its_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
