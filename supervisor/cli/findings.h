/*
 * findings.h - preflight's findings, for people and machines.
 */
#ifndef SUPERVISOR_CLI_FINDINGS_H
#define SUPERVISOR_CLI_FINDINGS_H

#include <stdio.h>

#include "supervisor/plan/survey.h"

/* One line per finding of at least this level. */
void findings_print(
	const struct survey *survey, FILE *out, enum finding_level least);
json_t *findings_json(const struct survey *survey);
/* The first refusal is why the command ends (cli_because()). */
void findings_cause(const struct survey *survey);
/* A claim of the run that is to be taken over is no refusal. */
void findings_take_over(struct survey *survey, const char *run);

#endif
