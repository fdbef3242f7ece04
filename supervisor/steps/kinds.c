/*
 * kinds.c - the table: every kind of work, and how it is treated.
 *
 * deliver to unadopt change files, pause and resume talk to the sync's API,
 * save and put-back to the destination; the rest only looks (preflight,
 * verify, watch, prove, margin) or keeps the books (claim, release).
 */
#include <string.h>

#include "supervisor/steps/steps.h"

static const struct step_kind kinds[] = {
	/* clang-format off */
/* name         doing                          observe         guard         act          again        tries quiet patience */
{ "claim",     "claiming %s",                  see_claimed,    can_claim,    do_claim,    AGAIN_SAFE,  3,    0,   30 },
{ "preflight", "looking at %s once more",      see_ready,      NULL,         NULL,        AGAIN_SAFE,  1,    0,   300 },
{ "deliver",   "bringing the version to %s",   see_delivered,  NULL,         do_deliver,  AGAIN_SAFE,  2,    0,   3600 },
{ "adopt",     "adopting what runs at %s",     see_adopted,    can_touch,    do_adopt,    AGAIN_SAFE,  3,    0,   600 },
{ "revive",    "making sure that %s runs",     see_up,         can_touch,    do_start,    AGAIN_QUIET, 2,    60,  2100 },
{ "pause",     "pausing %s",                   see_paused,     can_ask,      do_pause,    AGAIN_QUIET, 5,    30,  300 },
{ "hold",      "holding %s",                   see_held,       can_touch,    do_hold,     AGAIN_SAFE,  3,    0,   30 },
{ "stop",      "stopping %s",                  see_gone,       can_stop,     do_stop,     AGAIN_QUIET, 3,    300, 300 },
{ "save",      "saving %s",                    see_saved,      can_save,     do_save,     AGAIN_SAFE,  3,    0,   900 },
{ "activate",  "switching %s to the version",  see_linked,     can_touch,    do_link,     AGAIN_SAFE,  3,    0,   30 },
{ "start",     "starting %s",                  see_up,         can_touch,    do_start,    AGAIN_QUIET, 2,    60,  2100 },
{ "verify",    "verifying %s",                 see_verified,   NULL,         NULL,        AGAIN_SAFE,  1,    0,   300 },
{ "resume",    "resuming %s",                  see_resumed,    can_ask,      do_resume,   AGAIN_QUIET, 5,    180, 600 },
{ "watch",     "watching %s move",             see_movement,   NULL,         NULL,        AGAIN_SAFE,  1,    0,   660 },
{ "settle",    "settling %s",                  see_settled,    NULL,         do_settle,   AGAIN_SAFE,  3,    0,   300 },
{ "release",   "releasing %s",                 see_released,   NULL,         do_release,  AGAIN_SAFE,  3,    0,   30 },
{ "prove",     "proving that %s is unchanged", see_unchanged,  NULL,         NULL,        AGAIN_SAFE,  1,    0,   300 },
{ "margin",    "reading the margin of %s",     see_margin,     NULL,         NULL,        AGAIN_SAFE,  1,    0,   60 },
{ "put-back",  "putting back %s",              see_put_back,   can_put_back, do_put_back, AGAIN_SAFE,  2,    0,   900 },
{ "restore",   "switching %s back",            see_linked,     can_touch,    do_link,     AGAIN_SAFE,  3,    0,   30 },
{ "unadopt",   "giving back %s",               see_unadopted,  can_touch,    do_unadopt,  AGAIN_SAFE,  3,    0,   600 },
	/* clang-format on */
};

const struct step_kind *step_kinds(unsigned *ret_count)
{
	*ret_count = sizeof(kinds) / sizeof(kinds[0]);
	return kinds;
}

const struct step_kind *step_kind_find(const char *name)
{
	for (size_t i = 0; name && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}
