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
static struct notify *begin(const struct cli_place *place,
	const struct run_state *state, struct event_base **ret_base)
{
	*ret_base = memory_must(event_base_new());
	return cli_notify_new(place, state, *ret_base);
}

static void finish(struct notify *notify, struct event_base *base)
{
	while (notify && notify_is_busy(notify) &&
		event_base_loop(base, EVLOOP_ONCE) == 0)
		;
	notify_free(notify);
	event_base_free(base);
}

void cli_notify_missed(
	const struct cli_place *place, const struct run_state *state)
{
	struct event_base *base;
	struct notify *notify = begin(place, state, &base);

	if (notify)
		notify_look(notify, state);
	finish(notify, base);
}

void cli_notify_refused(const struct cli_place *place,
	const struct run_state *state, int code, const char *why)
{
	struct event_base *base;
	struct notify *notify = begin(place, state, &base);

	if (notify)
		notify_refused(notify, state ? state->run : "", code, why);
	finish(notify, base);
}

void cli_notify_failed(const struct cli_place *place,
	const struct run_state *state, const char *once, const char *why,
	const char *next)
{
	struct event_base *base;
	struct notify *notify = begin(place, state, &base);

	if (notify && state)
		notify_look(notify, state);
	if (notify)
		notify_failed(notify, state, once, why, next);
	finish(notify, base);
}
