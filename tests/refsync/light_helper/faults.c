/*
 * faults.c - see faults.h.
 */
#include "tests/refsync/light_helper/faults.h"

#include <string.h>
#include <time.h>

#include "state/cleanup.h"
#include "tests/refsync/light_helper/files.h"

struct faults {
	json_t *json; /* owned; the texts are its own */
	const char *hang_op, *fail_op, *code;
	json_int_t delay_ms, bytes;
};

static void faults_done(struct faults *faults)
{
	json_decref(faults->json);
}

static bool faults_read(
	const char *cluster, struct faults *ret_faults, struct err *err)
{
	_cleanup_free_ char *path =
		files_path(cluster, "helper_faults.json", NULL);
	json_error_t why;

	*ret_faults = (struct faults){0};
	if (access(path, F_OK) != 0)
		return true;
	ret_faults->json = json_load_file(path, 0, &why);
	if (ret_faults->json &&
		json_unpack_ex(ret_faults->json, &why, 0,
			"{s?s, s?s, s?s, s?I, s?I !}", "hang_op",
			&ret_faults->hang_op, "fail_op", &ret_faults->fail_op,
			"code", &ret_faults->code, "delay_ms",
			&ret_faults->delay_ms, "bytes",
			&ret_faults->bytes) == 0)
		return true;
	return err_set(err, ERR_CONFIG, "helper_faults.json: %s", why.text);
}

static bool fail(const char *word, struct err *err)
{
	static const struct {
		const char *word;
		enum err_code code;
	} codes[] = {
		{"again", ERR_AGAIN},
		{"step", ERR_STEP},
		{"decide", ERR_DECIDE},
		{"config", ERR_CONFIG},
		{"storage", ERR_STORAGE},
	};

	for (size_t i = 0; word && i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(codes[i].word, word) == 0)
			return err_set(err, codes[i].code,
				"told to fail with \"%s\"", word);
	return err_set(err, ERR_CONFIG, "helper_faults.json: no such code");
}

static bool is_op(const char *wanted, const char *op)
{
	return wanted && strcmp(wanted, op) == 0;
}

bool faults_strike(const char *cluster, const char *op, struct err *err)
{
	struct faults faults;
	bool ok = faults_read(cluster, &faults, err);

	while (ok && is_op(faults.hang_op, op))
		(void)pause();
	if (ok && is_op(faults.fail_op, op))
		ok = fail(faults.code, err);
	faults_done(&faults);
	return ok;
}

void faults_delay(const char *cluster)
{
	struct faults faults;
	struct timespec pause;

	if (faults_read(cluster, &faults, NULL) && faults.delay_ms > 0) {
		pause.tv_sec = (time_t)(faults.delay_ms / 1000);
		pause.tv_nsec = (long)(faults.delay_ms % 1000) * 1000000;
		(void)nanosleep(&pause, NULL);
	}
	faults_done(&faults);
}

void faults_bytes(const char *cluster, json_t *summary)
{
	struct faults faults;

	if (faults_read(cluster, &faults, NULL) && faults.bytes > 0)
		(void)json_object_set_new(
			summary, "bytes", json_integer(faults.bytes));
	else if (faults.bytes < 0)
		(void)json_object_del(summary, "bytes");
	faults_done(&faults);
}
