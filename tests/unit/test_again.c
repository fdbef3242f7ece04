/*
 * test_again.c - when a run that is taken up again looks again, and what that
 * look forbids.
 */
#include "preflight_world.h"

#include "state/run_state.h"
#include "supervisor/plan/again.h"
#include "supervisor/plan/procedure.h"

/* What the journal would say right after the plan was made. */
static void plan_it(const struct survey *survey, struct run_state *ret_state)
{
	json_t *plan = procedure_find("mongosync")->forward(survey);
	struct err err = {0};

	assert_non_null(plan);
	memset(ret_state, 0, sizeof(*ret_state));
	assert_true(run_state_of_plan(ret_state, plan, &err));
	(void)snprintf(ret_state->run, sizeof(ret_state->run), "our-run");
}

static void plan_done(struct run_state *state)
{
	json_t *plan = (json_t *)(uintptr_t)state->plan;

	state->head = NULL;
	run_state_done(state);
	json_decref(plan);
}

static void begin(struct run_state *state, const char *kind)
{
	const struct run_stage *stage =
		run_course_stage(&state->lane[0].forward, kind);

	assert_non_null(stage);
	stage->step[0].intents = 1;
}

static void test_again_is_due_until_something_stands_still(void **state)
{
	static const struct {
		const char *kind;
		bool due;
	} kinds[] = {
		{"claim", true},
		{"preflight", true},
		{"deliver", true},
		{"revive", true},
		{"pause", false},
		{"hold", false},
		{"stop", false},
		{"release", false},
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct run_state run;

		plan_it(*state, &run);
		assert_true(again_is_due(&run));
		begin(&run, kinds[i].kind);
		assert_int_equal(again_is_due(&run), kinds[i].due);
		plan_done(&run);
	}
}

static void test_again_is_due_under_pause_never(void **state)
{
	json_t *fleet = made_up_fleet(2);
	struct run_state run;

	(void)json_object_set_new(fleet, "pause", json_string("never"));
	plan_it(take_fleet(state, fleet), &run);
	begin(&run, "deliver");
	assert_true(again_is_due(&run));
	begin(&run, "hold");
	assert_false(again_is_due(&run));
	plan_done(&run);
}

static void test_again_is_not_due_on_the_way_back(void **state)
{
	struct run_state run;

	plan_it(*state, &run);
	run.request = RUN_REQUEST_ROLLBACK;
	assert_false(again_is_due(&run));
	run.request = RUN_REQUEST_NONE;
	run.lane[0].turned = true;
	assert_false(again_is_due(&run));
	plan_done(&run);
}

/* Plans it, looks again, and judges that. */
static void judge(struct survey *survey, struct survey *again)
{
	struct run_state run;

	plan_it(survey, &run);
	check(again);
	again_judge(again, &run, "lost-run");
	plan_done(&run);
}

static void test_again_judge_passes_what_is_as_it_was(void **state)
{
	judge(*state, *state);
	assert_int_equal(survey_refused(*state), ERR_NONE);
}

static void test_again_judge_leaves_to_the_engine_what_it_decides(void **state)
{
	struct survey again;

	made_up_survey(&again, made_up_fleet(2));
	made_up_group(&again);
	/* one has ended, and the archive is not needed any more */
	again.instance[1].process = (struct process_seen){
		.view = PROCESS_GONE, .why = "nothing listens"};
	again.instance[1].version[0] = '\0';
	(void)err_set(
		&again.instance[1].progress_err, ERR_AGAIN, "no connection");
	again.host[0].delivered = true;
	(void)err_set(&again.artifact_err, ERR_CONFIG, "no such file");
	/* and claims are ours, or of the run that was given up */
	claim_it(&again.instance[0].claim);
	(void)snprintf(again.instance[0].claim.run,
		sizeof(again.instance[0].claim.run), "our-run");
	claim_it(&again.lane[0].link[0].claim);
	(void)snprintf(again.lane[0].link[0].claim.run,
		sizeof(again.lane[0].link[0].claim.run), "lost-run");
	judge(*state, &again);
	if (survey_refused(&again) != ERR_NONE) {
		print_findings(&again);
		fail_msg("no refusal was expected");
	}
	made_up_survey_done(&again);
}

static void test_again_judge_refuses_what_differs_from_the_plan(void **state)
{
	struct survey again;

	made_up_survey(&again, made_up_fleet(2));
	for (unsigned i = 0; i < 2; i++)
		(void)snprintf(again.instance[i].version,
			sizeof(again.instance[i].version), "1.11.0");
	(void)made_up_cluster(&again, 0, "cluster:bb");
	made_up_group(&again);
	judge(*state, &again);
	assert_says(&again, FINDING_REFUSAL, "version", "a",
		"it ran 1.12.0 when the run was planned, and runs 1.11.0");
	assert_says(&again, FINDING_REFUSAL, "destination", "shop",
		"it was cluster:aa when the run was planned, and is "
		"cluster:bb");
	made_up_survey_done(&again);
}

static void test_again_judge_refuses_what_preflight_does(void **state)
{
	struct survey *survey = *state;

	claim_it(&survey->instance[0].claim);
	judge(survey, survey);
	assert_int_equal(survey_refused(survey), ERR_HELD);
}

/* Late: who turns back by himself does, who does not would pause what must not
 * be paused at this hour. */
static void test_again_judge_of_a_time_that_is_past(void **state)
{
	static const struct {
		const char *on_failure;
		enum err_code refused;
	} cases[] = {
		{"rollback", ERR_NONE},
		{"restore", ERR_NONE},
		{"stop", ERR_CONFIG},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *fleet = made_up_fleet(2);
		struct survey survey;

		(void)json_object_set_new(
			fleet, "on_failure", json_string(cases[i].on_failure));
		made_up_survey(&survey, fleet);
		made_up_group(&survey);
		survey.now_ms = 2000000;
		survey.options.finish_by_ms = 1000000;
		judge(&survey, &survey);
		assert_int_equal(survey_refused(&survey), cases[i].refused);
		made_up_survey_done(&survey);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_SURVEY(test_again_is_due_until_something_stands_still),
		IN_SURVEY(test_again_is_due_under_pause_never),
		IN_SURVEY(test_again_is_not_due_on_the_way_back),
		IN_SURVEY(test_again_judge_passes_what_is_as_it_was),
		IN_SURVEY(
			test_again_judge_leaves_to_the_engine_what_it_decides),
		IN_SURVEY(test_again_judge_refuses_what_differs_from_the_plan),
		IN_SURVEY(test_again_judge_refuses_what_preflight_does),
		cmocka_unit_test(test_again_judge_of_a_time_that_is_past),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
