/*
 * claim.c - see claim.h.
 */
#include "supervisor/install/claim.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "supervisor/install/files.h"

enum { ENCODED_MAX = 240, CLAIM_BYTES_MAX = 16384 };

static const char suffix[] = ".json";

static bool is_fit(char c, bool is_first)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' ||
	       (c == '.' && !is_first);
}

static bool encode(
	const char *name, char ret_encoded[ENCODED_MAX + 1], struct err *err)
{
	static const char hex[] = "0123456789abcdef";
	size_t len = 0;

	for (const char *c = name; *c; c++) {
		unsigned char byte = (unsigned char)*c;

		if (len + 3 > ENCODED_MAX)
			return err_set(err, ERR_CONFIG,
				"name is too long for a claim: %.60s...", name);
		if (is_fit(*c, c == name)) {
			ret_encoded[len++] = *c;
		} else {
			ret_encoded[len++] = '%';
			ret_encoded[len++] = hex[byte >> 4];
			ret_encoded[len++] = hex[byte & 15];
		}
	}
	ret_encoded[len] = '\0';
	return len > 0 || err_set(err, ERR_CONFIG, "a claim needs a name");
}

/* False: not a name that encode() makes. */
static bool decode(
	const char *encoded, size_t len, char ret_name[ENCODED_MAX + 1])
{
	size_t out = 0;

	if (len == 0 || len > ENCODED_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char digits[3] = "";

		if (encoded[i] != '%') {
			if (!is_fit(encoded[i], i == 0))
				return false;
			ret_name[out++] = encoded[i];
			continue;
		}
		if (i + 2 >= len || !isxdigit((unsigned char)encoded[i + 1]) ||
			!isxdigit((unsigned char)encoded[i + 2]))
			return false;
		memcpy(digits, encoded + i + 1, 2);
		ret_name[out++] = (char)strtol(digits, NULL, 16);
		i += 2;
	}
	ret_name[out] = '\0';
	return true;
}

static bool claims_dir(
	const char *root, char ret_dir[PATH_MAX], struct err *err)
{
	return files_path(ret_dir, err, "%s/.syncup/claims", root);
}

static bool claim_path(const char *root, const char *name,
	char ret_path[PATH_MAX], struct err *err)
{
	char encoded[ENCODED_MAX + 1];

	return encode(name, encoded, err) &&
	       files_path(ret_path, err, "%s/.syncup/claims/%s%s", root,
		       encoded, suffix);
}

static bool get_text(
	const json_t *json, const char *key, char *ret_text, size_t size)
{
	const char *text = json_string_value(json_object_get(json, key));

	if (!text || strlen(text) >= size)
		return false;
	(void)snprintf(ret_text, size, "%s", text);
	return true;
}

static bool get_version(
	const json_t *versions, size_t index, char ret_version[32])
{
	const char *text = json_string_value(json_array_get(versions, index));

	if (!text || strlen(text) >= 32)
		return false;
	(void)snprintf(ret_version, 32, "%s", text);
	return true;
}

static bool parse(const json_t *json, struct claim *claim)
{
	const json_t *versions = json_object_get(json, "versions");

	claim->since_ms = json_integer_value(json_object_get(json, "since"));
	claim->pid = (int)json_integer_value(json_object_get(json, "pid"));
	return get_text(json, "run", claim->run, sizeof(claim->run)) &&
	       claim->run[0] &&
	       get_text(json, "host", claim->host, sizeof(claim->host)) &&
	       get_text(json, "state_dir", claim->state_dir,
		       sizeof(claim->state_dir)) &&
	       get_text(json, "fleet", claim->fleet, sizeof(claim->fleet)) &&
	       json_array_size(versions) == 2 &&
	       get_version(versions, 0, claim->from) &&
	       get_version(versions, 1, claim->to);
}

static bool read_path(
	const char *path, struct claim *ret_claim, struct err *err)
{
	_cleanup_free_ char *data = NULL;
	_cleanup_json_ json_t *json = NULL;
	size_t len;

	memset(ret_claim, 0, sizeof(*ret_claim));
	if (!atomic_file_read(path, CLAIM_BYTES_MAX, &data, &len, err))
		return false;
	json = json_loadb(data, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json || !parse(json, ret_claim))
		return err_set(
			err, ERR_CONFIG, "%s is not a claim of syncup", path);
	return true;
}

static char *print(const struct claim *claim)
{
	_cleanup_json_ json_t *json =
		json_pack("{s:s, s:s, s:i, s:s, s:s, s:I, s:[s, s]}", "run",
			claim->run, "host", claim->host, "pid", claim->pid,
			"state_dir", claim->state_dir, "fleet", claim->fleet,
			"since", (json_int_t)claim->since_ms, "versions",
			claim->from, claim->to);

	return json ? json_dumps(json, JSON_COMPACT) : NULL;
}

static bool held_by(
	const char *name, const struct claim *claim, struct err *err)
{
	time_t since = (time_t)(claim->since_ms / 1000);
	char when[32] = "?";
	struct tm tm;

	if (gmtime_r(&since, &tm))
		(void)strftime(
			when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	return err_set(err, ERR_HELD,
		"%.60s is claimed by run %s of fleet %.60s on %s since %s, "
		"state directory %.120s",
		name, claim->run, claim->fleet, claim->host, when,
		claim->state_dir);
}

bool claim_read(const char *root, const char *name, struct claim *ret_claim,
	struct err *err)
{
	char path[PATH_MAX];

	return claim_path(root, name, path, err) &&
	       read_path(path, ret_claim, err);
}

static bool write_claim(const char *path, const struct claim *claim,
	bool is_replaced, struct err *err)
{
	_cleanup_free_ char *text = print(claim);

	if (!text)
		return err_set(err, ERR_CONFIG,
			"a claim's text is not UTF-8: %s", path);
	/* readable for everybody: another user's run has to see whose it is */
	if (is_replaced)
		return atomic_file_write(path, text, strlen(text), 0644, err);
	return atomic_file_create(path, text, strlen(text), 0644, err);
}

static bool make_dir(const char *root, struct err *err)
{
	char dir[PATH_MAX];

	return claims_dir(root, dir, err) && files_mkdir_all(dir, err);
}

bool claim_create(const char *root, const char *name, const struct claim *claim,
	struct err *err)
{
	char path[PATH_MAX];
	struct err why = {0};
	struct claim owner;

	if (!claim_path(root, name, path, err) || !make_dir(root, err))
		return false;
	if (write_claim(path, claim, false, &why))
		return true;
	if (why.code != ERR_HELD) {
		if (err)
			*err = why;
		return false;
	}
	if (!read_path(path, &owner, err))
		return false;
	if (strcmp(owner.run, claim->run) != 0)
		return held_by(name, &owner, err);
	/* ours, perhaps of one who was killed before the sync */
	return atomic_sync_parent(path, err);
}

bool claim_check(
	const char *root, const char *name, const char *run, struct err *err)
{
	struct claim owner;

	if (!claim_read(root, name, &owner, err))
		return false;
	return strcmp(owner.run, run) == 0 || held_by(name, &owner, err);
}

bool claim_take_over(const char *root, const char *name,
	const struct claim *claim, struct err *err)
{
	char path[PATH_MAX];

	return claim_path(root, name, path, err) && make_dir(root, err) &&
	       write_claim(path, claim, true, err);
}

bool claim_remove(
	const char *root, const char *name, const char *run, struct err *err)
{
	char path[PATH_MAX];
	struct err why = {0};

	if (!claim_path(root, name, path, err))
		return false;
	if (claim_check(root, name, run, &why) || why.code == ERR_MISSING)
		return atomic_remove(path, err);
	if (err)
		*err = why;
	return false;
}

bool claim_sync(const char *root, struct err *err)
{
	char path[PATH_MAX];
	struct err why = {0};

	if (!files_path(path, err, "%s/.syncup/claims/any", root))
		return false;
	if (atomic_sync_parent(path, &why) || why.sys == ENOENT)
		return true;
	if (err)
		*err = why;
	return false;
}

static int is_claim(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name), suffix_len = strlen(suffix);

	return entry->d_name[0] != '.' && len > suffix_len &&
	       strcmp(entry->d_name + len - suffix_len, suffix) == 0;
}

bool claim_each(const char *root, claim_fn *fn, void *arg, struct err *err)
{
	char dir[PATH_MAX], path[PATH_MAX], name[ENCODED_MAX + 1];
	struct dirent **list = NULL;
	bool ok = true;
	int count;

	if (!claims_dir(root, dir, err))
		return false;
	count = scandir(dir, &list, is_claim, alphasort);
	if (count < 0)
		return errno == ENOENT || err_sys(err, files_code(errno), errno,
						  "reading %s", dir);
	for (int i = 0; i < count; i++) {
		const char *file = list[i]->d_name;
		struct err why = {0};
		struct claim claim;

		if (ok && decode(file, strlen(file) - strlen(suffix), name) &&
			files_path(path, err, "%s/%s", dir, file)) {
			if (read_path(path, &claim, &why)) {
				ok = fn(arg, name, &claim, err);
			} else if (why.code != ERR_MISSING) {
				if (err)
					*err = why;
				ok = false;
			}
		}
		free(list[i]);
	}
	free(list);
	return ok;
}
