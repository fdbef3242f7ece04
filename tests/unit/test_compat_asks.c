/*
 * test_compat_asks.c - what the shipped table says that a version asks for.
 */
#include "sync_client/compat.h"

#include "scratch.h"

static struct compat *must_load(void)
{
	struct compat *compat;
	struct err err = {0};

	if (!compat_load(
		    SOURCE_TOP "/deploy/compat/mongosync.json", &compat, &err))
		fail_msg("%s", err.msg);
	return compat;
}

static const struct compat_setting *find_setting(
	const struct compat *compat, const char *key)
{
	const struct compat_setting *setting;

	for (size_t i = 0; (setting = compat_setting(compat, i)); i++)
		if (strcmp(setting->key, key) == 0)
			return setting;
	fail_msg("no setting %s", key);
	return NULL;
}

static void test_compat_applies_in_a_span(void **state)
{
	struct compat_span open = {.since = "1.9.0"};
	struct compat_span closed = {.since = "1.9.0", .until = "1.12.0"};

	(void)state;
	assert_false(compat_applies(&open, "1.8.9"));
	assert_true(compat_applies(&open, "1.9.0"));
	assert_true(compat_applies(&open, "1.10.0"));
	assert_true(compat_applies(&closed, "1.11.9"));
	assert_false(compat_applies(&closed, "1.12.0"));
}

static void test_compat_setting_as_documented(void **state)
{
	static const struct {
		const char *key, *since, *must_be;
	} known[] = {
		{"cluster0", "1.0.0", NULL},
		{"id", "1.0.0", NULL},
		{"loadLevel", "1.4.0", NULL},
		{"acceptDisclaimer", "1.9.0", "true"},
		{"disableVerification", "1.10.0", NULL},
		{"disableMetricsLogging", "1.16.0", NULL},
		{"hotDocIDs", "1.18.0", NULL},
		{"createIndexesBatchSize", "1.19.0", NULL},
		{"enableCappedCollectionHandling", "1.20.0", NULL},
	};
	struct compat *compat = must_load();

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		const struct compat_setting *setting =
			find_setting(compat, known[i].key);

		assert_string_equal(setting->span.since, known[i].since);
		assert_int_equal(!setting->must_be, !known[i].must_be);
		if (setting->must_be)
			assert_string_equal(setting->must_be, known[i].must_be);
		assert_true(
			setting->words.note[0] && setting->words.documented[0]);
	}
	compat_free(compat);
}

/* How many entries speak of this option for that side of that version. */
static unsigned refusals(const struct compat *compat, const char *name,
	enum compat_side side, const char *version)
{
	const struct compat_option *option;
	unsigned found = 0;

	for (size_t i = 0; (option = compat_option(compat, i)); i++)
		found += strcmp(option->option, name) == 0 &&
			 (option->of & side) &&
			 compat_applies(&option->span, version);
	return found;
}

static void test_compat_option_as_documented(void **state)
{
	struct compat *compat = must_load();

	(void)state;
	assert_int_equal(
		refusals(compat, "socketTimeoutMS", COMPAT_SOURCE, "1.9.9"), 0);
	assert_int_equal(
		refusals(compat, "socketTimeoutMS", COMPAT_SOURCE, "1.10.0"),
		1);
	assert_int_equal(
		refusals(compat, "readPreference", COMPAT_SOURCE, "1.7.2"), 1);
	assert_int_equal(
		refusals(compat, "readPreference", COMPAT_DESTINATION, "1.7.2"),
		0);
	assert_int_equal(
		refusals(compat, "readPreference", COMPAT_DESTINATION, "1.7.3"),
		1);
	compat_free(compat);
}

static bool needs(const struct compat *compat, const char *action,
	enum compat_side side, const char *version)
{
	const struct compat_need *need;

	for (size_t i = 0; (need = compat_need(compat, i)); i++) {
		const json_t *name;
		size_t k;

		if (!(need->of & side) || !compat_applies(&need->span, version))
			continue;
		json_array_foreach (need->actions, k, name)
			if (strcmp(json_string_value(name), action) == 0)
				return true;
	}
	return false;
}

static void test_compat_need_as_documented(void **state)
{
	static const char action[] = "bypassWriteBlockingMode";
	struct compat *compat = must_load();

	(void)state;
	assert_false(needs(compat, action, COMPAT_DESTINATION, "1.10.0"));
	assert_true(needs(compat, action, COMPAT_DESTINATION, "1.11.0"));
	assert_false(needs(compat, action, COMPAT_SOURCE, "1.13.0"));
	assert_true(needs(compat, action, COMPAT_SOURCE, "1.20.0"));
	assert_true(needs(compat, "insert", COMPAT_DESTINATION, "1.13.0"));
	assert_false(needs(compat, "insert", COMPAT_SOURCE, "1.22.0"));
	compat_free(compat);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compat_applies_in_a_span),
		cmocka_unit_test(test_compat_setting_as_documented),
		cmocka_unit_test(test_compat_option_as_documented),
		cmocka_unit_test(test_compat_need_as_documented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
