/*
 * check_privileges.c - may the users of a lane's connection strings do what the
 * new version needs?  An upgrade can fail on that alone.
 */
#include "supervisor/plan/checks.h"

#include <stdio.h>
#include <string.h>

#include "sync_client/privileges.h"

/* By which side of the sync a connection string is: 0 or 1. */
static const enum compat_side sides[] = {COMPAT_SOURCE, COMPAT_DESTINATION};
static const char *const side_names[] = {"source", "destination"};

static void append(char *to, size_t size, const char *text)
{
	size_t len = strlen(to);

	(void)snprintf(to + len, size - len, "%s", text);
}

/* "insert, update on all databases" */
static void describe(const json_t *lacking, const struct compat_need *need,
	char *to, size_t size)
{
	const json_t *action;
	char place[200];
	size_t i;

	if (to[0])
		append(to, size, "; ");
	json_array_foreach (lacking, i, action) {
		append(to, size, i ? ", " : "");
		append(to, size, json_string_value(action));
	}
	privileges_place(json_array_get(need->on, 0), place, sizeof(place));
	append(to, size, " on ");
	append(to, size, place);
}

struct missing { /* of one side and level */
	char text[260];
	const struct compat_need *first;
};

static void find_missing(const struct survey *survey, const json_t *held,
	enum compat_side side, struct missing missing[2])
{
	const struct compat_need *need;

	for (size_t i = 0; (need = compat_need(survey->compat, i)); i++) {
		struct missing *to = &missing[need->words.is_stated];
		json_t *lacking;

		if (!(need->of & side) ||
			!compat_applies(&need->span, survey->fleet->version))
			continue;
		lacking = privileges_lacking(held, need);
		if (!lacking)
			continue;
		if (!to->first)
			to->first = need;
		describe(lacking, need, to->text, sizeof(to->text));
		json_decref(lacking);
	}
}

static void tell_missing(struct survey *survey, const struct seen_lane *lane,
	unsigned number, unsigned side, bool is_stated,
	const struct missing *missing)
{
	struct finding *finding;

	if (!missing->first)
		return;
	finding = survey_add(survey,
		is_stated ? FINDING_REFUSAL : FINDING_WARNING, "privileges",
		lane->name);
	finding_say(finding, "for %s the user of cluster%u (the %s) %s: %s",
		survey->fleet->version, number, side_names[side],
		is_stated ? "lacks" : "may need", missing->text);
	finding_fix(finding, "grant it.  %.100s (%.100s)",
		missing->first->words.note, missing->first->words.documented);
}

/* True: nothing was found wrong.  *ret_open: there is no access control. */
static bool check_cluster_user(struct survey *survey,
	const struct seen_lane *lane, unsigned number, unsigned side,
	bool *ret_open)
{
	const struct seen_cluster *cluster = &survey->cluster[lane->cluster];
	const json_t *held = cluster->privileges[number];
	const struct err *why = &cluster->privileges_err[number];
	struct missing missing[2] = {0};
	struct finding *finding;

	*ret_open = json_is_false(json_object_get(held, "access_control"));
	if (*ret_open)
		return true;
	if (json_array_size(json_object_get(held, "privileges")) == 0) {
		finding = survey_add(
			survey, FINDING_WARNING, "privileges", lane->name);
		finding_say(finding,
			"what the user of cluster%u (the %s) may do cannot be "
			"read: %s",
			number, side_names[side],
			why->code ? why->msg
				  : "the server shows no privileges");
		return false;
	}
	find_missing(survey, held, sides[side], missing);
	tell_missing(survey, lane, number, side, true, &missing[1]);
	tell_missing(survey, lane, number, side, false, &missing[0]);
	return !missing[0].first && !missing[1].first;
}

static const char *words_for(bool open)
{
	return open ? "has no access control" : "has what is needed";
}

void check_privileges(struct survey *survey, unsigned index)
{
	const struct seen_lane *lane = &survey->lane[index];
	bool turned = survey_is_turned(survey, index), open[2] = {0};
	bool good[2] = {0};
	struct finding *finding;

	if (!is_to_change(survey, &survey->instance[lane->first]))
		return;
	if (!compat_need(survey->compat, 0)) {
		finding = survey_add(
			survey, FINDING_PASS, "privileges", lane->name);
		finding_say(finding, "%s names none", survey->compat_file);
		return;
	}
	for (unsigned i = 0; i < 2; i++)
		good[i] = check_cluster_user(
			survey, lane, i, turned ? 1 - i : i, &open[i]);
	if (!good[0] || !good[1])
		return;
	finding = survey_add(survey, FINDING_PASS, "privileges", lane->name);
	finding_say(finding, "for %s: cluster0 %s, cluster1 %s",
		survey->fleet->version, words_for(open[0]), words_for(open[1]));
}
