/*
 * check_config.c - an instance's own file: does the new version take it, and is
 * it still what the process was started with?
 *
 * What a version knows and refuses is data (sync_client/compat.h).
 */
#include "supervisor/plan/checks.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "supervisor/fleet/uri.h"

#define SLACK_MS 3000 /* between two clocks */
#define REPLACED_MS 1000

bool is_to_change(const struct survey *survey, const struct seen_instance *seen)
{
	return survey->compat && seen->version[0] &&
	       version_is_valid(survey->fleet->version) &&
	       strcmp(seen->version, survey->fleet->version) != 0;
}

/* What the table is sure of is refused, what it presumes is a warning. */
static enum finding_level level_of(const struct compat_words *words)
{
	return words->is_stated ? FINDING_REFUSAL : FINDING_WARNING;
}

/* ---- keys ---- */

static const struct compat_setting *find_setting(
	const struct compat *compat, const char *key)
{
	const struct compat_setting *setting;

	for (size_t i = 0; (setting = compat_setting(compat, i)); i++)
		if (strcmp(setting->key, key) == 0)
			return setting;
	return NULL;
}

/* "--key", "--key=value", "--key value". */
static bool is_in_argv(const json_t *argv, const struct compat_setting *setting)
{
	size_t len = strlen(setting->key), i;
	const json_t *item;

	json_array_foreach (argv, i, item) {
		const char *word = json_string_value(item);
		const char *next =
			json_string_value(json_array_get(argv, i + 1));

		if (strncmp(word, "--", 2) != 0 ||
			strncmp(word + 2, setting->key, len) != 0)
			continue;
		word += 2 + len;
		if (*word == '=')
			return strcmp(word + 1, setting->must_be) == 0;
		if (!*word)
			return !next || strncmp(next, "--", 2) == 0 ||
			       strcmp(next, setting->must_be) == 0;
	}
	return false;
}

static bool is_set(const struct survey *survey,
	const struct seen_instance *seen, const struct compat_setting *setting)
{
	const struct instance_config *config = &seen->config;
	json_t *argv = seen_argv(survey, seen);
	bool found = is_in_argv(argv, setting);

	json_decref(argv);
	for (unsigned i = 0; i < config->key_count && !found; i++)
		found = strcmp(config->key[i].name, setting->key) == 0 &&
			strcmp(config->key[i].value, setting->must_be) == 0;
	return found;
}

/* Keys that must be there.  True: none lacks. */
static bool check_needed(
	struct survey *survey, const struct seen_instance *seen)
{
	const char *to = survey->fleet->version;
	const struct compat_setting *setting;
	struct finding *finding;
	bool good = true;

	for (size_t i = 0; (setting = compat_setting(survey->compat, i)); i++) {
		enum finding_level level = level_of(&setting->words);

		if (!setting->must_be || !compat_applies(&setting->span, to) ||
			is_set(survey, seen, setting))
			continue;
		/* Its own command may say so to the process. */
		if (!seen->instance->spawn)
			level = FINDING_WARNING;
		good = false;
		finding = survey_add(
			survey, level, "configuration", seen->instance->name);
		finding_say(finding, "%s needs %s: %s in %s: %.160s (%.80s)",
			to, setting->key, setting->must_be,
			seen->instance->config, setting->words.note,
			setting->words.documented);
		finding_fix(finding, "add the line \"%s: %s\" to %s",
			setting->key, setting->must_be, seen->instance->config);
	}
	return good;
}

static void refuse_key(struct survey *survey, const struct seen_instance *seen,
	const struct compat_setting *setting)
{
	struct finding *finding = survey_add(survey, level_of(&setting->words),
		"configuration", seen->instance->name);

	finding_say(finding,
		"%s does not know %s, which %s sets: it is %s %s (%.120s)",
		survey->fleet->version, setting->key, seen->instance->config,
		version_compare(survey->fleet->version, setting->span.since) < 0
			? "new in"
			: "gone since",
		version_compare(survey->fleet->version, setting->span.since) < 0
			? setting->span.since
			: setting->span.until,
		setting->words.documented);
	finding_fix(finding, "take it out of that file, or reach a version "
			     "that knows it");
}

static void warn_key(struct survey *survey, const struct seen_instance *seen,
	const struct instance_key *key, const struct compat_setting *setting)
{
	struct finding *finding = survey_add(
		survey, FINDING_WARNING, "configuration", seen->instance->name);

	if (setting)
		finding_say(finding,
			"%s sets %s, which %s may not know: on the way back it "
			"may refuse to start",
			seen->instance->config, setting->key, seen->version);
	else
		finding_say(finding, "%s sets %s, a key that %s does not name",
			seen->instance->config, key->name, survey->compat_file);
}

static bool check_keys(struct survey *survey, const struct seen_instance *seen)
{
	bool good = true;

	for (unsigned i = 0; i < seen->config.key_count; i++) {
		const struct instance_key *key = &seen->config.key[i];
		const struct compat_setting *setting =
			find_setting(survey->compat, key->name);

		if (setting &&
			!compat_applies(&setting->span, survey->fleet->version))
			refuse_key(survey, seen, setting);
		else if (!setting ||
			 !compat_applies(&setting->span, seen->version))
			warn_key(survey, seen, key, setting);
		else
			continue;
		good = false;
	}
	return good;
}

void check_configuration(struct survey *survey, struct seen_instance *seen)
{
	struct finding *finding;
	bool needed, known;

	if (!is_to_change(survey, seen))
		return;
	if (compat_setting(survey->compat, 0)) {
		needed = check_needed(survey, seen);
		known = check_keys(survey, seen);
		if (!needed || !known)
			return;
	}
	finding = survey_add(
		survey, FINDING_PASS, "configuration", seen->instance->name);
	finding_say(finding, "%s has nothing that %s is known to refuse",
		seen->instance->config, survey->fleet->version);
}

/* ---- options of connection strings ---- */

static bool is_allowed(const struct compat_option *known, const char *value)
{
	const json_t *allowed;
	size_t i;

	json_array_foreach (known->allowed, i, allowed)
		if (strcasecmp(json_string_value(allowed), value) == 0)
			return true;
	return false;
}

static void refuse_option(struct survey *survey,
	const struct seen_instance *seen, const char *cluster,
	const struct compat_option *known)
{
	struct finding *finding = survey_add(
		survey, level_of(&known->words), "uri", seen->instance->name);
	const char *only = json_string_value(json_array_get(known->allowed, 0));

	finding_say(finding,
		"%s refuses the %s of %s in %s%s%s: %.120s (%.80s)",
		survey->fleet->version, known->option, cluster,
		seen->instance->config, only ? ", which is not " : "",
		only ? only : "", known->words.note, known->words.documented);
	if (only)
		finding_fix(finding, "make it %s=%s, or take it out",
			known->option, only);
	else
		finding_fix(finding, "take it out");
}

static bool check_options(struct survey *survey,
	const struct seen_instance *seen, const char *cluster,
	const struct secret *uri, enum compat_side side)
{
	const char *at = uri_options(secret_reveal(uri));
	const struct compat_option *known;
	struct uri_option option;
	bool good = true;

	while (uri_next_option(&at, &option)) {
		for (size_t i = 0; (known = compat_option(survey->compat, i));
			i++) {
			if (!(known->of & side) ||
				strcasecmp(known->option, option.name) != 0 ||
				!compat_applies(
					&known->span, survey->fleet->version) ||
				is_allowed(known, option.value))
				continue;
			refuse_option(survey, seen, cluster, known);
			good = false;
		}
	}
	return good;
}

/* Number of the cluster that "cluster0: host:port" is about, or -1. */
static int cluster_of(const char *told)
{
	if (strncmp(told, "cluster", strlen("cluster")) != 0)
		return -1;
	if (told[strlen("cluster")] == '0')
		return 0;
	return told[strlen("cluster")] == '1' ? 1 : -1;
}

void check_uri(struct survey *survey, struct seen_instance *seen)
{
	bool turned = seen_is_turned(seen);
	struct finding *finding;
	bool zero, one;

	if (!is_to_change(survey, seen))
		return;
	zero = check_options(survey, seen, "cluster0", &seen->config.source,
		turned ? COMPAT_DESTINATION : COMPAT_SOURCE);
	one = check_options(survey, seen, "cluster1", &seen->config.destination,
		turned ? COMPAT_SOURCE : COMPAT_DESTINATION);
	if (!zero || !one)
		return;
	finding = survey_add(survey, FINDING_PASS, "uri", seen->instance->name);
	finding_say(finding,
		"its connection strings have no option that %s is known to "
		"refuse",
		survey->fleet->version);
}

/* ---- what must not change ---- */

/* "cluster0: host:port, host:port": is one of these in the file? */
static enum uri_match match_hosts(
	const struct seen_instance *seen, const char *told)
{
	const char *uri = secret_reveal(cluster_of(told) == 0
						? &seen->config.source
						: &seen->config.destination);
	enum uri_match best = URI_OTHER;
	const char *at = strchr(told, ':');
	char host[200];

	if (cluster_of(told) < 0 || !at)
		return URI_PERHAPS;
	at++;
	for (at += strspn(at, ", "); *at; at += strspn(at, ", ")) {
		size_t len = strcspn(at, ", ");
		enum uri_match is;

		(void)snprintf(host, sizeof(host), "%.*s", (int)len, at);
		is = uri_match_host(uri, host);
		if (is > best)
			best = is;
		at += len;
	}
	return best;
}

/* Nobody has changed or exchanged it since: it is what the process has read,
 * and who answers under another name is another member of the same set. */
static bool is_same_file(const struct seen_instance *seen)
{
	return seen->started_ms && seen->config_replaced_ms &&
	       seen->config_replaced_ms - seen->started_ms <= REPLACED_MS;
}

static bool check_hosts(struct survey *survey, const struct seen_instance *seen,
	const char *told)
{
	enum uri_match is = told[0] ? match_hosts(seen, told) : URI_SAME;
	struct finding *finding;

	if (is != URI_OTHER)
		return true;
	finding = survey_add(survey,
		is_same_file(seen) ? FINDING_WARNING : FINDING_REFUSAL,
		"unchanged", seen->instance->name);
	finding_say(finding,
		"the process syncs with %.150s, and %s names another host or "
		"port",
		told, seen->instance->config);
	finding_fix(finding, "%s",
		is_same_file(seen)
			? "the file is as old as the process: see that both "
			  "are members of one cluster"
			: "put the connection string back: a sync that is "
			  "started again with another cluster is lost, or "
			  "refuses to start");
	return false;
}

static bool check_age(struct survey *survey, const struct seen_instance *seen)
{
	int64_t after = seen->config_ms - seen->started_ms;
	struct finding *finding;

	if (!seen->config_ms || !seen->started_ms || after <= SLACK_MS)
		return true;
	finding = survey_add(
		survey, FINDING_WARNING, "unchanged", seen->instance->name);
	finding_say(finding,
		"%s was changed %lld s after the process was started: what is "
		"in it now was not tried yet",
		seen->instance->config, (long long)(after / 1000));
	finding_fix(finding,
		"only loadLevel, logPath, port, verbosity and disableTelemetry "
		"may change, and hotDocIDs be added; put back what else was "
		"changed");
	return false;
}

void check_unchanged(struct survey *survey, struct seen_instance *seen)
{
	struct finding *finding;
	bool source, destination;

	if (seen->process.view != PROCESS_RUNNING)
		return;
	source = check_hosts(survey, seen, seen->progress.source_at);
	destination = check_hosts(survey, seen, seen->progress.destination_at);
	if (!source || !destination || !check_age(survey, seen))
		return;
	finding = survey_add(
		survey, FINDING_PASS, "unchanged", seen->instance->name);
	if (seen->config_ms && seen->started_ms)
		finding_say(finding,
			"%s is as it was when the process was started",
			seen->instance->config);
	else
		finding_say(finding,
			"%s names the clusters that it syncs; whether the file "
			"was changed since cannot be told",
			seen->instance->config);
}
