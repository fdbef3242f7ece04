/*
 * The digest of a walk: equal for equals, different for everything else.
 */
#include "tests/unit/metadata_sample.h"

static void digest_of(const struct sample_item *items, size_t count,
	char ret_text[SHA256_HEX_SIZE])
{
	struct sample sample = {.items = items, .count = count};
	const struct metadata_source source = sample_source(&sample);
	struct metadata_totals totals = {0};

	assert_true(metadata_digest_of(&source, &totals, NULL));
	memcpy(ret_text, totals.digest, SHA256_HEX_SIZE);
	metadata_totals_done(&totals);
}

static void test_metadata_digest_of_nothing(void **state)
{
	struct sample sample = {0};
	const struct metadata_source source = sample_source(&sample);
	struct metadata_totals totals = {0};
	json_t *json;

	(void)state;
	assert_true(metadata_digest_of(&source, &totals, NULL));
	assert_int_equal(strlen(totals.digest), 64);
	json = metadata_totals_json(&totals);
	assert_true(json_is_false(json_object_get(json, "found")));
	json_decref(json);
	metadata_totals_done(&totals);
}

static void test_metadata_digest_counts(void **state)
{
	static const struct sample_item items[] = {
		{"one", "a", "{}", NULL},
		{.document = "12345"},
		{.document = "123"},
		{"one", "b", "{}", NULL},
		{"two", "a", "{}", NULL},
		{.document = "1"},
	};
	struct sample sample = {.items = items, .count = 6};
	const struct metadata_source source = sample_source(&sample);
	struct metadata_totals totals = {0};

	(void)state;
	assert_true(metadata_digest_of(&source, &totals, NULL));
	assert_int_equal(totals.documents, 3);
	assert_int_equal(totals.bytes, 9);
	assert_int_equal(json_array_size(totals.databases), 2);
	metadata_totals_done(&totals);
}

/* Each of these is made of the same letters: nothing may be shifted from one
 * piece into the next. */
static void test_metadata_digest_tells_neighbours_apart(void **state)
{
	static const struct sample_item walks[][3] = {
		{{"d", "c", "o", NULL}, {.document = "ab"}, {.document = "c"}},
		{{"d", "c", "o", NULL}, {.document = "a"}, {.document = "bc"}},
		{{"d", "c", "o", NULL}, {.document = "c"}, {.document = "ab"}},
		{{"d", "co", "", NULL}, {.document = "ab"}, {.document = "c"}},
		{{"dc", "", "o", NULL}, {.document = "ab"}, {.document = "c"}},
		{{"d", "c", "oa", NULL}, {.document = "b"}, {.document = "c"}},
		{{"d", "c", "o", NULL}, {.document = "ab"},
			{"d", "c", "", NULL}},
		{{"d", "c", "o", NULL}, {.document = "ab"},
			{"c", "c", "", NULL}},
	};
	enum { COUNT = sizeof(walks) / sizeof(walks[0]) };
	char digests[COUNT][SHA256_HEX_SIZE], again[SHA256_HEX_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		digest_of(walks[i], 3, digests[i]);
		digest_of(walks[i], 3, again);
		assert_string_equal(digests[i], again);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(digests[i], digests[j]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metadata_digest_of_nothing),
		cmocka_unit_test(test_metadata_digest_counts),
		cmocka_unit_test(test_metadata_digest_tells_neighbours_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
