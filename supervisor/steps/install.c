/*
 * install.c - files and links: deliver, adopt, hold, switch, tidy.
 *
 * All of it is done where the target is (host/ops_install.h).
 */
#include "state/cleanup.h"
#include "supervisor/engine/child.h"
#include "supervisor/host/ops_install.h"
#include "supervisor/plan/source.h"
#include "supervisor/steps/ask.h"
#include "supervisor/steps/steps.h"

static const char *planned(const struct step_run *run, const char *key)
{
	const json_t *artifact =
		json_object_get(run->env->state->plan, "artifact");

	return json_string_value(json_object_get(artifact, key));
}

static void delivered(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;

	if (result)
		step_saw(run, VIEW_REACHED, "versions/%s is complete",
			run->env->fleet->version);
	else if (err->code == ERR_MISSING)
		step_saw(run, VIEW_NOT_YET, "%s", err->msg);
	else
		step_saw_err(run, err);
}

bool see_delivered(struct step_run *run, struct err *err)
{
	json_t *ask = json_pack("{s:s, s:s, s:s*}", "root", ask_root(run),
		"version", run->env->fleet->version, "binary_sha256",
		planned(run, "binary_sha256"));

	return ask_host(run, run->target, "version_see", ask, ASK_LONG_MS,
		delivered, err);
}

/* A child tells where the archive is, or an error. */
static int bring(void *arg, int fd)
{
	const struct step_run *run = arg;
	_cleanup_json_ json_t *said = NULL;
	struct err err = {0};
	char path[PATH_MAX];

	if (source_bring(run->env->fleet,
		    json_object_get(run->env->state->plan, "artifact"), path,
		    &err))
		said = json_pack("{s:s}", "path", path);
	else
		said = json_pack("{s:o}", "err", op_err_json(&err));
	return json_dumpfd(said, fd, JSON_COMPACT);
}

static int64_t patience_ms(const struct step_run *run)
{
	return run->stage->patience_s * 1000;
}

static bool unpack(
	struct step_run *run, const char *path, bool received, struct err *err)
{
	json_t *ask = json_pack("{s:s, s:s*, s:s*, s:s, s:s, s:b}", "path",
		path, "sha256", planned(run, "sha256"), "binary_sha256",
		planned(run, "binary_sha256"), "root", ask_root(run), "version",
		run->env->fleet->version, "received", (int)received);

	return ask_host(run, run->target, "unpack", ask, patience_ms(run),
		ask_acted, err);
}

static void received(void *arg, const json_t *result, const struct err *err)
{
	const char *path = json_string_value(json_object_get(result, "path"));
	struct err act = {0};

	if (err)
		step_acted(arg, err);
	else if (!unpack(arg, path ? path : "", true, &act))
		step_acted(arg, &act);
}

static void brought(void *arg, const struct child_end *end)
{
	struct step_run *run = arg;
	_cleanup_json_ json_t *said = NULL;
	const char *path;
	struct err err = {0};
	bool ok;

	run->child = NULL;
	ok = ask_child_said(end, &said, &err);
	path = json_string_value(json_object_get(said, "path"));
	if (ok && !path)
		ok = err_set(&err, ERR_BUG, "the archive is nowhere");
	if (ok && host_is_local(run->target->host))
		ok = unpack(run, path, false, &err);
	else if (ok)
		ok = ask_put(run, path, planned(run, "sha256"),
			patience_ms(run), received, &err);
	if (!ok)
		step_acted(run, &err);
}

/* Whoever emptied the cache since is no obstacle. */
bool do_deliver(struct step_run *run, struct err *err)
{
	return child_work(run->env->base, bring, run, patience_ms(run), brought,
		run, &run->child, err);
}

static const char *link_from(const struct step_run *run)
{
	return json_string_value(json_object_get(run->target->json, "from"));
}

/* Asks whether the step's link is so: `key` says in which way. */
static bool see_link(struct step_run *run, const char *key, json_t *value,
	host_fn *done, struct err *err)
{
	json_t *ask = json_pack("{s:o, s:o}", "link",
		op_link_json(&run->target->link), key, value);

	return ask_host(run, run->target, "link_see", ask, ASK_MS, done, err);
}

static bool is_so(const json_t *result)
{
	return json_is_true(json_object_get(result, "is"));
}

static void adopted(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;

	if (err)
		step_cannot_look(run, err);
	else if (is_so(result))
		step_saw(run, VIEW_REACHED, "versions/%s is kept",
			link_from(run));
	else
		step_saw(run, VIEW_NOT_YET, "%s is not a link into versions/",
			run->target->link.path);
}

/* Is versions/<from> there, and does the path lead into versions/? */
bool see_adopted(struct step_run *run, struct err *err)
{
	return see_link(run, "kept", json_string(link_from(run)), adopted, err);
}

bool do_adopt(struct step_run *run, struct err *err)
{
	const struct target *process = targets_find(run->env->targets,
		json_string_value(
			json_object_get(run->target->json, "adopt_from")));
	json_t *ask = json_pack("{s:o, s:s, s:O, s:O?, s:o}", "link",
		op_link_json(&run->target->link), "version", link_from(run),
		"pid", json_object_get(process->json, "pid"), "start_ticks",
		json_object_get(process->json, "start_ticks"), "ours",
		ask_ours(run));

	return ask_host(
		run, run->target, "adopt", ask, ASK_LONG_MS, ask_acted, err);
}

static void unadopted(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;

	if (err)
		step_cannot_look(run, err);
	else
		step_saw(run, is_so(result) ? VIEW_REACHED : VIEW_NOT_YET,
			"%s is %sa plain file", run->target->link.path,
			is_so(result) ? "" : "not ");
}

bool see_unadopted(struct step_run *run, struct err *err)
{
	if (!run->target->link.is_binary) {
		step_saw(run, VIEW_REACHED, "nothing was there before");
		return true;
	}
	return see_link(run, "plain", json_true(), unadopted, err);
}

bool do_unadopt(struct step_run *run, struct err *err)
{
	json_t *ask = json_pack("{s:o, s:s, s:o}", "link",
		op_link_json(&run->target->link), "version", link_from(run),
		"ours", ask_ours(run));

	return ask_host(
		run, run->target, "unadopt", ask, ASK_LONG_MS, ask_acted, err);
}

static void held(void *arg, const json_t *result, const struct err *err)
{
	if (err)
		step_cannot_look(arg, err);
	else
		step_saw(arg, is_so(result) ? VIEW_REACHED : VIEW_NOT_YET,
			is_so(result) ? "held" : "not held");
}

bool see_held(struct step_run *run, struct err *err)
{
	return see_link(
		run, "hold", json_string(run->env->state->run), held, err);
}

bool do_hold(struct step_run *run, struct err *err)
{
	json_t *ask = json_pack("{s:o, s:s, s:o}", "link",
		op_link_json(&run->target->link), "run", run->env->state->run,
		"ours", ask_ours(run));

	return ask_host(
		run, run->target, "link_hold", ask, ASK_MS, ask_acted, err);
}

static void linked(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;
	const char *version = step_param(run, "version");

	if (err)
		step_cannot_look(run, err);
	else if (is_so(result))
		step_saw(run, VIEW_REACHED, "it goes to %s", version);
	else
		step_saw(run, VIEW_NOT_YET, "it does not go to %s", version);
}

bool see_linked(struct step_run *run, struct err *err)
{
	return see_link(run, "version", json_string(step_param(run, "version")),
		linked, err);
}

bool do_link(struct step_run *run, struct err *err)
{
	json_t *ask = json_pack("{s:o, s:s, s:o}", "link",
		op_link_json(&run->target->link), "version",
		step_param(run, "version"), "ours", ask_ours(run));

	return ask_host(
		run, run->target, "link_point", ask, ASK_MS, ask_acted, err);
}

/* Tidying is done once; whether all of it worked matters to nobody. */
bool see_settled(struct step_run *run, struct err *err)
{
	(void)err;
	if (run->acted || run->past->done_at)
		step_saw(run, VIEW_REACHED, "tidy");
	else
		step_saw(run, VIEW_NOT_YET, "old versions and copies to tidy");
	return true;
}

/* What could not be removed is in the way of nobody, and of a host that cannot
 * be reached neither; but a disk that fails ends the run, whatever it was
 * about. */
static void tidied(void *arg, const json_t *result, const struct err *err);

static bool tidy(struct step_run *run, struct err *err)
{
	const struct fleet *fleet = run->env->fleet;
	const struct target *link = ask_host_link(run);

	if (!link) {
		step_acted(run, NULL);
		return true;
	}
	return ask_host(run, link, "prune",
		json_pack("{s:s, s:[s, s], s:i}", "root", ask_root(run),
			"needed",
			json_string_value(
				json_object_get(run->lane->json, "from")),
			fleet->version, "keep", (int)fleet->keep_versions),
		ASK_LONG_MS, tidied, err);
}

static void tidied(void *arg, const json_t *result, const struct err *err)
{
	struct step_run *run = arg;

	(void)result;
	if (err && err->code == ERR_STORAGE) {
		step_acted(run, err);
		return;
	}
	ask_next_host(run);
	if (!tidy(run, NULL))
		step_acted(run, NULL);
}

bool do_settle(struct step_run *run, struct err *err)
{
	ask_first_host(run);
	if (!tidy(run, err))
		step_acted(run, NULL);
	return true;
}
