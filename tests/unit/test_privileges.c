/*
 * test_privileges.c - who may do what on which resource, by what
 * connectionStatus says.
 */
#include "sync_client/privileges.h"

#include "scratch.h"

static json_t *json_of(const char *text)
{
	json_error_t why;
	json_t *json = json_loads(text, 0, &why);

	if (!json)
		fail_msg("%s: %s", text, why.text);
	return json;
}

/* What of the action "find" on wanted is lacking when held is granted. */
static bool may_find(const char *held, const char *wanted)
{
	json_t *privileges, *lacking;
	struct compat_need need = {
		.actions = json_of("[\"find\"]"),
		.on = json_pack("[o]", json_of(wanted)),
	};

	privileges = json_pack("{s:[{s:o, s:[s, s]}]}", "privileges",
		"resource", json_of(held), "actions", "insert", "find");
	lacking = privileges_lacking(privileges, &need);
	json_decref(privileges);
	json_decref(need.actions);
	json_decref(need.on);
	json_decref(lacking);
	return !lacking;
}

#define CLUSTER "{\"cluster\": true}"
#define ANY "{\"anyResource\": true}"
#define COLLECTION(db, name)                                                   \
	"{\"db\": \"" db "\", \"collection\": \"" name "\"}"

static void test_privileges_by_resource(void **state)
{
	static const struct {
		const char *held, *wanted;
		bool may;
	} cases[] = {
		{CLUSTER, CLUSTER, true},
		{ANY, CLUSTER, true},
		{ANY, COLLECTION("a", "system.js"), true},
		{ANY, COLLECTION("", ""), true},
		{COLLECTION("", ""), CLUSTER, false},
		{CLUSTER, COLLECTION("", ""), false},
		{COLLECTION("", ""), COLLECTION("", ""), true},
		{COLLECTION("a", ""), COLLECTION("", ""), false},
		{COLLECTION("", "x"), COLLECTION("", ""), false},
		{COLLECTION("", ""), COLLECTION("config", "shards"), true},
		{COLLECTION("config", ""), COLLECTION("config", "shards"),
			true},
		{COLLECTION("", "shards"), COLLECTION("config", "shards"),
			true},
		{COLLECTION("config", "shards"), COLLECTION("config", "shards"),
			true},
		{COLLECTION("local", ""), COLLECTION("config", "shards"),
			false},
		{COLLECTION("config", "tags"), COLLECTION("config", "shards"),
			false},
		/* system collections must be named */
		{COLLECTION("", ""), COLLECTION("admin", "system.version"),
			false},
		{COLLECTION("admin", "system.version"),
			COLLECTION("admin", "system.version"), true},
		{COLLECTION("", "system.js"), COLLECTION("", "system.js"),
			true},
		{COLLECTION("a", "system.js"), COLLECTION("", "system.js"),
			false},
		/* of a kind that we do not know */
		{"{\"system_buckets\": \"\"}", COLLECTION("", ""), false},
		{"{}", CLUSTER, false},
		{"{\"db\": 1, \"collection\": 2}", COLLECTION("a", "b"), false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (may_find(cases[i].held, cases[i].wanted) != cases[i].may)
			fail_msg("%s %s", cases[i].held, cases[i].wanted);
}

static void test_privileges_lacking_names_each(void **state)
{
	struct compat_need need = {
		.actions = json_of("[\"find\", \"insert\", \"update\"]"),
		.on = json_of("[" CLUSTER ", " COLLECTION("", "") "]"),
	};
	json_t *held = json_of(
		"{\"privileges\": [{\"resource\": " CLUSTER
		", \"actions\": [\"find\"]}, {\"resource\": " COLLECTION(
			"", "") ", \"actions\": [\"update\", 7]}]}");
	json_t *all = json_of("{\"privileges\": [{\"resource\": " ANY
			      ", \"actions\": [\"anyAction\"]}]}");
	json_t *lacking = privileges_lacking(held, &need);

	(void)state;
	assert_int_equal(json_array_size(lacking), 1);
	assert_string_equal(
		json_string_value(json_array_get(lacking, 0)), "insert");
	assert_null(privileges_lacking(all, &need));
	json_decref(lacking);
	json_decref(all);
	json_decref(held);
	json_decref(need.actions);
	json_decref(need.on);
}

static void test_privileges_told(void **state)
{
	json_t *status = json_of("{\"authInfo\": {\"authenticatedUsers\": "
				 "[{\"user\": \"u\", \"db\": \"admin\"}], "
				 "\"authenticatedUserPrivileges\": [1]}}");
	json_t *nobody =
		json_of("{\"authInfo\": {\"authenticatedUsers\": []}}");
	json_t *odd = json_of("{\"ok\": 1}");
	json_t *told = privileges_told(status);

	(void)state;
	assert_true(json_is_true(json_object_get(told, "access_control")));
	assert_int_equal(
		json_array_size(json_object_get(told, "privileges")), 1);
	json_decref(told);
	told = privileges_told(nobody);
	assert_true(json_is_false(json_object_get(told, "access_control")));
	assert_true(json_is_null(json_object_get(told, "privileges")));
	json_decref(told);
	assert_null(privileges_told(odd));
	json_decref(status);
	json_decref(nobody);
	json_decref(odd);
}

static void test_privileges_place(void **state)
{
	static const char *const cases[][2] = {
		{CLUSTER, "the cluster"},
		{COLLECTION("", ""), "all databases"},
		{COLLECTION("a", ""), "database a"},
		{COLLECTION("", "system.js"), "system.js anywhere"},
		{COLLECTION("config", "shards"), "config.shards"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *resource = json_of(cases[i][0]);
		char text[100];

		privileges_place(resource, text, sizeof(text));
		assert_string_equal(text, cases[i][1]);
		json_decref(resource);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_privileges_by_resource),
		cmocka_unit_test(test_privileges_lacking_names_each),
		cmocka_unit_test(test_privileges_told),
		cmocka_unit_test(test_privileges_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
