/*
 * main.c - syncup-helper's stand-in for light clusters, "light:/some/dir".
 *
 * It answers the same questions (supervisor/engine/helper.h) about directories
 * of the reference process, without libmongoc: tests start hundreds of it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "supervisor/helper/loop.h"
#include "tests/refsync/effects.h"
#include "tests/refsync/light_helper/cluster.h"
#include "tests/refsync/light_helper/copy.h"
#include "tests/refsync/light_helper/faults.h"
#include "tests/refsync/light_helper/files.h"

#define SCHEME "light:"

/* The directory that a question is about, after the faults it may hold. */
static const char *enter(const json_t *ask, struct err *err)
{
	const char *op = json_string_value(json_object_get(ask, "op"));
	const char *uri = helper_text(ask, "uri", err);
	const char *cluster;
	struct stat st;

	if (!uri)
		return NULL;
	if (strncmp(uri, SCHEME, strlen(SCHEME)) != 0) {
		(void)err_set(err, ERR_CONFIG, "this is no light cluster");
		return NULL;
	}
	cluster = uri + strlen(SCHEME);
	if (stat(cluster, &st) != 0 || !S_ISDIR(st.st_mode)) {
		(void)err_set(err, ERR_AGAIN, "%s cannot be reached", cluster);
		return NULL;
	}
	if (!faults_strike(cluster, op, err))
		return NULL;
	faults_delay(cluster);
	return cluster;
}

/* The result of what looks at or moves metadata. */
static bool tell(json_t *inventory, json_t **ret_result)
{
	const json_t *databases = json_object_get(inventory, "databases");
	bool found = json_array_size(databases) > 0;

	(void)json_object_del(inventory, "files");
	(void)json_object_set_new(inventory, "found", json_boolean(found));
	*ret_result = inventory;
	return true;
}

static bool op_identify(const json_t *ask, json_t **ret, struct err *err)
{
	const char *cluster = enter(ask, err);

	return cluster && cluster_identify(cluster, ret, err);
}

static bool op_shards(const json_t *ask, json_t **ret, struct err *err)
{
	const char *cluster = enter(ask, err);

	return cluster && cluster_shards(cluster, ret, err);
}

static bool op_privileges(const json_t *ask, json_t **ret, struct err *err)
{
	const char *cluster = enter(ask, err);

	return cluster && cluster_privileges(cluster, ret, err);
}

static bool op_oplog(const json_t *ask, json_t **ret, struct err *err)
{
	const char *cluster = enter(ask, err);

	return cluster && cluster_oplog(cluster, ret, err);
}

static bool op_summary(const json_t *ask, json_t **ret, struct err *err)
{
	const char *cluster = enter(ask, err);
	_cleanup_json_ json_t *inventory = NULL;

	if (!cluster || !files_inventory(cluster, &inventory, err) ||
		!cluster_summary(cluster, ret, err))
		return false;
	(void)json_object_set(
		*ret, "bytes", json_object_get(inventory, "bytes"));
	faults_bytes(cluster, *ret);
	return true;
}

static bool op_digest(const json_t *ask, json_t **ret, struct err *err)
{
	const char *cluster = enter(ask, err);
	json_t *inventory;

	return cluster && files_inventory(cluster, &inventory, err) &&
	       tell(inventory, ret);
}

static bool op_save(const json_t *ask, json_t **ret, struct err *err)
{
	const char *directory = helper_text(ask, "directory", err);
	const char *cluster = directory ? enter(ask, err) : NULL;
	json_t *inventory;

	return cluster &&
	       copy_save(cluster, directory, faults_delay, &inventory, err) &&
	       tell(inventory, ret);
}

static bool op_check_copy(const json_t *ask, json_t **ret, struct err *err)
{
	const char *directory = helper_text(ask, "directory", err);
	json_t *inventory;

	return directory && copy_check(directory, &inventory, err) &&
	       tell(inventory, ret);
}

static bool op_put_back(const json_t *ask, json_t **ret, struct err *err)
{
	const char *directory = helper_text(ask, "directory", err);
	const char *cluster = directory ? enter(ask, err) : NULL;
	json_t *inventory;

	if (!cluster || !copy_put_back(cluster, directory, &inventory, err))
		return false;
	effects_add("put_back", NULL);
	return tell(inventory, ret);
}

static const struct helper_op ops[] = {
	{"identify", op_identify},
	{"shards", op_shards},
	{"privileges", op_privileges},
	{"oplog", op_oplog},
	{"summary", op_summary},
	{"digest", op_digest},
	{"save", op_save},
	{"check_copy", op_check_copy},
	{"put_back", op_put_back},
};

int main(void)
{
	struct err err = {0};
	int code;

	helper_follow_parent();
	/* Beside those of the sync processes, if a test wants to know. */
	if (!effects_open(getenv("REFSYNC_EFFECTS"), "light-helper", &err)) {
		(void)fprintf(stderr, "light-helper: %s\n", err.msg);
		return 1;
	}
	code = helper_loop(ops, sizeof(ops) / sizeof(ops[0]), STDIN_FILENO,
		STDOUT_FILENO, &err);
	if (code)
		(void)fprintf(stderr, "light-helper: %s\n", err.msg);
	return code;
}
