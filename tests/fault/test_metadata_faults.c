/*
 * test_metadata_faults.c - a copy of the metadata, made and read again with
 * each fault at each call: it is whole or not there, and what is read is what
 * was written, or an error.
 */
#include "fault_sys.h"

#include "state/cleanup.h"
#include "sync_client/metadata_copy.h"
#include "tests/unit/metadata_sample.h"

#define ROUNDS_MAX 1000

static const struct sample_item items[] = {
	{SAMPLE_DATABASE, "globalState", "{\"options\":{}}", NULL},
	{.document = "the first"},
	{.document = "the second"},
	{SAMPLE_DATABASE, "resumeData", "{\"options\":{}}", NULL},
	{.document = "the third"},
	{"__mdb_internal_other", "state", "{}", NULL},
	{.document = "the fourth"},
};

struct world {
	struct scratch scratch;
	char copy[250], again[250], partial[270];
	bool can_remove; /* the fault is over, and was not the removal's */
};

static bool save(const char *directory, struct err *err)
{
	struct sample sample = {
		.items = items, .count = sizeof(items) / sizeof(items[0])};
	const struct metadata_source source = sample_source(&sample);
	struct metadata_totals totals = {0};
	bool ok = metadata_save(&source, directory, "set:1", &totals, err);

	metadata_totals_done(&totals);
	return ok;
}

/* As a put-back does: all of it is compared with its sums, then read. */
static bool read_back(const char *directory, struct err *err)
{
	struct metadata_copy copy;
	char text[100] = "";
	int fd = -1;
	bool ok;

	if (!metadata_copy_open(directory, &copy, err))
		return false;
	ok = metadata_copy_file(
		&copy, SAMPLE_DATABASE "/globalState.bson", &fd, err);
	if (ok) {
		assert_true(read(fd, text, sizeof(text) - 1) > 0);
		assert_string_equal(text, "the firstthe second");
		assert_int_equal(close(fd), 0);
	}
	metadata_copy_done(&copy);
	return ok;
}

static void world_make(struct world *world)
{
	scratch_make(&world->scratch);
	(void)snprintf(world->copy, sizeof(world->copy), "%s/saved/run-a-1",
		world->scratch.dir);
	(void)snprintf(world->again, sizeof(world->again), "%s/saved/run-a-2",
		world->scratch.dir);
	(void)snprintf(world->partial, sizeof(world->partial), "%s.partial",
		world->copy);
}

/* As the engine does it: another attempt makes another copy. */
static const char *finish_save(struct world *world, bool ok)
{
	bool named = access(world->copy, F_OK) == 0;

	if (ok && !named)
		return "there is no copy";
	if (named && !read_back(world->copy, NULL))
		return "a copy with its final name is not whole";
	if (!ok && world->can_remove && access(world->partial, F_OK) == 0)
		return "half a copy keeps its room";
	if (!named &&
		(!save(world->copy, NULL) || !read_back(world->copy, NULL)))
		return "what it left is in the way";
	if (!ok && !named && access(world->partial, F_OK) == 0)
		return "half a copy stays";
	if (!save(world->again, NULL) || !read_back(world->again, NULL))
		return "it cannot be done again";
	return "";
}

static const char *finish_read(struct world *world, bool ok)
{
	(void)ok;
	return read_back(world->copy, NULL) ? "" : "it cannot be read again";
}

struct scenario {
	const char *name;
	bool saved; /* before */
	bool (*act)(const char *directory, struct err *err);
	const char *(*finish)(struct world *world, bool ok);
	bool writes;
};

static const struct scenario scenarios[] = {
	{"save", false, save, finish_save, true},
	{"read a copy", true, read_back, finish_read, false},
};

static const char *judge(const struct scenario *scenario,
	const struct fault *fault, bool ok, const struct err *err)
{
	if (ok)
		return fault_failed_sync() ? "a failed sync is no matter" : "";
	if (!fault_fired())
		return "it failed alone";
	if (fault->error == 0)
		return "a short write or read is no failure";
	if (!err->msg[0])
		return "an error without a word";
	/* A copy that cannot be read is made again, as if it were damaged. */
	if (err->code != ERR_STORAGE &&
		(scenario->writes || err->code != ERR_STEP))
		return "it is told as something else";
	return "";
}

/* False when no call failed. */
static bool round_of(const struct scenario *scenario, const struct fault *fault,
	unsigned first)
{
	unsigned open_before, open_after;
	struct world world;
	struct err err = {0};
	const char *wrong;
	bool ok;

	world_make(&world);
	if (scenario->saved)
		assert_true(save(world.copy, NULL));
	open_before = scratch_count_entries("/proc/self/fd");
	fault_begin(fault, first);
	ok = scenario->act(world.copy, &err);
	fault_end();
	open_after = scratch_count_entries("/proc/self/fd");
	world.can_remove =
		fault->times == 1 && strcmp(fault_last_call(), "unlinkat") != 0;
	wrong = judge(scenario, fault, ok, &err);
	if (!wrong[0] && fault_sync_was_retried())
		wrong = "a failed sync was tried again";
	if (!wrong[0] && fault_closed_twice())
		wrong = "a descriptor is closed twice";
	if (!wrong[0] && open_after != open_before)
		wrong = "a descriptor is leaked";
	if (!wrong[0])
		wrong = scenario->finish(&world, ok);
	if (wrong[0])
		fail_msg("%s, %s at call %u (%s): %s (%s: code %d, %s)",
			scenario->name, fault->name, first, fault_last_call(),
			wrong, ok ? "true" : "false", (int)err.code, err.msg);
	scratch_remove(&world.scratch);
	return fault_fired();
}

static void test_metadata_survives_every_fault(void **state)
{
	unsigned failed_calls = 0;

	(void)state;
	for (size_t s = 0; s < sizeof(scenarios) / sizeof(scenarios[0]); s++)
		for (unsigned f = 0; f < fault_count; f++) {
			unsigned first = 1;

			while (round_of(&scenarios[s], &faults[f], first))
				assert_true(++first < ROUNDS_MAX);
			failed_calls += first - 1;
			if (faults[f].error && !faults[f].only && first < 3)
				fail_msg("%s makes %u calls", scenarios[s].name,
					first - 1);
		}
	print_message("%u calls failed\n", failed_calls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_metadata_survives_every_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
