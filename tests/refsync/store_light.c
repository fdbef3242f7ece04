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
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "tests/refsync/settings.h"
#include "tests/refsync/store.h"

#define SYNTHETIC "synthetic"
#define PATH_SIZE 4096
#define SUFFIX ".ndjson"
#define DOC_BYTES 100 /* what a document is said to have */

struct light {
	struct store store;
	char dir[PATH_SIZE / 4];
};

static struct light *light_of(struct store *store)
{
	return (struct light *)store;
}

static bool is_synthetic(struct name name)
{
	return !strcmp(name.db, SYNTHETIC);
}

static bool make_path(const struct light *light, struct name name,
	const char *end, char *path, struct err *err)
{
	if (strchr(name.db, '/') || name.db[0] == '.' ||
		strchr(name.coll, '/') || name.coll[0] == '.' ||
		snprintf(path, PATH_SIZE, "%s/%s/%s%s%s", light->dir, name.db,
			name.coll, SUFFIX, end) >= PATH_SIZE)
		return err_set(err, ERR_CONFIG, "not a file name: %s.%s",
			name.db, name.coll);
	return true;
}

static bool lock_dir(const struct light *light, int *ret_fd, struct err *err)
{
	char path[PATH_SIZE];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/.lock", light->dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, ERR_AGAIN, errno, "opening %s", path);
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR) {
			(void)close(fd);
			return err_sys(
				err, ERR_AGAIN, errno, "locking %s", path);
		}
	*ret_fd = fd;
	return true;
}

/* Numbers before texts before the rest, as a server would. */
static int compare_ids(const json_t *a, const json_t *b)
{
	_cleanup_free_ char *left = NULL;
	_cleanup_free_ char *right = NULL;

	if (json_is_number(a) && json_is_number(b)) {
		double x = json_number_value(a), y = json_number_value(b);

		return (x > y) - (x < y);
	}
	if (json_is_number(a) != json_is_number(b))
		return json_is_number(a) ? -1 : 1;
	if (json_is_string(a) && json_is_string(b))
		return strcmp(json_string_value(a), json_string_value(b));
	if (json_is_string(a) != json_is_string(b))
		return json_is_string(a) ? -1 : 1;
	left = json_dumps(a, JSON_COMPACT | JSON_SORT_KEYS);
	right = json_dumps(b, JSON_COMPACT | JSON_SORT_KEYS);
	return strcmp(left ? left : "", right ? right : "");
}

static bool read_file(struct light *light, struct name name, json_t **ret_docs,
	struct err *err)
{
	_cleanup_json_ json_t *docs = json_array();
	_cleanup_free_ char *line = NULL;
	char path[PATH_SIZE];
	size_t size = 0;
	FILE *file;

	if (!make_path(light, name, "", path, err))
		return false;
	file = fopen(path, "re");
	if (!file && errno != ENOENT)
		return err_sys(err, ERR_AGAIN, errno, "opening %s", path);
	while (file && getline(&line, &size, file) > 0)
		if (json_array_append_new(
			    docs, json_loads(line, JSON_ALLOW_NUL, NULL)) < 0) {
			(void)fclose(file);
			return err_set(err, ERR_CONFIG, "bad line in %s", path);
		}
	if (file)
		(void)fclose(file);
	*ret_docs = take_ptr(docs);
	return true;
}

static bool write_file(struct light *light, struct name name,
	const json_t *docs, struct err *err)
{
	char path[PATH_SIZE], temporary[PATH_SIZE], dir[PATH_SIZE];
	bool ok = true;
	size_t i;
	json_t *doc;
	FILE *file;

	if (!make_path(light, name, "", path, err) ||
		!make_path(light, name, ".tmp", temporary, err))
		return false;
	(void)snprintf(dir, sizeof(dir), "%s/%s", light->dir, name.db);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_sys(err, ERR_AGAIN, errno, "making %s", dir);
	file = fopen(temporary, "we");
	if (!file)
		return err_sys(err, ERR_AGAIN, errno, "opening %s", temporary);
	json_array_foreach (docs, i, doc)
		ok = json_dumpf(doc, file, JSON_COMPACT | JSON_SORT_KEYS) ==
			     0 &&
		     fputc('\n', file) != EOF && ok;
	ok = fclose(file) == 0 && ok;
	if (!ok || rename(temporary, path) < 0)
		return err_sys(err, ERR_AGAIN, errno, "writing %s", path);
	return true;
}

/* Where id is, or would have to be inserted. */
static size_t find_place(const json_t *docs, const json_t *id, bool *ret_found)
{
	size_t low = 0, high = json_array_size(docs);

	*ret_found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_ids(
			json_object_get(json_array_get(docs, middle), "_id"),
			id);

		if (order == 0) {
			*ret_found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void put_doc(json_t *docs, json_t *doc)
{
	bool found;
	size_t i = find_place(docs, json_object_get(doc, "_id"), &found);

	if (found)
		(void)json_array_set(docs, i, doc);
	else
		(void)json_array_insert(docs, i, doc);
}

static void remove_doc(json_t *docs, const json_t *id)
{
	bool found;
	size_t i = find_place(docs, id, &found);

	if (found)
		(void)json_array_remove(docs, i);
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
	char path[PATH_SIZE];
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
		char *suffix = strstr(entry->d_name, SUFFIX);

		if (!suffix || strcmp(suffix, SUFFIX) != 0)
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

	if (!read_file(light_of(store), (struct name){"config", "shards"},
		    &docs, err))
		return false;
	*ret = json_array();
	json_array_foreach (docs, i, doc)
		(void)json_array_append(*ret, json_object_get(doc, "_id"));
	return true;
}

static bool light_read(
	struct store *store, struct name name, json_t **ret, struct err *err)
{
	return read_file(light_of(store), name, ret, err);
}

static bool light_put(struct store *store, struct name name, const json_t *doc,
	struct err *err)
{
	struct light *light = light_of(store);
	_cleanup_json_ json_t *docs = NULL;
	_cleanup_fd_ int lock = -1;

	if (!lock_dir(light, &lock, err) || !read_file(light, name, &docs, err))
		return false;
	put_doc(docs, (json_t *)doc);
	return write_file(light, name, docs, err);
}

static bool light_create(struct store *store, struct name name, struct err *err)
{
	struct light *light = light_of(store);
	_cleanup_json_ json_t *docs = NULL;
	_cleanup_fd_ int lock = -1;

	if (is_synthetic(name))
		return true;
	return lock_dir(light, &lock, err) &&
	       read_file(light, name, &docs, err) &&
	       write_file(light, name, docs, err);
}

static bool remove_file(const char *path, struct err *err)
{
	return unlink(path) == 0 || errno == ENOENT ||
	       err_sys(err, ERR_AGAIN, errno, "removing %s", path);
}

static bool remove_dir(const char *path, struct err *err)
{
	char inner[PATH_SIZE + 256];
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
	char path[PATH_SIZE];

	if (!make_path(light,
		    (struct name){name.db, name.coll ? name.coll : "all"}, "",
		    path, err) ||
		!lock_dir(light, &lock, err))
		return false;
	if (name.coll)
		return remove_file(path, err);
	*strrchr(path, '/') = '\0';
	return remove_dir(path, err);
}

static void add_synthetic_range(json_t *ranges, long from, long upto)
{
	(void)json_array_append_new(
		ranges, json_pack("{s:I, s:I, s:I}", "from", (json_int_t)from,
				"upto", (json_int_t)upto, "docs",
				(json_int_t)(upto - from + 1)));
}

static bool synthetic_ranges(long docs, json_t **ret, int64_t *ret_bytes)
{
	long count = setting(SET_SYNTHETIC_DOCS);

	*ret = json_array();
	for (long from = 1; from <= count; from += docs)
		add_synthetic_range(*ret, from,
			from + docs > count ? count : from + docs - 1);
	*ret_bytes = DOC_BYTES * (int64_t)count;
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
	if (!read_file(light_of(store), name, &all, err))
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
	return compare_ids(id, range->from) >= 0 &&
	       compare_ids(id, range->upto) <= 0;
}

/* Nobody looks into them: only their number counts. */
static void read_synthetic(const struct range *range, struct batch *ret)
{
	ret->count = (size_t)(json_integer_value(range->upto) -
			      json_integer_value(range->from) + 1);
}

static bool light_read_docs(struct store *store, const struct range *range,
	struct batch *ret, struct err *err)
{
	_cleanup_json_ json_t *all = NULL;
	struct batch batch = {.docs_free = free_docs};
	size_t i;
	json_t *doc, *docs;

	if (is_synthetic(range->name)) {
		*ret = (struct batch){0};
		read_synthetic(range, ret);
		return true;
	}
	if (!read_file(light_of(store), range->name, &all, err))
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
	if (!lock_dir(light, &lock, err) || !read_file(light, name, &docs, err))
		return false;
	for (size_t i = first; i < first + count; i++)
		put_doc(docs, json_array_get(batch->docs, i));
	return write_file(light, name, docs, err);
}

static const struct name change_log = {CHANGES_DATABASE, CHANGES_COLLECTION};

static int64_t sequence_of(const json_t *change)
{
	const json_t *id = json_object_get(change, "_id");
	const json_t *text = json_object_get(id, "$numberLong");

	return text ? strtoll(json_string_value(text), NULL, 10)
		    : json_integer_value(id);
}

static bool light_last_change(
	struct store *store, int64_t *ret_seq, struct err *err)
{
	_cleanup_json_ json_t *all = NULL;
	size_t count;

	if (!read_file(light_of(store), change_log, &all, err))
		return false;
	count = json_array_size(all);
	*ret_seq = count ? sequence_of(json_array_get(all, count - 1)) : 0;
	return true;
}

static bool light_read_changes(struct store *store, int64_t after, size_t max,
	struct batch *ret, struct err *err)
{
	_cleanup_json_ json_t *all = NULL;
	struct batch batch = {.docs_free = free_docs};
	size_t i;
	json_t *change, *docs;

	if (!read_file(light_of(store), change_log, &all, err))
		return false;
	batch.docs = docs = json_array();
	json_array_foreach (all, i, change) {
		if (batch.count == max || sequence_of(change) <= after)
			continue;
		(void)json_array_append(docs, change);
		batch.last_seq = sequence_of(change);
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
	if (!read_file(light, name, &docs, err))
		return false;
	if (*op == 'd')
		remove_doc(docs, json_object_get(change, "id"));
	else
		put_doc(docs, json_object_get(change, "doc"));
	return write_file(light, name, docs, err);
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
	if (!lock_dir(light, &lock, err))
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
