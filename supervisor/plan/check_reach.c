/*
 * check_reach.c - hosts: can they be reached, are they alike, do their clocks
 * agree?
 */
#include <string.h>
#include <sys/utsname.h>

#include "supervisor/plan/checks.h"

enum {
	CLOCK_MOST_MS = 5000, /* that another clock may differ from ours */
	SENTENCE_MAX = 390,
};

static const char *called(const struct seen_host *host)
{
	return host->name ? host->name : "this machine";
}

void check_reach(struct survey *survey)
{
	for (unsigned i = 0; i < survey->host_count; i++) {
		const struct seen_host *host = &survey->host[i];
		bool good = host->trouble.code == ERR_NONE;
		struct finding *finding = survey_add(survey,
			good ? FINDING_PASS : FINDING_REFUSAL, "reach",
			called(host));

		if (good) {
			finding_say(finding, "%u of the processes %s there",
				host->count, host->count == 1 ? "is" : "are");
			continue;
		}
		finding_say(finding, "%.*s", SENTENCE_MAX, host->trouble.msg);
		if (host->trouble.code == ERR_CONFIG)
			continue; /* which says what to do */
		finding_fix(finding,
			"let this line work, without a question: ssh -o "
			"BatchMode=yes %.180s true",
			host->name);
	}
}

/* The archive was seen to run here, and has the same executable everywhere. */
void check_machine(struct survey *survey)
{
	struct utsname ours;

	if (uname(&ours) != 0)
		ours.machine[0] = '\0';
	for (unsigned i = 0; i < survey->host_count; i++) {
		const struct seen_host *host = &survey->host[i];
		const char *machine = host->name ? host->machine : ours.machine;
		bool good = strcmp(machine, ours.machine) == 0;
		struct finding *finding;

		if (host->trouble.code)
			continue;
		finding = survey_add(survey,
			good ? FINDING_PASS : FINDING_REFUSAL, "machine",
			called(host));
		if (good) {
			finding_say(finding, "%s", machine);
			continue;
		}
		finding_say(finding,
			"it is %s, and the archive was seen to run on %s",
			machine[0] ? machine : "of an unknown kind",
			ours.machine);
		finding_fix(finding,
			"give the processes of each kind of machine a fleet "
			"file of their own, and run it from a machine of that "
			"kind");
	}
}

void check_clocks(struct survey *survey)
{
	for (unsigned i = 0; i < survey->host_count; i++) {
		const struct seen_host *host = &survey->host[i];
		int64_t off =
			host->clock_ms < 0 ? -host->clock_ms : host->clock_ms;
		bool good = off <= CLOCK_MOST_MS;
		struct finding *finding;

		if (host->trouble.code)
			continue;
		finding = survey_add(survey,
			good ? FINDING_PASS : FINDING_WARNING, "clock",
			called(host));
		if (!host->name) {
			finding_say(finding, "this clock is what counts");
		} else if (good) {
			finding_say(finding, "it goes as ours does");
		} else {
			finding_say(finding,
				"it is %lld s %s: what is told of times there "
				"is off by as much",
				(long long)(off / 1000),
				host->clock_ms > 0 ? "ahead" : "behind");
			finding_fix(finding, "let NTP set it");
		}
	}
}
