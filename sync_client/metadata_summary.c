/*
 * metadata_summary.c - see metadata_summary.h.
 */
#include "sync_client/metadata_summary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "state/cleanup.h"
#include "sync_client/metadata_name.h"

const char *const metadata_summary_collections[] = {
	"globalState", "resumeData", "partitions", "statistics", NULL};

void metadata_summary_done(struct metadata_summary *summary)
{
	json_decref(summary->instances);
	json_decref(summary->options);
	*summary = (struct metadata_summary){0};
}

static bool parse_number(const char *text, int64_t *ret_number)
{
	char *end;

	errno = 0;
	*ret_number = strtoll(text, &end, 10);
	return end != text && !*end && errno == 0;
}

bool metadata_number(const json_t *value, int64_t *ret_number)
{
	static const char *const spellings[] = {"$numberInt", "$numberLong"};

	if (json_is_integer(value)) {
		*ret_number = json_integer_value(value);
		return true;
	}
	for (size_t i = 0; i < 2; i++) {
		const char *text =
			json_string_value(json_object_get(value, spellings[i]));

		if (text && parse_number(text, ret_number))
			return true;
	}
	return false;
}

static int64_t number_or_zero(const json_t *doc, const char *key)
{
	int64_t number;

	return metadata_number(json_object_get(doc, key), &number) ? number : 0;
}

struct moment {
	int64_t seconds, count;
};

static bool parse_timestamp(const json_t *value, struct moment *ret_moment)
{
	const json_t *timestamp = json_object_get(value, "$timestamp");

	return metadata_number(
		       json_object_get(timestamp, "t"), &ret_moment->seconds) &&
	       metadata_number(
		       json_object_get(timestamp, "i"), &ret_moment->count);
}

static bool is_earlier(const struct moment *a, const struct moment *b)
{
	return a->seconds != b->seconds ? a->seconds < b->seconds
					: a->count < b->count;
}

/* One change stream's, or the earliest of several.  False: none is told. */
static bool find_moment(
	const json_t *info, struct moment *ret_moment, bool *ret_odd)
{
	const json_t *ts = json_object_get(info, "lastEventTs");
	struct moment moment;
	bool found = false;
	size_t i;
	json_t *item;

	if (json_is_array(info)) {
		json_array_foreach (info, i, item) {
			if (!find_moment(item, &moment, ret_odd))
				continue;
			if (!found || is_earlier(&moment, ret_moment))
				*ret_moment = moment;
			found = true;
		}
		return found;
	}
	if (!ts || json_is_null(ts)) {
		*ret_odd = *ret_odd || !(json_is_object(info) || !info ||
					       json_is_null(info));
		return false;
	}
	if (!parse_timestamp(ts, ret_moment)) {
		*ret_odd = true;
		return false;
	}
	return true;
}

static json_t *last_event_of(const json_t *doc, bool *ret_odd)
{
	struct moment moment;

	if (!find_moment(json_object_get(doc, "crudChangeStreamResumeInfo"),
		    &moment, ret_odd) &&
		!find_moment(json_object_get(doc, "ddlChangeStreamResumeInfo"),
			&moment, ret_odd))
		return json_null();
	return json_sprintf("%lld.%lld", (long long)moment.seconds,
		(long long)moment.count);
}

/* When it began to copy, by the phases it went through.  Before that it only
 * waits for /start. */
static json_t *copy_started(const json_t *doc)
{
	struct moment moment, first = {0};
	bool found = false;
	size_t i;
	json_t *item;

	json_array_foreach (json_object_get(doc, "phaseTransitions"), i, item) {
		const char *phase =
			json_string_value(json_object_get(item, "phase"));

		if (!phase || strcmp(phase, "uninitialized") == 0 ||
			!parse_timestamp(json_object_get(item, "ts"), &moment))
			continue;
		if (!found || is_earlier(&moment, &first))
			first = moment;
		found = true;
	}
	return found ? json_sprintf("%lld.%lld", (long long)first.seconds,
			       (long long)first.count)
		     : json_null();
}

/* An id of another type is shown as it is, but not taken for understood. */
static json_t *id_of(const json_t *doc, bool *ret_odd)
{
	json_t *id = json_object_get(doc, "_id");
	_cleanup_free_ char *text = NULL;

	if (json_is_string(id))
		return json_incref(id);
	*ret_odd = true;
	text = json_dumps(id, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
	return json_string(text ? text : "?");
}

static json_t *text_of(const json_t *doc, const char *key, bool *ret_odd)
{
	json_t *text = json_object_get(doc, key);

	if (json_is_string(text))
		return json_incref(text);
	*ret_odd = true;
	return json_null();
}

static bool add_instance(
	struct metadata_summary *summary, const json_t *doc, struct err *err)
{
	bool *odd = &summary->odd;
	json_t *instance = json_pack("{s:o, s:o, s:o, s:o, s:o}", "id",
		id_of(doc, odd), "state", text_of(doc, "state", odd), "phase",
		text_of(doc, "syncPhase", odd), "last_event",
		last_event_of(doc, odd), "copy_started", copy_started(doc));
	size_t at;
	json_t *other;

	if (!summary->instances)
		summary->instances = json_array();
	json_array_foreach (summary->instances, at, other)
		if (strcmp(json_string_value(json_object_get(other, "id")),
			    json_string_value(
				    json_object_get(instance, "id"))) > 0)
			break;
	if (!instance ||
		json_array_insert_new(summary->instances, at, instance) != 0)
		return err_set(err, ERR_MEMORY, "out of memory");
	return true;
}

static bool is_told(const json_t *value)
{
	return value && !json_is_null(value);
}

/* In its own word; a boolean is one of an early version. */
static json_t *word_of(const json_t *value, const char *yes, const char *no)
{
	if (!is_told(value))
		return json_null();
	if (json_is_boolean(value))
		return json_string(json_is_true(value) ? yes : no);
	return json_string(
		json_is_string(value) ? json_string_value(value) : "unknown");
}

/* {selectAll: bool, dbsAndColls: a list, or an object of lists} */
static json_t *natural_order_of(const json_t *filter)
{
	const json_t *all = json_object_get(filter, "selectAll");
	const json_t *some = json_object_get(filter, "dbsAndColls");

	if (!is_told(filter))
		return json_null();
	if (!json_is_object(filter) ||
		(is_told(all) && !json_is_boolean(all)) ||
		(is_told(some) && !json_is_array(some) &&
			!json_is_object(some)) ||
		(!all && !some && json_object_size(filter) > 0))
		return json_string("unknown");
	if (json_is_true(all))
		return json_string("all");
	return json_string(json_array_size(some) || json_object_size(some)
				   ? "some"
				   : "none");
}

static json_t *options_of(const json_t *doc)
{
	const json_t *mode = json_object_get(doc, "verificationMode");

	if (!mode)
		mode = json_object_get(doc, "verificationmode");
	return json_pack("{s:o, s:o, s:o, s:o}", "write_blocking",
		word_of(json_object_get(doc, "writeBlockingMode"),
			"destinationOnly", "none"),
		"natural_order",
		natural_order_of(
			json_object_get(doc, "copyInNaturalOrderFilter")),
		"random_id",
		word_of(json_object_get(doc, "detectRandomId"), "on", "off"),
		"verification", word_of(mode, "enabled", "disabled"));
}

static void add_global(struct metadata_summary *summary, const json_t *doc)
{
	static const char *const keys[] = {
		"persistedMetadataVersion", "metadataVersion"};

	summary->odd = summary->odd || summary->global; /* one is expected */
	summary->global = true;
	for (size_t i = 0; i < 2 && !summary->metadata_version; i++)
		summary->metadata_version = number_or_zero(doc, keys[i]);
	json_decref(summary->options);
	summary->options = options_of(doc);
}

static void add_partition(struct metadata_summary *summary, const json_t *doc)
{
	const char *phase =
		json_string_value(json_object_get(doc, "partitionPhase"));

	int64_t bytes = number_or_zero(doc, "copiedByteCount");

	summary->partitions++;
	summary->partition_bytes += bytes;
	if (!phase) {
		summary->odd = true;
	} else if (strcmp(phase, "done") == 0) {
		summary->partitions_done++;
	} else if (strcmp(phase, "in progress") == 0) {
		summary->partitions_begun++;
		summary->begun_bytes += bytes;
	}
}

bool metadata_summary_add(struct metadata_summary *summary,
	const char *collection, const json_t *doc, struct err *err)
{
	if (strcmp(collection, "resumeData") == 0)
		return add_instance(summary, doc, err);
	if (strcmp(collection, "globalState") == 0) {
		add_global(summary, doc);
	} else if (strcmp(collection, "partitions") == 0) {
		add_partition(summary, doc);
	} else if (strcmp(collection, "statistics") == 0) {
		summary->statistics = true;
		summary->statistics_bytes +=
			number_or_zero(doc, "estimatedCopiedBytes");
	}
	return true;
}

/* What a sync would continue from: a verifier's database is none of these. */
static json_t *generations_of(const json_t *databases)
{
	json_t *list = json_array(), *item;
	size_t i;

	json_array_foreach (databases, i, item)
		if (metadata_name_rank(json_string_value(item)) > 0)
			(void)json_array_append(list, item);
	return list;
}

bool metadata_summary_end(struct metadata_summary *summary,
	const json_t *databases, const char *main, json_t **ret_json,
	struct err *err)
{
	bool found = json_array_size(databases) > 0;
	bool recognised = found && main && summary->global && !summary->odd &&
			  json_array_size(summary->instances) > 0;
	json_t *version = summary->metadata_version
				  ? json_integer(summary->metadata_version)
				  : json_null();

	if (!summary->instances)
		summary->instances = json_array();
	if (!summary->options)
		summary->options = options_of(NULL);
	*ret_json = json_pack(
		"{s:b, s:O, s:o, s:s?, s:o, s:b, s:O, s:O, s:{s:I, s:I, s:I, "
		"s:I}, s:I}",
		"found", found, "databases", databases, "generations",
		generations_of(databases), "database", main, "metadata_version",
		version, "recognised", recognised, "instances",
		summary->instances, "options", summary->options, "partitions",
		"total", (json_int_t)summary->partitions, "done",
		(json_int_t)summary->partitions_done, "in_progress",
		(json_int_t)summary->partitions_begun, "in_progress_bytes",
		(json_int_t)summary->begun_bytes, "copied_bytes",
		(json_int_t)(summary->partitions ? summary->partition_bytes
						 : summary->statistics_bytes));
	return *ret_json || err_set(err, ERR_BUG, "summing up the metadata");
}

/* While a version renames the database there are two for a time; globalState
 * is written to the new one last. */
const char *metadata_main(const json_t *databases,
	bool (*has_global)(void *arg, const char *database), void *arg)
{
	const char *best = NULL;
	int best_rank = 0;
	size_t i;
	json_t *item;

	json_array_foreach (databases, i, item) {
		const char *name = json_string_value(item);
		int rank = metadata_name_rank(name);

		if (rank > 0 && has_global(arg, name))
			rank += 10;
		if (rank > best_rank) {
			best = name;
			best_rank = rank;
		}
	}
	return best;
}
