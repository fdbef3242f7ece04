/*
 * migrate.c - see migrate.h.
 */
#include <string.h>
#include <time.h>

#include "state/cleanup.h"
#include "tests/refsync/effects.h"
#include "tests/refsync/log.h"
#include "tests/refsync/metadata.h"
#include "tests/refsync/migrate.h"
#include "tests/refsync/settings.h"
#include "tests/refsync/version.h"

static const char *const collections[] = {
	"resumeData", "partitions", "uuidMap", "statistics"};

static json_int_t number(const json_t *doc, const char *key)
{
	return json_integer_value(json_object_get(doc, key));
}

bool migrate_check(const json_t *global, bool *ret_older, struct err *err)
{
	json_int_t persisted = number(global, "persistedMetadataVersion");
	json_int_t coming = number(global, "migratingTo");
	json_int_t minimum = setting(SET_ACCEPT_METADATA);

	if (!minimum)
		minimum = REFSYNC_MINIMUM;
	if (persisted > REFSYNC_METADATA || coming > REFSYNC_METADATA)
		return err_set(err, ERR_CONFIG,
			"Persisted metadata version: %lld is higher than the "
			"maximum supported metadata version: %d",
			(long long)(coming > persisted ? coming : persisted),
			REFSYNC_METADATA);
	if (persisted < minimum)
		return err_set(err, ERR_CONFIG,
			"Persisted metadata version: %lld is lower than the "
			"minimum supported metadata version: %lld",
			(long long)persisted, (long long)minimum);
	*ret_older = persisted < REFSYNC_METADATA;
	return true;
}

void migrate_document(json_t *doc)
{
	json_t *position = json_object_get(doc, "lastAppliedSequence");
	json_t *info = json_object_get(doc, "crudChangeStreamResumeInfo");

	if (position && info && REFSYNC_METADATA >= 12) {
		(void)json_object_set(info, "sequence", position);
		(void)json_object_del(doc, "lastAppliedSequence");
	}
	(void)json_object_set_new(
		doc, "documentVersion", json_integer(REFSYNC_METADATA));
}

static bool is_migrated(const json_t *doc)
{
	return number(doc, "documentVersion") >= REFSYNC_METADATA;
}

static bool is_at(enum setting name, long documents)
{
	long limit = setting(name);

	return limit > 0 && documents >= limit;
}

static void take_time(void)
{
	long ms = setting(SET_MIGRATE_DOC_MS);
	struct timespec pause = {ms / 1000, ms % 1000 * 1000000};

	if (ms > 0)
		(void)nanosleep(&pause, NULL);
}

static const json_t *find_same(const json_t *docs, const json_t *doc)
{
	size_t i;
	json_t *other;

	json_array_foreach (docs, i, other)
		if (json_equal(json_object_get(other, "_id"),
			    json_object_get(doc, "_id")))
			return other;
	return NULL;
}

struct migration {
	struct metadata *m;
	bool (*keep_on)(void *);
	void *arg;
	long done; /* by this start */
	long ready; /* by an earlier one */
};

/* For a faulty version: dies in the middle of its first start. */
static void die_if_told(const struct migration *migration)
{
	if (!is_at(SET_MIGRATE_THEN_DIE, migration->done) &&
		!is_at(SET_MIGRATE_DIES_AT, migration->done + migration->ready))
		return;
	log_add(LOG_FATAL, "Migrating the persisted metadata",
		json_pack("{s:{s:s}}", "error", "message", "migration died"));
	effects_die("crash", 3, "fatal: migration died");
}

/* from and to differ when the database was renamed. */
static bool migrate_collection(
	struct migration *migration, const char *collection, struct err *err)
{
	struct store *store = migration->m->store;
	struct name from = {migration->m->from, collection};
	struct name to = {version_database(), collection};
	_cleanup_json_ json_t *docs = NULL;
	_cleanup_json_ json_t *there = NULL;
	size_t i;
	json_t *doc;

	if (!store->ops->read(store, from, &docs, err) ||
		!store->ops->read(store, to, &there, err))
		return false;
	json_array_foreach (docs, i, doc) {
		const json_t *same = find_same(there, doc);

		if (migration->m->gave_up)
			return true;
		if (same && is_migrated(same)) {
			migration->ready++;
			continue;
		}
		/* One that died at a document never comes beyond it. */
		die_if_told(migration);
		if (migration->keep_on && !migration->keep_on(migration->arg))
			return err_set(err, ERR_STOPPED, "stopped");
		migrate_document(doc);
		if (!store->ops->put(store, to, doc, err))
			return false;
		migration->done++;
		die_if_told(migration);
		migration->m->gave_up = is_at(SET_MIGRATE_THEN_IDLE,
			migration->done + migration->ready);
		take_time();
	}
	return true;
}

static bool announce(struct metadata *m, struct err *err)
{
	struct name name = {m->from, "globalState"};

	(void)json_object_set_new(
		m->global, "migratingTo", json_integer(REFSYNC_METADATA));
	return m->store->ops->put(m->store, name, m->global, err);
}

static bool finish(struct metadata *m, struct err *err)
{
	(void)json_object_del(m->global, "migratingTo");
	(void)json_object_set_new(m->global, "persistedMetadataVersion",
		json_integer(REFSYNC_METADATA));
	if (!metadata_put(m, "globalState", m->global, err))
		return false;
	if (!strcmp(m->from, version_database()))
		return true;
	return m->store->ops->drop(m->store, (struct name){m->from, NULL}, err);
}

bool metadata_migrate(
	struct metadata *m, bool (*keep_on)(void *), void *arg, struct err *err)
{
	struct migration migration = {m, keep_on, arg, 0, 0};
	json_int_t from = number(m->global, "persistedMetadataVersion");

	log_add(LOG_INFO, "Migrating the persisted metadata",
		json_pack("{s:I, s:i}", "from", from, "to", REFSYNC_METADATA));
	if (!announce(m, err))
		return false;
	for (size_t i = 0; i < sizeof(collections) / sizeof(*collections); i++)
		if (!migrate_collection(&migration, collections[i], err))
			return false;
	if (m->gave_up)
		return true;
	die_if_told(&migration);
	if (!finish(m, err))
		return false;
	effects_add("migrated",
		json_pack("{s:I, s:i, s:i}", "from", from, "to",
			REFSYNC_METADATA, "docs", (int)migration.done));
	return true;
}
