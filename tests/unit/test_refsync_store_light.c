#include <jansson.h>

#include "tests/refsync/settings.h"
#include "tests/refsync/store.h"
#include "tests/unit/scratch.h"

struct world {
	struct scratch scratch;
	struct store *store;
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
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	store_free(world->store);
	settings_close();
	scratch_remove(&world->scratch);
	free(world);
	return 0;
}

static const struct name items = {"shop", "items"};
static const struct share all = {1, 0};

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

static void test_put_replaces_and_orders_by_id(void **state)
{
	struct world *world = *state;
	char path[400];

	put(world->store, items, "{\"v\":1,\"_id\":10}");
	put(world->store, items, "{\"v\":2,\"_id\":9}");
	put(world->store, items, "{\"_id\":\"a\"}");
	put(world->store, items, "{\"v\":3,\"_id\":10}");
	(void)snprintf(
		path, sizeof(path), "%s/shop/items.ndjson", world->scratch.dir);
	assert_true(scratch_holds(path, "{\"_id\":9,\"v\":2}\n"
					"{\"_id\":10,\"v\":3}\n"
					"{\"_id\":\"a\"}\n"));
}

static void test_put_refuses_to_leave_its_directory(void **state)
{
	struct world *world = *state;
	json_t *doc = json_pack("{s:i}", "_id", 1);
	struct err err;

	assert_false(world->store->ops->put(
		world->store, (struct name){"..", "items"}, doc, &err));
	assert_false(world->store->ops->put(
		world->store, (struct name){"shop", "../../items"}, doc, &err));
	json_decref(doc);
}

static void test_drop_removes_one_or_all(void **state)
{
	struct world *world = *state;
	struct store *store = world->store;
	char left_over[300];
	struct err err;
	json_t *names;

	put(store, items, "{\"_id\":1}");
	put(store, (struct name){"shop", "orders"}, "{\"_id\":1}");
	(void)snprintf(left_over, sizeof(left_over), "%s/shop/items.ndjson.tmp",
		world->scratch.dir);
	scratch_write(left_over, "{", 1);
	assert_true(store->ops->drop(store, items, &err));
	assert_holds(store, items, "[]");
	assert_holds(store, (struct name){"shop", "orders"}, "[{\"_id\":1}]");
	assert_true(store->ops->drop(store, (struct name){"shop", NULL}, &err));
	assert_true(store->ops->databases(store, &names, &err));
	assert_int_equal(json_array_size(names), 1); /* the synthetic one */
	json_decref(names);
}

static void test_ranges_never_span_two_types(void **state)
{
	struct store *store = ((struct world *)*state)->store;
	int64_t bytes;
	struct err err;
	json_t *ranges;
	char *text;

	put(store, items, "{\"_id\":1}");
	put(store, items, "{\"_id\":2.5}");
	put(store, items, "{\"_id\":3}");
	put(store, items, "{\"_id\":\"x\"}");
	assert_true(store->ops->ranges(store, items, 2, &ranges, &bytes, &err));
	text = json_dumps(ranges, JSON_COMPACT);
	assert_string_equal(text,
		"[{\"from\":1,\"upto\":2.5,\"docs\":2},"
		"{\"from\":3,\"upto\":3,\"docs\":1},"
		"{\"from\":\"x\",\"upto\":\"x\",\"docs\":1}]");
	free(text);
	json_decref(ranges);
}

static void test_write_docs_replaces_what_is_there(void **state)
{
	struct store *store = ((struct world *)*state)->store;
	struct name copy = {"copy", "items"};
	json_t *from = json_integer(2), *upto = json_integer(3);
	struct range range = {items, from, upto};
	struct batch batch;
	struct err err;

	put(store, copy, "{\"_id\":2,\"v\":\"old\"}");
	for (int i = 1; i <= 4; i++) {
		char text[40];

		(void)snprintf(text, sizeof(text), "{\"_id\":%d}", i);
		put(store, items, text);
	}
	assert_true(store->ops->read_docs(store, &range, &batch, &err));
	assert_int_equal(batch.count, 2);
	assert_true(store->ops->write_docs(store, copy, &batch, 0, 1, &err));
	assert_holds(store, copy, "[{\"_id\":2}]");
	assert_true(store->ops->write_docs(store, copy, &batch, 1, 1, &err));
	assert_holds(store, copy, "[{\"_id\":2},{\"_id\":3}]");
	batch_done(&batch);
	json_decref(from);
	json_decref(upto);
}

static void put_change(struct store *store, int seq, const char *rest)
{
	char text[200];

	(void)snprintf(text, sizeof(text),
		"{\"_id\":%d,\"ns\":\"shop.items\",%s}", seq, rest);
	put(store, (struct name){CHANGES_DATABASE, CHANGES_COLLECTION}, text);
}

static void test_apply_changes_ends_as_the_log_says(void **state)
{
	struct store *store = ((struct world *)*state)->store;
	struct batch batch;
	int64_t last;
	size_t applied;
	struct err err;

	put(store, items, "{\"_id\":1,\"v\":0}");
	put_change(store, 1, "\"op\":\"u\",\"id\":1,\"doc\":{\"_id\":1}");
	put_change(store, 2, "\"op\":\"i\",\"id\":2,\"doc\":{\"_id\":2}");
	put_change(store, 3, "\"op\":\"d\",\"id\":2");
	put_change(store, 4, "\"op\":\"i\",\"id\":3,\"doc\":{\"_id\":3}");
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
		assert_holds(store, items, "[{\"_id\":1},{\"_id\":3}]");
		batch_done(&batch);
	}
	assert_true(store->ops->read_changes(store, 1, 2, &batch, &err));
	assert_int_equal(batch.count, 2);
	assert_int_equal(batch.last_seq, 3);
	batch_done(&batch);
}

static void test_apply_changes_each_has_one_owner(void **state)
{
	struct store *store = ((struct world *)*state)->store;
	size_t applied, sum = 0;
	struct batch batch;
	struct err err;

	for (int i = 1; i <= 40; i++) {
		char rest[100];

		(void)snprintf(rest, sizeof(rest),
			"\"op\":\"i\",\"id\":%d,\"doc\":{\"_id\":%d}", i, i);
		put_change(store, i, rest);
	}
	assert_true(store->ops->read_changes(store, 0, 100, &batch, &err));
	for (uint32_t i = 0; i < 3; i++) {
		struct share share = {3, i};

		assert_true(store->ops->apply_changes(
			store, &batch, share, &applied, &err));
		assert_in_range(applied, 1, 38);
		sum += applied;
	}
	assert_int_equal(sum, 40);
	batch_done(&batch);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_put_replaces_and_orders_by_id),
		TEST(test_put_refuses_to_leave_its_directory),
		TEST(test_drop_removes_one_or_all),
		TEST(test_ranges_never_span_two_types),
		TEST(test_write_docs_replaces_what_is_there),
		TEST(test_apply_changes_ends_as_the_log_says),
		TEST(test_apply_changes_each_has_one_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
