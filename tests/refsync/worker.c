/*
 * worker.c - the worker thread: from start to stop, state by state.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "state/cleanup.h"
#include "tests/refsync/effects.h"
#include "tests/refsync/log.h"
#include "tests/refsync/settings.h"
#include "tests/refsync/version.h"
#include "tests/refsync/worker.h"

#define POLL_MS 50
#define RETRY_MS 500
#define COMMIT_LAG_S 30

static bool keep_on(void *arg)
{
	return !sync_is_stopping(arg);
}

static void show_mapping(struct sync_view *view, const json_t *resume)
{
	const json_t *mapping = json_object_get(resume, "directionMapping");
	const char *source =
		json_string_value(json_object_get(mapping, "Source"));
	const char *destination =
		json_string_value(json_object_get(mapping, "Destination"));

	(void)snprintf(
		view->source, sizeof(view->source), "%s", source ? source : "");
	(void)snprintf(view->destination, sizeof(view->destination), "%s",
		destination ? destination : "");
}

static int64_t lag_of(const struct worker *worker)
{
	int64_t lag = time(NULL) - metadata_position_time(&worker->metadata);

	return lag > 0 ? lag : 0;
}

/* Makes what the API shows true again. */
static void show(struct worker *worker, enum sync_state state)
{
	struct sync_view view = {.state = state, .lag_s = -1};
	const struct metadata *m = &worker->metadata;
	const char *first;

	if (state != SYNC_IDLE) {
		first = json_string_value(
			json_array_get(metadata_instances(m), 0));
		(void)snprintf(view.coordinator, sizeof(view.coordinator), "%s",
			first ? first : "");
		show_mapping(&view, m->resume);
		view.info = phase_constant(metadata_phase(m));
		view.events_applied = worker->events_applied;
		view.total_bytes = copy_total_bytes(&worker->copy);
		view.copied_bytes = copy_own_bytes(&worker->copy, m->id);
		if (state != SYNC_PAUSED)
			view.lag_s = lag_of(worker);
		view.can_write = state == SYNC_COMMITTED;
		view.reversible =
			json_is_true(json_object_get(m->global, "reversible"));
		view.can_commit =
			state == SYNC_RUNNING && phase_is_live(worker) &&
			worker->caught_up &&
			(!version_has(21) || view.lag_s <= COMMIT_LAG_S);
	}
	(void)pthread_mutex_lock(&worker->sync->lock);
	view.committed_by_all = worker->sync->view.committed_by_all;
	worker->sync->view = view;
	(void)pthread_mutex_unlock(&worker->sync->lock);
}

static enum sync_state state_now(struct worker *worker)
{
	return worker->sync->view.state; /* written by this thread only */
}

/* Persists the state, then shows it. */
static bool enter(struct worker *worker, enum sync_state state,
	const char *event, struct err *err)
{
	metadata_set_state(&worker->metadata, sync_state_name(state));
	if (!metadata_save(&worker->metadata, err))
		return false;
	effects_add(event, NULL);
	log_add(LOG_INFO, "State changed",
		json_pack("{s:s}", "state", sync_state_name(state)));
	worker->since_ms = sync_now_ms();
	show(worker, state);
	return true;
}

static void choose_direction(struct worker *worker)
{
	bool reversed = json_is_true(
		json_object_get(worker->metadata.resume, "reversed"));

	worker->source = worker->clusters[reversed];
	worker->destination = worker->clusters[!reversed];
}

/*
 * Instances of this sync: what the test says, or the source's shards, or only
 * this one.  Sorted, so that the first is the coordinator.
 */
static bool find_instances(
	struct worker *worker, json_t **ret_ids, struct err *err)
{
	const char *own = worker->metadata.id;
	_cleanup_json_ json_t *found = settings_instances();
	json_t *sorted = json_array();
	size_t i, j;
	json_t *id;

	if (!found && worker->sync->options->id &&
		!worker->clusters[0]->ops->shards(
			worker->clusters[0], &found, err)) {
		json_decref(sorted);
		return false;
	}
	if (!json_array_size(found)) {
		json_decref(found);
		found = json_pack("[s]", own);
	}
	json_array_foreach (found, i, id) {
		for (j = 0; j < json_array_size(sorted); j++)
			if (strcmp(json_string_value(json_array_get(sorted, j)),
				    json_string_value(id)) > 0)
				break;
		(void)json_array_insert(sorted, j, id);
	}
	*ret_ids = sorted;
	return true;
}

static bool begin(struct worker *worker, struct err *err)
{
	struct metadata *m = &worker->metadata;
	_cleanup_json_ json_t *ids = NULL;

	if (!find_instances(worker, &ids, err) ||
		!metadata_begin(m, worker->sync->start_body, ids,
			worker->clusters, err))
		return false;
	choose_direction(worker);
	return enter(worker, SYNC_RUNNING, "running", err);
}

static bool is_due(struct worker *worker, const bool *request, int64_t at_ms)
{
	bool due;

	(void)pthread_mutex_lock(&worker->sync->lock);
	due = *request && sync_now_ms() >= at_ms;
	(void)pthread_mutex_unlock(&worker->sync->lock);
	return due;
}

static void forget(struct worker *worker, bool *request)
{
	(void)pthread_mutex_lock(&worker->sync->lock);
	*request = false;
	(void)pthread_mutex_unlock(&worker->sync->lock);
}

static bool step_idle(struct worker *worker, struct err *err)
{
	struct sync *sync = worker->sync;
	bool asked;

	(void)pthread_mutex_lock(&sync->lock);
	asked = sync->start_body != NULL;
	(void)pthread_mutex_unlock(&sync->lock);
	if (!asked) {
		(void)sync_sleep(sync, 10 * POLL_MS);
		return true;
	}
	return begin(worker, err);
}

static bool step_running(struct worker *worker, struct err *err)
{
	struct sync *sync = worker->sync;

	if (is_due(worker, &sync->pausing, sync->pause_at_ms) &&
		!setting(SET_NEVER_PAUSES)) {
		if (!enter(worker, SYNC_PAUSED, "paused", err))
			return false;
		forget(worker, &sync->pausing);
		return true;
	}
	if (is_due(worker, &sync->committing, 0)) {
		metadata_set_phase(&worker->metadata, PHASE_COMMIT);
		if (!enter(worker, SYNC_COMMITTING, "committing", err))
			return false;
		forget(worker, &sync->committing);
		return true;
	}
	if (!phase_step(worker, err))
		return false;
	show(worker, SYNC_RUNNING);
	return true;
}

static bool step_paused(struct worker *worker, struct err *err)
{
	struct sync *sync = worker->sync;

	if (!is_due(worker, &sync->resuming, sync->resume_at_ms)) {
		(void)sync_sleep(sync, POLL_MS);
		return true;
	}
	if (!enter(worker, SYNC_RUNNING, "resumed", err))
		return false;
	forget(worker, &sync->resuming);
	return true;
}

/* Whether every instance is in one of two states; *ret_drained (may be NULL):
 * and each has said that it has nothing left to apply. */
static bool are_all_in(struct worker *worker, enum sync_state one,
	enum sync_state other, bool *ret_all, bool *ret_drained,
	struct err *err)
{
	_cleanup_json_ json_t *peers = NULL;
	bool all = true, drained = true;
	size_t i;
	json_t *peer;

	if (!metadata_peers(&worker->metadata, &peers, err))
		return false;
	json_array_foreach (peers, i, peer) {
		enum sync_state state = sync_state_find(
			json_string_value(json_object_get(peer, "state")));

		all = all && (state == one || state == other);
		drained = drained &&
			  json_is_true(json_object_get(peer, "drained"));
	}
	*ret_all = all;
	if (ret_drained)
		*ret_drained = drained;
	return true;
}

static void show_all_called(struct worker *worker, bool all)
{
	(void)pthread_mutex_lock(&worker->sync->lock);
	worker->sync->view.committed_by_all = all;
	(void)pthread_mutex_unlock(&worker->sync->lock);
}

/* Once everybody commits, nobody writes to the source any more. */
static bool say_drained(struct worker *worker, bool all, struct err *err)
{
	json_t *resume = worker->metadata.resume;

	if (!all || !worker->drained ||
		json_is_true(json_object_get(resume, "drained")))
		return true;
	(void)json_object_set_new(resume, "drained", json_true());
	return metadata_save(&worker->metadata, err);
}

static bool step_committing(struct worker *worker, struct err *err)
{
	struct metadata *m = &worker->metadata;
	bool all, drained;
	int64_t sequence;

	if (!are_all_in(worker, SYNC_COMMITTING, SYNC_COMMITTED, &all, &drained,
		    err) ||
		!phase_apply(worker, err) || !say_drained(worker, all, err))
		return false;
	show_all_called(worker, all);
	if (!all || !drained ||
		sync_now_ms() - worker->since_ms < setting(SET_COMMIT_MS)) {
		(void)sync_sleep(worker->sync, POLL_MS);
		return true;
	}
	/* where a reverse will begin to read: nobody may write there yet */
	if (!worker->destination->ops->last_change(
		    worker->destination, &sequence, err))
		return false;
	(void)json_object_set_new(
		m->resume, "reverseSequence", json_integer(sequence));
	metadata_set_phase(m, PHASE_COMMITTED);
	return enter(worker, SYNC_COMMITTED, "committed", err);
}

static bool step_committed(struct worker *worker, struct err *err)
{
	struct sync *sync = worker->sync;

	if (!is_due(worker, &sync->reversing, 0)) {
		(void)sync_sleep(sync, POLL_MS);
		return true;
	}
	if (!enter(worker, SYNC_REVERSING, "reversing", err))
		return false;
	forget(worker, &sync->reversing);
	return true;
}

static bool step_reversing(struct worker *worker, struct err *err)
{
	struct metadata *m = &worker->metadata;
	json_t *mapping = json_object_get(m->resume, "directionMapping");
	json_t *source = json_object_get(mapping, "Source");
	bool all;

	if (!are_all_in(worker, SYNC_REVERSING, SYNC_RUNNING, &all, NULL, err))
		return false;
	if (!all ||
		sync_now_ms() - worker->since_ms < setting(SET_REVERSE_MS)) {
		(void)sync_sleep(worker->sync, POLL_MS);
		return true;
	}
	json_incref(source);
	(void)json_object_set(
		mapping, "Source", json_object_get(mapping, "Destination"));
	(void)json_object_set_new(mapping, "Destination", source);
	(void)json_object_del(m->resume, "drained");
	(void)json_object_set_new(m->resume, "reversed",
		json_boolean(
			!json_is_true(json_object_get(m->resume, "reversed"))));
	metadata_set_position(m,
		json_integer_value(
			json_object_get(m->resume, "reverseSequence")),
		time(NULL));
	metadata_set_phase(m, PHASE_LIVE);
	choose_direction(worker);
	show_all_called(worker, false);
	return enter(worker, SYNC_RUNNING, "reversed", err);
}

/* Takes up what was persisted; *ret_ready false: look again. */
static bool take_up(struct worker *worker, bool *ret_ready, struct err *err)
{
	struct metadata *m = &worker->metadata;
	enum metadata_found found = METADATA_NONE;
	enum sync_state state = SYNC_IDLE;

	*ret_ready = false;
	if (!setting(SET_START_IDLE) && !m->gave_up &&
		!metadata_load(m, &found, err))
		return false;
	if (found == METADATA_OLDER)
		return metadata_migrate(m, keep_on, worker->sync, err);
	if (found == METADATA_OTHERS) {
		(void)sync_sleep(worker->sync, POLL_MS);
		return true;
	}
	if (found == METADATA_READY) {
		state = sync_state_find(metadata_state(m));
		choose_direction(worker);
		if (!metadata_partitions(m, &worker->copy.partitions, err))
			return false;
		log_add(LOG_INFO, "restarted mongosync after a pause or crash",
			NULL);
	}
	effects_add(
		"ready", json_pack("{s:s}", "state", sync_state_name(state)));
	if (state == SYNC_RUNNING)
		effects_add("running", NULL);
	show(worker, state);
	*ret_ready = true;
	return true;
}

static bool open_clusters(struct worker *worker, struct err *err)
{
	const struct options *options = worker->sync->options;

	for (int i = 0; i < 2; i++)
		if (!store_open(options->cluster[i], &worker->clusters[i], err))
			return err_wrap(err, "cluster%d", i);
	if (worker->clusters[0]->ops != worker->clusters[1]->ops)
		return err_set(
			err, ERR_CONFIG, "the clusters are of different kinds");
	metadata_init(
		&worker->metadata, worker->clusters[1], options_id(options));
	return true;
}

static bool step(struct worker *worker, bool *ready, struct err *err)
{
	if (!*ready)
		return take_up(worker, ready, err);
	switch (state_now(worker)) {
	case SYNC_IDLE:
		return step_idle(worker, err);
	case SYNC_RUNNING:
		return step_running(worker, err);
	case SYNC_PAUSED:
		return step_paused(worker, err);
	case SYNC_COMMITTING:
		return step_committing(worker, err);
	case SYNC_COMMITTED:
		return step_committed(worker, err);
	case SYNC_REVERSING:
		return step_reversing(worker, err);
	case SYNC_INITIALIZING:
	case SYNC_STATES:
		break;
	}
	return err_set(err, ERR_CONFIG, "resumeData has an unknown state");
}

/* Repeats a step while a cluster is away; false: for too long. */
static bool may_retry(
	struct worker *worker, int64_t *lost_since_ms, const struct err *err)
{
	int64_t now = sync_now_ms();

	if (err->code != ERR_AGAIN)
		return false;
	if (!*lost_since_ms)
		*lost_since_ms = now;
	log_add(LOG_WARN, "retrying",
		json_pack("{s:{s:s}}", "handledError", "message", err->msg));
	(void)sync_sleep(worker->sync, RETRY_MS);
	return now - *lost_since_ms < setting(SET_RETRY_MS);
}

static bool work(struct worker *worker, struct err *err)
{
	int64_t lost_since_ms = 0;
	bool ready = false;

	if (!open_clusters(worker, err))
		return false;
	while (!sync_is_stopping(worker->sync)) {
		settings_refresh();
		if (step(worker, &ready, err))
			lost_since_ms = 0;
		else if (!may_retry(worker, &lost_since_ms, err))
			return false;
	}
	copy_interrupt(&worker->copy);
	return true;
}

void *worker_main(void *arg)
{
	struct sync *sync = arg;
	struct worker worker = {.sync = sync};
	struct err err = {0};
	bool ok = work(&worker, &err);

	copy_done(&worker.copy);
	metadata_done(&worker.metadata);
	store_free(worker.clusters[0]);
	store_free(worker.clusters[1]);
	(void)pthread_mutex_lock(&sync->lock);
	if (!ok && err.code != ERR_STOPPED)
		(void)snprintf(sync->fatal, sizeof(sync->fatal), "%s", err.msg);
	sync->done = true;
	(void)pthread_mutex_unlock(&sync->lock);
	if (write(sync->done_pipe[1], "", 1) < 0) {
		/* full: then the reader is awake already */
	}
	return NULL;
}
