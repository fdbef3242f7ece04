/*
 * The reference process is built as version 1.18.0 here.
 */
#include "tests/refsync/options.h"
#include "tests/unit/scratch.h"

#define URIS "cluster0: \"light:/a\"\ncluster1: \"light:/b\"\n"

static bool parse(const char *yaml, const char *flag, struct options *options,
	struct err *err)
{
	struct scratch scratch;
	char *argv[4];
	bool ok;

	scratch_make(&scratch);
	argv[0] = (char *)"mongosync";
	argv[1] = (char *)"--config";
	argv[2] = (char *)scratch_path(&scratch, "a.yaml");
	argv[3] = (char *)flag;
	scratch_write(argv[2], yaml, strlen(yaml));
	ok = options_parse(flag ? 4 : 3, argv, options, err);
	scratch_remove(&scratch);
	return ok;
}

static void test_options_parse_reads_the_file(void **state)
{
	struct options options;
	struct err err;

	(void)state;
	assert_true(parse(URIS "port: 27999\nid: shard0\n"
			       "acceptDisclaimer: true\n",
		NULL, &options, &err));
	assert_string_equal(options.cluster[0], "light:/a");
	assert_string_equal(options.cluster[1], "light:/b");
	assert_int_equal(options.port, 27999);
	assert_string_equal(options_id(&options), "shard0");
	assert_true(options.accept_disclaimer);
	options_done(&options);
}

static void test_options_parse_without_id_is_coordinator(void **state)
{
	struct options options;
	struct err err;

	(void)state;
	assert_true(parse(URIS, NULL, &options, &err));
	assert_string_equal(options_id(&options), "coordinator");
	assert_int_equal(options.port, 27182);
	options_done(&options);
}

static void test_options_parse_flag_beats_file(void **state)
{
	struct options options;
	struct err err;

	(void)state;
	assert_true(parse(URIS "port: 1\n", "--port=2", &options, &err));
	assert_int_equal(options.port, 2);
	options_done(&options);
}

static void test_options_parse_takes_good_uris(void **state)
{
	struct options options;
	struct err err;

	(void)state;
	assert_true(parse("cluster0: 'mongodb://a/?w=majority&tls=true'\n"
			  "cluster1: 'mongodb://b?readPreference=primary'\n",
		NULL, &options, &err));
	options_done(&options);
}

static void assert_refused(const char *yaml, const char *flag, const char *why)
{
	struct options options;
	struct err err;

	assert_false(parse(yaml, flag, &options, &err));
	assert_non_null(strstr(err.msg, why));
}

static void test_options_parse_refuses(void **state)
{
	(void)state;
	assert_refused(URIS "prot: 1\n", NULL, "prot");
	assert_refused("cluster0: 'mongodb://a/?w=1'\ncluster1: light:/b\n",
		NULL, "write concern must be majority");
	assert_refused("cluster0: light:/a\n"
		       "cluster1: 'mongodb://b/?x=1&readPreference=nearest'\n",
		NULL, "read preference must be primary");
	assert_refused("cluster0: 'mongodb://a/?sockettimeoutms=1'\n"
		       "cluster1: light:/b\n",
		NULL, "socketTimeoutMS is not supported");
	assert_refused(URIS "port: x\n", NULL, "port wants a number");
	assert_refused(URIS "port: [1]\n", NULL, "not a plain value");
	assert_refused(URIS "loadLevel: 5\n", NULL, "loadLevel is 1 to 4");
	assert_refused("cluster0: \"light:/a\"\n", NULL, "cluster1");
	assert_refused(URIS, "--frobnicate", "frobnicate");
	assert_refused(URIS, "extra", "unexpected argument");
	assert_refused("- 1\n", NULL, "not a mapping");
	assert_refused("{ \n", NULL, "bad YAML");
}

static void test_options_parse_refuses_what_is_newer(void **state)
{
	(void)state;
	assert_refused(URIS "enableCappedCollectionHandling: true\n", NULL,
		"enableCappedCollectionHandling");
}

static void test_options_parse_keeps_secrets_out_of_messages(void **state)
{
	struct options options;
	struct err err;

	(void)state;
	assert_false(parse(
		"cluster0: \"mongodb://u:canary@h/\"\n", NULL, &options, &err));
	assert_null(strstr(err.msg, "canary"));
	assert_false(parse(URIS, "mongodb://u:canary@h/", &options, &err));
	assert_null(strstr(err.msg, "canary"));
	assert_false(parse(URIS "port: canary\n", NULL, &options, &err));
	assert_null(strstr(err.msg, "canary"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_parse_reads_the_file),
		cmocka_unit_test(test_options_parse_without_id_is_coordinator),
		cmocka_unit_test(test_options_parse_flag_beats_file),
		cmocka_unit_test(test_options_parse_refuses),
		cmocka_unit_test(test_options_parse_takes_good_uris),
		cmocka_unit_test(test_options_parse_refuses_what_is_newer),
		cmocka_unit_test(
			test_options_parse_keeps_secrets_out_of_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
