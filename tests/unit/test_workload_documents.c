/*
 * test_workload_documents.c - are the documents varied, and the same each time?
 */
#include "tests/workload/documents.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PER_COLLECTION 2000

static void test_make_is_decided_by_its_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COLLECTION_COUNT; i++)
		for (int64_t number = 0; number < 50; number++) {
			bson_t *one =
				document_make(&collections[i], 7, number, 3);
			bson_t *other =
				document_make(&collections[i], 7, number, 3);

			assert_true(bson_equal(one, other));
			bson_destroy(one);
			bson_destroy(other);
		}
}

/* Pins the generator: data made by an older build must still be known. */
static void test_make_known_document(void **state)
{
	bson_t *doc = document_make(&collections[0], 1, 2, 0);
	bson_t *id = document_id(&collections[0], 2);
	char *text = bson_as_canonical_extended_json(id, NULL);

	(void)state;
	assert_string_equal(text,
		"{ \"_id\" : { \"$oid\" : \"60000002ce56971cde355897\" } }");
	assert_int_equal(doc->len, 555);
	bson_free(text);
	bson_destroy(id);
	bson_destroy(doc);
}

static bool is_equal_made(const struct collection *collection, uint64_t seed,
	int64_t number, int32_t revision)
{
	bson_t *one = document_make(collection, 7, 10, 3);
	bson_t *other = document_make(collection, seed, number, revision);
	bool same = bson_equal(one, other);

	bson_destroy(one);
	bson_destroy(other);
	return same;
}

static void test_make_depends_on_each_number(void **state)
{
	const struct collection *orders = &collections[0];

	(void)state;
	assert_true(is_equal_made(orders, 7, 10, 3));
	assert_false(is_equal_made(orders, 8, 10, 3));
	assert_false(is_equal_made(orders, 7, 11, 3));
	assert_false(is_equal_made(orders, 7, 10, 4));
}

static void test_make_begins_with_its_id_and_number(void **state)
{
	(void)state;
	for (size_t i = 0; i < COLLECTION_COUNT; i++) {
		bson_t *doc = document_make(&collections[i], 1, 42, 9);
		bson_t *id = document_id(&collections[i], 42);
		bson_t first = BSON_INITIALIZER;
		bson_iter_t iter;

		assert_true(bson_iter_init(&iter, doc));
		assert_true(bson_iter_next(&iter));
		assert_true(bson_append_iter(&first, NULL, -1, &iter));
		assert_true(bson_equal(&first, id));
		assert_true(bson_iter_init_find(&iter, doc, "number"));
		assert_int_equal(bson_iter_int64(&iter), 42);
		bson_destroy(&first);
		bson_destroy(id);
		bson_destroy(doc);
	}
}

struct census { /* what a walk through documents met */
	unsigned types[256];
	unsigned empty_arrays, empty_documents;
};

static void walk(const bson_t *doc, bool is_array, struct census *census);

static void check_key(const bson_iter_t *iter)
{
	const char *key = bson_iter_key(iter);

	assert_true(*key);
	assert_null(strpbrk(key, ".$"));
}

static void walk_inner(
	const bson_iter_t *iter, bool is_array, struct census *census)
{
	const uint8_t *bytes;
	uint32_t len;
	bson_t inner;

	if (is_array)
		bson_iter_array(iter, &len, &bytes);
	else
		bson_iter_document(iter, &len, &bytes);
	assert_true(bson_init_static(&inner, bytes, len));
	if (is_array && bson_empty(&inner))
		census->empty_arrays++;
	if (!is_array && bson_empty(&inner))
		census->empty_documents++;
	walk(&inner, is_array, census);
}

static void walk(const bson_t *doc, bool is_array, struct census *census)
{
	bson_iter_t iter;

	assert_true(bson_iter_init(&iter, doc));
	while (bson_iter_next(&iter)) {
		bson_type_t type = bson_iter_type(&iter);

		check_key(&iter);
		census->types[type & 0xff]++;
		if (type == BSON_TYPE_DOUBLE) {
			assert_true(isfinite(bson_iter_double(&iter)));
			assert_true(bson_iter_double(&iter) != 0);
		}
		if (type == BSON_TYPE_ARRAY) {
			assert_false(is_array);
			walk_inner(&iter, true, census);
		}
		if (type == BSON_TYPE_DOCUMENT)
			walk_inner(&iter, false, census);
	}
}

static void test_make_all_types_and_only_what_is_stored_unchanged(void **state)
{
	static const bson_type_t wanted[] = {BSON_TYPE_DOUBLE, BSON_TYPE_UTF8,
		BSON_TYPE_DOCUMENT, BSON_TYPE_ARRAY, BSON_TYPE_BINARY,
		BSON_TYPE_OID, BSON_TYPE_BOOL, BSON_TYPE_DATE_TIME,
		BSON_TYPE_NULL, BSON_TYPE_INT32, BSON_TYPE_INT64};
	struct census census = {.empty_arrays = 0};
	unsigned others = 0;

	(void)state;
	for (size_t i = 0; i < COLLECTION_COUNT; i++)
		for (int64_t number = 0; number < PER_COLLECTION; number++) {
			bson_t *doc =
				document_make(&collections[i], 1, number, 0);

			assert_true(
				bson_validate(doc, BSON_VALIDATE_UTF8, NULL));
			walk(doc, false, &census);
			bson_destroy(doc);
		}
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		assert_true(census.types[wanted[i]] > 100);
		census.types[wanted[i]] = 0;
	}
	for (size_t i = 0; i < 256; i++)
		others += census.types[i];
	assert_int_equal(others, 0);
	assert_true(census.empty_arrays > 0);
	assert_true(census.empty_documents > 0);
}

static void test_make_sizes(void **state)
{
	uint32_t smallest = UINT32_MAX, largest = 0;

	(void)state;
	for (size_t i = 0; i < COLLECTION_COUNT; i++)
		for (int64_t number = 0; number < PER_COLLECTION; number++) {
			bson_t *doc =
				document_make(&collections[i], 1, number, 0);

			smallest = doc->len < smallest ? doc->len : smallest;
			largest = doc->len > largest ? doc->len : largest;
			bson_destroy(doc);
		}
	assert_in_range(smallest, 40, 60);
	assert_in_range(largest, 7500, DOCUMENT_SIZE_MAX);
}

static int compare_ids(const void *one, const void *other)
{
	return bson_compare(*(bson_t *const *)one, *(bson_t *const *)other);
}

static void test_id_is_unique_in_its_collection(void **state)
{
	static bson_t *ids[PER_COLLECTION];

	(void)state;
	for (size_t i = 0; i < COLLECTION_COUNT; i++) {
		for (int64_t number = 0; number < PER_COLLECTION; number++)
			ids[number] = document_id(&collections[i], number);
		qsort(ids, PER_COLLECTION, sizeof(ids[0]), compare_ids);
		for (size_t j = 1; j < PER_COLLECTION; j++)
			assert_false(bson_equal(ids[j - 1], ids[j]));
		for (size_t j = 0; j < PER_COLLECTION; j++)
			bson_destroy(ids[j]);
	}
}

static void test_id_kinds(void **state)
{
	unsigned kinds[256] = {0};
	bson_iter_t iter;

	(void)state;
	for (size_t i = 0; i < COLLECTION_COUNT; i++) {
		bson_t *id = document_id(&collections[i], 5);

		assert_true(bson_iter_init_find(&iter, id, "_id"));
		kinds[bson_iter_type(&iter)]++;
		bson_destroy(id);
	}
	assert_true(kinds[BSON_TYPE_OID]);
	assert_true(kinds[BSON_TYPE_INT32]);
	assert_true(kinds[BSON_TYPE_INT64]);
	assert_true(kinds[BSON_TYPE_UTF8]);
}

static void test_documents_of_adds_up(void **state)
{
	static const int64_t totals[] = {100, 101, 999, 1000, 123457};

	(void)state;
	for (size_t t = 0; t < sizeof(totals) / sizeof(totals[0]); t++) {
		int64_t all = 0;

		for (size_t i = 0; i < COLLECTION_COUNT; i++)
			all += documents_of(&collections[i], totals[t]);
		assert_int_equal(all, totals[t]);
	}
}

static void test_documents_of_leaves_no_collection_empty(void **state)
{
	(void)state;
	for (size_t i = 0; i < COLLECTION_COUNT; i++)
		assert_int_equal(documents_of(&collections[i], 1), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make_is_decided_by_its_numbers),
		cmocka_unit_test(test_make_known_document),
		cmocka_unit_test(test_make_depends_on_each_number),
		cmocka_unit_test(test_make_begins_with_its_id_and_number),
		cmocka_unit_test(
			test_make_all_types_and_only_what_is_stored_unchanged),
		cmocka_unit_test(test_make_sizes),
		cmocka_unit_test(test_id_is_unique_in_its_collection),
		cmocka_unit_test(test_id_kinds),
		cmocka_unit_test(test_documents_of_adds_up),
		cmocka_unit_test(test_documents_of_leaves_no_collection_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
