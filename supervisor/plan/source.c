/*
 * source.c - see source.h.
 */
#include "supervisor/plan/source.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "state/sys.h"
#include "supervisor/fleet/fleet_artifact.h"
#include "supervisor/install/feed.h"
#include "supervisor/install/fetch.h"
#include "supervisor/install/signature.h"

enum { INSPECT_MS = 600000 };

struct look { /* the child's */
	const struct fleet *fleet;
	const json_t *planned; /* or NULL */
	struct fetch_spec spec;
	struct seen_source source;
	struct artifact_info info;
	char sha256[65]; /* that it must have */
};

static struct fetch_spec spec_of(const struct fleet *fleet, bool shows)
{
	const struct fleet_artifact *artifact = &fleet->artifact;

	return (struct fetch_spec){
		.ca = artifact->ca,
		.proxy = artifact->proxy,
		.stall_s = artifact->stall,
		.tries = artifact->tries,
		.deadline_ms = sys_monotonic_ms() +
			       (int64_t)fleet->timeouts.deliver * 1000,
		.shows = shows,
	};
}

int64_t source_look_ms(const struct fleet *fleet)
{
	return (int64_t)fleet->timeouts.deliver * 1000 + INSPECT_MS;
}

static bool choose_from_feed(const struct look *look,
	const struct feed_wanted *wanted, struct feed_choice *ret_choice,
	struct err *err)
{
	const char *feed = look->fleet->artifact.feed;
	_cleanup_free_ char *text = NULL;
	char shown[FETCH_SHOWN];
	size_t len;

	return fetch_text(
		       &look->spec, feed, FEED_BYTES_MAX, &text, &len, err) &&
	       (feed_choose(text, len, wanted, ret_choice, err) ||
		       err_wrap(err, "%.150s", fetch_show(feed, shown)));
}

static bool ask_feed(
	struct look *look, struct feed_choice *ret_choice, struct err *err)
{
	const struct fleet_artifact *artifact = &look->fleet->artifact;
	char platform[FEED_WORD_MAX], arch[FEED_WORD_MAX];
	struct feed_wanted wanted = {
		.version = look->fleet->version,
		.platform = artifact->platform,
		.arch = arch,
	};

	if (!feed_this_host(platform, arch, err) && !artifact->platform)
		return false;
	if (!artifact->platform)
		wanted.platform = platform;
	return choose_from_feed(look, &wanted, ret_choice, err);
}

static void take_text(
	char *to, size_t size, const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	(void)snprintf(to, size, "%s", text ? text : "");
}

/* What was chosen, and whose signature was good, is known by its digest. */
static void take_planned(struct look *look)
{
	struct seen_source *source = &look->source;

	take_text(source->url, sizeof(source->url), look->planned, "url");
	take_text(look->sha256, sizeof(look->sha256), look->planned, "sha256");
	take_text(source->signed_by, sizeof(source->signed_by), look->planned,
		"signed_by");
}

/* From which address, and of which digest? */
static bool resolve(struct look *look, struct err *err)
{
	const struct fleet_artifact *artifact = &look->fleet->artifact;
	const char *given = artifact->sha256;
	struct feed_choice choice = {0};
	char shown[FETCH_SHOWN];

	if (artifact->feed && !ask_feed(look, &choice, err))
		return false;
	if (artifact->feed && !choice.sha256[0] && !given)
		return err_set(err, ERR_CONFIG,
			"%.150s: the feed says no SHA-256 of it: write "
			"sha256: to artifact:",
			fetch_show(artifact->feed, shown));
	if (given && choice.sha256[0] && strcmp(given, choice.sha256) != 0)
		return err_set(err, ERR_CONFIG,
			"the feed says SHA-256 %s, the fleet file %s",
			choice.sha256, given);
	look->source.by_feed = choice.sha256[0] && !given;
	(void)snprintf(look->source.url, sizeof(look->source.url), "%s",
		artifact->feed  ? choice.url
		: artifact->url ? artifact->url
				: "");
	(void)snprintf(look->sha256, sizeof(look->sha256), "%s",
		given ? given : choice.sha256);
	return true;
}

static bool bring(struct look *look, struct err *err)
{
	const struct fleet_artifact *artifact = &look->fleet->artifact;
	struct seen_source *source = &look->source;

	if (source->url[0])
		return fetch_archive(&look->spec, source->url, look->sha256,
			artifact->cache_dir, source->path, &source->fetched,
			err);
	(void)snprintf(
		source->path, sizeof(source->path), "%s", artifact->file);
	return true;
}

static bool read_signature(
	struct look *look, char **ret_data, size_t *ret_len, struct err *err)
{
	const char *from = look->fleet->artifact.signature;

	if (fleet_is_url(from))
		return fetch_text(&look->spec, from, SIGNATURE_BYTES_MAX,
			ret_data, ret_len, err);
	return atomic_file_read(
		from, SIGNATURE_BYTES_MAX, ret_data, ret_len, err);
}

static bool verify(struct look *look)
{
	const struct fleet_artifact *artifact = &look->fleet->artifact;
	struct err *err = &look->source.signature_err;
	_cleanup_free_ char *data = NULL;
	struct signature_info info;
	size_t len;

	if (!artifact->signature)
		return true;
	if (!read_signature(look, &data, &len, err) ||
		!signature_verify(look->source.path, data, len,
			artifact->keyring, &info, err))
		return false;
	(void)snprintf(look->source.signed_by, sizeof(look->source.signed_by),
		"%s", info.fingerprint);
	(void)snprintf(look->source.signer, sizeof(look->source.signer), "%s",
		info.uid);
	return true;
}

static bool is_unsigned(struct look *look)
{
	if (look->fleet->artifact.is_signed != FLEET_SIGNED_REQUIRED ||
		look->fleet->artifact.signature)
		return false;
	(void)err_set(&look->source.signature_err, ERR_CONFIG,
		"signed: required, but there is no signature:");
	return true;
}

static bool look_at(struct look *look, struct err *err)
{
	if (look->planned)
		take_planned(look);
	else if (is_unsigned(look))
		return true;
	else if (!resolve(look, err))
		return false;
	if (!bring(look, err))
		return false;
	return (!look->planned && !verify(look)) ||
	       artifact_inspect(look->source.path, look->sha256, "mongosync",
		       &look->info, err);
}

static json_t *error_json(const struct err *err)
{
	return err->code ? json_pack("{s:i, s:s}", "code", (int)err->code,
				   "msg", err->msg)
			 : json_null();
}

int source_look(void *survey, int fd)
{
	const struct survey *of = survey;
	struct look look = {
		.fleet = of->fleet,
		.planned = of->options.artifact,
	};
	struct err err = {0};
	_cleanup_json_ json_t *json = NULL;

	look.spec = spec_of(look.fleet, true);
	if (look_at(&look, &err))
		err = (struct err){0};
	json = json_pack("{s:s, s:s, s:s, s:I, s:i, s:s, s:s, s:s, s:b, s:b, "
			 "s:s, s:s, s:o, s:o}",
		"sha256", look.info.sha256, "binary_sha256",
		look.info.binary_sha256, "member", look.info.member, "bytes",
		(json_int_t)look.info.bytes, "files", (int)look.info.files,
		"version", look.info.version, "path", look.source.path, "url",
		look.source.url, "fetched", (int)look.source.fetched, "by_feed",
		(int)look.source.by_feed, "signed_by", look.source.signed_by,
		"signer", look.source.signer, "signature_error",
		error_json(&look.source.signature_err), "error",
		error_json(&err));
	return json_dumpfd(json, fd, JSON_COMPACT);
}

static void take_err(struct err *err, const json_t *json, const char *key)
{
	const json_t *told = json_object_get(json, key);
	const char *msg = json_string_value(json_object_get(told, "msg"));

	if (msg)
		(void)err_set(err,
			(enum err_code)json_integer_value(
				json_object_get(told, "code")),
			"%s", msg);
}

static void take_json(struct survey *survey, const json_t *json)
{
	struct artifact_info *info = &survey->artifact;
	struct seen_source *source = &survey->source;

	take_text(info->sha256, sizeof(info->sha256), json, "sha256");
	take_text(info->binary_sha256, sizeof(info->binary_sha256), json,
		"binary_sha256");
	take_text(info->member, sizeof(info->member), json, "member");
	take_text(info->version, sizeof(info->version), json, "version");
	info->bytes =
		(uint64_t)json_integer_value(json_object_get(json, "bytes"));
	info->files =
		(unsigned)json_integer_value(json_object_get(json, "files"));
	take_text(source->path, sizeof(source->path), json, "path");
	take_text(source->url, sizeof(source->url), json, "url");
	(void)fetch_show(source->url, source->name);
	take_text(source->signed_by, sizeof(source->signed_by), json,
		"signed_by");
	take_text(source->signer, sizeof(source->signer), json, "signer");
	source->fetched = json_is_true(json_object_get(json, "fetched"));
	source->by_feed = json_is_true(json_object_get(json, "by_feed"));
	take_err(&source->signature_err, json, "signature_error");
	take_err(&survey->artifact_err, json, "error");
}

void source_told(struct survey *survey, const struct child_end *end)
{
	_cleanup_json_ json_t *json = json_loads(end->output, 0, NULL);
	const char *name = source_name(survey);

	if (json)
		take_json(survey, json);
	else if (end->timed_out)
		(void)err_set(&survey->artifact_err, ERR_CONFIG,
			"reading %s took too long", name);
	else if (WIFSIGNALED(end->status)) /* libarchive is not all ours */
		(void)err_set(&survey->artifact_err, ERR_CONFIG,
			"reading %s: who reads it was ended by signal %d (%s)",
			name, WTERMSIG(end->status),
			strsignal(WTERMSIG(end->status)));
	else
		(void)err_set(&survey->artifact_err, ERR_CONFIG,
			"reading %s failed", name);
}

const char *source_name(const struct survey *survey)
{
	const struct fleet_artifact *artifact = &survey->fleet->artifact;

	if (survey->source.name[0])
		return survey->source.name;
	return artifact->file  ? artifact->file
	       : artifact->url ? artifact->url
			       : artifact->feed;
}

bool source_bring(const struct fleet *fleet, const json_t *planned,
	char ret_path[PATH_MAX], struct err *err)
{
	const char *url = json_string_value(json_object_get(planned, "url"));
	const char *sha256 =
		json_string_value(json_object_get(planned, "sha256"));
	const struct fetch_spec spec = spec_of(fleet, false);
	bool fetched;

	if (url && sha256) {
		if (fetch_archive(&spec, url, sha256, fleet->artifact.cache_dir,
			    ret_path, &fetched, err))
			return true;
		/* Nothing was unpacked, so that it may be tried again. */
		if (err && err->code == ERR_AGAIN)
			err->code = ERR_STEP;
		return false;
	}
	if (!fleet->artifact.file)
		return err_set(err, ERR_BUG, "the plan names no archive");
	(void)snprintf(ret_path, PATH_MAX, "%s", fleet->artifact.file);
	return true;
}
