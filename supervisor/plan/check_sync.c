/*
 * check_sync.c - what a sync is doing, and what an interruption costs it.
 */
#include "supervisor/plan/checks.h"

#include <jansson.h>
#include <string.h>

enum { LAG_LARGE_S = 600 };

#define MIB (1u << 20)
#define DOCS_PER_GB 2e6 /* of a verifier's memory: 0.5 GB for a million */
#define VERIFIER_GB 10.0 /* whatever it has to hash */

void check_lag(struct survey *survey, struct seen_instance *seen)
{
	const struct sync_progress *progress = &seen->progress;
	const char *name = seen->instance->name;
	struct finding *finding;

	if (seen->progress_err.code)
		return;
	if (progress->phase != SYNC_PHASE_RUNNING) {
		finding = survey_add(survey, FINDING_PASS, "lag", name);
		finding_say(finding, "%s: it tells none", progress->phase_text);
	} else if (progress->lag_s < 0) {
		finding = survey_add(survey, FINDING_WARNING, "lag", name);
		finding_say(finding,
			"it does not tell how far behind the source it is");
	} else if (progress->lag_s > LAG_LARGE_S) {
		finding = survey_add(survey, FINDING_WARNING, "lag", name);
		finding_say(finding,
			"it is %lld s behind the source: while it stands "
			"still, all of that has to stay in the oplog, too",
			(long long)progress->lag_s);
		finding_fix(finding,
			"wait until it has caught up, if that is to be "
			"expected");
	} else {
		finding = survey_add(survey, FINDING_PASS, "lag", name);
		finding_say(finding, "%lld s behind the source",
			(long long)progress->lag_s);
	}
}

/* ---- the phase of a lane ---- */

enum stretch { /* of a sync's life */
	STRETCH_NONE, /* not begun, or not told */
	STRETCH_COPY,
	STRETCH_CHANGES,
	STRETCH_UNKNOWN,
};

static enum stretch stretch_of(const char *phase)
{
	static const struct {
		const char *phase;
		enum stretch stretch;
	} known[] = {
		{"", STRETCH_NONE},
		{"uninitialized", STRETCH_COPY},
		{"initializing collections and indexes", STRETCH_COPY},
		{"initializing partitions", STRETCH_COPY},
		{"collection copy", STRETCH_COPY},
		{"waiting to start change event application", STRETCH_CHANGES},
		{"change event application", STRETCH_CHANGES},
		{"waiting for commit to complete", STRETCH_CHANGES},
		{"commit completed", STRETCH_CHANGES},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].phase, phase) == 0)
			return known[i].stretch;
	return STRETCH_UNKNOWN;
}

static const char *text_in(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

/* The API's word, else that of the metadata; "": none. */
static const char *phase_of(
	const struct survey *survey, const struct seen_instance *seen)
{
	if (seen->progress_err.code || seen->progress.phase == SYNC_PHASE_IDLE)
		return "";
	if (seen->progress.info[0])
		return seen->progress.info;
	return text_in(seen_in_metadata(survey, seen), "phase");
}

struct course { /* of a lane */
	enum stretch stretch; /* the worst for it to be interrupted in */
	const char *phase; /* the word for it */
	bool begun;
	int64_t copied, total; /* bytes; -1: not told */
};

static struct course course_of(const struct survey *survey, unsigned index)
{
	static const int rank[] = {
		[STRETCH_NONE] = 0,
		[STRETCH_CHANGES] = 1,
		[STRETCH_UNKNOWN] = 2,
		[STRETCH_COPY] = 3,
	};
	struct course course = {.phase = "", .copied = -1, .total = -1};

	for (unsigned i = 0; i < survey->instance_count; i++) {
		const struct seen_instance *seen = &survey->instance[i];
		const char *phase = phase_of(survey, seen);
		enum stretch stretch = stretch_of(phase);

		if (seen->lane != index || seen->progress_err.code)
			continue;
		course.begun =
			course.begun || seen->progress.phase != SYNC_PHASE_IDLE;
		if (rank[stretch] > rank[course.stretch]) {
			course.stretch = stretch;
			course.phase = phase;
		}
		if (seen->progress.total_bytes > course.total)
			course.total = seen->progress.total_bytes;
		if (seen->progress.copied_bytes >= 0)
			course.copied =
				(course.copied < 0 ? 0 : course.copied) +
				seen->progress.copied_bytes;
	}
	return course;
}

static long long number_in(const json_t *json, const char *key)
{
	return (long long)json_integer_value(json_object_get(json, key));
}

static void say_copy(struct finding *finding, const struct course *course,
	const json_t *summary)
{
	const json_t *partitions = json_object_get(summary, "partitions");
	char copied[64] = "";

	if (course->copied >= 0 && course->total > 1)
		(void)snprintf(copied, sizeof(copied),
			", %.1f of %.1f MiB are copied",
			(double)course->copied / MIB,
			(double)course->total / MIB);
	if (number_in(partitions, "total") == 0) {
		finding_say(finding,
			"%s%s: what it has not finished is done again after "
			"the restart",
			course->phase, copied);
		return;
	}
	finding_say(finding,
		"%s: %lld of %lld partitions are done%s; %lld in progress "
		"(%.1f MiB of them) are copied again from their beginning "
		"after the restart",
		course->phase, number_in(partitions, "done"),
		number_in(partitions, "total"), copied,
		number_in(partitions, "in_progress"),
		(double)number_in(partitions, "in_progress_bytes") / MIB);
}

void check_phase(struct survey *survey, unsigned index)
{
	const struct seen_lane *lane = &survey->lane[index];
	const struct course course = course_of(survey, index);
	bool pass = course.stretch == STRETCH_CHANGES || !course.begun;
	struct finding *finding = survey_add(survey,
		pass ? FINDING_PASS : FINDING_WARNING, "phase", lane->name);

	switch (course.stretch) {
	case STRETCH_COPY:
		say_copy(finding, &course,
			survey->cluster[lane->cluster].summary);
		finding_fix(finding,
			"to lose none of it, wait for change event "
			"application");
		break;
	case STRETCH_CHANGES:
		finding_say(finding, "%s", course.phase);
		break;
	case STRETCH_UNKNOWN:
		finding_say(finding,
			"unproven: this syncup does not know the phase "
			"\"%s\", nor what an interruption costs it",
			course.phase);
		break;
	case STRETCH_NONE:
		finding_say(finding, "%s",
			pass ? "no sync was started"
			     : "it does not tell whether it copies or "
			       "applies changes");
		break;
	}
}

/* ---- what /start asked for ---- */

static const json_t *options_of(const struct survey *survey, unsigned index)
{
	const struct seen_lane *lane = &survey->lane[index];

	return json_object_get(
		survey->cluster[lane->cluster].summary, "options");
}

static bool is(const json_t *options, const char *key, const char *word)
{
	return strcmp(text_in(options, key), word) == 0;
}

static void warn_of_natural_order(
	struct survey *survey, unsigned index, const char *what)
{
	struct finding *finding = survey_add(survey, FINDING_WARNING,
		"natural-order", survey->lane[index].name);

	finding_say(finding,
		"%s: a copy in natural order that is interrupted begins at "
		"its collection's beginning again, which takes hours for a "
		"large one",
		what);
	finding_fix(finding,
		"to lose none of it, wait for change event application");
}

void check_natural_order(struct survey *survey, unsigned index)
{
	const struct course course = course_of(survey, index);
	const json_t *options = options_of(survey, index);
	struct finding *finding;

	/* Of a phase that is not known it is not known either. */
	if (course.begun && course.stretch != STRETCH_CHANGES) {
		const char *what = NULL;

		if (is(options, "natural_order", "all"))
			what = "all collections are copied in natural order";
		else if (is(options, "natural_order", "some"))
			what = "some collections are copied in natural order";
		else if (is(options, "natural_order", "unknown") ||
			 is(options, "random_id", "unknown"))
			what = "unproven: the metadata does not tell in a "
			       "known form what is copied in natural order";
		else if (is(options, "random_id", "on"))
			what = "collections whose _id looks random are "
			       "copied in natural order";
		if (what) {
			warn_of_natural_order(survey, index, what);
			return;
		}
	}
	finding = survey_add(survey, FINDING_PASS, "natural-order",
		survey->lane[index].name);
	finding_say(finding, "no copy in natural order is interrupted");
}

void check_write_blocking(struct survey *survey, unsigned index)
{
	const struct seen_lane *lane = &survey->lane[index];
	const char *mode = text_in(options_of(survey, index), "write_blocking");
	bool both = strcmp(mode, "sourceAndDestination") == 0;
	bool known = both || strcmp(mode, "destinationOnly") == 0;
	bool dropped = version_compare(lane->from, "1.20.0") < 0 &&
		       version_compare(survey->fleet->version, "1.20.0") >= 0;
	struct finding *finding;

	if (!mode[0] || strcmp(mode, "none") == 0) {
		finding = survey_add(
			survey, FINDING_PASS, "write-blocking", lane->name);
		finding_say(finding, "%s",
			mode[0] ? "the sync blocks no writes"
				: "none that the metadata tells of");
		return;
	}
	finding = survey_add(
		survey, FINDING_WARNING, "write-blocking", lane->name);
	if (known)
		finding_say(finding,
			"%s: it stays so while the sync stands still, writes "
			"to the %s are refused as before%s",
			mode, both ? "clusters that it blocks" : "destination",
			dropped ? "; /start has no enableUserWriteBlocking "
				  "from 1.20 on, which a sync that was started "
				  "does not need"
				: "");
	else
		finding_say(finding,
			"unproven: this syncup does not know the mode "
			"\"%.60s\"; blocked writes stay refused while the "
			"sync stands still",
			mode);
}

/* ---- the verifier ---- */

static void warn_of_verifier(struct survey *survey, struct seen_instance *seen)
{
	const struct sync_progress *progress = &seen->progress;
	struct finding *finding = survey_add(
		survey, FINDING_WARNING, "verifier", seen->instance->name);

	if (progress->verifier_docs <= 0)
		finding_say(finding,
			"its verifier keeps its state in memory: it starts "
			"over after the upgrade (how much it has to hash is "
			"not told)");
	else
		finding_say(finding,
			"its verifier keeps its state in memory: it starts "
			"over after the upgrade, with %lld documents in %lld "
			"collections to hash (%lld are), and takes about "
			"%.1f GB of memory",
			(long long)progress->verifier_docs,
			(long long)progress->verifier_collections,
			(long long)(progress->verifier_hashed > 0
					    ? progress->verifier_hashed
					    : 0),
			VERIFIER_GB +
				(double)progress->verifier_docs / DOCS_PER_GB);
	finding_fix(finding,
		"expect it to be behind, and canCommit to stay false, until "
		"it has hashed all of it again");
}

void check_verifier(struct survey *survey, struct seen_instance *seen)
{
	const struct sync_progress *progress = &seen->progress;
	bool waits = strcmp(progress->verifier_phase, "not started") == 0;
	struct finding *finding;

	if (seen->progress_err.code)
		return;
	if (progress->phase == SYNC_PHASE_RUNNING && progress->verifier &&
		!waits) {
		warn_of_verifier(survey, seen);
		return;
	}
	finding = survey_add(
		survey, FINDING_PASS, "verifier", seen->instance->name);
	if (progress->verifier && waits)
		finding_say(finding, "it has not started: nothing is lost");
	else if (progress->verifier)
		finding_say(finding,
			"%s: what it had is lost already, by the pause",
			progress->phase_text);
	else
		finding_say(finding, "it has none");
}
