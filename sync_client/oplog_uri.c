/*
 * oplog_uri.c - a shard's own URI, made of what listShards says and of how its
 * mongos is asked.
 *
 * libmongoc has no function that exchanges hosts.  So a URI is made of the
 * hosts alone, and everything else is carried over by name, never by pasting
 * text: a password must not be read as something else, and TLS must not get
 * lost.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "state/cleanup.h"
#include "sync_client/oplog.h"

/* Names of hosts and sets only: nothing that means something in a URI. */
static bool is_plain(const char *text, size_t len)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "._-:,[]";

	return len > 0 && strspn(text, plain) >= len;
}

static bool set_hosts(const char *host, mongoc_uri_t **ret_uri, struct err *err)
{
	const char *slash = strchr(host, '/');
	const char *hosts = slash ? slash + 1 : host;
	size_t set = slash ? (size_t)(slash - host) : 0;
	_cleanup_free_ char *text = NULL;

	if (!is_plain(hosts, strlen(hosts)) || (slash && !is_plain(host, set)))
		return err_set(err, ERR_STEP,
			"listShards names no hosts that can be asked");
	if (asprintf(&text, "mongodb://%s/", hosts) < 0)
		return err_set(err, ERR_MEMORY, "out of memory");
	*ret_uri = mongoc_uri_new_with_error(text, NULL);
	if (!*ret_uri)
		return err_set(err, ERR_STEP,
			"listShards names no hosts that can be asked");
	if (slash) {
		char name[256];

		(void)snprintf(name, sizeof(name), "%.*s", (int)set, host);
		(void)mongoc_uri_set_option_as_utf8(
			*ret_uri, MONGOC_URI_REPLICASET, name);
	}
	return true;
}

/* What is about the mongos, or is set anew for each connection of ours. */
static bool is_left_out(const char *option)
{
	static const char *const names[] = {
		MONGOC_URI_REPLICASET,
		MONGOC_URI_DIRECTCONNECTION,
		MONGOC_URI_LOADBALANCED,
		MONGOC_URI_READCONCERNLEVEL,
		MONGOC_URI_READPREFERENCE,
		MONGOC_URI_READPREFERENCETAGS,
		MONGOC_URI_MAXSTALENESSSECONDS,
		MONGOC_URI_W,
		MONGOC_URI_WTIMEOUTMS,
		MONGOC_URI_JOURNAL,
		"srvservicename",
		"srvmaxhosts",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(names[i], option) == 0)
			return true;
	return false;
}

static bool carry_option(mongoc_uri_t *to, const bson_iter_t *iter)
{
	const char *key = bson_iter_key(iter);

	if (is_left_out(key))
		return true;
	if (BSON_ITER_HOLDS_BOOL(iter))
		return mongoc_uri_set_option_as_bool(
			to, key, bson_iter_bool(iter));
	if (BSON_ITER_HOLDS_INT32(iter))
		return mongoc_uri_set_option_as_int32(
			to, key, bson_iter_int32(iter));
	if (BSON_ITER_HOLDS_INT64(iter))
		return mongoc_uri_set_option_as_int64(
			to, key, bson_iter_int64(iter));
	return BSON_ITER_HOLDS_UTF8(iter) &&
	       mongoc_uri_set_option_as_utf8(
		       to, key, bson_iter_utf8(iter, NULL));
}

static bool carry_credentials(mongoc_uri_t *to, const mongoc_uri_t *from)
{
	const char *user = mongoc_uri_get_username(from);
	const char *password = mongoc_uri_get_password(from);
	const char *mechanism = mongoc_uri_get_auth_mechanism(from);
	const char *source = mongoc_uri_get_auth_source(from);
	bson_t properties;
	bool ok =
		(!user || mongoc_uri_set_username(to, user)) &&
		(!password || mongoc_uri_set_password(to, password)) &&
		(!mechanism || mongoc_uri_set_auth_mechanism(to, mechanism)) &&
		(!(user || mechanism) || !source ||
			mongoc_uri_set_auth_source(to, source));

	if (ok && mongoc_uri_get_mechanism_properties(from, &properties))
		ok = mongoc_uri_set_mechanism_properties(to, &properties);
	return ok;
}

static bool carry_over(
	mongoc_uri_t *to, const mongoc_uri_t *from, struct err *err)
{
	const bson_t *options = mongoc_uri_get_options(from);
	bson_iter_t iter;

	if (options && bson_iter_init(&iter, options))
		while (bson_iter_next(&iter))
			if (!carry_option(to, &iter))
				return err_set(err, ERR_CONFIG,
					"the option %.60s of the source's "
					"connection string cannot be used for "
					"a shard",
					bson_iter_key(&iter));
	return carry_credentials(to, from) ||
	       err_set(err, ERR_CONFIG,
		       "the credentials of the source's connection string "
		       "cannot be used for a shard");
}

bool oplog_shard_uri(const mongoc_uri_t *via, const char *host,
	mongoc_uri_t **ret_uri, struct err *err)
{
	mongoc_uri_t *uri = NULL;

	if (!set_hosts(host, &uri, err))
		return false;
	/* An option wins over "+srv", which turns TLS on without saying so. */
	if (mongoc_uri_get_tls(via))
		(void)mongoc_uri_set_option_as_bool(uri, MONGOC_URI_TLS, true);
	if (!carry_over(uri, via, err)) {
		mongoc_uri_destroy(uri);
		return false;
	}
	*ret_uri = uri;
	return true;
}
