/*
 * survey_files.c - what a survey sees on the hosts' disks: claims, links,
 * install roots, and which version a link tells of a process whose executable
 * cannot be read.
 */
#include <string.h>

#include "state/cleanup.h"
#include "supervisor/host/ops_install.h"
#include "supervisor/memory.h"
#include "supervisor/plan/survey_looking.h"

enum {
	QUICK_MS = 30000,
	LOOK_MS = 60000, /* a version is asked for, and the package manager */
};

static void take_claim(const json_t *seen, const struct err *err,
	struct claim *claim, struct err *claim_err)
{
	memset(claim, 0, sizeof(*claim));
	if (err)
		*claim_err = *err;
	else if (json_object_get(seen, "err"))
		op_err_read(json_object_get(seen, "err"), claim_err);
	else
		op_claim_read(seen, claim);
}

static json_t *thing(const char *name, int port)
{
	return json_pack("{s:s, s:i}", "name", name, "port", port);
}

/* The instances of a host first, then its links, in their order. */
static json_t *things_of(const struct survey *survey, unsigned host)
{
	json_t *things = json_array();

	for (unsigned i = 0; i < survey->instance_count; i++) {
		const struct seen_instance *seen = &survey->instance[i];

		if (seen->host == host)
			(void)json_array_append_new(things,
				thing(seen->instance->name, seen->config.port));
	}
	for (unsigned i = 0; i < survey->lane_count; i++)
		for (unsigned j = 0; j < survey->lane[i].link_count; j++)
			if (survey->lane[i].link[j].host == host)
				(void)json_array_append_new(things,
					thing(survey->lane[i].link[j].path, 0));
	return things;
}

static void claims_told(void *arg, const json_t *result, const struct err *err)
{
	struct ask *ask = arg;
	struct survey *survey = ask->looking->survey;
	const json_t *list = json_object_get(result, "claims");
	unsigned host = (unsigned)(ask->host - survey->host);
	size_t at = 0;

	for (unsigned i = 0; i < survey->instance_count; i++) {
		struct seen_instance *seen = &survey->instance[i];

		if (seen->host == host)
			take_claim(json_array_get(list, at++), err,
				&seen->claim, &seen->claim_err);
	}
	for (unsigned i = 0; i < survey->lane_count; i++)
		for (unsigned j = 0; j < survey->lane[i].link_count; j++) {
			struct seen_link *link = &survey->lane[i].link[j];

			if (link->host == host)
				take_claim(json_array_get(list, at++), err,
					&link->claim, &link->claim_err);
		}
	survey_answered(ask);
}

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static void link_told(void *arg, const json_t *result, const struct err *err)
{
	struct ask *ask = arg;
	struct seen_link *link = ask->link;

	if (err) {
		link->err = *err;
		survey_answered(ask);
		return;
	}
	link->seen.kind = op_link_kind_parse(text_of(result, "kind"));
	(void)snprintf(link->seen.version, sizeof(link->seen.version), "%s",
		text_of(result, "version"));
	(void)snprintf(link->seen.run, sizeof(link->seen.run), "%s",
		text_of(result, "run"));
	op_err_read(json_object_get(result, "err"), &link->err);
	link->kept = json_is_true(json_object_get(result, "kept"));
	(void)snprintf(link->kept_version, sizeof(link->kept_version), "%s",
		text_of(result, "kept_version"));
	op_err_read(json_object_get(result, "kept_err"), &link->kept_err);
	link->adopted_bytes = (uint64_t)json_integer_value(
		json_object_get(result, "adopted_bytes"));
	survey_answered(ask);
}

static void look_at_link(
	struct looking *looking, struct seen_lane *lane, struct seen_link *link)
{
	const struct survey *survey = looking->survey;
	const struct link_spec spec = {
		.path = link->path,
		.root = survey->fleet->install_root,
		.name = "mongosync",
		.is_binary = link->is_binary,
	};
	struct ask *ask = survey_expect(looking, "link_look");

	ask->host = &looking->survey->host[link->host];
	ask->link = link;
	survey_ask_host(ask,
		json_pack("{s:o, s:s, s:i}", "link", op_link_json(&spec),
			"from", lane->from, "pid",
			(int)survey->instance[link->first].process.pid),
		LOOK_MS, link_told);
}

static void root_told(void *arg, const json_t *result, const struct err *err)
{
	struct ask *ask = arg;
	struct seen_host *host = ask->host;
	const json_t *free = json_object_get(result, "free");

	if (err)
		host->root_err = host->claims_err = *err;
	op_err_read(json_object_get(result, "root_err"), &host->root_err);
	op_err_read(json_object_get(result, "claims_err"), &host->claims_err);
	host->delivered = json_is_true(json_object_get(result, "delivered"));
	host->root_place.path = ask->looking->survey->fleet->install_root;
	host->root_place.seen = free != NULL;
	host->root_place.free = (uint64_t)json_integer_value(free);
	host->root_place.device =
		(dev_t)json_integer_value(json_object_get(result, "device"));
	survey_answered(ask);
}

static void look_at_host(struct looking *looking, unsigned index)
{
	const struct fleet *fleet = looking->survey->fleet;
	struct ask *claims = survey_expect(looking, "claims_look");
	struct ask *root = survey_expect(looking, "root_look");

	claims->host = root->host = &looking->survey->host[index];
	survey_ask_host(claims,
		json_pack("{s:s, s:o}", "root", fleet->install_root, "things",
			things_of(looking->survey, index)),
		QUICK_MS, claims_told);
	survey_ask_host(root,
		json_pack("{s:s, s:s}", "root", fleet->install_root, "version",
			fleet->version),
		LOOK_MS, root_told);
}

/* Another user's executable cannot be read: the link is the last proof. */
static void versions_from_links(struct survey *survey)
{
	for (unsigned i = 0; i < survey->instance_count; i++) {
		struct seen_instance *seen = &survey->instance[i];
		struct seen_lane *lane = &survey->lane[seen->lane];
		const struct seen_link *link = seen_link_of(survey, seen);

		if (seen->version[0] || link->seen.kind != LINK_VERSION ||
			seen->process.view != PROCESS_RUNNING)
			continue;
		(void)snprintf(seen->version, sizeof(seen->version), "%s",
			link->seen.version);
		seen->version_proof = "link";
		if (!lane->from[0])
			(void)snprintf(lane->from, sizeof(lane->from), "%s",
				link->seen.version);
	}
}

bool survey_look_at_files(struct looking *looking, struct err *err)
{
	struct survey *survey = looking->survey;

	looking->due = 1;
	for (unsigned i = 0; i < survey->host_count; i++)
		if (!survey->host[i].trouble.code)
			look_at_host(looking, i);
	for (unsigned i = 0; i < survey->lane_count; i++) {
		struct seen_lane *lane = &survey->lane[i];

		for (unsigned j = 0; j < lane->link_count; j++)
			look_at_link(looking, lane, &lane->link[j]);
	}
	looking->due--;
	if (!survey_await(looking, err))
		return false;
	versions_from_links(survey);
	return true;
}
