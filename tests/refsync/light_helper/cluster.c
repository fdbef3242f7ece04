/*
 * cluster.c - see cluster.h.
 */
#include "tests/refsync/light_helper/cluster.h"

#include <string.h>

#include "state/cleanup.h"
#include "sync_client/metadata_summary.h"
#include "tests/refsync/light_helper/files.h"

bool cluster_identify(const char *cluster, json_t **ret_json, struct err *err)
{
	_cleanup_free_ char *path = files_path(cluster, "identity", NULL);
	_cleanup_free_ char *text = NULL;
	bool proved = access(path, F_OK) == 0;
	json_t *identity;

	if (proved && !files_read(path, &text, NULL, err))
		return false;
	if (proved)
		text[strcspn(text, " \r\n")] = '\0';
	identity = proved ? json_string(text)
			  : json_sprintf("hosts:light:%s", cluster);
	*ret_json = json_pack("{s:o, s:b, s:s}", "identity", identity, "proved",
		proved, "version", "light");
	return *ret_json || err_set(err, ERR_CONFIG, "%s is no text", path);
}

bool cluster_shards(const char *cluster, json_t **ret_json, struct err *err)
{
	_cleanup_free_ char *path = files_path(cluster, "shards.json", NULL);
	bool sharded = access(path, F_OK) == 0;
	json_error_t why;
	json_t *shards = sharded ? json_load_file(path, 0, &why) : json_array();

	if (!json_is_array(shards)) {
		json_decref(shards);
		return err_set(err, ERR_CONFIG, "%s is no list", path);
	}
	*ret_json =
		json_pack("{s:b, s:o}", "sharded", sharded, "shards", shards);
	return true;
}

bool cluster_privileges(const char *cluster, json_t **ret_json, struct err *err)
{
	_cleanup_free_ char *path =
		files_path(cluster, "privileges.json", NULL);

	*ret_json = access(path, F_OK) == 0
			    ? json_load_file(path, 0, NULL)
			    : json_pack("{s:b, s:[]}", "access_control", 0,
				      "privileges");
	return *ret_json || err_set(err, ERR_STEP, "%s is no JSON", path);
}

bool cluster_oplog(const char *cluster, json_t **ret_json, struct err *err)
{
	_cleanup_free_ char *path = files_path(cluster, "oplog.json", NULL);
	bool readable = access(path, F_OK) == 0;
	json_t *oplog =
		readable ? json_load_file(path, 0, NULL)
			 : json_pack("{s:s}", "error", "there is no oplog");

	if (!oplog)
		return err_set(err, ERR_CONFIG, "%s is no JSON", path);
	if (json_is_object(oplog)) {
		(void)json_object_set_new(oplog, "id", json_string("source"));
		oplog = json_pack("[o]", oplog);
	}
	*ret_json = json_pack("{s:o}", "shards", oplog);
	return *ret_json || err_set(err, ERR_MEMORY, "out of memory");
}

static bool add_lines(struct metadata_summary *summary, const char *collection,
	const char *path, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	char *rest, *line;

	if (!files_read(path, &text, NULL, err))
		return false;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		_cleanup_json_ json_t *doc =
			line[0] ? json_loads(line, JSON_ALLOW_NUL, NULL) : NULL;

		if (line[0] && !doc)
			return err_set(err, ERR_STEP, "bad line in %s", path);
		if (doc && !metadata_summary_add(summary, collection, doc, err))
			return false;
	}
	return true;
}

static char *collection_path(
	const char *cluster, const char *database, const char *collection)
{
	char file[64];

	(void)snprintf(file, sizeof(file), "%s.ndjson", collection);
	return files_path(cluster, database, file);
}

static bool add_database(struct metadata_summary *summary, const char *cluster,
	const char *database, struct err *err)
{
	const char *const *collection = metadata_summary_collections;

	for (; *collection; collection++) {
		_cleanup_free_ char *path =
			collection_path(cluster, database, *collection);

		if (access(path, F_OK) == 0 &&
			!add_lines(summary, *collection, path, err))
			return false;
	}
	return true;
}

static bool has_global(void *arg, const char *database)
{
	_cleanup_free_ char *path =
		collection_path(arg, database, "globalState");

	return access(path, F_OK) == 0;
}

/* Those that hold a collection: an empty one is not there. */
static bool find_databases(
	const char *cluster, json_t **ret_names, struct err *err)
{
	_cleanup_json_ json_t *names = NULL;
	size_t i;
	json_t *name;

	if (!files_databases(cluster, &names, err))
		return false;
	*ret_names = json_array();
	json_array_foreach (names, i, name) {
		_cleanup_json_ json_t *files = NULL;

		if (!files_collections(
			    cluster, json_string_value(name), &files, err)) {
			json_decref(*ret_names);
			*ret_names = NULL;
			return false;
		}
		if (json_array_size(files))
			(void)json_array_append(*ret_names, name);
	}
	return true;
}

bool cluster_summary(const char *cluster, json_t **ret_json, struct err *err)
{
	_cleanup_json_ json_t *databases = NULL;
	struct metadata_summary summary = {0};
	const char *main;
	bool ok;

	if (!find_databases(cluster, &databases, err))
		return false;
	main = metadata_main(databases, has_global, (void *)cluster);
	ok = (!main || add_database(&summary, cluster, main, err)) &&
	     metadata_summary_end(&summary, databases, main, ret_json, err);
	metadata_summary_done(&summary);
	return ok;
}
