/*
 * notify.c - the command that the fleet file names, where the verbs call it.
 */
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "supervisor/cli/cli.h"
#include "supervisor/memory.h"
#include "supervisor/report/notify.h"

struct notify *cli_notify_new(const struct cli_place *place,
	const struct run_state *state, struct event_base *base)
{
	_cleanup_free_ char *operand = realpath(place->operand, NULL);
	const struct notice_about about = {
		.fleet = strrchr(place->folder, '/') + 1,
		.operand = operand ? operand : place->operand,
	};
	struct fleet *planned = NULL;
	const struct fleet *fleet = place->fleet;
	struct notify *notify = NULL;

	/* It may be mended while a run is unfinished: what stands in the file
	 * now counts. */
	if (!fleet && state &&
		fleet_from_json(
			json_object_get(state->plan, "fleet"), &planned, NULL))
		fleet = planned;
	if (fleet && fleet->notify.count)
		notify = notify_new(
			base, fleet->notify.item, &about, place->folder);
	fleet_free(planned);
	return notify;
}

/* With a loop of its own: nothing else is under way. */
static void tell(const struct cli_place *place, const struct run_state *state,
	int code, const char *why)
{
	struct event_base *base = memory_must(event_base_new());
	struct notify *notify = cli_notify_new(place, state, base);

	if (notify && why)
		notify_refused(notify, state ? state->run : "", code, why);
	else if (notify)
		notify_look(notify, state);
	while (notify && notify_is_busy(notify) &&
		event_base_loop(base, EVLOOP_ONCE) == 0)
		;
	notify_free(notify);
	event_base_free(base);
}

void cli_notify_missed(
	const struct cli_place *place, const struct run_state *state)
{
	tell(place, state, 0, NULL);
}

void cli_notify_refused(const struct cli_place *place,
	const struct run_state *state, int code, const char *why)
{
	tell(place, state, code, why);
}
