/*
 * test_kills.c - each scenario dies by SIGKILL at each crash point; what is
 * left is sound, and doing it again works.
 *
 * Points are counted by the process, and a fork takes the count along.  So
 * everything that passes points happens in children.
 */
#include "scenarios.h"

#include "../unit/scratch.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define POINTS_MAX 200

static const struct scenario *scenario;
static struct world *world; /* shared with the children */

static void child_prepares(void)
{
	struct world ignored = *world;

	scenario->prepare(&ignored);
}

static void child_acts(void)
{
	struct err err = {0};

	(void)scenario->act(world, &err);
}

static void complain(const char *when, const char *what)
{
	(void)fprintf(stderr, "%s, %s: %s\n", scenario->name, when, what);
	_exit(1);
}

static void child_checks(void)
{
	struct world again = {.synced = 0};
	struct err err = {0};
	const char *wrong = scenario->check(world, false);
	bool ok;

	if (wrong[0] && scenario->undisturbed == ERR_NONE)
		complain("after the kill", wrong);
	(void)snprintf(again.path, sizeof(again.path), "%s", world->path);
	ok = scenario->act(&again, &err);
	if (!ok && err.code != ERR_HELD)
		complain("again", err.msg);
	/* ERR_HELD: it had been created, by the one that was killed. */
	if (again.synced < world->synced)
		again.synced = world->synced;
	wrong = scenario->check(&again, ok);
	if (wrong[0])
		complain("when done again", wrong);
}

static int in_child(void (*work)(void), unsigned crash_at)
{
	char number[16];
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		(void)snprintf(number, sizeof(number), "%u", crash_at);
		(void)setenv("SYNCUP_CRASH_AT", number, 1);
		work();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

/* False when the scenario has no such point. */
static bool kill_at(unsigned point)
{
	struct scratch scratch;
	int status;

	scratch_make(&scratch);
	*world = (struct world){0};
	(void)snprintf(
		world->path, sizeof(world->path), "%s/entry", scratch.dir);
	assert_int_equal(in_child(child_prepares, 0), 0);
	status = in_child(child_acts, point);
	if (in_child(child_checks, 0) != 0)
		fail_msg("%s, killed at point %u", scenario->name, point);
	scratch_remove(&scratch);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void test_state_every_scenario_survives_every_kill(void **state)
{
	(void)state;
#ifndef SYNCUP_CRASH_POINTS
	skip();
#endif
	world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(world != MAP_FAILED);
	for (unsigned s = 0; s < scenario_count; s++) {
		unsigned point = 1;

		scenario = &scenarios[s];
		while (kill_at(point))
			assert_true(++point < POINTS_MAX);
		/* Every sync has a point before it and one behind it. */
		assert_true(point > 2 * (scenario->file_syncs +
						scenario->directory_syncs));
		print_message("%s: %u points\n", scenario->name, point - 1);
	}
	assert_int_equal(munmap(world, sizeof(*world)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state_every_scenario_survives_every_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
