/*
 * feed.c - see feed.h.
 */
#include "supervisor/install/feed.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "state/atomic_file.h"
#include "state/cleanup.h"
#include "supervisor/install/files.h"

#define OS_RELEASE_MAX (64u << 10)

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

/* One name for what has several. */
static const char *plain_arch(const char *arch)
{
	if (strcmp(arch, "amd64") == 0)
		return "x86_64";
	if (strcmp(arch, "arm64") == 0)
		return "aarch64";
	return arch;
}

/* Is it named "<platform>-<arch>", as amazon2023-arm64 is? */
static bool has_arch(const char *name, const char *platform, const char *arch)
{
	size_t len = strlen(platform);

	return strncmp(name, platform, len) == 0 && name[len] == '-' &&
	       strcmp(plain_arch(name + len + 1), arch) == 0;
}

static bool is_ours(const json_t *download, const struct feed_wanted *wanted)
{
	const char *name = text_of(download, "name");
	const char *arch = plain_arch(text_of(download, "arch"));
	const char *our_arch = plain_arch(wanted->arch);

	if (arch[0] && strcmp(arch, our_arch) != 0)
		return false;
	return strcmp(name, wanted->platform) == 0 ||
	       has_arch(name, wanted->platform, our_arch);
}

/* Adds a word to a list that may become too long; the rest is counted. */
static void add_word(char *list, size_t size, unsigned *left_out,
	const char *word, const char *arch)
{
	size_t len = strlen(list);
	bool is_plain = files_name_is_plain(word) &&
			(!arch[0] || files_name_is_plain(arch));
	int more;

	if (!is_plain || len + strlen(word) + strlen(arch) + 4 >= size) {
		++*left_out;
		return;
	}
	more = snprintf(list + len, size - len, "%s%s%s%s", len ? ", " : "",
		word, arch[0] ? " " : "", arch);
	if (more < 0)
		list[len] = '\0';
}

static bool refuse_platform(const json_t *downloads,
	const struct feed_wanted *wanted, struct err *err)
{
	char list[180] = "";
	unsigned left_out = 0;
	const json_t *download;
	size_t i;

	json_array_foreach (downloads, i, download) {
		add_word(list, sizeof(list), &left_out,
			text_of(download, "name"), text_of(download, "arch"));
	}
	return err_set(err, ERR_CONFIG,
		"the feed has %s, but not for %.40s %.20s; it has %s%s",
		wanted->version, wanted->platform, wanted->arch,
		list[0] ? list : "nothing", left_out ? ", and more" : "");
}

/* The oldest is first there; the newest is of more interest. */
static bool refuse_version(const json_t *versions,
	const struct feed_wanted *wanted, struct err *err)
{
	char list[180] = "";
	unsigned left_out = 0;

	for (size_t i = json_array_size(versions); i > 0; i--)
		add_word(list, sizeof(list), &left_out,
			text_of(json_array_get(versions, i - 1), "version"),
			"");
	return err_set(err, ERR_CONFIG,
		"the feed has no version %s; it has %s%s", wanted->version,
		list[0] ? list : "none at all", left_out ? ", and more" : "");
}

static bool is_good_url(const char *url)
{
	static const char https[] = "https://";
	const char *host = url + sizeof(https) - 1, *at;

	if (strlen(url) > FETCH_URL_MAX ||
		strncmp(url, https, sizeof(https) - 1) != 0)
		return false;
	for (at = url; *at; at++) {
		if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f)
			return false;
	}
	return !memchr(host, '@', strcspn(host, "/?#"));
}

static bool take(
	const json_t *download, struct feed_choice *ret_choice, struct err *err)
{
	const json_t *archive = json_object_get(download, "archive");
	const char *url = text_of(archive, "url");
	const char *sha256 = text_of(archive, "sha256");
	size_t len = strlen(sha256);

	if (!is_good_url(url))
		return err_set(err, ERR_CONFIG,
			"the feed names no https:// address for the archive");
	if (len != 0 &&
		(len != 64 || strspn(sha256, "0123456789abcdefABCDEF") != len))
		return err_set(err, ERR_CONFIG,
			"the feed's SHA-256 of the archive is none");
	(void)snprintf(ret_choice->url, sizeof(ret_choice->url), "%s", url);
	for (size_t i = 0; i <= len; i++)
		ret_choice->sha256[i] = (char)tolower((unsigned char)sha256[i]);
	return true;
}

bool feed_choose(const char *text, size_t len, const struct feed_wanted *wanted,
	struct feed_choice *ret_choice, struct err *err)
{
	json_error_t problem;
	_cleanup_json_ json_t *feed = json_loadb(text, len, 0, &problem);
	const json_t *versions = json_object_get(feed, "versions");
	const json_t *release, *downloads = NULL, *download;
	size_t i;

	if (!feed)
		return err_set(err, ERR_CONFIG, "the feed is no JSON (line %d)",
			problem.line);
	if (!json_is_array(versions))
		return err_set(err, ERR_CONFIG,
			"this is no release feed: it has no list \"versions\"");
	json_array_foreach (versions, i, release) {
		if (strcmp(text_of(release, "version"), wanted->version) == 0)
			downloads = json_object_get(release, "downloads");
	}
	if (!downloads)
		return refuse_version(versions, wanted, err);
	json_array_foreach (downloads, i, download) {
		if (is_ours(download, wanted))
			return take(download, ret_choice, err);
	}
	return refuse_platform(downloads, wanted, err);
}

/* The value of a line KEY=value or KEY="value". */
static bool get_value(
	const char *text, const char *key, char *ret_value, size_t size)
{
	size_t len = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) != 0 || line[len] != '=')
			continue;
		line += len + 1;
		line += *line == '"' || *line == '\'';
		(void)snprintf(ret_value, size, "%.*s",
			(int)strcspn(line, "\"'\n"), line);
		return ret_value[0];
	}
	return false;
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = words; (at = strstr(at, word)); at += len) {
		if ((at == words || at[-1] == ' ') &&
			(at[len] == ' ' || at[len] == '\0'))
			return true;
	}
	return false;
}

bool feed_platform(const char *os_release, char ret_platform[FEED_WORD_MAX])
{
	char id[32], version[32], like[200] = "";
	char major[32], digits[32] = "";
	size_t at = 0;

	if (!get_value(os_release, "ID", id, sizeof(id)) ||
		!get_value(os_release, "VERSION_ID", version, sizeof(version)))
		return false;
	(void)get_value(os_release, "ID_LIKE", like, sizeof(like));
	(void)snprintf(major, sizeof(major), "%.*s",
		(int)strspn(version, "0123456789"), version);
	for (const char *c = version; *c; c++) {
		if (isdigit((unsigned char)*c))
			digits[at++] = *c;
	}
	if (!major[0])
		return false;
	if (strcmp(id, "ubuntu") == 0)
		(void)snprintf(ret_platform, FEED_WORD_MAX, "ubuntu%s", digits);
	else if (strcmp(id, "amzn") == 0)
		(void)snprintf(ret_platform, FEED_WORD_MAX, "amazon%s", major);
	else if (strcmp(id, "debian") == 0)
		(void)snprintf(ret_platform, FEED_WORD_MAX, "debian%s", major);
	else if (strcmp(id, "sles") == 0)
		(void)snprintf(ret_platform, FEED_WORD_MAX, "suse%s", major);
	else if (strcmp(id, "rhel") == 0 || has_word(like, "rhel"))
		(void)snprintf(ret_platform, FEED_WORD_MAX, "rhel%s0", major);
	else
		return false;
	return true;
}

bool feed_this_host(char ret_platform[FEED_WORD_MAX],
	char ret_arch[FEED_WORD_MAX], struct err *err)
{
	static const char *const paths[] = {
		"/etc/os-release", "/usr/lib/os-release"};
	struct utsname host;

	if (uname(&host) < 0)
		return err_set(err, ERR_BUG, "uname failed");
	(void)snprintf(ret_arch, FEED_WORD_MAX, "%s", host.machine);
	ret_platform[0] = '\0';
	for (size_t i = 0; i < 2; i++) {
		_cleanup_free_ char *text = NULL;
		size_t len;

		if (atomic_file_read(
			    paths[i], OS_RELEASE_MAX, &text, &len, NULL) &&
			feed_platform(text, ret_platform))
			return true;
	}
	return err_set(err, ERR_CONFIG,
		"what the feed calls this system cannot be told from "
		"/etc/os-release: write platform: to artifact:");
}
