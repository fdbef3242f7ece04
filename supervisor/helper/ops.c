/*
 * ops.c - see ops.h.  A connection lives as long as its question.
 */
#include "supervisor/helper/ops.h"

#include "state/cleanup.h"
#include "sync_client/metadata.h"
#include "sync_client/oplog.h"

typedef bool cluster_fn(struct cluster *cluster, const json_t *ask,
	json_t **ret_result, struct err *err);

static bool with_cluster(
	const json_t *ask, cluster_fn *fn, json_t **ret_result, struct err *err)
{
	const char *uri = helper_text(ask, "uri", err);
	struct cluster cluster;
	bool ok;

	if (!uri || !cluster_open(&cluster, uri, err))
		return false;
	ok = fn(&cluster, ask, ret_result, err);
	cluster_close(&cluster);
	return ok;
}

/* Takes over totals. */
static bool tell_totals(
	struct metadata_totals *totals, json_t **ret_result, struct err *err)
{
	*ret_result = metadata_totals_json(totals);
	metadata_totals_done(totals);
	return *ret_result || err_set(err, ERR_MEMORY, "out of memory");
}

static bool do_identify(struct cluster *cluster, const json_t *ask,
	json_t **ret_result, struct err *err)
{
	(void)ask;
	return cluster_identify(cluster, ret_result, err);
}

static bool do_shards(struct cluster *cluster, const json_t *ask,
	json_t **ret_result, struct err *err)
{
	(void)ask;
	return cluster_shards(cluster, ret_result, err);
}

static bool do_privileges(struct cluster *cluster, const json_t *ask,
	json_t **ret_result, struct err *err)
{
	(void)ask;
	return cluster_privileges(cluster, ret_result, err);
}

static bool do_oplog(struct cluster *cluster, const json_t *ask,
	json_t **ret_result, struct err *err)
{
	return oplog_read(cluster,
		json_string_value(json_object_get(ask, "uri")), ret_result,
		err);
}

static bool do_summary(struct cluster *cluster, const json_t *ask,
	json_t **ret_result, struct err *err)
{
	(void)ask;
	return metadata_summary(cluster, ret_result, err);
}

static bool do_digest(struct cluster *cluster, const json_t *ask,
	json_t **ret_result, struct err *err)
{
	const struct metadata_source source = metadata_on(cluster);
	struct metadata_totals totals = {0};

	(void)ask;
	return metadata_digest_of(&source, &totals, err) &&
	       tell_totals(&totals, ret_result, err);
}

static bool do_save(struct cluster *cluster, const json_t *ask,
	json_t **ret_result, struct err *err)
{
	const struct metadata_source source = metadata_on(cluster);
	const char *directory = helper_text(ask, "directory", err);
	_cleanup_json_ json_t *identity = NULL;
	struct metadata_totals totals = {0};
	const char *proved = NULL;

	if (!directory || !cluster_identify(cluster, &identity, err))
		return false;
	if (json_is_true(json_object_get(identity, "proved")))
		proved = json_string_value(
			json_object_get(identity, "identity"));
	return metadata_save(&source, directory, proved, &totals, err) &&
	       tell_totals(&totals, ret_result, err);
}

static bool do_put_back(struct cluster *cluster, const json_t *ask,
	json_t **ret_result, struct err *err)
{
	const char *directory = helper_text(ask, "directory", err);
	struct metadata_totals totals = {0};

	return directory &&
	       metadata_put_back(cluster, directory, &totals, err) &&
	       tell_totals(&totals, ret_result, err);
}

static bool op_identify(const json_t *ask, json_t **ret_result, struct err *err)
{
	return with_cluster(ask, do_identify, ret_result, err);
}

static bool op_shards(const json_t *ask, json_t **ret_result, struct err *err)
{
	return with_cluster(ask, do_shards, ret_result, err);
}

static bool op_privileges(
	const json_t *ask, json_t **ret_result, struct err *err)
{
	return with_cluster(ask, do_privileges, ret_result, err);
}

static bool op_oplog(const json_t *ask, json_t **ret_result, struct err *err)
{
	return with_cluster(ask, do_oplog, ret_result, err);
}

static bool op_summary(const json_t *ask, json_t **ret_result, struct err *err)
{
	return with_cluster(ask, do_summary, ret_result, err);
}

static bool op_digest(const json_t *ask, json_t **ret_result, struct err *err)
{
	return with_cluster(ask, do_digest, ret_result, err);
}

static bool op_save(const json_t *ask, json_t **ret_result, struct err *err)
{
	return with_cluster(ask, do_save, ret_result, err);
}

static bool op_check_copy(
	const json_t *ask, json_t **ret_result, struct err *err)
{
	const char *directory = helper_text(ask, "directory", err);
	struct metadata_copy copy;

	if (!directory || !metadata_copy_open(directory, &copy, err))
		return false;
	*ret_result = metadata_totals_json(&copy.totals);
	metadata_copy_done(&copy);
	return *ret_result || err_set(err, ERR_MEMORY, "out of memory");
}

static bool op_put_back(const json_t *ask, json_t **ret_result, struct err *err)
{
	return with_cluster(ask, do_put_back, ret_result, err);
}

const struct helper_op helper_ops[] = {
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
const size_t helper_ops_count = sizeof(helper_ops) / sizeof(helper_ops[0]);
