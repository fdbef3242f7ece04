/*
 * The executable syncup-helper, as its parent sees it.  No database is needed:
 * nobody listens where it is sent.
 */
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "state/cleanup.h"
#include "tests/unit/scratch.h"

#define PATIENCE_MS 20000
#define NOWHERE "mongodb://someone:canary@127.0.0.1:1/"

struct helper {
	pid_t pid;
	int to, from; /* from: standard output and error */
};

static void start(struct helper *helper, const char *argument)
{
	int down[2], up[2];

	assert_int_equal(pipe2(down, O_CLOEXEC), 0);
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	helper->pid = fork();
	assert_true(helper->pid >= 0);
	if (helper->pid == 0) {
		(void)dup2(down[0], STDIN_FILENO);
		(void)dup2(up[1], STDOUT_FILENO);
		(void)dup2(up[1], STDERR_FILENO);
		/* As helpers_new() does: else it complains when a process of
		 * its number left a file in /dev/shm. */
		(void)setenv("MONGOC_DISABLE_SHM", "1", 1);
		(void)execl(HELPER_PROGRAM, "syncup-helper", argument,
			(char *)NULL);
		_exit(126);
	}
	assert_int_equal(close(down[0]), 0);
	assert_int_equal(close(up[1]), 0);
	helper->to = down[1];
	helper->from = up[0];
}

/* Up to a line's end or, with '\0', up to the end of all. */
static void read_until(struct helper *helper, char end, char *text, size_t size)
{
	struct pollfd ready = {.fd = helper->from, .events = POLLIN};
	size_t len = 0;

	do {
		assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
		assert_true(len + 1 < size);
		if (read(helper->from, text + len, 1) != 1)
			break;
		len++;
	} while (!end || text[len - 1] != end);
	text[len] = '\0';
}

static void say(struct helper *helper, const char *text)
{
	assert_int_equal(write(helper->to, text, strlen(text)), strlen(text));
}

/* Its exit code, after its standard input was closed. */
static int end(struct helper *helper)
{
	int status;

	if (helper->to >= 0)
		assert_int_equal(close(helper->to), 0);
	assert_int_equal(waitpid(helper->pid, &status, 0), helper->pid);
	assert_int_equal(close(helper->from), 0);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_program_tells_its_version(void **state)
{
	struct helper helper;
	char text[200];

	(void)state;
	start(&helper, "--version");
	read_until(&helper, '\0', text, sizeof(text));
	assert_int_equal(end(&helper), 0);
	assert_int_equal(strncmp(text, "syncup-helper ", 14), 0);
}

static void test_program_takes_no_arguments(void **state)
{
	struct helper helper;

	(void)state;
	start(&helper, NOWHERE);
	assert_int_equal(end(&helper), 2);
}

static void test_program_ends_when_its_input_does(void **state)
{
	struct helper helper;

	(void)state;
	start(&helper, NULL);
	assert_int_equal(end(&helper), 0);
}

static void test_program_answers_each_op_without_the_secret(void **state)
{
	static const char *const ops[] = {"identify", "shards", "privileges",
		"summary", "digest", "save"};
	struct helper helper;
	char question[300], answer[2000];

	(void)state;
	start(&helper, NULL);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		(void)snprintf(question, sizeof(question),
			"{\"id\":1,\"op\":\"%s\",\"uri\":\"" NOWHERE
			"\",\"directory\":\"/nowhere/copy\"}\n",
			ops[i]);
		say(&helper, question);
		read_until(&helper, '\n', answer, sizeof(answer));
		assert_non_null(strstr(answer, "\"code\":\"again\""));
		assert_null(strstr(answer, "canary"));
		assert_null(strstr(answer, "someone"));
	}
	say(&helper, "{\"id\":2,\"op\":\"digest\",\"uri\":"
		     "\"mongodb://someone:can/ary@nowhere:x\"}\n");
	assert_int_equal(close(take_fd(&helper.to)), 0);
	read_until(&helper, '\0', answer, sizeof(answer));
	assert_non_null(strstr(answer, "\"code\":\"config\""));
	assert_null(strstr(answer, "ary@"));
	assert_int_equal(end(&helper), 0);
}

static void test_program_asks_no_database_about_a_copy(void **state)
{
	struct helper helper;
	char answer[2000];

	(void)state;
	start(&helper, NULL);
	say(&helper,
		"{\"id\":1,\"op\":\"check_copy\",\"directory\":"
		"\"/nowhere/copy\"}\n{\"id\":2,\"op\":\"put_back\",\"uri\":"
		"\"" NOWHERE "\",\"directory\":\"/nowhere/copy\"}\n");
	for (int i = 0; i < 2; i++) {
		read_until(&helper, '\n', answer, sizeof(answer));
		assert_non_null(strstr(answer, "\"code\":\"step\""));
		assert_non_null(strstr(answer, "/nowhere/copy"));
	}
	assert_int_equal(end(&helper), 0);
}

/* Its input stays open in us: only the signal can end it. */
static void test_program_dies_with_its_parent(void **state)
{
	struct helper helper;
	char text[100];
	int down[2], up[2];
	pid_t parent;

	(void)state;
	assert_int_equal(pipe2(down, O_CLOEXEC), 0);
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	parent = fork();
	assert_true(parent >= 0);
	if (parent == 0) {
		if (fork() == 0) {
			(void)dup2(down[0], STDIN_FILENO);
			(void)dup2(up[1], STDOUT_FILENO);
			(void)execl(
				HELPER_PROGRAM, "syncup-helper", (char *)NULL);
			_exit(126);
		}
		for (;;)
			(void)pause();
	}
	assert_int_equal(close(up[1]), 0);
	helper = (struct helper){.pid = parent, .to = down[1], .from = up[0]};
	/* It answers, so it has begun. */
	say(&helper, "{\"id\":1,\"op\":\"check_copy\"}\n");
	read_until(&helper, '\n', text, sizeof(text));
	assert_non_null(strstr(text, "\"ok\":false"));
	assert_int_equal(kill(parent, SIGKILL), 0);
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	read_until(&helper, '\0', text, sizeof(text));
	assert_string_equal(text, "");
	assert_int_equal(close(down[0]), 0);
	assert_int_equal(close(down[1]), 0);
	assert_int_equal(close(up[0]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_program_tells_its_version),
		cmocka_unit_test(test_program_takes_no_arguments),
		cmocka_unit_test(test_program_ends_when_its_input_does),
		cmocka_unit_test(
			test_program_answers_each_op_without_the_secret),
		cmocka_unit_test(test_program_asks_no_database_about_a_copy),
		cmocka_unit_test(test_program_dies_with_its_parent),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
