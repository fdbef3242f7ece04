/*
 * test_host_ops.c - what can be asked of a host: files, room, clocks,
 * processes, a file that comes in pieces.
 */
#include "tests/unit/scratch.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdint.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/helper/answer.h"
#include "supervisor/host/ops_install.h"
#include "supervisor/process/process_json.h"

struct asked {
	json_t *result;
	struct err err;
};

static struct scratch scratch;

static int setup(void **state)
{
	(void)state;
	scratch_make(&scratch);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_remove(&scratch);
	return 0;
}

/* Takes over what is asked. */
static bool ask(struct asked *asked, json_t *what)
{
	const char *name = json_string_value(json_object_get(what, "op"));
	bool ok;

	*asked = (struct asked){0};
	assert_non_null(what);
	assert_non_null(host_op_find(name));
	ok = host_op_find(name)->fn(what, &asked->result, &asked->err);
	json_decref(what);
	assert_true(ok ? asked->result != NULL : asked->err.code != ERR_NONE);
	return ok;
}

static void done_with(struct asked *asked)
{
	json_decref(asked->result);
	asked->result = NULL;
}

static json_int_t number(const struct asked *asked, const char *key)
{
	return json_integer_value(json_object_get(asked->result, key));
}

static const char *text(const struct asked *asked, const char *key)
{
	const char *value =
		json_string_value(json_object_get(asked->result, key));

	return value ? value : "(none)";
}

/* ---- files ---- */

static json_t *read_ask(const char *path, int max, bool tail)
{
	return json_pack("{s:s, s:s, s:i, s:b}", "op", "read_file", "path",
		path, "max", max, "tail", tail);
}

static void test_read_file_gives_the_whole_or_its_end(void **state)
{
	const char *path = scratch_path(&scratch, "file");
	struct asked asked;

	(void)state;
	scratch_write(path, "0123456789", 10);
	assert_true(ask(&asked, read_ask(path, 10, false)));
	assert_string_equal(text(&asked, "text"), "0123456789");
	assert_int_equal(number(&asked, "size"), 10);
	assert_true(llabs(number(&asked, "now_ms") -
			    number(&asked, "mtime_ms")) < 60000);
	done_with(&asked);
	assert_false(ask(&asked, read_ask(path, 9, false)));
	assert_int_equal(asked.err.code, ERR_CONFIG);
	assert_true(ask(&asked, read_ask(path, 3, true)));
	assert_string_equal(text(&asked, "text"), "789");
	done_with(&asked);
}

static void test_read_file_mends_what_is_no_text(void **state)
{
	const char *path = scratch_path(&scratch, "file");
	struct asked asked;

	(void)state;
	scratch_write(path, "a\0b\xff\xc3\xa4", 6);
	assert_true(ask(&asked, read_ask(path, 100, false)));
	assert_string_equal(text(&asked, "text"), "a?b?\xc3\xa4");
	done_with(&asked);
}

static void test_read_file_refuses_what_is_no_file(void **state)
{
	const char *path = scratch_path(&scratch, "fifo");
	struct asked asked;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_false(ask(&asked, read_ask(path, 100, false)));
	assert_int_equal(asked.err.code, ERR_CONFIG);
	assert_false(ask(&asked, read_ask(scratch.dir, 100, false)));
	assert_int_equal(asked.err.code, ERR_CONFIG);
	assert_false(ask(
		&asked, read_ask(scratch_path(&scratch, "none"), 100, false)));
	assert_int_equal(asked.err.code, ERR_MISSING);
}

static json_t *stat_ask(const char *path)
{
	return json_pack("{s:s, s:s}", "op", "stat", "path", path);
}

static void test_stat_tells_what_is_there(void **state)
{
	const char *path = scratch_path(&scratch, "link");
	struct asked asked;

	(void)state;
	assert_true(ask(&asked, stat_ask(path)));
	assert_true(json_is_false(json_object_get(asked.result, "there")));
	done_with(&asked);
	assert_int_equal(symlink("to/nowhere", path), 0);
	assert_true(ask(&asked, stat_ask(path)));
	assert_string_equal(text(&asked, "type"), "link");
	assert_string_equal(text(&asked, "target"), "to/nowhere");
	done_with(&asked);
	assert_true(ask(&asked, stat_ask(scratch.dir)));
	assert_string_equal(text(&asked, "type"), "directory");
	assert_true(json_is_true(json_object_get(asked.result, "writable")));
	assert_int_equal(number(&asked, "uid"), geteuid());
	done_with(&asked);
}

static void test_space_is_of_the_nearest_parent(void **state)
{
	struct asked asked;
	struct stat st;

	(void)state;
	assert_int_equal(stat(scratch.dir, &st), 0);
	assert_true(
		ask(&asked, json_pack("{s:s, s:s}", "op", "space", "path",
				    scratch_path(&scratch, "not/yet/there"))));
	assert_true(number(&asked, "free") > 0);
	assert_int_equal(number(&asked, "dev"), st.st_dev);
	done_with(&asked);
	assert_true(ask(&asked,
		json_pack("{s:s, s:s}", "op", "space", "path", "/nonesuch")));
	done_with(&asked);
	assert_false(ask(&asked,
		json_pack("{s:s, s:s}", "op", "space", "path", "relative")));
}

static void test_clock_tells_of_this_boot(void **state)
{
	struct asked asked;

	(void)state;
	assert_true(ask(&asked, json_pack("{s:s}", "op", "clock")));
	assert_string_equal(text(&asked, "boot_id"), sys_boot_id());
	assert_true(llabs(number(&asked, "wall_ms") - sys_wall_ms()) < 60000);
	assert_int_equal(number(&asked, "uid"), geteuid());
	done_with(&asked);
}

/* ---- a file in pieces ---- */

static char digest_hex[65];

static json_t *arrive_ask(const char *op)
{
	return json_pack("{s:s, s:s, s:s}", "op", op, "root", scratch.dir,
		"sha256", digest_hex);
}

static bool send_piece(
	struct asked *asked, int64_t offset, const char *data, size_t len)
{
	char encoded[200];
	json_t *what = arrive_ask("receive");

	(void)EVP_EncodeBlock((unsigned char *)encoded,
		(const unsigned char *)data, (int)len);
	(void)json_object_set_new(what, "offset", json_integer(offset));
	(void)json_object_set_new(what, "data", json_string(encoded));
	return ask(asked, what);
}

static void digest_of(const char *data)
{
	unsigned char digest[32];

	assert_int_equal(EVP_Digest(data, strlen(data), digest, NULL,
				 EVP_sha256(), NULL),
		1);
	for (size_t i = 0; i < 32; i++)
		(void)snprintf(digest_hex + 2 * i, 3, "%02x", digest[i]);
}

static void test_receive_writes_at_its_end_only(void **state)
{
	struct asked asked;
	char *got;

	(void)state;
	digest_of("hello, world");
	assert_true(ask(&asked, arrive_ask("received")));
	assert_int_equal(number(&asked, "size"), 0);
	done_with(&asked);
	assert_true(send_piece(&asked, 0, "hello", 5));
	assert_int_equal(number(&asked, "size"), 5);
	done_with(&asked);
	/* The same once more, and one that has no place yet. */
	assert_true(send_piece(&asked, 0, "hello", 5));
	assert_int_equal(number(&asked, "size"), 5);
	done_with(&asked);
	assert_true(send_piece(&asked, 7, "world", 5));
	assert_int_equal(number(&asked, "size"), 5);
	done_with(&asked);
	assert_true(send_piece(&asked, 5, ", world", 7));
	assert_int_equal(number(&asked, "size"), 12);
	done_with(&asked);
	assert_true(ask(&asked, arrive_ask("receive_end")));
	got = scratch_read(text(&asked, "path"), NULL);
	assert_string_equal(got, "hello, world");
	free(got);
	done_with(&asked);
}

static void test_receive_end_empties_what_is_wrong(void **state)
{
	struct asked asked;

	(void)state;
	digest_of("hello, world");
	assert_true(send_piece(&asked, 0, "hello, w0rld", 12));
	done_with(&asked);
	assert_false(ask(&asked, arrive_ask("receive_end")));
	assert_int_equal(asked.err.code, ERR_AGAIN);
	assert_true(ask(&asked, arrive_ask("received")));
	assert_int_equal(number(&asked, "size"), 0);
	done_with(&asked);
}

static void test_receive_refuses_what_is_no_piece(void **state)
{
	static const char *const bad[] = {"", "abc", "ab*=", "====", "a==="};
	struct asked asked;

	(void)state;
	digest_of("x");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		json_t *what = arrive_ask("receive");

		(void)json_object_set_new(what, "offset", json_integer(0));
		(void)json_object_set_new(what, "data", json_string(bad[i]));
		assert_false(ask(&asked, what));
		assert_int_equal(asked.err.code, ERR_BUG);
	}
	(void)snprintf(digest_hex, sizeof(digest_hex), "../../etc/passwd");
	assert_false(ask(&asked, arrive_ask("received")));
	assert_int_equal(asked.err.code, ERR_BUG);
}

/* ---- processes ---- */

static void test_process_spec_comes_back_as_it_went(void **state)
{
	char *const argv[] = {(char *)(uintptr_t) "/bin/x",
		(char *)(uintptr_t) "--config", NULL};
	const struct process_spec spec = {.name = "shard0",
		.backend = "spawn",
		.port = 27182,
		.config = "/etc/x",
		.argv = argv,
		.directory = "/srv",
		.nofile = 64000,
		.run_file = "/state/x.run"};
	_cleanup_json_ json_t *json = process_spec_json(&spec);
	_cleanup_json_ json_t *again = NULL;
	struct process_spec back;

	(void)state;
	assert_true(process_spec_read(json, &back, NULL));
	assert_string_equal(back.argv[1], "--config");
	assert_null(back.argv[2]);
	assert_null(back.output);
	assert_null(back.start);
	assert_int_equal(back.port, 27182);
	again = process_spec_json(&back);
	assert_true(json_equal(json, again));
	process_spec_done(&back);
}

static void test_process_seen_comes_back_as_it_went(void **state)
{
	const struct process_seen seen = {.view = PROCESS_RUNNING,
		.pid = 42,
		.start_ticks = 1234567,
		.age_ms = 89,
		.boot_id = "b",
		.attempt = 17,
		.exe_known = true,
		.exe_dev = 5,
		.exe_ino = 6,
		.exe = "/opt/\xff (deleted)",
		.why = "because"};
	_cleanup_json_ json_t *json = process_seen_json(&seen);
	struct process_seen back;
	struct err err = {0};

	(void)state;
	assert_true(process_seen_read(json, &back, NULL));
	assert_int_equal(back.view, PROCESS_RUNNING);
	assert_int_equal(back.pid, 42);
	assert_int_equal(back.start_ticks, 1234567);
	assert_int_equal(back.age_ms, 89);
	assert_int_equal(back.attempt, 17);
	assert_int_equal(back.exe_ino, 6);
	assert_string_equal(back.exe, "/opt/? (deleted)");
	assert_string_equal(back.why, "because");
	(void)json_object_set_new(json, "pid", json_integer(-3));
	assert_false(process_seen_read(json, &back, &err));
	(void)json_object_set_new(json, "pid", json_integer(1LL << 40));
	assert_false(process_seen_read(json, &back, &err));
	(void)json_object_set_new(json, "pid", json_integer(3));
	(void)json_object_set_new(json, "view", json_string("dancing"));
	assert_false(process_seen_read(json, &back, &err));
}

static void test_see_tells_age_and_boot_by_the_hosts_own_clock(void **state)
{
	struct process_seen seen;
	struct asked asked;

	(void)state;
	assert_true(ask(&asked,
		json_pack("{s:s, s:i}", "op", "see", "pid", (int)getpid())));
	assert_true(process_seen_read(asked.result, &seen, NULL));
	assert_int_equal(seen.view, PROCESS_RUNNING);
	assert_true(seen.age_ms >= 0 && seen.age_ms < 600000);
	done_with(&asked);
	assert_true(ask(
		&asked, json_pack("{s:s, s:i}", "op", "see", "pid", 1 << 30)));
	assert_true(process_seen_read(asked.result, &seen, NULL));
	assert_int_equal(seen.view, PROCESS_GONE);
	assert_string_equal(seen.boot_id, sys_boot_id());
	done_with(&asked);
}

static json_t *status_ask(const char *program)
{
	return json_pack("{s:s, s:{s:s, s:s, s:s, s:i, s:[s]}}", "op",
		"observe", "process", "name", "x", "backend", "command",
		"config", "/x", "port", 1, "status", program);
}

static void test_observe_waits_for_the_makers_answer(void **state)
{
	struct process_seen seen;
	struct asked asked;

	(void)state;
	assert_true(ask(&asked, status_ask("/bin/true")));
	assert_true(process_seen_read(asked.result, &seen, NULL));
	assert_int_equal(seen.view, PROCESS_RUNNING);
	done_with(&asked);
	assert_true(ask(&asked, status_ask("/bin/false")));
	assert_true(process_seen_read(asked.result, &seen, NULL));
	assert_int_equal(seen.view, PROCESS_UNKNOWN);
	done_with(&asked);
}

static void test_ops_refuse_questions_without_their_parts(void **state)
{
	static const char *const ops[] = {"observe", "stop", "start", "see",
		"port_taken", "compare", "version_of", "read_file", "stat",
		"space", "received", "receive", "receive_end"};
	struct asked asked;

	(void)state;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		assert_false(ask(&asked, json_pack("{s:s}", "op", ops[i])));
		assert_int_equal(asked.err.code, ERR_BUG);
	}
	assert_null(host_op_find("nonsense"));
	assert_null(host_op_find(""));
}

static void test_answer_clean_text_takes_what_a_terminal_obeys(void **state)
{
	char text[] = "a\033b\177c\302\233d\302\240e";

	(void)state;
	answer_clean_text(text);
	assert_string_equal(text, "a b c  d\302\240e");
}

static void test_op_claim_read_cuts_no_letter_in_two(void **state)
{
	struct claim claim;
	char run[100];
	json_t *json;

	(void)state;
	for (size_t i = 0; i + 2 < sizeof(run); i += 2)
		memcpy(run + i, "\303\251", 3);
	json = json_pack("{s:s}", "run", run);
	assert_non_null(json);
	op_claim_read(json, &claim);
	json_decref(json);
	assert_true(strlen(claim.run) > 50);
	json = op_claim_json(&claim);
	assert_non_null(json);
	json_decref(json);
}

/* The process that was planned to be kept has ended, and something else got its
 * pid. */
static void test_adopt_keeps_nobody_elses_executable(void **state)
{
	char root[PATH_MAX], path[PATH_MAX];
	uint64_t ticks;
	struct asked asked;

	(void)state;
	(void)snprintf(root, sizeof(root), "%s/root", scratch.dir);
	(void)snprintf(path, sizeof(path), "%s/root/shop/current", scratch.dir);
	assert_true(proc_start_ticks(getpid(), &ticks, NULL));
	for (int other = 1; other >= 0; other--) {
		bool ok = ask(&asked,
			json_pack("{s:s, s:s, s:i, s:I, s:{s:s, s:s, s:s, "
				  "s:b}}",
				"op", "adopt", "version", "1.12.0", "pid",
				(int)getpid(), "start_ticks",
				(json_int_t)ticks + other, "link", "path", path,
				"root", root, "name", "mongosync", "binary",
				0));

		assert_int_equal(ok, !other);
		if (other)
			assert_non_null(strstr(asked.err.msg, "has ended"));
		done_with(&asked);
	}
	assert_int_equal(access(scratch_path(&scratch,
					"root/versions/1.12.0/bin/mongosync"),
				 X_OK),
		0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_read_file_gives_the_whole_or_its_end),
		T(test_read_file_mends_what_is_no_text),
		T(test_read_file_refuses_what_is_no_file),
		T(test_stat_tells_what_is_there),
		T(test_space_is_of_the_nearest_parent),
		T(test_clock_tells_of_this_boot),
		T(test_receive_writes_at_its_end_only),
		T(test_receive_end_empties_what_is_wrong),
		T(test_receive_refuses_what_is_no_piece),
		T(test_process_spec_comes_back_as_it_went),
		T(test_process_seen_comes_back_as_it_went),
		T(test_see_tells_age_and_boot_by_the_hosts_own_clock),
		T(test_observe_waits_for_the_makers_answer),
		T(test_ops_refuse_questions_without_their_parts),
		T(test_answer_clean_text_takes_what_a_terminal_obeys),
		T(test_op_claim_read_cuts_no_letter_in_two),
		T(test_adopt_keeps_nobody_elses_executable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
