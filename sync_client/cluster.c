/*
 * cluster.c - see cluster.h.
 */
#include "sync_client/cluster.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"

/* Server error codes, as in its error_codes.yml. */
enum {
	SERVER_UNAUTHORIZED = 13,
	SERVER_AUTHENTICATION_FAILED = 18,
	SERVER_COMMAND_NOT_FOUND = 59,
	SERVER_INVALID_OPTIONS = 72,
	SERVER_READ_CONCERN_NOT_ENABLED = 148,
	SERVER_NOT_IMPLEMENTED = 238,
	SERVER_ATLAS = 8000,
};

/* The cluster is busy electing, stepping down, moving or out of reach. */
static const uint32_t passing[] = {
	6, /* HostUnreachable */
	7, /* HostNotFound */
	43, /* CursorNotFound */
	50, /* MaxTimeMSExpired */
	63, /* StaleShardVersion */
	64, /* WriteConcernFailed */
	89, /* NetworkTimeout */
	91, /* ShutdownInProgress */
	112, /* WriteConflict */
	117, /* ConflictingOperationInProgress */
	133, /* FailedToSatisfyReadPreference */
	134, /* ReadConcernMajorityNotAvailableYet */
	175, /* QueryPlanKilled */
	189, /* PrimarySteppedDown */
	202, /* NetworkInterfaceExceededTimeLimit */
	237, /* CursorKilled */
	262, /* ExceededTimeLimit */
	9001, /* SocketException */
	10107, /* NotWritablePrimary */
	11600, /* InterruptedAtShutdown */
	11601, /* Interrupted */
	11602, /* InterruptedDueToReplStateChange */
	13388, /* StaleConfig */
	13435, /* NotPrimaryNoSecondaryOk */
	13436, /* NotPrimaryOrSecondary */
};

static void (*log_line)(const char *line);

/* What fails comes back as an error; the rest of libmongoc's talk is of no
 * use to an operator. */
static void on_log(mongoc_log_level_t level, const char *domain,
	const char *message, void *arg)
{
	char line[500];

	(void)arg;
	if (level > MONGOC_LOG_LEVEL_CRITICAL)
		return;
	(void)snprintf(line, sizeof(line), "%s: %s", domain, message);
	log_line(line);
}

void cluster_library_begin(void (*log)(const char *line))
{
	log_line = log;
	mongoc_log_set_handler(on_log, NULL);
	mongoc_init();
}

void cluster_library_end(void)
{
	mongoc_cleanup();
}

static bool is_from_server(const bson_error_t *error)
{
	return error->domain == MONGOC_ERROR_SERVER ||
	       error->domain == MONGOC_ERROR_WRITE_CONCERN ||
	       error->domain == MONGOC_ERROR_COLLECTION;
}

bool cluster_is_again(const bson_error_t *error)
{
	if (error->domain == MONGOC_ERROR_STREAM ||
		error->domain == MONGOC_ERROR_SERVER_SELECTION)
		return true;
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		if (is_from_server(error) && error->code == passing[i])
			return true;
	return false;
}

static bool is_refusal(const bson_error_t *error)
{
	if (error->domain == MONGOC_ERROR_CLIENT &&
		error->code == MONGOC_ERROR_CLIENT_AUTHENTICATE)
		return true;
	return is_from_server(error) &&
	       (error->code == SERVER_UNAUTHORIZED ||
		       error->code == SERVER_AUTHENTICATION_FAILED ||
		       error->code == SERVER_ATLAS);
}

bool cluster_lacks_majority(const bson_error_t *error)
{
	return is_from_server(error) &&
	       (error->code == SERVER_READ_CONCERN_NOT_ENABLED ||
		       error->code == SERVER_INVALID_OPTIONS ||
		       error->code == SERVER_NOT_IMPLEMENTED);
}

bool cluster_failed(
	const bson_error_t *error, struct err *err, const char *fmt, ...)
{
	char doing[150];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(doing, sizeof(doing), fmt, args);
	va_end(args);
	return err_set(err,
		cluster_is_again(error) ? ERR_AGAIN
		: is_refusal(error)     ? ERR_CONFIG
					: ERR_STEP,
		"%s: %s", doing, error->message);
}

/* One attempt, soon over: the engine asks again, and says meanwhile why. */
static void limit_waiting(mongoc_uri_t *uri)
{
	static const char *const options[] = {
		MONGOC_URI_SERVERSELECTIONTIMEOUTMS,
		MONGOC_URI_CONNECTTIMEOUTMS,
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (!mongoc_uri_has_option(uri, options[i]))
			(void)mongoc_uri_set_option_as_int32(
				uri, options[i], CLUSTER_REACH_MS);
}

static mongoc_client_t *make_client(mongoc_uri_t *uri, bson_error_t *ret_error)
{
	mongoc_read_prefs_t *primary =
		mongoc_read_prefs_new(MONGOC_READ_PRIMARY);
	mongoc_write_concern_t *majority = mongoc_write_concern_new();
	mongoc_client_t *client;

	mongoc_write_concern_set_wmajority(majority, 0);
	mongoc_uri_set_read_prefs_t(uri, primary);
	mongoc_uri_set_write_concern(uri, majority);
	(void)mongoc_uri_set_appname(uri, "syncup");
	limit_waiting(uri);
	client = mongoc_client_new_from_uri_with_error(uri, ret_error);
	if (client)
		(void)mongoc_client_set_error_api(
			client, MONGOC_ERROR_API_VERSION_2);
	mongoc_read_prefs_destroy(primary);
	mongoc_write_concern_destroy(majority);
	return client;
}

bool cluster_open_uri(
	struct cluster *cluster, mongoc_uri_t *uri, struct err *err)
{
	bson_error_t error = {0};

	*cluster = (struct cluster){0};
	cluster->client = make_client(uri, &error);
	return cluster->client ||
	       cluster_failed(&error, err, "preparing the connection");
}

bool cluster_open(struct cluster *cluster, const char *uri, struct err *err)
{
	mongoc_uri_t *parsed = mongoc_uri_new_with_error(uri, NULL);
	bool ok;

	*cluster = (struct cluster){0};
	if (!parsed) /* the message would quote the URI */
		return err_set(err, ERR_CONFIG,
			"the connection string is not a valid MongoDB URI (in "
			"user and password, special characters must be "
			"percent-encoded)");
	ok = cluster_open_uri(cluster, parsed, err);
	mongoc_uri_destroy(parsed);
	return ok;
}

void cluster_close(struct cluster *cluster)
{
	if (cluster->client)
		mongoc_client_destroy(cluster->client);
	cluster->client = NULL;
}

bool cluster_read_command(struct cluster *cluster, const char *command,
	bson_t *ret_reply, bson_error_t *ret_error)
{
	bson_t *request = BCON_NEW(command, BCON_INT32(1));
	bool ok = mongoc_client_command_simple(
		cluster->client, "admin", request, NULL, ret_reply, ret_error);

	bson_destroy(request);
	return ok;
}

/* ---- who it is ---- */

static json_t *oid_text(const char *kind, const bson_oid_t *oid)
{
	char hex[25];

	bson_oid_to_string(oid, hex);
	return json_sprintf("%s:%s", kind, hex);
}

/*
 * Each of the two asks for one proof.  NULL in *ret_identity: this cluster
 * does not have it, or does not show it to us.  False: cannot be asked now.
 */
static bool find_cluster_id(
	struct cluster *cluster, json_t **ret_identity, bson_error_t *ret_error)
{
	mongoc_collection_t *version = mongoc_client_get_collection(
		cluster->client, "config", "version");
	bson_t filter = BSON_INITIALIZER;
	mongoc_cursor_t *cursor =
		mongoc_collection_find_with_opts(version, &filter, NULL, NULL);
	const bson_t *doc;
	bson_iter_t iter;
	bool ok;

	*ret_identity = NULL;
	if (mongoc_cursor_next(cursor, &doc) &&
		bson_iter_init_find(&iter, doc, "clusterId") &&
		BSON_ITER_HOLDS_OID(&iter))
		*ret_identity = oid_text("cluster", bson_iter_oid(&iter));
	ok = !mongoc_cursor_error(cursor, ret_error) ||
	     (is_from_server(ret_error) && !cluster_is_again(ret_error));
	mongoc_cursor_destroy(cursor);
	mongoc_collection_destroy(version);
	bson_destroy(&filter);
	return ok;
}

static bool find_set_id(
	struct cluster *cluster, json_t **ret_identity, bson_error_t *ret_error)
{
	bson_iter_t iter, id;
	bson_t reply;
	bool ok = cluster_read_command(
		cluster, "replSetGetConfig", &reply, ret_error);

	*ret_identity = NULL;
	if (ok && bson_iter_init(&iter, &reply) &&
		bson_iter_find_descendant(
			&iter, "config.settings.replicaSetId", &id) &&
		BSON_ITER_HOLDS_OID(&id))
		*ret_identity = oid_text("set", bson_iter_oid(&id));
	bson_destroy(&reply);
	return ok ||
	       (is_from_server(ret_error) && !cluster_is_again(ret_error));
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names that the members of a set know each other by are the same
 * whichever of them the URI names. */
static json_t *set_members(const bson_t *hello)
{
	json_t *hosts = json_array();
	bson_iter_t iter, item;

	if (bson_iter_init_find(&iter, hello, "hosts") &&
		BSON_ITER_HOLDS_ARRAY(&iter) && bson_iter_recurse(&iter, &item))
		while (bson_iter_next(&item))
			if (BSON_ITER_HOLDS_UTF8(&item))
				(void)json_array_append_new(hosts,
					json_string(
						bson_iter_utf8(&item, NULL)));
	return hosts;
}

static json_t *known_servers(const struct cluster *cluster)
{
	size_t count = 0;
	mongoc_server_description_t **servers =
		mongoc_client_get_server_descriptions(cluster->client, &count);
	json_t *hosts = json_array();

	for (size_t i = 0; i < count; i++)
		(void)json_array_append_new(hosts,
			json_string(mongoc_server_description_host(servers[i])
					    ->host_and_port));
	mongoc_server_descriptions_destroy_all(servers, count);
	return hosts;
}

static json_t *join_hosts(const json_t *hosts)
{
	size_t count = json_array_size(hosts), len = sizeof("hosts:");
	_cleanup_free_ const char **sorted = calloc(count + 1, sizeof(*sorted));
	_cleanup_free_ char *text = NULL;
	char *end;

	for (size_t i = 0; sorted && i < count; i++) {
		sorted[i] = json_string_value(json_array_get(hosts, i));
		len += strlen(sorted[i]) + 1;
	}
	text = malloc(len);
	if (!sorted || !text)
		return NULL;
	qsort(sorted, count, sizeof(*sorted), compare_texts);
	end = stpcpy(text, "hosts:");
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			*end++ = ',';
		end = stpcpy(end, sorted[i]);
	}
	return json_string(text);
}

static bool name_hosts(
	struct cluster *cluster, json_t **ret_identity, bson_error_t *ret_error)
{
	_cleanup_json_ json_t *members = NULL;
	_cleanup_json_ json_t *servers = known_servers(cluster);
	bson_t hello;

	if (!cluster_read_command(cluster, "hello", &hello, ret_error)) {
		bson_destroy(&hello);
		if (!cluster_read_command(
			    cluster, "isMaster", &hello, ret_error)) {
			bson_destroy(&hello);
			return false;
		}
	}
	members = set_members(&hello);
	bson_destroy(&hello);
	*ret_identity =
		join_hosts(json_array_size(members) > 0 ? members : servers);
	return true;
}

static bool find_version(
	struct cluster *cluster, json_t **ret_version, bson_error_t *ret_error)
{
	bson_t reply;
	bson_iter_t iter;
	bool ok = cluster_read_command(cluster, "buildInfo", &reply, ret_error);

	*ret_version = NULL;
	if (ok && bson_iter_init_find(&iter, &reply, "version") &&
		BSON_ITER_HOLDS_UTF8(&iter))
		*ret_version = json_string(bson_iter_utf8(&iter, NULL));
	bson_destroy(&reply);
	return ok;
}

bool cluster_identify(
	struct cluster *cluster, json_t **ret_json, struct err *err)
{
	json_t *identity = NULL, *version = NULL;
	bson_error_t error = {0};
	bool proved = true;

	if (!find_version(cluster, &version, &error) ||
		!find_cluster_id(cluster, &identity, &error) ||
		(!identity && !find_set_id(cluster, &identity, &error)))
		goto failed;
	if (!identity) {
		proved = false;
		if (!name_hosts(cluster, &identity, &error))
			goto failed;
	}
	*ret_json = json_pack("{s:o, s:b, s:o}", "identity",
		identity ? identity : json_null(), "proved", proved, "version",
		version ? version : json_null());
	return *ret_json || err_set(err, ERR_MEMORY, "out of memory");
failed:
	json_decref(identity);
	json_decref(version);
	return cluster_failed(&error, err, "asking the cluster who it is");
}

/* ---- what it is made of ---- */

static bool is_mongos(struct cluster *cluster)
{
	bson_error_t error;
	bson_iter_t iter;
	bson_t hello;
	bool yes = cluster_read_command(cluster, "hello", &hello, &error) &&
		   bson_iter_init_find(&iter, &hello, "msg") &&
		   BSON_ITER_HOLDS_UTF8(&iter) &&
		   strcmp(bson_iter_utf8(&iter, NULL), "isdbgrid") == 0;

	bson_destroy(&hello);
	return yes;
}

/* A text of one of the reply's shards, "" if there is none. */
static const char *shard_text(const bson_iter_t *shard, const char *key)
{
	bson_iter_t field;

	return bson_iter_recurse(shard, &field) &&
			       bson_iter_find(&field, key) &&
			       BSON_ITER_HOLDS_UTF8(&field)
		       ? bson_iter_utf8(&field, NULL)
		       : "";
}

static json_t *hosts_of_shards(const bson_t *reply)
{
	json_t *hosts = json_array();
	bson_iter_t iter, shard;

	if (!bson_iter_init_find(&iter, reply, "shards") ||
		!BSON_ITER_HOLDS_ARRAY(&iter) ||
		!bson_iter_recurse(&iter, &shard))
		return hosts;
	while (bson_iter_next(&shard))
		if (BSON_ITER_HOLDS_DOCUMENT(&shard) &&
			shard_text(&shard, "_id")[0])
			(void)json_array_append_new(hosts,
				json_pack("{s:s, s:s}", "id",
					shard_text(&shard, "_id"), "host",
					shard_text(&shard, "host")));
	return hosts;
}

/* A server that is no mongos may refuse a command that it does not have for
 * want of a privilege, or in words of its own. */
bool cluster_shard_hosts(struct cluster *cluster, bool *ret_sharded,
	json_t **ret_hosts, struct err *err)
{
	bson_error_t error = {0};
	bson_t reply;
	json_t *hosts = NULL;
	bool sharded =
		cluster_read_command(cluster, "listShards", &reply, &error);

	if (sharded)
		hosts = hosts_of_shards(&reply);
	bson_destroy(&reply);
	if (!sharded && !(is_from_server(&error) && !cluster_is_again(&error)))
		return cluster_failed(&error, err, "listing the shards");
	if (!sharded && error.code != SERVER_COMMAND_NOT_FOUND &&
		is_mongos(cluster))
		return cluster_failed(&error, err, "listing the shards");
	*ret_sharded = sharded;
	*ret_hosts = hosts ? hosts : json_array();
	return true;
}

bool cluster_shards(struct cluster *cluster, json_t **ret_json, struct err *err)
{
	_cleanup_json_ json_t *hosts = NULL;
	json_t *ids = json_array(), *shard;
	bool sharded = false;
	size_t i;

	if (!cluster_shard_hosts(cluster, &sharded, &hosts, err)) {
		json_decref(ids);
		return false;
	}
	json_array_foreach (hosts, i, shard)
		(void)json_array_append(ids, json_object_get(shard, "id"));
	*ret_json =
		json_pack("{s:b, s:o}", "sharded", (int)sharded, "shards", ids);
	return *ret_json || err_set(err, ERR_MEMORY, "out of memory");
}
