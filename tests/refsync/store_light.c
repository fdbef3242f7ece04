/*
 * store_light.c - a cluster that is a directory of NDJSON files.
 *
 * It costs next to no memory, so that hundreds of reference processes fit on
 * one machine.  Instances share files: a change is made under a lock on
 * <dir>/.lock.  A source without data plays a collection synthetic.docs, whose
 * documents are only counted.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "tests/refsync/light_file.h"
#include "tests/refsync/settings.h"
#include "tests/refsync/store.h"

#define SYNTHETIC "synthetic"
#define DOC_BYTES 100 /* what a document is said to have */

struct light {
	struct store store;
	char dir[LIGHT_PATH / 4];
};

static struct light *light_of(struct store *store)
{
	return (struct light *)store;
}

static bool is_synthetic(struct name name)
{
	return !strcmp(name.db, SYNTHETIC);
}

static void light_free(struct store *store)
{
	free(store);
}

static bool light_databases(struct store *store, json_t **ret, struct err *err)
{
	struct light *light = light_of(store);
	json_t *names = json_array();
	struct dirent *entry;
	DIR *dir = opendir(light->dir);

	(void)err;
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			(void)json_array_append_new(
				names, json_string(entry->d_name));
	if (dir)
		(void)closedir(dir);
	(void)json_array_append_new(names, json_string(SYNTHETIC));
	*ret = names;
	return true;
}

/* The synthetic collection is there only while nothing real is. */
static bool has_own_data(struct light *light)
{
	static const char *const foreign[] = {
		"admin", "local", "config", CHANGES_DATABASE};
	bool found = false;
	struct dirent *entry;
	DIR *dir = opendir(light->dir);

	while (dir && (entry = readdir(dir))) {
		bool own = entry->d_name[0] != '.';

		for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++)
			own = own && strcmp(foreign[i], entry->d_name) != 0;
		found = found || own;
	}
	if (dir)
		(void)closedir(dir);
	return found;
}

static void add_collection(json_t *found, struct name name)
{
	(void)json_array_append_new(
		found, json_pack("{s:s, s:o}", "name", name.coll, "uuid",
			       store_make_uuid(name)));
}

static bool light_collections(
	struct store *store, const char *db, json_t **ret, struct err *err)
{
	struct light *light = light_of(store);
	char path[LIGHT_PATH];
	struct dirent *entry;
	DIR *dir;

	(void)err;
	*ret = json_array();
	if (!strcmp(db, SYNTHETIC)) {
		if (!has_own_data(light))
			add_collection(*ret, (struct name){db, "docs"});
		return true;
	}
	(void)snprintf(path, sizeof(path), "%s/%s", light->dir, db);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		char *suffix = strstr(entry->d_name, LIGHT_SUFFIX);

		if (!suffix || strcmp(suffix, LIGHT_SUFFIX) != 0)
			continue;
		*suffix = '\0';
		add_collection(*ret, (struct name){db, entry->d_name});
	}
	if (dir)
		(void)closedir(dir);
	return true;
}

static bool light_shards(struct store *store, json_t **ret, struct err *err)
{
	_cleanup_json_ json_t *docs = NULL;
	size_t i;
	json_t *doc;

	if (!light_file_read(light_of(store)->dir,
		    (struct name){"config", "shards"}, &docs, err))
		return false;
	*ret = json_array();
	json_array_foreach (docs, i, doc)
		(void)json_array_append(*ret, json_object_get(doc, "_id"));
	return true;
}

static bool light_read(
	struct store *store, struct name name, json_t **ret, struct err *err)
{
	return light_file_read(light_of(store)->dir, name, ret, err);
}

static bool light_put(struct store *store, struct name name, const json_t *doc,
	struct err *err)
{
	struct light *light = light_of(store);
	_cleanup_json_ json_t *docs = NULL;
	_cleanup_fd_ int lock = -1;

	if (!light_file_lock(light->dir, &lock, err) ||
		!light_file_read(light->dir, name, &docs, err))
		return false;
	light_file_put(docs, (json_t *)doc);
	return light_file_write(light->dir, name, docs, err);
}

static bool light_create(struct store *store, struct name name, struct err *err)
{
	struct light *light = light_of(store);
	_cleanup_json_ json_t *docs = NULL;
	_cleanup_fd_ int lock = -1;

	if (is_synthetic(name))
		return true;
	return light_file_lock(light->dir, &lock, err) &&
	       light_file_read(light->dir, name, &docs, err) &&
	       light_file_write(light->dir, name, docs, err);
}

static bool remove_file(const char *path, struct err *err)
{
	return unlink(path) == 0 || errno == ENOENT ||
	       err_sys(err, ERR_AGAIN, errno, "removing %s", path);
}

static bool remove_dir(const char *path, struct err *err)
{
	char inner[LIGHT_PATH + 256];
	struct dirent *entry;
	bool ok = true;
	DIR *dir = opendir(path);

	while (ok && dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(
			inner, sizeof(inner), "%s/%s", path, entry->d_name);
		ok = remove_file(inner, err);
	}
	if (dir)
		(void)closedir(dir);
	return ok &&
	       (rmdir(path) == 0 || errno == ENOENT ||
		       err_sys(err, ERR_AGAIN, errno, "removing %s", path));
}

static bool light_drop(struct store *store, struct name name, struct err *err)
{
	struct light *light = light_of(store);
	_cleanup_fd_ int lock = -1;
	char path[LIGHT_PATH];

	if (!light_file_path(light->dir,
		    (struct name){name.db, name.coll ? name.coll : "all"}, "",
		    path, err) ||
		!light_file_lock(light->dir, &lock, err))
		return false;
	if (name.coll)
		return remove_file(path, err);
	*strrchr(path, '/') = '\0';
	return remove_dir(path, err);
}

static bool synthetic_ranges(long docs, json_t **ret, int64_t *ret_bytes)
{
	json_int_t count = setting(SET_SYNTHETIC_DOCS), here;

	*ret = json_array();
	for (json_int_t from = 1; from <= count; from += here) {
		here = docs < count - from + 1 ? docs : count - from + 1;
		(void)json_array_append_new(
			*ret, json_pack("{s:I, s:I, s:I}", "from", from, "upto",
				      from + here - 1, "docs", here));
	}
	*ret_bytes = DOC_BYTES * count;
	return true;
}

static bool is_comparable(const json_t *a, const json_t *b)
{
	return (json_is_number(a) && json_is_number(b)) ||
	       json_typeof(a) == json_typeof(b);
}

static bool light_ranges(struct store *store, struct name name, long docs,
	json_t **ret, int64_t *ret_bytes, struct err *err)
{
	_cleanup_json_ json_t *all = NULL;
	json_t *range = NULL;
	long count = 0;
	size_t i;
	json_t *doc;

	if (is_synthetic(name))
		return synthetic_ranges(docs, ret, ret_bytes);
	if (!light_file_read(light_of(store)->dir, name, &all, err))
		return false;
	*ret = json_array();
	json_array_foreach (all, i, doc) {
		json_t *id = json_object_get(doc, "_id");

		if (!range || count == docs ||
			!is_comparable(json_object_get(range, "upto"), id)) {
			range = json_pack("{s:O}", "from", id);
			(void)json_array_append_new(*ret, range);
			count = 0;
		}
		(void)json_object_set(range, "upto", id);
		(void)json_object_set_new(range, "docs", json_integer(++count));
	}
	*ret_bytes = DOC_BYTES * (int64_t)json_array_size(all);
	return true;
}

static void free_docs(struct batch *batch)
{
	json_decref(batch->docs);
}

static bool is_in_range(const struct range *range, const json_t *id)
{
	return light_file_compare(id, range->from) >= 0 &&
	       light_file_compare(id, range->upto) <= 0;
}

static bool light_read_docs(struct store *store, const struct range *range,
	struct batch *ret, struct err *err)
{
	_cleanup_json_ json_t *all = NULL;
	struct batch batch = {.docs_free = free_docs};
	size_t i;
	json_t *doc, *docs;

	if (is_synthetic(range->name)) { /* nobody looks into them */
		*ret = (struct batch){
			.count = (size_t)(json_integer_value(range->upto) -
					  json_integer_value(range->from) + 1)};
		return true;
	}
	if (!light_file_read(light_of(store)->dir, range->name, &all, err))
		return false;
	batch.docs = docs = json_array();
	json_array_foreach (all, i, doc) {
		if (!is_in_range(range, json_object_get(doc, "_id")))
			continue;
		(void)json_array_append(docs, doc);
		batch.count++;
	}
	*ret = batch;
	return true;
}

static bool light_write_docs(struct store *store, struct name name,
	const struct batch *batch, size_t first, size_t count, struct err *err)
{
	struct light *light = light_of(store);
	_cleanup_json_ json_t *docs = NULL;
	_cleanup_fd_ int lock = -1;

	if (is_synthetic(name))
		return true;
	if (!light_file_lock(light->dir, &lock, err) ||
		!light_file_read(light->dir, name, &docs, err))
		return false;
	for (size_t i = first; i < first + count; i++)
		light_file_put(docs, json_array_get(batch->docs, i));
	return light_file_write(light->dir, name, docs, err);
}

static const struct name change_log = {CHANGES_DATABASE, CHANGES_COLLECTION};

static int64_t sequence_of(const json_t *change)
{
	const json_t *id = json_object_get(change, "_id");
	const json_t *text = json_object_get(id, "$numberLong");

	return text ? strtoll(json_string_value(text), NULL, 10)
		    : json_integer_value(id);
}

static bool edge_change(
	struct store *store, bool last, int64_t *ret_seq, struct err *err)
{
	_cleanup_json_ json_t *all = NULL;
	size_t count;

	if (!light_file_read(light_of(store)->dir, change_log, &all, err))
		return false;
	count = json_array_size(all);
	*ret_seq =
		count ? sequence_of(json_array_get(all, last ? count - 1 : 0))
		      : 0;
	return true;
}

static bool light_first_change(
	struct store *store, int64_t *ret_seq, struct err *err)
{
	return edge_change(store, false, ret_seq, err);
}

static bool light_last_change(
	struct store *store, int64_t *ret_seq, struct err *err)
{
	return edge_change(store, true, ret_seq, err);
}

static bool light_read_changes(struct store *store, int64_t after, size_t max,
	struct batch *ret, struct err *err)
{
	_cleanup_json_ json_t *all = NULL;
	struct batch batch = {.docs_free = free_docs};
	size_t i;
	json_t *change, *docs;

	if (!light_file_read(light_of(store)->dir, change_log, &all, err))
		return false;
	batch.docs = docs = json_array();
	json_array_foreach (all, i, change) {
		if (batch.count == max || sequence_of(change) <= after)
			continue;
		(void)json_array_append(docs, change);
		batch.last_seq = sequence_of(change);
		if (!batch.count)
			batch.first_seq = batch.last_seq;
		batch.last_time =
			json_integer_value(json_object_get(change, "ts"));
		batch.count++;
	}
	*ret = batch;
	return true;
}

static bool apply_change(
	struct light *light, const json_t *change, struct err *err)
{
	_cleanup_json_ json_t *docs = NULL;
	char db[256];
	const char *ns = json_string_value(json_object_get(change, "ns"));
	const char *op = json_string_value(json_object_get(change, "op"));
	const char *dot = ns ? strchr(ns, '.') : NULL;
	struct name name = {db, dot ? dot + 1 : ""};

	if (!op || !dot || (size_t)(dot - ns) >= sizeof(db))
		return err_set(err, ERR_CONFIG, "bad event in the change log");
	(void)snprintf(db, sizeof(db), "%.*s", (int)(dot - ns), ns);
	if (!light_file_read(light->dir, name, &docs, err))
		return false;
	if (*op == 'd')
		light_file_remove(docs, json_object_get(change, "id"));
	else
		light_file_put(docs, json_object_get(change, "doc"));
	return light_file_write(light->dir, name, docs, err);
}

static bool is_mine(const json_t *change, struct share share)
{
	const char *ns = json_string_value(json_object_get(change, "ns"));
	_cleanup_free_ char *id = json_dumps(json_object_get(change, "id"),
		JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	uint32_t hash = STORE_HASH_START;

	hash = store_hash(hash, ns ? ns : "", ns ? strlen(ns) : 0);
	hash = store_hash(hash, id ? id : "", id ? strlen(id) : 0);
	return hash % share.instances == share.mine;
}

static bool light_apply_changes(struct store *store, struct batch *batch,
	struct share share, size_t *ret_applied, struct err *err)
{
	struct light *light = light_of(store);
	_cleanup_fd_ int lock = -1;
	size_t i;
	json_t *change;

	*ret_applied = 0;
	if (!light_file_lock(light->dir, &lock, err))
		return false;
	json_array_foreach ((json_t *)batch->docs, i, change) {
		if (!is_mine(change, share))
			continue;
		if (!apply_change(light, change, err))
			return false;
		++*ret_applied;
	}
	return true;
}

static const struct store_ops light_ops = {
	.free = light_free,
	.databases = light_databases,
	.collections = light_collections,
	.shards = light_shards,
	.read = light_read,
	.put = light_put,
	.create = light_create,
	.drop = light_drop,
	.ranges = light_ranges,
	.read_docs = light_read_docs,
	.write_docs = light_write_docs,
	.first_change = light_first_change,
	.last_change = light_last_change,
	.read_changes = light_read_changes,
	.apply_changes = light_apply_changes,
};

bool store_light_open(
	const char *dir, struct store **ret_store, struct err *err)
{
	struct light *light = calloc(1, sizeof(*light));

	if (!light)
		return err_set(err, ERR_BUG, "out of memory");
	light->store.ops = &light_ops;
	if (snprintf(light->dir, sizeof(light->dir), "%s", dir) >=
			(int)sizeof(light->dir) ||
		(mkdir(dir, 0700) < 0 && errno != EEXIST)) {
		free(light);
		return err_set(err, ERR_CONFIG, "cannot use light:%.200s", dir);
	}
	(void)snprintf(light->store.address, sizeof(light->store.address),
		"light:%.290s", dir);
	*ret_store = &light->store;
	return true;
}
