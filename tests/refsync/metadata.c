/*
 * metadata.c - see metadata.h.  Migration is in migrate.c.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "state/cleanup.h"
#include "tests/refsync/metadata.h"
#include "tests/refsync/migrate.h"
#include "tests/refsync/settings.h"
#include "tests/refsync/version.h"

void metadata_init(struct metadata *m, struct store *store, const char *id)
{
	*m = (struct metadata){.store = store, .id = id};
}

void metadata_done(struct metadata *m)
{
	json_decref(m->global);
	json_decref(m->resume);
	*m = (struct metadata){0};
}

static bool read_one(struct metadata *m, struct name name, const char *id,
	json_t **ret_doc, struct err *err)
{
	_cleanup_json_ json_t *docs = NULL;

	if (!m->store->ops->read(m->store, name, &docs, err))
		return false;
	*ret_doc = json_incref(store_find(docs, id));
	return true;
}

static bool is_lowest(const json_t *docs, const char *id)
{
	size_t i;
	json_t *doc;

	json_array_foreach (docs, i, doc) {
		const char *other =
			json_string_value(json_object_get(doc, "_id"));

		if (other && strcmp(other, id) < 0)
			return false;
	}
	return true;
}

bool metadata_load(
	struct metadata *m, enum metadata_found *ret_found, struct err *err)
{
	_cleanup_json_ json_t *global = NULL;
	_cleanup_json_ json_t *peers = NULL;
	bool older;

	m->from = version_database();
	if (!read_one(m, (struct name){m->from, "globalState"}, "globalState",
		    &global, err))
		return false;
	if (!global && strcmp(m->from, DATABASE_OLD) != 0) {
		m->from = DATABASE_OLD;
		if (!read_one(m, (struct name){m->from, "globalState"},
			    "globalState", &global, err))
			return false;
	}
	*ret_found = METADATA_NONE;
	if (!global)
		return true;
	if (!migrate_check(global, &older, err) ||
		!m->store->ops->read(m->store,
			(struct name){m->from, "resumeData"}, &peers, err))
		return false;
	json_decref(m->global);
	json_decref(m->resume);
	m->global = take_ptr(global);
	m->resume = json_incref(store_find(peers, m->id));
	if (!m->resume)
		return true;
	if (older)
		*ret_found = is_lowest(peers, m->id) ? METADATA_OLDER
						     : METADATA_OTHERS;
	else
		*ret_found = METADATA_READY;
	return true;
}

bool metadata_put(struct metadata *m, const char *collection, json_t *doc,
	struct err *err)
{
	struct name name = {version_database(), collection};

	(void)json_object_set_new(
		doc, "documentVersion", json_integer(REFSYNC_METADATA));
	return m->store->ops->put(m->store, name, doc, err);
}

bool metadata_save(struct metadata *m, struct err *err)
{
	_cleanup_free_ char *lie = settings_metadata_state();
	_cleanup_json_ json_t *doc = NULL;

	if (!lie)
		return metadata_put(m, "resumeData", m->resume, err);
	doc = json_copy(m->resume);
	(void)json_object_set_new(doc, "state", json_string(lie));
	return metadata_put(m, "resumeData", doc, err);
}

static json_t *make_timestamp(int64_t seconds)
{
	return json_pack("{s:{s:I, s:i}}", "$timestamp", "t",
		(json_int_t)seconds, "i", 1);
}

static json_t *make_address(const char *cluster, const struct store *store)
{
	return json_sprintf("%s: %s", cluster, store->address);
}

/* What /start said, or what the setting puts in its place. */
static json_t *make_natural_order(const json_t *body)
{
	const json_t *asked = json_object_get(body, "copyInNaturalOrder");
	long wanted = setting(SET_NATURAL_ORDER);
	json_t *some =
		json_is_array(asked) ? json_deep_copy(asked) : json_array();

	if (wanted == 1)
		(void)json_array_append_new(
			some, json_pack("{s:s, s:[s]}", "db", "synthetic",
				      "colls", "docs"));
	return json_pack(
		"{s:b, s:o}", "selectAll", wanted == 2, "dbsAndColls", some);
}

/* Options that came later than this version are not there. */
static void add_options(json_t *global, const json_t *body)
{
	const json_t *random = json_object_get(body, "detectRandomId");

	if (version_has(16) || setting(SET_NATURAL_ORDER))
		(void)json_object_set_new(global, "copyInNaturalOrderFilter",
			make_natural_order(body));
	if (version_has(18))
		(void)json_object_set_new(global, "detectRandomId",
			json_boolean(!json_is_false(random)));
}

static json_t *make_global(const json_t *body, json_t *instances)
{
	const json_t *blocking =
		json_object_get(body, "enableUserWriteBlocking");
	const json_t *indexes = json_object_get(body, "buildIndexes");
	const char *mode = json_is_string(blocking)
				   ? json_string_value(blocking)
			   : version_has(11) ? "destinationOnly"
					     : "none";
	json_t *global = json_pack(
		"{s:s, s:i, s:b, s:s, s:s, s:s, s:{s:[], s:[]}, s:O}", "_id",
		"globalState", "persistedMetadataVersion", REFSYNC_METADATA,
		"reversible", json_is_true(json_object_get(body, "reversible")),
		"writeBlockingMode", mode, "buildIndexes",
		indexes ? json_string_value(indexes) : "beforeDataCopy",
		"verificationmode",
		setting(SET_VERIFIER_DOCS) ? "enabled" : "disabled",
		"namespaceFilter", "inclusionFilter", "exclusionFilter",
		"instances", instances);

	if (global)
		add_options(global, body);
	return global;
}

bool metadata_begin(struct metadata *m, const json_t *body, json_t *instances,
	struct store *const clusters[2], struct err *err)
{
	json_t *source = make_address("cluster0", clusters[0]);
	json_t *destination = make_address("cluster1", clusters[1]);

	json_decref(m->global);
	json_decref(m->resume);
	m->global = make_global(body, instances);
	m->resume = json_pack(
		"{s:s, s:s, s:s, s:[], s:{s:o, s:o}, s:{s:o}, s:{s:o}}", "_id",
		m->id, "state", "RUNNING", "syncPhase", "", "phaseTransitions",
		"directionMapping", "Source", source, "Destination",
		destination, "crudChangeStreamResumeInfo", "lastEventTs",
		make_timestamp(time(NULL)), "ddlChangeStreamResumeInfo",
		"lastEventTs", make_timestamp(time(NULL)));
	if (!m->global || !m->resume)
		return err_set(err, ERR_BUG, "cannot make the metadata");
	metadata_set_position(m, 0, time(NULL));
	metadata_set_phase(m, "uninitialized");
	return metadata_put(m, "globalState", m->global, err) &&
	       metadata_save(m, err);
}

const char *metadata_state(const struct metadata *m)
{
	const char *state =
		json_string_value(json_object_get(m->resume, "state"));

	return state ? state : "";
}

void metadata_set_state(struct metadata *m, const char *state)
{
	(void)json_object_set_new(m->resume, "state", json_string(state));
}

const char *metadata_phase(const struct metadata *m)
{
	const char *phase =
		json_string_value(json_object_get(m->resume, "syncPhase"));

	return phase ? phase : "";
}

void metadata_set_phase(struct metadata *m, const char *phase)
{
	if (!strcmp(metadata_phase(m), phase))
		return; /* a repeated step */
	(void)json_object_set_new(m->resume, "syncPhase", json_string(phase));
	(void)json_array_append_new(
		json_object_get(m->resume, "phaseTransitions"),
		json_pack("{s:s, s:o}", "phase", phase, "ts",
			make_timestamp(time(NULL))));
}

/* Where the number stands changed with metadata 12: see migrate.c. */
static json_t *position_holder(const struct metadata *m)
{
	return REFSYNC_METADATA < 12 ? m->resume
				     : json_object_get(m->resume,
					       "crudChangeStreamResumeInfo");
}

static const char *position_key(void)
{
	return REFSYNC_METADATA < 12 ? "lastAppliedSequence" : "sequence";
}

int64_t metadata_position(const struct metadata *m)
{
	return json_integer_value(
		json_object_get(position_holder(m), position_key()));
}

int64_t metadata_position_time(const struct metadata *m)
{
	const json_t *info =
		json_object_get(m->resume, "crudChangeStreamResumeInfo");
	const json_t *ts = json_object_get(
		json_object_get(info, "lastEventTs"), "$timestamp");

	return json_integer_value(json_object_get(ts, "t"));
}

void metadata_set_position(struct metadata *m, int64_t seq, int64_t when)
{
	json_t *info = json_object_get(m->resume, "crudChangeStreamResumeInfo");

	(void)json_object_set_new(
		position_holder(m), position_key(), json_integer(seq));
	if (when > metadata_position_time(m))
		(void)json_object_set_new(
			info, "lastEventTs", make_timestamp(when));
}

const json_t *metadata_instances(const struct metadata *m)
{
	return json_object_get(m->global, "instances");
}

bool metadata_peers(struct metadata *m, json_t **ret_docs, struct err *err)
{
	struct name name = {version_database(), "resumeData"};

	return m->store->ops->read(m->store, name, ret_docs, err);
}

bool metadata_partitions(struct metadata *m, json_t **ret_docs, struct err *err)
{
	struct name name = {version_database(), "partitions"};

	return m->store->ops->read(m->store, name, ret_docs, err);
}

bool metadata_clear(struct metadata *m, const char *collection, struct err *err)
{
	struct name name = {version_database(), collection};

	return m->store->ops->drop(m->store, name, err);
}
