/* fleet: instances on other hosts. */
#include "supervisor/fleet/fleet.h"

#include "scratch.h"

static const char head[] =
	"name: shop\nversion: 1.13.0\ninstall_root: /opt/m\n"
	"artifact: {file: /a.tgz, sha256: "
	"1111111111111111111111111111111111111111111111111111111111111111}\n"
	"instances:\n";

static bool read_text(
	const char *instances, struct fleet **ret_fleet, struct err *err)
{
	char text[2000];

	(void)snprintf(text, sizeof(text), "%s%s", head, instances);
	return fleet_read(
		"fleet.yaml", "/here", text, strlen(text), ret_fleet, err);
}

static void test_fleet_host_of_an_instance(void **state)
{
	struct fleet *fleet = NULL, *again = NULL;
	struct err err = {0};
	json_t *json, *other;
	char *path;

	(void)state;
	if (!read_text("- {name: a, host: ops@db1, config: /etc/a.yaml}\n"
		       "- {name: b, host: db2, config: /etc/a.yaml}\n"
		       "- {name: c, config: c.yaml}\n",
		    &fleet, &err))
		fail_msg("%s", err.msg);
	assert_string_equal(fleet->instance[0].host, "ops@db1");
	assert_null(fleet->instance[2].host);
	assert_string_equal(fleet->instance[2].config, "/here/c.yaml");
	assert_string_equal(fleet->instance[0].spawn->output,
		"/opt/m/.syncup/run/shop/a.out");
	assert_string_equal(
		fleet->instance[2].spawn->output, "/var/lib/syncup/shop/c.out");
	path = fleet_instance_path(fleet, &fleet->instance[1], "run");
	assert_string_equal(path, "/opt/m/.syncup/run/shop/b.run");
	free(path);
	assert_int_equal(fleet->timeouts.reach, 300);
	json = fleet_to_json(fleet);
	assert_true(fleet_from_json(json, &again, &err));
	other = fleet_to_json(again);
	assert_true(json_equal(json, other));
	json_decref(json);
	json_decref(other);
	fleet_free(fleet);
	fleet_free(again);
}

static void assert_refuses(const char *instances, const char *why)
{
	struct fleet *fleet = NULL;
	struct err err = {0};

	assert_false(read_text(instances, &fleet, &err));
	if (!strstr(err.msg, why))
		fail_msg("%s", err.msg);
}

static void test_fleet_host_refuses(void **state)
{
	(void)state;
	assert_refuses("- {name: a, host: -oProxyCommand=x, config: /a}\n",
		"instances[0].host must be an ssh destination");
	assert_refuses("- {name: a, host: 'a b', config: /a}\n",
		"instances[0].host must be an ssh destination");
	assert_refuses("- {name: a, host: local, config: /a}\n",
		"instances[0].host must be an ssh destination");
	assert_refuses("- {name: a, host: '$(id)', config: /a}\n",
		"instances[0].host must be an ssh destination");
	/* Relative to what?  This folder is not there. */
	assert_refuses("- {name: a, host: db1, config: a.yaml}\n",
		"instances[0].config must be an absolute path");
	assert_refuses("- {name: a, host: db1, config: /a}\n"
		       "- {name: b, host: db1, config: /a}\n",
		"is the file of instances[0] already");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fleet_host_of_an_instance),
		cmocka_unit_test(test_fleet_host_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
