#include "state/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Last: it needs three of the headers above. */
#include <cmocka.h>

#define RUN "20260102T030405Z-0a1b2c"

/* Computed apart from this program.  On disk: must never change. */
static const char golden[] =
	"980947d3 {\"seq\":7,\"batch\":4,\"kind\":\"intent\","
	"\"target\":\"shard0\",\"lag\":1.5}";

static char *print_line(const char *run, uint64_t seq, uint64_t batch,
	const char *kind, json_t *body, size_t *ret_len)
{
	struct err err = {0};
	char *line = NULL;

	if (!record_print(run, seq, batch, kind, body, &line, ret_len, &err))
		fail_msg("%s", err.msg);
	json_decref(body);
	return line;
}

static bool is_refused(const char *run, const char *line, size_t len)
{
	struct record record = {0};
	struct err err = {0};
	bool ok = record_parse(run, line, len, &record, &err);

	if (!ok)
		assert_int_equal(err.code, ERR_JOURNAL);
	record_done(&record);
	return !ok;
}

/* Gives json a right checksum, whatever it says. */
static char *sign(
	const char *run, uint64_t seq, uint64_t batch, const char *json)
{
	size_t len = strlen(json) + 10;
	char *line = malloc(len);
	uint8_t order[16] = {0};
	uint32_t crc;

	assert_non_null(line);
	for (int i = 0; i < 8; i++) {
		order[i] = (uint8_t)(seq >> (8 * i));
		order[8 + i] = (uint8_t)(batch >> (8 * i));
	}
	crc = record_crc32c(0, run, strlen(run) + 1);
	crc = record_crc32c(crc, order, sizeof(order));
	crc = record_crc32c(crc, json, strlen(json));
	(void)snprintf(line, len, "%08x %s", crc, json);
	return line;
}

static void test_record_crc32c_known_answers(void **state)
{
	const uint8_t zeros[32] = {0};

	(void)state;
	assert_int_equal(record_crc32c(0, "", 0), 0);
	assert_int_equal(record_crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(record_crc32c(0, zeros, sizeof(zeros)), 0x8a9136aa);
	assert_int_equal(record_crc32c(record_crc32c(0, "1234", 4), "56789", 5),
		0xe3069283);
}

static void test_record_print_is_the_format_on_disk(void **state)
{
	size_t len;
	char *line = print_line(RUN, 7, 4, "intent",
		json_pack("{s:s, s:f}", "target", "shard0", "lag", 1.5), &len);

	(void)state;
	assert_int_equal(len, strlen(line));
	assert_int_equal(line[len - 1], '\n');
	line[len - 1] = '\0';
	assert_string_equal(line, golden);
	free(line);
}

static void test_record_print_what_it_prints_is_what_is_parsed(void **state)
{
	json_t *body = json_pack("{s:s, s:{s:[i,n,b]}, s:I}", "text",
		"new\nline \xc3\xa4 \"quoted\" \x01", "deep", "list", 1, 1,
		"big", (json_int_t)1 << 62);
	struct record record = {0};
	struct err err;
	char *line, *again;
	size_t len, again_len;

	(void)state;
	json_incref(body);
	line = print_line(RUN, 0, 999999999999999999, "note", body, &len);
	assert_ptr_equal(memchr(line, '\n', len), line + len - 1);
	assert_true(record_parse(RUN, line, len - 1, &record, &err));
	assert_int_equal(record.seq, 0);
	assert_int_equal(record.batch, 999999999999999999);
	assert_string_equal(record_kind(&record), "note");
	assert_int_equal(json_object_size(record.json), 6);
	(void)json_object_del(record.json, "seq");
	(void)json_object_del(record.json, "batch");
	(void)json_object_del(record.json, "kind");
	assert_true(json_equal(record.json, body));
	again = print_line(RUN, record.seq, record.batch, "note",
		json_incref(record.json), &again_len);
	assert_string_equal(again, line);
	record_done(&record);
	json_decref(body);
	free(line);
	free(again);
}

static void test_record_print_refuses_what_cannot_be(void **state)
{
	json_t *none = json_object();
	json_t *clash = json_pack("{s:i}", "batch", 1);
	struct err err;
	char *line;
	size_t len;

	(void)state;
	assert_false(record_print(RUN, 1, 1, "Note", none, &line, &len, &err));
	assert_false(record_print(RUN, 1, 1, "", none, &line, &len, &err));
	assert_false(record_print("", 1, 1, "note", none, &line, &len, &err));
	assert_false(record_print("a b", 1, 1, "x", none, &line, &len, &err));
	assert_int_equal(err.code, ERR_BUG);
	assert_false(record_print(RUN, 1, 1, "x", clash, &line, &len, &err));
	assert_int_equal(err.code, ERR_BUG);
	assert_non_null(strstr(err.msg, "\"batch\""));
	json_decref(none);
	json_decref(clash);
}

static void test_record_print_longest_line(void **state)
{
	size_t frame = strlen("01234567 {\"seq\":1,\"batch\":1,\"kind\":"
			      "\"note\",\"text\":\"\"}\n");
	size_t len, text_len = RECORD_LINE_MAX - frame;
	char *text = malloc(text_len + 2), *line;
	struct err err;
	json_t *body;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', text_len + 1);
	text[text_len] = '\0';
	line = print_line(
		RUN, 1, 1, "note", json_pack("{s:s}", "text", text), &len);
	assert_int_equal(len, RECORD_LINE_MAX);
	assert_false(is_refused(RUN, line, len - 1));
	free(line);
	text[text_len] = 'x';
	text[text_len + 1] = '\0';
	body = json_pack("{s:s}", "text", text);
	assert_false(record_print(RUN, 1, 1, "note", body, &line, &len, &err));
	assert_int_equal(err.code, ERR_BUG);
	json_decref(body);
	free(text);
}

static void test_record_parse_any_bit_flipped(void **state)
{
	char line[sizeof(golden)];
	uint64_t seq, batch;

	(void)state;
	memcpy(line, golden, sizeof(golden));
	assert_false(is_refused(RUN, line, strlen(golden)));
	for (size_t i = 0; i < strlen(golden); i++)
		for (int bit = 0; bit < 8; bit++) {
			line[i] = (char)(golden[i] ^ (1 << bit));
			assert_true(is_refused(RUN, line, strlen(golden)));
			assert_false(record_verify(
				RUN, line, strlen(golden), &seq, &batch, NULL));
			line[i] = golden[i];
		}
}

static void test_record_parse_cut_at_any_byte(void **state)
{
	(void)state;
	for (size_t len = 0; len < strlen(golden); len++) {
		/* From the heap, so that a read beyond the end is seen. */
		char *line = malloc(len ? len : 1);

		assert_non_null(line);
		memcpy(line, golden, len);
		assert_true(is_refused(RUN, line, len));
		assert_true(is_refused(NULL, line, len));
		free(line);
	}
}

static void test_record_parse_other_run(void **state)
{
	(void)state;
	assert_true(
		is_refused("20260102T030405Z-0a1b2d", golden, strlen(golden)));
}

static void test_record_parse_first_record_brings_its_run(void **state)
{
	struct record record = {0};
	struct err err;
	size_t len;
	char *line = print_line(
		RUN, 0, 0, "run", json_pack("{s:s}", "run", RUN), &len);

	(void)state;
	assert_true(record_parse(NULL, line, len - 1, &record, &err));
	assert_string_equal(
		json_string_value(json_object_get(record.json, "run")), RUN);
	record_done(&record);
	free(line);
	/* Signed for another run than it names. */
	line = print_line(
		"other", 0, 0, "run", json_pack("{s:s}", "run", RUN), &len);
	assert_true(is_refused(NULL, line, len - 1));
	free(line);
	assert_true(is_refused(NULL, golden, strlen(golden)));
}

static void test_record_parse_signed_but_not_ours(void **state)
{
	static const char *const bodies[] = {
		"{\"seq\":1,\"batch\":1,\"kind\":\"x\"",
		"{\"seq\":1,\"batch\":1,\"kind\":\"x\"} 1",
		"{\"seq\":1,\"batch\":1,\"kind\":\"x\",\"seq\":2}",
		"{\"seq\":01,\"batch\":1,\"kind\":\"x\"}",
		"{\"seq\":1, \"batch\":1,\"kind\":\"x\"}",
		"{\"seq\":-1,\"batch\":1,\"kind\":\"x\"}",
		"{\"batch\":1,\"seq\":1,\"kind\":\"x\"}",
		"{\"seq\":1,\"batch\":1}",
		"[]",
		"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		char *line = sign(RUN, 1, 1, bodies[i]);

		assert_true(is_refused(RUN, line, strlen(line)));
		free(line);
	}
}

static void test_record_parse_number_beyond_the_limit(void **state)
{
	char *line = sign(RUN, 1000000000000000000, 1,
		"{\"seq\":1000000000000000000,\"batch\":1,\"kind\":\"x\"}");

	(void)state;
	assert_true(is_refused(RUN, line, strlen(line)));
	free(line);
}

static void test_record_join_keeps_order_and_refuses_doubles(void **state)
{
	json_t *body = json_pack("{s:i, s:i}", "b", 1, "a", 2);
	json_t *both = record_join(json_pack("{s:i}", "z", 0), body, NULL);
	char *text = json_dumps(both, JSON_COMPACT);
	struct err err;

	(void)state;
	assert_string_equal(text, "{\"z\":0,\"b\":1,\"a\":2}");
	assert_null(record_join(both, body, &err));
	assert_int_equal(err.code, ERR_BUG);
	assert_null(record_join(NULL, body, &err));
	free(text);
	json_decref(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record_crc32c_known_answers),
		cmocka_unit_test(test_record_print_is_the_format_on_disk),
		cmocka_unit_test(
			test_record_print_what_it_prints_is_what_is_parsed),
		cmocka_unit_test(test_record_print_refuses_what_cannot_be),
		cmocka_unit_test(test_record_print_longest_line),
		cmocka_unit_test(test_record_parse_any_bit_flipped),
		cmocka_unit_test(test_record_parse_cut_at_any_byte),
		cmocka_unit_test(test_record_parse_other_run),
		cmocka_unit_test(test_record_parse_first_record_brings_its_run),
		cmocka_unit_test(test_record_parse_signed_but_not_ours),
		cmocka_unit_test(test_record_parse_number_beyond_the_limit),
		cmocka_unit_test(
			test_record_join_keeps_order_and_refuses_doubles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
