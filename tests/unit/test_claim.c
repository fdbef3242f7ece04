#include "supervisor/install/claim.h"

#include "install_world.h"

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
	return claim_create(world->root, name, claim, &world->err);
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
	assert_true(claim_take_over(
		world->root, "shard0", &ours, "another-run", &world->err));
	assert_true(claim_check(world->root, "shard0", ours.run, &world->err));
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
		world->root, "shard0", &ours, "another-run", &world->err);
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
		TEST(test_claim_remove),
		TEST(test_claim_each),
		TEST(test_claim_each_unreadable_claim),
		cmocka_unit_test(test_claim_killed_anywhere),
	};

	if (argc == 4 && strcmp(argv[1], "--scenario") == 0)
		return scenario_main(scenarios, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
