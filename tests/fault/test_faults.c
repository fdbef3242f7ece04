/*
 * test_faults.c - each scenario with each fault at each call, until a round
 * meets no fault: it ends well or in an error that says so, leaks no
 * descriptor, loses nothing that was on disk, and never syncs again what could
 * not be synced.
 */
#include "fault_sys.h"
#include "scenarios.h"

#include "../unit/scratch.h"

#define ROUNDS_MAX 1000

static void run(const struct scenario *scenario, const struct fault *fault,
	unsigned first, struct world *world)
{
	unsigned open_before, open_after;
	struct err err = {0};
	const char *wrong;
	bool ok, expected;

	scenario->prepare(world);
	open_before = scratch_count_entries("/proc/self/fd");
	fault_begin(fault, first);
	ok = scenario->act(world, &err);
	fault_end();
	open_after = scratch_count_entries("/proc/self/fd");
	wrong = scenario->check(world, ok);
	expected =
		ok ? scenario->undisturbed == ERR_NONE
		   : (fault_fired() && err.code == ERR_STORAGE && err.msg[0]) ||
				err.code == scenario->undisturbed;
	if (!wrong[0] && fault_sync_was_retried())
		wrong = "a failed sync was tried again";
	if (!wrong[0] && fault_closed_twice())
		wrong = "a descriptor is closed twice";
	if (!wrong[0] && open_after != open_before)
		wrong = "a descriptor is leaked";
	if (!wrong[0] && fault->error == 0 && err.code != scenario->undisturbed)
		wrong = "a short write or read is no failure";
	if (!wrong[0] && !expected)
		wrong = "it ended wrongly";
	if (wrong[0])
		fail_msg("%s, %s at call %u (%s): %s (%s: code %d, %s)",
			scenario->name, fault->name, first, fault_last_call(),
			wrong, ok ? "true" : "false", (int)err.code, err.msg);
}

/* A fault that comes once leaves the clean-up working, unless it hits that. */
static void check_litter(const struct scenario *scenario,
	const struct fault *fault, unsigned first, const char *dir)
{
	unsigned entries = scratch_count_entries(dir);
	unsigned most = strstr(scenario->name, "journal") ? 2 : 1;

	if (fault->times == 1 && entries > most &&
		strcmp(fault_last_call(), "unlinkat") != 0)
		fail_msg("%s, %s at call %u (%s): %u entries are left",
			scenario->name, fault->name, first, fault_last_call(),
			entries);
}

static unsigned loop(const struct scenario *scenario, const struct fault *fault)
{
	unsigned first = 0;
	bool fired = true;

	while (fired) {
		struct scratch scratch;
		struct world world = {0};

		assert_true(++first < ROUNDS_MAX);
		scratch_make(&scratch);
		(void)snprintf(world.path, sizeof(world.path), "%s/entry",
			scratch.dir);
		run(scenario, fault, first, &world);
		fired = fault_fired();
		check_litter(scenario, fault, first, scratch.dir);
		scratch_remove(&scratch);
	}
	return first - 1;
}

static void test_state_every_scenario_survives_every_fault(void **state)
{
	unsigned failed_calls = 0;

	(void)state;
	for (unsigned s = 0; s < scenario_count; s++)
		for (unsigned f = 0; f < fault_count; f++) {
			unsigned fired = loop(&scenarios[s], &faults[f]);

			failed_calls += fired;
			/* Two calls at least, or it went past the table. */
			if (faults[f].error && !faults[f].only && fired < 2)
				fail_msg("%s makes %u calls", scenarios[s].name,
					fired);
		}
	print_message("%u calls failed\n", failed_calls);
}

static void test_state_syncs_are_counted(void **state)
{
	(void)state;
	for (unsigned s = 0; s < scenario_count; s++) {
		const struct scenario *scenario = &scenarios[s];
		struct scratch scratch;
		struct world world = {0};
		struct err err = {0};
		bool ok;

		scratch_make(&scratch);
		(void)snprintf(world.path, sizeof(world.path), "%s/entry",
			scratch.dir);
		scenario->prepare(&world);
		fault_begin(NULL, 0);
		ok = scenario->act(&world, &err);
		fault_end();
		assert_int_equal(ok, scenario->undisturbed == ERR_NONE);
		assert_int_equal(err.code, scenario->undisturbed);
		assert_string_equal(scenario->check(&world, ok), "");
		if (fault_syncs_of_files() != scenario->file_syncs ||
			fault_syncs_of_directories() !=
				scenario->directory_syncs)
			fail_msg("%s syncs files %u times, directories %u",
				scenario->name, fault_syncs_of_files(),
				fault_syncs_of_directories());
		scratch_remove(&scratch);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_state_every_scenario_survives_every_fault),
		cmocka_unit_test(test_state_syncs_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
