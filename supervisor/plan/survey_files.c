/*
 * survey_files.c - see survey_files.h.
 */
#include "supervisor/plan/survey_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/install/place.h"
#include "supervisor/install/version.h"
#include "supervisor/memory.h"

static void look_at_claim(const struct survey *survey, const char *name,
	int port, struct claim *claim, struct err *claim_err)
{
	if (claim_find(survey->fleet->install_root, name, port, NULL, claim,
		    claim_err))
		return;
	memset(claim, 0, sizeof(*claim));
	if (claim_err->code == ERR_MISSING)
		*claim_err = (struct err){0};
}

static void look_at_links(struct survey *survey)
{
	const struct fleet *fleet = survey->fleet;

	for (unsigned i = 0; i < survey->lane_count; i++) {
		struct seen_lane *lane = &survey->lane[i];
		const struct link_spec link = {
			.path = lane->link_path,
			.root = fleet->install_root,
			.name = "mongosync",
			.is_binary = lane->link_binary,
		};
		_cleanup_free_ char *kept = NULL;

		look_at_claim(survey, lane->link_path, 0, &lane->link_claim,
			&lane->link_claim_err);
		if (!link_read(&link, &lane->link, &lane->link_err) ||
			!link_check_writable(&link, &lane->link_err))
			continue;
		kept = memory_text("%s/versions/%s/bin/mongosync",
			fleet->install_root, lane->from);
		lane->kept = lane->link.kind == LINK_VERSION && lane->from[0] &&
			     access(kept, X_OK) == 0;
		if (lane->kept)
			(void)!version_of_binary(
				kept, lane->kept_version, &lane->kept_err);
	}
}

static void look_at_root(struct survey *survey)
{
	_cleanup_free_ char *versions =
		memory_text("%s/versions", survey->fleet->install_root);

	(void)!place_can_hold_programs(versions, &survey->root_err);
}

/* Another user's executable cannot be read: the link is the last proof. */
static void versions_from_links(struct survey *survey)
{
	for (unsigned i = 0; i < survey->instance_count; i++) {
		struct seen_instance *seen = &survey->instance[i];
		struct seen_lane *lane = &survey->lane[seen->lane];

		if (seen->version[0] || lane->link.kind != LINK_VERSION ||
			seen->process.view != PROCESS_RUNNING)
			continue;
		(void)snprintf(seen->version, sizeof(seen->version), "%s",
			lane->link.version);
		seen->version_proof = "link";
		if (!lane->from[0])
			(void)snprintf(lane->from, sizeof(lane->from), "%s",
				lane->link.version);
	}
}

void survey_look_at_files(struct survey *survey)
{
	for (unsigned i = 0; i < survey->instance_count; i++) {
		struct seen_instance *seen = &survey->instance[i];

		look_at_claim(survey, seen->instance->name, seen->config.port,
			&seen->claim, &seen->claim_err);
	}
	look_at_links(survey);
	look_at_root(survey);
	(void)!claim_check_writable(
		survey->fleet->install_root, &survey->claims_err);
	versions_from_links(survey);
}
