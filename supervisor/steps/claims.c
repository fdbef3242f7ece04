/*
 * claims.c - the files on the host that say whose an instance or link is.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/host/ops_install.h"
#include "supervisor/memory.h"
#include "supervisor/plan/room.h"
#include "supervisor/steps/ask.h"
#include "supervisor/steps/copies.h"
#include "supervisor/steps/steps.h"

enum {
	LAST_LOOK_MS = 2000, /* before the engine's patience ends */
};

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
	claim->port = target_claim_port(run->target);
}

static void claim_seen(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	const json_t *owner = json_object_get(result, "owner");
	const char *lost = given_up(run);
	struct claim other;
	struct err held = {0};

	if (err) {
		step_cannot_look(run, err);
		return;
	}
	if (!owner) {
		bool ours = json_is_true(json_object_get(result, "ours"));

		step_saw(run, ours ? VIEW_REACHED : VIEW_NOT_YET,
			ours ? "ours" : "nobody's");
		return;
	}
	op_claim_read(owner, &other);
	if (lost && strcmp(other.run, lost) == 0) {
		step_see(run, "taken_from", json_string(other.run));
		step_saw(run, VIEW_NOT_YET, "to be taken from run %s",
			other.run);
		return;
	}
	(void)err_set(&held, ERR_HELD,
		"%.60s belongs to run %s of fleet %.60s on %s, state directory "
		"%.120s",
		target_claim_name(run->target), other.run, other.fleet,
		other.host, other.state_dir);
	step_cannot_look(run, &held);
}

bool see_claimed(struct step_run *run, struct err *err)
{
	json_t *ask = json_pack("{s:s, s:s, s:i, s:s}", "root", ask_root(run),
		"name", target_claim_name(run->target), "port",
		target_claim_port(run->target), "run", run->env->state->run);

	return ask_host(
		run, run->target, "claim_see", ask, ASK_MS, claim_seen, err);
}

/* What a lane claims: its processes, then its links. */
static const struct target *next_claimed(
	const struct step_run *run, const struct target *after)
{
	const struct targets *targets = run->env->targets;
	const char *lane = run->target->lane;
	const struct target *next = NULL;

	if (!after || after->type == TARGET_PROCESS) {
		next = targets_next(targets, TARGET_PROCESS, lane, after);
		after = NULL;
	}
	return next ? next : targets_next(targets, TARGET_LINK, lane, after);
}

/* Of those on one host. */
static json_t *names_on(const struct step_run *run, const struct host *host)
{
	const struct target *target = NULL;
	json_t *names = json_array();

	while ((target = next_claimed(run, target)))
		if (target->host == host)
			(void)json_array_append_new(
				names, json_string(target_claim_name(target)));
	return names;
}

static json_t *things_on(const struct step_run *run, const struct host *host)
{
	const struct target *target = NULL;
	json_t *things = json_array();

	while ((target = next_claimed(run, target)))
		if (target->host == host)
			(void)json_array_append_new(things,
				json_pack("{s:s, s:i}", "name",
					target_claim_name(target), "port",
					target_claim_port(target)));
	return things;
}

/* By what a host says of itself, however a fleet file calls it; "" in a plan of
 * an earlier syncup. */
static const char *itself(const struct step_run *run, const struct host *host)
{
	const struct targets *targets = run->env->targets;
	const char *text = NULL;

	for (unsigned i = 0; i < targets->count && !text; i++)
		if (targets->item[i].type == TARGET_HOST &&
			targets->item[i].host == host)
			text = json_string_value(json_object_get(
				targets->item[i].json, "itself"));
	return text ? text : "";
}

/* The hosts of a lane are claimed one after the other, in an order that is the
 * same for all who want that lane; on one host they get all of it or nothing.
 * So of two that begin at once the first on the first host gets it, and the
 * other has claimed nothing yet when it is refused. */
bool can_claim(struct step_run *run, struct err *err)
{
	const char *here = itself(run, run->target->host);
	const struct target *other = NULL;
	const struct run_step *step;

	(void)err;
	while ((other = next_claimed(run, other))) {
		step = run_stage_step(run->stage, other->name);
		if (!step || step->status == RUN_DONE ||
			strcmp(itself(run, other->host), here) >= 0)
			continue;
		step_saw(run, VIEW_NOT_YET, "%s on %s has to be claimed first",
			other->name, host_name(other->host));
		return true;
	}
	step_saw(run, VIEW_REACHED, "its turn");
	return true;
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

static bool create(
	struct step_run *run, const char *from, host_fn *done, struct err *err)
{
	struct claim claim;
	json_t *ask;

	our_claim(run, &claim);
	ask = json_pack("{s:s, s:s, s:o, s:o, s:s*}", "root", ask_root(run),
		"name", target_claim_name(run->target), "claim",
		op_claim_json(&claim), "lane",
		things_on(run, run->target->host), "from", from);
	return ask_host(
		run, run->target, "claim_create", ask, ASK_MS, done, err);
}

bool do_claim(struct step_run *run, struct err *err)
{
	/* Also for what is nobody's: the rest of the lane may still be its. */
	return reserve_room(run, err) &&
	       create(run, given_up(run), ask_acted, err);
}

static void go_on(struct step_run *run)
{
	struct err err = {0};

	if (!run->then(run, &err))
		step_cannot_look(run, &err);
}

static void claim_is_gone(struct step_run *run)
{
	struct err err = {0};

	(void)err_set(&err, ERR_DECIDE,
		"its claim is gone: somebody removed it from %s/"
		".syncup/claims",
		ask_root(run));
	step_saw_err(run, &err);
}

static void claimed_again(
	void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;

	if (result)
		go_on(run);
	else if (err->code == ERR_MISSING)
		claim_is_gone(run);
	else
		step_saw_err(run, err);
}

static void claim_checked(
	void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	bool releasing = run_course_began(&run->lane->forward, "release") ||
			 run_course_began(&run->lane->back, "release");
	struct err again = {0};

	if (result)
		go_on(run);
	else if (err->code != ERR_MISSING)
		step_saw_err(run, err);
	else if (!releasing)
		claim_is_gone(run);
	/* When the host goes down in the middle of the release there is
	 * something to do again, and some claims are gone: by ourselves. */
	else if (!create(run, NULL, claimed_again, &again))
		step_saw_err(run, &again);
}

bool if_claimed(struct step_run *run, step_fn *then, struct err *err)
{
	run->then = then;
	return ask_host(run, run->target, "claim_check", ask_ours(run), ASK_MS,
		claim_checked, err);
}

static bool saw_ours(struct step_run *run, struct err *err)
{
	(void)err;
	step_saw(run, VIEW_REACHED, "ours");
	return true;
}

bool can_touch(struct step_run *run, struct err *err)
{
	return if_claimed(run, saw_ours, err);
}

static bool ask_claims(struct step_run *run, const struct target *link,
	const char *op, host_fn *done, struct err *err)
{
	json_t *ask = json_pack("{s:s, s:s, s:o}", "root", ask_root(run), "run",
		run->env->state->run, "names", names_on(run, link->host));

	return ask_host(run, link, op, ask, ASK_MS, done, err);
}

/* The upgrade is over: a claim that stays is no reason to turn back.  So when
 * patience is at an end, it stops there, and is gone on with another time. */
static void cannot_see_claims(struct step_run *run, const struct err *err)
{
	int64_t patience = run->stage->patience_s * 1000;
	struct err why = {0};

	if (err->code != ERR_AGAIN) {
		step_cannot_look(run, err);
		return;
	}
	(void)err_set(&why, ERR_STEP,
		"%.170s; claims are left in %.60s/.syncup/claims there, to be "
		"removed by hand if it never comes back",
		err->msg, ask_root(run));
	/* Before anything was tried that would be a failure, and a reason to
	 * turn back; what is in reach can go, and only what is ours goes. */
	if (!run->past->intents)
		step_saw(run, VIEW_NOT_YET, "%s", why.msg);
	else if (step_intent_age_ms(run) >= patience - LAST_LOOK_MS)
		step_blocked(run, &why);
	else
		step_saw(run, VIEW_UNKNOWN, "%s", why.msg);
}

static void left(void *arg, const json_t *result, const struct err *err);

static void look_at_claims(struct step_run *run)
{
	const struct target *link = ask_host_link(run);
	struct err err = {0};

	if (!link)
		step_saw(run, VIEW_REACHED, "no claims are left");
	else if (!ask_claims(run, link, "claims_left", left, &err))
		cannot_see_claims(run, &err);
}

static void left(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	const char *name = json_string_value(json_object_get(result, "left"));

	if (err) {
		cannot_see_claims(run, err);
		return;
	}
	if (name) {
		/* Its host may be in reach again. */
		step_saw(run, run->acted ? VIEW_AGAIN : VIEW_NOT_YET,
			"%s is still claimed", name);
		return;
	}
	ask_next_host(run);
	look_at_claims(run);
}

bool see_released(struct step_run *run, struct err *err)
{
	(void)err;
	ask_first_host(run);
	look_at_claims(run);
	return true;
}

static void removed(void *arg, const json_t *result, const struct err *err);

/* A host out of reach keeps its claims; those of the others go. */
static void remove_claims(struct step_run *run)
{
	const struct target *link;
	struct err err = {0};

	while ((link = ask_host_link(run))) {
		if (ask_claims(run, link, "claims_remove", removed, &err))
			return;
		if (err.code != ERR_AGAIN) {
			step_acted(run, &err);
			return;
		}
		ask_next_host(run);
	}
	step_acted(run, NULL);
}

static void removed(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;

	(void)result;
	if (err && err->code != ERR_AGAIN) {
		step_acted(run, err);
		return;
	}
	ask_next_host(run);
	remove_claims(run);
}

bool do_release(struct step_run *run, struct err *err)
{
	const char *lost = given_up(run);

	/* However the lane ended, its copy is not waited for any more; nor is
	 * that of the run whose place this one took. */
	if (!copies_settle(run->env->fleet, run->env->state->run,
		    run->lane->name, err) ||
		(lost && !copies_settle(run->env->fleet, lost, NULL, err)))
		return false;
	ask_first_host(run);
	remove_claims(run);
	return true;
}
