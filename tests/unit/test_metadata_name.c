/*
 * Names of the sync's databases, and of the files of their collections.
 */
#include "sync_client/metadata_name.h"
#include "tests/unit/scratch.h"

static void test_metadata_name_of_each_version(void **state)
{
	static const struct {
		const char *database;
		enum metadata_name expected;
	} names[] = {
		{"mongosync_reserved_for_internal_use", METADATA_NAME_OURS},
		{"mongosync_reserved_for_verification_src_metadata",
			METADATA_NAME_OURS},
		{"mongosync_reserved_for_verification_dst_metadata",
			METADATA_NAME_OURS},
		{"__mdb_internal_mongosync", METADATA_NAME_OURS},
		{"__mdb_internal_mongosync_verifier_src", METADATA_NAME_OURS},
		{"__mdb_internal_mongosync_verifier_dst", METADATA_NAME_OURS},
		{"mongosync_internal_trial", METADATA_NAME_LIKELY},
		{"mongosync_internal_", METADATA_NAME_FOREIGN},
		{"mongosync_internal_../x", METADATA_NAME_FOREIGN},
		{"__mdb_internal_mongosync_", METADATA_NAME_FOREIGN},
		{"__mdb_internal_other", METADATA_NAME_FOREIGN},
		{"Mongosync_internal_trial", METADATA_NAME_FOREIGN},
		{"shop", METADATA_NAME_FOREIGN},
		{"admin", METADATA_NAME_FOREIGN},
		{"", METADATA_NAME_FOREIGN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (metadata_name_of(names[i].database) != names[i].expected)
			fail_msg("%s", names[i].database);
}

static void test_metadata_name_rank_prefers_the_newest(void **state)
{
	(void)state;
	assert_true(metadata_name_rank("__mdb_internal_mongosync") >
		    metadata_name_rank("mongosync_reserved_for_internal_use"));
	assert_true(metadata_name_rank("mongosync_reserved_for_internal_use") >
		    metadata_name_rank("mongosync_internal_trial"));
	assert_int_equal(
		metadata_name_rank("__mdb_internal_mongosync_verifier_src"), 0);
}

static void assert_file(const char *collection, const char *expected)
{
	char *file = metadata_name_file(collection);

	assert_non_null(file);
	assert_string_equal(file, expected);
	free(file);
}

static void test_metadata_name_file_is_escaped(void **state)
{
	(void)state;
	assert_file("resumeData", "resumeData");
	assert_file("a.b-c_d~e", "a.b-c_d~e");
	assert_file("a b%/c", "a%20b%25%2Fc");
	assert_file("../x", "..%2Fx");
	assert_file("\xc3\xbc", "%C3%BC");
	assert_file("q?[]{}|\\\"'", "q%3F%5B%5D%7B%7D%7C%5C%22%27");
}

static void test_metadata_name_file_of_a_long_name(void **state)
{
	char name[256], expected[256];
	char *file;

	(void)state;
	memset(name, 'a', sizeof(name));
	name[238] = '\0';
	assert_file(name, name);
	name[238] = 'a';
	name[239] = '\0';
	/* 208 characters, "%24", and the SHA-1 of the name in base64. */
	memset(expected, 'a', 208);
	(void)snprintf(expected + 208, sizeof(expected) - 208, "%%24");
	file = metadata_name_file(name);
	assert_non_null(file);
	assert_int_equal(strlen(file), 238);
	assert_memory_equal(file, expected, 211);
	assert_int_equal(
		strspn(file + 211, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "abcdefghijklmnopqrstuvwxyz0123456789-_"),
		27);
	free(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metadata_name_of_each_version),
		cmocka_unit_test(test_metadata_name_rank_prefers_the_newest),
		cmocka_unit_test(test_metadata_name_file_is_escaped),
		cmocka_unit_test(test_metadata_name_file_of_a_long_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
