/*
 * claims.c - the files on the host that say whose an instance or link is.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/install/claim.h"
#include "supervisor/memory.h"
#include "supervisor/plan/room.h"
#include "supervisor/steps/copies.h"
#include "supervisor/steps/steps.h"

static const char *claim_name(const struct target *target)
{
	return target->type == TARGET_LINK ? target->link.path : target->name;
}

static int claim_port(const struct target *target)
{
	return target->type == TARGET_PROCESS ? target->config.port : 0;
}

/* The run whose claims may be taken: as typed now, or when this run began. */
static const char *given_up(const struct step_run *run)
{
	if (run->env->take_over)
		return run->env->take_over;
	return json_string_value(
		json_object_get(run->env->state->plan, "take_over"));
}

static void our_claim(const struct step_run *run, struct claim *claim)
{
	const struct fleet *fleet = run->env->fleet;
	_cleanup_free_ char *state = fleet_state_path(fleet, NULL);
	const char *from =
		json_string_value(json_object_get(run->lane->json, "from"));

	memset(claim, 0, sizeof(*claim));
	(void)snprintf(
		claim->run, sizeof(claim->run), "%s", run->env->state->run);
	(void)gethostname(claim->host, sizeof(claim->host) - 1);
	(void)snprintf(claim->state_dir, sizeof(claim->state_dir), "%s", state);
	(void)snprintf(claim->fleet, sizeof(claim->fleet), "%s", fleet->name);
	claim->pid = (int)getpid();
	claim->since_ms = sys_wall_ms();
	(void)snprintf(claim->from, sizeof(claim->from), "%s", from);
	(void)snprintf(claim->to, sizeof(claim->to), "%s", fleet->version);
	claim->port = claim_port(run->target);
}

bool see_claimed(struct step_run *run, struct err *err)
{
	const char *root = run->env->fleet->install_root;
	const char *name = claim_name(run->target);
	const char *ours = run->env->state->run, *lost = given_up(run);
	struct claim other;

	if (claim_check(root, name, ours, err)) {
		if (!claim_sync(root, err))
			return false;
		step_saw(run, VIEW_REACHED, "ours");
		return true;
	}
	if (err->code != ERR_MISSING && err->code != ERR_HELD)
		return false;
	if (!claim_find(
		    root, name, claim_port(run->target), ours, &other, err)) {
		if (err->code != ERR_MISSING)
			return false;
		step_saw(run, VIEW_NOT_YET, "nobody's");
		return true;
	}
	if (lost && strcmp(other.run, lost) == 0) {
		step_see(run, "taken_from", json_string(other.run));
		step_saw(run, VIEW_NOT_YET, "to be taken from run %s",
			other.run);
		return true;
	}
	return err_set(err, ERR_HELD,
		"%.60s belongs to run %s of fleet %.60s on %s, state directory "
		"%.120s",
		name, other.run, other.fleet, other.host, other.state_dir);
}

/* What a lane claims: its processes, then its link. */
static const struct target *next_claimed(
	const struct step_run *run, const struct target *after)
{
	const struct targets *targets = run->env->targets;
	const struct target *next = NULL;

	if (!after || after->type == TARGET_PROCESS)
		next = targets_next(
			targets, TARGET_PROCESS, run->target->lane, after);
	if (!next && (!after || after->type == TARGET_PROCESS))
		next = targets_next(
			targets, TARGET_LINK, run->target->lane, NULL);
	return next;
}

/* Freed by the caller. */
static struct claim_thing *things_of_lane(const struct step_run *run)
{
	const struct target *target = NULL;
	struct claim_thing *things;
	size_t count = 0;

	while ((target = next_claimed(run, target)))
		count++;
	things = memory_must(calloc(count + 1, sizeof(*things)));
	for (count = 0; (target = next_claimed(run, target)); count++)
		things[count] = (struct claim_thing){
			claim_name(target), claim_port(target)};
	return things;
}

/* With the link's claim, and before it: whoever finds that finds the room. */
static bool reserve_room(struct step_run *run, struct err *err)
{
	const struct target *metadata = targets_next(
		run->env->targets, TARGET_METADATA, run->target->lane, NULL);
	const json_t *bytes = NULL;

	if (run->target->type == TARGET_LINK && metadata)
		bytes = json_object_get(
			json_object_get(metadata->json, "before"), "bytes");
	return !bytes ||
	       copies_reserve(run->env->fleet, run->env->state->run,
		       run->lane->name,
		       room_for_copy((uint64_t)json_integer_value(bytes)), err);
}

bool do_claim(struct step_run *run, struct err *err)
{
	const char *root = run->env->fleet->install_root;
	const char *name = claim_name(run->target);
	/* Also for what is nobody's: the rest of the lane may still be its. */
	const char *from = given_up(run);
	_cleanup_free_ struct claim_thing *lane = things_of_lane(run);
	struct claim claim;

	if (!reserve_room(run, err))
		return false;
	our_claim(run, &claim);
	if (from ? !claim_take_over(root, name, &claim, from, lane, err)
		 : !claim_create(root, name, &claim, lane, err))
		return false;
	step_acted(run, NULL);
	return true;
}

/* When the host goes down in the middle of the release there is something to
 * do again, and some claims are gone: by ourselves. */
static bool claimed_again(struct step_run *run, struct err *err)
{
	_cleanup_free_ struct claim_thing *lane = NULL;
	struct claim claim;

	if (!run_course_began(&run->lane->forward, "release") &&
		!run_course_began(&run->lane->back, "release"))
		return false;
	lane = things_of_lane(run);
	our_claim(run, &claim);
	return lane && claim_create(run->env->fleet->install_root,
			       claim_name(run->target), &claim, lane, err);
}

bool claimed(struct step_run *run)
{
	const char *root = run->env->fleet->install_root;
	const char *name = claim_name(run->target);
	struct err err = {0};

	if (claim_check(root, name, run->env->state->run, &err) ||
		(err.code == ERR_MISSING && claimed_again(run, &err)))
		return true;
	if (err.code == ERR_MISSING)
		(void)err_set(&err, ERR_DECIDE,
			"its claim is gone: somebody removed it from %s/"
			".syncup/claims",
			root);
	step_saw_err(run, &err);
	return false;
}

bool can_touch(struct step_run *run, struct err *err)
{
	(void)err;
	if (claimed(run))
		step_saw(run, VIEW_REACHED, "ours");
	return true;
}

bool see_released(struct step_run *run, struct err *err)
{
	const struct target *target = NULL;

	while ((target = next_claimed(run, target))) {
		if (claim_check(run->env->fleet->install_root,
			    claim_name(target), run->env->state->run, err)) {
			step_saw(run, VIEW_NOT_YET, "%s is still claimed",
				target->name);
			return true;
		}
		if (err->code != ERR_MISSING && err->code != ERR_HELD)
			return false;
	}
	if (!claim_sync(run->env->fleet->install_root, err))
		return false;
	step_saw(run, VIEW_REACHED, "no claims are left");
	return true;
}

bool do_release(struct step_run *run, struct err *err)
{
	const struct target *target = NULL;
	const char *lost = given_up(run);

	/* However the lane ended, its copy is not waited for any more; nor is
	 * that of the run whose place this one took. */
	if (!copies_settle(run->env->fleet, run->env->state->run,
		    run->lane->name, err) ||
		(lost && !copies_settle(run->env->fleet, lost, NULL, err)))
		return false;
	/* One that was taken over is not ours to remove. */
	while ((target = next_claimed(run, target)))
		if (!claim_remove(run->env->fleet->install_root,
			    claim_name(target), run->env->state->run, err) &&
			err->code != ERR_HELD)
			return false;
	step_acted(run, NULL);
	return true;
}
