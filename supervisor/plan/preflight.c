/*
 * preflight.c - everything that can be refused is refused here, before the
 * first pause.  The checks themselves are in check_*.c.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "supervisor/memory.h"
#include "supervisor/plan/checks.h"
#include "supervisor/plan/room.h"
#include "sync_client/sync_text.h"

/* clang-format off */

/* In --json: never rename one. */
const struct check checks[] = {
	{"artifact", "is the archive whole, and does it run here"},
	{"signature", "was it made by whom it should be"},
	{"claim", "does another run own it"},
	{"process", "does it run, and can we see it"},
	{"version", "which version runs, and may it be upgraded"},
	{"api", "does it answer"},
	{"identity", "does it answer as the one that it should be"},
	{"state", "may it be interrupted now"},
	{"verifier", "what does its verifier lose"},
	{"link", "is it started through the link, and can that be turned"},
	{"start", "will it be started as it runs now"},
	{"destination", "can it be reached, and who is it"},
	{"complete", "are all instances of the sync in the fleet"},
	{"coordinator", "is it one migration"},
	{"pause", "is there a way back"},
	{"room", "is there room for what will be written"},
	{0},
};

/* clang-format on */

static bool is_check(const char *name)
{
	const struct check *check = checks;

	while (check->name && strcmp(check->name, name) != 0)
		check++;
	return check->name;
}

struct finding *survey_add(struct survey *survey, enum finding_level level,
	const char *check, const char *subject)
{
	struct finding *finding;

	assert(is_check(check));
	survey->finding = memory_realloc(survey->finding,
		(survey->finding_count + 1) * sizeof(*survey->finding));
	finding = &survey->finding[survey->finding_count++];
	memset(finding, 0, sizeof(*finding));
	finding->level = level;
	finding->code = level == FINDING_REFUSAL ? ERR_CONFIG : ERR_NONE;
	finding->check = check;
	(void)snprintf(
		finding->subject, sizeof(finding->subject), "%s", subject);
	return finding;
}

void finding_say(struct finding *finding, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(finding->text, sizeof(finding->text), fmt, args);
	va_end(args);
	/* Cut anywhere: JSON takes only whole characters. */
	sync_text_clean(finding->text, sizeof(finding->text));
}

void finding_fix(struct finding *finding, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(finding->fix, sizeof(finding->fix), fmt, args);
	va_end(args);
	sync_text_clean(finding->fix, sizeof(finding->fix));
}

bool preflight(struct survey *survey, struct err *err)
{
	(void)err;
	check_artifact(survey);
	check_signature(survey);
	check_claims(survey);
	for (unsigned i = 0; i < survey->instance_count; i++) {
		struct seen_instance *seen = &survey->instance[i];

		check_claim(survey, seen->instance->name, &seen->claim,
			&seen->claim_err);
		check_process(survey, seen);
		check_api(survey, seen);
		check_start(survey, seen);
	}
	for (unsigned i = 0; i < survey->lane_count; i++) {
		check_claim(survey, survey->lane[i].link_path,
			&survey->lane[i].link_claim,
			&survey->lane[i].link_claim_err);
		check_cluster(survey, i);
		check_complete(survey, i);
		check_coordinator(survey, i);
		check_versions(survey, i);
		check_link(survey, i);
	}
	check_way_back(survey);
	room_check(survey);
	return true;
}

enum err_code survey_refused(const struct survey *survey)
{
	enum err_code code = ERR_NONE;

	for (unsigned i = 0; i < survey->finding_count; i++) {
		const struct finding *finding = &survey->finding[i];

		if (finding->level != FINDING_REFUSAL)
			continue;
		if (code == ERR_NONE || finding->code == ERR_HELD)
			code = finding->code;
	}
	return code;
}

bool survey_is_reached(const struct survey *survey)
{
	for (unsigned i = 0; i < survey->instance_count; i++) {
		const struct seen_instance *seen = &survey->instance[i];

		if (seen->process.view != PROCESS_RUNNING ||
			strcmp(seen->version, survey->fleet->version) != 0 ||
			seen->claim.run[0])
			return false;
	}
	return survey->instance_count > 0;
}
