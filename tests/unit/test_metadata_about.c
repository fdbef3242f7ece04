/*
 * A collection's options and indexes: equal text for equal collections, and
 * the commands that make it again.
 */
#include "sync_client/metadata_about.h"
#include "tests/unit/scratch.h"

static bson_t *parse(const char *json)
{
	bson_t *bson = bson_new_from_json((const uint8_t *)json, -1, NULL);

	assert_non_null(bson);
	return bson;
}

static void make(
	struct metadata_about *about, const char *info, const char *indexes)
{
	bson_t *info_bson = parse(info), *indexes_bson = parse(indexes);

	assert_true(metadata_about_make(about, info_bson, indexes_bson));
	bson_destroy(info_bson);
	bson_destroy(indexes_bson);
}

static bool is_same(const char *info, const char *indexes,
	const char *other_info, const char *other_indexes)
{
	struct metadata_about one, other;
	bool same;

	make(&one, info, indexes);
	make(&other, other_info, other_indexes);
	same = strcmp(one.digested, other.digested) == 0;
	metadata_about_done(&one);
	metadata_about_done(&other);
	return same;
}

static const char plain[] = "{\"name\":\"c\",\"options\":{}}";
static const char two_indexes[] =
	"{\"0\":{\"v\":2,\"key\":{\"_id\":1},\"name\":\"_id_\"},"
	"\"1\":{\"v\":2,\"key\":{\"a\":1,\"b\":-1},\"name\":\"ab\"}}";

static void test_metadata_about_ignores_what_means_nothing(void **state)
{
	(void)state;
	assert_true(is_same("{\"name\":\"c\",\"options\":{\"x\":1,\"y\":2}}",
		two_indexes,
		"{\"options\":{\"y\":2,\"x\":1},\"name\":\"c\","
		"\"info\":{\"readOnly\":false}}",
		"{\"0\":{\"name\":\"ab\",\"v\":2,\"key\":{\"a\":1,\"b\":-1},"
		"\"ns\":\"d.c\"},"
		"\"1\":{\"key\":{\"_id\":1},\"v\":2,\"name\":\"_id_\"}}"));
	assert_true(is_same(plain, "{}", "{\"name\":\"c\"}", "{}"));
}

static void test_metadata_about_tells_what_means_something(void **state)
{
	(void)state;
	assert_false(is_same(plain, two_indexes, plain, "{}"));
	/* The order of an index's fields. */
	assert_false(is_same(plain,
		"{\"0\":{\"key\":{\"a\":1,\"b\":1},\"name\":\"ab\"}}", plain,
		"{\"0\":{\"key\":{\"b\":1,\"a\":1},\"name\":\"ab\"}}"));
	assert_false(is_same(plain,
		"{\"0\":{\"key\":{\"a\":1},\"name\":\"a\",\"unique\":true}}",
		plain, "{\"0\":{\"key\":{\"a\":1},\"name\":\"a\"}}"));
	assert_false(is_same("{\"name\":\"c\",\"options\":{\"capped\":true}}",
		"{}", plain, "{}"));
	/* The type of a number. */
	assert_false(is_same(
		"{\"name\":\"c\",\"options\":{\"size\":{\"$numberLong\":"
		"\"1\"}}}",
		"{}",
		"{\"name\":\"c\",\"options\":{\"size\":{\"$numberInt\":"
		"\"1\"}}}",
		"{}"));
}

static void assert_command(const bson_t *command, const char *expected)
{
	bson_t *wanted = parse(expected);

	if (!bson_equal(command, wanted))
		fail_msg("%s", bson_as_canonical_extended_json(command, NULL));
	bson_destroy(wanted);
}

static void test_metadata_about_makes_the_collection_again(void **state)
{
	bson_t create = BSON_INITIALIZER, indexes = BSON_INITIALIZER;
	struct metadata_about about;
	bool any = false;

	(void)state;
	make(&about,
		"{\"name\":\"c\",\"type\":\"collection\",\"options\":"
		"{\"capped\":true,\"size\":{\"$numberLong\":\"4096\"}}}",
		two_indexes);
	assert_true(metadata_about_create(about.file, "c", &create));
	assert_command(&create, "{\"create\":\"c\",\"capped\":true,\"size\":"
				"{\"$numberLong\":\"4096\"}}");
	assert_true(metadata_about_indexes(about.file, "c", &indexes, &any));
	assert_true(any);
	assert_command(&indexes,
		"{\"createIndexes\":\"c\",\"indexes\":[{\"key\":{\"a\":1,"
		"\"b\":-1},\"name\":\"ab\"}]}");
	bson_destroy(&create);
	bson_destroy(&indexes);
	metadata_about_done(&about);
}

static void test_metadata_about_keeps_an_old_version_of_an_index(void **state)
{
	bson_t indexes = BSON_INITIALIZER;
	struct metadata_about about;
	bool any = false;

	(void)state;
	make(&about, plain,
		"{\"0\":{\"v\":1,\"key\":{\"a\":1},\"name\":\"a\"}}");
	assert_true(metadata_about_indexes(about.file, "c", &indexes, &any));
	assert_command(&indexes,
		"{\"createIndexes\":\"c\",\"indexes\":[{\"v\":1,"
		"\"key\":{\"a\":1},\"name\":\"a\"}]}");
	bson_destroy(&indexes);
	metadata_about_done(&about);
}

static void test_metadata_about_without_indexes_of_its_own(void **state)
{
	bson_t indexes = BSON_INITIALIZER;
	struct metadata_about about;
	bool any = true;

	(void)state;
	make(&about, plain,
		"{\"0\":{\"key\":{\"_id\":1},\"name\":\"mine\","
		"\"clustered\":true}}");
	assert_true(metadata_about_indexes(about.file, "c", &indexes, &any));
	assert_false(any);
	bson_destroy(&indexes);
	metadata_about_done(&about);
}

static void test_metadata_about_file_is_as_mongodump_writes_it(void **state)
{
	struct metadata_about about;
	bson_t *file;
	bson_iter_t iter;

	(void)state;
	make(&about,
		"{\"name\":\"c\",\"type\":\"collection\",\"options\":{},"
		"\"info\":{\"uuid\":{\"$binary\":{\"base64\":"
		"\"AQIDBAUGBwgJCgsMDQ4PEA==\",\"subType\":\"04\"}}}}",
		two_indexes);
	file = parse(about.file);
	assert_true(bson_iter_init_find(&iter, file, "uuid"));
	assert_string_equal(bson_iter_utf8(&iter, NULL),
		"0102030405060708090a0b0c0d0e0f10");
	assert_true(bson_iter_init_find(&iter, file, "collectionName"));
	assert_string_equal(bson_iter_utf8(&iter, NULL), "c");
	assert_true(bson_iter_init_find(&iter, file, "type"));
	assert_string_equal(bson_iter_utf8(&iter, NULL), "collection");
	assert_true(bson_iter_init_find(&iter, file, "indexes"));
	assert_true(BSON_ITER_HOLDS_ARRAY(&iter));
	bson_destroy(file);
	metadata_about_done(&about);
}

static void test_metadata_about_create_refuses_nonsense(void **state)
{
	bson_t command = BSON_INITIALIZER;
	bool any;

	(void)state;
	assert_false(metadata_about_create("nonsense", "c", &command));
	assert_false(metadata_about_indexes(
		"{\"indexes\":[1]}", "c", &command, &any));
	bson_destroy(&command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_metadata_about_ignores_what_means_nothing),
		cmocka_unit_test(
			test_metadata_about_tells_what_means_something),
		cmocka_unit_test(
			test_metadata_about_makes_the_collection_again),
		cmocka_unit_test(
			test_metadata_about_keeps_an_old_version_of_an_index),
		cmocka_unit_test(
			test_metadata_about_without_indexes_of_its_own),
		cmocka_unit_test(
			test_metadata_about_file_is_as_mongodump_writes_it),
		cmocka_unit_test(test_metadata_about_create_refuses_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
