/*
 * room.c - see room.h.
 */
#include "supervisor/plan/room.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "state/cleanup.h"
#include "supervisor/engine/engine.h"
#include "supervisor/install/place.h"
#include "supervisor/memory.h"

#define MIB (1u << 20)
#define BLOCK 4096u
/* Claims, links, holds, marks: small files, a block or two each. */
#define BESIDE MIB
/* The run's own, and once more while a run is taken up again. */
#define JOURNAL (2u * ENGINE_JOURNAL_BYTES)

uint64_t room_for_copy(uint64_t bytes)
{
	return bytes + bytes / 4 + MIB;
}

static void look_at(struct seen_place *place, const char *path)
{
	place->path = path;
	place->seen = place_room(path, &place->device, &place->free);
}

static void look_at_executable(const struct survey *survey, unsigned index)
{
	struct seen_lane *lane = &survey->lane[index];
	const struct seen_instance *first = &survey->instance[lane->first];
	char exe[64];
	struct stat st;

	(void)snprintf(
		exe, sizeof(exe), "/proc/%d/exe", (int)first->process.pid);
	if (!lane->kept && first->process.pid > 0 && stat(exe, &st) == 0)
		lane->adopted_bytes = (uint64_t)st.st_size;
}

void room_look(struct survey *survey)
{
	const struct fleet *fleet = survey->fleet;
	_cleanup_free_ char *version = memory_text(
		"%s/versions/%s", fleet->install_root, fleet->version);
	struct stat st;

	look_at(&survey->state_place, fleet->state_dir);
	look_at(&survey->root_place, fleet->install_root);
	survey->delivered = stat(version, &st) == 0;
	for (unsigned i = 0; i < survey->lane_count; i++)
		look_at_executable(survey, i);
}

struct need { /* bytes */
	uint64_t journal, copies, version, adopted;
	bool copies_unknown;
};

static uint64_t sum(const struct need *need)
{
	return need->journal + need->copies + need->version + need->adopted +
	       BESIDE;
}

static void need_copy(struct need *need, const struct seen_cluster *cluster)
{
	const json_t *bytes = json_object_get(cluster->summary, "bytes");

	if (json_is_integer(bytes) && json_integer_value(bytes) >= 0)
		need->copies +=
			room_for_copy((uint64_t)json_integer_value(bytes));
	else
		need->copies_unknown = true;
}

static void find_needs(const struct survey *survey, struct need *ret_state,
	struct need *ret_root)
{
	*ret_state = (struct need){.journal = JOURNAL};
	*ret_root = (struct need){0};
	if (!survey->delivered)
		ret_root->version = survey->artifact.bytes +
				    (uint64_t)survey->artifact.files * BLOCK;
	for (unsigned i = 0; i < survey->lane_count; i++) {
		const struct seen_lane *lane = &survey->lane[i];

		if (!survey_moves(survey, i))
			continue;
		need_copy(ret_state, &survey->cluster[lane->cluster]);
		ret_root->adopted += lane->adopted_bytes;
	}
}

static size_t tell(
	char *text, size_t size, size_t len, const char *what, uint64_t bytes)
{
	int more;

	if (!bytes || len >= size)
		return len;
	more = snprintf(text + len, size - len, "%s%s %.1f", len ? ", " : "",
		what, (double)bytes / MIB);
	return len + (size_t)(more > 0 ? more : 0);
}

static void check_place(struct survey *survey, const struct seen_place *place,
	const struct need *need)
{
	bool fits = sum(need) <= place->free;
	struct finding *finding = survey_add(survey,
		fits ? FINDING_PASS : FINDING_REFUSAL, "room", place->path);
	char parts[200] = "";
	size_t len = 0;

	len = tell(parts, sizeof(parts), len, "journal", need->journal);
	len = tell(parts, sizeof(parts), len, "copy of the metadata",
		need->copies);
	len = tell(parts, sizeof(parts), len, "new version", need->version);
	(void)tell(parts, sizeof(parts), len, "version that runs now",
		need->adopted);
	(void)snprintf(finding->text, sizeof(finding->text),
		"%.1f MiB needed%s%s%s, %.1f MiB free", (double)sum(need) / MIB,
		parts[0] ? " (" : "", parts, parts[0] ? ")" : "",
		(double)place->free / MIB);
	if (!fits)
		(void)snprintf(finding->fix, sizeof(finding->fix),
			"make room there, or let state_dir: or install_root: "
			"be elsewhere");
}

void room_check(struct survey *survey)
{
	const struct seen_place *state = &survey->state_place;
	const struct seen_place *root = &survey->root_place;
	struct need at_state, at_root;

	/* Then nothing is written, and a full disk is no matter. */
	if (survey_is_reached(survey))
		return;
	find_needs(survey, &at_state, &at_root);
	if (state->seen && root->seen && state->device == root->device) {
		at_state.version = at_root.version;
		at_state.adopted = at_root.adopted;
		check_place(survey, state, &at_state);
	} else {
		if (state->seen)
			check_place(survey, state, &at_state);
		if (root->seen)
			check_place(survey, root, &at_root);
	}
	if (state->seen && at_state.copies_unknown) {
		struct finding *finding = survey_add(
			survey, FINDING_WARNING, "room", state->path);

		(void)snprintf(finding->text, sizeof(finding->text),
			"how large the sync's metadata is cannot be told: "
			"whether its copy has room is seen only when it is "
			"made, while everything is stopped");
	}
}
