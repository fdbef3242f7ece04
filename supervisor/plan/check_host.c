/*
 * check_host.c - the new version's archive, and whose things are.
 */
#include "supervisor/plan/checks.h"

#include <string.h>

#include "supervisor/plan/source.h"

/* A message that begins with its subject, which a finding names already. */
static const char *without(const char *subject, const char *text)
{
	size_t len = strlen(subject);

	if (strncmp(text, subject, len) != 0)
		return text;
	text += len;
	return text + strspn(text, ": ");
}

static void refuse_artifact(struct survey *survey)
{
	const struct err *why = &survey->artifact_err;
	const char *name = source_name(survey);
	struct finding *finding =
		survey_add(survey, FINDING_REFUSAL, "artifact", name);

	finding_say(finding, "%s", without(name, why->msg));
	if (why->code == ERR_AGAIN)
		finding_fix(finding,
			"type it again: it goes on where it broke off; or set "
			"proxy: in artifact:, or fetch it yourself and name it "
			"by file:");
	else if (why->code == ERR_STORAGE)
		finding_fix(finding,
			"make room there, or name another folder by "
			"cache_dir: in artifact:");
	else if (survey->fleet->artifact.file)
		finding_fix(finding,
			"fetch the archive again, or correct artifact: in "
			"the fleet file");
	else
		finding_fix(finding,
			"correct artifact: in the fleet file (ca: names the "
			"file of a private CA), or fetch it yourself and name "
			"it by file:");
}

/* Where it was found, and who says what it must be. */
static const char *origin(const struct survey *survey)
{
	const struct seen_source *source = &survey->source;

	if (!source->url[0])
		return "sha256 as given";
	if (source->by_feed)
		return source->fetched ? "fetched, sha256 as the feed says"
				       : "in the cache, sha256 as the feed "
					 "says";
	return source->fetched ? "fetched, sha256 as given"
			       : "in the cache, sha256 as given";
}

void check_artifact(struct survey *survey)
{
	const struct fleet *fleet = survey->fleet;
	const char *name = source_name(survey);
	struct finding *finding;

	if (survey->artifact_err.code) {
		refuse_artifact(survey);
		return;
	}
	if (survey->source.signature_err.code)
		return; /* nobody has run it */
	if (strcmp(survey->artifact.version, fleet->version) != 0) {
		finding = survey_add(survey, FINDING_REFUSAL, "artifact", name);
		finding_say(finding,
			"its executable says version %s, the fleet asks "
			"for %s",
			survey->artifact.version, fleet->version);
		finding_fix(finding,
			"correct version: or artifact: in the fleet file");
		return;
	}
	finding = survey_add(survey, FINDING_PASS, "artifact", name);
	finding_say(finding,
		"%s, runs here, says version %s, %u files, %llu MiB",
		origin(survey), survey->artifact.version,
		survey->artifact.files,
		(unsigned long long)(survey->artifact.bytes >> 20));
}

static void check_root(struct survey *survey, unsigned index)
{
	const struct seen_host *host = &survey->host[index];
	bool good = host->root_err.code == ERR_NONE;
	char shown[SEEN_SHOWN];
	struct finding *finding = survey_add(survey,
		good ? FINDING_PASS : FINDING_REFUSAL, "host",
		seen_show_path(
			survey, index, survey->fleet->install_root, shown));

	if (good) {
		finding_say(finding,
			"files can be made in it, and executables run");
		return;
	}
	finding_say(finding, "%s", host->root_err.msg);
	finding_fix(finding,
		"let install_root: be where this user may write and "
		"executables may run");
}

void check_host(struct survey *survey)
{
	for (unsigned i = 0; i < survey->host_count; i++)
		if (!survey->host[i].trouble.code)
			check_root(survey, i);
}

/* An adopted one is made of what runs now, before anything is paused. */
static void check_one_way_back(struct survey *survey,
	const struct seen_lane *lane, const struct seen_link *link)
{
	const struct seen_instance *first = &survey->instance[link->first];
	bool same = strcmp(link->kept_version, lane->from) == 0;
	bool good = (link->kept && same) ||
		    (!link->kept && first->process.exe_known);
	char name[SEEN_SHOWN], root[SEEN_SHOWN];
	struct finding *finding =
		survey_add(survey, good ? FINDING_PASS : FINDING_REFUSAL,
			"way-back", seen_show_lane(survey, lane, link, name));

	if (good && link->kept) {
		finding_say(finding, "versions/%s is kept, and says %s",
			lane->from, link->kept_version);
		return;
	}
	if (good) {
		finding_say(finding,
			"what pid %d executes will be kept as versions/%s",
			(int)first->process.pid, lane->from);
		return;
	}
	if (!link->kept)
		finding_say(finding,
			"versions/%s is not there, and what %s executes "
			"cannot be read, so as to keep it",
			lane->from, first->instance->name);
	else if (link->kept_err.code)
		finding_say(finding,
			"versions/%s is there to go back to, but: %s",
			lane->from, link->kept_err.msg);
	else
		finding_say(finding,
			"versions/%s is there to go back to, but says that "
			"it is %s",
			lane->from, link->kept_version);
	finding_fix(finding,
		"put the executable of %s into %.180s/versions/%s/bin",
		lane->from,
		seen_show_path(
			survey, link->host, survey->fleet->install_root, root),
		lane->from);
}

void check_way_back(struct survey *survey, unsigned index)
{
	const struct seen_lane *lane = &survey->lane[index];

	if (!lane->from[0])
		return; /* which "version" or "process" refuses */
	for (unsigned i = 0; i < lane->link_count; i++)
		check_one_way_back(survey, lane, &lane->link[i]);
}

void check_signature(struct survey *survey)
{
	const struct fleet_artifact *artifact = &survey->fleet->artifact;
	const struct seen_source *source = &survey->source;
	const char *name = source_name(survey);
	struct finding *finding;

	if (source->signature_err.code) {
		finding =
			survey_add(survey, FINDING_REFUSAL, "signature", name);
		finding_say(finding, "%s", source->signature_err.msg);
		finding_fix(finding,
			source->signature_err.code == ERR_AGAIN
				? "type it again, or fetch the signature "
				  "yourself and name its file by signature:"
			: artifact->signature
				? "do not use this archive before you know "
				  "why; then correct signature: or keyring: in "
				  "artifact:"
				: "write signature: and keyring: to artifact:, "
				  "or signed: optional");
		return;
	}
	if (survey->artifact_err.code && !source->signed_by[0])
		return; /* there was nothing to verify */
	finding = survey_add(survey, FINDING_PASS, "signature", name);
	if (source->signed_by[0])
		finding_say(finding, "good, by key %s %s", source->signed_by,
			source->signer);
	else
		finding_say(finding, "not asked for");
}

/* Others would not see that we are at work, and so come in between. */
static void check_claims_on(struct survey *survey, unsigned index)
{
	const struct seen_host *host = &survey->host[index];
	char root[SEEN_SHOWN];
	struct finding *finding;

	(void)seen_show_path(survey, index, survey->fleet->install_root, root);
	if (!host->claims_err.code) {
		finding = survey_add(survey, FINDING_PASS, "claim", root);
		finding_say(finding, "claims can be made there");
		return;
	}
	finding = survey_add(survey, FINDING_REFUSAL, "claim", root);
	finding_say(finding, "%s", host->claims_err.msg);
	finding_fix(finding, "run syncup as the user that owns %.200s", root);
}

void check_claims(struct survey *survey)
{
	for (unsigned i = 0; i < survey->host_count; i++)
		if (!survey->host[i].trouble.code)
			check_claims_on(survey, i);
}

void check_claim(struct survey *survey, const char *subject,
	const struct claim *claim, const struct err *claim_err)
{
	struct finding *finding;

	if (claim_err->code) {
		finding = survey_add(survey, FINDING_REFUSAL, "claim", subject);
		finding_say(finding, "whether it is claimed cannot be told: %s",
			claim_err->msg);
		finding_fix(finding,
			"run syncup as the user that wrote it, or remove "
			"it if no run needs it");
		return;
	}
	if (!claim->run[0]) {
		finding = survey_add(survey, FINDING_PASS, "claim", subject);
		finding_say(finding, "no run owns it");
		return;
	}
	finding = survey_add(survey, FINDING_REFUSAL, "claim", subject);
	finding->code = ERR_HELD;
	finding_say(finding,
		"it belongs to run %s of fleet %s, begun from host %s "
		"(state in %s)",
		claim->run, claim->fleet, claim->host, claim->state_dir);
	finding_fix(finding,
		"finish that run there; if it is lost: syncup run "
		"--take-over %s",
		claim->run);
}
