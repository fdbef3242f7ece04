/*
 * The reference processes themselves, in light mode: what other tests trust
 * them to do.
 */
#include <errno.h>
#include <pthread.h>

#include "tests/unit/refsync_world.h"

#define METADATA "destination/mongosync_reserved_for_internal_use/"

static int set_up(void **state)
{
	*state = refsync_world_new(1);
	return 0;
}

static int set_up_three(void **state)
{
	*state = refsync_world_new(3);
	return 0;
}

static int tear_down(void **state)
{
	refsync_world_free(*state);
	return 0;
}

static void start(struct refsync_world *world, const char *version)
{
	refsync_run(world, 0, version);
	refsync_wait_state(world, 0, "IDLE");
	refsync_post(world, 0, "start", START_BODY);
	refsync_wait_text(world, 0, "\"canCommit\":true");
}

static void pause_it(struct refsync_world *world, int i)
{
	refsync_post(world, i, "pause", "{}");
	refsync_wait_state(world, i, "PAUSED");
}

static void test_progress_idle_is_null_but_for_two(void **state)
{
	struct refsync_world *world = *state;
	const char *key;
	json_t *json, *value;
	char *answer;

	refsync_run(world, 0, "1.18.0");
	refsync_wait_state(world, 0, "IDLE");
	answer = refsync_ask(world, 0, "progress", NULL, NULL);
	json = json_loads(strstr(answer, "\r\n\r\n"), 0, NULL);
	json_object_foreach (json_object_get(json, "progress"), key, value)
		assert_int_equal(json_is_null(value),
			strcmp(key, "state") != 0 &&
				strcmp(key, "canCommit") != 0);
	json_decref(json);
	free(answer);
}

static void test_post_without_body_is_refused(void **state)
{
	struct refsync_world *world = *state;

	start(world, "1.18.0");
	assert_true(refsync_says(world, 0, "pause", "", "\"success\":false"));
	assert_true(refsync_says(world, 0, "pause", "[]", "\"success\":false"));
	assert_true(refsync_says(world, 0, "pause", NULL, " 405 "));
	assert_true(refsync_says(world, 0, "stop", "{}", " 404 "));
	assert_true(
		refsync_says(world, 0, "resume", "{}", "\"success\":false"));
	refsync_wait_state(world, 0, "RUNNING");
}

static void test_start_body_depends_on_the_version(void **state)
{
	struct refsync_world *world = *state;
	const char *body = "{\"source\":\"cluster0\",\"destination\":"
			   "\"cluster1\",\"enableUserWriteBlocking\":\"none\"}";

	refsync_run(world, 0, "1.20.0");
	refsync_wait_state(world, 0, "IDLE");
	assert_true(
		refsync_says(world, 0, "start", body, "InvalidRequestBody"));
	assert_int_equal(refsync_end(world, 0, SIGTERM), 0);
	refsync_run(world, 0, "1.18.0");
	refsync_wait_state(world, 0, "IDLE");
	refsync_post(world, 0, "start", body);
}

static void test_restart_while_paused_changes_no_byte(void **state)
{
	static const char *const files[] = {METADATA "globalState.ndjson",
		METADATA "resumeData.ndjson", METADATA "partitions.ndjson"};
	struct refsync_world *world = *state;
	char *before[3], *after;

	refsync_set(world, "\"noop_ms\":1");
	start(world, "1.18.0");
	pause_it(world, 0);
	for (int i = 0; i < 3; i++)
		before[i] = refsync_read(world, files[i]);
	assert_int_equal(refsync_end(world, 0, SIGTERM), 0);
	refsync_run(world, 0, "1.18.0");
	refsync_wait_state(world, 0, "PAUSED");
	assert_int_equal(refsync_end(world, 0, SIGINT), 0);
	for (int i = 0; i < 3; i++) {
		after = refsync_read(world, files[i]);
		assert_non_null(before[i]);
		assert_string_equal(before[i], after);
		free(before[i]);
		free(after);
	}
}

static void test_restart_while_running_goes_on_by_itself(void **state)
{
	struct refsync_world *world = *state;

	start(world, "1.13.0");
	assert_int_equal(refsync_end(world, 0, SIGKILL), -1 - SIGKILL);
	refsync_run(world, 0, "1.13.0");
	refsync_wait_state(world, 0, "RUNNING");
	pause_it(world, 0);
	refsync_post(world, 0, "resume", "{}");
	refsync_wait_state(world, 0, "RUNNING");
	assert_int_equal(refsync_count(world, "\"resumed\"", ""), 1);
}

static void test_copy_interrupted_partition_begins_again(void **state)
{
	struct refsync_world *world = *state;

	refsync_set(world, "\"partition_docs_per_s\":500,"
			   "\"synthetic_docs\":600,\"partition_docs\":300");
	refsync_run(world, 0, "1.18.0");
	refsync_wait_state(world, 0, "IDLE");
	refsync_post(world, 0, "start", START_BODY);
	refsync_wait_effect(world, "p000001", "\"complete\":true");
	assert_int_equal(refsync_end(world, 0, SIGTERM), 0);
	assert_int_equal(
		refsync_count(world, "p000002", "\"complete\":false"), 1);
	refsync_set(world, "\"partition_docs_per_s\":0");
	refsync_run(world, 0, "1.18.0");
	refsync_wait_text(world, 0, "\"canCommit\":true");
	assert_int_equal(refsync_count(world, "\"docs\":300,\"complete\":true",
				 "\"again\":false"),
		2);
	assert_int_equal(refsync_count(world, "\"again\":true", ""), 0);
}

/* name is "<database>/<collection>.ndjson". */
static void write_source(
	struct refsync_world *world, const char *name, const char *text)
{
	char path[500];
	char *slash;

	(void)mkdir(scratch_path(&world->scratch, "source"), 0700);
	(void)snprintf(path, sizeof(path), "source/%s", name);
	slash = strrchr(path, '/');
	*slash = '\0';
	(void)mkdir(scratch_path(&world->scratch, path), 0700);
	*slash = '/';
	scratch_write(scratch_path(&world->scratch, path), text, strlen(text));
}

static void assert_copied(struct refsync_world *world, const char *want)
{
	char *copied = refsync_read(world, "destination/shop/items.ndjson");

	assert_string_equal(copied, want);
	free(copied);
}

static void test_changes_reach_the_destination(void **state)
{
	static const char docs[] = "{\"_id\":1,\"v\":0}\n{\"_id\":2}\n";
	struct refsync_world *world = *state;

	write_source(world, "shop/items.ndjson", docs);
	start(world, "1.18.0");
	assert_copied(world, docs);
	write_source(world, "refsync_changelog/events.ndjson",
		"{\"_id\":1,\"ns\":\"shop.items\",\"op\":\"u\",\"id\":1,"
		"\"doc\":{\"_id\":1,\"v\":1}}\n"
		"{\"_id\":2,\"ns\":\"shop.items\",\"op\":\"d\",\"id\":2}\n");
	refsync_wait_text(world, 0, "\"totalEventsApplied\":2");
	assert_copied(world, "{\"_id\":1,\"v\":1}\n");
}

static void test_changes_lost_at_the_front_end_the_sync(void **state)
{
	struct refsync_world *world = *state;
	char *errors;

	write_source(world, "shop/items.ndjson", "{\"_id\":1}\n");
	write_source(world, "refsync_changelog/events.ndjson",
		"{\"_id\":7,\"ns\":\"shop.items\",\"op\":\"d\",\"id\":9}\n");
	start(world, "1.18.0");
	write_source(world, "refsync_changelog/events.ndjson",
		"{\"_id\":9,\"ns\":\"shop.items\",\"op\":\"d\",\"id\":1}\n");
	assert_int_equal(refsync_wait_end(world, 0), 1);
	errors = scratch_read(world->instances[0].errors, NULL);
	assert_non_null(strstr(errors, "no longer be in the oplog"));
	free(errors);
	assert_copied(world, "{\"_id\":1}\n");
}

static void test_commit_then_reverse(void **state)
{
	struct refsync_world *world = *state;

	start(world, "1.18.0");
	refsync_post(world, 0, "commit", "{}");
	refsync_wait_text(world, 0, "\"canWrite\":true");
	refsync_wait_state(world, 0, "COMMITTED");
	assert_true(refsync_says(world, 0, "pause", "{}", "\"success\":false"));
	refsync_post(world, 0, "reverse", "{}");
	refsync_wait_text(world, 0, "\"Source\":\"cluster1: ");
	refsync_wait_state(world, 0, "RUNNING");
}

/* Runs version against what is there; it must refuse and change nothing. */
static void assert_refuses(
	struct refsync_world *world, const char *version, const char *why)
{
	char *before = refsync_read(world, METADATA "globalState.ndjson");
	char *after, *errors, *log;

	refsync_run(world, 0, version);
	assert_int_equal(refsync_wait_end(world, 0), 1);
	errors = scratch_read(world->instances[0].errors, NULL);
	assert_non_null(strstr(errors, why));
	log = refsync_read(world, "log0/mongosync.log");
	assert_non_null(strstr(log, "{\"level\":\"fatal\""));
	assert_non_null(strstr(log, why));
	after = refsync_read(world, METADATA "globalState.ndjson");
	assert_string_equal(before, after);
	free(before);
	free(after);
	free(errors);
	free(log);
}

static void upgrade(struct refsync_world *world, const char *version)
{
	refsync_run(world, 0, version);
	refsync_wait_state(world, 0, "PAUSED");
	assert_int_equal(refsync_end(world, 0, SIGTERM), 0);
}

static void test_upgrade_each_version_accepts_what_it_should(void **state)
{
	struct refsync_world *world = *state;

	start(world, "1.12.0");
	pause_it(world, 0);
	assert_int_equal(refsync_end(world, 0, SIGTERM), 0);
	assert_refuses(world, "1.14.0",
		"Persisted metadata version: 10 is lower than the minimum "
		"supported metadata version: 13");
	assert_refuses(world, "1.18.0",
		"Persisted metadata version: 10 is lower than the minimum "
		"supported metadata version: 12");
	upgrade(world, "1.13.0");
	assert_refuses(world, "1.12.0", "is higher than the maximum");
	upgrade(world, "1.18.0");
	upgrade(world, "1.14.0"); /* the same metadata */
	assert_refuses(
		world, "1.20.0", "minimum supported metadata version: 14");
	assert_int_equal(refsync_count(world, "\"migrated\"", "1.13.0"), 1);
	assert_int_equal(refsync_count(world, "\"migrated\"", "1.18.0"), 1);
	assert_int_equal(refsync_count(world, "\"migrated\"", ""), 2);
}

static void test_upgrade_that_dies_is_finished_by_another_start(void **state)
{
	struct refsync_world *world = *state;

	start(world, "1.13.0");
	pause_it(world, 0);
	assert_int_equal(refsync_end(world, 0, SIGTERM), 0);
	refsync_set(world, "\"migrate_then_die\":2");
	refsync_run(world, 0, "1.18.0");
	assert_int_equal(refsync_wait_end(world, 0), 3);
	assert_refuses(world, "1.13.0", "is higher than the maximum");
	refsync_set(world, "");
	upgrade(world, "1.18.0");
	assert_int_equal(refsync_count(world, "\"migrated\"", "1.18.0"), 1);
}

static void test_upgrade_into_120_renames_the_database(void **state)
{
	struct refsync_world *world = *state;

	start(world, "1.18.0");
	pause_it(world, 0);
	assert_int_equal(refsync_end(world, 0, SIGTERM), 0);
	refsync_set(world, "\"accept_metadata\":13,\"migrate_doc_ms\":30");
	refsync_run(world, 0, "1.20.0");
	refsync_wait_state(world, 0, "INITIALIZING");
	refsync_wait_state(world, 0, "PAUSED");
	assert_int_equal(refsync_end(world, 0, SIGTERM), 0);
	assert_int_equal(
		access(scratch_path(&world->scratch, METADATA), F_OK), -1);
	refsync_run(world, 0, "1.18.0"); /* cannot find it any more */
	refsync_wait_state(world, 0, "IDLE");
}

static void test_second_signal_panics_before_120(void **state)
{
	struct refsync_world *world = *state;

	refsync_set(world, "\"stop_ms\":400");
	for (int old = 0; old < 2; old++) {
		refsync_run(world, 0, old ? "1.18.0" : "1.20.0");
		refsync_wait_state(world, 0, "IDLE");
		assert_int_equal(kill(world->instances[0].pid, SIGTERM), 0);
		refsync_wait_effect(
			world, "\"signal\"", old ? "1.18.0" : "1.20.0");
		assert_int_equal(refsync_end(world, 0, SIGTERM), old ? 2 : 0);
	}
	assert_int_equal(refsync_count(world, "\"panic\"", ""), 1);
}

static void test_resume_before_paused_crashes(void **state)
{
	struct refsync_world *world = *state;
	char *answer;

	refsync_set(world, "\"pause_ms\":5000");
	start(world, "1.20.0");
	refsync_post(world, 0, "pause", "{}");
	refsync_wait_state(world, 0, "RUNNING");
	answer = refsync_ask(world, 0, "resume", "{}", NULL);
	assert_string_equal(answer, "");
	free(answer);
	assert_int_equal(refsync_wait_end(world, 0), 2);
	assert_int_equal(refsync_count(world, "\"crash\"", ""), 1);
}

static void test_disclaimer_at_end_of_input_ends_it(void **state)
{
	struct refsync_world *world = *state;

	refsync_configure(world, 0, "");
	refsync_run(world, 0, "1.12.0");
	assert_int_equal(refsync_wait_end(world, 0), 1);
}

static void test_instances_wait_for_each_other(void **state)
{
	struct refsync_world *world = *state;

	for (int i = 0; i < 3; i++) {
		refsync_run(world, i, "1.13.0");
		refsync_wait_text(world, i, "\"coordinatorID\":null");
	}
	refsync_post(world, 0, "start", START_BODY);
	refsync_post(world, 1, "start", START_BODY);
	refsync_wait_text(world, 1, "\"coordinatorID\":\"shard0\"");
	assert_int_equal(refsync_count(world, "\"phase\"", ""), 0);
	refsync_post(world, 2, "start", START_BODY);
	for (int i = 0; i < 3; i++)
		refsync_wait_text(world, i, "\"canCommit\":true");
	assert_int_equal(
		refsync_count(world, "\"partition\"", "\"complete\":true"), 4);
}

static void *commit_first(void *arg)
{
	refsync_post(arg, 0, "commit", "{}");
	return NULL;
}

static void test_instances_commit_together(void **state)
{
	struct refsync_world *world = *state;
	pthread_t first;

	for (int i = 0; i < 3; i++) {
		refsync_run(world, i, "1.18.0");
		refsync_wait_state(world, i, "IDLE");
		refsync_post(world, i, "start", START_BODY);
	}
	for (int i = 0; i < 3; i++)
		refsync_wait_text(world, i, "\"canCommit\":true");
	/* the first is answered only when the last was called */
	assert_int_equal(pthread_create(&first, NULL, commit_first, world), 0);
	refsync_wait_state(world, 0, "COMMITTING");
	assert_true(refsync_says(world, 1, "progress", NULL, "RUNNING"));
	assert_int_equal(refsync_count(world, "\"committed\"", ""), 0);
	refsync_set(world, "\"commit\":\"effect_then_close\"");
	for (int i = 1; i < 3; i++) {
		int fd = refsync_connect(world->instances[i].port);

		(void)dprintf(fd, "POST /api/v1/commit HTTP/1.1\r\nHost: h\r\n"
				  "Content-Length: 2\r\n\r\n{}");
		refsync_wait_text(world, i, "COMMITT");
		assert_int_equal(close(fd), 0);
	}
	for (int i = 0; i < 3; i++)
		refsync_wait_text(world, i, "\"canWrite\":true");
	assert_int_equal(pthread_join(first, NULL), 0);
}

static void test_instances_wait_for_the_coordinators_migration(void **state)
{
	struct refsync_world *world = *state;

	for (int i = 0; i < 3; i++) {
		refsync_run(world, i, "1.13.0");
		refsync_wait_state(world, i, "IDLE");
		refsync_post(world, i, "start", START_BODY);
	}
	for (int i = 0; i < 3; i++)
		refsync_wait_text(world, i, "\"canCommit\":true");
	for (int i = 0; i < 3; i++)
		pause_it(world, i);
	for (int i = 0; i < 3; i++)
		assert_int_equal(refsync_end(world, i, SIGTERM), 0);
	refsync_run(world, 2, "1.18.0");
	refsync_wait_text(world, 2, "NotReady");
	refsync_run(world, 0, "1.18.0");
	refsync_wait_state(world, 0, "PAUSED");
	refsync_wait_state(world, 2, "PAUSED");
	assert_int_equal(refsync_count(world, "\"migrated\"", ""), 1);
}

static void test_fault_answers_are_as_bad_as_told(void **state)
{
	static const struct {
		const char *fault, *text;
		int error;
	} cases[] = {
		{"\"garbage\"", "<html>", 0},
		{"\"half\"", "{\"progress\":{\"state\":\"PAU", 0},
		{"\"http_500\"", " 500 ", 0},
		{"\"success_false\"", " 200 ", 0},
		{"\"reset\"", "", ECONNRESET},
		{"\"other_id\"", "intruder", 0},
		{"{\"kind\":\"lie\",\"state\":\"PAUSED\"}", "PAUSED", 0},
	};
	struct refsync_world *world = *state;
	char text[200];

	start(world, "1.18.0");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *answer;
		int error;

		(void)snprintf(
			text, sizeof(text), "\"progress\":%s", cases[i].fault);
		refsync_set(world, text);
		answer = refsync_ask(world, 0, "progress", NULL, &error);
		assert_non_null(answer);
		assert_non_null(strstr(answer, cases[i].text));
		assert_int_equal(error, cases[i].error);
		free(answer);
		refsync_set(world, "");
		refsync_wait_state(world, 0, "RUNNING");
	}
}

static void test_fault_huge_sends_what_was_ordered(void **state)
{
	struct refsync_world *world = *state;
	static char buf[65536];
	size_t len = 0;
	ssize_t got;
	int fd;

	start(world, "1.18.0");
	refsync_set(world, "\"progress\":{\"kind\":\"huge\",\"mb\":8}");
	for (int early = 0; early < 2; early++) {
		fd = refsync_connect(world->instances[0].port);
		(void)dprintf(fd, "GET /api/v1/progress HTTP/1.0\r\n\r\n");
		while ((got = read(fd, buf, sizeof(buf))) > 0 && !early)
			len += (size_t)got;
		assert_int_equal(close(fd), 0);
	}
	assert_in_range(len, 8 << 20, (8 << 20) + 1000);
	refsync_set(world, "");
	refsync_wait_state(world, 0, "RUNNING");
	assert_int_equal(refsync_end(world, 0, SIGTERM), 0);
}

static void test_fault_effect_then_close_has_its_effect(void **state)
{
	struct refsync_world *world = *state;
	char *answer;

	start(world, "1.18.0");
	refsync_set(world, "\"pause\":\"effect_then_close\"");
	answer = refsync_ask(world, 0, "pause", "{}", NULL);
	assert_string_equal(answer, "");
	free(answer);
	refsync_wait_state(world, 0, "PAUSED");
	refsync_set(world, "\"resume\":\"lie\",\"never_pauses\":true");
	refsync_post(world, 0, "resume", "{}");
	assert_int_equal(refsync_count(world, "\"resumed\"", ""), 0);
	refsync_wait_state(world, 0, "PAUSED");
}

/* No sanitizer in this build: those need far more. */
static void test_light_process_is_small(void **state)
{
	struct refsync_world *world = *state;
	char path[64], line[200];
	long kib = 0;
	FILE *file;

#if defined(__SANITIZE_ADDRESS__)
	skip();
#endif
	start(world, "1.18.0");
	(void)snprintf(path, sizeof(path), "/proc/%d/status",
		(int)world->instances[0].pid);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, "VmRSS:", 6))
			kib = strtol(line + 6, NULL, 10);
	assert_int_equal(fclose(file), 0);
	assert_in_range(kib, 1, 3072);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define THREE(name)                                                            \
	cmocka_unit_test_setup_teardown(name, set_up_three, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_progress_idle_is_null_but_for_two),
		TEST(test_post_without_body_is_refused),
		TEST(test_start_body_depends_on_the_version),
		TEST(test_restart_while_paused_changes_no_byte),
		TEST(test_restart_while_running_goes_on_by_itself),
		TEST(test_copy_interrupted_partition_begins_again),
		TEST(test_changes_reach_the_destination),
		TEST(test_changes_lost_at_the_front_end_the_sync),
		TEST(test_commit_then_reverse),
		TEST(test_upgrade_each_version_accepts_what_it_should),
		TEST(test_upgrade_that_dies_is_finished_by_another_start),
		TEST(test_upgrade_into_120_renames_the_database),
		TEST(test_second_signal_panics_before_120),
		TEST(test_resume_before_paused_crashes),
		TEST(test_disclaimer_at_end_of_input_ends_it),
		THREE(test_instances_wait_for_each_other),
		THREE(test_instances_commit_together),
		THREE(test_instances_wait_for_the_coordinators_migration),
		TEST(test_fault_answers_are_as_bad_as_told),
		TEST(test_fault_huge_sends_what_was_ordered),
		TEST(test_fault_effect_then_close_has_its_effect),
		TEST(test_light_process_is_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
