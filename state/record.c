#include "state/record.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"

#define CRC_DIGITS 8
#define NUMBER_DIGITS 18 /* fits any json_int_t */

struct frame { /* a line taken apart, nothing verified yet */
	uint32_t crc;
	uint64_t seq, batch;
	const char *json;
	size_t json_len;
};

void record_done(struct record *record)
{
	if (!record)
		return;
	json_decref(record->json);
	*record = (struct record){0};
}

uint32_t record_crc32c(uint32_t crc, const void *data, size_t len)
{
	static uint32_t table[256];
	const uint8_t *byte = data;

	if (!table[1])
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t bits = i;

			for (int bit = 0; bit < 8; bit++)
				bits = (bits >> 1) ^
				       ((bits & 1) ? 0x82f63b78u : 0);
			table[i] = bits;
		}
	crc = ~crc;
	while (len-- > 0)
		crc = (crc >> 8) ^ table[(crc ^ *byte++) & 0xff];
	return ~crc;
}

static void put_le64(uint8_t *out, uint64_t number)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(number >> (8 * i));
}

static uint32_t checksum(const char *run, uint64_t seq, uint64_t batch,
	const char *json, size_t len)
{
	uint8_t order[16];
	uint32_t crc = record_crc32c(0, run, strlen(run) + 1);

	put_le64(order, seq);
	put_le64(order + 8, batch);
	crc = record_crc32c(crc, order, sizeof(order));
	return record_crc32c(crc, json, len);
}

static bool is_kind(const char *kind)
{
	return kind[0] &&
	       strspn(kind, "abcdefghijklmnopqrstuvwxyz-") == strlen(kind);
}

static bool is_run_id(const char *run)
{
	size_t len = strlen(run);

	return len > 0 && len <= RUN_ID_MAX &&
	       strspn(run, "0123456789abcdefghijklmnopqrstuvwxyz"
			   "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") == len;
}

json_t *record_join(json_t *head, const json_t *body, struct err *err)
{
	_cleanup_json_ json_t *json = head;
	size_t size = json_object_size(head) + json_object_size(body);
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)body, key, value) {
		if (json_object_get(json, key)) {
			(void)err_set(err, ERR_BUG,
				"a record has its own \"%s\"", key);
			return NULL;
		}
		if (json_object_set(json, key, value) < 0)
			break;
	}
	/* Without its members it would make the journal unreadable. */
	if (!body) {
		(void)err_set(err, ERR_BUG, "making a record: it has no body");
		return NULL;
	}
	if (!json || json_object_size(json) != size) {
		(void)err_sys(err, ERR_MEMORY, ENOMEM, "making a record");
		return NULL;
	}
	return take_ptr(json);
}

bool record_print(const char *run, uint64_t seq, uint64_t batch,
	const char *kind, const json_t *body, char **ret_line, size_t *ret_len,
	struct err *err)
{
	_cleanup_json_ json_t *json = NULL;
	_cleanup_free_ char *line = NULL;
	char crc[CRC_DIGITS + 1];
	size_t json_len, len, printed;

	if (!is_run_id(run) || !is_kind(kind))
		return err_set(err, ERR_BUG,
			"a record of kind \"%s\" in run \"%s\" cannot be", kind,
			run);
	json = json_pack("{s:I, s:I, s:s}", "seq", (json_int_t)seq, "batch",
		(json_int_t)batch, "kind", kind);
	json = record_join(json, body, err);
	if (!json)
		return false;
	json_len = json_dumpb(json, NULL, 0, JSON_COMPACT);
	if (json_len == 0)
		return err_sys(err, ERR_MEMORY, ENOMEM, "printing a record");
	len = CRC_DIGITS + 1 + json_len + 1;
	if (len > RECORD_LINE_MAX)
		return err_set(err, ERR_BUG,
			"a record of kind %s takes %zu bytes, more than %u",
			kind, len, RECORD_LINE_MAX);
	line = malloc(len + 1);
	if (!line)
		return err_sys(err, ERR_MEMORY, ENOMEM, "printing a record");
	printed =
		json_dumpb(json, line + CRC_DIGITS + 1, json_len, JSON_COMPACT);
	if (printed != json_len)
		return err_sys(err, ERR_MEMORY, ENOMEM, "printing a record");
	(void)snprintf(crc, sizeof(crc), "%08" PRIx32,
		checksum(run, seq, batch, line + CRC_DIGITS + 1, json_len));
	memcpy(line, crc, CRC_DIGITS);
	line[CRC_DIGITS] = ' ';
	line[len - 1] = '\n';
	line[len] = '\0';
	*ret_line = take_ptr(line);
	*ret_len = len;
	return true;
}

static bool take_hex(const char **next, const char *end, uint32_t *ret_number)
{
	*ret_number = 0;
	if (end - *next < CRC_DIGITS)
		return false;
	for (int i = 0; i < CRC_DIGITS; i++) {
		char c = *(*next)++;
		const char *digits = "0123456789abcdef";
		const char *digit = c ? strchr(digits, c) : NULL;

		if (!digit)
			return false;
		*ret_number = *ret_number << 4 | (uint32_t)(digit - digits);
	}
	return true;
}

static bool take_text(const char **next, const char *end, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(end - *next) < len || memcmp(*next, text, len) != 0)
		return false;
	*next += len;
	return true;
}

/* One spelling for each number, so that printing what was read gives the same
 * bytes. */
static bool take_number(
	const char **next, const char *end, uint64_t *ret_number)
{
	const char *first = *next;

	*ret_number = 0;
	while (*next < end && **next >= '0' && **next <= '9' &&
		*next - first < NUMBER_DIGITS)
		*ret_number = *ret_number * 10 + (uint64_t)(*(*next)++ - '0');
	return *next > first && (*first != '0' || *next == first + 1);
}

static bool take_apart(
	const char *line, size_t len, struct frame *ret_frame, struct err *err)
{
	const char *next = line, *end = line + len;

	if (len >= RECORD_LINE_MAX)
		return err_set(err, ERR_JOURNAL, "longer than %u bytes",
			RECORD_LINE_MAX);
	if (!take_hex(&next, end, &ret_frame->crc) ||
		!take_text(&next, end, " "))
		return err_set(err, ERR_JOURNAL, "begins with no checksum");
	ret_frame->json = next;
	ret_frame->json_len = (size_t)(end - next);
	if (!take_text(&next, end, "{\"seq\":") ||
		!take_number(&next, end, &ret_frame->seq) ||
		!take_text(&next, end, ",\"batch\":") ||
		!take_number(&next, end, &ret_frame->batch) ||
		!take_text(&next, end, ",\"kind\":\""))
		return err_set(err, ERR_JOURNAL, "has no seq, batch and kind");
	return true;
}

static bool check_sum(
	const char *run, const struct frame *frame, struct err *err)
{
	if (checksum(run, frame->seq, frame->batch, frame->json,
		    frame->json_len) != frame->crc)
		return err_set(err, ERR_JOURNAL, "checksum does not match");
	return true;
}

bool record_verify(const char *run, const char *line, size_t len,
	uint64_t *ret_seq, uint64_t *ret_batch, struct err *err)
{
	struct frame frame = {0};

	if (!take_apart(line, len, &frame, err) || !check_sum(run, &frame, err))
		return false;
	*ret_seq = frame.seq;
	*ret_batch = frame.batch;
	return true;
}

static json_t *load_object(const struct frame *frame, struct err *err)
{
	json_error_t why;
	json_t *json = json_loadb(
		frame->json, frame->json_len, JSON_REJECT_DUPLICATES, &why);

	if (!json && json_error_code(&why) == json_error_out_of_memory) {
		(void)err_sys(err, ERR_MEMORY, ENOMEM, "reading a record");
		return NULL;
	}
	if (!json) {
		(void)err_set(err, ERR_JOURNAL, "is no JSON: %s", why.text);
		return NULL;
	}
	if (!json_is_string(json_object_get(json, "kind"))) {
		json_decref(json);
		(void)err_set(err, ERR_JOURNAL, "has no kind");
		return NULL;
	}
	return json;
}

bool record_parse(const char *run, const char *line, size_t len,
	struct record *ret_record, struct err *err)
{
	_cleanup_json_ json_t *json = NULL;
	struct frame frame = {0};

	if (!take_apart(line, len, &frame, err))
		return false;
	if (run && !check_sum(run, &frame, err))
		return false;
	json = load_object(&frame, err);
	if (!json)
		return false;
	if (!run) {
		/* The id is under the checksum that it is needed for. */
		run = json_string_value(json_object_get(json, "run"));
		if (!run || !is_run_id(run) || frame.seq != 0)
			return err_set(err, ERR_JOURNAL,
				"is not the first record of a run");
		if (!check_sum(run, &frame, err))
			return false;
	}
	ret_record->seq = frame.seq;
	ret_record->batch = frame.batch;
	ret_record->json = take_ptr(json);
	return true;
}

const char *record_kind(const struct record *record)
{
	return json_string_value(json_object_get(record->json, "kind"));
}
