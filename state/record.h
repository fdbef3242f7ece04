/*
 * record.h - one line of the journal.
 *
 *   9f31c0aa {"seq":7,"batch":4,"kind":"intent",...}\n
 *
 * The first word is a CRC-32C, eight lower-case hex digits, over the run's id,
 * a NUL, seq and batch as little-endian 64-bit numbers, and the raw bytes of
 * the JSON text as it stands in the line.  A line therefore verifies alone,
 * verifying never serialises JSON again, and a line of another run or moved
 * to another place is bad.  It finds accidents, not tampering.
 *
 * "seq", "batch" and "kind" are the first three members of every record, in
 * that order; record 0 is of kind "run" and has the run's id in "run".
 */
#ifndef STATE_RECORD_H
#define STATE_RECORD_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "state/err.h"

#define RECORD_LINE_MAX (4u << 20) /* bytes; a plan of 1000 targets fits */
#define RUN_ID_MAX 40

struct record {
	uint64_t seq, batch;
	json_t *json; /* owned; an object */
};

void record_done(struct record *record);
uint32_t record_crc32c(uint32_t crc, const void *data, size_t len);
/* Puts body's members behind head's, in their order.  Takes head, even NULL;
 * NULL (ERR_BUG) if there is no memory, no body, or a member is in both. */
json_t *record_join(json_t *head, const json_t *body, struct err *err);
/* body's members follow seq, batch and kind; body is borrowed.  The line ends
 * in a newline; the caller frees it. */
bool record_print(const char *run, uint64_t seq, uint64_t batch,
	const char *kind, const json_t *body, char **ret_line, size_t *ret_len,
	struct err *err) WARN_UNUSED;
/* line without its newline.  run NULL: this is record 0, take the id from it.
 * ERR_JOURNAL says what is wrong with it. */
bool record_parse(const char *run, const char *line, size_t len,
	struct record *ret_record, struct err *err) WARN_UNUSED;
/* Checksum, seq and batch only, without reading the JSON: cheap.  A line that
 * verifies is as it was written, whatever record_parse() says to it. */
bool record_verify(const char *run, const char *line, size_t len,
	uint64_t *ret_seq, uint64_t *ret_batch, struct err *err) WARN_UNUSED;
const char *record_kind(const struct record *record);

#endif
