/*
 * Unit tests of how long a sync may stand still: plan/margin.c and
 * sync_client's words.
 */
#include "supervisor/plan/margin.h"

#include "scratch.h"

static json_t *parse(const char *text)
{
	json_t *json = json_loads(text, 0, NULL);

	assert_non_null(json);
	return json;
}

static int64_t resume_point(const char *instances)
{
	char text[1000];
	json_t *summary;
	int64_t at;

	(void)snprintf(text, sizeof(text), "{\"instances\":[%s]}", instances);
	summary = parse(text);
	at = margin_resume_point(summary);
	json_decref(summary);
	return at;
}

static void test_margin_resume_point_is_the_oldest(void **state)
{
	(void)state;
	assert_int_equal(
		resume_point("{\"id\":\"a\",\"last_event\":\"500.3\",\"phase\":"
			     "\"change event application\"},"
			     "{\"id\":\"b\",\"last_event\":\"400.1\"}"),
		400);
}

static void test_margin_resume_point_of_a_copy_is_its_start(void **state)
{
	(void)state;
	assert_int_equal(resume_point("{\"id\":\"a\",\"last_event\":\"500.3\","
				      "\"copy_started\":\"100.1\",\"phase\":"
				      "\"collection copy\"}"),
		100);
	assert_int_equal(
		resume_point("{\"id\":\"a\",\"last_event\":null,"
			     "\"copy_started\":\"100.1\",\"phase\":\"?\"}"),
		100);
	/* Once it applies changes it needs nothing older. */
	assert_int_equal(resume_point("{\"id\":\"a\",\"last_event\":\"500.3\","
				      "\"copy_started\":\"100.1\",\"phase\":"
				      "\"change event application\"}"),
		500);
}

static void test_margin_resume_point_that_one_does_not_tell(void **state)
{
	(void)state;
	assert_int_equal(resume_point("{\"id\":\"a\",\"last_event\":\"500.3\"},"
				      "{\"id\":\"b\",\"last_event\":null}"),
		0);
	assert_int_equal(resume_point(""), 0);
	assert_int_equal(margin_resume_point(NULL), 0);
}

static bool by_oplog(
	int64_t resume_s, const char *text, int64_t *ret_s, char why[250])
{
	json_t *oplog = parse(text);
	bool ok = margin_by_oplog(resume_s, oplog, ret_s, why, 250);

	json_decref(oplog);
	return ok;
}

static void test_margin_by_oplog_is_the_least_of_the_shards(void **state)
{
	int64_t s;
	char why[250];

	(void)state;
	assert_true(by_oplog(1000,
		"{\"shards\":[{\"id\":\"a\",\"first\":\"100.1\"},"
		"{\"id\":\"b\",\"first\":\"700.9\"}]}",
		&s, why));
	assert_int_equal(s, 300);
	assert_true(by_oplog(1000,
		"{\"shards\":[{\"id\":\"a\",\"first\":\"1100.1\"}]}", &s, why));
	assert_int_equal(s, 0);
}

static void test_margin_by_oplog_is_not_more_than_it_holds(void **state)
{
	int64_t s;
	char why[250];

	(void)state;
	assert_true(by_oplog(INT64_MAX,
		"{\"shards\":[{\"id\":\"a\",\"first\":\"100.1\",\"last\":"
		"\"900.1\"}]}",
		&s, why));
	assert_int_equal(s, 800);
	assert_true(by_oplog(500,
		"{\"shards\":[{\"id\":\"a\",\"first\":\"100.1\",\"last\":"
		"\"900.1\"}]}",
		&s, why));
	assert_int_equal(s, 400);
}

static void test_margin_by_oplog_that_cannot_be_read(void **state)
{
	int64_t s = 7;
	char why[250];

	(void)state;
	assert_false(by_oplog(1000,
		"{\"shards\":[{\"id\":\"a\",\"first\":\"100.1\"},"
		"{\"id\":\"b\",\"error\":\"not authorized\"}]}",
		&s, why));
	assert_string_equal(why, "shard b: not authorized");
	assert_false(by_oplog(1000, "{\"shards\":[]}", &s, why));
	assert_string_equal(why, "no oplog was found");
	assert_false(by_oplog(
		0, "{\"shards\":[{\"id\":\"a\",\"first\":\"1.1\"}]}", &s, why));
	assert_non_null(strstr(why, "resume point"));
	assert_false(margin_by_oplog(1000, NULL, &s, why, sizeof(why)));
	assert_int_equal(s, 7);
}

static void test_margin_by_words(void **state)
{
	static const struct {
		const char *words;
		int64_t s;
	} cases[] = {
		{"12 hours", 12 * 3600 - 1800},
		{"1 hour", 1800},
		{"45 minutes", 45 * 60 - 30},
		{"1 minute", 30},
		{"30 seconds", 29},
		{"3 days", 3 * 86400 - 43200},
		{"more than 72 hours", 72 * 3600},
		{"less than 15 minutes", 0},
		{"0 minutes", 0},
		{"not checked yet", -1},
		{"", -1},
		{"12", -1},
		{"12 hourly", -1},
		{"-3 hours", -1},
		{"more than forever", -1},
		{"99999999999999999999 hours", -1},
		{"12  hours", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (margin_by_words(cases[i].words) != cases[i].s)
			fail_msg("\"%s\" is %lld", cases[i].words,
				(long long)margin_by_words(cases[i].words));
}

static void test_margin_duration(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(margin_duration(buf, sizeof(buf), 0), "0 s");
	assert_string_equal(margin_duration(buf, sizeof(buf), 119), "119 s");
	assert_string_equal(margin_duration(buf, sizeof(buf), 240), "4 min");
	assert_string_equal(
		margin_duration(buf, sizeof(buf), 12000), "3 h 20 min");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_margin_resume_point_is_the_oldest),
		cmocka_unit_test(
			test_margin_resume_point_of_a_copy_is_its_start),
		cmocka_unit_test(
			test_margin_resume_point_that_one_does_not_tell),
		cmocka_unit_test(
			test_margin_by_oplog_is_the_least_of_the_shards),
		cmocka_unit_test(
			test_margin_by_oplog_is_not_more_than_it_holds),
		cmocka_unit_test(test_margin_by_oplog_that_cannot_be_read),
		cmocka_unit_test(test_margin_by_words),
		cmocka_unit_test(test_margin_duration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
