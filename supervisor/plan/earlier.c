/*
 * earlier.c - see earlier.h.
 */
#include "supervisor/plan/earlier.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "state/journal.h"
#include "supervisor/fleet/fleet.h"
#include "supervisor/memory.h"

enum {
	/* Nobody has done it here before: a start is silent for two minutes and
	 * more, and what is assumed should rather be too long. */
	ASSUMED_RUN_S = 900,
	ASSUMED_STILL_S = 300,
	ASSUMED_RATE = 10 << 20, /* bytes a second, read three times */
	/* Of less it was not the reading that took the time. */
	TELLING_BYTES = 1 << 20,
};

static int64_t longest_still(const struct run_lane *lane)
{
	static const struct {
		const char *down, *up;
	} pairs[] = {{"pause", "resume"}, {"stop", "start"}};
	int64_t longest = 0;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		const struct run_stage *down =
			run_course_stage(&lane->forward, pairs[i].down);

		for (unsigned j = 0; down && j < down->step_count; j++) {
			const struct run_step *up =
				run_course_step(&lane->forward, pairs[i].up,
					down->step[j].target);
			int64_t from = down->step[j].first_intent_at;

			if (from && up && up->done_at - from > longest)
				longest = up->done_at - from;
		}
	}
	return longest;
}

static void add_save(struct earlier *earlier, const struct run_lane *lane)
{
	const struct run_stage *stage =
		run_course_stage(&lane->forward, "save");
	const struct run_step *save = stage ? &stage->step[0] : NULL;
	int64_t bytes =
		save ? json_integer_value(json_object_get(save->saw, "bytes"))
		     : 0;

	if (!save || save->status != RUN_DONE || !save->intent_at ||
		save->done_at <= save->intent_at || bytes < TELLING_BYTES ||
		earlier->saves == EARLIER_MAX)
		return;
	earlier->save_ms[earlier->saves] = save->done_at - save->intent_at;
	earlier->save_bytes[earlier->saves++] = bytes;
}

bool earlier_add(struct earlier *earlier, const struct run_state *state)
{
	int64_t longest = 0;

	if (earlier->count == EARLIER_MAX || state->outcome != RUN_REACHED ||
		state->resumed || state->ended_at <= state->started_at)
		return false;
	for (unsigned i = 0; i < state->lane_count; i++) {
		int64_t still = longest_still(&state->lane[i]);

		if (still > longest)
			longest = still;
		add_save(earlier, &state->lane[i]);
	}
	earlier->run_ms[earlier->count] = state->ended_at - state->started_at;
	earlier->still_ms[earlier->count++] = longest;
	return true;
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

/* The upper one of two in the middle. */
static int64_t median(const int64_t *values, unsigned count)
{
	int64_t sorted[EARLIER_MAX];

	memcpy(sorted, values, count * sizeof(*values));
	qsort(sorted, count, sizeof(*sorted), compare);
	return sorted[count / 2];
}

struct expected earlier_expect(const struct earlier *earlier)
{
	struct expected expected = {
		.runs = earlier->count,
		.run_s = ASSUMED_RUN_S,
		.still_s = ASSUMED_STILL_S,
		.bytes_per_s = ASSUMED_RATE,
	};
	int64_t rates[EARLIER_MAX];

	if (earlier->count) {
		expected.run_s =
			(median(earlier->run_ms, earlier->count) + 999) / 1000;
		expected.still_s =
			(median(earlier->still_ms, earlier->count) + 999) /
			1000;
	}
	for (unsigned i = 0; i < earlier->saves; i++)
		rates[i] = earlier->save_bytes[i] * 1000 / earlier->save_ms[i];
	if (earlier->saves) {
		int64_t rate = median(rates, earlier->saves);

		expected.save_measured = true;
		expected.bytes_per_s = rate > 0 ? rate : 1;
	}
	return expected;
}

static void add_journal(struct earlier *earlier, const char *path)
{
	struct run_state state = {0};

	if (journal_read(path, run_state_apply, &state, NULL, NULL))
		(void)earlier_add(earlier, &state);
	run_state_done(&state);
}

static int is_journal(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 8 && strcmp(entry->d_name + len - 8, ".journal") == 0;
}

/* Their names begin with the time. */
static int newest_first(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*b)->d_name, (*a)->d_name);
}

void earlier_read(const struct fleet *fleet, struct earlier *ret_earlier)
{
	_cleanup_free_ char *last = fleet_state_path(fleet, "run.journal");
	_cleanup_free_ char *history = fleet_state_path(fleet, "history");
	struct dirent **entry = NULL;
	int count = scandir(history, &entry, is_journal, newest_first);

	*ret_earlier = (struct earlier){0};
	add_journal(ret_earlier, last);
	for (int i = 0; i < count; i++) {
		_cleanup_free_ char *path =
			memory_text("%s/%s", history, entry[i]->d_name);

		if (i < EARLIER_MAX)
			add_journal(ret_earlier, path);
		free(entry[i]);
	}
	free(entry);
}
