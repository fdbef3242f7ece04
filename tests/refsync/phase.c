/*
 * phase.c - what a RUNNING sync does, phase after phase.
 *
 * The instance with the lowest id is the coordinator: it notes where the
 * change log stands, prepares and divides; the others wait for it.  No change
 * is applied before every partition of every instance is done: a delete that
 * overtakes the copy of its document would be lost.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "state/cleanup.h"
#include "tests/refsync/effects.h"
#include "tests/refsync/log.h"
#include "tests/refsync/settings.h"
#include "tests/refsync/version.h"
#include "tests/refsync/worker.h"

#define POLL_MS 50
#define CHANGES_AT_ONCE 500

static const char *const phases[] = {PHASE_UNINITIALIZED, PHASE_COLLECTIONS,
	PHASE_PARTITIONS, PHASE_COPY, PHASE_WAITING, PHASE_LIVE, PHASE_COMMIT,
	PHASE_COMMITTED};

static int rank(const char *phase)
{
	for (size_t i = 0; i < sizeof(phases) / sizeof(*phases); i++)
		if (phase && !strcmp(phases[i], phase))
			return (int)i;
	return -1;
}

const char *phase_constant(const char *phase)
{
	int i = rank(phase);

	return i < 0 ? NULL : phases[i];
}

bool phase_is_live(const struct worker *worker)
{
	return !strcmp(metadata_phase(&worker->metadata), PHASE_LIVE);
}

bool phase_enter(struct worker *worker, const char *phase, struct err *err)
{
	struct metadata *m = &worker->metadata;
	char message[200];

	(void)snprintf(message, sizeof(message),
		"Updating the in-memory phase from `%s` to `%s`.",
		metadata_phase(m), phase);
	log_add(LOG_DEBUG, message, NULL);
	effects_add("phase", json_pack("{s:s, s:s}", "from", metadata_phase(m),
				     "to", phase));
	metadata_set_phase(m, phase);
	return metadata_save(m, err);
}

static const char *coordinator_of(const struct metadata *m)
{
	return json_string_value(json_array_get(metadata_instances(m), 0));
}

static bool is_coordinator(const struct metadata *m)
{
	return !strcmp(coordinator_of(m), m->id);
}

/* Each instance has been given its /start. */
static bool are_all_there(const struct metadata *m, const json_t *peers)
{
	size_t i;
	json_t *id;

	json_array_foreach (metadata_instances(m), i, id)
		if (!store_find(peers, json_string_value(id)))
			return false;
	return true;
}

static void remember_start(struct metadata *m, int64_t sequence)
{
	(void)json_object_set_new(
		m->resume, "startSequence", json_integer(sequence));
	metadata_set_position(m, sequence, time(NULL));
}

static bool step_uninitialized(
	struct worker *worker, const json_t *peers, struct err *err)
{
	struct metadata *m = &worker->metadata;
	const json_t *first = store_find(peers, coordinator_of(m));
	int64_t sequence;

	if (is_coordinator(m)) {
		if (!worker->source->ops->last_change(
			    worker->source, &sequence, err))
			return false;
		remember_start(m, sequence);
		log_add(LOG_INFO,
			"Starting initializing collections and indexes phase",
			NULL);
		return phase_enter(worker, PHASE_COLLECTIONS, err);
	}
	if (rank(json_string_value(json_object_get(first, "syncPhase"))) <
		rank(PHASE_COPY)) {
		(void)sync_sleep(worker->sync, POLL_MS);
		return true;
	}
	remember_start(
		m, json_integer_value(json_object_get(first, "startSequence")));
	copy_done(&worker->copy);
	return phase_enter(worker, PHASE_COPY, err);
}

static bool step_initializing(struct worker *worker, struct err *err)
{
	struct metadata *m = &worker->metadata;
	_cleanup_json_ json_t *peers = NULL;

	if (!metadata_peers(m, &peers, err))
		return false;
	if (!are_all_there(m, peers)) {
		(void)sync_sleep(worker->sync, POLL_MS);
		return true;
	}
	if (!strcmp(metadata_phase(m), PHASE_UNINITIALIZED))
		return step_uninitialized(worker, peers, err);
	if (!strcmp(metadata_phase(m), PHASE_COLLECTIONS))
		return copy_prepare(
			       m, worker->source, worker->destination, err) &&
		       phase_enter(worker, PHASE_PARTITIONS, err);
	log_add(LOG_INFO, "Starting collection copy phase", NULL);
	if (!copy_divide(m, worker->source, err))
		return false;
	copy_done(&worker->copy); /* what an earlier division may have left */
	return phase_enter(worker, PHASE_COPY, err);
}

/* Documents that one step may copy, so that a throttle is smooth. */
static size_t batch_size(long per_s)
{
	long most = setting(SET_BATCH_DOCS);

	if (per_s > 0 && per_s / 10 < most)
		most = per_s / 10;
	return most < 1 ? 1 : (size_t)most;
}

static bool step_copy(struct worker *worker, struct err *err)
{
	long per_s = setting(SET_PARTITION_DOCS_PER_S);
	struct metadata *m = &worker->metadata;
	size_t docs;
	bool finished;

	if (!copy_step(&worker->copy, m, worker->source, worker->destination,
		    batch_size(per_s), &docs, &finished, err))
		return false;
	if (finished)
		return phase_enter(worker, PHASE_WAITING, err);
	if (per_s > 0 && docs)
		(void)sync_sleep(worker->sync, (int64_t)docs * 1000 / per_s);
	return true;
}

static bool step_waiting(struct worker *worker, struct err *err)
{
	bool all;

	if (!copy_is_complete(&worker->copy, &worker->metadata, &all, err))
		return false;
	if (!all) {
		(void)sync_sleep(worker->sync, 2 * POLL_MS);
		return true;
	}
	log_add(LOG_INFO, "Starting change event application phase", NULL);
	return phase_enter(worker, PHASE_LIVE, err);
}

static struct share own_share(const struct metadata *m)
{
	const json_t *ids = metadata_instances(m);
	struct share share = {(uint32_t)json_array_size(ids), 0};

	for (uint32_t i = 0; i < share.instances; i++)
		if (!strcmp(json_string_value(json_array_get(ids, i)), m->id))
			share.mine = i;
	return share;
}

/* A quiet source still moves a resume point, by its no-op writes. */
static bool move_on(struct worker *worker, struct err *err)
{
	struct metadata *m = &worker->metadata;
	int64_t now = time(NULL);

	if ((now - metadata_position_time(m)) * 1000 < setting(SET_NOOP_MS))
		return true;
	metadata_set_position(m, metadata_position(m), now);
	return metadata_save(m, err);
}

/* A log whose front was cut off behind our back has rolled over. */
static bool check_gap(
	struct worker *worker, const struct batch *batch, struct err *err)
{
	int64_t position = metadata_position(&worker->metadata), first;

	if (!position || !batch->count || batch->first_seq == position + 1)
		return true;
	if (!worker->source->ops->first_change(worker->source, &first, err))
		return false;
	return first <= position + 1 ||
	       err_set(err, ERR_CONFIG,
		       "resume point may no longer be in the oplog");
}

bool phase_apply(struct worker *worker, struct err *err)
{
	struct metadata *m = &worker->metadata;
	struct batch batch = {0};
	size_t applied = 0;
	bool ok;

	if (!worker->source->ops->read_changes(worker->source,
		    metadata_position(m), CHANGES_AT_ONCE, &batch, err))
		return false;
	if (!check_gap(worker, &batch, err)) {
		batch_done(&batch);
		return false;
	}
	worker->caught_up = batch.count < CHANGES_AT_ONCE;
	worker->drained = !batch.count;
	if (worker->drained) {
		batch_done(&batch);
		return move_on(worker, err);
	}
	ok = worker->destination->ops->apply_changes(
		worker->destination, &batch, own_share(m), &applied, err);
	if (ok) {
		worker->events_applied += (int64_t)applied;
		metadata_set_position(m, batch.last_seq,
			batch.last_time ? batch.last_time : time(NULL));
		ok = metadata_save(m, err);
	}
	batch_done(&batch);
	return ok;
}

bool phase_step(struct worker *worker, struct err *err)
{
	const char *phase = metadata_phase(&worker->metadata);
	int64_t began_ms, took_ms;

	if (rank(phase) < 0)
		return err_set(
			err, ERR_CONFIG, "resumeData has an unknown syncPhase");
	if (rank(phase) < rank(PHASE_COPY))
		return step_initializing(worker, err);
	if (!strcmp(phase, PHASE_COPY))
		return step_copy(worker, err);
	if (!strcmp(phase, PHASE_WAITING))
		return step_waiting(worker, err);
	began_ms = sync_now_ms();
	if (!phase_apply(worker, err))
		return false;
	/* where a look is dear, looks are rare */
	took_ms = sync_now_ms() - began_ms;
	if (worker->caught_up)
		(void)sync_sleep(worker->sync, 2 * POLL_MS + 4 * took_ms);
	return true;
}
