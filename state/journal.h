/*
 * journal.h - the append-only file that remembers a run.
 *
 * A batch is everything appended since the last journal_sync() that returned.
 * On reading, the first bad line ends the journal, unless a later line
 * verifies with a batch above the last good one's plus 1: then something other
 * than a torn tail happened, and reading is refused with the line's number.
 *
 * A continuation never writes behind a tail that it did not write: it copies
 * what it believes to a new file, syncs it, links <path> to <path>.prev,
 * renames the new file to <path> and syncs the directory.  There is no instant
 * without a <path>.
 *
 * Every record gets "at" (wall clock, ms) and "up" (CLOCK_BOOTTIME, ms).
 */
#ifndef STATE_JOURNAL_H
#define STATE_JOURNAL_H

#include "state/err.h"
#include "state/record.h"

#define JOURNAL_FORMAT 1
/* What a reader must know to fold what we write. */
#define JOURNAL_NEEDS "clock"
#define JOURNAL_MAX (256u << 20) /* bytes */

struct journal;

/* Called for each record, in order, as it is read or appended. */
typedef bool journal_fn(
	void *arg, const struct record *record, struct err *err);

/*
 * Starts a new journal whose first record is {"kind":"run","format":1,
 * "needs":["clock"],"run":<id>,"boot":...} and the members of body.  ERR_HELD
 * if path exists.  The id is made here: date, time and random, sortable.  fn
 * (may be NULL) is told of record 0 and of everything appended later.
 */
bool journal_create(const char *path, const json_t *body, journal_fn *fn,
	void *arg, struct journal **ret_journal, struct err *err) WARN_UNUSED;
/* Continues: reads all of it through fn, then writes the new file as above.
 * The caller appends "resumed". */
bool journal_open(const char *path, journal_fn *fn, void *arg,
	struct journal **ret_journal, struct err *err) WARN_UNUSED;
/* Reads without writing anything; for views.  *ret_line (may be NULL) is the
 * line number at which a bad tail was cut, or 0. */
bool journal_read(const char *path, journal_fn *fn, void *arg,
	unsigned long *ret_line, struct err *err) WARN_UNUSED;
/* Not durable before journal_sync() returned true.  body is borrowed. */
bool journal_append(struct journal *journal, const char *kind,
	const json_t *body, struct err *err) WARN_UNUSED;
/* fdatasync if there is anything that was not synced; false is final. */
bool journal_sync(struct journal *journal, struct err *err) WARN_UNUSED;
bool journal_is_dirty(const struct journal *journal);
const char *journal_run_id(const struct journal *journal);
/* Reserves room beyond the end with FALLOC_FL_KEEP_SIZE; ENOSPC is ERR_STORAGE
 * and met before anything is begun. */
bool journal_reserve(
	struct journal *journal, off_t bytes, struct err *err) WARN_UNUSED;
void journal_close(struct journal *journal); /* NULL is fine; does not sync */

#endif
