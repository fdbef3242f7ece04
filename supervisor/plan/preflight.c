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
	{"reach", "can its host be reached"},
	{"machine", "is its host one that the new version runs on"},
	{"clock", "does its host's clock go as ours"},
	{"host", "can versions be put there, and run"},
	{"signature", "was it made by whom it should be"},
	{"claim", "does another run own it"},
	{"process", "does it run, and can we see it"},
	{"table", "is it known what can be upgraded to what"},
	{"version", "which version runs, and may it be upgraded"},
	{"api", "does it answer"},
	{"identity", "does it answer as the one that it should be"},
	{"state", "may it be interrupted now"},
	{"lag", "how far is it behind the source"},
	{"verifier", "what does its verifier lose"},
	{"phase", "what is copied again"},
	{"natural-order", "is a copy interrupted that starts all over"},
	{"write-blocking", "which writes stay refused meanwhile"},
	{"link", "is it started through the link, and can that be turned"},
	{"configuration", "does the new version know each key of its file"},
	{"uri", "does the new version take its connection strings"},
	{"unchanged", "is its file still the one that it runs with"},
	{"unit", "is its unit one that starts it"},
	{"unit-stop", "does its unit let it end in its own time"},
	{"unit-start", "who starts its unit besides us"},
	{"right", "may we stop and start its unit"},
	{"start", "will it be started as it runs now"},
	{"destination", "can it be reached, and who is it"},
	{"metadata", "does it say the same as the processes"},
	{"privileges", "may its users do what the new version needs"},
	{"complete", "are all instances of the sync in the fleet"},
	{"coordinator", "is it one migration"},
	{"way-back", "is the version that runs kept"},
	{"pause", "may the metadata be put back"},
	{"margin", "how long may the sync stand still"},
	{"save", "how long will saving the metadata take"},
	{"time", "will it be over in time"},
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

/* What an upgrade costs a sync does not matter to one that it leaves alone. */
static void check_syncs(struct survey *survey)
{
	for (unsigned i = 0; i < survey->instance_count; i++) {
		struct seen_instance *seen = &survey->instance[i];

		if (!survey_moves(survey, seen->lane))
			continue;
		check_lag(survey, seen);
		check_verifier(survey, seen);
	}
	for (unsigned i = 0; i < survey->lane_count; i++) {
		if (!survey_moves(survey, i))
			continue;
		check_phase(survey, i);
		check_natural_order(survey, i);
		check_write_blocking(survey, i);
		check_metadata(survey, i);
		check_way_back(survey, i);
	}
}

static void check_link_claims(
	struct survey *survey, const struct seen_lane *lane)
{
	char shown[SEEN_SHOWN];

	for (unsigned i = 0; i < lane->link_count; i++) {
		const struct seen_link *link = &lane->link[i];

		check_claim(survey,
			seen_show_path(survey, link->host, link->path, shown),
			&link->claim, &link->claim_err);
	}
}

bool preflight(struct survey *survey, struct err *err)
{
	(void)err;
	check_artifact(survey);
	check_reach(survey);
	check_machine(survey);
	check_clocks(survey);
	check_host(survey);
	check_signature(survey);
	check_claims(survey);
	check_table(survey);
	for (unsigned i = 0; i < survey->instance_count; i++) {
		struct seen_instance *seen = &survey->instance[i];

		check_claim(survey, seen->instance->name, &seen->claim,
			&seen->claim_err);
		check_process(survey, seen);
		check_api(survey, seen);
		check_start(survey, seen);
		check_unit(survey, seen);
		check_configuration(survey, seen);
		check_uri(survey, seen);
		check_unchanged(survey, seen);
	}
	for (unsigned i = 0; i < survey->lane_count; i++) {
		check_link_claims(survey, &survey->lane[i]);
		check_cluster(survey, i);
		check_complete(survey, i);
		check_coordinator(survey, i);
		check_versions(survey, i);
		check_privileges(survey, i);
		check_link(survey, i);
		check_margin(survey, i);
		check_save(survey, i);
	}
	check_syncs(survey);
	check_pause(survey);
	check_time(survey);
	room_check(survey);
	return true;
}

/* A long subject is cut in the finding. */
static bool is_subject(const struct finding *finding, const char *name)
{
	return strncmp(finding->subject, name, sizeof(finding->subject) - 1) ==
	       0;
}

const struct claim *survey_claim(
	const struct survey *survey, const struct finding *finding)
{
	char shown[SEEN_SHOWN];

	for (unsigned i = 0; i < survey->instance_count; i++)
		if (is_subject(finding, survey->instance[i].instance->name))
			return &survey->instance[i].claim;
	for (unsigned i = 0; i < survey->lane_count; i++) {
		const struct seen_lane *lane = &survey->lane[i];

		for (unsigned j = 0; j < lane->link_count; j++) {
			const struct seen_link *link = &lane->link[j];

			if (is_subject(
				    finding, seen_show_path(survey, link->host,
						     link->path, shown)))
				return &link->claim;
		}
	}
	return NULL;
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

bool seen_is_turned(const struct seen_instance *seen)
{
	static const char other[] = "cluster1:";

	return strncmp(seen->progress.source_at, other, strlen(other)) == 0;
}

bool survey_is_turned(const struct survey *survey, unsigned lane)
{
	for (unsigned i = 0; i < survey->instance_count; i++)
		if (survey->instance[i].lane == lane &&
			seen_is_turned(&survey->instance[i]))
			return true;
	return false;
}

bool survey_moves(const struct survey *survey, unsigned lane)
{
	return strcmp(survey->lane[lane].from, survey->fleet->version) != 0;
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
	return survey->instance_count > 0 && !survey_is_partial(survey);
}

bool survey_is_partial(const struct survey *survey)
{
	for (unsigned i = 0; i < survey->host_count; i++)
		if (survey->host[i].trouble.code)
			return true;
	return false;
}

bool survey_is_delivered(const struct survey *survey)
{
	for (unsigned i = 0; i < survey->host_count; i++)
		if (!survey->host[i].delivered)
			return false;
	return true;
}
