/*
 * survey_files.h - what a survey sees on this host's disks.
 */
#ifndef SUPERVISOR_PLAN_SURVEY_FILES_H
#define SUPERVISOR_PLAN_SURVEY_FILES_H

#include "supervisor/plan/survey.h"

/* Claims, links, the install root, and which version a link tells of a process
 * whose executable cannot be read.  Wants the lanes grouped. */
void survey_look_at_files(struct survey *survey);

#endif
