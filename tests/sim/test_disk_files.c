/*
 * test_disk_files.c - what stands beside the journal (claims, links, holds,
 * versions, metadata copies, run files), on every disk that a power cut may
 * leave.
 *
 * Whoever reads it there sees the old or the new, whole; the new, if the call
 * had returned; and the call may be repeated.  And when a call was killed at
 * any of its operations and repeated at once, what it promised holds through a
 * power cut, too, though half of it was found done.
 */
#include "tests/sim/disk_lab.h"

#include "state/atomic_file.h"
#include "supervisor/fleet/fleet.h"
#include "supervisor/install/claim.h"
#include "supervisor/process/run_file.h"
#include "supervisor/steps/copies.h"
#include "sync_client/metadata_copy.h"
#include "tests/unit/install_world.h"
#include "tests/unit/metadata_sample.h"

#define RUN "20260102T030405Z-abcdef"
#define EVERY_BYTE 700
#define SHOWN 3 /* of what is wrong with one thing */

enum look { LOOK_OLD, LOOK_NEW, LOOK_HALF };

static struct lab lab;
static char archive[128]; /* not on the disk */

static const char *on_disk(const char *name)
{
	static char path[4][300];
	static unsigned next;

	next = (next + 1) % 4;
	(void)snprintf(path[next], sizeof(path[next]), "%s/%s", lab.disk, name);
	return path[next];
}

/* ---- claims ---- */

static struct claim claim_of(const char *run)
{
	struct claim claim = {.host = "ops1",
		.state_dir = "/var/lib/syncup",
		.fleet = "orders",
		.pid = 4711,
		.since_ms = 1767323045000,
		.from = "1.12.0",
		.to = "1.13.0"};

	(void)snprintf(claim.run, sizeof(claim.run), "%s", run);
	return claim;
}

static void prepare_nothing(void)
{
}

static void prepare_claim(const char *run)
{
	struct claim claim = claim_of(run);
	struct err err = {0};

	assert_true(claim_create(on_disk("opt"), "shard0", &claim, NULL, &err));
}

static void prepare_our_claim(void)
{
	prepare_claim(RUN);
}

static void prepare_their_claim(void)
{
	prepare_claim("another-run");
}

static bool act_claim(struct err *err)
{
	struct claim claim = claim_of(RUN);

	return claim_create(on_disk("opt"), "shard0", &claim, NULL, err);
}

static bool act_take_over(struct err *err)
{
	struct claim claim = claim_of(RUN);

	return claim_take_over(
		on_disk("opt"), "shard0", &claim, "another-run", NULL, err);
}

static bool act_unclaim(struct err *err)
{
	return claim_remove(on_disk("opt"), "shard0", RUN, err);
}

static bool count_claim(
	void *arg, const char *name, const struct claim *claim, struct err *err)
{
	(void)name, (void)claim, (void)err;
	++*(unsigned *)arg;
	return true;
}

/* 0: nobody's, 1: ours, 2: theirs, 3: unreadable. */
static unsigned whose_claim(void)
{
	struct err err = {0};
	unsigned count = 0;

	if (!claim_each(on_disk("opt"), count_claim, &count, &err))
		return 3;
	if (claim_check(on_disk("opt"), "shard0", RUN, &err))
		return count == 1 ? 1 : 3;
	if (err.code == ERR_MISSING)
		return count == 0 ? 0 : 3;
	return err.code == ERR_HELD ? 2 : 3;
}

static enum look see_claim(void)
{
	static const enum look looks[] = {
		LOOK_OLD, LOOK_NEW, LOOK_HALF, LOOK_HALF};

	return looks[whose_claim()];
}

static enum look see_taken(void)
{
	static const enum look looks[] = {
		LOOK_HALF, LOOK_NEW, LOOK_OLD, LOOK_HALF};

	return looks[whose_claim()];
}

static enum look see_unclaimed(void)
{
	static const enum look looks[] = {
		LOOK_NEW, LOOK_OLD, LOOK_HALF, LOOK_HALF};

	return looks[whose_claim()];
}

/* ---- links and versions ---- */

static const struct link_spec *link_spec(void)
{
	static char path[300], root[300];
	static struct link_spec spec = {path, root, "mongosync", true};

	(void)snprintf(path, sizeof(path), "%s/bin/mongosync", lab.disk);
	(void)snprintf(root, sizeof(root), "%s/opt", lab.disk);
	return &spec;
}

static void put_version(const char *version)
{
	char name[100];

	(void)snprintf(
		name, sizeof(name), "opt/versions/%s/bin/mongosync", version);
	make_script(on_disk(name), script_of(version));
}

static void prepare_link(void)
{
	struct err err = {0};

	put_version("1.12.0");
	put_version("1.13.0");
	make_dirs(on_disk("bin/"));
	assert_true(link_point(link_spec(), "1.12.0", &err));
}

static void prepare_held(void)
{
	struct err err = {0};

	prepare_link();
	assert_true(link_hold(link_spec(), RUN, &err));
}

static bool act_hold(struct err *err)
{
	return link_hold(link_spec(), RUN, err);
}

static bool act_point(struct err *err)
{
	return link_point(link_spec(), "1.13.0", err);
}

static bool holds(const char *path, const char *text)
{
	return access(path, X_OK) == 0 && scratch_holds(path, text);
}

/* Through the link: what would be started. */
static enum look see_link(const char *old, const char *version)
{
	const char *path = link_spec()->path;
	struct link_seen seen;
	struct err err = {0};
	char *text = NULL;
	bool whole;

	if (!link_read(link_spec(), &seen, &err) || access(path, X_OK) != 0)
		return LOOK_HALF;
	if (seen.kind == LINK_VERSION) {
		if (!holds(path, script_of(seen.version)))
			return LOOK_HALF;
		if (version && strcmp(seen.version, version) == 0)
			return LOOK_NEW;
		return old && strcmp(seen.version, old) == 0 ? LOOK_OLD
							     : LOOK_HALF;
	}
	if (seen.kind == LINK_PLAIN)
		return holds(path, script_of("1.12.0")) ? LOOK_OLD : LOOK_HALF;
	text = scratch_read(path, NULL);
	whole = seen.kind == LINK_HOLD && strcmp(seen.run, RUN) == 0 && text &&
		strlen(text) > 8 &&
		strcmp(text + strlen(text) - 8, "exit 75\n") == 0;
	free(text);
	if (!whole)
		return LOOK_HALF;
	return old ? LOOK_NEW : LOOK_OLD;
}

static enum look see_hold(void)
{
	return see_link("1.12.0", NULL);
}

static enum look see_pointed(void)
{
	return see_link(NULL, "1.13.0");
}

static void prepare_plain(void)
{
	make_script(on_disk("bin/mongosync"), script_of("1.12.0"));
	make_dirs(on_disk("opt/"));
}

static void prepare_adopted(void)
{
	struct err err = {0};

	prepare_plain();
	assert_true(adopt(link_spec(), "1.12.0", NULL, &err));
}

static bool act_adopt(struct err *err)
{
	return adopt(link_spec(), "1.12.0", NULL, err);
}

static bool act_unadopt(struct err *err)
{
	return unadopt(link_spec(), "1.12.0", err);
}

static enum look see_adopted_path(void)
{
	return see_link(NULL, "1.12.0");
}

static enum look see_plain_path(void)
{
	enum look look = see_link(NULL, "1.12.0");

	return look == LOOK_HALF  ? LOOK_HALF
	       : look == LOOK_NEW ? LOOK_OLD
				  : LOOK_NEW;
}

static bool act_unpack(struct err *err)
{
	return artifact_unpack(archive, NULL, NULL, "mongosync", on_disk("opt"),
		"1.13.0", err);
}

static enum look see_version(const char *version, bool has_readme)
{
	char name[100];
	bool whole;

	(void)snprintf(name, sizeof(name), "opt/versions/%s", version);
	if (access(on_disk(name), F_OK) != 0)
		return LOOK_OLD;
	(void)snprintf(
		name, sizeof(name), "opt/versions/%s/bin/mongosync", version);
	whole = holds(on_disk(name), script_of(version));
	(void)snprintf(
		name, sizeof(name), "opt/versions/%s/README.md", version);
	if (has_readme)
		whole = whole && scratch_holds(on_disk(name), "read me\n");
	return whole ? LOOK_NEW : LOOK_HALF;
}

static enum look see_unpacked(void)
{
	return see_version("1.13.0", true);
}

static void prepare_old_versions(void)
{
	prepare_link();
	put_version("1.10.0");
	scratch_write(on_disk("opt/versions/1.10.0/README.md"), "read me\n", 8);
}

static bool act_prune(struct err *err)
{
	const char *needed[] = {"1.12.0", "1.13.0", NULL};
	char *removed = NULL;
	bool ok = prune_versions(on_disk("opt"), needed, 1, &removed, err);

	free(removed);
	return ok;
}

static enum look see_pruned(void)
{
	enum look look = see_version("1.10.0", true);

	if (see_version("1.12.0", false) != LOOK_NEW ||
		see_version("1.13.0", false) != LOOK_NEW)
		return LOOK_HALF;
	return look == LOOK_NEW   ? LOOK_OLD
	       : look == LOOK_OLD ? LOOK_NEW
				  : LOOK_HALF;
}

/* ---- metadata copies ---- */

static const struct sample_item items[] = {
	{SAMPLE_DATABASE, "globalState", "{\"options\":{}}", NULL},
	{.document = "the first"},
	{.document = "the second"},
	{SAMPLE_DATABASE, "odd/name", "{\"options\":{}}", NULL},
};

#define COPY "state/test/metadata/" RUN "-lane-1"

static bool save_as(const char *path, struct err *err)
{
	struct sample sample = {.items = items, .count = 4};
	const struct metadata_source source = sample_source(&sample);
	struct metadata_totals totals = {0};
	bool ok = metadata_save(&source, path, "set:1", &totals, err);

	metadata_totals_done(&totals);
	return ok;
}

static void prepare_metadata(void)
{
	make_dirs(on_disk("state/test/metadata/"));
}

static enum look see_copy(void)
{
	struct metadata_copy copy = {0};
	struct err err = {0};

	if (access(on_disk(COPY), F_OK) != 0)
		return LOOK_OLD;
	if (!metadata_copy_open(on_disk(COPY), &copy, &err))
		return LOOK_HALF;
	metadata_copy_done(&copy);
	return LOOK_NEW;
}

/* One that is there is not made again. */
static bool act_save(struct err *err)
{
	return see_copy() == LOOK_NEW || save_as(on_disk(COPY), err);
}

static struct fleet fleet_here(unsigned days)
{
	static char folder[300], name[] = "test";

	(void)snprintf(folder, sizeof(folder), "%s/state", lab.disk);
	return (struct fleet){
		.name = name, .state_dir = folder, .keep_metadata_days = days};
}

/* What a save that was killed leaves, too. */
static void prepare_copies(void)
{
	struct err err = {0};

	prepare_metadata();
	assert_true(save_as(on_disk(COPY), &err));
	make_dirs(on_disk(COPY "0.partial/"));
	scratch_write(on_disk(COPY "0.partial/file"), "half", 4);
	make_dirs(on_disk("state/test/metadata/" RUN "-lane-2-1/"));
}

/* Waits for nobody any more: other lanes' copies stay. */
static enum look see_settled_copy(void)
{
	const struct fleet fleet = fleet_here(7);
	struct err err = {0};
	char *name = NULL;
	enum look look;

	(void)rmdir(on_disk("state/test/metadata/" RUN "-lane-2-1"));
	if (!copies_unsettled(&fleet, &name, &err))
		return LOOK_HALF;
	look = name ? LOOK_OLD : LOOK_NEW;
	free(name);
	return look;
}

static bool act_settle(struct err *err)
{
	const struct fleet fleet = fleet_here(7);

	return copies_settle(&fleet, RUN, "lane", err);
}

static void prepare_settled(void)
{
	struct err err = {0};

	prepare_metadata();
	assert_true(save_as(on_disk(COPY), &err));
	assert_true(act_settle(&err));
}

/* A later run tidies up: it settles nothing here, and what is half gone must
 * not look like a copy that somebody waits for. */
static bool act_expire(struct err *err)
{
	const struct fleet fleet = fleet_here(0);

	return copies_settle(&fleet, "a-later-run", "lane", err);
}

static enum look see_expired(void)
{
	enum look look = see_settled_copy();

	if (look != LOOK_NEW)
		return LOOK_HALF;
	return access(on_disk(COPY), F_OK) == 0 ? LOOK_OLD : LOOK_NEW;
}

/* ---- directories and run files ---- */

static bool act_make_state(struct err *err)
{
	return atomic_mkdir(on_disk("state/test"), 0700, err) &&
	       atomic_file_create(
		       on_disk("state/test/file"), "text", 4, 0600, err);
}

static bool act_make_again(struct err *err)
{
	if (access(on_disk("state/test/file"), F_OK) == 0)
		return atomic_sync_parent(on_disk("state/test/file"), err) &&
		       atomic_mkdir(on_disk("state/test"), 0700, err);
	return act_make_state(err);
}

static enum look see_state(void)
{
	if (access(on_disk("state/test/file"), F_OK) != 0)
		return LOOK_OLD;
	return scratch_holds(on_disk("state/test/file"), "text") ? LOOK_NEW
								 : LOOK_HALF;
}

static bool act_run_file(struct err *err)
{
	int fd = -1;
	bool ok = run_file_lock(on_disk("shard0.run"), &fd, err) &&
		  run_file_claim(fd, 7, "/opt/mongosync");

	if (fd >= 0)
		(void)close(fd);
	return ok;
}

static enum look see_run_file(void)
{
	struct run_file file;
	struct err err = {0};

	if (!run_file_read(on_disk("shard0.run"), &file, &err))
		return LOOK_HALF;
	if (!file.there || !file.valid)
		return LOOK_OLD;
	return file.attempt == 7 ? LOOK_NEW : LOOK_HALF;
}

/* ---- the loop ---- */

static const struct thing {
	const char *name;
	void (*prepare)(void);
	bool (*act)(struct err *err);
	enum look (*look)(void);
} things[] = {
	{"claim", prepare_nothing, act_claim, see_claim},
	{"take over", prepare_their_claim, act_take_over, see_taken},
	{"unclaim", prepare_our_claim, act_unclaim, see_unclaimed},
	{"hold", prepare_link, act_hold, see_hold},
	{"point", prepare_held, act_point, see_pointed},
	{"adopt", prepare_plain, act_adopt, see_adopted_path},
	{"unadopt", prepare_adopted, act_unadopt, see_plain_path},
	{"unpack", prepare_nothing, act_unpack, see_unpacked},
	{"prune", prepare_old_versions, act_prune, see_pruned},
	{"save", prepare_metadata, act_save, see_copy},
	{"settle", prepare_copies, act_settle, see_settled_copy},
	{"expire", prepare_settled, act_expire, see_expired},
	{"state directory", prepare_nothing, act_make_again, see_state},
	{"run file", prepare_nothing, act_run_file, see_run_file},
};

#define THINGS (sizeof(things) / sizeof(things[0]))

struct judging {
	const struct thing *thing;
	bool promised;
	unsigned long states, wrong;
};

static bool wrong(struct judging *judging, const struct disk *disk,
	const char *what, const struct err *err)
{
	if (judging->wrong++ < SHOWN)
		print_error("%s, after %lu operations, %s: %s%s%s "
			    "(next is: %s)\n",
			judging->thing->name, disks_done(disk->disks),
			disk->what, what, err ? ": " : "", err ? err->msg : "",
			disks_next(disk->disks));
	return true;
}

static void put(const struct disk *disk)
{
	lab_empty(lab.disk);
	disk_write(disk, 0, lab.disk);
}

static bool judge(void *arg, const struct disk *disk)
{
	struct judging *judging = arg;
	struct err err = {0};
	enum look look;

	judging->states++;
	put(disk);
	look = judging->thing->look();
	if (look == LOOK_HALF)
		return wrong(
			judging, disk, "neither the old nor the new", NULL);
	if (judging->promised && look != LOOK_NEW)
		return wrong(judging, disk, "not what was promised", NULL);
	if (!judging->thing->act(&err))
		return wrong(judging, disk, "cannot be repeated", &err);
	if (judging->thing->look() != LOOK_NEW)
		return wrong(judging, disk, "repeated for nothing", NULL);
	return true;
}

static void act_in_child(void *arg)
{
	const struct thing *thing = arg;
	struct err err = {0};

	if (!thing->act(&err)) {
		(void)fprintf(stderr, "%s: %s\n", thing->name, err.msg);
		_exit(1);
	}
}

static void set_up(const struct thing *thing)
{
	lab_make(&lab);
	(void)snprintf(archive, sizeof(archive), "%s/a.tgz", lab.dir);
	make_release(archive, "1.13.0");
	assert_int_equal(mkdir(on_disk("opt"), 0755), 0);
	thing->prepare();
	lab_prepare(&lab, lab.disk);
}

static bool is_the_disk(void *arg, const struct disk *disk)
{
	const struct thing *thing = arg;

	if (!disk_is(disk, 0, lab.disk, NULL))
		fail_msg("%s: the model is not what is on the disk",
			thing->name);
	return true;
}

static void each_disk(const struct thing *thing, struct judging *judging,
	unsigned long from, unsigned long promised, size_t every_byte)
{
	struct disks *disks = disks_new(lab.trace);

	while (disks_forward(disks))
		;
	disks_all(disks, is_the_disk, (void *)(uintptr_t)thing);
	disks_free(disks);
	disks = disks_new(lab.trace);
	do {
		struct disks_options options = {every_byte, 0};

		judging->promised = disks_done(disks) >= promised;
		options.stamp = judging->promised;
		if (disks_done(disks) >= from)
			(void)disks_each(disks, &options, judge, judging);
	} while (disks_forward(disks));
	disks_free(disks);
}

static void test_files_survive_every_power_cut(void **state)
{
	struct lab_count count;

	(void)state;
	lab_count_begin(&count);
	for (size_t i = 0; i < THINGS; i++) {
		struct judging judging = {&things[i], false, 0, 0};
		struct disks *disks;
		unsigned long all;

		set_up(&things[i]);
		assert_false(lab_in_child(
			&lab, 0, act_in_child, (void *)(uintptr_t)&things[i]));
		disks = disks_new(lab.trace);
		all = disks_operations(disks);
		disks_free(disks);
		each_disk(&things[i], &judging, 0, all, EVERY_BYTE);
		print_message("%s: %lu operations, %lu disks\n", things[i].name,
			all, judging.states);
		count.states += judging.states;
		count.wrong += judging.wrong;
		lab_remove(&lab);
	}
	lab_count_end(&count, "files, one power cut");
}

/* Only at the end: what comes before it promises nothing. */
static bool kill_at(
	const struct thing *thing, unsigned long at, struct judging *judging)
{
	void *arg = (void *)(uintptr_t)thing;
	struct disks *disks;
	unsigned long all;
	bool died;

	set_up(thing);
	died = lab_in_child(&lab, at, act_in_child, arg);
	if (died) {
		assert_false(lab_in_child(&lab, 0, act_in_child, arg));
		disks = disks_new(lab.trace);
		all = disks_operations(disks);
		disks_free(disks);
		each_disk(thing, judging, all, all, 0);
	}
	lab_remove(&lab);
	return died;
}

static void test_files_survive_a_kill_and_a_power_cut(void **state)
{
	struct lab_count count;

	(void)state;
	lab_count_begin(&count);
	for (size_t i = 0; i < THINGS; i++) {
		struct judging judging = {&things[i], false, 0, 0};
		unsigned long at = 1;

		while (kill_at(&things[i], at, &judging))
			at++;
		count.states += judging.states;
		count.wrong += judging.wrong;
	}
	lab_count_end(&count, "files, a kill and then a power cut");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files_survive_every_power_cut),
		cmocka_unit_test(test_files_survive_a_kill_and_a_power_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
