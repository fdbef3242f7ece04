/*
 * test_procedure_back.c - the ways back and out of the mongosync procedure:
 * from where a lane is, as its journal tells it.
 */
#include "procedure_world.h"

#include "supervisor/engine/step.h"

struct world {
	struct survey survey;
	json_t *plan;
	struct made_up_run run;
};

/* fleet is stolen; phases: one word for each instance. */
static void take(struct world *world, json_t *fleet, const char *const *phases,
	bool is_adopted)
{
	memset(world, 0, sizeof(*world));
	made_up_survey(&world->survey, fleet);
	for (unsigned i = 0; i < world->survey.instance_count; i++) {
		struct sync_progress *progress =
			&world->survey.instance[i].progress;

		progress->phase = sync_phase_parse(phases[i]);
		(void)snprintf(progress->phase_text,
			sizeof(progress->phase_text), "%s", phases[i]);
	}
	made_up_group(&world->survey);
	world->survey.lane[0].link[0].kept = !is_adopted;
	world->plan = mongosync()->forward(&world->survey);
	made_up_begin(&world->run, world->plan);
}

static void drop(struct world *world)
{
	made_up_done(&world->run);
	json_decref(world->plan);
	made_up_survey_done(&world->survey);
}

static struct run_lane *lane_of(const struct world *world)
{
	return &world->run.state.lane[0];
}

static json_t *back(const struct world *world, bool restore)
{
	json_t *course = mongosync()->back(
		world->run.state.plan, lane_of(world), restore);

	assert_non_null(course);
	return course;
}

static void assert_back(
	const struct world *world, bool restore, const char *expected)
{
	json_t *course = back(world, restore);

	assert_course(course, expected);
	json_decref(course);
}

static const char *const running[] = {"RUNNING", "RUNNING", "RUNNING"};
static const char *const mixed[] = {"RUNNING", "PAUSED", "IDLE"};

static json_t *fleet_never(unsigned count)
{
	json_t *fleet = made_up_fleet(count);

	(void)json_object_set_new(fleet, "pause", json_string("never"));
	return fleet;
}

#define OUT "release lane:shop\n"
#define RESTORE "restore link:shop version=\"1.12.0\"\n"
#define DOWN(answered, restore)                                                \
	"hold link:shop\n"                                                     \
	"pause a leaving=true\n"                                               \
	"stop a answered=" answered " leaving=true\n"                          \
	"put-back metadata:shop restore=" restore "\n"
#define UP "start a version=\"1.12.0\"\n"
#define ALL_DOWN(answered)                                                     \
	"hold link:shop\n"                                                     \
	"pause a b c leaving=true\n"                                           \
	"stop a b c answered=" answered " leaving=true\n"                      \
	"put-back metadata:shop restore=false\n"
#define ALL_UP "start a b c version=\"1.12.0\"\n"

/* From each stage of a lane that was adopted: with its INTENT, and done. */
static void test_back_from_each_stage(void **state)
{
	static const char early[] = OUT;
	static const char adopted[] = "unadopt link:shop\n" OUT;
	static const char paused[] = "unadopt link:shop\n" UP "resume a\n" OUT;
	static const char held[] =
		RESTORE "unadopt link:shop\n" UP "resume a\n" OUT;
	static const char stopped[] =
		RESTORE "unadopt link:shop\n" UP "resume a\n" OUT;
	static const char linked[] = DOWN("[]", "false") RESTORE
		"unadopt link:shop\n" UP "resume a\n" OUT;
	static const char started[] = DOWN("[\"a\"]", "false") RESTORE
		"unadopt link:shop\n" UP "resume a\n" OUT;
	static const struct {
		const char *kind, *begun, *done;
	} ways[] = {
		{"claim", early, early},
		{"preflight", early, early},
		{"deliver", early, early},
		{"adopt", adopted, adopted},
		{"revive", adopted, adopted},
		{"pause",
			"pause a landing=true\n"
			"unadopt link:shop\n" UP "resume a\n" OUT,
			paused},
		{"hold", held, held},
		{"stop", stopped, stopped},
		{"save", stopped, stopped},
		{"activate", linked, linked},
		{"start", linked, started},
		{"verify", started, started},
		{"resume", started, started},
		{"watch", started, started},
		{"settle", started, started},
		{"release", started, started},
	};
	struct world world;

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const struct run_course *course;

		take(&world, made_up_fleet(1), running, true);
		course = &lane_of(&world)->forward;
		assert_int_equal(
			course->stage_count, sizeof(ways) / sizeof(ways[0]));
		go_before(&world.run, "shop", ways[i].kind);
		go_stage(&world.run, "shop",
			run_course_stage(course, ways[i].kind), false);
		assert_back(&world, false, ways[i].begun);
		drop(&world);

		take(&world, made_up_fleet(1), running, true);
		go_through(&world.run, "shop", ways[i].kind);
		assert_back(&world, false, ways[i].done);
		drop(&world);
	}
}

static void test_back_from_nothing_only_releases(void **state)
{
	struct world world;

	(void)state;
	take(&world, made_up_fleet(1), running, false);
	assert_back(&world, true, OUT);
	drop(&world);
}

static void test_back_with_consent_may_put_back(void **state)
{
	struct world world;

	(void)state;
	take(&world, made_up_fleet(1), running, false);
	go_before(&world.run, "shop", "activate");
	made_up_intent(&world.run, "shop", "activate", "link:shop", NULL);
	assert_back(
		&world, true, DOWN("[]", "true") RESTORE UP "resume a\n" OUT);
	drop(&world);

	take(&world, made_up_fleet(1), running, false);
	go_through(&world.run, "shop", "start");
	assert_back(&world, true,
		DOWN("[\"a\"]", "true") RESTORE UP "resume a\n" OUT);
	drop(&world);
}

/* Since the sync ran on the new version, the saved copy is no longer true. */
static void test_back_after_resume_never_puts_back(void **state)
{
	struct world world;

	(void)state;
	take(&world, made_up_fleet(1), running, false);
	go_before(&world.run, "shop", "resume");
	made_up_intent(&world.run, "shop", "resume", "a", NULL);
	assert_back(&world, true,
		DOWN("[\"a\"]", "false") RESTORE UP "resume a\n" OUT);
	drop(&world);
}

static void test_back_touches_only_what_was_begun(void **state)
{
	struct world world;

	(void)state;
	take(&world, made_up_fleet(3), running, false);
	go_before(&world.run, "shop", "stop");
	made_up_act(&world.run, "shop", "stop", "a");
	made_up_intent(&world.run, "shop", "stop", "b", NULL);
	assert_back(&world, false, RESTORE ALL_UP "resume a b c\n" OUT);
	drop(&world);
}

/* The link leads to the new version: whom we did not start, a reboot or a
 * person may have.  Only who was seen up must answer before it is stopped. */
static void test_back_takes_down_all_once_linked(void **state)
{
	struct world world;

	(void)state;
	take(&world, made_up_fleet(3), running, false);
	go_before(&world.run, "shop", "activate");
	assert_back(&world, false, RESTORE ALL_UP "resume a b c\n" OUT);
	made_up_intent(&world.run, "shop", "activate", "link:shop", NULL);
	assert_back(&world, false,
		ALL_DOWN("[]") RESTORE ALL_UP "resume a b c\n" OUT);
	made_up_step_done(&world.run, "shop", "activate", "link:shop", "acted");
	made_up_intent(&world.run, "shop", "start", "b", NULL);
	assert_back(&world, false,
		ALL_DOWN("[]") RESTORE ALL_UP "resume a b c\n" OUT);
	made_up_act(&world.run, "shop", "start", "a");
	assert_back(&world, false,
		ALL_DOWN("[\"a\"]") RESTORE ALL_UP "resume a b c\n" OUT);
	made_up_step_done(&world.run, "shop", "start", "c", "found");
	assert_back(&world, false,
		ALL_DOWN("[\"a\",\"c\"]") RESTORE ALL_UP "resume a b c\n" OUT);
	drop(&world);
}

static void test_back_leaves_paused_who_was_paused_before(void **state)
{
	struct world world;

	(void)state;
	take(&world, made_up_fleet(3), mixed, false);
	go_through(&world.run, "shop", "start");
	assert_back(&world, false,
		ALL_DOWN("[\"a\",\"b\",\"c\"]") RESTORE ALL_UP
		"resume a\n" OUT);
	drop(&world);
}

/* Somebody else paused b between the survey and our pause. */
static void test_back_leaves_paused_who_was_found_paused(void **state)
{
	struct world world;

	(void)state;
	take(&world, made_up_fleet(3), running, false);
	go_before(&world.run, "shop", "pause");
	made_up_act(&world.run, "shop", "pause", "a");
	made_up_step_done(&world.run, "shop", "pause", "b", "found");
	made_up_intent(&world.run, "shop", "pause", "c", NULL);
	made_up_step_done(&world.run, "shop", "pause", "c", "recovered");
	assert_back(&world, false,
		"start a c version=\"1.12.0\"\n"
		"resume a c\n" OUT);
	drop(&world);
}

/* A pause without an outcome may still come, after its resume even. */
static void test_back_waits_for_a_pause_that_may_still_come(void **state)
{
	struct world world;

	(void)state;
	take(&world, made_up_fleet(2), running, false);
	go_before(&world.run, "shop", "pause");
	made_up_act(&world.run, "shop", "pause", "a");
	made_up_intent(&world.run, "shop", "pause", "b", NULL);
	made_up_write(&world.run, "failed",
		made_up_step(&world.run, "shop", "pause", "b", NULL));
	assert_back(&world, false,
		"pause b landing=true\n"
		"start a b version=\"1.12.0\"\n"
		"resume a b\n" OUT);
	drop(&world);
}

/* All ran before the run: who died under our hold is started again, too. */
static void test_back_starts_who_was_found_gone(void **state)
{
	struct world world;

	(void)state;
	take(&world, made_up_fleet(2), running, false);
	go_before(&world.run, "shop", "stop");
	made_up_step_done(&world.run, "shop", "stop", "a", "found");
	made_up_act(&world.run, "shop", "stop", "b");
	assert_back(&world, false,
		RESTORE "start a b version=\"1.12.0\"\n"
			"resume a b\n" OUT);
	made_up_write(&world.run, "reopen",
		made_up_step(&world.run, "shop", "stop", "a", NULL));
	assert_back(&world, false,
		RESTORE "start a b version=\"1.12.0\"\n"
			"resume a b\n" OUT);
	drop(&world);
}

/* Nothing was paused on the way forward; on the way back all of it is. */
static void test_back_under_pause_never(void **state)
{
	struct world world;

	(void)state;
	take(&world, fleet_never(3), mixed, false);
	go_through(&world.run, "shop", "save");
	assert_back(&world, true, RESTORE ALL_UP OUT);
	made_up_intent(&world.run, "shop", "activate", "link:shop", NULL);
	assert_back(
		&world, true, ALL_DOWN("[]") RESTORE ALL_UP "resume a\n" OUT);
	made_up_step_done(&world.run, "shop", "activate", "link:shop", "acted");
	made_up_act(&world.run, "shop", "start", "a");
	made_up_act(&world.run, "shop", "start", "b");
	assert_back(&world, true,
		ALL_DOWN("[\"a\",\"b\"]") RESTORE ALL_UP "resume a\n" OUT);
	drop(&world);

	/* All that ran, also whom we did not start: the pause may meet it. */
	take(&world, fleet_never(3), running, false);
	go_through(&world.run, "shop", "activate");
	made_up_act(&world.run, "shop", "start", "a");
	assert_back(&world, true,
		ALL_DOWN("[\"a\"]") RESTORE ALL_UP "resume a b c\n" OUT);
	drop(&world);
}

static void test_back_takes_its_waits_from_the_frozen_fleet(void **state)
{
	json_t *fleet = made_up_fleet(1), *course;
	struct world world;

	(void)state;
	(void)json_object_set_new(fleet, "timeouts",
		json_pack("{s:i, s:i}", "resume", 77, "resume_quiet", 7));
	take(&world, fleet, running, false);
	go_through(&world.run, "shop", "pause");
	course = back(&world, false);
	assert_int_equal(json_integer_value(json_object_get(
				 json_array_get(course, 1), "patience_s")),
		77);
	assert_int_equal(json_integer_value(json_object_get(
				 json_array_get(course, 1), "quiet_s")),
		7);
	json_decref(course);
	drop(&world);
}

/* leave and proof */

static void test_leave_only_releases(void **state)
{
	struct world world;
	json_t *course;

	(void)state;
	take(&world, made_up_fleet(2), running, true);
	go_through(&world.run, "shop", "start");
	course = mongosync()->leave(lane_of(&world));
	assert_course(course, OUT);
	assert_int_equal(json_integer_value(json_object_get(
				 json_array_get(course, 0), "patience_s")),
		step_kind_find("release")->patience_s);
	json_decref(course);
	drop(&world);
}

static void test_proof_is_asked_for_once_the_new_version_began(void **state)
{
	struct procedure_proof proof = {0};
	struct world world;

	(void)state;
	take(&world, made_up_fleet(2), running, false);
	assert_false(mongosync()->proof(lane_of(&world), &proof));
	go_before(&world.run, "shop", "activate");
	assert_false(mongosync()->proof(lane_of(&world), &proof));
	made_up_intent(&world.run, "shop", "activate", "link:shop", NULL);
	assert_true(mongosync()->proof(lane_of(&world), &proof));
	assert_string_equal(proof.kind, "prove");
	assert_string_equal(proof.stage, "save");
	assert_string_equal(proof.target, "metadata:shop");
	drop(&world);

	/* The link was found to lead there already: our start began it. */
	take(&world, made_up_fleet(2), running, false);
	go_before(&world.run, "shop", "activate");
	made_up_step_done(&world.run, "shop", "activate", "link:shop", "found");
	made_up_intent(&world.run, "shop", "start", "b", NULL);
	assert_true(mongosync()->proof(lane_of(&world), &proof));
	drop(&world);
}

/* what holds for every course, from wherever */

static const json_t *stage_of(
	const json_t *course, const char *kind, size_t *ret_index)
{
	json_t *stage;
	size_t i;

	*ret_index = SIZE_MAX;
	json_array_foreach (course, i, stage) {
		if (strcmp(json_string_value(json_object_get(stage, "kind")),
			    kind) != 0)
			continue;
		*ret_index = i;
		return stage;
	}
	return NULL;
}

static bool names(const json_t *course, const char *kind, const char *target)
{
	size_t index, i;
	json_t *item;

	json_array_foreach (
		json_object_get(stage_of(course, kind, &index), "targets"), i,
		item)
		if (strcmp(json_string_value(item), target) == 0)
			return true;
	return false;
}

/* From here on somebody may have started the new version. */
static bool may_run_new(const struct world *world)
{
	const struct run_course *way = &lane_of(world)->forward;

	return run_course_reached(way, "activate") ||
	       run_course_reached(way, "start");
}

static void check_order(const struct world *world, const json_t *course)
{
	static const char *const order[] = {"hold", "pause", "stop", "put-back",
		"restore", "unadopt", "start", "resume", "release"};
	bool is_down = may_run_new(world);
	size_t index, last = 0;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (!stage_of(course, order[i], &index))
			continue;
		assert_true(index >= last);
		last = index;
	}
	assert_int_equal(last, json_array_size(course) - 1); /* release */
	/* Nothing is stopped unless it is held, nothing else stops anything. */
	assert_int_equal(stage_of(course, "hold", &index) != NULL, is_down);
	assert_int_equal(stage_of(course, "stop", &index) != NULL, is_down);
}

static void check_targets(const struct world *world, const json_t *course)
{
	const struct run_course *way = &lane_of(world)->forward;
	bool is_never = world->survey.fleet->pause == FLEET_PAUSE_NEVER;
	bool is_down = may_run_new(world);

	for (unsigned i = 0; i < world->survey.instance_count; i++) {
		const struct seen_instance *seen = &world->survey.instance[i];
		const char *name = seen->instance->name;
		const struct run_step *pause =
			run_course_step(way, "pause", name);
		const struct run_step *stop =
			run_course_step(way, "stop", name);
		bool was_running = seen->progress.phase == SYNC_PHASE_RUNNING;

		assert_int_equal(names(course, "resume", name),
			is_never ? was_running && is_down
				 : pause && pause->intents > 0);
		assert_int_equal(names(course, "start", name),
			stop->intents > 0 || stop->done_at > 0 ||
				run_course_began(way, "hold") ||
				(pause && pause->intents > 0));
		assert_int_equal(names(course, "stop", name), is_down);
		if (is_down)
			assert_true(names(course, "pause", name));
	}
}

static void check_put_back(
	const struct world *world, const json_t *course, bool restore)
{
	const struct run_course *way = &lane_of(world)->forward;
	size_t index;
	const json_t *stage = stage_of(course, "put-back", &index);
	bool is_allowed = json_is_true(json_object_get(stage, "restore"));

	assert_int_equal(stage != NULL,
		may_run_new(world) && run_course_began(way, "save"));
	assert_int_equal(is_allowed,
		stage && restore &&
			world->survey.fleet->pause != FLEET_PAUSE_NEVER &&
			!run_course_began(way, "resume"));
}

static void check_is_carried_out(struct world *world, const json_t *course)
{
	json_t *stage;
	size_t i;

	json_array_foreach (course, i, stage) {
		const char *version =
			json_string_value(json_object_get(stage, "version"));

		assert_non_null(step_kind_find(
			json_string_value(json_object_get(stage, "kind"))));
		if (version)
			assert_string_equal(version, MADE_UP_FROM);
	}
	made_up_write(&world->run, "turn",
		json_pack("{s:s, s:s, s:s, s:O}", "lane", "shop", "why", "why",
			"outcome", "turned-back", "course", course));
	go_through(&world->run, "shop", "release");
}

static void test_back_from_anywhere(void **state)
{
	static const struct {
		bool is_never, is_adopted;
		const char *const *phases;
	} worlds[] = {
		{false, false, running},
		{false, true, mixed},
		{true, false, running},
		{true, true, mixed},
	};
	unsigned courses = 0;

	(void)state;
	for (unsigned seed = 1; seed <= 400; seed++) {
		size_t which = seed % (sizeof(worlds) / sizeof(worlds[0]));
		unsigned random = seed;
		bool restore = seed / 4 % 2 == 0;
		struct world world;
		json_t *course;

		take(&world,
			worlds[which].is_never ? fleet_never(3)
					       : made_up_fleet(3),
			worlds[which].phases, worlds[which].is_adopted);
		wander(&world.run,
			(unsigned)rand_r(&random) %
				lane_of(&world)->forward.stage_count,
			&random);
		course = back(&world, restore);
		check_order(&world, course);
		check_targets(&world, course);
		check_put_back(&world, course, restore);
		check_is_carried_out(&world, course);
		courses += json_array_size(course) > 1;
		json_decref(course);
		drop(&world);
	}
	assert_true(courses > 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_back_from_each_stage),
		cmocka_unit_test(test_back_from_nothing_only_releases),
		cmocka_unit_test(test_back_with_consent_may_put_back),
		cmocka_unit_test(test_back_after_resume_never_puts_back),
		cmocka_unit_test(test_back_touches_only_what_was_begun),
		cmocka_unit_test(test_back_takes_down_all_once_linked),
		cmocka_unit_test(test_back_leaves_paused_who_was_paused_before),
		cmocka_unit_test(test_back_leaves_paused_who_was_found_paused),
		cmocka_unit_test(
			test_back_waits_for_a_pause_that_may_still_come),
		cmocka_unit_test(test_back_starts_who_was_found_gone),
		cmocka_unit_test(test_back_under_pause_never),
		cmocka_unit_test(
			test_back_takes_its_waits_from_the_frozen_fleet),
		cmocka_unit_test(test_leave_only_releases),
		cmocka_unit_test(
			test_proof_is_asked_for_once_the_new_version_began),
		cmocka_unit_test(test_back_from_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
