/*
 * claims.c - the files on the host that say whose an instance or link is.
 */
#include <string.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/install/claim.h"
#include "supervisor/steps/copies.h"
#include "supervisor/steps/steps.h"

static const char *claim_name(const struct target *target)
{
	return target->type == TARGET_LINK ? target->link.path : target->name;
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
	claim->since_ms = sys_wall_ms();
	(void)snprintf(claim->from, sizeof(claim->from), "%s", from);
	(void)snprintf(claim->to, sizeof(claim->to), "%s", fleet->version);
}

bool see_claimed(struct step_run *run, struct err *err)
{
	const char *root = run->env->fleet->install_root;
	const char *name = claim_name(run->target);
	struct claim other;

	if (claim_check(root, name, run->env->state->run, err)) {
		if (!claim_sync(root, err))
			return false;
		step_saw(run, VIEW_REACHED, "ours");
		return true;
	}
	if (err->code == ERR_MISSING) {
		step_saw(run, VIEW_NOT_YET, "nobody's");
		return true;
	}
	if (err->code == ERR_HELD && run->env->take_over &&
		claim_read(root, name, &other, NULL) &&
		strcmp(other.run, run->env->take_over) == 0) {
		step_see(run, "taken_from", json_string(other.run));
		step_saw(run, VIEW_NOT_YET, "to be taken from run %s",
			other.run);
		return true;
	}
	return false;
}

bool do_claim(struct step_run *run, struct err *err)
{
	const char *root = run->env->fleet->install_root;
	const char *name = claim_name(run->target);
	struct claim claim;

	our_claim(run, &claim);
	if (json_object_get(run->saw, "taken_from")
			? !claim_take_over(root, name, &claim, err)
			: !claim_create(root, name, &claim, err))
		return false;
	step_acted(run, NULL);
	return true;
}

bool claimed(struct step_run *run)
{
	struct err err = {0};

	if (claim_check(run->env->fleet->install_root, claim_name(run->target),
		    run->env->state->run, &err))
		return true;
	if (err.code == ERR_MISSING)
		(void)err_set(&err, ERR_DECIDE,
			"its claim is gone: somebody removed it from %s/"
			".syncup/claims",
			run->env->fleet->install_root);
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

/* Every claim of the lane is to go, the link's last. */
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

	/* However the lane ended, its copy is not waited for any more. */
	if (!copies_settle(run->env->fleet, run->env->state->run,
		    run->lane->name, err))
		return false;
	while ((target = next_claimed(run, target)))
		if (!claim_remove(run->env->fleet->install_root,
			    claim_name(target), run->env->state->run, err))
			return false;
	step_acted(run, NULL);
	return true;
}
