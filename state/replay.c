#include "state/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "state/sys.h"

#define RECORD_MARK "{\"seq\":"
#define MARK_OFFSET 9 /* the checksum and a blank stand before it */

/* What this version knows of: "clock" records. */
static const char *const known_needs[] = {"clock", NULL};

static bool unreadable(const char *path, struct err *err)
{
	switch (errno) {
	case ENOENT:
		return err_sys(err, ERR_MISSING, errno,
			"reading the journal %s", path);
	case EACCES:
	case EPERM:
	case ELOOP:
	case ENOTDIR:
	case EISDIR:
	case ENAMETOOLONG:
		return err_sys(err, ERR_JOURNAL, errno,
			"reading the journal %s", path);
	default:
		return err_sys(err, ERR_STORAGE, errno,
			"reading the journal %s", path);
	}
}

/* As long as the file was when it was opened: what a supervisor appends while
 * we read belongs to the next reading. */
static bool load_from(
	struct replay *replay, int fd, const char *path, struct err *err)
{
	struct stat st;
	ssize_t got = 1;

	if (sys->fstat(fd, &st) < 0)
		return unreadable(path, err);
	if (st.st_size > (off_t)JOURNAL_MAX)
		return err_set(err, ERR_JOURNAL,
			"the journal %s is longer than %u bytes", path,
			JOURNAL_MAX);
	replay->text = malloc((size_t)st.st_size + 1);
	if (!replay->text)
		return err_sys(err, ERR_MEMORY, ENOMEM,
			"reading the journal %s", path);
	while (replay->len < (size_t)st.st_size && got != 0) {
		got = sys->read(fd, replay->text + replay->len,
			(size_t)st.st_size - replay->len);
		if (got < 0 && errno != EINTR)
			return unreadable(path, err);
		if (got > 0)
			replay->len += (size_t)got;
	}
	return true;
}

static bool load(struct replay *replay, const char *path, struct err *err)
{
	int fd;
	bool ok;

	do {
		fd = sys->openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return unreadable(path, err);
	ok = load_from(replay, fd, path, err);
	(void)sys->close(fd);
	return ok;
}

static bool is_known_need(const char *need)
{
	for (const char *const *known = known_needs; *known; known++)
		if (strcmp(*known, need) == 0)
			return true;
	return false;
}

/* "run" has both, and a newer version that continues an older one's run says in
 * "resumed" what it adds. */
static bool is_of_our_time(const struct record *record, struct err *err)
{
	const json_t *format = json_object_get(record->json, "format");
	const json_t *needs = json_object_get(record->json, "needs");
	const char *by =
		json_string_value(json_object_get(record->json, "syncup"));
	const char *kind = record_kind(record);
	const json_t *need;
	size_t i;

	if (strcmp(kind, "run") != 0 && strcmp(kind, "resumed") != 0)
		return true;
	if (!by)
		by = "of unknown version";
	if (record->seq == 0 &&
		(!json_is_integer(format) || !json_is_array(needs)))
		return err_set(err, ERR_JOURNAL, "has no format and needs");
	if (json_integer_value(format) > JOURNAL_FORMAT)
		return err_set(err, ERR_JOURNAL,
			"format is %" JSON_INTEGER_FORMAT
			", this version reads up to %d; written by syncup %s",
			json_integer_value(format), JOURNAL_FORMAT, by);
	json_array_foreach ((json_t *)needs, i, need) {
		const char *name = json_string_value(need);

		if (!name || !is_known_need(name))
			return err_set(err, ERR_JOURNAL,
				"needs \"%s\", which this version does not "
				"have; written by syncup %s",
				name ? name : "?", by);
	}
	return true;
}

/* A batch is never empty, so they have no gaps either. */
static bool is_next(const struct replay *replay, uint64_t seq, uint64_t batch)
{
	return seq == replay->seq + 1 &&
	       (batch == replay->batch || batch == replay->batch + 1);
}

static bool first_record(struct replay *replay, size_t len,
	struct record *ret_record, struct err *err)
{
	if (!record_parse(NULL, replay->text, len, ret_record, err))
		return false;
	if (ret_record->batch != 0 ||
		strcmp(record_kind(ret_record), "run") != 0)
		return err_set(
			err, ERR_JOURNAL, "is not the first record of a run");
	(void)snprintf(replay->run, sizeof(replay->run), "%s",
		json_string_value(json_object_get(ret_record->json, "run")));
	return true;
}

/* True with a record, or without one where the good part ends. */
static bool next_record(struct replay *replay, const char *line, size_t len,
	struct record *ret_record, bool *ret_bad, struct err *err)
{
	uint64_t seq, batch;

	*ret_bad = false;
	if (replay->lines == 0)
		return first_record(replay, len, ret_record, err);
	*ret_bad = !record_verify(replay->run, line, len, &seq, &batch, NULL) ||
		   !is_next(replay, seq, batch);
	if (*ret_bad)
		return true;
	/* No torn write: these are the bytes that were written. */
	return record_parse(replay->run, line, len, ret_record, err);
}

/*
 * Behind the first bad line, is there a record that can only have been written
 * after the bad line's batch was synced?  A record is looked for wherever its
 * mark is, because what was lost may be the newline before it.
 */
static bool tail_is_torn(
	const struct replay *replay, const char *path, struct err *err)
{
	const char *end = replay->text + replay->len;
	const char *next = replay->text + replay->good;
	const char *counted = next;
	unsigned long bad = replay->lines + 1, line = bad;

	for (;; next++) {
		const char *stop;
		uint64_t seq, batch;

		next = memmem(next, (size_t)(end - next), RECORD_MARK,
			strlen(RECORD_MARK));
		if (!next)
			return true;
		if (next - replay->text < (ptrdiff_t)replay->good + MARK_OFFSET)
			continue;
		stop = memchr(next, '\n', (size_t)(end - next));
		if (!stop)
			stop = end;
		if (!record_verify(replay->run, next - MARK_OFFSET,
			    (size_t)(stop - next) + MARK_OFFSET, &seq, &batch,
			    NULL) ||
			batch <= replay->batch + 1)
			continue;
		for (; counted < next; counted++)
			line += *counted == '\n';
		return err_set(err, ERR_JOURNAL,
			"line %lu of %s is damaged, and not by a torn write: "
			"line %lu was written after it was synced",
			bad, path, line);
	}
}

static bool walk(struct replay *replay, const char *path, journal_fn *fn,
	void *arg, struct err *err)
{
	struct record record = {0};
	bool bad, ok;

	while (replay->good < replay->len) {
		const char *line = replay->text + replay->good;
		const char *stop =
			memchr(line, '\n', replay->len - replay->good);
		size_t len = stop ? (size_t)(stop - line) : 0;

		if (!stop)
			break;
		ok = next_record(replay, line, len, &record, &bad, err);
		if (ok && bad)
			break;
		ok = ok && is_of_our_time(&record, err) &&
		     (!fn || fn(arg, &record, err));
		if (ok) {
			replay->seq = record.seq;
			replay->batch = record.batch;
			replay->lines++;
			replay->good += len + 1;
		}
		record_done(&record);
		if (!ok)
			return err_wrap(
				err, "line %lu of %s", replay->lines + 1, path);
	}
	return true;
}

bool replay_read(struct replay *replay, const char *path, journal_fn *fn,
	void *arg, struct err *err)
{
	if (!load(replay, path, err) || !walk(replay, path, fn, arg, err))
		return false;
	if (replay->lines == 0)
		return err_set(err, ERR_JOURNAL,
			"line 1 of %s is not the first record of a run", path);
	return replay->good == replay->len || tail_is_torn(replay, path, err);
}

void replay_done(struct replay *replay)
{
	free(replay->text);
	*replay = (struct replay){0};
}
