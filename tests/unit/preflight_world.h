/*
 * preflight_world.h - a survey to spoil, and what preflight() says of it.
 */
#ifndef TESTS_UNIT_PREFLIGHT_WORLD_H
#define TESTS_UNIT_PREFLIGHT_WORLD_H

#include "made_up_survey.h"

static const char *const level_names[] = {"pass", "warning", "refusal"};

static inline void print_findings(const struct survey *survey)
{
	for (unsigned i = 0; i < survey->finding_count; i++)
		print_message("%s %s %s: %s -> %s\n",
			level_names[survey->finding[i].level],
			survey->finding[i].check, survey->finding[i].subject,
			survey->finding[i].text, survey->finding[i].fix);
}

static inline const struct finding *find(const struct survey *survey,
	enum finding_level level, const char *check, const char *subject)
{
	for (unsigned i = 0; i < survey->finding_count; i++) {
		const struct finding *finding = &survey->finding[i];

		if (finding->level == level &&
			strcmp(finding->check, check) == 0 &&
			strcmp(finding->subject, subject) == 0)
			return finding;
	}
	return NULL;
}

static inline unsigned count_findings(
	const struct survey *survey, enum finding_level level)
{
	unsigned of_level = 0;

	for (unsigned i = 0; i < survey->finding_count; i++)
		of_level += survey->finding[i].level == level;
	return of_level;
}

static inline void check(struct survey *survey)
{
	struct err err = {0};

	assert_true(preflight(survey, &err));
}

static inline void assert_says(const struct survey *survey,
	enum finding_level level, const char *name, const char *subject,
	const char *text)
{
	const struct finding *finding = find(survey, level, name, subject);

	if (finding && strstr(finding->text, text))
		return;
	print_findings(survey);
	fail_msg("no %s \"%s\" of %s says \"%s\"", level_names[level], name,
		subject, text);
}

/* This one refusal, with a way out, and nothing else is wrong. */
static inline void assert_refuses(struct survey *survey, const char *name,
	const char *subject, const char *text, enum err_code code)
{
	const struct finding *finding;

	check(survey);
	assert_says(survey, FINDING_REFUSAL, name, subject, text);
	finding = find(survey, FINDING_REFUSAL, name, subject);
	assert_int_equal(finding->code, code);
	if (count_findings(survey, FINDING_REFUSAL) != 1) {
		print_findings(survey);
		fail_msg("one refusal was expected");
	}
	if (!finding->fix[0])
		fail_msg("\"%s\" does not say what to do", finding->text);
	assert_int_equal(survey_refused(survey), code);
}

static inline void assert_warns(struct survey *survey, const char *name,
	const char *subject, const char *text)
{
	check(survey);
	assert_says(survey, FINDING_WARNING, name, subject, text);
	if (survey_refused(survey) != ERR_NONE) {
		print_findings(survey);
		fail_msg("no refusal was expected");
	}
}

/* Two instances that are quite well, in one lane, "shop". */
static inline int take(void **state)
{
	struct survey *survey = calloc(1, sizeof(*survey));

	assert_non_null(survey);
	made_up_survey(survey, made_up_fleet(2));
	made_up_group(survey);
	*state = survey;
	return 0;
}

static inline int drop(void **state)
{
	made_up_survey_done(*state);
	free(*state);
	return 0;
}

/* The same with another fleet; drop() does the rest. */
static inline struct survey *take_fleet(void **state, json_t *fleet)
{
	struct survey *survey = *state;

	made_up_survey_done(survey);
	made_up_survey(survey, fleet);
	made_up_group(survey);
	return survey;
}

static inline void claim_it(struct claim *claim)
{
	(void)snprintf(claim->run, sizeof(claim->run), "other-run");
	(void)snprintf(claim->host, sizeof(claim->host), "ops2");
	(void)snprintf(claim->fleet, sizeof(claim->fleet), "theirs");
	(void)snprintf(claim->state_dir, sizeof(claim->state_dir), "/their");
}

#define IN_SURVEY(test) cmocka_unit_test_setup_teardown(test, take, drop)

#endif
