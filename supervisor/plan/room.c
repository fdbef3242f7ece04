/*
 * room.c - see room.h.
 */
#include "supervisor/plan/room.h"

#include "supervisor/engine/engine.h"
#include "supervisor/install/place.h"

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

void room_look(struct survey *survey)
{
	struct seen_place *place = &survey->state_place;

	place->path = survey->fleet->state_dir;
	place->seen = place_room(place->path, &place->device, &place->free);
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

static void need_state(const struct survey *survey, struct need *ret_need)
{
	*ret_need = (struct need){.journal = JOURNAL};
	for (unsigned i = 0; i < survey->lane_count; i++)
		if (survey_moves(survey, i))
			need_copy(ret_need,
				&survey->cluster[survey->lane[i].cluster]);
}

static void need_root(
	const struct survey *survey, unsigned host, struct need *ret_need)
{
	*ret_need = (struct need){0};
	if (!survey->host[host].delivered)
		ret_need->version = survey->artifact.bytes +
				    (uint64_t)survey->artifact.files * BLOCK;
	/* On another host the archive itself is there, too, for a while. */
	if (survey->host[host].name && !survey->host[host].delivered)
		ret_need->version += survey->artifact.bytes;
	for (unsigned i = 0; i < survey->lane_count; i++) {
		const struct seen_lane *lane = &survey->lane[i];

		for (unsigned j = 0; j < lane->link_count; j++)
			if (lane->link[j].host == host &&
				survey_moves(survey, i))
				ret_need->adopted +=
					lane->link[j].adopted_bytes;
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

static void check_place(struct survey *survey, const char *subject,
	const struct seen_place *place, const struct need *need)
{
	bool fits = sum(need) <= place->free;
	struct finding *finding = survey_add(
		survey, fits ? FINDING_PASS : FINDING_REFUSAL, "room", subject);
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

static void check_root(struct survey *survey, unsigned index)
{
	const struct seen_place *root = &survey->host[index].root_place;
	char shown[SEEN_SHOWN];
	struct need need;

	if (!root->seen)
		return;
	need_root(survey, index, &need);
	check_place(survey, seen_show_path(survey, index, root->path, shown),
		root, &need);
}

/* Where both are on one file system it is asked for once. */
static bool is_with_state(const struct survey *survey, unsigned index)
{
	const struct seen_place *state = &survey->state_place;
	const struct seen_host *host = &survey->host[index];

	return !host->name && state->seen && host->root_place.seen &&
	       state->device == host->root_place.device;
}

static void check_state(struct survey *survey)
{
	const struct seen_place *state = &survey->state_place;
	struct need need, root;

	need_state(survey, &need);
	for (unsigned i = 0; i < survey->host_count; i++) {
		if (!is_with_state(survey, i))
			continue;
		need_root(survey, i, &root);
		need.version = root.version;
		need.adopted = root.adopted;
	}
	check_place(survey, state->path, state, &need);
	if (need.copies_unknown) {
		struct finding *finding = survey_add(
			survey, FINDING_WARNING, "room", state->path);

		(void)snprintf(finding->text, sizeof(finding->text),
			"how large the sync's metadata is cannot be told: "
			"whether its copy has room is seen only when it is "
			"made, while everything is stopped");
	}
}

void room_check(struct survey *survey)
{
	/* Then nothing is written, and a full disk is no matter. */
	if (survey_is_reached(survey))
		return;
	if (survey->state_place.seen)
		check_state(survey);
	for (unsigned i = 0; i < survey->host_count; i++)
		if (!is_with_state(survey, i))
			check_root(survey, i);
}
