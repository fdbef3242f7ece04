#include "supervisor/install/claim.h"

#include "install_world.h"

#include <fcntl.h>
#include <time.h>

static const struct claim ours = {
	.run = "20260102T030405-abcdef",
	.host = "ops1",
	.state_dir = "/var/lib/syncup",
	.fleet = "orders",
	.pid = 4711,
	.since_ms = 1767323045000,
	.from = "1.12.0",
	.to = "1.13.0",
};

static struct claim theirs(void)
{
	struct claim claim = ours;

	(void)snprintf(claim.run, sizeof(claim.run), "another-run");
	(void)snprintf(claim.host, sizeof(claim.host), "ops2");
	return claim;
}

static bool create(
	struct world *world, const char *name, const struct claim *claim)
{
	memset(&world->err, 0, sizeof(world->err));
	return claim_create(world->root, name, claim, NULL, &world->err);
}

static const char *claim_file(struct world *world, const char *file)
{
	char name[300];

	(void)snprintf(name, sizeof(name), "opt/.syncup/claims/%s", file);
	return world_path(world, name);
}

static void test_claim_create_writes_what_claim_read_reads(void **state)
{
	struct world *world = *state;
	struct claim claim;

	assert_true(create(world, "shard0", &ours));
	assert_true(claim_read(world->root, "shard0", &claim, &world->err));
	assert_string_equal(claim.run, ours.run);
	assert_string_equal(claim.host, ours.host);
	assert_string_equal(claim.state_dir, ours.state_dir);
	assert_string_equal(claim.fleet, ours.fleet);
	assert_string_equal(claim.from, ours.from);
	assert_string_equal(claim.to, ours.to);
	assert_int_equal(claim.pid, ours.pid);
	assert_true(claim.since_ms == ours.since_ms);
}

/* Other versions of syncup read it, too. */
static void test_claim_create_keeps_its_format(void **state)
{
	struct world *world = *state;

	assert_true(create(world, "shard0", &ours));
	assert_true(scratch_holds(claim_file(world, "shard0.json"),
		"{\"run\":\"20260102T030405-abcdef\",\"host\":\"ops1\","
		"\"pid\":4711,\"state_dir\":\"/var/lib/syncup\","
		"\"fleet\":\"orders\",\"since\":1767323045000,"
		"\"versions\":[\"1.12.0\",\"1.13.0\"]}"));
}

static void test_claim_create_again(void **state)
{
	assert_true(create(*state, "shard0", &ours));
	assert_true(create(*state, "shard0", &ours));
}

static void test_claim_create_held_by_another(void **state)
{
	struct world *world = *state;
	struct claim other = theirs(), now;

	assert_true(create(world, "shard0", &other));
	assert_false(create(world, "shard0", &ours));
	assert_int_equal(world->err.code, ERR_HELD);
	assert_non_null(strstr(world->err.msg, "run another-run"));
	assert_non_null(strstr(world->err.msg, "on ops2"));
	assert_non_null(strstr(world->err.msg, "2026-01-02 03:04:05 UTC"));
	assert_non_null(strstr(world->err.msg, "/var/lib/syncup"));
	assert_true(claim_read(world->root, "shard0", &now, &world->err));
	assert_string_equal(now.run, "another-run");
}

static void test_claim_create_is_readable_for_others(void **state)
{
	struct world *world = *state;
	mode_t before = umask(077);

	assert_true(create(world, "shard0", &ours));
	(void)umask(before);
	assert_int_equal(mode_of(world_path(world, "opt/.syncup")), 0755);
	assert_int_equal(mode_of(claim_file(world, "")), 0755);
	assert_int_equal(mode_of(claim_file(world, "shard0.json")), 0644);
}

static void test_claim_create_unreadable_claim_is_not_taken(void **state)
{
	static const char *const bad[] = {"", "{}", "[1]", "{\"run\":1}",
		"{\"run\":\"\",\"host\":\"h\"}",
		"{\"run\":\"r\",\"host\":\"h\",\"versions\":[\"1\"]}"};
	struct world *world = *state;

	assert_true(create(world, "shard0", &ours));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *file = claim_file(world, "shard0.json");

		scratch_write(file, bad[i], strlen(bad[i]));
		assert_false(create(world, "shard0", &ours));
		assert_int_equal(world->err.code, ERR_CONFIG);
		assert_non_null(strstr(world->err.msg, "shard0.json"));
		assert_true(scratch_holds(file, bad[i]));
	}
}

static void test_claim_names_become_file_names(void **state)
{
	struct world *world = *state;
	char name[300];

	assert_true(create(world, "/usr/bin/mongo sync", &ours));
	assert_true(
		exists(claim_file(world, "%2fusr%2fbin%2fmongo%20sync.json")));
	assert_true(create(world, "..", &ours));
	assert_true(exists(claim_file(world, "%2e..json")));
	assert_true(create(world, "a%2fb", &ours));
	assert_true(exists(claim_file(world, "a%252fb.json")));
	assert_false(create(world, "", &ours));
	assert_int_equal(world->err.code, ERR_CONFIG);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_false(create(world, name, &ours));
	assert_int_equal(world->err.code, ERR_CONFIG);
}

static void test_claim_check(void **state)
{
	struct world *world = *state;

	assert_false(claim_check(world->root, "shard0", ours.run, &world->err));
	assert_int_equal(world->err.code, ERR_MISSING);
	assert_true(create(world, "shard0", &ours));
	assert_true(claim_check(world->root, "shard0", ours.run, &world->err));
	assert_false(claim_check(world->root, "shard0", "x", &world->err));
	assert_int_equal(world->err.code, ERR_HELD);
	assert_non_null(strstr(world->err.msg, ours.run));
}

static void test_claim_take_over(void **state)
{
	struct world *world = *state;
	struct claim other = theirs();

	assert_true(create(world, "shard0", &other));
	assert_true(claim_take_over(world->root, "shard0", &ours, "another-run",
		NULL, &world->err));
	assert_true(claim_check(world->root, "shard0", ours.run, &world->err));
}

static void test_claim_take_over_from_the_wrong_run(void **state)
{
	struct world *world = *state;
	struct claim other = theirs();

	assert_true(create(world, "shard0", &other));
	assert_false(claim_take_over(
		world->root, "shard0", &ours, "third-run", NULL, &world->err));
	assert_int_equal(world->err.code, ERR_HELD);
	assert_non_null(strstr(world->err.msg, "run another-run"));
	assert_true(claim_check(world->root, "shard0", other.run, &world->err));
}

static void test_claim_take_over_repeated(void **state)
{
	struct world *world = *state;
	struct claim other = theirs();

	assert_true(create(world, "shard0", &other));
	for (int i = 0; i < 2; i++)
		assert_true(claim_take_over(world->root, "shard0", &ours,
			"another-run", NULL, &world->err));
	assert_true(claim_check(world->root, "shard0", ours.run, &world->err));
	/* what is nobody's */
	assert_true(claim_take_over(world->root, "shard1", &ours, "another-run",
		NULL, &world->err));
	assert_true(claim_check(world->root, "shard1", ours.run, &world->err));
}

/* theirs is claimed as `name`: ours, by another name, is the same thing. */
static void assert_same(void **state, const char *name, const char *ours_name,
	struct claim other, struct claim claim)
{
	struct world *world = *state;
	struct claim seen;

	assert_true(create(world, name, &other));
	assert_false(create(world, ours_name, &claim));
	assert_int_equal(world->err.code, ERR_HELD);
	assert_non_null(strstr(world->err.msg, "run another-run"));
	assert_true(claim_find(
		world->root, ours_name, claim.port, NULL, &seen, &world->err));
	assert_string_equal(seen.run, "another-run");
	assert_false(claim_find(world->root, ours_name, claim.port,
		"another-run", &seen, &world->err));
	assert_int_equal(world->err.code, ERR_MISSING);
	/* Taken over, nothing is left of it. */
	assert_true(claim_take_over(world->root, ours_name, &claim,
		"another-run", NULL, &world->err));
	assert_false(claim_find(
		world->root, name, claim.port, claim.run, &seen, &world->err));
	assert_int_equal(world->err.code, ERR_MISSING);
	assert_true(
		claim_remove(world->root, ours_name, claim.run, &world->err));
}

static void test_claim_two_names_of_one_path(void **state)
{
	struct world *world = *state;
	const char *path = world_path(world, "bin/mongosync");

	make_dirs(path);
	make_dirs(world_path(world, "bin/sub/x"));
	assert_int_equal(symlink("bin", world_path(world, "other")), 0);
	assert_same(state, path, world_path(world, "other/mongosync"), theirs(),
		ours);
	assert_same(state, world_path(world, "other/sub/../mongosync"), path,
		theirs(), ours);
	/* whose directory is not there yet */
	assert_same(state, world_path(world, "bin/lane/current"),
		world_path(world, "other/lane/current"), theirs(), ours);
}

static void test_claim_two_instances_on_one_port(void **state)
{
	struct claim other = theirs(), claim = ours;

	other.port = claim.port = 27182;
	assert_same(state, "shard0", "a", other, claim);
}

static void test_claim_different_things(void **state)
{
	struct world *world = *state;
	struct claim other = theirs(), claim = ours;

	other.port = 27182;
	claim.port = 27183;
	assert_true(create(world, "shard0", &other));
	assert_true(create(world, "shard1", &claim));
	other.port = claim.port = 0;
	assert_true(create(world, "shard2", &other));
	assert_true(create(world, "shard3", &claim));
	make_dirs(world_path(world, "bin/x"));
	assert_true(create(world, world_path(world, "bin/a"), &other));
	assert_true(create(world, world_path(world, "bin/b"), &claim));
	assert_true(create(world, world_path(world, "lib/a"), &claim));
}

/* Of two runs that want the same, in whatever order, one gets all. */
static void test_claim_create_all_of_a_lane(void **state)
{
	const struct claim_thing lane[] = {{"shard0", 0}, {"shard1", 7}, {0}};
	struct world *world = *state;
	struct claim other = theirs();

	assert_true(
		claim_create(world->root, "shard1", &other, lane, &world->err));
	assert_false(
		claim_create(world->root, "shard0", &ours, lane, &world->err));
	assert_int_equal(world->err.code, ERR_HELD);
	assert_non_null(strstr(world->err.msg, "shard1 is claimed by"));
	assert_false(exists(claim_file(world, "shard0.json")));
	assert_true(
		claim_create(world->root, "shard0", &other, lane, &world->err));
	assert_false(claim_take_over(
		world->root, "shard0", &ours, "third-run", lane, &world->err));
	assert_true(claim_take_over(
		world->root, "shard0", &ours, other.run, lane, &world->err));
}

enum { CONTESTS = 100, TAKE_OVERS = 25, RIVALS = 4 };

/* As rival number i, once the pipe is closed; by another name each. */
static _Noreturn void contend(struct world *world, int start, int i, bool takes)
{
	static const char *const names[] = {"a", "b", "a", "c"};
	struct claim claim = ours;
	char c;
	bool ok;

	claim.port = 27182;
	(void)snprintf(claim.run, sizeof(claim.run), "rival-%d", i);
	(void)!read(start, &c, 1);
	ok = takes ? claim_take_over(world->root, names[i], &claim,
			     "another-run", NULL, &world->err)
		   : claim_create(
			     world->root, names[i], &claim, NULL, &world->err);
	_exit(ok ? 0 : world->err.code == ERR_HELD ? 1 : 2);
}

static void contest(struct world *world, bool takes)
{
	int start[2], won = 0, status;
	pid_t rival[RIVALS];
	struct claim seen;
	int winner = -1;

	assert_int_equal(pipe(start), 0);
	for (int i = 0; i < RIVALS; i++) {
		rival[i] = fork();
		assert_true(rival[i] >= 0);
		if (rival[i] == 0) {
			(void)close(start[1]);
			contend(world, start[0], i, takes);
		}
	}
	(void)close(start[0]);
	(void)close(start[1]);
	for (int i = 0; i < RIVALS; i++) {
		assert_int_equal(waitpid(rival[i], &status, 0), rival[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		if (WEXITSTATUS(status) == 0) {
			won++;
			winner = i;
		}
	}
	assert_int_equal(won, 1);
	assert_true(
		claim_find(world->root, "z", 27182, NULL, &seen, &world->err));
	assert_int_equal(seen.run[strlen("rival-")], '0' + winner);
}

static void forget_claims(struct world *world)
{
	static const char *const files[] = {"a.json", "b.json", "c.json"};

	for (size_t i = 0; i < 3; i++)
		(void)unlink(claim_file(world, files[i]));
}

static void test_claim_create_at_the_same_moment(void **state)
{
	for (int round = 0; round < CONTESTS; round++) {
		contest(*state, false);
		forget_claims(*state);
	}
}

static void test_claim_take_over_at_the_same_moment(void **state)
{
	struct world *world = *state;
	struct claim other = theirs();

	other.port = 27182;
	for (int round = 0; round < TAKE_OVERS; round++) {
		assert_true(create(world, "a", &other));
		contest(world, true);
		forget_claims(world);
	}
}

/* As a user who may read and not write; for root there is no such thing. */
static void test_claim_without_permission(void **state)
{
	struct world *world = *state;
	struct claim seen;
	uid_t before = geteuid();

	assert_true(claim_check_writable(world->root, &world->err));
	assert_true(create(world, "shard0", &ours));
	assert_true(claim_check_writable(world->root, &world->err));
	if (before != 0)
		assert_int_equal(chmod(claim_file(world, ""), 0555), 0);
	assert_int_equal(chmod(world->scratch.dir, 0755), 0);
	if (before == 0)
		assert_int_equal(seteuid(65534), 0);
	assert_false(claim_check_writable(world->root, &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_non_null(strstr(world->err.msg, "Permission denied"));
	assert_false(create(world, "shard1", &ours));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_true(
		claim_find(world->root, "shard0", 0, NULL, &seen, &world->err));
	assert_false(
		claim_remove(world->root, "shard0", ours.run, &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	if (before == 0)
		assert_int_equal(seteuid(before), 0);
	assert_int_equal(chmod(claim_file(world, ""), 0755), 0);
}

static void make_old(const char *path)
{
	const struct timespec old[2] = {{.tv_sec = time(NULL) - 25 * 3600},
		{.tv_sec = time(NULL) - 25 * 3600}};

	assert_int_equal(
		utimensat(AT_FDCWD, path, old, AT_SYMLINK_NOFOLLOW), 0);
}

static void test_claim_sweep(void **state)
{
	static const char *const old[] = {".shard0.json.tmp-0123abcd",
		"shard0.json", ".shard0.json", "x.tmp-0123abcd",
		".tmp-0123abcd", ".shard0.json.tmp-0123abc",
		".shard0.json.tmp-0123abcg"};
	struct world *world = *state;

	assert_true(claim_sweep(world->root, &world->err));
	assert_true(create(world, "shard0", &ours));
	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
		if (i != 1)
			scratch_write(claim_file(world, old[i]), "x", 1);
		make_old(claim_file(world, old[i]));
	}
	scratch_write(claim_file(world, ".shard1.json.tmp-0123abcd"), "x", 1);
	assert_true(claim_sweep(world->root, &world->err));
	assert_false(exists(claim_file(world, old[0])));
	for (size_t i = 1; i < sizeof(old) / sizeof(old[0]); i++)
		assert_true(exists(claim_file(world, old[i])));
	assert_true(exists(claim_file(world, ".shard1.json.tmp-0123abcd")));
}

static void test_claim_remove(void **state)
{
	struct world *world = *state;
	struct claim other = theirs();

	assert_true(claim_remove(world->root, "shard0", ours.run, &world->err));
	assert_true(create(world, "shard0", &ours));
	assert_true(create(world, "shard1", &other));
	assert_true(claim_remove(world->root, "shard0", ours.run, &world->err));
	assert_false(exists(claim_file(world, "shard0.json")));
	assert_false(
		claim_remove(world->root, "shard1", ours.run, &world->err));
	assert_int_equal(world->err.code, ERR_HELD);
	assert_true(exists(claim_file(world, "shard1.json")));
}

static bool add_name(
	void *arg, const char *name, const struct claim *claim, struct err *err)
{
	char *names = arg;

	(void)err;
	assert_string_equal(claim->fleet, "orders");
	(void)snprintf(names + strlen(names), 200 - strlen(names), "%s ", name);
	return true;
}

static bool refuse(
	void *arg, const char *name, const struct claim *claim, struct err *err)
{
	(void)arg;
	(void)claim;
	return err_set(err, ERR_DECIDE, "not %s", name);
}

static void test_claim_each(void **state)
{
	struct world *world = *state;
	char names[200] = "";

	assert_true(claim_each(world->root, add_name, names, &world->err));
	assert_string_equal(names, "");
	assert_true(create(world, "shard1", &ours));
	assert_true(create(world, "/a/b", &ours));
	scratch_write(claim_file(world, ".shard1.json.tmp-1"), "x", 1);
	scratch_write(claim_file(world, "README"), "x", 1);
	assert_true(claim_each(world->root, add_name, names, &world->err));
	assert_string_equal(names, "/a/b shard1 ");
	assert_false(claim_each(world->root, refuse, NULL, &world->err));
	assert_int_equal(world->err.code, ERR_DECIDE);
	assert_string_equal(world->err.msg, "not /a/b");
}

static void test_claim_each_unreadable_claim(void **state)
{
	struct world *world = *state;
	char names[200] = "";

	assert_true(create(world, "shard1", &ours));
	scratch_write(claim_file(world, "shard0.json"), "{", 1);
	assert_false(claim_each(world->root, add_name, names, &world->err));
	assert_int_equal(world->err.code, ERR_CONFIG);
	assert_non_null(strstr(world->err.msg, "shard0.json"));
}

static void prepare_nothing(struct world *world)
{
	(void)world;
}

static void prepare_claim(struct world *world)
{
	assert_true(create(world, "shard0", &ours));
}

static void prepare_their_claim(struct world *world)
{
	struct claim other = theirs();

	assert_true(create(world, "shard0", &other));
}

static bool act_create(struct world *world)
{
	return create(world, "shard0", &ours);
}

static bool act_take_over(struct world *world)
{
	return claim_take_over(
		world->root, "shard0", &ours, "another-run", NULL, &world->err);
}

static bool act_take_over_by_another_name(struct world *world)
{
	struct claim claim = ours;

	claim.port = 27182;
	return claim_take_over(
		world->root, "a", &claim, "another-run", NULL, &world->err);
}

static void prepare_their_port(struct world *world)
{
	struct claim other = theirs();

	other.port = 27182;
	assert_true(create(world, "shard0", &other));
}

static bool act_remove(struct world *world)
{
	return claim_remove(world->root, "shard0", ours.run, &world->err);
}

/* It can be read, or is not there. */
static void check_whole(struct world *world)
{
	struct claim claim;

	if (!claim_read(world->root, "shard0", &claim, &world->err))
		assert_int_equal(world->err.code, ERR_MISSING);
}

static void check_somebodys(struct world *world)
{
	struct claim claim;

	assert_true(claim_read(world->root, "shard0", &claim, &world->err));
}

static const struct scenario scenarios[] = {
	{"create", prepare_nothing, act_create, check_whole},
	{"take over", prepare_their_claim, act_take_over, check_somebodys},
	{"take over by another name", prepare_their_port,
		act_take_over_by_another_name, check_whole},
	{"remove", prepare_claim, act_remove, check_whole},
	{NULL, NULL, NULL, NULL},
};

static void test_claim_killed_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; scenarios[i].name; i++)
		kill_everywhere(&scenarios[i]);
}

#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, world_set_up, world_tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(test_claim_create_writes_what_claim_read_reads),
		TEST(test_claim_create_keeps_its_format),
		TEST(test_claim_create_again),
		TEST(test_claim_create_held_by_another),
		TEST(test_claim_create_is_readable_for_others),
		TEST(test_claim_create_unreadable_claim_is_not_taken),
		TEST(test_claim_names_become_file_names),
		TEST(test_claim_check),
		TEST(test_claim_take_over),
		TEST(test_claim_take_over_from_the_wrong_run),
		TEST(test_claim_take_over_repeated),
		TEST(test_claim_two_names_of_one_path),
		TEST(test_claim_two_instances_on_one_port),
		TEST(test_claim_different_things),
		TEST(test_claim_create_all_of_a_lane),
		TEST(test_claim_create_at_the_same_moment),
		TEST(test_claim_take_over_at_the_same_moment),
		TEST(test_claim_without_permission),
		TEST(test_claim_sweep),
		TEST(test_claim_remove),
		TEST(test_claim_each),
		TEST(test_claim_each_unreadable_claim),
		cmocka_unit_test(test_claim_killed_anywhere),
	};

	if (argc == 4 && strcmp(argv[1], "--scenario") == 0)
		return scenario_main(scenarios, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
