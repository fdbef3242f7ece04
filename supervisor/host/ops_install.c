/*
 * ops_install.c - links and versions, asked for in JSON; see ops_install.h.
 */
#include "supervisor/host/ops_install.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/install/artifact.h"
#include "supervisor/install/place.h"
#include "supervisor/memory.h"
#include "supervisor/process/process.h"

#define PROGRAM "mongosync"

static const char *const kinds[] = {
	[LINK_ABSENT] = "absent",
	[LINK_VERSION] = "version",
	[LINK_HOLD] = "hold",
	[LINK_PLAIN] = "plain",
	[LINK_FOREIGN] = "foreign",
};

const char *op_link_kind(enum link_kind kind)
{
	return kinds[kind];
}

enum link_kind op_link_kind_parse(const char *word)
{
	for (size_t i = 0; word && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i], word) == 0)
			return (enum link_kind)i;
	return LINK_FOREIGN;
}

json_t *op_link_json(const struct link_spec *link)
{
	return json_pack("{s:s, s:s, s:s, s:b}", "path", link->path, "root",
		link->root, "name", link->name, "binary", (int)link->is_binary);
}

static bool link_of(
	const json_t *ask, struct link_spec *ret_link, struct err *err)
{
	const json_t *link = json_object_get(ask, "link");

	ret_link->is_binary = json_is_true(json_object_get(link, "binary"));
	return op_text(link, "path", &ret_link->path, err) &&
	       op_text(link, "root", &ret_link->root, err) &&
	       op_text(link, "name", &ret_link->name, err);
}

static bool done(json_t **ret_result)
{
	*ret_result = json_object();
	return true;
}

static const char *text_of(const json_t *ask, const char *key)
{
	return json_string_value(json_object_get(ask, key));
}

static bool is_kept(const struct link_spec *link, const char *version)
{
	_cleanup_free_ char *path = memory_text(
		"%s/versions/%s/bin/%s", link->root, version, link->name);

	return access(path, X_OK) == 0;
}

static bool is_so(const json_t *ask, const struct link_spec *link,
	const struct link_seen *seen)
{
	const char *version = text_of(ask, "version");
	const char *hold = text_of(ask, "hold"), *kept = text_of(ask, "kept");

	if (version)
		return seen->kind == LINK_VERSION &&
		       strcmp(seen->version, version) == 0;
	if (hold)
		return seen->kind == LINK_HOLD && strcmp(seen->run, hold) == 0;
	if (kept)
		return (seen->kind == LINK_VERSION ||
			       seen->kind == LINK_HOLD) &&
		       is_kept(link, kept);
	return json_is_true(json_object_get(ask, "plain")) &&
	       seen->kind == LINK_PLAIN;
}

/* What was found so stays so: whoever did it may have been killed before the
 * sync. */
bool op_link_see(const json_t *ask, json_t **ret_result, struct err *err)
{
	struct link_spec link;
	struct link_seen seen;
	bool is;

	if (!link_of(ask, &link, err) || !link_read(&link, &seen, err))
		return false;
	is = is_so(ask, &link, &seen);
	if (is && !atomic_sync_parent(link.path, err))
		return false;
	*ret_result = json_pack(
		"{s:b, s:s}", "is", (int)is, "kind", op_link_kind(seen.kind));
	return true;
}

bool op_link_hold(const json_t *ask, json_t **ret_result, struct err *err)
{
	struct link_spec link;
	const char *run;

	return link_of(ask, &link, err) && op_text(ask, "run", &run, err) &&
	       op_is_ours(ask, err) && link_hold(&link, run, err) &&
	       done(ret_result);
}

bool op_link_point(const json_t *ask, json_t **ret_result, struct err *err)
{
	struct link_spec link;
	const char *version;

	return link_of(ask, &link, err) &&
	       op_text(ask, "version", &version, err) && op_is_ours(ask, err) &&
	       link_point(&link, version, err) && done(ret_result);
}

/* Another process may have its pid by now, after a reboot say: what that one
 * executes must never be kept as a version. */
static bool is_the_planned(const json_t *ask, struct err *err)
{
	json_int_t pid = json_integer_value(json_object_get(ask, "pid"));
	uint64_t planned = (uint64_t)json_integer_value(
		json_object_get(ask, "start_ticks"));
	uint64_t ticks;

	if (!planned) /* by an earlier syncup, or not known */
		return true;
	return (proc_start_ticks((pid_t)pid, &ticks, NULL) &&
		       ticks == planned) ||
	       err_set(err, ERR_STEP,
		       "process %lld, whose executable was to be kept, has "
		       "ended",
		       (long long)pid);
}

bool op_adopt(const json_t *ask, json_t **ret_result, struct err *err)
{
	struct link_spec link;
	struct link_seen seen;
	const char *version;
	char exe[64];

	(void)snprintf(exe, sizeof(exe), "/proc/%lld/exe",
		(long long)json_integer_value(json_object_get(ask, "pid")));
	return link_of(ask, &link, err) &&
	       op_text(ask, "version", &version, err) && op_is_ours(ask, err) &&
	       link_read(&link, &seen, err) &&
	       (seen.kind == LINK_PLAIN || is_the_planned(ask, err)) &&
	       adopt(&link, version, seen.kind == LINK_PLAIN ? NULL : exe,
		       err) &&
	       done(ret_result);
}

bool op_unadopt(const json_t *ask, json_t **ret_result, struct err *err)
{
	struct link_spec link;
	const char *version;

	return link_of(ask, &link, err) &&
	       op_text(ask, "version", &version, err) && op_is_ours(ask, err) &&
	       unadopt(&link, version, err) && done(ret_result);
}

static bool version_at(const json_t *ask, const char **ret_root,
	const char **ret_version, struct err *err)
{
	return op_text(ask, "root", ret_root, err) &&
	       op_text(ask, "version", ret_version, err);
}

bool op_version_see(const json_t *ask, json_t **ret_result, struct err *err)
{
	_cleanup_free_ char *path = NULL;
	const char *root, *version;

	if (!version_at(ask, &root, &version, err) ||
		!artifact_check(root, version, PROGRAM,
			text_of(ask, "binary_sha256"), err))
		return false;
	path = memory_text("%s/versions/%s", root, version);
	/* who gave it its name may have been killed before the sync */
	return atomic_sync_parent(path, err) && done(ret_result);
}

bool op_unpack(const json_t *ask, json_t **ret_result, struct err *err)
{
	const char *root, *version, *path;

	if (!version_at(ask, &root, &version, err) ||
		!op_text(ask, "path", &path, err) ||
		!artifact_unpack(path, text_of(ask, "sha256"),
			text_of(ask, "binary_sha256"), PROGRAM, root, version,
			err))
		return false;
	if (json_is_true(json_object_get(ask, "received")))
		(void)sys->unlinkat(AT_FDCWD, path, 0); /* else prune does */
	return done(ret_result);
}

enum {
	NEEDED_MAX = 8,
};

bool op_prune(const json_t *ask, json_t **ret_result, struct err *err)
{
	const json_t *list = json_object_get(ask, "needed");
	const char *needed[NEEDED_MAX + 1] = {NULL};
	_cleanup_free_ char *removed = NULL;
	const char *root;

	for (size_t i = 0; i < NEEDED_MAX && i < json_array_size(list); i++)
		needed[i] = json_string_value(json_array_get(list, i));
	return op_text(ask, "root", &root, err) &&
	       prune_versions(root, needed,
		       (unsigned)json_integer_value(
			       json_object_get(ask, "keep")),
		       &removed, err) &&
	       done(ret_result);
}

static void look_at_kept(
	const struct link_spec *link, const char *from, json_t *result)
{
	_cleanup_free_ char *path = memory_text(
		"%s/versions/%s/bin/%s", link->root, from, link->name);
	char version[VERSION_MAX];
	struct err err = {0};

	(void)json_object_set_new(result, "kept", json_true());
	if (version_of_binary(path, version, &err))
		(void)json_object_set_new(
			result, "kept_version", json_string(version));
	else
		(void)json_object_set_new(
			result, "kept_err", op_err_json(&err));
}

/* What would be kept then. */
static void look_at_executable(const json_t *ask, json_t *result)
{
	char exe[64];
	struct stat st;

	(void)snprintf(exe, sizeof(exe), "/proc/%lld/exe",
		(long long)json_integer_value(json_object_get(ask, "pid")));
	if (stat(exe, &st) == 0)
		(void)json_object_set_new(result, "adopted_bytes",
			json_integer((json_int_t)st.st_size));
}

bool op_link_look(const json_t *ask, json_t **ret_result, struct err *err)
{
	struct link_spec link;
	struct link_seen seen = {0};
	const char *from;
	struct err why = {0};
	json_t *result;

	if (!link_of(ask, &link, err) || !op_text(ask, "from", &from, err))
		return false;
	result = json_object();
	*ret_result = result;
	if (!link_read(&link, &seen, &why)) {
		(void)json_object_set_new(result, "err", op_err_json(&why));
		return true;
	}
	/* Another user's executable cannot be read: the link is the last proof.
	 */
	if (!from[0] && seen.kind == LINK_VERSION)
		from = seen.version;
	(void)json_object_set_new(
		result, "kind", json_string(op_link_kind(seen.kind)));
	(void)json_object_set_new(result, "version", json_string(seen.version));
	(void)json_object_set_new(result, "run", json_string(seen.run));
	if (!link_check_writable(&link, &why))
		(void)json_object_set_new(result, "err", op_err_json(&why));
	else if (seen.kind == LINK_VERSION && from[0] && is_kept(&link, from))
		look_at_kept(&link, from, result);
	if (!json_object_get(result, "kept"))
		look_at_executable(ask, result);
	return true;
}

bool op_root_look(const json_t *ask, json_t **ret_result, struct err *err)
{
	_cleanup_free_ char *versions = NULL, *version_dir = NULL;
	const char *root, *version;
	struct err why = {0};
	uint64_t free;
	dev_t device;
	struct stat st;
	json_t *result;

	if (!version_at(ask, &root, &version, err))
		return false;
	versions = memory_text("%s/versions", root);
	version_dir = memory_text("%s/%s", versions, version);
	result = json_pack(
		"{s:b}", "delivered", (int)(stat(version_dir, &st) == 0));
	if (!place_can_hold_programs(versions, &why))
		(void)json_object_set_new(
			result, "root_err", op_err_json(&why));
	why = (struct err){0};
	if (!claim_check_writable(root, &why))
		(void)json_object_set_new(
			result, "claims_err", op_err_json(&why));
	if (place_room(root, &device, &free))
		(void)json_object_update_new(result,
			json_pack("{s:I, s:I}", "device", (json_int_t)device,
				"free", (json_int_t)free));
	*ret_result = result;
	return true;
}

const struct host_op host_ops_install[] = {
	{"claim_see", op_claim_see, HOST_QUICK},
	{"claim_check", op_claim_check, HOST_QUICK},
	{"claim_create", op_claim_create, HOST_QUICK},
	{"claims_left", op_claims_left, HOST_QUICK},
	{"claims_remove", op_claims_remove, HOST_QUICK},
	{"claims_look", op_claims_look, HOST_QUICK},
	{"link_see", op_link_see, HOST_QUICK},
	{"link_hold", op_link_hold, HOST_QUICK},
	{"link_point", op_link_point, HOST_QUICK},
	{"link_look", op_link_look, HOST_SLOW},
	{"adopt", op_adopt, HOST_SLOW},
	{"unadopt", op_unadopt, HOST_SLOW},
	{"version_see", op_version_see, HOST_SLOW},
	{"unpack", op_unpack, HOST_SLOW},
	{"prune", op_prune, HOST_SLOW},
	{"root_look", op_root_look, HOST_SLOW},
	{0},
};
