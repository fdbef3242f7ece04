/*
 * The store on a server.  REFSYNC_DATABASE names a program that serves one
 * (tests/database); without it only what needs no server is tested.
 */
#include <jansson.h>
#include <signal.h>
#include <sys/wait.h>

#include "tests/refsync/settings.h"
#include "tests/refsync/store.h"
#include "tests/unit/scratch.h"

struct world {
	struct scratch scratch;
	struct store *nowhere; /* keeps libmongoc initialised */
	struct store *store; /* NULL: there is no server */
	pid_t server;
};

static const struct name items = {"shop", "items"};
static const struct name items_copy = {"copy", "items"};
static const struct name change_log = {CHANGES_DATABASE, CHANGES_COLLECTION};
static const struct share all = {1, 0};

static void read_line(int fd, char *line, size_t size)
{
	size_t len = 0;

	while (len + 1 < size && read(fd, line + len, 1) == 1 &&
		line[len] != '\n')
		len++;
	line[len] = '\0';
}

static void start_server(struct world *world, const char *program)
{
	char line[100], uri[150];
	struct err err;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	world->server = fork();
	assert_true(world->server >= 0);
	if (world->server == 0) {
		(void)dup2(fds[1], STDOUT_FILENO);
		(void)execl(program, program, "--dir", world->scratch.dir,
			"--port", "0", (char *)NULL);
		_exit(126);
	}
	assert_int_equal(close(fds[1]), 0);
	read_line(fds[0], line, sizeof(line));
	assert_int_equal(close(fds[0]), 0);
	assert_int_equal(strncmp(line, "ready ", 6), 0);
	(void)snprintf(uri, sizeof(uri), "mongodb://%s/", line + 6);
	assert_true(store_open(uri, &world->store, &err));
	assert_string_equal(world->store->address, line + 6);
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	const char *program = getenv("REFSYNC_DATABASE");
	struct err err;

	assert_non_null(world);
	scratch_make(&world->scratch);
	assert_true(settings_open(NULL, "shard0", &err));
	assert_true(store_open("mongodb://user:canary@127.0.0.1:1/"
			       "?serverSelectionTimeoutMS=200",
		&world->nowhere, &err));
	if (program && *program)
		start_server(world, program);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	store_free(world->store);
	store_free(world->nowhere);
	if (world->server > 0) {
		assert_int_equal(kill(world->server, SIGTERM), 0);
		assert_int_equal(
			waitpid(world->server, NULL, 0), world->server);
	}
	settings_close();
	scratch_remove(&world->scratch);
	free(world);
	return 0;
}

static struct store *server_of(void **state)
{
	struct world *world = *state;

	if (!world->store)
		skip();
	return world->store;
}

static void put(struct store *store, struct name name, const char *text)
{
	json_t *doc = json_loads(text, 0, NULL);
	struct err err;

	assert_non_null(doc);
	assert_true(store->ops->put(store, name, doc, &err));
	json_decref(doc);
}

static void assert_holds(
	struct store *store, struct name name, const char *want)
{
	struct err err;
	json_t *docs;
	char *text;

	assert_true(store->ops->read(store, name, &docs, &err));
	text = json_dumps(docs, JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text, want);
	free(text);
	json_decref(docs);
}

static void drop(struct store *store, struct name name)
{
	struct err err;

	name.coll = NULL;
	assert_true(store->ops->drop(store, name, &err));
}

static void test_read_unreachable_may_be_tried_again(void **state)
{
	const struct world *world = *state;
	struct err err;
	json_t *docs;

	assert_false(
		world->nowhere->ops->read(world->nowhere, items, &docs, &err));
	assert_int_equal(err.code, ERR_AGAIN);
	assert_null(strstr(err.msg, "canary"));
	assert_string_equal(world->nowhere->address, "127.0.0.1:1");
}

static void test_open_refuses_what_mongosync_refuses(void **state)
{
	static const char *const options[] = {
		"socketTimeoutMS=5", "w=1", "readConcernLevel=local"};
	struct store *store;
	struct err err;
	char uri[100];

	(void)state;
	for (int i = 0; i < 3; i++) {
		(void)snprintf(uri, sizeof(uri), "mongodb://u:canary@h/?%s",
			options[i]);
		assert_false(store_open(uri, &store, &err));
		assert_null(strstr(err.msg, "canary"));
	}
	assert_false(store_open("mongodb://u:canary@@/", &store, &err));
	assert_null(strstr(err.msg, "canary"));
}

static void test_put_keeps_timestamps_and_uuids(void **state)
{
	static const char doc[] =
		"{\"_id\":{\"$binary\":{\"base64\":"
		"\"AAECAwQFBgcICQoLDA0ODw==\",\"subType\":\"04\"}},"
		"\"t\":{\"$timestamp\":{\"i\":2,\"t\":1}}}";
	struct store *store = server_of(state);
	struct err err;
	char want[300];

	put(store, items, doc);
	put(store, items, doc);
	(void)snprintf(want, sizeof(want), "[%s]", doc);
	assert_holds(store, items, want);
	assert_true(store->ops->create(store, items, &err));
	drop(store, items);
	drop(store, items);
	assert_holds(store, items, "[]");
}

static void put_three_kinds(struct store *store)
{
	put(store, items, "{\"_id\":1}");
	put(store, items, "{\"_id\":2.5}");
	put(store, items, "{\"_id\":3}");
	put(store, items, "{\"_id\":\"x\"}");
	put(store, items, "{\"_id\":{\"$oid\":\"00112233445566778899aabb\"}}");
}

static void copy_range(struct store *store, const json_t *range)
{
	struct range bounds = {items, json_object_get(range, "from"),
		json_object_get(range, "upto")};
	struct batch batch;
	struct err err;

	assert_true(store->ops->read_docs(store, &bounds, &batch, &err));
	assert_int_equal(batch.count,
		json_integer_value(json_object_get(range, "docs")));
	for (size_t i = 0; i < batch.count; i++)
		assert_true(store->ops->write_docs(
			store, items_copy, &batch, i, 1, &err));
	batch_done(&batch);
}

static void test_ranges_cover_every_type_of_id(void **state)
{
	struct store *store = server_of(state);
	json_t *ranges, *range;
	int64_t bytes;
	struct err err;
	size_t i;

	put_three_kinds(store);
	put(store, items_copy, "{\"_id\":2.5,\"v\":\"of a broken copy\"}");
	assert_true(store->ops->ranges(store, items, 2, &ranges, &bytes, &err));
	assert_int_equal(json_array_size(ranges), 4);
	for (int twice = 0; twice < 2; twice++)
		json_array_foreach (ranges, i, range)
			copy_range(store, range);
	assert_holds(store, items_copy,
		"[{\"_id\":1},{\"_id\":2.5},{\"_id\":3},{\"_id\":\"x\"},"
		"{\"_id\":{\"$oid\":\"00112233445566778899aabb\"}}]");
	json_decref(ranges);
	drop(store, items);
	drop(store, items_copy);
}

static void put_change(struct store *store, int seq, const char *rest)
{
	char text[200];

	(void)snprintf(text, sizeof(text),
		"{\"_id\":%d,\"ns\":\"copy.items\",%s}", seq, rest);
	put(store, change_log, text);
}

static void test_apply_changes_ends_as_the_log_says(void **state)
{
	struct store *store = server_of(state);
	struct batch batch;
	int64_t last;
	size_t applied;
	struct err err;

	put(store, items_copy, "{\"_id\":1,\"v\":0}");
	put_change(store, 1, "\"op\":\"u\",\"id\":1,\"doc\":{\"_id\":1}");
	put_change(store, 2, "\"op\":\"i\",\"id\":2,\"doc\":{\"_id\":2}");
	put_change(store, 3, "\"op\":\"d\",\"id\":2");
	put_change(
		store, 4, "\"op\":\"u\",\"id\":1,\"doc\":{\"_id\":1,\"v\":4}");
	assert_true(store->ops->last_change(store, &last, &err));
	assert_int_equal(last, 4);
	for (int twice = 0; twice < 2; twice++) {
		assert_true(
			store->ops->read_changes(store, 0, 100, &batch, &err));
		assert_int_equal(batch.count, 4);
		assert_int_equal(batch.last_seq, 4);
		assert_true(store->ops->apply_changes(
			store, &batch, all, &applied, &err));
		assert_int_equal(applied, 4);
		assert_holds(store, items_copy, "[{\"_id\":1,\"v\":4}]");
		batch_done(&batch);
	}
	assert_true(store->ops->read_changes(store, 1, 2, &batch, &err));
	assert_int_equal(batch.last_seq, 3);
	batch_done(&batch);
	put(store, change_log, "{\"_id\":5,\"ns\":\"nodot\",\"op\":\"i\"}");
	assert_false(store->ops->read_changes(store, 4, 2, &batch, &err));
	drop(store, change_log);
	drop(store, items_copy);
}

static void test_apply_changes_each_has_one_owner(void **state)
{
	struct store *store = server_of(state);
	size_t applied, sum = 0;
	struct batch batch;
	struct err err;

	for (int i = 1; i <= 40; i++) {
		char rest[100];

		(void)snprintf(rest, sizeof(rest),
			"\"op\":\"i\",\"id\":%d,\"doc\":{\"_id\":%d}", i, i);
		put_change(store, i, rest);
	}
	for (uint32_t i = 0; i < 3; i++) {
		struct share share = {3, i};

		assert_true(
			store->ops->read_changes(store, 0, 100, &batch, &err));
		assert_true(store->ops->apply_changes(
			store, &batch, share, &applied, &err));
		assert_in_range(applied, 1, 38);
		sum += applied;
		batch_done(&batch);
	}
	assert_int_equal(sum, 40);
	drop(store, change_log);
	drop(store, items_copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_unreachable_may_be_tried_again),
		cmocka_unit_test(test_open_refuses_what_mongosync_refuses),
		cmocka_unit_test(test_put_keeps_timestamps_and_uuids),
		cmocka_unit_test(test_ranges_cover_every_type_of_id),
		cmocka_unit_test(test_apply_changes_ends_as_the_log_says),
		cmocka_unit_test(test_apply_changes_each_has_one_owner),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
