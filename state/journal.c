#include "state/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/replay.h"
#include "state/sys.h"
#include "state/temp_file.h"

#define JOURNAL_MODE 0600
#define NEW_SUFFIX ".new" /* half made; swept by the next who makes one */
#define OLD_SUFFIX ".prev"

struct journal {
	int fd;
	char *path;
	char run[RUN_ID_MAX + 1];
	uint64_t seq, batch; /* of the next record */
	off_t size;
	bool reserved; /* there may be blocks beyond size */
	bool dirty; /* something was appended and not synced */
	journal_fn *fn;
	void *arg;
	struct err failed; /* ERR_NONE, or why every further call is refused */
};

static struct journal *journal_new(
	const char *path, journal_fn *fn, void *arg, struct err *err)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	char *copy = strdup(path);

	if (!journal || !copy) {
		free(journal);
		free(copy);
		(void)err_sys(err, ERR_MEMORY, ENOMEM, "opening the journal %s",
			path);
		return NULL;
	}
	journal->fd = -1;
	journal->path = copy;
	journal->fn = fn;
	journal->arg = arg;
	return journal;
}

void journal_close(struct journal *journal)
{
	if (!journal)
		return;
	if (journal->fd >= 0) {
		/* Gives back what was reserved beyond the end. */
		if (journal->reserved && journal->failed.code == ERR_NONE)
			(void)!ftruncate(journal->fd, journal->size);
		(void)sys->close(journal->fd);
	}
	free(journal->path);
	free(journal);
}

/* What the disk holds is unknown from here on; asking it again would prove
 * nothing, because the kernel reports a lost page once. */
static bool kill_journal(struct journal *journal, const struct err *why)
{
	journal->failed = *why;
	if (why->code == ERR_NONE)
		journal->failed.code = ERR_BUG;
	return false;
}

static bool is_alive(const struct journal *journal, struct err *err)
{
	if (journal->failed.code == ERR_NONE)
		return true;
	return err_set(err, ERR_STORAGE, "the journal %s failed before: %s",
		journal->path, journal->failed.msg);
}

static bool choose_run_id(struct journal *journal, struct err *err)
{
	time_t now = (time_t)(sys_wall_ms() / 1000);
	char date[32];
	uint8_t random[3];
	struct tm utc;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return err_sys(err, ERR_BUG, errno, "choosing a run's id");
	if (!gmtime_r(&now, &utc) ||
		strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &utc) == 0)
		return err_set(err, ERR_BUG, "the clock shows no date");
	(void)snprintf(journal->run, sizeof(journal->run), "%s-%02x%02x%02x",
		date, random[0], random[1], random[2]);
	return true;
}

static json_t *with_times(const json_t *body, struct err *err)
{
	json_t *head = json_pack("{s:I, s:I}", "at", (json_int_t)sys_wall_ms(),
		"up", (json_int_t)sys_boottime_ms());

	return record_join(head, body, err);
}

static json_t *first_body(
	const struct journal *journal, const json_t *body, struct err *err)
{
	json_t *head = json_pack("{s:i, s:[s], s:s, s:s}", "format",
		JOURNAL_FORMAT, "needs", JOURNAL_NEEDS, "run", journal->run,
		"boot", sys_boot_id());
	_cleanup_json_ json_t *whole = record_join(head, body, err);

	return whole ? with_times(whole, err) : NULL;
}

/* The record is read back from its line, so that whoever is told of it sees
 * what a reader of the file will see. */
static bool make_record(const struct journal *journal, const char *kind,
	const json_t *body, struct record *ret_record, char **ret_line,
	size_t *ret_len, struct err *err)
{
	_cleanup_free_ char *line = NULL;

	if (!record_print(journal->run, journal->seq, journal->batch, kind,
		    body, &line, ret_len, err) ||
		!record_parse(
			journal->run, line, *ret_len - 1, ret_record, err))
		return false;
	*ret_line = take_ptr(line);
	return true;
}

/* The one who creates or continues a journal holds the fleet's lock: the fixed
 * name is nobody else's. */
static bool make_file(struct temp_file *temp, const char *path,
	const char *text, size_t len, struct err *err)
{
	return temp_file_beside(temp, path, err) &&
	       temp_file_fix_name(temp, NEW_SUFFIX, err) &&
	       temp_file_make(temp, O_WRONLY | O_APPEND, JOURNAL_MODE, err) &&
	       temp_file_fill(temp, text, len, err);
}

static bool create(struct journal *journal, const json_t *body, struct err *err)
{
	struct temp_file temp = TEMP_FILE_NONE;
	struct record record = {0};
	_cleanup_json_ json_t *whole = NULL;
	_cleanup_free_ char *line = NULL;
	size_t len;
	bool ok;

	if (!choose_run_id(journal, err))
		return false;
	whole = first_body(journal, body, err);
	if (!whole ||
		!make_record(journal, "run", whole, &record, &line, &len, err))
		return false;
	ok = make_file(&temp, journal->path, line, len, err) &&
	     temp_file_create(&temp, err) && temp_file_sync_dir(&temp, err);
	if (ok) {
		journal->fd = take_fd(&temp.fd);
		journal->size = (off_t)len;
		journal->seq = journal->batch = 1;
		ok = !journal->fn || journal->fn(journal->arg, &record, err);
	}
	temp_file_done(&temp);
	record_done(&record);
	return ok;
}

bool journal_create(const char *path, const json_t *body, journal_fn *fn,
	void *arg, struct journal **ret_journal, struct err *err)
{
	struct journal *journal = journal_new(path, fn, arg, err);

	if (!journal)
		return false;
	if (!create(journal, body, err)) {
		journal_close(journal);
		return false;
	}
	*ret_journal = journal;
	return true;
}

/* Afterwards the old file has two names, and <path> was never without one. */
static bool keep_old(struct temp_file *temp, struct err *err)
{
	char old[NAME_MAX + sizeof(OLD_SUFFIX)];
	int rc;

	(void)snprintf(old, sizeof(old), "%s" OLD_SUFFIX, temp->base);
	if (sys->unlinkat(temp->dir, old, 0) < 0 && errno != ENOENT)
		return err_sys(err, ERR_STORAGE, errno,
			"removing %s" OLD_SUFFIX, temp->path);
	sys_crash_point("link");
	rc = sys->linkat(temp->dir, temp->base, temp->dir, old, 0);
	sys_crash_point("linked");
	if (rc < 0)
		return err_sys(err, ERR_STORAGE, errno, "keeping %s as %s",
			temp->path, old);
	return true;
}

/* One who was killed kept what was reserved beyond the end; on a full disk that
 * is the room that the new file needs.  The text stays as it is. */
static void give_back(const char *path)
{
	int fd = sys->openat(
		AT_FDCWD, path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0);
	struct stat st;

	if (fd < 0)
		return;
	if (sys->fstat(fd, &st) == 0)
		(void)!ftruncate(fd, st.st_size);
	(void)sys->close(fd);
}

static bool carry_on(
	struct journal *journal, const struct replay *replay, struct err *err)
{
	struct temp_file temp = TEMP_FILE_NONE;
	bool ok;

	give_back(journal->path);
	ok = make_file(&temp, journal->path, replay->text, replay->good, err) &&
	     keep_old(&temp, err) && temp_file_replace(&temp, err) &&
	     temp_file_sync_dir(&temp, err);

	if (ok) {
		journal->fd = take_fd(&temp.fd);
		journal->size = (off_t)replay->good;
		journal->seq = replay->seq + 1;
		journal->batch = replay->batch + 1;
		(void)snprintf(
			journal->run, sizeof(journal->run), "%s", replay->run);
	}
	temp_file_done(&temp);
	return ok;
}

bool journal_open(const char *path, journal_fn *fn, void *arg,
	struct journal **ret_journal, struct err *err)
{
	struct journal *journal = journal_new(path, fn, arg, err);
	struct replay replay = {0};
	bool ok;

	if (!journal)
		return false;
	ok = replay_read(&replay, path, fn, arg, err) &&
	     carry_on(journal, &replay, err);
	replay_done(&replay);
	if (!ok) {
		journal_close(journal);
		return false;
	}
	*ret_journal = journal;
	return true;
}

bool journal_read(const char *path, journal_fn *fn, void *arg,
	unsigned long *ret_line, struct err *err)
{
	struct replay replay = {0};
	bool ok = replay_read(&replay, path, fn, arg, err);

	if (ok && ret_line)
		*ret_line = replay.good < replay.len ? replay.lines + 1 : 0;
	replay_done(&replay);
	return ok;
}

static bool append_line(
	struct journal *journal, const char *line, size_t len, struct err *err)
{
	struct err why = {0};
	bool ok;

	/* A journal that nobody can read again is worse than a stop. */
	if (journal->size + (off_t)len > (off_t)JOURNAL_MAX)
		return err_set(err, ERR_STORAGE,
			"the journal %s is full: %u bytes", journal->path,
			JOURNAL_MAX);
	ok = atomic_write_all(journal->fd, line, len, &why);
	if (!ok) {
		(void)err_wrap(
			&why, "appending to the journal %s", journal->path);
		if (err)
			*err = why;
		return kill_journal(journal, &why);
	}
	journal->size += (off_t)len;
	journal->seq++;
	journal->dirty = true;
	return true;
}

bool journal_append(struct journal *journal, const char *kind,
	const json_t *body, struct err *err)
{
	_cleanup_json_ json_t *whole = NULL;
	_cleanup_free_ char *line = NULL;
	struct record record = {0};
	struct err why = {0};
	size_t len;
	bool ok;

	if (!is_alive(journal, err))
		return false;
	whole = with_times(body, err);
	if (!whole ||
		!make_record(journal, kind, whole, &record, &line, &len, err))
		return false;
	ok = append_line(journal, line, len, err);
	if (ok && journal->fn && !journal->fn(journal->arg, &record, &why)) {
		/* The file has what the fold has not. */
		if (err)
			*err = why;
		ok = kill_journal(journal, &why);
	}
	record_done(&record);
	return ok;
}

bool journal_sync(struct journal *journal, struct err *err)
{
	struct err why = {0};
	int rc;

	if (!is_alive(journal, err))
		return false;
	if (!journal->dirty)
		return true;
	sys_crash_point("sync");
	rc = sys->fdatasync(journal->fd);
	sys_crash_point("synced");
	if (rc < 0) {
		(void)err_sys(&why, ERR_STORAGE, errno,
			"syncing the journal %s", journal->path);
		if (err)
			*err = why;
		return kill_journal(journal, &why);
	}
	journal->dirty = false;
	journal->batch++;
	return true;
}

bool journal_is_dirty(const struct journal *journal)
{
	return journal->dirty;
}

const char *journal_run_id(const struct journal *journal)
{
	return journal->run;
}

bool journal_reserve(struct journal *journal, off_t bytes, struct err *err)
{
	int rc;

	if (!is_alive(journal, err))
		return false;
	do {
		rc = sys->fallocate(
			journal->fd, FALLOC_FL_KEEP_SIZE, journal->size, bytes);
	} while (rc < 0 && errno == EINTR);
	/* Not every file system can; then there is nothing to be had. */
	if (rc < 0 && errno != EOPNOTSUPP)
		return err_sys(err, ERR_STORAGE, errno,
			"reserving %lld bytes for the journal %s",
			(long long)bytes, journal->path);
	journal->reserved = true;
	return true;
}
