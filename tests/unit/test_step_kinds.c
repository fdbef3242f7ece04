/*
 * test_step_kinds.c - the table of kinds: each row makes sense, each is used.
 */
#include "procedure_world.h"

#include "supervisor/engine/step.h"

static void each_kind(void (*check)(const struct step_kind *kind))
{
	unsigned count;
	const struct step_kind *kinds = step_kinds(&count);

	assert_true(count > 0);
	for (unsigned i = 0; i < count; i++)
		check(&kinds[i]);
}

static void is_found_by_its_name(const struct step_kind *kind)
{
	assert_ptr_equal(step_kind_find(kind->name), kind);
}

/* step_kind_find() takes the first, so a second of that name is not found. */
static void test_step_kinds_have_names_of_their_own(void **state)
{
	(void)state;
	each_kind(is_found_by_its_name);
	assert_null(step_kind_find("no such kind"));
	assert_null(step_kind_find(""));
	assert_null(step_kind_find(NULL));
}

static void has_a_plain_name(const struct step_kind *kind)
{
	size_t len = strlen(kind->name);

	/* It stands in STEP@TARGET=..., in columns of ten, in a crash point. */
	if (len == 0 || len > 10 ||
		strspn(kind->name, "abcdefghijklmnopqrstuvwxyz-") != len)
		fail_msg("\"%s\"", kind->name);
}

static void test_step_kinds_have_plain_names(void **state)
{
	(void)state;
	each_kind(has_a_plain_name);
}

static void says_what_it_does(const struct step_kind *kind)
{
	const char *mark = strchr(kind->doing, '%');

	if (!mark || mark[1] != 's' || strchr(mark + 1, '%') ||
		mark == kind->doing)
		fail_msg("%s: \"%s\"", kind->name, kind->doing);
}

static void test_step_kinds_say_what_they_do_to_one_target(void **state)
{
	(void)state;
	each_kind(says_what_it_does);
}

static void ends(const struct step_kind *kind)
{
	if (kind->patience_s == 0 || kind->tries == 0)
		fail_msg("%s: patience %u, tries %u", kind->name,
			kind->patience_s, kind->tries);
}

static void test_step_kinds_end_some_time(void **state)
{
	(void)state;
	each_kind(ends);
}

static void is_quiet_as_it_says(const struct step_kind *kind)
{
	if ((kind->again == AGAIN_QUIET) != (kind->quiet_s > 0))
		fail_msg("%s: quiet for %u s", kind->name, kind->quiet_s);
	if (kind->quiet_s > kind->patience_s)
		fail_msg("%s: quiet longer than patient", kind->name);
}

static void test_step_kinds_are_quiet_as_they_say(void **state)
{
	(void)state;
	each_kind(is_quiet_as_it_says);
}

static void can_be_carried_out(const struct step_kind *kind)
{
	if (!kind->observe)
		fail_msg("%s cannot be observed", kind->name);
	/* Without an act nothing is guarded or repeated. */
	if (!kind->act && (kind->guard || kind->again != AGAIN_SAFE))
		fail_msg("%s guards what it does not do", kind->name);
}

static void test_step_kinds_can_be_carried_out(void **state)
{
	(void)state;
	each_kind(can_be_carried_out);
}

/* Whose second act could harm: a process that got two signals, a sync that was
 * resumed before it was paused. */
static void test_step_kinds_with_effects_that_linger_are_quiet(void **state)
{
	static const char *const linger[] = {
		"pause", "stop", "start", "resume"};

	(void)state;
	for (size_t i = 0; i < sizeof(linger) / sizeof(linger[0]); i++) {
		const struct step_kind *kind = step_kind_find(linger[i]);

		assert_non_null(kind);
		assert_int_equal(kind->again, AGAIN_QUIET);
		assert_non_null(kind->guard);
	}
}

static void add_kinds(json_t *set, const json_t *stages)
{
	json_t *stage;
	size_t i;

	json_array_foreach (stages, i, stage)
		(void)json_object_set_new(set,
			json_string_value(json_object_get(stage, "kind")),
			json_true());
}

/* Every kind that the procedure may ever name: a lane with all stages, its way
 * back from the end and from a pause, its end by abort, its proof. */
static json_t *named_kinds(void)
{
	json_t *set = json_object(), *plan, *course;
	struct procedure_proof proof = {0};
	struct procedure_clock clock;
	struct made_up_run run;
	struct survey survey;

	made_up_survey(&survey, made_up_fleet(1));
	made_up_group(&survey);
	survey.lane[0].link[0].kept = false;
	plan = mongosync()->forward(&survey);
	made_up_begin(&run, plan);
	add_kinds(set, json_object_get(run.state.lane[0].json, "stages"));
	go_through(&run, "shop", "release");
	course = mongosync()->back(plan, &run.state.lane[0], true);
	add_kinds(set, course);
	json_decref(course);
	course = mongosync()->leave(&run.state.lane[0]);
	add_kinds(set, course);
	json_decref(course);
	assert_true(mongosync()->proof(&run.state.lane[0], &proof));
	(void)json_object_set_new(set, proof.kind, json_true());
	(void)mongosync()->clock(&run.state.lane[0], &clock);
	(void)json_object_set_new(set, clock.look.kind, json_true());
	json_decref(clock.stood);
	made_up_done(&run);
	json_decref(plan);
	made_up_survey_done(&survey);
	return set;
}

static void test_step_kinds_are_those_that_plans_name(void **state)
{
	json_t *named = named_kinds(), *value;
	unsigned count;
	const struct step_kind *kinds = step_kinds(&count);
	const char *name;

	(void)state;
	json_object_foreach (named, name, value)
		if (!step_kind_find(name))
			fail_msg("a plan names %s, which is in no row", name);
	for (unsigned i = 0; i < count; i++)
		if (!json_object_get(named, kinds[i].name))
			fail_msg("no plan names %s", kinds[i].name);
	json_decref(named);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_step_kinds_have_names_of_their_own),
		cmocka_unit_test(test_step_kinds_have_plain_names),
		cmocka_unit_test(
			test_step_kinds_say_what_they_do_to_one_target),
		cmocka_unit_test(test_step_kinds_end_some_time),
		cmocka_unit_test(test_step_kinds_are_quiet_as_they_say),
		cmocka_unit_test(test_step_kinds_can_be_carried_out),
		cmocka_unit_test(
			test_step_kinds_with_effects_that_linger_are_quiet),
		cmocka_unit_test(test_step_kinds_are_those_that_plans_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
