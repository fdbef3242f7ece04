/*
 * install.c - files and links: deliver, adopt, hold, switch, tidy.
 *
 * Hashing and unpacking run in a child; swapping a link is a moment.
 */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "supervisor/engine/child.h"
#include "supervisor/install/artifact.h"
#include "supervisor/memory.h"
#include "supervisor/plan/source.h"
#include "supervisor/steps/steps.h"

enum {
	CHECK_MS = 600000,
};

/* A child tells an error as {"code", "msg"}; without one it went well. */
static int tell(int fd, bool ok, const struct err *err)
{
	_cleanup_json_ json_t *json =
		ok ? json_object()
		   : json_pack("{s:i, s:s}", "code", (int)err->code, "msg",
			     err->msg);

	return json_dumpfd(json, fd, JSON_COMPACT);
}

/* It ended without a word: by memory.h, by libarchive (exit status 1), or by
 * the kernel.  A crash is none of these. */
static bool had_no_memory(int status)
{
	return WIFEXITED(status) || WTERMSIG(status) == SIGKILL;
}

/* True if the child says that it went well. */
static bool told(const struct child_end *end, struct err *err)
{
	_cleanup_json_ json_t *json = json_loads(end->output, 0, NULL);
	const char *msg = json_string_value(json_object_get(json, "msg"));

	if (!end->timed_out && !json && had_no_memory(end->status))
		return err_set(err, ERR_MEMORY,
			"the child that did it was killed or out of memory");
	if (end->timed_out || !json)
		return err_set(err, ERR_STEP,
			"the child that did it %s: %.200s",
			end->timed_out ? "took too long" : "failed",
			end->output);
	if (!msg)
		return true;
	return err_set(err,
		(enum err_code)json_integer_value(
			json_object_get(json, "code")),
		"%s", msg);
}

static void acted_by_child(void *arg, const struct child_end *end)
{
	struct err err = {0};
	bool ok = told(end, &err);

	step_acted(arg, ok ? NULL : &err);
}

static const char *planned(const struct step_run *run, const char *key)
{
	const json_t *artifact =
		json_object_get(run->env->state->plan, "artifact");

	return json_string_value(json_object_get(artifact, key));
}

static int check_delivered(void *arg, int fd)
{
	const struct step_run *run = arg;
	const struct fleet *fleet = run->env->fleet;
	struct err err = {0};
	_cleanup_free_ char *path = NULL;
	bool ok = artifact_check(fleet->install_root, fleet->version,
		"mongosync", planned(run, "binary_sha256"), &err);

	if (ok && asprintf(&path, "%s/versions/%s", fleet->install_root,
			  fleet->version) < 0)
		ok = err_set(&err, ERR_MEMORY, "out of memory");
	/* who gave it its name may have been killed before the sync */
	return tell(fd, ok && atomic_sync_parent(path, &err), &err);
}

static void delivered(void *arg, const struct child_end *end)
{
	struct step_run *run = arg;
	struct err err = {0};

	if (told(end, &err))
		step_saw(run, VIEW_REACHED, "versions/%s is complete",
			run->env->fleet->version);
	else if (err.code == ERR_MISSING)
		step_saw(run, VIEW_NOT_YET, "%s", err.msg);
	else
		step_saw_err(run, &err);
}

bool see_delivered(struct step_run *run, struct err *err)
{
	return child_work(run->env->base, check_delivered, run, CHECK_MS,
		delivered, run, &run->child, err);
}

static int unpack(void *arg, int fd)
{
	const struct step_run *run = arg;
	const struct fleet *fleet = run->env->fleet;
	struct err err = {0};
	char path[PATH_MAX];
	/* Whoever emptied the cache since is no obstacle. */
	bool ok = source_bring(fleet,
			  json_object_get(run->env->state->plan, "artifact"),
			  path, &err) &&
		  artifact_unpack(path, planned(run, "sha256"),
			  planned(run, "binary_sha256"), "mongosync",
			  fleet->install_root, fleet->version, &err);

	return tell(fd, ok, &err);
}

bool do_deliver(struct step_run *run, struct err *err)
{
	return child_work(run->env->base, unpack, run,
		run->stage->patience_s * 1000, acted_by_child, run, &run->child,
		err);
}

/* What was found so stays so: whoever did it may have been killed before the
 * sync. */
static bool link_stays(const struct step_run *run, struct err *err)
{
	return atomic_sync_parent(run->target->link.path, err);
}

static const char *link_from(const struct step_run *run)
{
	return json_string_value(json_object_get(run->target->json, "from"));
}

/* Is versions/<from> there, and does the path lead into versions/? */
bool see_adopted(struct step_run *run, struct err *err)
{
	const struct link_spec *link = &run->target->link;
	_cleanup_free_ char *kept = NULL;
	struct link_seen seen;

	if (!link_read(link, &seen, err))
		return false;
	kept = memory_text("%s/versions/%s/bin/%s", link->root, link_from(run),
		link->name);
	if ((seen.kind == LINK_VERSION || seen.kind == LINK_HOLD) &&
		access(kept, X_OK) == 0) {
		if (!link_stays(run, err))
			return false;
		step_saw(run, VIEW_REACHED, "versions/%s is kept",
			link_from(run));
	} else {
		step_saw(run, VIEW_NOT_YET, "%s is not a link into versions/",
			link->path);
	}
	return true;
}

static int adopt_what_runs(void *arg, int fd)
{
	const struct step_run *run = arg;
	const struct target *process = targets_find(run->env->targets,
		json_string_value(
			json_object_get(run->target->json, "adopt_from")));
	char exe[64];
	struct link_seen seen;
	struct err err = {0};
	bool plain, ok;

	(void)snprintf(exe, sizeof(exe), "/proc/%lld/exe",
		(long long)json_integer_value(
			json_object_get(process->json, "pid")));
	ok = link_read(&run->target->link, &seen, &err);
	plain = seen.kind == LINK_PLAIN;
	ok = ok && adopt(&run->target->link, link_from(run), plain ? NULL : exe,
			   &err);
	return tell(fd, ok, &err);
}

bool do_adopt(struct step_run *run, struct err *err)
{
	return child_work(run->env->base, adopt_what_runs, run, CHECK_MS,
		acted_by_child, run, &run->child, err);
}

bool see_unadopted(struct step_run *run, struct err *err)
{
	struct link_seen seen;

	if (!run->target->link.is_binary) {
		step_saw(run, VIEW_REACHED, "nothing was there before");
		return true;
	}
	if (!link_read(&run->target->link, &seen, err))
		return false;
	if (seen.kind == LINK_PLAIN && !link_stays(run, err))
		return false;
	step_saw(run, seen.kind == LINK_PLAIN ? VIEW_REACHED : VIEW_NOT_YET,
		"%s is %sa plain file", run->target->link.path,
		seen.kind == LINK_PLAIN ? "" : "not ");
	return true;
}

static int give_back(void *arg, int fd)
{
	const struct step_run *run = arg;
	struct err err = {0};
	bool ok = unadopt(&run->target->link, link_from(run), &err);

	return tell(fd, ok, &err);
}

bool do_unadopt(struct step_run *run, struct err *err)
{
	return child_work(run->env->base, give_back, run, CHECK_MS,
		acted_by_child, run, &run->child, err);
}

bool see_held(struct step_run *run, struct err *err)
{
	struct link_seen seen;

	if (!link_read(&run->target->link, &seen, err))
		return false;
	if (seen.kind == LINK_HOLD &&
		strcmp(seen.run, run->env->state->run) == 0) {
		if (!link_stays(run, err))
			return false;
		step_saw(run, VIEW_REACHED, "held");
	} else {
		step_saw(run, VIEW_NOT_YET, "not held");
	}
	return true;
}

bool do_hold(struct step_run *run, struct err *err)
{
	if (!link_hold(&run->target->link, run->env->state->run, err))
		return false;
	step_acted(run, NULL);
	return true;
}

bool see_linked(struct step_run *run, struct err *err)
{
	const char *version = step_param(run, "version");
	struct link_seen seen;

	if (!link_read(&run->target->link, &seen, err))
		return false;
	if (seen.kind == LINK_VERSION && strcmp(seen.version, version) == 0) {
		if (!link_stays(run, err))
			return false;
		step_saw(run, VIEW_REACHED, "it goes to %s", version);
	} else {
		step_saw(run, VIEW_NOT_YET, "it does not go to %s", version);
	}
	return true;
}

bool do_link(struct step_run *run, struct err *err)
{
	if (!link_point(&run->target->link, step_param(run, "version"), err))
		return false;
	step_acted(run, NULL);
	return true;
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

static int tidy(void *arg, int fd)
{
	const struct step_run *run = arg;
	const struct fleet *fleet = run->env->fleet;
	const char *from =
		json_string_value(json_object_get(run->lane->json, "from"));
	const char *needed[] = {from, fleet->version, NULL};
	_cleanup_free_ char *removed = NULL;
	struct err err = {0};
	bool ok = prune_versions(fleet->install_root, needed,
		fleet->keep_versions, &removed, &err);

	return tell(fd, ok, &err);
}

/* What could not be removed is in the way of nobody; but a disk that fails
 * ends the run, whatever it was about. */
static void tidied(void *arg, const struct child_end *end)
{
	struct err err = {0};
	bool ok = told(end, &err) || err.code != ERR_STORAGE;

	step_acted(arg, ok ? NULL : &err);
}

bool do_settle(struct step_run *run, struct err *err)
{
	if (!child_work(run->env->base, tidy, run, CHECK_MS, tidied, run,
		    &run->child, err))
		step_acted(run, NULL);
	return true;
}
