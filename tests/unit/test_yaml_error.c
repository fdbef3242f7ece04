#include "supervisor/fleet/yaml_error.h"

#include "tests/unit/scratch.h"

struct item {
	char *name;
	unsigned size;
	enum { RED, GREEN } colour;
};

struct list {
	struct item *items;
	unsigned items_count;
	unsigned pace;
};

/* clang-format off */

static const cyaml_strval_t colours[] = {{"red", RED}, {"green", GREEN}};

static const cyaml_schema_field_t item_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct item, name, 1, 8),
	CYAML_FIELD_UINT("size", CYAML_FLAG_OPTIONAL, struct item, size),
	CYAML_FIELD_ENUM("colour", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT,
		struct item, colour, colours, 2),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t item = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct item, item_fields),
};

static const cyaml_schema_field_t list_fields[] = {
	CYAML_FIELD_SEQUENCE("items", CYAML_FLAG_POINTER, struct list, items,
		&item, 1, 3),
	CYAML_FIELD_UINT("pace", CYAML_FLAG_OPTIONAL, struct list, pace),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct list, list_fields),
};

/* clang-format on */

static void free_list(struct list *list)
{
	unsigned i;

	for (i = 0; i < list->items_count; i++)
		free(list->items[i].name);
	free(list->items);
	free(list);
}

/* The whole of what a file with this text would be told. */
static const char *sentence_for(const char *text)
{
	static struct err err;
	struct yaml_text yaml;
	void *data;
	bool ok;

	memset(&err, 0, sizeof(err));
	ok = yaml_text_open(&yaml, "f.yaml", text, strlen(text), &err);
	if (ok) {
		ok = yaml_load(&yaml, &schema, CYAML_CFG_NO_ALIAS, &data, &err);
		yaml_text_done(&yaml);
	}
	if (ok) {
		free_list(data);
		return "fine";
	}
	assert_int_equal(err.code, ERR_CONFIG);
	return err.msg;
}

static void test_yaml_load_good_text(void **state)
{
	(void)state;
	assert_string_equal(
		sentence_for("items: [{name: a, size: 3, colour: green}]\n"),
		"fine");
}

static void test_yaml_load_names_key_line_and_place(void **state)
{
	static const struct {
		const char *text, *sentence;
	} cases[] = {
		{"items:\n- name: a\n- prot: 1\n",
			"f.yaml:3: unknown key \"prot\" in items[1]"},
		{"items:\n- name: a\n  size: 1\n\n  prot: 1\n",
			"f.yaml:5: unknown key \"prot\" in items[0]"},
		{"items: [{name: a}]\nhost: x\n",
			"f.yaml:2: unknown key \"host\""},
		{"items:\n- name: a\n- size: 1\n",
			"f.yaml:3: missing key \"name\" in items[1]"},
		{"pace: 1\n", "f.yaml:1: missing key \"items\""},
		{"pace: 1\npace: 2\n",
			"f.yaml:2: the key \"pace\" is there twice"},
		{"items:\n- name: a\n  colour: blue\n",
			"f.yaml:3: items[0].colour must be one of red, green"},
		{"items:\n- {name: a,\n   size: much}\n",
			"f.yaml:3: items[0].size must be a whole number in its "
			"range"},
		{"items:\n- name: abcdefghi\n",
			"f.yaml:2: items[0].name must not have more than 8 "
			"bytes"},
		{"items:\n- name: ''\n",
			"f.yaml:2: items[0].name must not be empty"},
		{"items: []\n", "f.yaml:1: items must not be empty"},
		{"items: [{name: a}, {name: a}, {name: a},\n {name: a}]\n",
			"f.yaml:1: items must not have more than 3 entries"},
		{"items: {}\n", "f.yaml:1: items must be a list"},
		{"items: [a]\n",
			"f.yaml:1: items[0] must be a mapping (key: value)"},
		{"pace: [1]\n", "f.yaml:1: pace must be one single value"},
		{"- a\n", "f.yaml:1: the file must be a mapping (key: value)"},
		{"items:\n- name: &a x\n- name: *a\n",
			"f.yaml:2: items[1].name: aliases (*name) are not "
			"supported here"},
		{"items:\n- name: a\n  ? [k]\n  : v\n",
			"f.yaml:2: items[0].name: near this, a key is not "
			"plain text"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(
			sentence_for(cases[i].text), cases[i].sentence);
}

static void test_yaml_load_never_shows_a_value(void **state)
{
	static const char *const texts[] = {
		"items: [{name: a, size: hunter2}]\n",
		"items: [{name: a, colour: hunter2}]\n",
		"items: [{name: hunter2hunter2}]\n",
		"items: hunter2\n",
		"hunter2\n",
		"\"mongodb://u:hunter2@h\": 1\n",
		"mongodb://u:hunter2@h: 1\n",
		"items: [{name: a, hunter2 hunter2: 1}]\n",
		"items: *hunter2\n",
		"items: !hunter2!x y\n",
		"items: \"hunter2\n",
		"items: 'a' hunter2\n",
		"%hunter2 x\n---\na: b\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		const char *sentence = sentence_for(texts[i]);

		assert_string_not_equal(sentence, "fine");
		assert_null(strstr(sentence, "hunter2"));
	}
}

static void test_yaml_text_open_bad_text(void **state)
{
	static const struct {
		const char *text, *sentence;
	} cases[] = {
		{"", "f.yaml: the file is empty"},
		{"# nothing\n", "f.yaml: the file is empty"},
		{"a: b\n---\nc: d\n", "f.yaml: the file holds more than one "
				      "document (\"---\")"},
		{"a: b\n  c: d\n", "f.yaml:2: not YAML: mapping values are "
				   "not allowed in this context"},
		{"a: \"b\n", "f.yaml:2: not YAML: found unexpected end of "
			     "stream"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(
			sentence_for(cases[i].text), cases[i].sentence);
}

/* libyaml would think about this for hours. */
static void test_yaml_text_open_very_deep_text(void **state)
{
	const size_t len = 1u << 20;
	char *text = malloc(len + 1);

	(void)state;
	assert_non_null(text);
	memset(text, '[', len);
	text[len] = '\0';
	assert_string_equal(
		sentence_for(text), "f.yaml:1: more than 100 open brackets");
	free(text);
}

static void test_yaml_text_open_cuts_a_long_file_name(void **state)
{
	struct yaml_text yaml;
	struct err err;
	char file[1000];

	(void)state;
	memset(file, 'd', sizeof(file) - 1);
	memcpy(file + sizeof(file) - 8, "/f.yaml", 8);
	assert_false(yaml_text_open(&yaml, file, "", 0, &err));
	assert_non_null(strstr(err.msg, "d/f.yaml: the file is empty"));
	assert_memory_equal(err.msg, "...d", 4);
}

static void test_yaml_text_number_takes_plain_digits_only(void **state)
{
	static const char *const bad[] = {"a: 10s\n", "a: 1.5\n", "a: 010\n",
		"a: -1\n", "a: 0x10\n", "a: 1e3\n", "a: ''\n", "a:\n",
		"a: [1]\n", "a: 2\n", "a: 101\n",
		"a: 99999999999999999999999\n"};
	struct yaml_text yaml;
	struct err err;
	uint64_t number = 7;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_true(yaml_text_open(
			&yaml, "f.yaml", bad[i], strlen(bad[i]), &err));
		assert_false(
			yaml_text_number(&yaml, "a", 3, 100, &number, &err));
		assert_string_equal(err.msg, "f.yaml:1: a must be a whole "
					     "number from 3 to 100");
		yaml_text_done(&yaml);
	}
	assert_int_equal(number, 7);
	assert_true(yaml_text_open(&yaml, "f.yaml", "a: 42\n", 6, &err));
	assert_true(yaml_text_number(&yaml, "b", 3, 100, &number, &err));
	assert_int_equal(number, 7);
	assert_true(yaml_text_number(&yaml, "a", 3, 100, &number, &err));
	assert_int_equal(number, 42);
	yaml_text_done(&yaml);
}

static void test_yaml_text_line_of_a_path(void **state)
{
	static const char text[] = "a: 1\nb:\n- c: 1\n  d: [x,\n   y]\n";
	struct yaml_text yaml;
	struct err err;

	(void)state;
	assert_true(
		yaml_text_open(&yaml, "f.yaml", text, sizeof(text) - 1, &err));
	assert_int_equal(yaml_text_line(&yaml, "a"), 1);
	assert_int_equal(yaml_text_line(&yaml, "b[0].c"), 3);
	assert_int_equal(yaml_text_line(&yaml, "b[0].d[1]"), 5);
	assert_int_equal(yaml_text_line(&yaml, "b[0].missing"), 3);
	assert_null(yaml_text_find(&yaml, "b[1]"));
	assert_null(yaml_text_find(&yaml, "a.c"));
	assert_null(yaml_text_find(&yaml, "a[0]"));
	yaml_text_done(&yaml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_yaml_load_good_text),
		cmocka_unit_test(test_yaml_load_names_key_line_and_place),
		cmocka_unit_test(test_yaml_load_never_shows_a_value),
		cmocka_unit_test(test_yaml_text_open_bad_text),
		cmocka_unit_test(test_yaml_text_open_very_deep_text),
		cmocka_unit_test(test_yaml_text_open_cuts_a_long_file_name),
		cmocka_unit_test(test_yaml_text_number_takes_plain_digits_only),
		cmocka_unit_test(test_yaml_text_line_of_a_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
