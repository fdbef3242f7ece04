/*
 * test_fleet_artifact.c - the fleet file's artifact: which keys go together,
 * and what a journal keeps of them.
 */
#include "scratch.h"

#include <jansson.h>

#include "supervisor/fleet/fleet.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define SHA "sha256: " ZEROS

static bool read_artifact(
	const char *keys, struct fleet **ret_fleet, struct err *err)
{
	char text[1000];

	(void)snprintf(text, sizeof(text),
		"name: shop\nversion: 1.13.0\nartifact: {%s}\n"
		"install_root: /opt/m\nstate_dir: /s\n"
		"instances: [{name: a, config: a.yaml}]\n",
		keys);
	memset(err, 0, sizeof(*err));
	return fleet_read(
		"f.yaml", "/home", text, strlen(text), ret_fleet, err);
}

static struct fleet *must_read(const char *keys)
{
	struct fleet *fleet;
	struct err err;

	if (!read_artifact(keys, &fleet, &err))
		fail_msg("%s: %s", keys, err.msg);
	return fleet;
}

/* As text, and the same again when it is read from there. */
static void assert_recorded(const struct fleet *fleet, const char *expected)
{
	json_t *json = fleet_to_json(fleet), *again;
	char *text =
		json_dumps(json_object_get(json, "artifact"), JSON_COMPACT);
	struct fleet *copy;
	struct err err;

	assert_string_equal(text, expected);
	if (!fleet_from_json(json, &copy, &err))
		fail_msg("%s", err.msg);
	again = fleet_to_json(copy);
	assert_true(json_equal(json, again));
	fleet_free(copy);
	json_decref(again);
	json_decref(json);
	free(text);
}

static void test_fleet_artifact_defaults(void **state)
{
	struct fleet *fleet = must_read("url: https://h/a.tgz, " SHA);

	(void)state;
	assert_null(fleet->artifact.file);
	assert_string_equal(fleet->artifact.cache_dir, "/s/.cache");
	assert_int_equal(fleet->artifact.stall, 30);
	assert_int_equal(fleet->artifact.tries, 5);
	assert_int_equal(fleet->artifact.is_signed, FLEET_SIGNED_OPTIONAL);
	assert_recorded(fleet,
		"{\"url\":\"https://h/a.tgz\",\"sha256\":\"" ZEROS "\","
		"\"cache_dir\":\"/s/.cache\",\"signed\":\"optional\","
		"\"stall\":30,\"tries\":5}");
	fleet_free(fleet);
}

static void test_fleet_artifact_every_key(void **state)
{
	struct fleet *fleet = must_read(
		"feed: 'https://h/full.json', platform: rhel90, " SHA
		", signature: keys/a.sig, keyring: ./keys/v.asc, "
		"signed: required, ca: ca.pem, proxy: 'http://p:3128', "
		"cache_dir: /var/c/, stall: 7, tries: 1");

	(void)state;
	assert_string_equal(fleet->artifact.signature, "/home/keys/a.sig");
	assert_recorded(fleet,
		"{\"feed\":\"https://h/full.json\",\"sha256\":\"" ZEROS "\","
		"\"platform\":\"rhel90\","
		"\"signature\":\"/home/keys/a.sig\","
		"\"keyring\":\"/home/keys/v.asc\",\"ca\":\"/home/ca.pem\","
		"\"proxy\":\"http://p:3128\",\"cache_dir\":\"/var/c\","
		"\"signed\":\"required\",\"stall\":7,\"tries\":1}");
	fleet_free(fleet);
}

/* As before there was more: an older journal stays equal. */
static void test_fleet_artifact_of_a_file_is_recorded_as_ever(void **state)
{
	struct fleet *fleet = must_read("file: a.tgz, " SHA);

	(void)state;
	assert_recorded(
		fleet, "{\"file\":\"/home/a.tgz\",\"sha256\":\"" ZEROS "\"}");
	fleet_free(fleet);
	fleet = must_read("file: a.tgz, signature: 'https://h/s', "
			  "keyring: k, " SHA);
	assert_string_equal(fleet->artifact.signature, "https://h/s");
	assert_recorded(fleet,
		"{\"file\":\"/home/a.tgz\",\"sha256\":\"" ZEROS "\","
		"\"signature\":\"https://h/s\",\"keyring\":\"/home/k\","
		"\"cache_dir\":\"/s/.cache\",\"signed\":\"optional\","
		"\"stall\":30,\"tries\":5}");
	fleet_free(fleet);
}

static void test_fleet_artifact_refuses(void **state)
{
	static const struct {
		const char *keys, *says;
	} cases[] = {
		{SHA, "artifact must have exactly one of file, url and feed"},
		{"file: a, url: https://h/a, " SHA, "exactly one of"},
		{"url: https://h/a, feed: https://h/f, " SHA, "exactly one of"},
		{"file: a", "artifact must have a sha256"},
		{"url: https://h/a", "artifact must have a sha256"},
		{"url: http://h/a, " SHA, "artifact.url must be an https://"},
		{"url: ftp://h/a, " SHA, "artifact.url must be an https://"},
		{"url: a.tgz, " SHA, "artifact.url must be an https://"},
		{"url: https:///a, " SHA, "artifact.url must be an https://"},
		{"url: 'https://h/a b', " SHA, "artifact.url must be an"},
		{"url: https://me@h/a, " SHA, "looks like a password"},
		{"feed: http://h/f", "artifact.feed must be an https://"},
		{"file: a, platform: x, " SHA, "artifact.platform chooses"},
		{"file: a, signature: s, " SHA, "signature needs a keyring"},
		{"file: a, keyring: k, " SHA, "keyring is of no use"},
		{"file: a, signature: http://h/s, keyring: k, " SHA,
			"artifact.signature must be an https://"},
		{"feed: https://h/f, proxy: h:3128", "artifact.proxy must be"},
		{"feed: https://h/f, proxy: http://me@h",
			"looks like a password"},
		{"feed: https://h/f, proxy: ftp://h", "proxy must be"},
		{"file: a, ca: c, " SHA, "artifact.ca is for what is fetched"},
		{"file: a, stall: 9, " SHA, "artifact.stall is for what is"},
		{"feed: https://h/f, stall: 0", "artifact.stall"},
		{"feed: https://h/f, tries: 101", "artifact.tries"},
		{"feed: https://h/f, cache_dir: c", "artifact.cache_dir must"},
		{"feed: https://h/f, signed: maybe", "signed"},
		{"feed: https://h/f, sha256: 12", "artifact.sha256 must be"},
		{"feed: https://h/f, mirror: x", "unknown key \"mirror\""},
	};
	struct fleet *fleet;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (read_artifact(cases[i].keys, &fleet, &err))
			fail_msg("taken: %s", cases[i].keys);
		assert_int_equal(err.code, ERR_CONFIG);
		if (!strstr(err.msg, cases[i].says) ||
			!strstr(err.msg, "f.yaml:3: "))
			fail_msg("%s, not %s", err.msg, cases[i].says);
	}
}

/* A password is not shown by the message that refuses it. */
static void test_fleet_artifact_hides_passwords(void **state)
{
	static const char *const keys[] = {
		"url: 'https://me:hunter2@h/a', " SHA,
		"feed: https://h/f, proxy: 'http://me:hunter2@h'",
		"feed: 'https://h/f?password=hunter2'",
	};
	struct fleet *fleet;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		assert_false(read_artifact(keys[i], &fleet, &err));
		assert_null(strstr(err.msg, "hunter2"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fleet_artifact_defaults),
		cmocka_unit_test(test_fleet_artifact_every_key),
		cmocka_unit_test(
			test_fleet_artifact_of_a_file_is_recorded_as_ever),
		cmocka_unit_test(test_fleet_artifact_refuses),
		cmocka_unit_test(test_fleet_artifact_hides_passwords),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
