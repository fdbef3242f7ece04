/*
 * test_compat.c - the table of versions: the one that is shipped, and what is
 * refused in any.
 */
#include "sync_client/compat.h"

#include <jansson.h>

#include "scratch.h"

static char *shipped(const char *name)
{
	char *path;

	assert_true(asprintf(&path, SOURCE_TOP "/deploy/compat/%s", name) > 0);
	return path;
}

static json_t *shipped_json(const char *name)
{
	char *path = shipped(name);
	json_error_t why;
	json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &why);

	if (!json)
		fail_msg("%s:%d: %s", path, why.line, why.text);
	free(path);
	return json;
}

static bool read_json(
	const json_t *json, struct compat **ret_compat, struct err *err)
{
	char *text = json_dumps(json, JSON_ENCODE_ANY);
	bool ok;

	assert_non_null(text);
	memset(err, 0, sizeof(*err));
	ok = compat_read("table", text, strlen(text), ret_compat, err);
	free(text);
	return ok;
}

static struct compat *must_load(void)
{
	char *path = shipped("mongosync.json");
	struct compat *compat;
	struct err err = {0};

	if (!compat_load(path, &compat, &err))
		fail_msg("%s", err.msg);
	free(path);
	return compat;
}

static struct compat_answer ask(
	const struct compat *compat, const char *from, const char *to)
{
	struct compat_answer answer;
	struct err err = {0};

	if (!compat_judge(compat, from, to, &answer, &err))
		fail_msg("%s", err.msg);
	assert_true(answer.note[0] && answer.documented[0]);
	return answer;
}

/* Each line is what is known of one target. */
static void test_compat_judge_answers_as_documented(void **state)
{
	static const struct {
		const char *from, *to;
		enum compat_verdict verdict;
		bool is_stated;
		const char *nearest;
	} cases[] = {
		/* before 1.7 there was no such thing */
		{"1.0.0", "1.6.0", COMPAT_IMPOSSIBLE, true, ""},
		{"1.6.0", "1.6.1", COMPAT_IMPOSSIBLE, true, "1.7.1"},
		/* supported, they say, and that it crashes */
		{"1.6.0", "1.7.0", COMPAT_IMPOSSIBLE, true, "1.7.1"},
		{"1.6.3", "1.7.1", COMPAT_DOCUMENTED, false, ""},
		{"1.5.9", "1.7.0", COMPAT_IMPOSSIBLE, true, ""},
		{"1.7.1", "1.7.2", COMPAT_IMPOSSIBLE, true, ""},
		{"1.6.0", "1.7.2", COMPAT_IMPOSSIBLE, true, "1.7.1"},
		/* 1.7.3 to 1.9, only from 1.7.2 on; 1.10 is presumed to be
		 * the same */
		{"1.7.2", "1.7.3", COMPAT_DOCUMENTED, true, ""},
		{"1.7.1", "1.7.3", COMPAT_IMPOSSIBLE, true, ""},
		{"1.7.2", "1.8.0", COMPAT_DOCUMENTED, true, ""},
		{"1.7.2", "1.9.4", COMPAT_DOCUMENTED, true, ""},
		{"1.8.1", "1.9.0", COMPAT_DOCUMENTED, true, ""},
		{"1.7.0", "1.9.0", COMPAT_IMPOSSIBLE, true, "1.7.1"},
		{"1.9.0", "1.10.0", COMPAT_DOCUMENTED, false, ""},
		{"1.7.1", "1.10.0", COMPAT_IMPOSSIBLE, false, ""},
		{"1.10.0", "1.11.0", COMPAT_IMPOSSIBLE, true, ""},
		{"1.9.0", "1.11.3", COMPAT_IMPOSSIBLE, true, "1.10.0"},
		{"1.11.0", "1.12.0", COMPAT_IMPOSSIBLE, true, ""},
		{"1.12.0", "1.13.0", COMPAT_DOCUMENTED, true, ""},
		{"1.12.9", "1.13.2", COMPAT_DOCUMENTED, true, ""},
		{"1.11.0", "1.13.0", COMPAT_IMPOSSIBLE, true, ""},
		{"1.12.0", "1.14.0", COMPAT_IMPOSSIBLE, true, "1.13.0"},
		{"1.13.0", "1.14.0", COMPAT_IMPOSSIBLE, true, ""},
		{"1.14.2", "1.15.0", COMPAT_IMPOSSIBLE, true, ""},
		{"1.15.0", "1.16.0", COMPAT_IMPOSSIBLE, true, ""},
		{"1.16.0", "1.17.0", COMPAT_IMPOSSIBLE, true, ""},
		/* yes, but from which is not said */
		{"1.17.0", "1.18.0", COMPAT_DOCUMENTED, false, ""},
		{"1.16.0", "1.18.0", COMPAT_UNKNOWN, false, ""},
		{"1.18.0", "1.19.0", COMPAT_IMPOSSIBLE, true, ""},
		{"1.17.0", "1.19.0", COMPAT_IMPOSSIBLE, true, "1.18.0"},
		{"1.19.0", "1.20.0", COMPAT_IMPOSSIBLE, true, ""},
		{"1.20.0", "1.21.0", COMPAT_IMPOSSIBLE, true, ""},
		{"1.21.0", "1.22.0", COMPAT_IMPOSSIBLE, true, ""},
		/* of patches, of what came later, of candidates: not a word */
		{"1.11.0", "1.11.1", COMPAT_UNKNOWN, false, ""},
		{"1.13.0", "1.13.1", COMPAT_UNKNOWN, false, ""},
		{"1.22.0", "1.22.1", COMPAT_UNKNOWN, false, ""},
		{"1.22.0", "1.23.0", COMPAT_UNKNOWN, false, ""},
		{"1.22.0", "2.0.0", COMPAT_UNKNOWN, false, ""},
		{"1.12.0", "1.13.0-rc1", COMPAT_UNKNOWN, false, ""},
		{"1.12.0-rc1", "1.12.0", COMPAT_UNKNOWN, false, ""},
		/* never back; numbers are no texts */
		{"1.13.0", "1.12.0", COMPAT_DOWNGRADE, true, ""},
		{"1.10.0", "1.9.0", COMPAT_DOWNGRADE, true, ""},
		{"1.13.0", "1.13.0-rc1", COMPAT_DOWNGRADE, true, ""},
		{"1.13.0", "1.13.0", COMPAT_DOCUMENTED, true, ""},
	};
	struct compat *compat = must_load();

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct compat_answer is =
			ask(compat, cases[i].from, cases[i].to);

		if (is.verdict != cases[i].verdict ||
			is.is_stated != cases[i].is_stated ||
			strcmp(is.nearest, cases[i].nearest) != 0)
			fail_msg("%s -> %s: %s, %s, nearest \"%s\"",
				cases[i].from, cases[i].to,
				compat_verdict_name(is.verdict),
				is.is_stated ? "stated" : "not stated",
				is.nearest);
	}
	compat_free(compat);
}

static void test_compat_judge_says_where_it_is_from(void **state)
{
	struct compat *compat = must_load();
	struct compat_answer answer = ask(compat, "1.12.0", "1.14.0");

	(void)state;
	assert_string_equal(answer.note, "There is no live upgrade to 1.14.");
	assert_string_equal(answer.documented,
		"mongosync release notes, 1.14: Live Upgrades");
	compat_free(compat);
}

static void test_compat_judge_refuses_what_is_no_version(void **state)
{
	static const char *const bad[] = {"", "1.13", "v1.13.0", "1.13.0 "};
	struct compat *compat = must_load();
	struct compat_answer answer;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err err = {0};

		assert_false(
			compat_judge(compat, bad[i], "1.13.0", &answer, &err));
		assert_int_equal(err.code, ERR_CONFIG);
		assert_false(
			compat_judge(compat, "1.0.0", bad[i], &answer, NULL));
	}
	compat_free(compat);
}

/* A step that is proposed can be taken, from each version there may be. */
static void test_compat_judge_nearest_can_be_reached(void **state)
{
	struct compat *compat = must_load();
	unsigned found = 0;

	(void)state;
	for (unsigned a = 0; a < 24 * 5; a++)
		for (unsigned b = a + 1; b < 24 * 5; b++) {
			char from[VERSION_MAX], to[VERSION_MAX];
			struct compat_answer answer;

			(void)snprintf(
				from, sizeof(from), "1.%u.%u", a / 5, a % 5);
			(void)snprintf(to, sizeof(to), "1.%u.%u", b / 5, b % 5);
			answer = ask(compat, from, to);
			if (!answer.nearest[0])
				continue;
			found++;
			assert_int_equal(answer.verdict, COMPAT_IMPOSSIBLE);
			assert_int_equal(
				ask(compat, from, answer.nearest).verdict,
				COMPAT_DOCUMENTED);
		}
	assert_true(found > 100);
	compat_free(compat);
}

/* ---- what is refused ---- */

static void assert_refused(const json_t *json, const char *says)
{
	struct compat *compat = NULL;
	struct err err;

	if (read_json(json, &compat, &err))
		fail_msg("not refused: %s", says);
	assert_int_equal(err.code, ERR_CONFIG);
	if (!strstr(err.msg, says))
		fail_msg("%s, not %s", err.msg, says);
}

/* json at the path "targets/1/from/0". */
static json_t *at(json_t *json, const char *path)
{
	char part[40];

	while (*path) {
		size_t len = strcspn(path, "/");

		(void)snprintf(part, sizeof(part), "%.*s", (int)len, path);
		json = json_is_array(json)
			       ? json_array_get(json, strtoul(part, NULL, 10))
			       : json_object_get(json, part);
		assert_non_null(json);
		path += len + (path[len] == '/');
	}
	return json;
}

static void test_compat_read_refuses_with_a_path(void **state)
{
	static const struct {
		const char *path, *key, *value, *says;
	} cases[] = {
		{"", "schema", "2", "table: schema is 2, this version of"},
		{"", "schema", "\"1\"", "schema must be a number"},
		{"", "$schema", "1", "has a \"$schema\" that is no text"},
		{"", "targets", "{}", "targets must be a list"},
		{"", "targets", "[]", "targets must be a list, and not empty"},
		{"", "impossible", "[1]", "impossible[0] must be an object"},
		{"", "same", "null", "same must be an object"},
		{"", "about", "\"\"", "about must be a text"},
		{"targets/1", "sure", "\"yes\"",
			"targets[1].sure must be one of stated, presumed"},
		{"targets/1", "note", "\"a\\u001b[0m\"",
			"targets[1].note must not have control characters"},
		{"targets/1", "note", "\"a\\u009b0m\"",
			"targets[1].note must not have control characters"},
		{"targets/1", "from", "[]", "targets[1].from must be a list"},
		{"targets/1/from/0", "below", "\"1.8\"",
			"table: targets[1].from[0].below must be three "
			"numbers"},
		{"targets/1/from/0", "below", "\"1.8.0-rc1\"",
			"targets[1].from[0].below must be three numbers"},
		{"targets/1/from/0", "below", "\"1.08.0\"",
			"targets[1].from[0].below must be three numbers"},
		{"targets/1/from/0", "at_least", "\"1.8.0\"",
			"targets[1].from[0] holds no version"},
		{"impossible/3/versions", "at_least", "18",
			"impossible[3].versions.at_least must be three"},
		{"impossible/3/versions", "below", "\"1.7.4\"",
			"impossible[4] speaks of versions that impossible[3] "
			"speaks of already"},
		{"impossible/3/from/0", "below", "\"1.7.3\"", NULL},
		{"impossible/4/from/0", "below", "\"1.7.3\"",
			"impossible[4] speaks of versions that targets[1] "
			"speaks of already"},
		{"targets/2/versions", "at_least", "\"1.7.9\"",
			"targets[2] speaks of versions that targets[1] speaks "
			"of already"},
		{"", "settings", "[]", NULL},
		{"", "uri_options", "{}", "uri_options must be a list"},
		{"settings/1", "key", "\"cluster0\"",
			"settings[1] speaks of a key that an entry speaks of "
			"already"},
		{"settings/1", "must_be", "true",
			"settings[1].must_be must be one word"},
		{"settings/1", "until", "\"1.0.0\"",
			"settings[1] holds no version"},
		{"settings/1", "until", "\"1.0.1\"", NULL},
		{"uri_options/0", "of", "[\"both\"]",
			"uri_options[0].of must hold source, destination"},
		{"uri_options/0", "allowed", "[1]",
			"uri_options[0].allowed[0] must be one word"},
		{"privileges/0", "actions", "[]",
			"privileges[0].actions must be a list, and not empty"},
		{"privileges/0", "on", "[{}]", "privileges[0].on[0] must be {"},
		{"privileges/0", "on", "[{\"cluster\": false}]",
			"privileges[0].on[0] must be {"},
		{"privileges/0", "on",
			"[{\"db\": \"a b\", \"collection\": \"\"}]",
			"privileges[0].on[0] must be {"},
		{"", "servers", "[]", NULL},
		{"", "servers", "{}", "servers must be a list"},
		{"servers/0", "of", "[]", "servers[0].of must be a list"},
		{"servers/0", "below", "\"4.4.0\"",
			"servers[0] holds no server's version"},
		{"servers/0", "below", "\"four\"", "servers[0].below"},
		{"servers/0", "until", "\"1.0.0\"",
			"servers[0] holds no version"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *json = shipped_json("mongosync.json");
		json_t *value =
			json_loads(cases[i].value, JSON_DECODE_ANY, NULL);
		struct compat *compat;
		struct err err;

		assert_non_null(value);
		assert_int_equal(json_object_set_new(at(json, cases[i].path),
					 cases[i].key, value),
			0);
		if (cases[i].says) {
			assert_refused(json, cases[i].says);
		} else {
			assert_true(read_json(json, &compat, &err));
			compat_free(compat);
		}
		json_decref(json);
	}
}

static void test_compat_read_refuses_what_is_no_object(void **state)
{
	static const char *const texts[] = {"", "{", "[]", "null", "{} {}",
		"{\"schema\":1,\"schema\":1}", "\x1b[0m"};
	struct compat *compat;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct err err = {0};

		assert_false(compat_read(
			"table", texts[i], strlen(texts[i]), &compat, &err));
		assert_int_equal(err.code, ERR_CONFIG);
		assert_null(strchr(err.msg, '\x1b'));
	}
}

static void test_compat_read_bounds_every_size(void **state)
{
	json_t *json = shipped_json("mongosync.json");
	json_t *list = json_object_get(json, "impossible");
	json_t *from = json_object_get(json_array_get(list, 0), "from");
	char note[COMPAT_TEXT_MAX + 2], *huge;
	struct compat *compat;
	struct err err = {0};

	(void)state;
	memset(note, 'n', sizeof(note) - 1);
	note[sizeof(note) - 1] = '\0';
	json_object_set_new(json, "about", json_string(note));
	assert_refused(json, "about must not have more than 500 bytes");
	json_object_set_new(json, "about", json_string(note + 1));
	assert_true(read_json(json, &compat, &err));
	compat_free(compat);
	while (json_array_size(from) <= COMPAT_RANGES_MAX)
		json_array_append(from, json_array_get(from, 0));
	assert_refused(
		json, "impossible[0].from must not have more than 16 entries");
	while (json_array_size(list) <= COMPAT_ENTRIES_MAX)
		json_array_append(list, json_array_get(list, 1));
	assert_refused(json, "impossible must not have more than 256 entries");
	json_decref(json);

	huge = calloc(1, COMPAT_FILE_MAX + 1);
	assert_non_null(huge);
	memset(huge, ' ', COMPAT_FILE_MAX + 1);
	assert_false(
		compat_read("table", huge, COMPAT_FILE_MAX + 1, &compat, &err));
	assert_non_null(strstr(err.msg, "more than 262144 bytes"));
	free(huge);
}

static void test_compat_load_no_such_file(void **state)
{
	struct compat *compat;
	struct err err = {0};

	(void)state;
	assert_false(compat_load("/nonexistent/table", &compat, &err));
	assert_int_equal(err.code, ERR_MISSING);
}

/* ---- the schema for editors says what the reader says ---- */

/* What the schema has for a value: follows "$ref". */
static const json_t *resolve(const json_t *schemas, const json_t *schema)
{
	const char *ref = json_string_value(json_object_get(schema, "$ref"));

	if (!ref)
		return schema;
	assert_int_equal(strncmp(ref, "#/definitions/", 14), 0);
	return at(json_object_get(schemas, "definitions"), ref + 14);
}

static bool is_required(const json_t *schema, const char *key)
{
	const json_t *name;
	size_t i;

	json_array_foreach (json_object_get(schema, "required"), i, name)
		if (strcmp(json_string_value(name), key) == 0)
			return true;
	return false;
}

/* Takes each key of each object of the table away, and puts one in. */
static void check_object(json_t *whole, json_t *json, const json_t *schema)
{
	const json_t *properties = json_object_get(schema, "properties");
	json_t *copy = json_copy(json), *value;
	struct compat *compat;
	struct err err;
	const char *key;

	assert_true(
		json_is_false(json_object_get(schema, "additionalProperties")));
	json_object_set_new(json, "surprise", json_true());
	assert_refused(whole, "has an unknown key \"surprise\"");
	json_object_del(json, "surprise");
	/* of a copy: what is put back comes last */
	json_object_foreach (copy, key, value) {
		assert_non_null(json_object_get(properties, key));
		json_object_del(json, key);
		if (read_json(whole, &compat, &err)) {
			assert_false(is_required(schema, key));
			compat_free(compat);
		} else {
			assert_true(is_required(schema, key));
		}
		json_object_set(json, key, value);
	}
	json_decref(copy);
	json_object_foreach ((json_t *)properties, key, value)
		assert_true(json_object_get(json, key) ||
			    !is_required(schema, key));
}

static void check_value(json_t *whole, json_t *json, const json_t *schemas,
	const json_t *schema)
{
	const char *key;
	json_t *value;
	size_t i;

	schema = resolve(schemas, schema);
	if (json_object_get(schema, "oneOf"))
		return; /* a resource: refused as a whole */
	if (json_is_object(json)) {
		check_object(whole, json, schema);
		json_object_foreach (json, key, value)
			check_value(whole, value, schemas,
				json_object_get(
					json_object_get(schema, "properties"),
					key));
	}
	if (json_is_array(json)) {
		assert_non_null(json_object_get(schema, "maxItems"));
		json_array_foreach (json, i, value)
			check_value(whole, value, schemas,
				json_object_get(schema, "items"));
	}
}

static void test_compat_schema_and_reader_agree(void **state)
{
	json_t *schemas = shipped_json("mongosync.schema.json");
	json_t *whole = shipped_json("mongosync.json");
	const json_t *entries = at(schemas, "definitions/entries");
	const json_t *entry = at(schemas, "definitions/entry/properties");

	(void)state;
	assert_int_equal(
		json_integer_value(json_object_get(entries, "maxItems")),
		COMPAT_ENTRIES_MAX);
	assert_int_equal(json_integer_value(json_object_get(
				 json_object_get(entry, "from"), "maxItems")),
		COMPAT_RANGES_MAX);
	assert_int_equal(json_integer_value(json_object_get(
				 json_object_get(entry, "note"), "maxLength")),
		COMPAT_TEXT_MAX);
	check_value(whole, whole, schemas, schemas);
	json_decref(schemas);
	json_decref(whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compat_judge_answers_as_documented),
		cmocka_unit_test(test_compat_judge_says_where_it_is_from),
		cmocka_unit_test(test_compat_judge_refuses_what_is_no_version),
		cmocka_unit_test(test_compat_judge_nearest_can_be_reached),
		cmocka_unit_test(test_compat_read_refuses_with_a_path),
		cmocka_unit_test(test_compat_read_refuses_what_is_no_object),
		cmocka_unit_test(test_compat_read_bounds_every_size),
		cmocka_unit_test(test_compat_load_no_such_file),
		cmocka_unit_test(test_compat_schema_and_reader_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
