/*
 * light_helper_world.h - a running light-helper and a cluster to ask about.
 * A test begins with an empty one and removes it.
 */
#ifndef TESTS_UNIT_LIGHT_HELPER_WORLD_H
#define TESTS_UNIT_LIGHT_HELPER_WORLD_H

#include <errno.h>
#include <poll.h>

#include "tests/unit/refsync_world.h"

#define OLD "mongosync_reserved_for_internal_use"
#define NEW "__mdb_internal_mongosync"

#define NOTHING                                                                \
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define GLOBAL "{\"_id\":\"globalState\",\"persistedMetadataVersion\":12}\n"
#define RESUME(id, seconds)                                                    \
	"{\"_id\":\"" id "\",\"state\":\"PAUSED\",\"syncPhase\":"              \
	"\"collection copy\",\"crudChangeStreamResumeInfo\":{\"lastEventTs\":" \
	"{\"$timestamp\":{\"i\":3,\"t\":" seconds "}}}}\n"

enum {
	ANSWER_MS = 15000,
	SILENCE_MS = 300, /* after which a helper counts as hanging */
};

struct helper {
	pid_t pid; /* 0: not running */
	int to;
	FILE *from;
	json_int_t id;
};

static inline void helper_start(struct helper *helper)
{
	int asks[2], answers[2];

	assert_int_equal(pipe2(asks, O_CLOEXEC), 0);
	assert_int_equal(pipe2(answers, O_CLOEXEC), 0);
	helper->pid = fork();
	assert_true(helper->pid >= 0);
	if (helper->pid == 0) {
		if (dup2(asks[0], STDIN_FILENO) >= 0 &&
			dup2(answers[1], STDOUT_FILENO) >= 0)
			(void)execl(LIGHT_HELPER, LIGHT_HELPER, (char *)NULL);
		_exit(126);
	}
	assert_int_equal(close(asks[0]), 0);
	assert_int_equal(close(answers[1]), 0);
	helper->to = asks[1];
	helper->from = fdopen(answers[0], "r");
	assert_non_null(helper->from);
}

/* Its status as waitpid() tells it. */
static inline int helper_end(struct helper *helper, int signal)
{
	int status = 0;

	if (signal)
		assert_int_equal(kill(helper->pid, signal), 0);
	assert_int_equal(close(helper->to), 0);
	assert_int_equal(waitpid(helper->pid, &status, 0), helper->pid);
	assert_int_equal(fclose(helper->from), 0);
	helper->pid = 0;
	return status;
}

static inline void helper_send(struct helper *helper, const char *op,
	const char *cluster, const char *directory)
{
	json_t *ask = json_pack("{s:I, s:s, s:o, s:s*}", "id", ++helper->id,
		"op", op, "uri", json_sprintf("light:%s", cluster), "directory",
		directory);
	char *text = json_dumps(ask, JSON_COMPACT);

	assert_non_null(text);
	assert_int_equal(dprintf(helper->to, "%s\n", text), strlen(text) + 1);
	free(text);
	json_decref(ask);
}

static inline bool helper_answers_within(struct helper *helper, int ms)
{
	struct pollfd wait = {.fd = fileno(helper->from), .events = POLLIN};

	return poll(&wait, 1, ms) > 0;
}

/* The whole answer, which the caller frees. */
static inline json_t *helper_receive(struct helper *helper)
{
	char *line = NULL;
	size_t size = 0;
	json_t *answer;

	assert_true(helper_answers_within(helper, ANSWER_MS));
	assert_true(getline(&line, &size, helper->from) > 0);
	answer = json_loads(line, 0, NULL);
	free(line);
	assert_int_equal(
		json_integer_value(json_object_get(answer, "id")), helper->id);
	return answer;
}

static inline json_t *helper_ask(struct helper *helper, const char *op,
	const char *cluster, const char *directory)
{
	helper_send(helper, op, cluster, directory);
	return helper_receive(helper);
}

/* The result of a question that must be answered well; the caller frees it. */
static inline json_t *helper_result(struct helper *helper, const char *op,
	const char *cluster, const char *directory)
{
	json_t *answer = helper_ask(helper, op, cluster, directory);
	json_t *result = json_incref(json_object_get(answer, "result"));

	if (!json_is_true(json_object_get(answer, "ok")))
		fail_msg("%s: %s", op,
			json_string_value(json_object_get(answer, "error")));
	json_decref(answer);
	return result;
}

static inline void helper_expect_error(struct helper *helper, const char *code)
{
	json_t *answer = helper_receive(helper);

	assert_true(json_is_false(json_object_get(answer, "ok")));
	assert_string_equal(
		json_string_value(json_object_get(answer, "code")), code);
	assert_true(json_string_length(json_object_get(answer, "error")) > 0);
	json_decref(answer);
}

/* The caller frees it. */
static inline char *helper_digest(struct helper *helper, const char *cluster)
{
	json_t *result = helper_result(helper, "digest", cluster, NULL);
	char *digest =
		strdup(json_string_value(json_object_get(result, "digest")));

	json_decref(result);
	assert_int_equal(strlen(digest), 64);
	return digest;
}

struct fixture {
	struct scratch scratch;
	struct helper helper;
	struct refsync_world *world; /* or NULL */
	char cluster[220], copy[230];
};

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
	struct fixture *fixture = *state;

	if (fixture->helper.pid)
		(void)helper_end(&fixture->helper, SIGKILL);
	if (fixture->world)
		refsync_world_free(fixture->world);
	scratch_remove(&fixture->scratch);
	free(fixture);
	return 0;
}

/* name is <database>/<collection>.ndjson, or a file of the cluster itself. */
static inline void put(
	struct fixture *fixture, const char *name, const char *text)
{
	char path[400], parent[400];

	(void)snprintf(path, sizeof(path), "%s/%s", fixture->cluster, name);
	(void)snprintf(parent, sizeof(parent), "%s", path);
	*strrchr(parent, '/') = '\0';
	assert_true(mkdir(parent, 0700) == 0 || errno == EEXIST);
	scratch_write(path, text, strlen(text));
}

static inline void put_metadata(struct fixture *fixture)
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

static inline void expect_member(
	const json_t *result, const char *key, const char *expected)
{
	char *text = json_dumps(json_object_get(result, key),
		JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static inline json_t *result_of(
	struct fixture *fixture, const char *op, const char *directory)
{
	return helper_result(&fixture->helper, op, fixture->cluster, directory);
}

static inline void expect_error(struct fixture *fixture, const char *op,
	const char *directory, const char *code)
{
	helper_send(&fixture->helper, op, fixture->cluster, directory);
	helper_expect_error(&fixture->helper, code);
}

static inline void expect_digest(struct fixture *fixture, const char *expected)
{
	char *digest = helper_digest(&fixture->helper, fixture->cluster);

	assert_string_equal(digest, expected);
	free(digest);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
