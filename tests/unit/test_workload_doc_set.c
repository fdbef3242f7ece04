/*
 * test_workload_doc_set.c - does the comparison see every difference?
 */
#include "tests/workload/doc_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct found {
	unsigned missing, extra, unequal;
};

static void on_difference(
	void *arg, enum doc_difference difference, const bson_t *id)
{
	struct found *found = arg;

	assert_true(bson_has_field(id, "_id"));
	assert_int_equal(bson_count_keys(id), 1);
	found->missing += difference == DOC_MISSING;
	found->extra += difference == DOC_EXTRA;
	found->unequal += difference == DOC_UNEQUAL;
}

static void add(struct doc_set *set, const char *json)
{
	bson_t *doc = bson_new_from_json((const uint8_t *)json, -1, NULL);

	assert_non_null(doc);
	assert_true(doc_set_add(set, doc, NULL));
	bson_destroy(doc);
}

/* Both lists end with NULL. */
static struct found compare(
	const char *const *source, const char *const *destination, size_t ids)
{
	struct doc_set one = {.count = 0}, other = {.count = 0};
	struct found found = {.missing = 0};

	for (; *source; source++)
		add(&one, *source);
	for (; *destination; destination++)
		add(&other, *destination);
	assert_int_equal(
		doc_set_compare(&one, &other, on_difference, &found), ids);
	doc_set_done(&one);
	doc_set_done(&other);
	return found;
}

static void assert_found(
	struct found found, unsigned missing, unsigned extra, unsigned unequal)
{
	assert_int_equal(found.missing, missing);
	assert_int_equal(found.extra, extra);
	assert_int_equal(found.unequal, unequal);
}

static void test_compare_equal_in_any_order(void **state)
{
	static const char *const one[] = {"{\"_id\":1,\"a\":2}",
		"{\"_id\":\"x\"}", "{\"_id\":{\"k\":1}}", NULL};
	static const char *const other[] = {"{\"_id\":{\"k\":1}}",
		"{\"_id\":1,\"a\":2}", "{\"_id\":\"x\"}", NULL};

	(void)state;
	assert_found(compare(one, other, 3), 0, 0, 0);
}

static void test_compare_empty(void **state)
{
	static const char *const none[] = {NULL};
	static const char *const two[] = {"{\"_id\":1}", "{\"_id\":2}", NULL};

	(void)state;
	assert_found(compare(none, none, 0), 0, 0, 0);
	assert_found(compare(two, none, 2), 2, 0, 0);
	assert_found(compare(none, two, 2), 0, 2, 0);
}

static void test_compare_both_directions(void **state)
{
	static const char *const one[] = {
		"{\"_id\":1}", "{\"_id\":2}", "{\"_id\":4}", NULL};
	static const char *const other[] = {"{\"_id\":2}", "{\"_id\":3}",
		"{\"_id\":4}", "{\"_id\":5}", NULL};

	(void)state;
	assert_found(compare(one, other, 5), 1, 2, 0);
}

static void test_compare_values_types_and_order_of_fields(void **state)
{
	static const char *const one[] = {"{\"_id\":1,\"a\":1}",
		"{\"_id\":2,\"a\":1}", "{\"_id\":3,\"a\":1,\"b\":2}",
		"{\"_id\":4,\"a\":{\"b\":[1,2]}}", NULL};
	static const char *const other[] = {"{\"_id\":1,\"a\":2}",
		"{\"_id\":2,\"a\":{\"$numberLong\":\"1\"}}",
		"{\"_id\":3,\"b\":2,\"a\":1}",
		"{\"_id\":4,\"a\":{\"b\":[2,1]}}", NULL};

	(void)state;
	assert_found(compare(one, other, 4), 0, 0, 4);
}

/* A server holds 1 to be equal to 1.0; our eyes are sharper. */
static void test_compare_type_of_id(void **state)
{
	static const char *const one[] = {"{\"_id\":1}", NULL};
	static const char *const other[] = {
		"{\"_id\":{\"$numberLong\":\"1\"}}", NULL};

	(void)state;
	assert_found(compare(one, other, 2), 1, 1, 0);
}

static void test_compare_document_returned_twice(void **state)
{
	static const char *const one[] = {"{\"_id\":1}", NULL};
	static const char *const other[] = {"{\"_id\":1}", "{\"_id\":1}", NULL};

	(void)state;
	assert_found(compare(one, other, 2), 0, 1, 0);
}

static void test_add_without_id(void **state)
{
	struct doc_set set = {.count = 0};
	const bson_t doc = BSON_INITIALIZER;
	struct err err = {.code = ERR_NONE};

	(void)state;
	assert_false(doc_set_add(&set, &doc, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	doc_set_done(&set);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare_equal_in_any_order),
		cmocka_unit_test(test_compare_empty),
		cmocka_unit_test(test_compare_both_directions),
		cmocka_unit_test(test_compare_values_types_and_order_of_fields),
		cmocka_unit_test(test_compare_type_of_id),
		cmocka_unit_test(test_compare_document_returned_twice),
		cmocka_unit_test(test_add_without_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
