/*
 * What is read from documents whose form nobody promises.
 */
#include "sync_client/metadata_summary.h"
#include "tests/unit/scratch.h"

static void add(struct metadata_summary *summary, const char *collection,
	const char *document)
{
	json_t *json = json_loads(document, 0, NULL);

	assert_non_null(json);
	assert_true(metadata_summary_add(summary, collection, json, NULL));
	json_decref(json);
}

static json_t *end(struct metadata_summary *summary, const char *main)
{
	json_t *databases = main ? json_pack("[s]", main) : json_array();
	json_t *json = NULL;

	assert_true(
		metadata_summary_end(summary, databases, main, &json, NULL));
	json_decref(databases);
	metadata_summary_done(summary);
	return json;
}

static const char *moment(const char *document, const char *key)
{
	static char text[60];
	struct metadata_summary summary = {0};
	const char *found;
	json_t *json;

	add(&summary, "resumeData", document);
	json = end(&summary, "__mdb_internal_mongosync");
	found = json_string_value(json_object_get(
		json_array_get(json_object_get(json, "instances"), 0), key));
	(void)snprintf(text, sizeof(text), "%s", found ? found : "none");
	json_decref(json);
	return text;
}

static const char *last_event(const char *document)
{
	return moment(document, "last_event");
}

static void test_metadata_summary_knows_when_the_copy_began(void **state)
{
	(void)state;
	assert_string_equal(
		moment("{\"_id\":\"a\",\"phaseTransitions\":[{\"phase\":"
		       "\"uninitialized\",\"ts\":{\"$timestamp\":{\"t\":5,"
		       "\"i\":1}}},{\"phase\":\"collection copy\",\"ts\":"
		       "{\"$timestamp\":{\"t\":9,\"i\":3}}},{\"phase\":"
		       "\"initializing partitions\",\"ts\":{\"$timestamp\":"
		       "{\"t\":8,\"i\":2}}},{\"phase\":7}]}",
			"copy_started"),
		"8.2");
	assert_string_equal(moment("{\"_id\":\"a\",\"phaseTransitions\":[]}",
				    "copy_started"),
		"none");
	assert_string_equal(moment("{\"_id\":\"a\"}", "copy_started"), "none");
}

static void test_metadata_summary_takes_the_earliest_event(void **state)
{
	(void)state;
	assert_string_equal(
		last_event("{\"_id\":\"a\",\"crudChangeStreamResumeInfo\":"
			   "{\"lastEventTs\":{\"$timestamp\":{\"t\":17,"
			   "\"i\":2}}}}"),
		"17.2");
	assert_string_equal(
		last_event(
			"{\"_id\":\"a\",\"crudChangeStreamResumeInfo\":["
			"{\"lastEventTs\":{\"$timestamp\":{\"t\":9,\"i\":3}}},"
			"{\"lastEventTs\":{\"$timestamp\":{\"t\":9,\"i\":2}}},"
			"{\"lastEventTs\":{\"$timestamp\":{\"t\":10,\"i\":1}}"
			"},{\"other\":1}]}"),
		"9.2");
	assert_string_equal(
		last_event("{\"_id\":\"a\",\"ddlChangeStreamResumeInfo\":"
			   "{\"lastEventTs\":{\"$timestamp\":{\"t\":5,"
			   "\"i\":1}}}}"),
		"5.1");
	assert_string_equal(last_event("{\"_id\":\"a\"}"), "none");
	assert_string_equal(
		last_event("{\"_id\":\"a\",\"crudChangeStreamResumeInfo\":"
			   "{\"lastEventTs\":\"yesterday\"}}"),
		"none");
}

static bool is_recognised(
	const char *global, const char *resume, const char *partition)
{
	struct metadata_summary summary = {0};
	json_t *json;
	bool is;

	if (global)
		add(&summary, "globalState", global);
	if (resume)
		add(&summary, "resumeData", resume);
	if (partition)
		add(&summary, "partitions", partition);
	json = end(&summary, "__mdb_internal_mongosync");
	is = json_is_true(json_object_get(json, "recognised"));
	json_decref(json);
	return is;
}

static void test_metadata_summary_says_if_it_knows_the_form(void **state)
{
	static const char global[] = "{\"_id\":\"globalState\"}";
	static const char resume[] =
		"{\"_id\":\"a\",\"state\":\"PAUSED\",\"syncPhase\":\"x\"}";

	(void)state;
	assert_true(is_recognised(global, resume, NULL));
	assert_true(
		is_recognised(global, resume, "{\"partitionPhase\":\"done\"}"));
	assert_false(is_recognised(NULL, resume, NULL));
	assert_false(is_recognised(global, NULL, NULL));
	assert_false(is_recognised(global, "{\"_id\":\"a\"}", NULL));
	assert_false(is_recognised(global,
		"{\"_id\":{\"$oid\":\"000000000000000000000001\"},"
		"\"state\":\"PAUSED\",\"syncPhase\":\"x\"}",
		NULL));
	assert_false(is_recognised(global, resume, "{\"phase\":\"done\"}"));
}

static void test_metadata_summary_of_no_database(void **state)
{
	struct metadata_summary summary = {0};
	json_t *json = end(&summary, NULL);

	(void)state;
	assert_true(json_is_false(json_object_get(json, "found")));
	assert_true(json_is_false(json_object_get(json, "recognised")));
	assert_true(json_is_null(json_object_get(json, "metadata_version")));
	json_decref(json);
}

static void test_metadata_summary_counts_bytes_once(void **state)
{
	struct metadata_summary summary = {0};
	json_t *json;

	(void)state;
	add(&summary, "statistics", "{\"estimatedCopiedBytes\":70}");
	add(&summary, "statistics",
		"{\"estimatedCopiedBytes\":{\"$numberLong\":\"30\"}}");
	json = end(&summary, "__mdb_internal_mongosync");
	assert_int_equal(
		json_integer_value(json_object_get(json, "copied_bytes")), 100);
	json_decref(json);
	add(&summary, "statistics", "{\"estimatedCopiedBytes\":70}");
	add(&summary, "partitions",
		"{\"partitionPhase\":\"done\",\"copiedByteCount\":40}");
	json = end(&summary, "__mdb_internal_mongosync");
	assert_int_equal(
		json_integer_value(json_object_get(json, "copied_bytes")), 40);
	json_decref(json);
}

static void expect_option(
	const char *global, const char *option, const char *word)
{
	struct metadata_summary summary = {0};
	json_t *json, *value;

	add(&summary, "globalState", global);
	json = end(&summary, "__mdb_internal_mongosync");
	value = json_object_get(json_object_get(json, "options"), option);
	if (word)
		assert_string_equal(json_string_value(value), word);
	else
		assert_true(json_is_null(value));
	json_decref(json);
}

static void test_metadata_summary_of_options_in_each_form(void **state)
{
	static const struct {
		const char *global, *option, *word;
	} forms[] = {
		{"{}", "write_blocking", NULL},
		{"{\"writeBlockingMode\":\"none\"}", "write_blocking", "none"},
		{"{\"writeBlockingMode\":true}", "write_blocking",
			"destinationOnly"},
		{"{\"writeBlockingMode\":3}", "write_blocking", "unknown"},
		{"{\"detectRandomId\":true}", "random_id", "on"},
		{"{\"detectRandomId\":false}", "random_id", "off"},
		{"{\"detectRandomId\":null}", "random_id", NULL},
		{"{\"detectRandomId\":[]}", "random_id", "unknown"},
		{"{\"verificationMode\":\"startAtCEA\"}", "verification",
			"startAtCEA"},
		{"{\"verificationmode\":\"disabled\"}", "verification",
			"disabled"},
		{"{}", "natural_order", NULL},
		{"{\"copyInNaturalOrderFilter\":null}", "natural_order", NULL},
		{"{\"copyInNaturalOrderFilter\":{}}", "natural_order", "none"},
		{"{\"copyInNaturalOrderFilter\":{\"selectAll\":false,"
		 "\"dbsAndColls\":[]}}",
			"natural_order", "none"},
		{"{\"copyInNaturalOrderFilter\":{\"selectAll\":true,"
		 "\"dbsAndColls\":null}}",
			"natural_order", "all"},
		{"{\"copyInNaturalOrderFilter\":{\"selectAll\":false,"
		 "\"dbsAndColls\":[{}]}}",
			"natural_order", "some"},
		{"{\"copyInNaturalOrderFilter\":{\"dbsAndColls\":{\"a\":[]}}}",
			"natural_order", "some"},
		{"{\"copyInNaturalOrderFilter\":{\"all\":1}}", "natural_order",
			"unknown"},
		{"{\"copyInNaturalOrderFilter\":{\"selectAll\":\"yes\"}}",
			"natural_order", "unknown"},
		{"{\"copyInNaturalOrderFilter\":true}", "natural_order",
			"unknown"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		expect_option(forms[i].global, forms[i].option, forms[i].word);
}

static void test_metadata_summary_of_what_is_copied_again(void **state)
{
	struct metadata_summary summary = {0};
	json_t *json, *partitions;

	(void)state;
	add(&summary, "partitions",
		"{\"partitionPhase\":\"done\",\"copiedByteCount\":40}");
	add(&summary, "partitions",
		"{\"partitionPhase\":\"in progress\",\"copiedByteCount\":7}");
	add(&summary, "partitions",
		"{\"partitionPhase\":\"not started\",\"copiedByteCount\":0}");
	json = end(&summary, "__mdb_internal_mongosync");
	partitions = json_object_get(json, "partitions");
	assert_int_equal(json_integer_value(json_object_get(
				 partitions, "in_progress_bytes")),
		7);
	assert_int_equal(
		json_integer_value(json_object_get(partitions, "in_progress")),
		1);
	json_decref(json);
}

static void test_metadata_summary_names_generations(void **state)
{
	struct metadata_summary summary = {0};
	json_t *databases = json_pack("[s, s, s]", "__mdb_internal_mongosync",
		"__mdb_internal_mongosync_verifier_src",
		"mongosync_reserved_for_internal_use");
	json_t *json = NULL, *generations;

	(void)state;
	assert_true(metadata_summary_end(
		&summary, databases, "__mdb_internal_mongosync", &json, NULL));
	metadata_summary_done(&summary);
	generations = json_object_get(json, "generations");
	assert_int_equal(json_array_size(generations), 2);
	assert_string_equal(json_string_value(json_array_get(generations, 1)),
		"mongosync_reserved_for_internal_use");
	json_decref(databases);
	json_decref(json);
}

static void test_metadata_number_in_each_spelling(void **state)
{
	static const struct {
		const char *json;
		bool ok;
		int64_t number;
	} spellings[] = {
		{"5", true, 5},
		{"{\"$numberInt\":\"-7\"}", true, -7},
		{"{\"$numberLong\":\"5000000000\"}", true, 5000000000},
		{"{\"$numberLong\":\"5x\"}", false, 0},
		{"{\"$numberLong\":\"99999999999999999999\"}", false, 0},
		{"\"5\"", false, 0},
		{"null", false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		json_t *json =
			json_loads(spellings[i].json, JSON_DECODE_ANY, NULL);
		int64_t number = 0;

		assert_non_null(json);
		assert_int_equal(
			metadata_number(json, &number), spellings[i].ok);
		if (spellings[i].ok)
			assert_int_equal(number, spellings[i].number);
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_metadata_summary_knows_when_the_copy_began),
		cmocka_unit_test(
			test_metadata_summary_takes_the_earliest_event),
		cmocka_unit_test(
			test_metadata_summary_says_if_it_knows_the_form),
		cmocka_unit_test(test_metadata_summary_of_no_database),
		cmocka_unit_test(test_metadata_summary_counts_bytes_once),
		cmocka_unit_test(test_metadata_summary_of_options_in_each_form),
		cmocka_unit_test(test_metadata_summary_of_what_is_copied_again),
		cmocka_unit_test(test_metadata_summary_names_generations),
		cmocka_unit_test(test_metadata_number_in_each_spelling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
