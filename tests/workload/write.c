/*
 * write.c - goes on changing the source until it is told to stop.
 *
 * All changes of a batch go to one collection, because FerretDB reads a whole
 * collection for every command that names documents by _id.  After an error it
 * begins anew: recovers the change log, finds out what documents there are, and
 * goes on; a server that does not come back within a minute ends it.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/sys.h"
#include "tests/workload/change_log.h"
#include "tests/workload/server.h"
#include "tests/workload/workload.h"

#define TICK_MS 50
#define AGAIN_MS 500
#define PATIENCE_MS 60000
#define LIVE_MIN 20 /* below, nothing is deleted */

/* The numbers of the documents that a collection holds. */
struct live {
	int64_t *numbers;
	size_t count, room;
	int64_t next; /* above all that ever were */
};

struct writer {
	const struct options *options;
	struct change_log log;
	struct live live[COLLECTION_COUNT];
	struct random random;
};

static volatile sig_atomic_t told_to_stop;

static void on_signal(int number)
{
	(void)number;
	told_to_stop = 1;
}

static bool must_stop(const struct writer *writer)
{
	return told_to_stop ||
	       (writer->options->until_file &&
		       !access(writer->options->until_file, F_OK));
}

static void live_add(struct live *live, int64_t number)
{
	if (live->count == live->room) {
		live->room = live->room ? 2 * live->room : 256;
		live->numbers = realloc(
			live->numbers, live->room * sizeof(*live->numbers));
		if (!live->numbers)
			abort();
	}
	live->numbers[live->count++] = number;
	if (number >= live->next)
		live->next = number + 1;
}

static bool take_number(void *arg, const bson_t *doc, struct err *err)
{
	bson_iter_t iter;

	if (!bson_iter_init_find(&iter, doc, "number"))
		return err_set(err, ERR_CONFIG, "a document is not ours");
	live_add(arg, bson_iter_as_int64(&iter));
	return true;
}

static bool look(struct writer *writer, struct err *err)
{
	bson_t *opts =
		BCON_NEW("projection", "{", "number", BCON_INT32(1), "}");
	bool ok = true;

	for (size_t i = 0; ok && i < COLLECTION_COUNT; i++) {
		writer->live[i].count = 0;
		ok = server_find(writer->log.client, collections[i].db,
			collections[i].name, NULL, opts, take_number,
			&writer->live[i], err);
	}
	bson_destroy(opts);
	return ok;
}

static const struct collection *choose_collection(struct writer *writer)
{
	uint64_t weights = 0, at;
	size_t i;

	for (i = 0; i < COLLECTION_COUNT; i++)
		weights += collections[i].weight;
	at = random_below(&writer->random, weights);
	for (i = 0; at >= collections[i].weight; i++)
		at -= collections[i].weight;
	return &collections[i];
}

/* Two in five insert, two update, one deletes. */
static void add_change(
	struct writer *writer, const struct collection *collection)
{
	struct live *live = &writer->live[collection - collections];
	uint64_t lot = random_below(&writer->random, 5);
	enum change_op op = lot < 2 || !live->count             ? CHANGE_INSERT
			    : lot < 4 || live->count < LIVE_MIN ? CHANGE_UPDATE
								: CHANGE_DELETE;
	int64_t number = live->next;
	int32_t revision = 0;
	bson_t *doc = NULL, *id;
	size_t i = 0;

	if (op != CHANGE_INSERT) {
		i = random_below(&writer->random, live->count);
		number = live->numbers[i];
	}
	if (op == CHANGE_UPDATE)
		revision =
			1 + (int32_t)random_below(&writer->random, INT32_MAX);
	if (op == CHANGE_INSERT)
		live_add(live, number);
	if (op == CHANGE_DELETE)
		live->numbers[i] = live->numbers[--live->count];
	else
		doc = document_make(collection, (uint64_t)writer->options->seed,
			number, revision);
	id = document_id(collection, number);
	change_log_add(&writer->log, op, collection, id, doc);
	bson_destroy(id);
	bson_destroy(doc);
}

static bool write_batch(struct writer *writer, int64_t count, struct err *err)
{
	const struct collection *collection = choose_collection(writer);

	while (count-- > 0)
		add_change(writer, collection);
	return change_log_write(&writer->log, err);
}

/* Writes at the rate until it must stop; what was missed while the server was
 * slow is made up for by one second's worth at most. */
static bool write_on(struct writer *writer, int64_t *good_ms, struct err *err)
{
	int64_t rate = writer->options->rate, last = sys_monotonic_ms(), now;
	int64_t owed = 0; /* thousandths of a change */

	while (!must_stop(writer)) {
		int64_t count;

		now = sys_monotonic_ms();
		owed += (now - last) * rate;
		last = now;
		if (owed > rate * 1000)
			owed = rate * 1000;
		count = owed / 1000 < CHANGE_BATCH_MAX ? owed / 1000
						       : CHANGE_BATCH_MAX;
		if (count && !write_batch(writer, count, err))
			return false;
		owed -= count * 1000;
		*good_ms = sys_monotonic_ms();
		if (owed < 1000)
			(void)usleep(TICK_MS * 1000);
	}
	return true;
}

static bool write_until_told(struct writer *writer, struct err *err)
{
	int64_t good_ms = sys_monotonic_ms(), said_ms = -1;

	for (;;) {
		if (change_log_recover(&writer->log, err) &&
			look(writer, err) && write_on(writer, &good_ms, err))
			return true;
		if (err->code != ERR_AGAIN ||
			sys_monotonic_ms() - good_ms > PATIENCE_MS)
			return false;
		if (said_ms != good_ms) /* once for each outage */
			(void)fprintf(stderr, "workload: %s; trying again\n",
				err->msg);
		said_ms = good_ms;
		(void)usleep(AGAIN_MS * 1000);
	}
}

bool workload_write(const struct options *options, struct err *err)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct writer writer = {.options = options};
	const int64_t *written = writer.log.written;
	bool ok;

	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	if (!server_open(options->uri, &writer.log.client, err))
		return false;
	/* Another writer of the same seed must not repeat this one. */
	writer.random.state = (uint64_t)options->seed ^ (uint64_t)sys_wall_ms();
	ok = write_until_told(&writer, err);
	(void)printf("written=%" PRId64 " inserts=%" PRId64 " updates=%" PRId64
		     " deletes=%" PRId64 "\n",
		written[CHANGE_INSERT] + written[CHANGE_UPDATE] +
			written[CHANGE_DELETE],
		written[CHANGE_INSERT], written[CHANGE_UPDATE],
		written[CHANGE_DELETE]);
	for (size_t i = 0; i < COLLECTION_COUNT; i++)
		free(writer.live[i].numbers);
	change_log_done(&writer.log);
	mongoc_client_destroy(writer.log.client);
	return ok;
}
