#include "supervisor/fleet/fleet_artifact.h"

#include <stdlib.h>
#include <string.h>

#include "supervisor/fleet/fleet_schema.h"
#include "supervisor/memory.h"

#define HTTPS "https://"

bool fleet_is_url(const char *text)
{
	return strstr(text, "://") != NULL;
}

static bool is_sha256(const char *text)
{
	return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* Printable, and somebody to ask after the scheme. */
static bool has_host(const char *url)
{
	const char *host = strstr(url, "://") + 3, *at;

	for (at = url; *at; at++) {
		if ((unsigned char)*at <= ' ' || (unsigned char)*at >= 0x7f)
			return false;
	}
	return strcspn(host, "/?#") > 0;
}

/* One with a user or a password in it was refused already, as a secret. */
static bool check_url(struct yaml_text *yaml, const char *path, const char *url,
	struct err *err)
{
	if (!url)
		return true;
	if (strncmp(url, HTTPS, strlen(HTTPS)) != 0 || !has_host(url))
		return yaml_text_refuse(
			yaml, err, path, "must be an https:// address");
	return true;
}

static bool check_proxy(
	struct yaml_text *yaml, const char *proxy, struct err *err)
{
	static const char *const schemes[] = {
		"http://", HTTPS, "socks5://", "socks5h://"};

	if (!proxy)
		return true;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strncmp(proxy, schemes[i], strlen(schemes[i])) == 0 &&
			has_host(proxy))
			return true;
	}
	return yaml_text_refuse(yaml, err, "artifact.proxy",
		"must be http://, https://, socks5:// or socks5h:// and a "
		"host");
}

static bool check_source(const struct fleet_artifact *artifact,
	struct yaml_text *yaml, struct err *err)
{
	int sources = !!artifact->file + !!artifact->url + !!artifact->feed;

	if (sources != 1)
		return yaml_text_refuse(yaml, err, "artifact",
			"must have exactly one of file, url and feed");
	if (!artifact->sha256 && !artifact->feed)
		return yaml_text_refuse(
			yaml, err, "artifact", "must have a sha256");
	if (artifact->sha256 && !is_sha256(artifact->sha256))
		return yaml_text_refuse(yaml, err, "artifact.sha256",
			"must be the 64 hexadecimal digits that sha256sum "
			"prints");
	if (artifact->platform && !artifact->feed)
		return yaml_text_refuse(yaml, err, "artifact.platform",
			"chooses from a feed, and there is none");
	return check_url(yaml, "artifact.url", artifact->url, err) &&
	       check_url(yaml, "artifact.feed", artifact->feed, err);
}

static bool check_signature(const struct fleet_artifact *artifact,
	struct yaml_text *yaml, struct err *err)
{
	if (artifact->signature && !artifact->keyring)
		return yaml_text_refuse(yaml, err, "artifact.signature",
			"needs a keyring: the file with the vendor's public "
			"key");
	if (artifact->keyring && !artifact->signature &&
		artifact->is_signed == FLEET_SIGNED_OPTIONAL)
		return yaml_text_refuse(yaml, err, "artifact.keyring",
			"is of no use without a signature");
	if (!artifact->signature || !fleet_is_url(artifact->signature))
		return true;
	return check_url(yaml, "artifact.signature", artifact->signature, err);
}

bool fleet_artifact_is_fetched(const struct fleet_artifact *artifact)
{
	return artifact->url || artifact->feed ||
	       (artifact->signature && fleet_is_url(artifact->signature));
}

/* A slip of the pen: somebody believes that it does something. */
static bool check_unused(const struct fleet_artifact *artifact,
	struct yaml_text *yaml, struct err *err)
{
	static const char *const keys[] = {"artifact.ca", "artifact.proxy",
		"artifact.cache_dir", "artifact.stall", "artifact.tries"};

	if (fleet_artifact_is_fetched(artifact))
		return true;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (yaml_text_find(yaml, keys[i]))
			return yaml_text_refuse(yaml, err, keys[i],
				"is for what is fetched, and nothing has an "
				"https:// address");
	}
	return true;
}

bool fleet_artifact_check(const struct fleet_artifact *artifact,
	struct yaml_text *yaml, struct err *err)
{
	return check_source(artifact, yaml, err) &&
	       check_signature(artifact, yaml, err) &&
	       check_proxy(yaml, artifact->proxy, err) &&
	       check_unused(artifact, yaml, err);
}

static void put(json_t *object, const char *key, json_t *taken)
{
	if (json_object_set_new(object, key, taken) < 0)
		memory_out();
}

json_t *fleet_artifact_to_json(const struct fleet_artifact *artifact)
{
	const struct {
		const char *key, *value;
	} texts[] = {
		{"file", artifact->file},
		{"url", artifact->url},
		{"feed", artifact->feed},
		{"sha256", artifact->sha256},
		{"platform", artifact->platform},
		{"signature", artifact->signature},
		{"keyring", artifact->keyring},
		{"ca", artifact->ca},
		{"proxy", artifact->proxy},
		{"cache_dir", artifact->cache_dir},
	};
	json_t *json = json_object();

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (texts[i].value)
			put(json, texts[i].key, json_string(texts[i].value));
	}
	if (fleet_artifact_is_fetched(artifact) || artifact->signature ||
		artifact->is_signed != FLEET_SIGNED_OPTIONAL)
		put(json, "signed",
			json_string(fleet_signed_word(artifact->is_signed)));
	if (fleet_artifact_is_fetched(artifact)) {
		put(json, "stall", json_integer(artifact->stall));
		put(json, "tries", json_integer(artifact->tries));
	}
	return json;
}

void fleet_artifact_done(struct fleet_artifact *artifact)
{
	char *const texts[] = {artifact->file, artifact->url, artifact->feed,
		artifact->sha256, artifact->platform, artifact->signature,
		artifact->keyring, artifact->ca, artifact->proxy,
		artifact->cache_dir};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(texts[i]);
}
