/*
 * check_source.c - how long a lane may stand still, before the source's oplog
 * has lost its place, and whether an upgrade fits into that.
 */
#include <stdio.h>
#include <string.h>

#include "supervisor/plan/checks.h"

enum {
	/* A start is silent for two minutes, and the oplog goes on. */
	STILL_LEAST_S = 120,
};

/* One that runs the version already is left alone. */
static bool is_moved(const struct survey *survey, unsigned index)
{
	return strcmp(survey->lane[index].from, survey->fleet->version) != 0;
}

static bool has_sync(const struct survey *survey, unsigned index)
{
	for (unsigned i = 0; i < survey->instance_count; i++) {
		const struct seen_instance *seen = &survey->instance[i];

		if (seen->lane == index &&
			seen->progress.phase != SYNC_PHASE_IDLE)
			return true;
	}
	return false;
}

/* The least of all its instances; -1 if one of them tells nothing. */
static int64_t estimate_of(const struct survey *survey, unsigned index)
{
	int64_t least = -1;

	for (unsigned i = 0; i < survey->instance_count; i++) {
		const struct seen_instance *seen = &survey->instance[i];
		int64_t left = margin_by_words(seen->progress.oplog_left);

		if (seen->lane != index)
			continue;
		if (left < 0)
			return -1;
		if (least < 0 || left < least)
			least = left;
	}
	return least;
}

/* As told; who tells none (it is paused), or copies, is behind its resume point
 * by our clock.  *ret_told: it is known of all. */
static int64_t lag_of(const struct survey *survey, unsigned index,
	int64_t resume_s, bool *ret_told)
{
	const struct seen_lane *lane = &survey->lane[index];
	bool copies = margin_is_copying(survey->cluster[lane->cluster].summary);
	int64_t most = 0;

	*ret_told = true;

	for (unsigned i = 0; i < survey->instance_count; i++) {
		const struct seen_instance *seen = &survey->instance[i];
		int64_t lag = seen->progress.lag_s;

		if (seen->lane != index ||
			seen->progress.phase == SYNC_PHASE_IDLE)
			continue;
		if ((lag < 0 || copies) && resume_s &&
			survey->now_ms / 1000 - resume_s > lag)
			lag = survey->now_ms / 1000 - resume_s;
		else if (lag < 0)
			*ret_told = false;
		if (lag > most)
			most = lag;
	}
	return most;
}

/* False: it may be less, because how far the sync is behind is not told. */
static bool find_margin(struct survey *survey, unsigned index)
{
	struct seen_lane *lane = &survey->lane[index];
	const struct seen_cluster *cluster = &survey->cluster[lane->cluster];
	struct margin *margin = &lane->margin;
	int64_t estimate = estimate_of(survey, index);
	bool told = true;

	*margin = (struct margin){
		.resume_s = margin_resume_point(cluster->summary),
		.turned = survey_is_turned(survey, index),
	};
	if (cluster->oplog_err.code)
		(void)snprintf(margin->why, sizeof(margin->why), "%.249s",
			cluster->oplog_err.msg);
	else if (margin_by_oplog(margin->resume_s, cluster->oplog, &margin->s,
			 margin->why, sizeof(margin->why)))
		margin->how = MARGIN_OPLOG;
	if (margin->how)
		return true;
	if (estimate >= 0) {
		margin->how = MARGIN_ESTIMATE;
		margin->s = estimate;
	} else if (survey->fleet->oplog_window) {
		margin->how = MARGIN_WINDOW;
		margin->s = (int64_t)survey->fleet->oplog_window -
			    lag_of(survey, index, margin->resume_s, &told);
	}
	if (margin->s < 0)
		margin->s = 0;
	return told;
}

static void warn_of_lag(struct survey *survey, const struct seen_lane *lane)
{
	struct finding *finding =
		survey_add(survey, FINDING_WARNING, "margin", lane->name);

	finding_say(finding,
		"how far the sync is behind its source is told by nobody, and "
		"so is not subtracted from oplog_window: it may stand still "
		"for less");
	finding_fix(finding,
		"if it was paused, or copies, for long: take that time off "
		"oplog_window in the fleet file");
}

/* -1: its size is not told. */
static int64_t save_s(const struct survey *survey, unsigned index)
{
	const struct seen_cluster *cluster =
		&survey->cluster[survey->lane[index].cluster];
	const json_t *bytes = json_object_get(cluster->summary, "bytes");
	int64_t rate = survey->expected.bytes_per_s;

	if (!json_is_integer(bytes))
		return -1;
	return json_integer_value(bytes) / (rate > 0 ? rate : 1) + 1;
}

static int64_t needed_s(const struct survey *survey, unsigned index)
{
	int64_t still = survey->expected.still_s, save = save_s(survey, index);

	if (still < STILL_LEAST_S)
		still = STILL_LEAST_S;
	return still + (save > 0 ? save : 0);
}

void check_margin(struct survey *survey, unsigned index)
{
	const struct seen_lane *lane = &survey->lane[index];
	const struct margin *margin = &lane->margin;
	int64_t needed = needed_s(survey, index), turns_at;
	enum finding_level level = FINDING_PASS;
	struct finding *finding;
	char left[32], need[32], turn[32];
	bool told;

	if (!is_moved(survey, index))
		return;
	told = find_margin(survey, index);
	if (!has_sync(survey, index)) {
		finding_say(
			survey_add(survey, FINDING_PASS, "margin", lane->name),
			"no sync is under way, nothing can be lost");
		return;
	}
	if (!margin->how) {
		finding = survey_add(
			survey, FINDING_REFUSAL, "margin", lane->name);
		finding_say(finding,
			"how long the sync may stand still is not known: %s",
			margin->why);
		finding_fix(finding,
			"oplog_window: 86400   in the fleet file: so many "
			"seconds of changes does the source's oplog hold at "
			"the very least");
		return;
	}
	turns_at = margin->s * (int64_t)survey->fleet->turn_back_at / 100;
	if (margin->s < needed)
		level = FINDING_REFUSAL;
	else if (turns_at < 2 * needed)
		level = FINDING_WARNING;
	finding = survey_add(survey, level, "margin", lane->name);
	finding_say(finding,
		"it may stand still for %s (%s), an upgrade takes about %s of "
		"that; it would turn back after %s%s%.180s",
		margin_duration(left, sizeof(left), margin->s),
		margin_how_text(margin->how),
		margin_duration(need, sizeof(need), needed),
		margin_duration(turn, sizeof(turn), turns_at),
		margin->why[0] ? "; the oplog is not used: " : "", margin->why);
	if (level == FINDING_REFUSAL)
		finding_fix(finding,
			"let the sync catch up, or enlarge the source's oplog "
			"(replSetResizeOplog, minRetentionHours) and wait");
	if (!told)
		warn_of_lag(survey, lane);
}

void check_save(struct survey *survey, unsigned index)
{
	const struct seen_lane *lane = &survey->lane[index];
	const struct margin *margin = &lane->margin;
	int64_t takes = save_s(survey, index);
	struct finding *finding;
	char time[32], quarter[32];
	bool fits;

	if (!is_moved(survey, index) || !has_sync(survey, index))
		return;
	if (takes < 0) {
		finding =
			survey_add(survey, FINDING_WARNING, "save", lane->name);
		finding_say(finding,
			"how long saving the metadata will take cannot be "
			"told: its size is not known");
		return;
	}
	/* Nothing to compare with: that is refused already. */
	fits = !margin->how || takes <= margin->s / 4;
	finding = survey_add(survey, fits ? FINDING_PASS : FINDING_REFUSAL,
		"save", lane->name);
	finding_say(finding, "saving the metadata takes about %s (%s)%s%s",
		margin_duration(time, sizeof(time), takes),
		survey->expected.save_measured ? "as fast as in earlier runs"
					       : "an assumed 10 MiB/s",
		fits ? ""
		     : ", more than a quarter of the time that the sync "
		       "may stand still: ",
		fits ? ""
		     : margin_duration(
			       quarter, sizeof(quarter), margin->s / 4));
	if (!fits)
		finding_fix(finding,
			"enlarge the source's oplog (replSetResizeOplog, "
			"minRetentionHours) and wait until it is filled");
}
