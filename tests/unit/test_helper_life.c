/*
 * test_helper_life.c - several questions, and the life of helpers.
 */
#include "tests/unit/helper_world.h"

/* libmongoc reads it before main: else a helper that is killed leaves a file.
 */
static void test_helpers_are_told_to_make_no_file_of_counters(void **state)
{
	struct asked asked;

	assert_null(getenv("MONGOC_DISABLE_SHM"));
	ask(&asked, *state, "echo", PLENTY_MS);
	wait_for(&asked);
	assert_string_equal(
		json_string_value(json_object_get(asked.result, "disable_shm")),
		"1");
	done_with(&asked);
}

/* ---- several questions ---- */

static void test_helpers_ask_uses_no_more_helpers_than_allowed(void **state)
{
	enum { COUNT = 3 * HELPERS_MAX };
	struct asked asked[COUNT];
	pid_t pids[HELPERS_MAX] = {0};

	for (size_t i = 0; i < COUNT; i++)
		ask(&asked[i], *state, "pieces", PLENTY_MS);
	for (size_t i = 0; i < COUNT; i++) {
		size_t known = 0;

		wait_for(&asked[i]);
		while (known < HELPERS_MAX && pids[known] &&
			pids[known] != pid_in(&asked[i]))
			known++;
		assert_true(known < HELPERS_MAX);
		pids[known] = pid_in(&asked[i]);
		done_with(&asked[i]);
	}
	assert_true(pids[HELPERS_MAX - 1] > 0); /* side by side */
}

static void test_helpers_ask_hands_questions_out_in_order(void **state)
{
	struct asked hanging[HELPERS_MAX - 1], asked[4];

	/* All but one are busy, so that there is one order. */
	for (size_t i = 0; i < HELPERS_MAX - 1; i++)
		ask(&hanging[i], *state, "hang", PLENTY_MS);
	for (size_t i = 0; i < 4; i++)
		ask(&asked[i], *state, "echo", PLENTY_MS);
	for (size_t i = 0; i < 4; i++) {
		wait_for(&asked[i]);
		assert_int_equal(asked[i].order, (int)i + 1);
		done_with(&asked[i]);
	}
}

/* Waiting for others is not the helper's fault. */
static void test_helpers_ask_counts_time_from_the_hand_over(void **state)
{
	struct asked napping[HELPERS_MAX], asked;

	for (size_t i = 0; i < HELPERS_MAX; i++)
		ask(&napping[i], *state, "nap", PLENTY_MS);
	ask(&asked, *state, "echo", NAP_MS * 2 / 3);
	wait_for(&asked);
	assert_non_null(asked.result);
	done_with(&asked);
	for (size_t i = 0; i < HELPERS_MAX; i++) {
		wait_for(&napping[i]);
		done_with(&napping[i]);
	}
}

struct asking_again {
	struct asked asked;
	unsigned left;
};

static void ask_again(void *arg, const json_t *result, const struct err *err)
{
	struct asking_again *again = arg;
	_cleanup_json_ json_t *question = json_pack("{s:s}", "op", "exit 3");

	assert_null(result);
	assert_int_equal(err->code, ERR_AGAIN);
	if (--again->left == 0)
		again->asked.done = true;
	else
		assert_true(helpers_ask(again->asked.world->helpers, question,
			PLENTY_MS, ask_again, again, NULL));
}

static void test_helpers_ask_may_be_called_from_an_answer(void **state)
{
	struct asking_again again = {.asked = {.world = *state}, .left = 5};
	_cleanup_json_ json_t *question = json_pack("{s:s}", "op", "exit 3");

	assert_true(helpers_ask(again.asked.world->helpers, question, PLENTY_MS,
		ask_again, &again, NULL));
	wait_for(&again.asked);
}

/* ---- forgetting and freeing ---- */

static void test_helpers_forget_a_question_that_waits(void **state)
{
	struct world *world = *state;
	struct asked hanging[HELPERS_MAX], forgotten;

	for (size_t i = 0; i < HELPERS_MAX; i++)
		ask(&hanging[i], world, "hang", SHORT_MS);
	ask(&forgotten, world, "echo", PLENTY_MS);
	assert_true(helpers_forget(world->helpers, &forgotten));
	assert_false(helpers_forget(world->helpers, &forgotten));
	for (size_t i = 0; i < HELPERS_MAX; i++)
		wait_for(&hanging[i]);
	(void)ask_pid(world);
	assert_false(forgotten.done);
}

/* Or it would go on changing what somebody else has to do with now. */
static void test_helpers_forget_ends_what_is_under_way(void **state)
{
	struct world *world = *state;
	pid_t before = ask_pid(world);
	struct asked forgotten;

	ask(&forgotten, world, "hang", PLENTY_MS);
	let_it_leave(world);
	assert_true(helpers_forget(world->helpers, &forgotten));
	wait_until_gone(world->base, before);
	(void)ask_pid(world);
	assert_false(forgotten.done);
}

static void test_helpers_forget_somebody_unknown(void **state)
{
	struct world *world = *state;
	struct asked asked;

	ask(&asked, world, "echo", PLENTY_MS);
	assert_false(helpers_forget(world->helpers, world));
	wait_for(&asked);
	assert_non_null(asked.result);
	done_with(&asked);
}

static void test_helpers_free_ends_helpers_and_calls_nobody(void **state)
{
	struct world *world = *state;
	pid_t pid = ask_pid(world);
	struct asked asked[HELPERS_MAX + 1];

	for (size_t i = 0; i < HELPERS_MAX + 1; i++)
		ask(&asked[i], world, "hang", PLENTY_MS);
	let_it_leave(world);
	helpers_free(world->helpers);
	world->helpers = NULL;
	assert_true(is_gone(pid));
	(void)event_base_loop(world->base, EVLOOP_NONBLOCK);
	for (size_t i = 0; i < HELPERS_MAX + 1; i++)
		assert_false(asked[i].done);
}

static void free_helpers(void *arg, const json_t *result, const struct err *err)
{
	struct asked *asked = arg;

	note_answer(arg, result, err);
	helpers_free(asked->world->helpers);
	asked->world->helpers = NULL;
}

static void test_helpers_free_from_an_answer(void **state)
{
	static const char *const ops[] = {
		"echo", "garbage", "exit 3", "hang", "endless line"};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		_cleanup_json_ json_t *question =
			json_pack("{s:s}", "op", ops[i]);
		struct asked asked = {.world = world}, waiting;
		struct err err = {0};

		assert_true(helpers_ask(world->helpers, question, SHORT_MS,
			free_helpers, &asked, &err));
		ask(&waiting, world, "hang", PLENTY_MS);
		wait_for(&asked);
		assert_false(waiting.done);
		done_with(&asked);
		assert_true(helpers_new(
			world->base, world->self, &world->helpers, &err));
	}
}

/* ---- what a helper inherits, and whom it outlives ---- */

static void test_helper_inherits_no_descriptor(void **state)
{
	int fd = open("/dev/null", O_RDONLY); /* would survive an exec */
	struct asked asked;

	assert_true(fd >= 0);
	ask(&asked, *state, "echo", PLENTY_MS);
	wait_for(&asked);
	assert_int_equal(json_integer_value(
				 json_object_get(asked.result, "descriptors")),
		3);
	done_with(&asked);
	assert_int_equal(close(fd), 0);
}

/* In a copy of us, which is killed while its helper works. */
static _Noreturn void die_with_a_helper(const char *self, int tell)
{
	struct world world = {.base = event_base_new()};
	struct asked asked;
	pid_t pid;

	(void)snprintf(world.self, sizeof(world.self), "%s", self);
	if (!helpers_new(world.base, self, &world.helpers, NULL))
		_exit(1);
	pid = ask_pid(&world);
	ask(&asked, &world, "hang", PLENTY_MS);
	let_it_leave(&world);
	if (write(tell, &pid, sizeof(pid)) != sizeof(pid))
		_exit(1);
	(void)raise(SIGKILL);
	_exit(1);
}

static void test_helper_dies_with_us(void **state)
{
	struct world *world = *state;
	pid_t copy, helper;
	int told[2], status;

	assert_int_equal(pipe(told), 0);
	copy = fork();
	assert_true(copy >= 0);
	if (copy == 0)
		die_with_a_helper(world->self, told[1]);
	assert_int_equal(waitpid(copy, &status, 0), copy);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(
		read(told[0], &helper, sizeof(helper)), sizeof(helper));
	wait_until_gone(NULL, helper);
	assert_int_equal(close(told[0]), 0);
	assert_int_equal(close(told[1]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		helper_world_test(
			test_helpers_ask_uses_no_more_helpers_than_allowed),
		helper_world_test(
			test_helpers_ask_hands_questions_out_in_order),
		helper_world_test(
			test_helpers_ask_counts_time_from_the_hand_over),
		helper_world_test(
			test_helpers_ask_may_be_called_from_an_answer),
		helper_world_test(test_helpers_forget_a_question_that_waits),
		helper_world_test(test_helpers_forget_ends_what_is_under_way),
		helper_world_test(test_helpers_forget_somebody_unknown),
		helper_world_test(
			test_helpers_free_ends_helpers_and_calls_nobody),
		helper_world_test(test_helpers_free_from_an_answer),
		helper_world_test(
			test_helpers_are_told_to_make_no_file_of_counters),
		helper_world_test(test_helper_inherits_no_descriptor),
		helper_world_test(test_helper_dies_with_us),
	};

	return helper_world_main(tests);
}
