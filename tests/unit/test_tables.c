/*
 * The tables that help, man pages and completions are made of are complete:
 * every exit code and every key of a fleet file is explained, and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/cli/cli.h"
#include "supervisor/fleet/fleet_keys.h"

static const struct cli_exit *exit_of(int code)
{
	const struct cli_exit *exit = cli_exits;

	while (exit->brief && exit->code != code)
		exit++;
	return exit->brief ? exit : NULL;
}

static void test_exits_every_code(void **state)
{
	(void)state;
	for (int code = ERR_NONE; code <= ERR_MEMORY; code++)
		assert_non_null(exit_of(err_exit_code((enum err_code)code)));
}

static void test_exits_no_other_code(void **state)
{
	const struct cli_exit *exit = cli_exits;

	(void)state;
	for (; exit->brief; exit++) {
		int code = ERR_NONE;

		while (code <= ERR_MEMORY &&
			err_exit_code((enum err_code)code) != exit->code)
			code++;
		assert_true(code <= ERR_MEMORY);
		assert_ptr_equal(exit_of(exit->code), exit);
	}
}

static void has_help(const struct fleet_key_seen *key, void *arg)
{
	unsigned *count = arg;

	if (!key->help)
		fail_msg("%s has no sentence in fleet_keys", key->path);
	(*count)++;
}

static void test_keys_every_key(void **state)
{
	unsigned count = 0, rows = 0;

	(void)state;
	fleet_keys_walk(has_help, &count);
	for (const struct fleet_key *key = fleet_keys; key->path; key++) {
		if (!fleet_key_exists(key->path))
			fail_msg("%s is no key of a fleet file", key->path);
		rows++;
	}
	assert_int_equal(rows, count);
}

static void test_keys_are_sentences(void **state)
{
	(void)state;
	for (const struct fleet_key *key = fleet_keys; key->path; key++) {
		const char *help = key->help;

		if (help[strlen(help) - 1] != '.' || help[0] < 'A' ||
			help[0] > 'Z')
			fail_msg("%s: no sentence: %s", key->path, help);
	}
}

static void has_limits(const struct fleet_key_seen *key, void *arg)
{
	bool *nofile = arg;

	if (key->field->value.type != CYAML_UINT)
		return;
	if (strcmp(key->path, "instances[].spawn.nofile") == 0)
		*nofile = true; /* the kernel's limit, not ours */
	else if (!key->number)
		fail_msg("%s has no limits", key->path);
}

static void test_keys_numbers_have_limits(void **state)
{
	bool nofile = false;

	(void)state;
	fleet_keys_walk(has_limits, &nofile);
	assert_true(nofile);
}

static void test_key_exists(void **state)
{
	(void)state;
	assert_true(fleet_key_exists("instances[].spawn.argv"));
	assert_true(fleet_key_exists("limits.lanes"));
	assert_false(fleet_key_exists("lanes"));
	assert_false(fleet_key_exists("instances.name"));
	assert_false(fleet_key_exists(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exits_every_code),
		cmocka_unit_test(test_exits_no_other_code),
		cmocka_unit_test(test_keys_every_key),
		cmocka_unit_test(test_keys_are_sentences),
		cmocka_unit_test(test_keys_numbers_have_limits),
		cmocka_unit_test(test_key_exists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
