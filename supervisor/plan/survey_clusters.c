/*
 * survey_clusters.c - what the clusters say, through the helper.
 */
#include <string.h>

#include "state/cleanup.h"
#include "supervisor/plan/survey_looking.h"
#include "sync_client/sync_text.h"

enum {
	HELPER_MS = 60000,
};

static void take_json(json_t **to, const json_t *from)
{
	json_decref(*to);
	*to = json_deep_copy(from);
}

/* One question to two clusters: these two names tell which. */
static const char source_privileges[] = "privileges";
static const char destination_privileges[] = "privileges";

static void cluster_answered(
	void *arg, const json_t *result, const struct err *err)
{
	struct ask *ask = arg;
	struct seen_cluster *cluster = ask->cluster;
	const char *text;

	if (strcmp(ask->op, "identify") == 0) {
		text = json_string_value(json_object_get(result, "identity"));
		if (err)
			cluster->err = *err;
		else
			(void)snprintf(cluster->identity,
				sizeof(cluster->identity), "%s",
				text ? text : "");
		text = json_string_value(json_object_get(result, "version"));
		sync_text_copy(cluster->version, sizeof(cluster->version),
			text ? text : "");
		cluster->proved =
			json_is_true(json_object_get(result, "proved"));
	} else if (strcmp(ask->op, "summary") == 0) {
		if (err)
			cluster->summary_err = *err;
		else
			take_json(&cluster->summary, result);
	} else if (ask->op == source_privileges ||
		   ask->op == destination_privileges) {
		unsigned side = ask->op == destination_privileges;

		if (err)
			cluster->privileges_err[side] = *err;
		else
			take_json(&cluster->privileges[side], result);
	} else if (strcmp(ask->op, "oplog") == 0) {
		if (err)
			cluster->oplog_err = *err;
		else
			take_json(&cluster->oplog, result);
	} else {
		if (err)
			cluster->shards_err = *err;
		cluster->sharded =
			json_is_true(json_object_get(result, "sharded"));
		if (!err)
			take_json(&cluster->shards,
				json_object_get(result, "shards"));
	}
	survey_answered(ask);
}

void survey_ask_cluster(struct looking *looking, struct seen_cluster *cluster,
	const char *op, const struct secret *uri)
{
	struct ask *ask = survey_expect(looking, op);
	_cleanup_json_ json_t *question =
		json_pack("{s:s, s:s}", "op", op, "uri", secret_reveal(uri));
	struct err err = {0};

	ask->cluster = cluster;
	if (!helpers_ask(looking->helpers, question, HELPER_MS,
		    cluster_answered, ask, &err))
		cluster_answered(ask, NULL, &err);
}

static bool same_secret(const struct secret *a, const struct secret *b)
{
	return strcmp(secret_reveal(a), secret_reveal(b)) == 0;
}

/* One cluster for each pair of connection strings, not for each instance. */
void survey_find_clusters(struct looking *looking)
{
	struct survey *survey = looking->survey;

	for (unsigned i = 0; i < survey->instance_count; i++) {
		struct seen_instance *seen = &survey->instance[i];
		unsigned at = 0;

		while (at < survey->cluster_count &&
			!(same_secret(survey->cluster[at].destination,
				  &seen->config.destination) &&
				same_secret(survey->cluster[at].source,
					&seen->config.source)))
			at++;
		seen->cluster = at;
		if (at < survey->cluster_count)
			continue;
		survey->cluster_count++;
		survey->cluster[at].via = seen->instance->name;
		survey->cluster[at].destination = &seen->config.destination;
		survey->cluster[at].source = &seen->config.source;
	}
	for (unsigned i = 0; i < survey->cluster_count; i++) {
		struct seen_cluster *cluster = &survey->cluster[i];

		survey_ask_cluster(
			looking, cluster, "identify", cluster->destination);
		survey_ask_cluster(
			looking, cluster, "summary", cluster->destination);
		survey_ask_cluster(looking, cluster, "shards", cluster->source);
		survey_ask_cluster(
			looking, cluster, source_privileges, cluster->source);
		survey_ask_cluster(looking, cluster, destination_privileges,
			cluster->destination);
		survey_ask_cluster(looking, cluster, "oplog", cluster->source);
	}
}
