/*
 * compat.c - the table of versions: loading it, and asking it.
 */
#include "sync_client/compat.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "sync_client/compat_read.h"

bool compat_read(const char *file, const char *text, size_t len,
	struct compat **ret_compat, struct err *err)
{
	_cleanup_json_ json_t *json = NULL;
	struct compat *compat;
	json_error_t why;
	bool ok;

	if (len > COMPAT_FILE_MAX)
		return err_set(err, ERR_CONFIG, "%s has more than %u bytes",
			file, COMPAT_FILE_MAX);
	json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	/* jansson's own sentence quotes the file, whatever is in it */
	if (!json)
		return err_set(err, ERR_CONFIG,
			"%s:%d: no JSON, or a key is there twice", file,
			why.line);
	compat = calloc(1, sizeof(*compat));
	if (!compat)
		return compat_no_memory(err);
	ok = compat_read_table(compat, json, err);
	if (!ok) {
		compat_free(compat);
		return err_wrap(err, "%s", file);
	}
	*ret_compat = compat;
	return true;
}

bool compat_load(const char *path, struct compat **ret_compat, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	return atomic_file_read(path, COMPAT_FILE_MAX, &text, &len, err) &&
	       compat_read(path, text, len, ret_compat, err);
}

static void free_entries(struct compat_entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		compat_free_words(&entries->entry[i].words);
	free(entries->entry);
}

void compat_free(struct compat *compat)
{
	if (!compat)
		return;
	free_entries(&compat->targets);
	free_entries(&compat->impossible);
	compat_free_words(&compat->same);
	compat_free_words(&compat->downgrade);
	compat_free_words(&compat->otherwise);
	compat_free_asks(compat);
	free(compat);
}

/* ---- questions ---- */

static bool is_in(const struct compat_range *range, const char *version)
{
	return version_compare(range->at_least, version) <= 0 &&
	       version_compare(version, range->below) < 0;
}

static bool is_from(const struct compat_entry *entry, const char *from)
{
	for (size_t i = 0; i < entry->from_count; i++)
		if (is_in(&entry->from[i], from))
			return true;
	return false;
}

static const struct compat_entry *find_entry(
	const struct compat_entries *entries, const char *from, const char *to)
{
	for (size_t i = 0; i < entries->count; i++)
		if (is_in(&entries->entry[i].versions, to) &&
			is_from(&entries->entry[i], from))
			return &entries->entry[i];
	return NULL;
}

/* Only the first version of an entry is sure to have been released. */
static void find_nearest(const struct compat_entries *targets, const char *from,
	const char *to, char ret_nearest[VERSION_MAX])
{
	const char *below = NULL, *above = NULL;

	for (size_t i = 0; i < targets->count; i++) {
		const char *first = targets->entry[i].versions.at_least;

		if (version_compare(first, from) <= 0 ||
			!is_from(&targets->entry[i], from))
			continue;
		if (version_compare(first, to) < 0) {
			if (!below || version_compare(first, below) > 0)
				below = first;
		} else if (!above || version_compare(first, above) < 0) {
			above = first;
		}
	}
	if (!below)
		below = above ? above : "";
	(void)snprintf(ret_nearest, VERSION_MAX, "%s", below);
}

static void say(struct compat_answer *answer, enum compat_verdict verdict,
	const struct compat_words *words, bool is_stated)
{
	answer->verdict = verdict;
	answer->is_stated = is_stated;
	answer->note = words->note;
	answer->documented = words->documented;
}

bool compat_judge(const struct compat *compat, const char *from, const char *to,
	struct compat_answer *ret_answer, struct err *err)
{
	const struct compat_entry *entry = NULL;
	int order;

	if (!version_is_valid(from) || !version_is_valid(to))
		return err_set(err, ERR_CONFIG,
			"one of the two is no version such as 1.13.0");
	memset(ret_answer, 0, sizeof(*ret_answer));
	order = version_compare(from, to);
	if (order == 0) {
		say(ret_answer, COMPAT_DOCUMENTED, &compat->same, true);
		return true;
	}
	if (order > 0) {
		say(ret_answer, COMPAT_DOWNGRADE, &compat->downgrade, true);
		return true;
	}
	/* What is said of 1.13.0 is not said of 1.13.0-rc1. */
	if (!strchr(from, '-') && !strchr(to, '-')) {
		entry = find_entry(&compat->targets, from, to);
		if (entry) {
			say(ret_answer, COMPAT_DOCUMENTED, &entry->words,
				entry->words.is_stated);
			return true;
		}
		entry = find_entry(&compat->impossible, from, to);
	}
	if (entry) {
		say(ret_answer, COMPAT_IMPOSSIBLE, &entry->words,
			entry->words.is_stated);
		find_nearest(&compat->targets, from, to, ret_answer->nearest);
	} else {
		say(ret_answer, COMPAT_UNKNOWN, &compat->otherwise, false);
	}
	return true;
}

const char *compat_verdict_name(enum compat_verdict verdict)
{
	static const char *const names[] = {
		[COMPAT_UNKNOWN] = "unknown",
		[COMPAT_DOCUMENTED] = "documented",
		[COMPAT_IMPOSSIBLE] = "impossible",
		[COMPAT_DOWNGRADE] = "downgrade",
	};

	return names[verdict];
}
