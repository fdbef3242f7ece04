/*
 * group.c - which instances belong to one lane.
 *
 * A migration is named by its destination cluster, as the cluster itself says,
 * not by the text of connection strings: two instances may name two mongos of
 * one cluster.  "lane:" in the fleet file may join more, never split.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/memory.h"
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

static void renumber(struct survey *survey, unsigned from, unsigned to)
{
	for (unsigned i = 0; i < survey->instance_count; i++)
		if (survey->instance[i].lane == from)
			survey->instance[i].lane = to;
}

/* Joins are transitive, and a lane's number stays that of its first instance:
 * its order, its name and what it runs must not depend on who joined whom. */
static void join(struct survey *survey, unsigned a, unsigned b)
{
	if (a < b)
		renumber(survey, b, a);
	else
		renumber(survey, a, b);
}

static bool is_taken(const struct survey *survey, const char *name)
{
	for (unsigned i = 0; i < survey->lane_count; i++)
		if (strcmp(survey->lane[i].name, name) == 0)
			return true;
	return false;
}

static const char *given_name(const struct survey *survey, unsigned index)
{
	for (unsigned i = 0; i < survey->instance_count; i++)
		if (survey->instance[i].lane == index &&
			survey->instance[i].instance->lane)
			return survey->instance[i].instance->lane;
	return NULL;
}

/* Names that the fleet file gives come first; ours must not be one of them,
 * because targets and claims are told apart by them. */
static void name_lanes(struct survey *survey)
{
	const struct seen_instance *instance = survey->instance;

	for (unsigned i = 0; i < survey->lane_count; i++) {
		const char *name = given_name(survey, i);

		if (name)
			(void)snprintf(survey->lane[i].name,
				sizeof(survey->lane[i].name), "%s", name);
	}
	for (unsigned i = 0; i < survey->lane_count; i++) {
		struct seen_lane *lane = &survey->lane[i];
		const char *base =
			survey->lane_count == 1
				? survey->fleet->name
				: instance[lane->first].instance->name;
		char name[sizeof(lane->name)];

		if (lane->name[0])
			continue;
		(void)snprintf(name, sizeof(name), "%s", base);
		for (unsigned n = 2; is_taken(survey, name); n++)
			(void)snprintf(name, sizeof(name), "%s.%u", base, n);
		memcpy(lane->name, name, sizeof(name));
	}
}

static struct seen_link *find_link(
	const struct survey *survey, unsigned lane, unsigned host)
{
	for (unsigned i = 0; i < survey->lane[lane].link_count; i++)
		if (survey->lane[lane].link[i].host == host)
			return &survey->lane[lane].link[i];
	return NULL;
}

struct seen_link *seen_link_of(
	const struct survey *survey, const struct seen_instance *seen)
{
	return find_link(survey, seen->lane, seen->host);
}

/* That of the first instance on a host is the lane's there. */
static void add_link(struct survey *survey, unsigned index)
{
	const struct seen_instance *seen = &survey->instance[index];
	struct seen_lane *lane = &survey->lane[seen->lane];
	const char *path = seen->instance->link;
	struct seen_link *link = seen_link_of(survey, seen);

	if (link) {
		link->differs = link->differs || strcmp(link->path, path) != 0;
		return;
	}
	lane->link = memory_realloc(
		lane->link, (lane->link_count + 1) * sizeof(*lane->link));
	link = &lane->link[lane->link_count++];
	*link = (struct seen_link){
		.host = seen->host,
		.first = index,
		.path = memory_must(strdup(path)),
		.is_binary = fleet_link_is_binary(path, "mongosync"),
	};
}

static void fill_lane(struct survey *survey, unsigned index)
{
	struct seen_lane *lane = &survey->lane[index];
	const struct seen_instance *first = &survey->instance[lane->first];
	const struct seen_cluster *cluster = &survey->cluster[first->cluster];

	lane->cluster = first->cluster;
	(void)snprintf(lane->identity, sizeof(lane->identity), "%s",
		cluster->identity);
	lane->proved = cluster->proved;
	(void)snprintf(lane->from, sizeof(lane->from), "%s", first->version);
	for (unsigned i = 0; i < survey->instance_count; i++) {
		if (survey->instance[i].lane != index)
			continue;
		lane->count++;
		add_link(survey, i);
	}
}

static unsigned add_host(struct survey *survey, const char *name)
{
	unsigned i = 0;

	while (i < survey->host_count &&
		!fleet_host_is_same(survey->host[i].name, name))
		i++;
	if (i == survey->host_count)
		survey->host[survey->host_count++].name = name;
	return i;
}

bool survey_find_hosts(struct survey *survey, struct err *err)
{
	const struct fleet *fleet = survey->fleet;

	survey->host = calloc(fleet->instance_count + 1, sizeof(*survey->host));
	if (!survey->host)
		return err_set(err, ERR_MEMORY, "out of memory");
	for (unsigned i = 0; i < fleet->instance_count; i++)
		survey->host[add_host(survey, fleet->instance[i].host)].count++;
	for (unsigned i = 0; i < survey->instance_count; i++)
		survey->instance[i].host =
			add_host(survey, survey->instance[i].instance->host);
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
		return err_set(err, ERR_MEMORY, "out of memory");
	/* Renumber in the order of the first instance. */
	for (unsigned i = 0; i < count; i++)
		if (survey->instance[i].lane == i)
			survey->lane[survey->lane_count++].first = i;
	for (unsigned i = 0; i < survey->lane_count; i++)
		renumber(survey, survey->lane[i].first, i);
	name_lanes(survey);
	for (unsigned i = 0; i < survey->lane_count; i++)
		fill_lane(survey, i);
	return true;
}

char *seen_link_binary(const struct seen_link *link)
{
	assert(link);
	return memory_text(
		"%s%s", link->path, link->is_binary ? "" : "/bin/mongosync");
}

const char *seen_show_path(const struct survey *survey, unsigned host,
	const char *path, char ret_shown[SEEN_SHOWN])
{
	const char *name = survey->host[host].name;

	(void)snprintf(ret_shown, SEEN_SHOWN, "%s%s%s", name ? name : "",
		name ? ":" : "", path);
	return ret_shown;
}

const char *seen_on(
	const struct survey *survey, unsigned host, char ret_shown[SEEN_SHOWN])
{
	const char *name = survey->host[host].name;

	(void)snprintf(ret_shown, SEEN_SHOWN, "%s%s", name ? " on " : "",
		name ? name : "");
	return ret_shown;
}

const char *seen_show_lane(const struct survey *survey,
	const struct seen_lane *lane, const struct seen_link *link,
	char ret_shown[SEEN_SHOWN])
{
	const char *name = survey->host[link->host].name;
	bool several = lane->link_count > 1;

	(void)snprintf(ret_shown, SEEN_SHOWN, "%s%s%s", lane->name,
		several ? " on " : "",
		!several ? ""
		: name   ? name
			 : "this machine");
	return ret_shown;
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
		char *binary = seen_link_binary(seen_link_of(survey, seen));

		(void)json_array_append_new(argv, json_string(binary));
		(void)json_array_append_new(argv, json_string("--config"));
		(void)json_array_append_new(
			argv, json_string(seen->instance->config));
		free(binary);
	}
	return argv;
}
