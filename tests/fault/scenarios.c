#include "scenarios.h"

#include "../unit/scratch.h"
#include "state/atomic_file.h"
#include "state/journal.h"
#include "state/lock.h"
#include "state/sys.h"

#define OLD "the old text"
#define NEW "the new text, which is longer"

static void prepare_nothing(struct world *world)
{
	(void)world;
}

static void prepare_old_file(struct world *world)
{
	scratch_write(world->path, OLD, strlen(OLD));
}

static bool act_write(struct world *world, struct err *err)
{
	return atomic_file_write(world->path, NEW, strlen(NEW), 0600, err);
}

static const char *check_replaced(struct world *world, bool ok)
{
	if (scratch_holds(world->path, NEW))
		return "";
	if (ok)
		return "the new file is not there";
	return scratch_holds(world->path, OLD) ? "" : "the old file is lost";
}

static bool act_create(struct world *world, struct err *err)
{
	return atomic_file_create(world->path, NEW, strlen(NEW), 0600, err);
}

static const char *check_created(struct world *world, bool ok)
{
	if (scratch_holds(world->path, NEW))
		return "";
	if (ok)
		return "the file is not there";
	return access(world->path, F_OK) < 0 ? "" : "half a file is there";
}

static const char *check_untouched(struct world *world, bool ok)
{
	if (ok)
		return "it was created over an existing file";
	return scratch_holds(world->path, OLD) ? "" : "the old file is lost";
}

static bool act_read(struct world *world, struct err *err)
{
	char *text = NULL;
	size_t len = 0;
	bool ok = atomic_file_read(world->path, 100, &text, &len, err);

	if (ok && (len != strlen(OLD) || strcmp(text, OLD) != 0))
		world->synced = 1; /* seen by check_read() */
	free(text);
	return ok;
}

static const char *check_read(struct world *world, bool ok)
{
	(void)ok;
	return world->synced ? "something else was read" : "";
}

static void prepare_old_link(struct world *world)
{
	assert_int_equal(symlink(OLD, world->path), 0);
}

static bool act_symlink(struct world *world, struct err *err)
{
	return atomic_symlink(NEW, world->path, err);
}

static const char *check_link(struct world *world, bool ok)
{
	char text[100] = "";

	if (readlink(world->path, text, sizeof(text) - 1) < 0)
		return "there is no link";
	if (strcmp(text, NEW) == 0)
		return "";
	if (ok)
		return "the link is not the new one";
	return strcmp(text, OLD) == 0 ? "" : "the link is neither";
}

static bool act_remove(struct world *world, struct err *err)
{
	return atomic_remove(world->path, err);
}

static const char *check_removed(struct world *world, bool ok)
{
	if (access(world->path, F_OK) < 0)
		return "";
	if (ok)
		return "it is still there";
	return scratch_holds(world->path, OLD) ? "" : "the old file is lost";
}

static bool act_mkdir(struct world *world, struct err *err)
{
	char path[310];

	(void)snprintf(path, sizeof(path), "%s/a/b", world->path);
	return atomic_mkdir(path, 0700, err);
}

static const char *check_mkdir(struct world *world, bool ok)
{
	char path[310];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/a/b", world->path);
	if (!ok)
		return "";
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? ""
							   : "no directory";
}

static bool act_lock(struct world *world, struct err *err)
{
	int fd = -1;
	bool ok = lock_take(world->path, &fd, err);

	if (ok)
		(void)close(fd);
	return ok;
}

static const char *check_unlocked(struct world *world, bool ok)
{
	struct err err = {0};
	int fd = -1;

	(void)ok;
	if (!lock_take(world->path, &fd, &err))
		return "the lock is still held";
	(void)close(fd);
	return "";
}

static bool count_record(
	void *arg, const struct record *record, struct err *err)
{
	struct world *world = arg;

	if (record->seq != world->told)
		return err_set(err, ERR_BUG, "a record is told out of order");
	world->told++;
	return true;
}

static bool append_one(struct journal *journal, struct err *err)
{
	json_t *body = json_pack("{s:s}", "text", "something to remember");
	bool ok = journal_append(journal, "note", body, err);

	json_decref(body);
	return ok;
}

/* Two in a batch, then two more: the second batch costs one sync as well. */
static bool use_journal(
	struct world *world, struct journal *journal, struct err *err)
{
	for (int batch = 0; batch < 2; batch++) {
		/* it is two records: NOLINTNEXTLINE(misc-redundant-*) */
		if (!append_one(journal, err) || !append_one(journal, err) ||
			!journal_sync(journal, err))
			return false;
		world->synced = world->told;
	}
	return true;
}

static bool use_and_close(
	struct world *world, struct journal *journal, struct err *err)
{
	struct err again;
	bool ok;

	world->synced = world->told;
	ok = use_journal(world, journal, err);
	world->lived_on = !ok && (append_one(journal, &again) ||
					 again.code != ERR_STORAGE ||
					 journal_sync(journal, &again) ||
					 again.code != ERR_STORAGE);
	journal_close(journal);
	return ok;
}

static bool act_journal_create(struct world *world, struct err *err)
{
	json_t *body = json_pack("{s:s}", "plan", "something to do");
	struct journal *journal = NULL;
	bool ok = journal_create(
		world->path, body, count_record, world, &journal, err);

	json_decref(body);
	return ok && use_and_close(world, journal, err);
}

static const char *check_journal(struct world *world, bool ok)
{
	struct world seen = {0};
	struct err err = {0};

	if (world->lived_on)
		return "the journal lived on after a failure";
	if (!journal_read(world->path, count_record, &seen, NULL, &err)) {
		if (err.code == ERR_MISSING && world->synced == 0 && !ok)
			return "";
		return "the journal cannot be read";
	}
	if (seen.told < world->synced)
		return "a synced record is lost";
	if (ok && seen.told != world->told)
		return "a record is lost";
	return "";
}

#define BELIEVED 5 /* record 0 and the four of use_journal() */

/* A journal whose last line is torn. */
static void prepare_journal(struct world *world)
{
	struct world ignored = *world;
	struct err err = {0};
	int fd;

	if (!act_journal_create(&ignored, &err))
		fail_msg("%s", err.msg);
	fd = open(world->path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "01234567 {\"seq\"", 15), 15);
	assert_int_equal(close(fd), 0);
}

static bool act_journal_open(struct world *world, struct err *err)
{
	struct journal *journal = NULL;

	return journal_open(world->path, count_record, world, &journal, err) &&
	       use_and_close(world, journal, err);
}

static const char *check_continued(struct world *world, bool ok)
{
	if (world->synced < BELIEVED)
		world->synced = BELIEVED;
	return check_journal(world, ok);
}

static bool act_journal_read(struct world *world, struct err *err)
{
	unsigned long line;

	return journal_read(world->path, count_record, world, &line, err);
}

static bool act_journal_reserve(struct world *world, struct err *err)
{
	struct journal *journal = NULL;
	bool ok;

	if (!journal_open(world->path, count_record, world, &journal, err))
		return false;
	ok = journal_reserve(journal, 1 << 20, err);
	journal_close(journal);
	return ok;
}

const struct scenario scenarios[] = {
	/* name, prepare, act, check, file syncs, directory syncs, end */
	{"write a file", prepare_nothing, act_write, check_created, 1, 1, 0},
	{"replace a file", prepare_old_file, act_write, check_replaced, 1, 1,
		0},
	{"create a file", prepare_nothing, act_create, check_created, 1, 1, 0},
	{"create over a file", prepare_old_file, act_create, check_untouched, 1,
		0, ERR_HELD},
	{"read a file", prepare_old_file, act_read, check_read, 0, 0, 0},
	{"replace a link", prepare_old_link, act_symlink, check_link, 0, 1, 0},
	{"remove a file", prepare_old_file, act_remove, check_removed, 0, 1, 0},
	{"make directories", prepare_nothing, act_mkdir, check_mkdir, 0, 4, 0},
	{"take a lock", prepare_nothing, act_lock, check_unlocked, 0, 0, 0},
	{"create a journal", prepare_nothing, act_journal_create, check_journal,
		1 + 2, 1, 0},
	{"continue a journal", prepare_journal, act_journal_open,
		check_continued, 1 + 2, 1, 0},
	{"read a journal", prepare_journal, act_journal_read, check_continued,
		0, 0, 0},
	{"reserve room for a journal", prepare_journal, act_journal_reserve,
		check_continued, 1, 1, 0},
};
const unsigned scenario_count = sizeof(scenarios) / sizeof(scenarios[0]);
