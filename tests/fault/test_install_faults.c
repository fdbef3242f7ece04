/*
 * test_install_faults.c - everything that changes an install root, with each
 * fault at each call, until a round meets none: it ends well or in an error
 * that says why, leaks no descriptor, leaves nothing half done under its final
 * name, never syncs again what could not be synced; and the same once more,
 * without the fault, ends as if there had been none.
 */
#include "fault_sys.h"

#include "../unit/install_world.h"
#include "supervisor/install/claim.h"
#include "supervisor/install/fetch.h"

#define ROUNDS_MAX 1000
#define FROM "1.12.0"
#define TO "1.13.0"
#define TEXT "all of it"
#define TEXT_SHA256                                                            \
	"07630777646b9ad0ad5940c20f7703e5ba431d90dc8f191af6916bffca3e859c"
#define RUN "20260101T000000Z-aaaaaa"

static struct link_spec the_link(struct world *world)
{
	return (struct link_spec){
		.path = world_path(world, "bin/mongosync"),
		.root = world->root,
		.name = "mongosync",
		.is_binary = true,
	};
}

static struct claim the_claim(const char *run)
{
	struct claim claim = {.host = "ops1", .from = FROM, .to = TO};

	(void)snprintf(claim.run, sizeof(claim.run), "%s", run);
	return claim;
}

static void prepare_archive(struct world *world)
{
	make_release(world_path(world, "release.tgz"), TO);
}

static bool act_inspect(struct world *world)
{
	struct artifact_info info;

	return artifact_inspect(world_path(world, "release.tgz"), NULL,
		       "mongosync", &info, &world->err) &&
	       strcmp(info.version, TO) == 0;
}

static bool act_unpack(struct world *world)
{
	return artifact_unpack(world_path(world, "release.tgz"), NULL, NULL,
		"mongosync", world->root, TO, &world->err);
}

static void prepare_plain(struct world *world)
{
	make_script(world_path(world, "bin/mongosync"), script_of(FROM));
}

static bool act_adopt(struct world *world)
{
	const struct link_spec link = the_link(world);

	return adopt(&link, FROM, NULL, &world->err);
}

/* Another's executable, or one on another file system, is copied. */
static bool act_adopt_by_copy(struct world *world)
{
	fault_refuse_links(true);
	return act_adopt(world);
}

static void prepare_adopted(struct world *world)
{
	prepare_plain(world);
	assert_true(act_adopt(world));
}

static bool act_unadopt(struct world *world)
{
	const struct link_spec link = the_link(world);

	return unadopt(&link, FROM, &world->err);
}

static bool act_hold(struct world *world)
{
	const struct link_spec link = the_link(world);

	return link_hold(&link, RUN, &world->err);
}

static void prepare_held(struct world *world)
{
	prepare_adopted(world);
	make_version(world, TO);
	assert_true(act_hold(world));
}

static bool act_activate(struct world *world)
{
	const struct link_spec link = the_link(world);

	return link_point(&link, TO, &world->err);
}

static void prepare_activated(struct world *world)
{
	prepare_held(world);
	assert_true(act_activate(world));
}

static bool act_remove_hold(struct world *world)
{
	return link_hold_remove(world->root, RUN, &world->err);
}

static void prepare_versions(struct world *world)
{
	prepare_adopted(world);
	make_version(world, "1.9.0");
	make_version(world, "1.10.0");
	make_version(world, TO);
}

static bool act_prune(struct world *world)
{
	const char *const needed[] = {FROM, TO, NULL};
	char *removed = NULL;
	bool ok = prune_versions(world->root, needed, 1, &removed, &world->err);

	free(removed);
	return ok;
}

static bool act_claim(struct world *world)
{
	const struct claim claim = the_claim(RUN);

	return claim_create(world->root, "shard0", &claim, NULL, &world->err);
}

static void prepare_nothing(struct world *world)
{
	(void)world;
}

/* All of it has come; what is left to do needs no network. */
static void prepare_fetched(struct world *world)
{
	const char *partial = world_path(world, "cache/.partial-" TEXT_SHA256);

	assert_int_equal(mkdir(world_path(world, "cache"), 0755), 0);
	scratch_write(partial, TEXT, strlen(TEXT));
}

static bool act_fetch(struct world *world)
{
	const struct fetch_spec spec = {
		.stall_s = 1,
		.tries = 1,
		.deadline_ms = sys_monotonic_ms() + 10000,
	};
	char path[PATH_MAX];
	bool fetched;

	return fetch_archive(&spec, "https://127.0.0.1:1/a", TEXT_SHA256,
		world_path(world, "cache"), path, &fetched, &world->err);
}

static void prepare_foreign_claim(struct world *world)
{
	const struct claim claim = the_claim("another");

	assert_true(claim_create(world->root, "shard0", &claim, NULL, NULL));
}

static bool act_take_over(struct world *world)
{
	const struct claim claim = the_claim(RUN);

	return claim_take_over(
		world->root, "shard0", &claim, "another", NULL, &world->err);
}

static void prepare_claim(struct world *world)
{
	assert_true(act_claim(world));
}

static bool act_release(struct world *world)
{
	return claim_remove(world->root, "shard0", RUN, &world->err);
}

/* There is always something at the path, and it can be run. */
static void check_path(struct world *world)
{
	const char *path = world_path(world, "bin/mongosync");
	struct stat st;

	/* by its mode: memory is often mounted so that nothing can be run */
	if (stat(path, &st) < 0 || !(st.st_mode & 0100))
		fail_msg("nothing can be run at %s", path);
}

/* What has a version's name is all of that version. */
static void check_version(struct world *world)
{
	if (!exists(world_path(world, "opt/versions/" TO)))
		return;
	assert_true(scratch_holds(
		world_path(world, "opt/versions/" TO "/bin/mongosync"),
		script_of(TO)));
	assert_true(scratch_holds(
		world_path(world, "opt/versions/" TO "/README.md"),
		"read me\n"));
	assert_int_equal(
		mode_of(world_path(world, "opt/versions/" TO "/bin/mongosync")),
		0755);
}

static void check_adopted(struct world *world)
{
	const char *kept =
		world_path(world, "opt/versions/" FROM "/bin/mongosync");

	check_path(world);
	assert_true(scratch_holds(
		world_path(world, "bin/mongosync"), script_of(FROM)));
	assert_true(!exists(kept) || scratch_holds(kept, script_of(FROM)));
}

static void check_claim(struct world *world)
{
	struct claim claim;
	struct err err = {0};

	if (!claim_read(world->root, "shard0", &claim, &err))
		assert_int_equal(err.code, ERR_MISSING);
}

static void check_foreign_claim(struct world *world)
{
	struct claim claim;

	assert_true(claim_read(world->root, "shard0", &claim, NULL));
}

static void check_pruned(struct world *world)
{
	check_adopted(world);
	assert_true(scratch_holds(
		world_path(world, "opt/versions/" TO "/bin/mongosync"),
		script_of(TO)));
}

static void check_fetched(struct world *world)
{
	const char *whole = world_path(world, "cache/" TEXT_SHA256 ".tgz");

	assert_true(!exists(whole) || scratch_holds(whole, TEXT));
}

static const struct scenario scenarios[] = {
	{"fetch", prepare_fetched, act_fetch, check_fetched},
	{"look into an archive", prepare_archive, act_inspect, NULL},
	{"unpack", prepare_archive, act_unpack, check_version},
	{"adopt", prepare_plain, act_adopt, check_adopted},
	{"adopt by a copy", prepare_plain, act_adopt_by_copy, check_adopted},
	{"give back", prepare_adopted, act_unadopt, check_path},
	{"hold", prepare_adopted, act_hold, check_path},
	{"switch", prepare_held, act_activate, check_path},
	{"remove a hold", prepare_activated, act_remove_hold, check_path},
	{"prune", prepare_versions, act_prune, check_pruned},
	{"claim", prepare_nothing, act_claim, check_claim},
	{"take over", prepare_foreign_claim, act_take_over,
		check_foreign_claim},
	{"release", prepare_claim, act_release, check_claim},
};

/* What an error must be: a disk that is broken or full is always told as such,
 * whatever it was that failed. */
static const char *judge(const struct fault *fault, const struct err *err)
{
	if (!err->msg[0])
		return "an error without a word";
	if (err->code == ERR_BUG || err->code == ERR_NONE)
		return "an error of no kind";
	if ((fault->error == EIO || fault->error == ENOSPC) &&
		err->code != ERR_STORAGE)
		return "a failing disk is told as something else";
	return "";
}

/* Under the real calls: what is left, and the same once more. */
static const char *finish(const struct scenario *scenario, struct world *world,
	const char *undisturbed)
{
	const char *wrong = "";
	char *text;

	if (!scenario->check)
		return ""; /* it changes nothing */
	scenario->check(world);
	memset(&world->err, 0, sizeof(world->err));
	if (!scenario->act(world))
		return "it cannot be done again";
	fault_refuse_links(false);
	scenario->check(world);
	text = describe(world, world->scratch.dir);
	if (strcmp(text, undisturbed) != 0) {
		print_message("%s\ninstead of\n%s\n", text, undisturbed);
		wrong = "something else is left in the end";
	}
	free(text);
	return wrong;
}

/* False when no call failed. */
static bool round_of(const struct scenario *scenario, const struct fault *fault,
	unsigned first, const char *undisturbed)
{
	unsigned open_before, open_after;
	const char *wrong = "", *last;
	struct world world;
	bool ok, fired;

	world_make(&world);
	scenario->prepare(&world);
	open_before = scratch_count_entries("/proc/self/fd");
	fault_begin(fault, first);
	ok = scenario->act(&world);
	fault_end();
	fault_refuse_links(false);
	open_after = scratch_count_entries("/proc/self/fd");
	fired = fault_fired();
	last = fault_last_call();
	if (!ok)
		wrong = fired ? judge(fault, &world.err) : "it failed alone";
	if (!wrong[0] && ok && fault_failed_sync())
		wrong = "a failed sync is no matter";
	if (!wrong[0] && fault_sync_was_retried())
		wrong = "a failed sync was tried again";
	if (!wrong[0] && fault_closed_twice())
		wrong = "a descriptor is closed twice";
	if (!wrong[0] && open_after != open_before)
		wrong = "a descriptor is leaked";
	if (!wrong[0] && !ok && fault->error == 0)
		wrong = "a short write or read is no failure";
	if (!wrong[0])
		wrong = finish(scenario, &world, undisturbed);
	if (wrong[0])
		fail_msg("%s, %s at call %u (%s): %s (%s: code %d, %s)",
			scenario->name, fault->name, first, last, wrong,
			ok ? "true" : "false", (int)world.err.code,
			world.err.msg);
	world_remove(&world);
	return fired;
}

static char *undisturbed_tree(const struct scenario *scenario)
{
	struct world world;
	char *text;

	world_make(&world);
	scenario->prepare(&world);
	if (!scenario->act(&world))
		fail_msg("%s: %s", scenario->name, world.err.msg);
	fault_refuse_links(false);
	text = describe(&world, world.scratch.dir);
	world_remove(&world);
	return text;
}

static void test_install_every_scenario_survives_every_fault(void **state)
{
	mode_t before = umask(077);
	unsigned failed_calls = 0;

	(void)state;
	for (size_t s = 0; s < sizeof(scenarios) / sizeof(scenarios[0]); s++) {
		char *undisturbed = undisturbed_tree(&scenarios[s]);

		for (unsigned f = 0; f < fault_count; f++) {
			unsigned first = 1;

			while (round_of(
				&scenarios[s], &faults[f], first, undisturbed))
				assert_true(++first < ROUNDS_MAX);
			failed_calls += first - 1;
			if (faults[f].error && !faults[f].only && first < 3)
				fail_msg("%s makes %u calls", scenarios[s].name,
					first - 1);
		}
		free(undisturbed);
	}
	(void)umask(before);
	print_message("%u calls failed\n", failed_calls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_install_every_scenario_survives_every_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
