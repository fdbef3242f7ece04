#include "tests/refsync/effects.h"
#include "tests/refsync/settings.h"
#include "tests/unit/scratch.h"

struct world {
	struct scratch scratch;
	char config[300], beside[320];
};

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	scratch_make(&world->scratch);
	(void)snprintf(world->config, sizeof(world->config), "%s/a.yaml",
		world->scratch.dir);
	(void)snprintf(world->beside, sizeof(world->beside), "%s.refsync",
		world->config);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	settings_close();
	effects_close();
	(void)unsetenv("REFSYNC_PAUSE_MS");
	(void)unsetenv("REFSYNC_FAULTS");
	scratch_remove(&world->scratch);
	free(world);
	return 0;
}

/* By rename, as a test that changes settings of a living process must. */
static void replace(const char *path, const char *text)
{
	char temporary[340];

	(void)snprintf(temporary, sizeof(temporary), "%s.tmp", path);
	scratch_write(temporary, text, strlen(text));
	assert_int_equal(rename(temporary, path), 0);
}

static void test_setting_without_files_is_normal(void **state)
{
	const struct world *world = *state;
	struct err err;

	assert_true(settings_open(world->config, "shard0", &err));
	assert_int_equal(setting(SET_PAUSE_MS), 20);
	assert_int_equal(setting(SET_NEVER_PAUSES), 0);
	assert_null(settings_instances());
}

static void test_setting_file_beats_environment(void **state)
{
	const struct world *world = *state;
	struct err err;

	assert_int_equal(setenv("REFSYNC_PAUSE_MS", "70", 1), 0);
	assert_true(settings_open(world->config, "shard0", &err));
	assert_int_equal(setting(SET_PAUSE_MS), 70);
	replace(world->beside, "{\"pause_ms\":80,\"never_pauses\":true}");
	settings_refresh();
	assert_int_equal(setting(SET_PAUSE_MS), 80);
	assert_int_equal(setting(SET_NEVER_PAUSES), 1);
	assert_int_equal(unlink(world->beside), 0);
	settings_refresh();
	assert_int_equal(setting(SET_PAUSE_MS), 70);
}

static void test_setting_own_section_wins(void **state)
{
	const struct world *world = *state;
	struct err err;

	replace(world->beside, "{\"shard0\":{\"pause_ms\":2},\"pause_ms\":1,"
			       "\"shard1\":{\"pause_ms\":3}}");
	assert_true(settings_open(world->config, "shard0", &err));
	assert_int_equal(setting(SET_PAUSE_MS), 2);
}

static void test_setting_section_of_the_version_wins_over_all(void **state)
{
	const struct world *world = *state;
	struct err err;

	replace(world->beside, "{\"1.18.0\":{\"pause_ms\":4},"
			       "\"1.12.0\":{\"pause_ms\":5},"
			       "\"shard0\":{\"pause_ms\":2},\"pause_ms\":1}");
	assert_true(settings_open(world->config, "shard0", &err));
	assert_int_equal(setting(SET_PAUSE_MS), 4);
}

static void test_settings_open_refuses_what_it_does_not_know(void **state)
{
	const struct world *world = *state;
	struct err err;

	replace(world->beside, "{\"pause_sm\":2}");
	assert_false(settings_open(world->config, "shard0", &err));
	assert_non_null(strstr(err.msg, "pause_sm"));
	settings_close();
	replace(world->beside, "{\"progress\":\"garbaeg\"}");
	assert_false(settings_open(world->config, "shard0", &err));
	assert_non_null(strstr(err.msg, "garbaeg"));
	settings_close();
	replace(world->beside, "{\"progress\":{\"kind\":\"half\",\"x\":1}}");
	assert_false(settings_open(world->config, "shard0", &err));
}

static void test_settings_refresh_keeps_the_old_when_bad(void **state)
{
	struct world *world = *state;
	const char *effects = scratch_path(&world->scratch, "effects");
	struct err err;
	char *text;

	replace(world->beside, "{\"pause_ms\":2}");
	assert_true(settings_open(world->config, "shard0", &err));
	assert_true(effects_open(effects, "shard0", &err));
	replace(world->beside, "{\"pause_ms\":");
	settings_refresh();
	assert_int_equal(setting(SET_PAUSE_MS), 2);
	text = scratch_read(effects, NULL);
	assert_non_null(text);
	assert_non_null(strstr(text, "bad_settings"));
	free(text);
}

static void test_settings_fault_happens_as_often_as_told(void **state)
{
	const struct world *world = *state;
	struct fault fault;
	struct err err;

	replace(world->beside, "{\"pause\":{\"kind\":\"reset\",\"times\":2},"
			       "\"progress\":\"garbage\"}");
	assert_true(settings_open(world->config, "shard0", &err));
	for (int i = 0; i < 3; i++) {
		settings_fault("pause", &fault);
		assert_int_equal(fault.kind, i < 2 ? FAULT_RESET : FAULT_NONE);
		settings_fault("progress", &fault);
		assert_int_equal(fault.kind, FAULT_GARBAGE);
	}
	settings_fault("resume", &fault);
	assert_int_equal(fault.kind, FAULT_NONE);
}

static void test_effects_has_partition_only_when_complete(void **state)
{
	struct world *world = *state;
	struct err err;

	assert_true(effects_open(
		scratch_path(&world->scratch, "effects"), "shard0", &err));
	effects_add("partition", json_pack("{s:s, s:s, s:b}", "ns", "a.b",
					 "partition", "p1", "complete", 0));
	assert_false(effects_has_partition("a.b", "p1"));
	effects_add("partition", json_pack("{s:s, s:s, s:b}", "ns", "a.b",
					 "partition", "p1", "complete", 1));
	assert_true(effects_has_partition("a.b", "p1"));
	assert_false(effects_has_partition("a.b", "p2"));
	assert_false(effects_has_partition("a.c", "p1"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_setting_without_files_is_normal),
		TEST(test_setting_file_beats_environment),
		TEST(test_setting_own_section_wins),
		TEST(test_setting_section_of_the_version_wins_over_all),
		TEST(test_settings_open_refuses_what_it_does_not_know),
		TEST(test_settings_refresh_keeps_the_old_when_bad),
		TEST(test_settings_fault_happens_as_often_as_told),
		TEST(test_effects_has_partition_only_when_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
