/*
 * plan.c - `syncup plan`: the whole preflight and the plan; changes nothing.
 */
#include <string.h>
#include <syslog.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/cli/cli.h"
#include "supervisor/cli/findings.h"
#include "supervisor/fleet/secret.h"
#include "supervisor/fleet/window.h"
#include "supervisor/plan/procedure.h"
#include "supervisor/report/journald.h"
#include "supervisor/report/report.h"

static const char *const level_names[] = {
	[FINDING_PASS] = "pass",
	[FINDING_WARNING] = "warning",
	[FINDING_REFUSAL] = "refusal",
};

static const int level_priority[] = {
	[FINDING_PASS] = LOG_INFO,
	[FINDING_WARNING] = LOG_WARNING,
	[FINDING_REFUSAL] = LOG_ERR,
};

void findings_print(
	const struct survey *survey, FILE *out, enum finding_level least)
{
	for (unsigned i = 0; i < survey->finding_count; i++) {
		struct finding finding = survey->finding[i];

		if (finding.level < least)
			continue;
		scrub_in_place(finding.text, sizeof(finding.text));
		(void)fprintf(out, "%s%-8s %-13s %s: %s\n",
			journald_level(out, level_priority[finding.level]),
			level_names[finding.level], finding.check,
			finding.subject, finding.text);
		if (finding.fix[0])
			(void)fprintf(out, "%s%22s -> %s\n",
				journald_level(
					out, level_priority[finding.level]),
				"", finding.fix);
	}
}

json_t *findings_json(const struct survey *survey)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < survey->finding_count; i++) {
		const struct finding *finding = &survey->finding[i];

		(void)json_array_append_new(list,
			json_pack("{s:s, s:s, s:s, s:s, s:s}", "level",
				level_names[finding->level], "check",
				finding->check, "subject", finding->subject,
				"text", finding->text, "fix", finding->fix));
	}
	scrub_json(list);
	return list;
}

void findings_cause(const struct survey *survey)
{
	char text[sizeof(survey->finding->text) + 200];

	for (unsigned i = 0; i < survey->finding_count; i++) {
		const struct finding *finding = &survey->finding[i];

		if (finding->level != FINDING_REFUSAL)
			continue;
		(void)snprintf(text, sizeof(text), "refused: %s %s: %s",
			finding->check, finding->subject, finding->text);
		cli_because(text);
		return;
	}
}

void findings_take_over(struct survey *survey, const char *run)
{
	for (unsigned i = 0; run && i < survey->finding_count; i++) {
		struct finding *finding = &survey->finding[i];
		const struct claim *claim = NULL;

		if (strcmp(finding->check, "claim") == 0)
			claim = survey_claim(survey, finding);
		if (claim && strcmp(claim->run, run) == 0)
			finding->level = FINDING_WARNING;
	}
}

static int show(const struct survey *survey, bool as_json)
{
	enum err_code refused = survey_refused(survey);
	bool reached = refused == ERR_NONE && survey_is_reached(survey);
	_cleanup_json_ json_t *plan = NULL, *json = NULL;
	struct run_state state = {0};
	struct err err = {0};

	if (refused == ERR_NONE && !reached)
		plan = procedure_find(survey->fleet->procedure)
			       ->forward(survey);
	if (as_json) {
		json = json_pack("{s:i, s:b, s:b, s:o, s:O?}", "schema", 1,
			"refused", (int)(refused != ERR_NONE), "reached",
			(int)reached, "findings", findings_json(survey), "plan",
			plan);
		(void)json_dumpf(json, stdout, JSON_INDENT(2));
		(void)printf("\n");
		return err_exit_code(refused);
	}
	findings_print(survey, stdout, FINDING_PASS);
	if (reached)
		(void)printf("\nEverything runs %s already: nothing to do.\n",
			survey->fleet->version);
	if (plan && run_state_of_plan(&state, plan, &err)) {
		(void)printf("\n");
		report_plan(&state, stdout);
	}
	state.head = NULL;
	run_state_done(&state);
	if (refused != ERR_NONE)
		(void)printf("\nRefused: nothing will be touched until this is "
			     "mended.\n");
	return err_exit_code(refused);
}

bool cli_finish_by(
	const struct cli_args *args, int64_t *ret_ms, struct err *err)
{
	const char *text = cli_value(args, "finish-by");

	*ret_ms = 0;
	return !text || finish_by_parse(text, sys_wall_ms(), ret_ms, err);
}

int verb_plan(const struct cli_args *args)
{
	struct cli_place place = {0};
	struct survey_options options = {
		.accept_unlisted = cli_value(args, "accept-unlisted") != NULL,
	};
	struct survey survey;
	struct err err = {0};
	int code;

	if (!cli_finish_by(args, &options.finish_by_ms, &err) ||
		!cli_place_find(args->word[0], &place, &err))
		return cli_fail(&err);
	if (!place.fleet) {
		cli_place_done(&place);
		return cli_usage_error(args->verb,
			"plan wants a fleet file, and %s is a folder",
			args->word[0]);
	}
	if (survey_take(place.fleet, &options, &survey, &err)) {
		code = show(&survey, cli_value(args, "json") != NULL);
		survey_done(&survey);
	} else {
		code = cli_fail(&err);
	}
	cli_place_done(&place);
	return code;
}
