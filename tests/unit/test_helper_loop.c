/*
 * The loop of a helper: what it answers to what, and when it ends.
 */
#include <jansson.h>

#include "supervisor/engine/helper.h"
#include "supervisor/helper/loop.h"
#include "tests/unit/scratch.h"

static bool op_echo(const json_t *ask, json_t **ret_result, struct err *err)
{
	const char *text = helper_text(ask, "text", err);

	if (!text)
		return false;
	*ret_result = json_pack("{s:s}", "text", text);
	return true;
}

static bool op_fail(const json_t *ask, json_t **ret_result, struct err *err)
{
	(void)ret_result;
	return err_set(err,
		(enum err_code)json_integer_value(json_object_get(ask, "with")),
		"cannot reach %s\nat all",
		json_string_value(json_object_get(ask, "uri")));
}

static bool op_long(const json_t *ask, json_t **ret_result, struct err *err)
{
	char *text = malloc(HELPER_LINE_MAX + 1);

	(void)ask;
	(void)err;
	assert_non_null(text);
	memset(text, 'x', HELPER_LINE_MAX);
	text[HELPER_LINE_MAX] = '\0';
	*ret_result = json_string(text);
	free(text);
	return true;
}

static const struct helper_op ops[] = {
	{"echo", op_echo},
	{"fail", op_fail},
	{"long", op_long},
};

struct talk {
	struct scratch scratch;
	char *answers; /* all lines */
	int code;
	struct err err;
};

/* Files stand in for the pipes: the loop ends when its input does. */
static void talk(struct talk *talk, const char *questions, size_t len)
{
	int in, out;

	*talk = (struct talk){0};
	scratch_make(&talk->scratch);
	scratch_write(scratch_path(&talk->scratch, "in"), questions, len);
	in = open(talk->scratch.path, O_RDONLY | O_CLOEXEC);
	out = open(scratch_path(&talk->scratch, "out"),
		O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	talk->code = helper_loop(
		ops, sizeof(ops) / sizeof(ops[0]), in, out, &talk->err);
	assert_int_equal(close(in), 0);
	assert_int_equal(close(out), 0);
	talk->answers = scratch_read(talk->scratch.path, NULL);
	assert_non_null(talk->answers);
}

static void talk_done(struct talk *talk)
{
	free(talk->answers);
	scratch_remove(&talk->scratch);
}

static void assert_answers(const char *questions, const char *expected)
{
	struct talk it;

	talk(&it, questions, strlen(questions));
	assert_int_equal(it.code, 0);
	assert_string_equal(it.answers, expected);
	talk_done(&it);
}

static void test_helper_loop_answers_in_order(void **state)
{
	(void)state;
	assert_answers("", "");
	assert_answers("{\"id\":1,\"op\":\"echo\",\"text\":\"a\"}\n"
		       "{\"id\":2,\"op\":\"echo\",\"text\":\"b\"}\n",
		"{\"id\":1,\"ok\":true,\"result\":{\"text\":\"a\"}}\n"
		"{\"id\":2,\"ok\":true,\"result\":{\"text\":\"b\"}}\n");
}

static void test_helper_loop_leaves_a_question_without_end(void **state)
{
	(void)state;
	assert_answers("{\"id\":1,\"op\":\"echo\",\"text\":\"a\"}\n"
		       "{\"id\":2,\"op\":\"echo\"",
		"{\"id\":1,\"ok\":true,\"result\":{\"text\":\"a\"}}\n");
}

static void test_helper_loop_names_each_kind_of_failure(void **state)
{
	static const struct {
		enum err_code code;
		const char *word;
	} kinds[] = {
		{ERR_AGAIN, "again"},
		{ERR_STEP, "step"},
		{ERR_MISSING, "missing"},
		{ERR_HELD, "held"},
		{ERR_DECIDE, "decide"},
		{ERR_CONFIG, "config"},
		{ERR_STORAGE, "storage"},
		{ERR_BUG, "bug"},
	};
	char question[100], word[30];
	struct talk it;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		(void)snprintf(question, sizeof(question),
			"{\"id\":3,\"op\":\"fail\",\"with\":%d,\"uri\":\"x\"}"
			"\n",
			kinds[i].code);
		(void)snprintf(
			word, sizeof(word), "\"code\":\"%s\"", kinds[i].word);
		talk(&it, question, strlen(question));
		assert_int_equal(it.code, 0);
		assert_non_null(strstr(it.answers, word));
		assert_non_null(strstr(it.answers, "cannot reach x at all"));
		talk_done(&it);
	}
}

static void test_helper_loop_hides_the_connection_string(void **state)
{
	static const char question[] =
		"{\"id\":3,\"op\":\"fail\",\"with\":6,"
		"\"uri\":\"mongodb://someone:canary@db1/\"}\n";
	struct talk it;

	(void)state;
	talk(&it, question, strlen(question));
	assert_int_equal(it.code, 0);
	assert_null(strstr(it.answers, "canary"));
	assert_null(strstr(it.answers, "someone"));
	talk_done(&it);
}

static void test_helper_loop_says_what_it_does_not_know(void **state)
{
	(void)state;
	assert_answers("{\"id\":4,\"op\":\"nonsense\"}\n"
		       "{\"id\":5,\"op\":\"echo\"}\n",
		"{\"id\":4,\"ok\":false,\"code\":\"bug\",\"error\":"
		"\"the helper has no such question\"}\n"
		"{\"id\":5,\"ok\":false,\"code\":\"bug\",\"error\":"
		"\"the question has no text\"}\n");
}

static void test_helper_loop_ends_at_what_is_no_question(void **state)
{
	static const char *const lines[] = {
		"nonsense\n", "\n", "{\"op\":\"echo\"}\n", "[1]\n"};
	struct talk it;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		talk(&it, lines[i], strlen(lines[i]));
		assert_int_equal(it.code, 1);
		assert_int_equal(it.err.code, ERR_BUG);
		assert_string_equal(it.answers, "");
		talk_done(&it);
	}
}

static void test_helper_loop_bounds_both_ways(void **state)
{
	static const char tail[] = "{\"id\":6,\"op\":\"long\"}\n";
	char *line = malloc(HELPER_LINE_MAX + 1);
	struct talk it;

	(void)state;
	assert_non_null(line);
	memset(line, ' ', HELPER_LINE_MAX + 1);
	talk(&it, line, HELPER_LINE_MAX + 1);
	assert_int_equal(it.code, 1);
	assert_string_equal(it.answers, "");
	talk_done(&it);
	/* The longest question that is taken, and an answer that is not. */
	memcpy(line + HELPER_LINE_MAX - strlen(tail), tail, strlen(tail));
	talk(&it, line, HELPER_LINE_MAX);
	assert_int_equal(it.code, 0);
	assert_string_equal(it.answers,
		"{\"id\":6,\"ok\":false,\"code\":\"step\",\"error\":"
		"\"the answer is too long\"}\n");
	talk_done(&it);
	free(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_helper_loop_answers_in_order),
		cmocka_unit_test(
			test_helper_loop_leaves_a_question_without_end),
		cmocka_unit_test(test_helper_loop_names_each_kind_of_failure),
		cmocka_unit_test(test_helper_loop_hides_the_connection_string),
		cmocka_unit_test(test_helper_loop_says_what_it_does_not_know),
		cmocka_unit_test(test_helper_loop_ends_at_what_is_no_question),
		cmocka_unit_test(test_helper_loop_bounds_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
