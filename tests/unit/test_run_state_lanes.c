/*
 * test_run_state_lanes.c - what is not about one step: turns, halts, answers,
 * requests, ends; and notes, which are about nothing.
 */
#include "run_state_world.h"

/* turn, halt, resumed */

static json_t *turn(const char *lane, const char *outcome)
{
	return json_pack("{s:s, s:s, s:s, s:[o,o]}", "lane", lane, "why",
		"start a: it ended", "outcome", outcome, "course",
		made_up_stage("stop", "a b"), made_up_stage("start", "b"));
}

static void test_turn_puts_the_lane_on_its_new_course(void **state)
{
	struct made_up_run *run = *state;
	struct run_lane *lane = run_state_lane(&run->state, "east");

	made_up_act(run, "east", "pause", "a");
	assert_ptr_equal(run_lane_course(lane), &lane->forward);
	made_up_write(run, "turn", turn("east", "turned-back"));
	assert_ptr_equal(run_lane_course(lane), &lane->back);
	assert_true(lane->turned);
	assert_int_equal(lane->turn_outcome, RUN_TURNED_BACK);
	assert_int_equal(lane->outcome, RUN_UNFINISHED);
	assert_string_equal(lane->turn_why, "start a: it ended");
	assert_int_equal(lane->back.stage_count, 2);

	/* The same kind on both ways: two steps, kept apart. */
	made_up_act(run, "east", "start", "b");
	assert_int_equal(
		run_course_step(&lane->back, "start", "b")->status, RUN_DONE);
	assert_int_equal(run_course_step(&lane->forward, "start", "b")->status,
		RUN_PENDING);
	assert_int_equal(run_course_step(&lane->forward, "pause", "a")->status,
		RUN_DONE);
	assert_false(run_state_lane(&run->state, "west")->turned);
	/* What only the way forward had can no longer be spoken of. */
	assert_refused(run, "intent",
		json_pack("{s:s, s:s, s:s, s:i}", "lane", "east", "step",
			"pause", "target", "b", "stage", 0),
		"that the plan lacks");
}

static void test_turn_twice_takes_the_last_course(void **state)
{
	struct made_up_run *run = *state;
	struct run_lane *lane = run_state_lane(&run->state, "east");

	made_up_write(run, "turn", turn("east", "turned-back"));
	made_up_intent(run, "east", "stop", "a", made_up_state("PAUSED"));
	made_up_write(run, "turn",
		json_pack("{s:s, s:s, s:s, s:[o]}", "lane", "east", "why",
			"abort", "outcome", "aborted", "course",
			made_up_stage("release", "lane:east")));
	assert_int_equal(lane->turn_outcome, RUN_ABORTED);
	assert_string_equal(lane->turn_why, "abort");
	assert_int_equal(lane->back.stage_count, 1);
	assert_string_equal(lane->back.stage[0].kind, "release");
}

static void test_turn_that_cannot_be_followed_is_refused(void **state)
{
	struct made_up_run *run = *state;

	assert_refused(
		run, "turn", turn("north", "turned-back"), "unknown lane");
	assert_refused(run, "turn", turn("east", "sideways"), "outcome");
	assert_refused(run, "turn",
		json_pack("{s:s, s:s, s:[{s:s}]}", "lane", "east", "outcome",
			"turned-back", "course", "kind", "stop"),
		"without kind or targets");
}

static void test_halt_is_cleared_by_resumed(void **state)
{
	struct made_up_run *run = *state;
	struct run_lane *lane = run_state_lane(&run->state, "east");

	made_up_write(run, "halt",
		json_pack("{s:s, s:i, s:s, s:s, s:[s]}", "lane", "east", "code",
			7, "why", "nobody knows", "decide", "stop@a", "log",
			"bye"));
	assert_int_equal(lane->halt_code, 7);
	assert_int_equal(json_array_size(lane->halt_log), 1);
	assert_string_equal(lane->halt_why, "nobody knows");
	assert_string_equal(lane->halt_decide, "stop@a");
	assert_int_equal(run_state_lane(&run->state, "west")->halt_code, 0);

	made_up_write(run, "resumed",
		json_pack("{s:s, s:i, s:s}", "boot", "another", "pid", 5,
			"syncup", "0.2.0"));
	assert_int_equal(lane->halt_code, 0);
	assert_null(lane->halt_why);
	assert_null(lane->halt_decide);
	assert_null(lane->halt_log);
	assert_int_equal(run->state.resumed, 1);
	assert_int_equal(run->state.pid, 5);
	assert_string_equal(run->state.boot, "another");
	assert_string_equal(run->state.syncup, "0.2.0");
	assert_string_equal(run->state.run, "made-up");
	assert_refused(run, "halt", json_pack("{s:s}", "lane", "north"),
		"unknown lane");
}

/* answer, request */

static json_t *answer(const char *target, const char *word)
{
	return json_pack("{s:s, s:s, s:s}", "step", "start", "target", target,
		"answer", word);
}

static void test_answer_is_used_up_by_what_follows(void **state)
{
	static const char *const uses[] = {"intent", "done", "failed"};
	struct made_up_run *run = *state;
	const struct run_state *seen = &run->state;

	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		const struct run_answer *given;

		made_up_write(run, "answer", answer("a", "again"));
		given = run_state_answer(seen, "start", "a");
		assert_non_null(given);
		assert_string_equal(given->answer, "again");
		assert_null(run_state_answer(seen, "start", "b"));
		assert_null(run_state_answer(seen, "stop", "a"));
		/* A look, and what happens to others, leaves it there. */
		made_up_write(run, "note",
			made_up_step(run, "east", "start", "a", NULL));
		made_up_act(run, "east", "start", "b");
		made_up_act(run, "east", "stop", "a");
		assert_non_null(run_state_answer(seen, "start", "a"));
		made_up_write(run, uses[i],
			made_up_step(run, "east", "start", "a",
				json_pack("{s:s}", "how", "acted")));
		assert_null(run_state_answer(seen, "start", "a"));
	}
	assert_int_equal(seen->answer_count, 3);
}

static void test_answer_the_last_one_counts(void **state)
{
	struct made_up_run *run = *state;

	made_up_write(run, "answer", answer("a", "again"));
	made_up_write(run, "answer", answer("a", "stop"));
	assert_string_equal(
		run_state_answer(&run->state, "start", "a")->answer, "stop");
	made_up_act(run, "east", "start", "a");
	assert_null(run_state_answer(&run->state, "start", "a"));
}

static void test_answer_gives_the_step_all_its_tries_again(void **state)
{
	struct made_up_run *run = *state;

	for (int i = 0; i < 2; i++) {
		made_up_write(run, "failed",
			made_up_step(run, "east", "start", "a", NULL));
		made_up_write(run, "failed",
			made_up_step(run, "east", "start", "b", NULL));
	}
	made_up_write(run, "answer", answer("a", "again"));
	assert_int_equal(east(run, "start", "a")->failures, 0);
	assert_int_equal(east(run, "start", "b")->failures, 2);
}

static void test_answer_without_its_members_is_refused(void **state)
{
	assert_refused(*state, "answer",
		json_pack("{s:s, s:s}", "step", "start", "target", "a"),
		"without its members");
	assert_refused(*state, "answer",
		json_pack("{s:s, s:s}", "step", "start", "answer", "again"),
		"without its members");
}

static void test_request_the_last_one_counts(void **state)
{
	struct made_up_run *run = *state;

	assert_int_equal(run->state.request, RUN_REQUEST_NONE);
	made_up_write(run, "request", json_pack("{s:s}", "what", "rollback"));
	assert_int_equal(run->state.request, RUN_REQUEST_ROLLBACK);
	assert_false(run->state.request_restore);
	made_up_write(run, "request", json_pack("{s:s}", "what", "forward"));
	assert_int_equal(run->state.request, RUN_REQUEST_NONE);
	made_up_write(run, "request",
		json_pack("{s:s, s:b}", "what", "rollback", "restore", 1));
	assert_true(run->state.request_restore);
	made_up_write(run, "request", json_pack("{s:s}", "what", "abort"));
	assert_int_equal(run->state.request, RUN_REQUEST_ABORT);
}

static void test_request_for_something_unknown_is_refused(void **state)
{
	assert_refused(*state, "request", json_pack("{s:s}", "what", "dance"),
		"unknown request");
	assert_refused(*state, "request", NULL, "unknown request");
}

/* lane-end, end, stopped */

static void test_lane_end_and_end_say_how_it_ended(void **state)
{
	struct made_up_run *run = *state;
	struct run_lane *lane = run_state_lane(&run->state, "east");

	made_up_write(run, "lane-end",
		json_pack("{s:s, s:s}", "lane", "east", "outcome",
			"turned-back"));
	assert_int_equal(lane->outcome, RUN_TURNED_BACK);
	assert_int_equal(lane->end_at, run->at);
	assert_int_equal(
		run_state_lane(&run->state, "west")->outcome, RUN_UNFINISHED);
	assert_int_equal(run->state.outcome, RUN_UNFINISHED);
	made_up_write(run, "end",
		json_pack("{s:s, s:i}", "outcome", "turned-back", "exit", 9));
	assert_int_equal(run->state.outcome, RUN_TURNED_BACK);
	assert_int_equal(run->state.exit_code, 9);
	assert_int_equal(run->state.ended_at, run->at);
}

static void test_outcome_of_an_unknown_name_is_refused(void **state)
{
	struct made_up_run *run = *state;

	assert_refused(run, "lane-end",
		json_pack("{s:s, s:s}", "lane", "east", "outcome", "fine"),
		"unknown outcome");
	assert_refused(run, "lane-end",
		json_pack("{s:s, s:s}", "lane", "north", "outcome", "reached"),
		"unknown lane");
	assert_refused(
		run, "end", json_pack("{s:i}", "exit", 0), "unknown outcome");
}

static void test_outcome_names_are_those_on_disk(void **state)
{
	(void)state;
	assert_string_equal(run_outcome_name(RUN_UNFINISHED), "unfinished");
	assert_string_equal(run_outcome_name(RUN_REACHED), "reached");
	assert_string_equal(run_outcome_name(RUN_TURNED_BACK), "turned-back");
	assert_string_equal(run_outcome_name(RUN_ABORTED), "aborted");
	assert_string_equal(run_how_name(RUN_HOW_NONE), "");
	assert_string_equal(run_how_name(RUN_HOW_ACTED), "acted");
	assert_string_equal(run_how_name(RUN_HOW_FOUND), "found");
	assert_string_equal(run_how_name(RUN_HOW_RECOVERED), "recovered");
}

static void test_stopped_changes_nothing_but_the_time(void **state)
{
	struct made_up_run *run = *state;

	made_up_intent(run, "east", "pause", "a", NULL);
	made_up_write(run, "stopped", json_pack("{s:s}", "why", "SIGTERM"));
	assert_int_equal(run->state.outcome, RUN_UNFINISHED);
	assert_int_equal(run->state.last_at, run->at);
	assert_int_equal(run->state.records, 3);
	assert_int_equal(east(run, "pause", "a")->status, RUN_INTENT);
}

static void test_unknown_kind_is_refused(void **state)
{
	static const char *const kinds[] = {"think", "Run", "intents", ""};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		assert_refused(*state, kinds[i], NULL, "unknown kind");
}

/* note */

static void test_note_is_shown_until_the_step_goes_on(void **state)
{
	struct made_up_run *run = *state;
	const struct run_step *a = east(run, "pause", "a");

	made_up_intent(run, "east", "pause", "a", NULL);
	made_up_write(run, "note",
		made_up_step(run, "east", "pause", "a",
			json_pack("{s:s, s:i}", "text", "RUNNING, waiting",
				"since", 12345)));
	assert_string_equal(a->note, "RUNNING, waiting");
	assert_int_equal(a->note_at, 12345);
	assert_int_equal(a->status, RUN_INTENT);
	made_up_step_done(run, "east", "pause", "a", "acted");
	assert_null(a->note);
}

static void test_note_that_fits_nowhere_is_no_error(void **state)
{
	struct made_up_run *run = *state;

	made_up_write(run, "note", json_pack("{s:s}", "text", "hello"));
	made_up_write(run, "note",
		json_pack("{s:s, s:s, s:s, s:i}", "lane", "north", "step",
			"pause", "target", "a", "stage", 99));
	assert_int_equal(run->state.records, 3);
}

static void print_course(FILE *out, const struct run_course *course)
{
	for (unsigned i = 0; i < course->stage_count; i++)
		for (unsigned j = 0; j < course->stage[i].step_count; j++) {
			const struct run_step *step = &course->stage[i].step[j];
			char *saw = json_dumps(step->saw, JSON_SORT_KEYS);

			(void)fprintf(out,
				"  %s %s %d %d %d %u %u %u %llu %llu %lld "
				"%lld %lld %lld %s %s %s\n",
				course->stage[i].kind, step->target,
				(int)step->status, (int)step->how,
				(int)step->recheck, step->intents,
				step->failures, step->reopened,
				(unsigned long long)step->intent_seq,
				(unsigned long long)step->failed_seq,
				(long long)step->first_intent_at,
				(long long)step->intent_at,
				(long long)step->intent_up,
				(long long)step->done_at, step->intent_boot,
				saw ? saw : "-", step->why ? step->why : "-");
			free(saw);
		}
}

/* All that a decision may rest on; the caller frees it. */
static char *print_state(const struct run_state *state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	(void)fprintf(out, "%s %s %s %d %d %d %d %d %u %lld %lld\n", state->run,
		state->boot, state->syncup, state->pid, (int)state->request,
		(int)state->request_restore, (int)state->outcome,
		state->exit_code, state->resumed, (long long)state->started_at,
		(long long)state->ended_at);
	for (unsigned i = 0; i < state->answer_count; i++)
		(void)fprintf(out, "answer %s %s %s %d\n",
			state->answer[i].step, state->answer[i].target,
			state->answer[i].answer, (int)state->answer[i].used);
	for (unsigned i = 0; i < state->lane_count; i++) {
		const struct run_lane *lane = &state->lane[i];

		(void)fprintf(out, "lane %s %d %d %s %d %d %s %s %lld\n",
			lane->name, (int)lane->turned, (int)lane->turn_outcome,
			lane->turn_why ? lane->turn_why : "-",
			(int)lane->outcome, lane->halt_code,
			lane->halt_why ? lane->halt_why : "-",
			lane->halt_decide ? lane->halt_decide : "-",
			(long long)lane->end_at);
		print_course(out, &lane->forward);
		print_course(out, &lane->back);
	}
	assert_int_equal(fclose(out), 0);
	return text;
}

/* Any record that some run could have at some time, and notes of all sorts. */
static json_t *random_body(
	const struct made_up_run *run, unsigned *seed, const char **ret_kind)
{
	static const char *const of_steps[] = {
		"intent", "done", "failed", "reopen", "note", "note"};
	static const char *const hows[] = {"acted", "found", "recovered"};
	struct run_lane *lane =
		&run->state
			 .lane[(unsigned)rand_r(seed) % run->state.lane_count];
	const struct run_course *course = run_lane_course(lane);
	unsigned at = (unsigned)rand_r(seed) % course->stage_count;
	const struct run_stage *stage = &course->stage[at];
	const char *target =
		stage->step[(unsigned)rand_r(seed) % stage->step_count].target;

	switch (rand_r(seed) % 12) {
	case 0:
		*ret_kind = "resumed";
		return json_pack("{s:s, s:i}", "boot",
			rand_r(seed) % 2 ? "one" : "two", "pid",
			rand_r(seed) % 1000);
	case 1:
		*ret_kind = "halt";
		return json_pack("{s:s, s:i, s:s, s:s}", "lane", lane->name,
			"code", 6 + rand_r(seed) % 2, "why", "because",
			"decide", "start@a");
	case 2:
		*ret_kind = "answer";
		return json_pack("{s:s, s:s, s:s}", "step", stage->kind,
			"target", target, "answer",
			rand_r(seed) % 2 ? "again" : "done");
	case 3:
		*ret_kind = "note";
		return json_pack("{s:s, s:s}", "text", "lost", "target", "z");
	case 4:
		if (rand_r(seed) % 4)
			break;
		*ret_kind = "turn";
		return json_pack("{s:s, s:s, s:s, s:[o]}", "lane", lane->name,
			"why", "because", "outcome", "turned-back", "course",
			made_up_stage("start", "a"));
	default:
		break;
	}
	*ret_kind = of_steps[rand_r(seed) % 6];
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:{s:i}}", "lane",
		lane->name, "stage", (int)at, "step", stage->kind, "target",
		target, "how", hows[rand_r(seed) % 3], "why", "it failed",
		"text", "waiting", "saw", "pid", rand_r(seed) % 1000);
}

/* A journal without its notes leads to the very same decisions. */
static void test_note_decides_nothing(void **state)
{
	unsigned notes = 0;

	(void)state;
	for (unsigned seed = 1; seed <= 100; seed++) {
		struct made_up_run all, bare;
		json_t *json = two_lanes();
		unsigned random = seed;
		char *with, *without;

		made_up_begin(&all, json);
		made_up_begin(&bare, json);
		for (int i = 0; i < 60; i++) {
			const char *kind;
			json_t *body = random_body(&all, &random, &kind);

			made_up_write(&all, kind, json_incref(body));
			if (strcmp(kind, "note") != 0) {
				bare.seq = all.seq - 1;
				bare.at = all.at - 1000;
				made_up_write(&bare, kind, json_incref(body));
			} else {
				notes++;
			}
			json_decref(body);
		}
		with = print_state(&all.state);
		without = print_state(&bare.state);
		if (strcmp(with, without) != 0)
			fail_msg("seed %u:\n%s\nwithout notes:\n%s", seed, with,
				without);
		free(with);
		free(without);
		made_up_done(&all);
		made_up_done(&bare);
		json_decref(json);
	}
	assert_true(notes > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_RUN(test_turn_puts_the_lane_on_its_new_course),
		IN_RUN(test_turn_twice_takes_the_last_course),
		IN_RUN(test_turn_that_cannot_be_followed_is_refused),
		IN_RUN(test_halt_is_cleared_by_resumed),
		IN_RUN(test_answer_is_used_up_by_what_follows),
		IN_RUN(test_answer_the_last_one_counts),
		IN_RUN(test_answer_gives_the_step_all_its_tries_again),
		IN_RUN(test_answer_without_its_members_is_refused),
		IN_RUN(test_request_the_last_one_counts),
		IN_RUN(test_request_for_something_unknown_is_refused),
		IN_RUN(test_lane_end_and_end_say_how_it_ended),
		IN_RUN(test_outcome_of_an_unknown_name_is_refused),
		cmocka_unit_test(test_outcome_names_are_those_on_disk),
		IN_RUN(test_stopped_changes_nothing_but_the_time),
		IN_RUN(test_unknown_kind_is_refused),
		IN_RUN(test_note_is_shown_until_the_step_goes_on),
		IN_RUN(test_note_that_fits_nowhere_is_no_error),
		cmocka_unit_test(test_note_decides_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
