/*
 * files.c - see files.h.
 */
#include "tests/refsync/light_helper/files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "sync_client/metadata_name.h"
#include "sync_client/sha256.h"

#define SUFFIX ".ndjson"

enum {
	FILE_MAX = 256 << 20,
};

char *files_path(const char *dir, const char *a, const char *b)
{
	char *path;

	if (asprintf(&path, "%s/%s%s%s", dir, a, b ? "/" : "", b ? b : "") < 0)
		abort(); /* a test's helper: there is nothing better to do */
	return path;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_name(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 &&
	       strcmp(entry->d_name, "..") != 0;
}

bool files_list(const char *dir, json_t **ret_names, struct err *err)
{
	struct dirent **entries = NULL;
	int count = scandir(dir, &entries, is_name, compare_names);

	if (count < 0)
		return err_sys(err, ERR_AGAIN, errno, "listing %s", dir);
	*ret_names = json_array();
	for (int i = 0; i < count; i++) {
		(void)json_array_append_new(
			*ret_names, json_string(entries[i]->d_name));
		free(entries[i]);
	}
	free(entries);
	return true;
}

static bool has_suffix(const char *file)
{
	size_t len = strlen(file), suffix = strlen(SUFFIX);

	return len > suffix && file[0] != '.' &&
	       strcmp(file + len - suffix, SUFFIX) == 0;
}

bool files_collections(const char *dir, const char *database,
	json_t **ret_files, struct err *err)
{
	_cleanup_free_ char *path = files_path(dir, database, NULL);
	_cleanup_json_ json_t *names = NULL;
	size_t i;
	json_t *name;

	if (!files_list(path, &names, err))
		return false;
	*ret_files = json_array();
	json_array_foreach (names, i, name)
		if (has_suffix(json_string_value(name)))
			(void)json_array_append(*ret_files, name);
	return true;
}

/* A likely name alone is no proof: it may be a user's. */
static bool is_proved(const char *dir, const char *database)
{
	static const char *const proofs[] = {
		"resumeData" SUFFIX, "globalState" SUFFIX};

	for (size_t i = 0; i < sizeof(proofs) / sizeof(proofs[0]); i++) {
		_cleanup_free_ char *path =
			files_path(dir, database, proofs[i]);

		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

bool files_databases(const char *dir, json_t **ret_names, struct err *err)
{
	_cleanup_json_ json_t *names = NULL;
	size_t i;
	json_t *name;

	if (!files_list(dir, &names, err))
		return false;
	*ret_names = json_array();
	json_array_foreach (names, i, name) {
		const char *database = json_string_value(name);
		enum metadata_name kind = metadata_name_of(database);

		if (kind == METADATA_NAME_OURS ||
			(kind == METADATA_NAME_LIKELY &&
				is_proved(dir, database)))
			(void)json_array_append(*ret_names, name);
	}
	return true;
}

bool files_read(
	const char *path, char **ret_text, size_t *ret_len, struct err *err)
{
	if (atomic_file_read(path, FILE_MAX, ret_text, ret_len, err))
		return true;
	if (err)
		err->code = ERR_AGAIN;
	return false;
}

struct inventory {
	const char *dir;
	struct sha256 sha;
	json_t *databases, *files;
	json_int_t documents, bytes;
};

static void add_piece(
	struct sha256 *sha, char kind, const void *data, size_t len)
{
	char head[32];
	int head_len = snprintf(head, sizeof(head), "%c%zu:", kind, len);

	sha256_add(sha, head, (size_t)head_len);
	sha256_add(sha, data, len);
}

static bool sum_up(const void *data, size_t len, char ret_hex[SHA256_HEX_SIZE],
	struct err *err)
{
	struct sha256 sha;
	bool ok;

	sha256_init(&sha);
	sha256_add(&sha, data, len);
	ok = sha256_end(&sha, ret_hex, err);
	sha256_done(&sha);
	return ok;
}

static json_int_t count_lines(const char *text, size_t len)
{
	json_int_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += text[i] == '\n';
	return count + (len && text[len - 1] != '\n');
}

static bool add_collection(struct inventory *inventory, const char *database,
	const char *file, struct err *err)
{
	_cleanup_free_ char *path = files_path(inventory->dir, database, file);
	_cleanup_free_ char *text = NULL;
	char hex[SHA256_HEX_SIZE];
	size_t len;

	if (!files_read(path, &text, &len, err) || !sum_up(text, len, hex, err))
		return false;
	add_piece(&inventory->sha, 'c', file, strlen(file) - strlen(SUFFIX));
	add_piece(&inventory->sha, 'b', text, len);
	inventory->documents += count_lines(text, len);
	inventory->bytes += (json_int_t)len;
	(void)json_array_append_new(inventory->files,
		json_pack("{s:o, s:s, s:I}", "path",
			json_sprintf("%s/%s", database, file), "sha256", hex,
			"bytes", (json_int_t)len));
	return true;
}

static bool add_database(
	struct inventory *inventory, const char *database, struct err *err)
{
	_cleanup_json_ json_t *files = NULL;
	size_t i;
	json_t *file;

	if (!files_collections(inventory->dir, database, &files, err))
		return false;
	if (!json_array_size(files))
		return true;
	(void)json_array_append_new(
		inventory->databases, json_string(database));
	add_piece(&inventory->sha, 'd', database, strlen(database));
	json_array_foreach (files, i, file)
		if (!add_collection(
			    inventory, database, json_string_value(file), err))
			return false;
	return true;
}

static bool add_all(struct inventory *inventory, struct err *err)
{
	_cleanup_json_ json_t *databases = NULL;
	size_t i;
	json_t *name;

	if (!files_databases(inventory->dir, &databases, err))
		return false;
	json_array_foreach (databases, i, name)
		if (!add_database(inventory, json_string_value(name), err))
			return false;
	return true;
}

bool files_inventory(const char *dir, json_t **ret_inventory, struct err *err)
{
	struct inventory inventory = {
		.dir = dir, .databases = json_array(), .files = json_array()};
	char hex[SHA256_HEX_SIZE];
	bool ok;

	sha256_init(&inventory.sha);
	ok = add_all(&inventory, err) && sha256_end(&inventory.sha, hex, err);
	sha256_done(&inventory.sha);
	if (ok)
		*ret_inventory = json_pack("{s:O, s:s, s:I, s:I, s:O}",
			"databases", inventory.databases, "digest", hex,
			"documents", inventory.documents, "bytes",
			inventory.bytes, "files", inventory.files);
	json_decref(inventory.databases);
	json_decref(inventory.files);
	return ok;
}
