/*
 * Unit tests of how a shard is asked for its oplog: sync_client/oplog_uri.c.
 */
#include "scratch.h"
#include "sync_client/oplog.h"

static mongoc_uri_t *shard(const char *via, const char *host)
{
	mongoc_uri_t *parsed = mongoc_uri_new(via), *uri = NULL;
	struct err err = {0};

	assert_non_null(parsed);
	if (!oplog_shard_uri(parsed, host, &uri, &err))
		fail_msg("%s", err.msg);
	mongoc_uri_destroy(parsed);
	return uri;
}

static void test_oplog_shard_uri_has_its_own_hosts(void **state)
{
	mongoc_uri_t *uri = shard(
		"mongodb://mongos:27017/?replicaSet=no&directConnection=true",
		"rs1/a:27018,b:27019");
	const mongoc_host_list_t *hosts = mongoc_uri_get_hosts(uri);

	(void)state;
	assert_string_equal(hosts->host_and_port, "a:27018");
	assert_string_equal(hosts->next->host_and_port, "b:27019");
	assert_null(hosts->next->next);
	assert_string_equal(mongoc_uri_get_replica_set(uri), "rs1");
	assert_false(mongoc_uri_has_option(uri, MONGOC_URI_DIRECTCONNECTION));
	mongoc_uri_destroy(uri);
}

static void test_oplog_shard_uri_keeps_credentials_and_options(void **state)
{
	mongoc_uri_t *uri =
		shard("mongodb://us%40er:p%21%2Fss@mongos/shop?"
		      "authSource=admin&authMechanism=SCRAM-SHA-256&"
		      "tls=true&tlsCAFile=/etc/ca.pem&"
		      "connectTimeoutMS=700&w=majority&"
		      "readConcernLevel=majority",
			"rs1/a:27018");

	(void)state;
	assert_string_equal(mongoc_uri_get_username(uri), "us@er");
	assert_string_equal(mongoc_uri_get_password(uri), "p!/ss");
	assert_string_equal(mongoc_uri_get_auth_source(uri), "admin");
	assert_string_equal(
		mongoc_uri_get_auth_mechanism(uri), "SCRAM-SHA-256");
	assert_true(mongoc_uri_get_tls(uri));
	assert_string_equal(
		mongoc_uri_get_option_as_utf8(uri, MONGOC_URI_TLSCAFILE, ""),
		"/etc/ca.pem");
	assert_int_equal(mongoc_uri_get_option_as_int32(
				 uri, MONGOC_URI_CONNECTTIMEOUTMS, 0),
		700);
	mongoc_uri_destroy(uri);
}

/* Without authSource it is the URI's database. */
static void test_oplog_shard_uri_keeps_an_implied_auth_source(void **state)
{
	mongoc_uri_t *uri = shard("mongodb://u:p@mongos/shop", "a:1");

	(void)state;
	assert_string_equal(mongoc_uri_get_auth_source(uri), "shop");
	assert_null(mongoc_uri_get_replica_set(uri));
	mongoc_uri_destroy(uri);
}

static void test_oplog_shard_uri_refuses_what_are_no_hosts(void **state)
{
	static const char *const bad[] = {"", "rs1/", "/a:1", "rs1/u:p@a:1",
		"rs1/a:1/?tls=false", "rs1/a b", "rs 1/a:1", "rs1/a:99999999"};
	mongoc_uri_t *via = mongoc_uri_new("mongodb://u:s3cret@m/"), *uri;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = {0};

		if (oplog_shard_uri(via, bad[i], &uri, &err))
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(err.code, ERR_STEP);
		assert_null(strstr(err.msg, "s3cret"));
	}
	mongoc_uri_destroy(via);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_oplog_shard_uri_has_its_own_hosts),
		cmocka_unit_test(
			test_oplog_shard_uri_keeps_credentials_and_options),
		cmocka_unit_test(
			test_oplog_shard_uri_keeps_an_implied_auth_source),
		cmocka_unit_test(
			test_oplog_shard_uri_refuses_what_are_no_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
