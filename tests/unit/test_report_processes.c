/*
 * test_report_processes.c - each process's story, as a journal tells it.
 */
#include "report_world.h"

/* What is reported of one process when it is that second. */
static struct report_process report(
	const struct world *world, const char *name, int n)
{
	struct report_process *list, found = {0};
	unsigned count = report_processes(&world->run.state, second(n), &list);

	assert_int_equal(count, 2);
	for (unsigned i = 0; i < count; i++)
		if (strcmp(list[i].name, name) == 0)
			found = list[i];
	free(list);
	assert_non_null(found.name);
	return found;
}

/* Seconds; -1: not at all. */
static void assert_paused(const struct world *world, const char *name, int n,
	int seconds, bool still)
{
	struct report_process process = report(world, name, n);

	assert_int_equal(process.paused_ms, seconds < 0 ? -1 : seconds * 1000);
	assert_int_equal(process.still_paused, still);
}

static void assert_stopped(const struct world *world, const char *name, int n,
	int seconds, bool still)
{
	struct report_process process = report(world, name, n);

	assert_int_equal(process.stopped_ms, seconds < 0 ? -1 : seconds * 1000);
	assert_int_equal(process.still_stopped, still);
}

static void assert_is(const struct world *world, const char *name,
	const char *state, const char *version)
{
	struct report_process process = report(world, name, 1000);

	assert_string_equal(process.state, state);
	assert_string_equal(process.after, version);
	assert_string_equal(process.before, "1.12.0");
}

static void test_report_processes_before_anything_is_as_planned(void **state)
{
	struct report_process b;
	struct world world;

	(void)state;
	world_make(&world, made_up_fleet(2), "PAUSED");
	b = report(&world, "b", 5);
	assert_string_equal(b.lane, "shop");
	assert_string_equal(b.doing, "claim");
	assert_string_equal(b.note, "");
	assert_is(&world, "a", "RUNNING", "1.12.0");
	assert_is(&world, "b", "PAUSED", "1.12.0");
	assert_paused(&world, "a", 5, -1, false);
	assert_stopped(&world, "a", 5, -1, false);
	world_done(&world);
}

static void test_report_processes_counts_what_still_stands(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	world_before(&world, "pause");
	made_up_intent(
		at(&world, 10), "shop", "pause", "a", made_up_state("RUNNING"));
	assert_is(&world, "a", "RUNNING", "1.12.0");
	assert_paused(&world, "a", 11, 1, true);
	made_up_saw_done(at(&world, 12), "shop", "pause", "a", "acted",
		made_up_state("PAUSED"));
	assert_is(&world, "a", "PAUSED", "1.12.0");
	assert_paused(&world, "a", 15, 5, true);
	assert_stopped(&world, "a", 15, -1, false);

	made_up_intent(at(&world, 20), "shop", "stop", "a", NULL);
	assert_is(&world, "a", "stopping", "1.12.0");
	assert_stopped(&world, "a", 21, 1, true);
	made_up_step_done(at(&world, 22), "shop", "stop", "a", "acted");
	assert_is(&world, "a", "stopped", "1.12.0");
	assert_stopped(&world, "a", 25, 5, true);
	assert_paused(&world, "a", 25, 15, true);
	assert_paused(&world, "b", 25, -1, false);
	world_done(&world);
}

static void test_report_processes_after_the_upgrade(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	world_upgrade_a(&world);
	assert_is(&world, "a", "PAUSED", "1.13.0");
	assert_is(&world, "b", "RUNNING", "1.12.0");
	world_act(&world, "resume", "a", 50, 53, "RUNNING");
	assert_is(&world, "a", "RUNNING", "1.13.0");
	assert_paused(&world, "a", 1000, 43, false);
	assert_stopped(&world, "a", 1000, 20, false);
	world_done(&world);
}

static void test_report_processes_found_paused_is_not_our_doing(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	world_before(&world, "pause");
	made_up_saw_done(at(&world, 10), "shop", "pause", "a", "found",
		made_up_state("PAUSED"));
	assert_is(&world, "a", "PAUSED", "1.12.0");
	assert_paused(&world, "a", 20, -1, false);
	world_done(&world);
}

static void test_report_processes_turned_back_before_the_start(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	world_before(&world, "pause");
	world_act(&world, "pause", "a", 10, 12, "PAUSED");
	world_act(&world, "stop", "a", 20, 22, NULL);
	world_turn(&world, 25, "turned-back");
	assert_paused(&world, "a", 26, 16, true);
	assert_stopped(&world, "a", 26, 6, true);
	world_act(&world, "start", "a", 28, 30, "PAUSED");
	assert_stopped(&world, "a", 35, 10, false);
	assert_is(&world, "a", "PAUSED", "1.12.0");
	world_act(&world, "resume", "a", 38, 40, "RUNNING");
	assert_paused(&world, "a", 1000, 30, false);
	assert_is(&world, "a", "RUNNING", "1.12.0");
	world_done(&world);
}

/* It was up in between: the two times count, the time between does not. */
static void test_report_processes_turned_back_after_it_ran(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	world_upgrade_a(&world);
	world_act(&world, "resume", "a", 45, 50, "RUNNING");
	world_turn(&world, 90, "turned-back");
	assert_paused(&world, "a", 95, 40, false);
	assert_stopped(&world, "a", 95, 20, false);
	assert_is(&world, "a", "RUNNING", "1.13.0");

	world_act(&world, "pause", "a", 100, 105, "PAUSED");
	assert_paused(&world, "a", 106, 46, true);
	world_act(&world, "stop", "a", 110, 112, NULL);
	assert_is(&world, "a", "stopped", "1.13.0");
	assert_stopped(&world, "a", 115, 25, true);
	world_act(&world, "start", "a", 120, 130, "PAUSED");
	assert_stopped(&world, "a", 1000, 40, false);
	world_act(&world, "resume", "a", 140, 150, "RUNNING");
	assert_paused(&world, "a", 1000, 90, false);
	assert_is(&world, "a", "RUNNING", "1.12.0");
	world_done(&world);
}

/* The new version never answered: it was down all the time. */
static void test_report_processes_never_came_up(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	world_before(&world, "pause");
	world_act(&world, "pause", "a", 10, 12, "PAUSED");
	world_act(&world, "stop", "a", 20, 22, NULL);
	made_up_intent(at(&world, 30), "shop", "start", "a", NULL);
	world_turn(&world, 60, "turned-back");
	world_act(&world, "stop", "a", 62, 64, NULL);
	assert_stopped(&world, "a", 65, 45, true);
	world_act(&world, "start", "a", 70, 80, "PAUSED");
	assert_stopped(&world, "a", 1000, 60, false);
	assert_paused(&world, "a", 85, 75, true);
	world_done(&world);
}

/* Only the way back pauses. */
static void test_report_processes_turned_back_under_pause_never(void **state)
{
	json_t *fleet = made_up_fleet(2);
	struct world world;

	(void)state;
	(void)json_object_set_new(fleet, "pause", json_string("never"));
	world_make(&world, fleet, "RUNNING");
	world_before(&world, "stop");
	world_act(&world, "stop", "a", 20, 22, NULL);
	world_act(&world, "start", "a", 30, 40, "RUNNING");
	assert_paused(&world, "a", 45, -1, false);
	world_turn(&world, 50, "turned-back");
	world_act(&world, "pause", "a", 52, 54, "PAUSED");
	assert_paused(&world, "a", 60, 8, true);
	world_act(&world, "resume", "a", 70, 72, "RUNNING");
	assert_paused(&world, "a", 1000, 20, false);
	world_done(&world);
}

static void test_report_processes_aborted_stays_as_it_is(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	world_before(&world, "pause");
	world_act(&world, "pause", "a", 10, 12, "PAUSED");
	world_turn(&world, 20, "aborted");
	made_up_write(at(&world, 22), "lane-end",
		json_pack("{s:s, s:s}", "lane", "shop", "outcome", "aborted"));
	assert_paused(&world, "a", 30, 20, true);
	assert_string_equal(report(&world, "a", 30).doing, "");
	world_done(&world);
}

/* Somebody started it while we held it: it is not stopped any more. */
static void test_report_processes_stop_that_was_undone(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	world_before(&world, "pause");
	world_act(&world, "pause", "a", 10, 12, "PAUSED");
	world_act(&world, "stop", "a", 20, 22, NULL);
	made_up_write(at(&world, 25), "reopen",
		made_up_step(&world.run, "shop", "stop", "a", NULL));
	assert_is(&world, "a", "PAUSED", "1.12.0");
	world_done(&world);
}

static void test_report_processes_says_what_it_waits_for(void **state)
{
	struct report_process a, b;
	struct world world;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	world_before(&world, "pause");
	made_up_intent(at(&world, 10), "shop", "pause", "a", NULL);
	made_up_write(at(&world, 11), "note",
		made_up_step(&world.run, "shop", "pause", "a",
			json_pack("{s:s, s:I}", "text",
				"RUNNING, waiting for PAUSED", "since",
				(json_int_t)second(10))));
	a = report(&world, "a", 15);
	assert_string_equal(a.doing, "pause");
	assert_string_equal(a.note, "RUNNING, waiting for PAUSED");
	assert_int_equal(a.note_at, second(10));
	b = report(&world, "b", 15);
	assert_string_equal(b.doing, "pause");
	assert_string_equal(b.note, "");

	/* a is ready before b: its stage is still the lane's. */
	made_up_step_done(at(&world, 20), "shop", "pause", "a", "acted");
	a = report(&world, "a", 25);
	assert_string_equal(a.doing, "pause");
	assert_string_equal(a.note, "");
	world_done(&world);
}

static void test_report_processes_goes_back_to_what_is_opened(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	world_before(&world, "stop");
	assert_string_equal(report(&world, "a", 5).doing, "stop");
	made_up_write(at(&world, 6), "reopen",
		made_up_step(&world.run, "shop", "preflight", "b", NULL));
	assert_string_equal(report(&world, "a", 7).doing, "preflight");
	made_up_step_done(at(&world, 8), "shop", "preflight", "b", "found");
	/* Done before, and now looked at again. */
	assert_string_equal(report(&world, "a", 9).doing, "deliver");
	world_done(&world);
}

/* A stage that is gone through again may see something newer than later ones.
 */
static void test_report_processes_the_newest_state_counts(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	world_upgrade_a(&world);
	made_up_write(at(&world, 45), "reopen",
		made_up_step(&world.run, "shop", "pause", "a", NULL));
	made_up_intent(
		at(&world, 50), "shop", "pause", "a", made_up_state("RUNNING"));
	assert_is(&world, "a", "RUNNING", "1.13.0");
	world_done(&world);
}

/* What was found up before we took it down does not end that time. */
static void test_report_processes_up_before_it_was_down(void **state)
{
	struct world world;

	(void)state;
	world_make(&world, made_up_fleet(2), "RUNNING");
	world_before(&world, "watch");
	made_up_write(at(&world, 5), "reopen",
		made_up_step(&world.run, "shop", "pause", "a", NULL));
	made_up_intent(at(&world, 10), "shop", "pause", "a", NULL);
	assert_paused(&world, "a", 20, 10, true);
	world_done(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_report_processes_before_anything_is_as_planned),
		cmocka_unit_test(
			test_report_processes_counts_what_still_stands),
		cmocka_unit_test(test_report_processes_after_the_upgrade),
		cmocka_unit_test(
			test_report_processes_found_paused_is_not_our_doing),
		cmocka_unit_test(
			test_report_processes_turned_back_before_the_start),
		cmocka_unit_test(
			test_report_processes_turned_back_after_it_ran),
		cmocka_unit_test(test_report_processes_never_came_up),
		cmocka_unit_test(
			test_report_processes_turned_back_under_pause_never),
		cmocka_unit_test(test_report_processes_aborted_stays_as_it_is),
		cmocka_unit_test(test_report_processes_stop_that_was_undone),
		cmocka_unit_test(test_report_processes_says_what_it_waits_for),
		cmocka_unit_test(
			test_report_processes_goes_back_to_what_is_opened),
		cmocka_unit_test(test_report_processes_the_newest_state_counts),
		cmocka_unit_test(test_report_processes_up_before_it_was_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
