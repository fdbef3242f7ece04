/*
 * planned.c - see planned.h.
 */
#include "supervisor/plan/planned.h"

#include <stdlib.h>
#include <string.h>

#include "supervisor/memory.h"

/* A target's name: "host:local" and "link:<lane>" on this machine, as in
 * earlier journals, else "host:<host>" and "link:<lane>+<host>".  A user's name
 * before an @ would be taken for that of a connection string, and hidden. */
static json_t *name_on(const char *type, const char *lane, const char *host)
{
	json_t *name;
	char *text = memory_text("%s:%s%s%s", type, lane,
		host && lane[0] ? "+" : "", host ? host : "");

	for (char *at = strchr(text, '@'); at; at = strchr(at, '@'))
		*at = '+';
	name = json_string(text);
	free(text);
	return name;
}

json_t *planned_host_name(const struct survey *survey, unsigned host)
{
	const char *name = survey->host[host].name;

	return name_on("host", "", name ? name : "local");
}

json_t *planned_link_name(const struct survey *survey,
	const struct seen_lane *lane, const struct seen_link *link)
{
	return name_on("link", lane->name, survey->host[link->host].name);
}

static json_t *process_target(
	const struct survey *survey, const struct seen_instance *seen)
{
	const struct seen_lane *lane = &survey->lane[seen->lane];

	return json_pack(
		"{s:s, s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:I, "
		"s:o, s:s*}",
		"name", seen->instance->name, "type", "process", "lane",
		lane->name, "port", (int)seen->config.port, "id",
		seen->config.id, "config", seen->instance->config, "from",
		seen->version, "state", seen->progress.phase_text, "answers_as",
		seen->progress.id, "coordinator", seen->progress.coordinator,
		"pid", (int)seen->process.pid, "start_ticks",
		(json_int_t)seen->process.start_ticks, "argv",
		seen_argv(survey, seen), "host", seen->instance->host);
}

static json_t *host_target(const struct survey *survey, unsigned host)
{
	const struct seen_host *seen = &survey->host[host];

	return json_pack("{s:o, s:s, s:s*, s:s*}", "name",
		planned_host_name(survey, host), "type", "host", "host",
		seen->name, "itself", seen->itself[0] ? seen->itself : NULL);
}

static json_t *link_target(const struct survey *survey,
	const struct seen_lane *lane, const struct seen_link *link)
{
	return json_pack("{s:o, s:s, s:s, s:s, s:b, s:s, s:s, s:s*}", "name",
		planned_link_name(survey, lane, link), "type", "link", "lane",
		lane->name, "path", link->path, "binary", (int)link->is_binary,
		"from", lane->from, "adopt_from",
		survey->instance[link->first].instance->name, "host",
		survey->host[link->host].name);
}

json_t *planned_targets(const struct survey *survey)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < survey->instance_count; i++)
		if (survey_moves(survey, survey->instance[i].lane))
			(void)json_array_append_new(list,
				process_target(survey, &survey->instance[i]));
	for (unsigned i = 0; i < survey->host_count; i++)
		(void)json_array_append_new(list, host_target(survey, i));
	for (unsigned i = 0; i < survey->lane_count; i++) {
		const struct seen_lane *lane = &survey->lane[i];
		const struct seen_cluster *cluster =
			&survey->cluster[lane->cluster];
		const struct seen_instance *first =
			&survey->instance[lane->first];

		if (!survey_moves(survey, i))
			continue;
		for (unsigned j = 0; j < lane->link_count; j++)
			(void)json_array_append_new(list,
				link_target(survey, lane, &lane->link[j]));
		(void)json_array_append_new(
			list, json_pack("{s:o, s:s, s:s, s:s, s:O?}", "name",
				      json_sprintf("metadata:%s", lane->name),
				      "type", "metadata", "lane", lane->name,
				      "via", first->instance->name, "before",
				      cluster->summary));
		(void)json_array_append_new(
			list, json_pack("{s:o, s:s, s:s}", "name",
				      json_sprintf("lane:%s", lane->name),
				      "type", "lane", "lane", lane->name));
	}
	return list;
}
