/*
 * test_host.c - hosts: asked here, asked elsewhere, refused, cut and asked
 * again.
 */
#include "tests/unit/host_world.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "supervisor/version.h"

static int setup(void **state)
{
	*state = world_make("owner of this test");
	return 0;
}

static int teardown(void **state)
{
	world_end(*state);
	return 0;
}

static json_t *clock_ask(void)
{
	return json_pack("{s:s}", "op", "clock");
}

/* Runs for half a minute. */
static json_t *long_ask(void)
{
	return json_pack("{s:s, s:{s:s, s:s, s:s, s:[s, s]}}", "op", "observe",
		"process", "name", "x", "backend", "command", "config", "/x",
		"status", "/bin/sleep", "30");
}

static const char *text_in(const struct asked *asked, const char *key)
{
	const char *text =
		json_string_value(json_object_get(asked->result, key));

	return text ? text : "";
}

/* ---- names ---- */

static void test_host_name_ok_refuses_what_is_no_name(void **state)
{
	static const char *const good[] = {"db1", "db1.example.com",
		"mongosync@10.0.0.7", "fe80::1%eth0", "a_b-c"};
	static const char *const bad[] = {"", "local", "-oProxyCommand=x",
		"a b", "a;b", "a$(b)", "a`b`", "a\nb", "a'b", "a\"b", "a/b",
		"a\\b", "a*", "~", "a|b", "a\x7f", "\xc3\xa4"};
	char long_name[HOST_NAME_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(host_name_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(host_name_ok(bad[i]));
	memset(long_name, 'a', sizeof(long_name));
	long_name[HOST_NAME_SIZE] = '\0';
	assert_false(host_name_ok(long_name));
	long_name[HOST_NAME_SIZE - 1] = '\0';
	assert_true(host_name_ok(long_name));
}

static void test_hosts_get_is_the_same_for_the_same_name(void **state)
{
	struct world *world = *state;

	assert_ptr_equal(hosts_get(world->hosts, "somewhere"), world->host);
	assert_ptr_equal(hosts_get(world->hosts, NULL),
		hosts_get(world->hosts, "local"));
	assert_true(host_is_local(hosts_get(world->hosts, NULL)));
	assert_false(host_is_local(world->host));
	assert_string_equal(host_name(world->host), "somewhere");
}

/* ---- this machine ---- */

static void test_host_ask_here_answers_at_once(void **state)
{
	struct world *world = *state;
	struct asked asked;

	begin(&asked, world, hosts_get(world->hosts, NULL), clock_ask(),
		PLENTY_MS);
	assert_true(asked.done);
	assert_null(asked.call);
	assert_string_equal(text_in(&asked, "boot_id"), sys_boot_id());
	done_with(&asked);
}

static void test_host_ask_here_does_what_is_slow_in_a_child(void **state)
{
	struct world *world = *state;
	struct asked asked;

	begin(&asked, world, hosts_get(world->hosts, NULL),
		json_pack("{s:s, s:s}", "op", "version_of", "path",
			"/nonexistent"),
		PLENTY_MS);
	assert_false(asked.done);
	assert_non_null(asked.call);
	wait_for(&asked);
	assert_null(asked.result);
	assert_non_null(strstr(asked.err.msg, "/nonexistent"));
	begin(&asked, world, hosts_get(world->hosts, NULL), long_ask(), 300);
	wait_for(&asked);
	assert_int_equal(asked.err.code, ERR_AGAIN);
}

static void test_host_ask_knows_its_questions(void **state)
{
	struct world *world = *state;
	struct asked asked;

	begin(&asked, world, world->host, json_pack("{s:s}", "op", "nonsense"),
		PLENTY_MS);
	assert_true(asked.done);
	assert_int_equal(asked.err.code, ERR_BUG);
}

/* ---- another one ---- */

static void test_host_ask_elsewhere_answers(void **state)
{
	struct world *world = *state;
	struct asked asked;

	ask(&asked, world, clock_ask());
	assert_string_equal(asked.err.msg, "");
	assert_string_equal(text_in(&asked, "boot_id"), sys_boot_id());
	assert_string_equal(host_trouble(world->host), "");
	done_with(&asked);
}

static void test_host_ask_elsewhere_keeps_the_code_of_an_error(void **state)
{
	struct world *world = *state;
	struct asked asked;

	ask(&asked, world,
		json_pack("{s:s, s:s}", "op", "read_file", "path",
			"/nonexistent/a"));
	assert_int_equal(asked.err.code, ERR_MISSING);
	ask(&asked, world,
		json_pack("{s:s, s:s}", "op", "read_file", "path", "/"));
	assert_int_equal(asked.err.code, ERR_CONFIG);
}

static void test_host_ask_elsewhere_is_not_held_up_by_what_is_slow(void **state)
{
	struct world *world = *state;
	struct asked slow[4], asked;

	for (size_t i = 0; i < 4; i++)
		begin(&slow[i], world, world->host, long_ask(), PLENTY_MS);
	ask(&asked, world, clock_ask());
	assert_non_null(asked.result);
	done_with(&asked);
	for (size_t i = 0; i < 4; i++) {
		assert_false(slow[i].done);
		host_call_cancel(slow[i].call);
	}
}

static void test_nothing_is_left_there_or_here(void **state)
{
	struct world *world = *state;
	struct dirent *entry;
	struct asked asked;
	DIR *dir;

	ask(&asked, world, clock_ask());
	done_with(&asked);
	hosts_free(world->hosts);
	world->hosts = NULL;
	dir = opendir(world->scratch.dir);
	while ((entry = readdir(dir)))
		/* The fake ssh's own two. */
		assert_true(strcmp(entry->d_name, "log") == 0 ||
			    strncmp(entry->d_name, "master-", 7) == 0 ||
			    strcmp(entry->d_name, ".") == 0 ||
			    strcmp(entry->d_name, "..") == 0);
	(void)closedir(dir);
	assert_true(hosts_new(world->base, NULL, &world->hosts, NULL));
}

/* ---- trouble ---- */

static void refuse(struct world *world, const char *why)
{
	scratch_write(
		scratch_path(&world->scratch, "refuse"), why, strlen(why));
}

static void test_a_host_that_refuses_is_told_with_what_to_type(void **state)
{
	struct world *world = *state;
	struct asked asked;

	refuse(world, "Warning: something\nsomewhere: Permission denied "
		      "(publickey).\r\n");
	ask(&asked, world, clock_ask());
	assert_int_equal(asked.err.code, ERR_AGAIN);
	assert_non_null(
		strstr(asked.err.msg, "Permission denied (publickey)."));
	assert_null(strstr(asked.err.msg, "Warning"));
	assert_non_null(
		strstr(asked.err.msg, "ssh -o BatchMode=yes somewhere true"));
	assert_string_equal(host_trouble(world->host), asked.err.msg);
}

/* A package that is installed by halves. */
static void test_a_program_of_another_version_is_not_asked(void **state)
{
	static const char old[] =
		"#!/bin/sh\n"
		"rm -r \"${0%/*}\"\n"
		"echo syncup-host ready\n"
		"while read -r line; do\n"
		"	id=${line##*'\"id\":'}\n"
		"	printf '{\"id\":%s,\"ok\":true,\"result\":"
		"{\"version\":\"0.0.7\"}}\\n' \"${id%%[!0-9]*}\"\n"
		"done\n";
	struct world *world = *state;
	const char *path = scratch_path(&world->scratch, "syncup-host");
	struct asked asked;

	scratch_write(path, old, strlen(old));
	assert_int_equal(setenv("SYNCUP_HOST", path, 1), 0);
	ask(&asked, world, clock_ask());
	assert_null(asked.result);
	assert_int_equal(asked.err.code, ERR_CONFIG);
	assert_non_null(strstr(asked.err.msg,
		"is of version 0.0.7, syncup of " SYNCUP_VERSION));
	assert_non_null(strstr(asked.err.msg, "install syncup whole"));
	done_with(&asked);
}

static void test_a_host_that_refused_is_left_alone_for_a_while(void **state)
{
	struct world *world = *state;
	struct asked asked;
	int64_t began;

	refuse(world, "no\n");
	ask(&asked, world, clock_ask());
	refuse(world, "");
	began = sys_monotonic_ms();
	begin(&asked, world, world->host, clock_ask(), PLENTY_MS);
	assert_true(asked.done); /* refused, with the reason of before */
	assert_int_equal(asked.err.code, ERR_AGAIN);
	while (!asked.result) {
		struct timespec nap = {.tv_nsec = 50000000};

		(void)nanosleep(&nap, NULL);
		ask(&asked, world, clock_ask());
	}
	assert_true(sys_monotonic_ms() - began >= 700);
	assert_string_equal(host_trouble(world->host), "");
	done_with(&asked);
}

static void test_a_host_that_never_logs_in_runs_out_of_time(void **state)
{
	struct world *world = *state;
	struct asked asked;

	scratch_write(scratch_path(&world->scratch, "deaf"), "", 0);
	begin(&asked, world, world->host, clock_ask(), 300);
	wait_for(&asked);
	assert_int_equal(asked.err.code, ERR_AGAIN);
	assert_non_null(strstr(asked.err.msg, "no answer within"));
}

static void test_a_cut_is_told_and_the_next_question_connects_again(
	void **state)
{
	struct world *world = *state;
	struct asked first, under_way;

	ask(&first, world, clock_ask());
	done_with(&first);
	begin(&under_way, world, world->host, long_ask(), PLENTY_MS);
	ask(&first, world, clock_ask()); /* it is on its way now */
	done_with(&first);
	assert_int_equal(kill(master_of(world), SIGKILL), 0);
	wait_for(&under_way);
	assert_int_equal(under_way.err.code, ERR_AGAIN);
	assert_non_null(strstr(under_way.err.msg, "connection to somewhere"));
	ask(&first, world, clock_ask());
	assert_non_null(first.result);
	done_with(&first);
}

static void test_what_does_not_answer_in_time_is_ended(void **state)
{
	struct world *world = *state;
	struct asked asked;

	ask(&asked, world, clock_ask());
	done_with(&asked);
	begin(&asked, world, world->host, long_ask(), 1500);
	wait_for(&asked);
	assert_int_equal(asked.err.code, ERR_AGAIN);
	assert_non_null(strstr(asked.err.msg, "no answer within 2 s"));
	ask(&asked, world, clock_ask());
	assert_non_null(asked.result);
	done_with(&asked);
}

static void test_what_the_supervisor_left_is_swept(void **state)
{
	struct world *world = *state;
	struct asked asked;
	char path[PATH_MAX];
	struct stat st;

	(void)snprintf(
		path, sizeof(path), "%s/syncup-ssh-abcdef", world->scratch.dir);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/syncup-ssh-abcdef/lock",
		world->scratch.dir);
	scratch_write(path, "", 0);
	ask(&asked, world, clock_ask());
	done_with(&asked);
	assert_int_equal(stat(path, &st), -1);
}

/* ---- what else goes over it ---- */

static void on_pipe(void *arg, int fd, const struct err *err)
{
	struct asked *asked = arg;

	asked->fd = fd;
	asked->done = true;
	if (err)
		asked->err = *err;
}

static void test_host_pipe_is_a_program_there(void **state)
{
	static const char *const words[] = {"cat", NULL};
	struct world *world = *state;
	struct asked asked = {.world = world};
	char text[6] = "";

	assert_true(host_pipe(world->host, words, PLENTY_MS, on_pipe, &asked,
		&asked.call, NULL));
	wait_for(&asked);
	assert_true(asked.fd >= 0);
	assert_int_equal(write(asked.fd, "hello", 5), 5);
	assert_int_equal(recv(asked.fd, text, 5, MSG_WAITALL), 5);
	assert_string_equal(text, "hello");
	(void)close(asked.fd);
}

static void on_place(
	void *arg, const struct http_place *place, const struct err *err)
{
	struct asked *asked = arg;

	asked->done = true;
	if (err)
		asked->err = *err;
	else
		(void)snprintf(asked->socket, sizeof(asked->socket), "%s",
			place->unix_socket);
}

static int listen_here(uint16_t *ret_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(
		getsockname(fd, (struct sockaddr *)&address, &size), 0);
	*ret_port = ntohs(address.sin_port);
	return fd;
}

static void place(struct asked *asked, struct world *world, uint16_t port)
{
	*asked = (struct asked){.world = world};
	assert_true(host_place(world->host, port, PLENTY_MS, on_place, asked,
		&asked->call, NULL));
}

static void connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(
		connect(fd, (const struct sockaddr *)&address, sizeof(address)),
		0);
	(void)close(fd);
}

static void test_host_place_is_a_socket_that_leads_to_the_port(void **state)
{
	struct world *world = *state;
	struct asked asked[3], after;
	uint16_t port;
	int fd = listen_here(&port), got;

	for (size_t i = 0; i < 3; i++)
		place(&asked[i], world, port);
	for (size_t i = 0; i < 3; i++) {
		wait_for(&asked[i]);
		assert_string_equal(asked[i].err.msg, "");
		assert_string_equal(asked[i].socket, asked[0].socket);
	}
	connect_to(asked[0].socket);
	got = accept(fd, NULL, NULL);
	assert_true(got >= 0);
	(void)close(got);
	/* Made again after a cut. */
	assert_int_equal(kill(master_of(world), SIGKILL), 0);
	do {
		ask(&after, world, clock_ask());
		done_with(&after);
	} while (!after.err.code);
	place(&after, world, port);
	wait_for(&after);
	assert_string_equal(after.socket, asked[0].socket);
	connect_to(after.socket);
	got = accept(fd, NULL, NULL);
	assert_true(got >= 0);
	(void)close(got);
	(void)close(fd);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host_name_ok_refuses_what_is_no_name),
		T(test_hosts_get_is_the_same_for_the_same_name),
		T(test_host_ask_here_answers_at_once),
		T(test_host_ask_here_does_what_is_slow_in_a_child),
		T(test_host_ask_knows_its_questions),
		T(test_host_ask_elsewhere_answers),
		T(test_host_ask_elsewhere_keeps_the_code_of_an_error),
		T(test_host_ask_elsewhere_is_not_held_up_by_what_is_slow),
		T(test_nothing_is_left_there_or_here),
		T(test_a_host_that_refuses_is_told_with_what_to_type),
		T(test_a_program_of_another_version_is_not_asked),
		T(test_a_host_that_refused_is_left_alone_for_a_while),
		T(test_a_host_that_never_logs_in_runs_out_of_time),
		T(test_a_cut_is_told_and_the_next_question_connects_again),
		T(test_what_does_not_answer_in_time_is_ended),
		T(test_what_the_supervisor_left_is_swept),
		T(test_host_pipe_is_a_program_there),
		T(test_host_place_is_a_socket_that_leads_to_the_port),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
