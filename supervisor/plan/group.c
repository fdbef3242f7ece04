/*
 * group.c - which instances belong to one lane.
 *
 * A migration is named by its destination cluster, as the cluster itself says,
 * not by the text of connection strings: two instances may name two mongos of
 * one cluster.  "lane:" in the fleet file may join more, never split.
 */
#include <stdlib.h>
#include <string.h>

#include "supervisor/plan/survey.h"

static bool same_lane(const struct survey *survey,
	const struct seen_instance *a, const struct seen_instance *b)
{
	const struct seen_cluster *ca = &survey->cluster[a->cluster];
	const struct seen_cluster *cb = &survey->cluster[b->cluster];

	if (a->instance->lane && b->instance->lane &&
		strcmp(a->instance->lane, b->instance->lane) == 0)
		return true;
	if (ca == cb)
		return true;
	return ca->identity[0] && strcmp(ca->identity, cb->identity) == 0;
}

/* Joins are transitive: everything with lane `from` gets lane `to`. */
static void join(struct survey *survey, unsigned from, unsigned to)
{
	for (unsigned i = 0; i < survey->instance_count; i++)
		if (survey->instance[i].lane == from)
			survey->instance[i].lane = to;
}

static void name_lane(
	struct survey *survey, struct seen_lane *lane, unsigned index)
{
	const char *name = NULL;

	for (unsigned i = 0; i < survey->instance_count && !name; i++)
		if (survey->instance[i].lane == index)
			name = survey->instance[i].instance->lane;
	if (!name)
		name = survey->lane_count == 1
			       ? survey->fleet->name
			       : survey->instance[lane->first].instance->name;
	(void)snprintf(lane->name, sizeof(lane->name), "%s", name);
}

static bool fill_lane(struct survey *survey, unsigned index, struct err *err)
{
	struct seen_lane *lane = &survey->lane[index];
	const struct seen_instance *first = &survey->instance[lane->first];
	const struct seen_cluster *cluster = &survey->cluster[first->cluster];
	const char *link = first->instance->link;

	lane->cluster = first->cluster;
	(void)snprintf(lane->identity, sizeof(lane->identity), "%s",
		cluster->identity);
	lane->proved = cluster->proved;
	(void)snprintf(lane->from, sizeof(lane->from), "%s", first->version);
	name_lane(survey, lane, index);
	for (unsigned i = 0; i < survey->instance_count; i++) {
		const char *other = survey->instance[i].instance->link;

		if (survey->instance[i].lane != index)
			continue;
		lane->count++;
		if (strcmp(link, other) != 0)
			lane->link_differs = true;
	}
	lane->link_path = strdup(link);
	if (!lane->link_path)
		return err_set(err, ERR_BUG, "out of memory");
	lane->link_binary = fleet_link_is_binary(lane->link_path, "mongosync");
	return true;
}

bool survey_group(struct survey *survey, struct err *err)
{
	unsigned count = survey->instance_count;

	for (unsigned i = 0; i < count; i++)
		survey->instance[i].lane = i;
	for (unsigned i = 0; i < count; i++)
		for (unsigned j = i + 1; j < count; j++)
			if (survey->instance[i].lane !=
					survey->instance[j].lane &&
				same_lane(survey, &survey->instance[i],
					&survey->instance[j]))
				join(survey, survey->instance[j].lane,
					survey->instance[i].lane);
	survey->lane = calloc(count + 1, sizeof(*survey->lane));
	if (!survey->lane)
		return err_set(err, ERR_BUG, "out of memory");
	/* Renumber in the order of the first instance. */
	for (unsigned i = 0; i < count; i++)
		if (survey->instance[i].lane == i)
			survey->lane[survey->lane_count++].first = i;
	for (unsigned i = 0; i < survey->lane_count; i++)
		join(survey, survey->lane[i].first, i + count);
	for (unsigned i = 0; i < count; i++)
		survey->instance[i].lane -= count;
	for (unsigned i = 0; i < survey->lane_count; i++)
		if (!fill_lane(survey, i, err))
			return false;
	return true;
}

char *seen_lane_binary(const struct seen_lane *lane)
{
	char *path = NULL;

	if (asprintf(&path, lane->link_binary ? "%s" : "%s/bin/mongosync",
		    lane->link_path) < 0)
		return NULL;
	return path;
}

json_t *seen_argv(const struct survey *survey, const struct seen_instance *seen)
{
	const struct fleet_spawn *spawn = seen->instance->spawn;
	json_t *argv = json_array();

	if (!spawn)
		return argv;
	for (unsigned i = 0; i < spawn->argv.count; i++)
		(void)json_array_append_new(
			argv, json_string(spawn->argv.item[i]));
	if (!spawn->argv.count) {
		char *binary = seen_lane_binary(&survey->lane[seen->lane]);

		(void)json_array_append_new(argv, json_string(binary));
		(void)json_array_append_new(argv, json_string("--config"));
		(void)json_array_append_new(
			argv, json_string(seen->instance->config));
		free(binary);
	}
	return argv;
}
