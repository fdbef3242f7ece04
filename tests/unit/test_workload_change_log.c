/*
 * test_workload_change_log.c - is the log whole, wherever its writer was
 * killed?
 *
 * Needs a database server: SYNCUP_TEST_DATABASE names the executable that
 * tests/database builds.  Without it the test is skipped.
 */
#include "tests/workload/change_log.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/unit/scratch.h"
#include "tests/workload/server.h"

#define SKIPPED 77

struct world {
	struct scratch scratch;
	pid_t pid;
	mongoc_client_t *client;
	struct change_log log;
};

static const struct collection *const orders = &collections[0];

/* Reads "ready 127.0.0.1:<port>". */
static void read_address(int fd, char *address, size_t size)
{
	char line[100] = "";
	size_t len = 0;
	ssize_t got;

	while (len < sizeof(line) - 1 && !strchr(line, '\n')) {
		got = read(fd, line + len, 1);
		assert_int_equal(got, 1);
		len++;
	}
	assert_memory_equal(line, "ready ", strlen("ready "));
	line[len - 1] = '\0';
	(void)snprintf(address, size, "mongodb://%s/", line + strlen("ready "));
}

static pid_t start_database(const char *dir, char *address, size_t size)
{
	const char *program = getenv("SYNCUP_TEST_DATABASE");
	int out[2];
	pid_t pid;

	assert_int_equal(pipe(out), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)dup2(out[1], STDOUT_FILENO);
		(void)close(out[0]);
		(void)execl(program, program, "--dir", dir, "--port", "0",
			(char *)NULL);
		_exit(127);
	}
	(void)close(out[1]);
	read_address(out[0], address, size);
	(void)close(out[0]);
	return pid;
}

static int start(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	char address[128];

	assert_non_null(world);
	scratch_make(&world->scratch);
	world->pid =
		start_database(world->scratch.dir, address, sizeof(address));
	assert_true(server_open(address, &world->client, NULL));
	*state = world;
	return 0;
}

static int stop(void **state)
{
	struct world *world = *state;

	mongoc_client_destroy(world->client);
	(void)kill(world->pid, SIGKILL);
	assert_int_equal(waitpid(world->pid, NULL, 0), world->pid);
	scratch_remove(&world->scratch);
	free(world);
	return 0;
}

static int setup(void **state)
{
	struct world *world = *state;

	assert_true(change_log_create(world->client, NULL));
	assert_true(server_drop_database(world->client, orders->db, NULL));
	world->log = (struct change_log){.client = world->client};
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	change_log_done(&world->log);
	return 0;
}

static void add(struct change_log *log, enum change_op op, int64_t number,
	int32_t revision)
{
	bson_t *id = document_id(orders, number), *doc = NULL;

	if (op != CHANGE_DELETE)
		doc = document_make(orders, 1, number, revision);
	change_log_add(log, op, orders, id, doc);
	bson_destroy(id);
	bson_destroy(doc);
}

static bool count_one(void *arg, const bson_t *doc, struct err *err)
{
	(void)doc;
	(void)err;
	++*(unsigned *)arg;
	return true;
}

static unsigned count(struct world *world, const char *db, const char *name)
{
	unsigned found = 0;

	assert_true(server_find(
		world->client, db, name, NULL, NULL, count_one, &found, NULL));
	return found;
}

static bool take_revision(void *arg, const bson_t *doc, struct err *err)
{
	bson_iter_t iter;

	(void)err;
	assert_true(bson_iter_init_find(&iter, doc, "revision"));
	*(int *)arg = bson_iter_int32(&iter);
	return true;
}

/* -1: there is no such document. */
static int revision_of(struct world *world, int64_t number)
{
	bson_t *id = document_id(orders, number);
	int revision = -1;

	assert_true(server_find(world->client, orders->db, orders->name, id,
		NULL, take_revision, &revision, NULL));
	bson_destroy(id);
	return revision;
}

static void assert_logged(struct world *world, unsigned events)
{
	int64_t last;

	assert_int_equal(count(world, CHANGE_LOG_DB, "events"), events);
	assert_int_equal(count(world, CHANGE_LOG_DB, "pending"), 0);
	assert_true(change_log_last(world->client, &last, NULL));
	assert_int_equal(last, events);
}

static void insert_by_hand(
	struct world *world, const char *name, size_t first, size_t upto)
{
	assert_true(server_insert(world->client, CHANGE_LOG_DB, name,
		world->log.batch + first, upto - first, NULL));
}

static void insert_document(struct world *world, int64_t number)
{
	bson_t *doc = document_make(orders, 1, number, 0);

	assert_true(server_insert(
		world->client, orders->db, orders->name, &doc, 1, NULL));
	bson_destroy(doc);
}

/* A writer begins; what is in memory of the killed one is gone. */
static void recover_as_another(struct world *world)
{
	struct change_log next = {.client = world->client};
	struct err err = {.code = ERR_NONE};

	if (!change_log_recover(&next, &err))
		fail_msg("%s", err.msg);
	change_log_done(&next);
}

static void test_write_changes_and_logs(void **state)
{
	struct world *world = *state;

	add(&world->log, CHANGE_INSERT, 1, 0);
	add(&world->log, CHANGE_INSERT, 2, 0);
	assert_true(change_log_write(&world->log, NULL));
	add(&world->log, CHANGE_UPDATE, 1, 5);
	add(&world->log, CHANGE_DELETE, 2, 0);
	assert_true(change_log_write(&world->log, NULL));
	assert_int_equal(revision_of(world, 1), 5);
	assert_int_equal(revision_of(world, 2), -1);
	assert_logged(world, 4);
	assert_int_equal(world->log.written[CHANGE_INSERT], 2);
	assert_int_equal(world->log.written[CHANGE_UPDATE], 1);
	assert_int_equal(world->log.written[CHANGE_DELETE], 1);
}

static void test_write_last_change_of_a_batch_wins(void **state)
{
	struct world *world = *state;

	add(&world->log, CHANGE_INSERT, 1, 0);
	add(&world->log, CHANGE_UPDATE, 1, 3);
	add(&world->log, CHANGE_INSERT, 2, 0);
	add(&world->log, CHANGE_DELETE, 2, 0);
	add(&world->log, CHANGE_UPDATE, 1, 4);
	assert_true(change_log_write(&world->log, NULL));
	assert_int_equal(revision_of(world, 1), 4);
	assert_int_equal(revision_of(world, 2), -1);
	assert_logged(world, 5);
}

static void test_recover_nothing(void **state)
{
	struct world *world = *state;

	recover_as_another(world);
	assert_logged(world, 0);
}

static void test_recover_killed_after_pending(void **state)
{
	struct world *world = *state;

	add(&world->log, CHANGE_INSERT, 1, 0);
	add(&world->log, CHANGE_INSERT, 2, 0);
	insert_by_hand(world, "pending", 0, 2);
	recover_as_another(world);
	assert_int_equal(revision_of(world, 1), 0);
	assert_int_equal(revision_of(world, 2), 0);
	assert_logged(world, 2);
}

static void test_recover_killed_within_pending(void **state)
{
	struct world *world = *state;

	add(&world->log, CHANGE_INSERT, 1, 0);
	add(&world->log, CHANGE_INSERT, 2, 0);
	insert_by_hand(world, "pending", 0, 1);
	recover_as_another(world);
	assert_int_equal(revision_of(world, 1), 0);
	assert_int_equal(revision_of(world, 2), -1);
	assert_logged(world, 1);
}

static void test_recover_killed_after_the_collection(void **state)
{
	struct world *world = *state;

	add(&world->log, CHANGE_INSERT, 1, 0);
	insert_by_hand(world, "pending", 0, 1);
	insert_document(world, 1);
	recover_as_another(world);
	assert_int_equal(revision_of(world, 1), 0);
	assert_int_equal(count(world, orders->db, orders->name), 1);
	assert_logged(world, 1);
}

static void test_recover_killed_between_removing_and_inserting(void **state)
{
	struct world *world = *state;

	/* the document that an update replaces is gone for a moment */
	add(&world->log, CHANGE_UPDATE, 1, 9);
	insert_by_hand(world, "pending", 0, 1);
	recover_as_another(world);
	assert_int_equal(revision_of(world, 1), 9);
	assert_logged(world, 1);
}

static void test_recover_killed_within_events(void **state)
{
	struct world *world = *state;

	add(&world->log, CHANGE_INSERT, 1, 0);
	add(&world->log, CHANGE_INSERT, 2, 0);
	add(&world->log, CHANGE_DELETE, 1, 0);
	insert_by_hand(world, "pending", 0, 3);
	insert_document(world, 2);
	insert_by_hand(world, "events", 0, 2);
	recover_as_another(world);
	assert_int_equal(revision_of(world, 1), -1);
	assert_int_equal(revision_of(world, 2), 0);
	assert_logged(world, 3);
}

static void test_recover_killed_after_events(void **state)
{
	struct world *world = *state;

	add(&world->log, CHANGE_INSERT, 1, 0);
	insert_by_hand(world, "pending", 0, 1);
	insert_document(world, 1);
	insert_by_hand(world, "events", 0, 1);
	recover_as_another(world);
	assert_int_equal(revision_of(world, 1), 0);
	assert_logged(world, 1);
}

static void test_recover_after_an_error_counts_each_once(void **state)
{
	struct world *world = *state;

	/* the answer to appending the second of three events was lost */
	add(&world->log, CHANGE_INSERT, 1, 0);
	add(&world->log, CHANGE_INSERT, 2, 0);
	add(&world->log, CHANGE_INSERT, 3, 0);
	insert_by_hand(world, "pending", 0, 3);
	insert_by_hand(world, "events", 0, 2);
	assert_true(change_log_recover(&world->log, NULL));
	assert_int_equal(world->log.written[CHANGE_INSERT], 3);
	assert_logged(world, 3);
}

static void test_recover_refuses_a_gap(void **state)
{
	struct world *world = *state;
	struct err err = {.code = ERR_NONE};

	add(&world->log, CHANGE_INSERT, 1, 0);
	add(&world->log, CHANGE_INSERT, 2, 0);
	insert_by_hand(world, "pending", 1, 2);
	assert_false(change_log_recover(&world->log, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_int_equal(count(world, CHANGE_LOG_DB, "events"), 0);
}

#define in_world(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		in_world(test_write_changes_and_logs),
		in_world(test_write_last_change_of_a_batch_wins),
		in_world(test_recover_nothing),
		in_world(test_recover_killed_after_pending),
		in_world(test_recover_killed_within_pending),
		in_world(test_recover_killed_after_the_collection),
		in_world(test_recover_killed_between_removing_and_inserting),
		in_world(test_recover_killed_within_events),
		in_world(test_recover_killed_after_events),
		in_world(test_recover_after_an_error_counts_each_once),
		in_world(test_recover_refuses_a_gap),
	};
	int failed;

	if (!getenv("SYNCUP_TEST_DATABASE")) {
		(void)puts("SYNCUP_TEST_DATABASE is not set: skipped");
		return SKIPPED;
	}
	mongoc_init();
	failed = cmocka_run_group_tests(tests, start, stop);
	mongoc_cleanup();
	return failed;
}
