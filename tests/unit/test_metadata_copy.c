/*
 * A copy on disk: made whole or not at all, and believed only byte by byte.
 */
#include "sync_client/metadata_copy.h"

#include "state/cleanup.h"
#include "tests/unit/metadata_sample.h"

static const struct sample_item items[] = {
	{SAMPLE_DATABASE, "globalState", "{\"options\":{}}", NULL},
	{.document = "the first"},
	{.document = "the second"},
	{SAMPLE_DATABASE, "odd/name", "{\"options\":{}}", NULL},
};

struct world {
	struct scratch scratch;
	char copy[250];
	struct sample sample;
	struct metadata_source source;
};

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	scratch_make(&world->scratch);
	(void)snprintf(world->copy, sizeof(world->copy), "%s/saved/copy",
		world->scratch.dir);
	world->sample = (struct sample){.items = items, .count = 4};
	world->source = sample_source(&world->sample);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	scratch_remove(&world->scratch);
	free(world);
	return 0;
}

static bool save(struct world *world, struct err *err)
{
	struct metadata_totals totals = {0};
	bool ok = metadata_save(
		&world->source, world->copy, "set:1", &totals, err);

	metadata_totals_done(&totals);
	return ok;
}

static bool check(struct world *world, struct err *err)
{
	struct metadata_copy copy;
	bool ok = metadata_copy_open(world->copy, &copy, err);

	if (ok)
		metadata_copy_done(&copy);
	return ok;
}

static const char *in_copy(struct world *world, const char *name)
{
	(void)snprintf(world->scratch.path, sizeof(world->scratch.path),
		"%s/%s", world->copy, name);
	return world->scratch.path;
}

static void assert_nothing_is_left(struct world *world)
{
	char dir[260];

	(void)snprintf(dir, sizeof(dir), "%s/saved", world->scratch.dir);
	if (access(dir, F_OK) == 0)
		assert_int_equal(scratch_count_entries(dir), 0);
}

static void test_metadata_save_writes_what_it_read(void **state)
{
	struct world *world = *state;
	struct metadata_copy copy;

	assert_true(save(world, NULL));
	assert_int_equal(world->sample.walks, 3);
	assert_true(scratch_holds(
		in_copy(world, SAMPLE_DATABASE "/globalState.bson"),
		"the firstthe second"));
	assert_true(scratch_holds(
		in_copy(world, SAMPLE_DATABASE "/globalState.metadata.json"),
		"{\"options\":{}}"));
	assert_true(scratch_holds(
		in_copy(world, SAMPLE_DATABASE "/odd%2Fname.bson"), ""));
	assert_true(metadata_copy_open(world->copy, &copy, NULL));
	assert_int_equal(copy.totals.documents, 2);
	assert_string_equal(metadata_copy_cluster(&copy), "set:1");
	metadata_copy_done(&copy);
}

static void test_metadata_save_finds_a_writer(void **state)
{
	struct world *world = *state;

	world->sample.items = items;
	world->sample.count = 3;
	for (unsigned walk = 1; walk <= 3; walk++) {
		struct err err = {0};

		world->sample.walks = 0;
		world->sample.changes_at = walk;
		assert_false(save(world, &err));
		assert_int_equal(err.code, ERR_DECIDE);
		assert_nothing_is_left(world);
	}
}

static void test_metadata_save_replaces_nothing(void **state)
{
	struct world *world = *state;
	struct err err = {0};

	assert_true(save(world, NULL));
	assert_false(save(world, &err));
	assert_int_equal(err.code, ERR_STEP);
	assert_true(check(world, NULL));
}

static void test_metadata_save_after_one_that_was_killed(void **state)
{
	struct world *world = *state;
	char partial[300];

	assert_true(save(world, NULL));
	(void)snprintf(partial, sizeof(partial), "%s.partial", world->copy);
	assert_int_equal(rename(world->copy, partial), 0);
	assert_true(save(world, NULL));
	assert_true(check(world, NULL));
	assert_int_not_equal(access(partial, F_OK), 0);
}

static void assert_refused(struct world *world)
{
	struct err err = {0};

	assert_false(check(world, &err));
	assert_int_equal(err.code, ERR_STEP);
	assert_non_null(strstr(err.msg, world->copy));
}

static void test_metadata_copy_open_refuses_each_damage(void **state)
{
	static const char *const files[] = {
		SAMPLE_DATABASE "/globalState.bson",
		SAMPLE_DATABASE "/globalState.metadata.json",
		"copy.json",
	};
	struct world *world = *state;

	assert_refused(world);
	assert_true(save(world, NULL));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		size_t len = 0;
		_cleanup_free_ char *good =
			scratch_read(in_copy(world, files[i]), &len);
		_cleanup_free_ char *bad = strdup(good);

		assert_true(check(world, NULL));
		assert_non_null(bad);
		bad[0] ^= 1;
		scratch_write(in_copy(world, files[i]), bad, len);
		assert_refused(world);
		scratch_write(in_copy(world, files[i]), good, len - 1);
		assert_refused(world);
		assert_int_equal(unlink(in_copy(world, files[i])), 0);
		assert_refused(world);
		scratch_write(in_copy(world, files[i]), good, len);
	}
	assert_true(check(world, NULL));
}

/* copy.json with one text replaced by another of it. */
static void rewrite(struct world *world, const char *from, const char *to)
{
	_cleanup_free_ char *text =
		scratch_read(in_copy(world, "copy.json"), NULL);
	_cleanup_free_ char *changed = NULL;
	char *at = text ? strstr(text, from) : NULL;

	assert_non_null(at);
	*at = '\0';
	assert_true(
		asprintf(&changed, "%s%s%s", text, to, at + strlen(from)) > 0);
	scratch_write(in_copy(world, "copy.json"), changed, strlen(changed));
}

static void test_metadata_copy_open_refuses_a_false_list(void **state)
{
	static const char *const lies[][2] = {
		{"\"format\": 1", "\"format\": 2"},
		{"\"path\": \"", "\"path\": \"../copy/"},
		{"\"path\": \"", "\"path\": \"/"},
		{"\"files\": [", "\"no_files\": ["},
		{"\"documents\": \"", "\"documents\": \"not_in_the_list/"},
		{"\"digest\": \"", "\"digest\": \"0"},
	};
	struct world *world = *state;
	_cleanup_free_ char *good = NULL;

	assert_true(save(world, NULL));
	good = scratch_read(in_copy(world, "copy.json"), NULL);
	assert_non_null(good);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		rewrite(world, lies[i][0], lies[i][1]);
		assert_refused(world);
		scratch_write(in_copy(world, "copy.json"), good, strlen(good));
	}
	assert_true(check(world, NULL));
}

#define WITH_WORLD(test)                                                       \
	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WORLD(test_metadata_save_writes_what_it_read),
		WITH_WORLD(test_metadata_save_finds_a_writer),
		WITH_WORLD(test_metadata_save_replaces_nothing),
		WITH_WORLD(test_metadata_save_after_one_that_was_killed),
		WITH_WORLD(test_metadata_copy_open_refuses_each_damage),
		WITH_WORLD(test_metadata_copy_open_refuses_a_false_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
