#include "supervisor/fleet/instance.h"

#include "tests/unit/scratch.h"

#define URIS "cluster0: mongodb://u:hunter2@a\ncluster1: mongodb://b\n"

static struct scratch scratch;

static int make_scratch(void **state)
{
	(void)state;
	scratch_make(&scratch);
	return 0;
}

static int remove_scratch(void **state)
{
	(void)state;
	scratch_remove(&scratch);
	scrub_forget();
	return 0;
}

static bool load(
	const char *text, struct instance_config *config, struct err *err)
{
	const char *path = scratch_path(&scratch, "sync.yaml");

	scratch_write(path, text, strlen(text));
	memset(err, 0, sizeof(*err));
	return instance_config_load(path, config, err);
}

static void test_instance_config_load_all_keys(void **state)
{
	struct instance_config config;
	struct err err;

	(void)state;
	assert_true(load(URIS "port: 27185\nid: shard0\n"
			      "logPath: /var/log/mongosync\n"
			      "acceptDisclaimer: true\nverbosity: [DEBUG]\n"
			      "hotDocIDs:\n- {a: {b: c}}\n",
		&config, &err));
	assert_int_equal(config.port, 27185);
	assert_string_equal(config.id, "shard0");
	assert_string_equal(config.log_path, "/var/log/mongosync");
	assert_true(config.accept_disclaimer);
	assert_string_equal(
		secret_reveal(&config.source), "mongodb://u:hunter2@a");
	assert_string_equal(secret_reveal(&config.destination), "mongodb://b");
	instance_config_done(&config);
}

/* That they are there is asked of another version; no secret is kept. */
static void test_instance_config_load_keeps_names_of_keys(void **state)
{
	static const struct instance_key keys[] = {{"cluster0", ""},
		{"cluster1", ""}, {"acceptDisclaimer", "true"},
		{"loadLevel", "2"}, {"pass_word", "hunter2"}, {"long", ""},
		{"list", ""}, {"odd", ""}};
	struct instance_config config;
	struct err err;

	(void)state;
	assert_true(load(URIS "acceptDisclaimer: 'Yes'\nloadLevel: 2\n"
			      "pass_word: hunter2\n"
			      "long: abcdefghijklmnopqrstuvwxyz\n"
			      "list: [1]\nodd: a/b\n'a b': 1\n",
		&config, &err));
	assert_int_equal(config.key_count, sizeof(keys) / sizeof(keys[0]));
	for (unsigned i = 0; i < config.key_count; i++) {
		assert_string_equal(config.key[i].name, keys[i].name);
		assert_string_equal(config.key[i].value, keys[i].value);
	}
	instance_config_done(&config);
}

static void test_instance_config_load_defaults(void **state)
{
	static const char *const texts[] = {
		URIS, URIS "port:\nid: null\nlogPath: ~\nacceptDisclaimer:\n"};
	struct instance_config config;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		assert_true(load(texts[i], &config, &err));
		assert_int_equal(config.port, 27182);
		assert_string_equal(config.id, "");
		assert_string_equal(config.log_path, "");
		assert_false(config.accept_disclaimer);
		instance_config_done(&config);
	}
}

static void test_instance_config_load_makes_the_password_known(void **state)
{
	struct instance_config config;
	struct err err;
	char *clean;

	(void)state;
	assert_true(load(URIS, &config, &err));
	instance_config_done(&config);
	clean = scrub("who typed hunter2 here?");
	assert_string_equal(clean, "who typed *** here?");
	free(clean);
}

static void test_instance_config_load_alias_of_an_anchor(void **state)
{
	struct instance_config config;
	struct err err;

	(void)state;
	assert_true(load("cluster0: &c mongodb://u:hunter2@a\ncluster1: *c\n"
			 "other: *c\n",
		&config, &err));
	assert_string_equal(
		secret_reveal(&config.destination), "mongodb://u:hunter2@a");
	instance_config_done(&config);
}

static void test_instance_config_load_refuses_and_keeps_the_secret(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"cluster0: mongodb://u:hunter2@a\n",
			"sync.yaml:1: missing key \"cluster1\""},
		{"cluster1: mongodb://u:hunter2@a\n",
			"sync.yaml:1: missing key \"cluster0\""},
		{"cluster0:\n  uri: mongodb://u:hunter2@a\n",
			"sync.yaml:2: cluster0 must be one single value"},
		{"cluster0: ''\ncluster1: mongodb://u:hunter2@a\n",
			"sync.yaml:1: cluster0 must not be empty"},
		{"cluster0: hunter2\ncluster1: mongodb://b\n",
			"sync.yaml:1: cluster0 must be a connection string"},
		{"cluster0: \"mongodb://u:hunter2 @a\"\ncluster1: "
		 "mongodb://b\n",
			"sync.yaml:1: cluster0 must not have blanks"},
		{URIS "port: hunter2\n", "sync.yaml:3: port must be a whole"},
		{URIS "port: 0\n", "sync.yaml:3: port must be a whole number "
				   "from 1 to 65535"},
		{URIS "port: 65536\n", "sync.yaml:3: port must be"},
		{URIS "port: [1]\n", "sync.yaml:3: port must be"},
		{URIS "Port: 27183\n",
			"sync.yaml:3: the key \"Port\" must be written "
			"\"port\""},
		{URIS "port: 1\nport: 2\n",
			"sync.yaml:4: the key \"port\" is there twice"},
		{URIS "\nacceptDisclaimer: hunter2\n",
			"sync.yaml:4: acceptDisclaimer must be one of true, "
			"false"},
		{URIS "id: [hunter2]\n",
			"sync.yaml:3: id must be one single value"},
		{URIS "id: \"a\\nhunter2\"\n", "sync.yaml:3: id must not"},
		/* C1: terminals obey them, and YAML breaks lines at U+0085 */
		{URIS "id: \"a\\x9bhunter2\"\n", "sync.yaml:3: id must not"},
		{"cluster0: \"mongodb://u:hunter2\\x85@a\"\ncluster1: "
		 "mongodb://b\n",
			"sync.yaml:1: cluster0 must not have blanks"},
		{URIS "logPath: {hunter2: 1}\n",
			"sync.yaml:3: logPath must be one single value"},
		{URIS "x: \"hunter2\n", "not YAML"},
		{"mongodb://u:hunter2@a", "must be a mapping"},
		{"", "the file is empty"},
	};
	struct instance_config config;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (load(cases[i].text, &config, &err))
			fail_msg("not refused: %s", cases[i].says);
		assert_int_equal(err.code, ERR_CONFIG);
		if (!strstr(err.msg, cases[i].says))
			fail_msg("%s, not %s", err.msg, cases[i].says);
		assert_null(strstr(err.msg, "hunter2"));
		instance_config_done(&config);
	}
}

static void test_instance_config_load_too_long_values(void **state)
{
	struct instance_config config;
	struct err err;
	char text[1024];
	int len = snprintf(text, sizeof(text), "%sid: ", URIS);

	(void)state;
	assert_true(len > 0);
	memset(text + len, 'x', 128);
	text[len + 128] = '\0';
	assert_false(load(text, &config, &err));
	assert_non_null(strstr(err.msg, "id must not have more than 127"));
	text[len + 127] = '\0';
	assert_true(load(text, &config, &err));
	assert_int_equal(strlen(config.id), 127);
	instance_config_done(&config);
}

static void test_instance_config_load_no_such_file(void **state)
{
	struct instance_config config;
	struct err err;

	(void)state;
	assert_false(instance_config_load(
		scratch_path(&scratch, "missing.yaml"), &config, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(
		strstr(err.msg, "missing.yaml: No such file or directory"));
	assert_false(instance_config_load(scratch.dir, &config, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.msg, "Is a directory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instance_config_load_all_keys),
		cmocka_unit_test(test_instance_config_load_keeps_names_of_keys),
		cmocka_unit_test(test_instance_config_load_defaults),
		cmocka_unit_test(
			test_instance_config_load_makes_the_password_known),
		cmocka_unit_test(test_instance_config_load_alias_of_an_anchor),
		cmocka_unit_test(
			test_instance_config_load_refuses_and_keeps_the_secret),
		cmocka_unit_test(test_instance_config_load_too_long_values),
		cmocka_unit_test(test_instance_config_load_no_such_file),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
