/*
 * documents.c - one function for each shape, one table that names them.
 */
#include "tests/workload/documents.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX 6000
#define BINARY_MAX 7900

/* splitmix64: any state is good, neighbours do not resemble each other. */
uint64_t random_next(struct random *random)
{
	uint64_t mixed = random->state += 0x9e3779b97f4a7c15u;

	mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
	mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
	return mixed ^ (mixed >> 31);
}

uint64_t random_below(struct random *random, uint64_t below)
{
	return random_next(random) % below;
}

static bool one_in(struct random *random, uint64_t of)
{
	return random_below(random, of) == 0;
}

static void append_text(
	bson_t *doc, const char *key, struct random *random, size_t max)
{
	static const char *const words[] = {"harbour", "Zürich", "quince",
		"de'Anza", "naïve", "\"seven\"", "日本", "rain", "x", "🚀",
		"a\tb", "long-distance", "C:\\temp", "{brace}", "mill"};
	char text[TEXT_MAX + 40];
	size_t want = random_below(random, max + 1), used = 0;

	while (used < want) {
		const char *word = words[random_below(
			random, sizeof(words) / sizeof(words[0]))];
		size_t len = strlen(word);

		memcpy(text + used, word, len);
		used += len;
		text[used++] = ' ';
	}
	text[used ? used - 1 : 0] = '\0';
	BSON_APPEND_UTF8(doc, key, text);
}

static void append_double(bson_t *doc, const char *key, struct random *random)
{
	double value = (double)(int64_t)random_below(random, 2000000) - 1e6;

	/* plus 0.25: never a negative zero, and not a whole number */
	if (one_in(random, 4))
		value *= 1e100;
	BSON_APPEND_DOUBLE(doc, key, value / 3 + 0.25);
}

static void append_date(bson_t *doc, const char *key, struct random *random)
{
	/* 1936 to 2066, to the millisecond */
	BSON_APPEND_DATE_TIME(doc, key,
		(int64_t)random_below(random, 4102444800000u) - 1051200000000);
}

static void append_bool(bson_t *doc, const char *key, struct random *random)
{
	BSON_APPEND_BOOL(doc, key, one_in(random, 2));
}

static void append_int64(bson_t *doc, const char *key, struct random *random)
{
	BSON_APPEND_INT64(doc, key, (int64_t)random_next(random));
}

static void append_int32(bson_t *doc, const char *key, struct random *random)
{
	BSON_APPEND_INT32(doc, key, (int32_t)(uint32_t)random_next(random));
}

static void append_binary(
	bson_t *doc, const char *key, struct random *random, size_t max)
{
	uint8_t data[BINARY_MAX];
	size_t len = random_below(random, max + 1);

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)random_next(random);
	BSON_APPEND_BINARY(doc, key, BSON_SUBTYPE_BINARY, data, (uint32_t)len);
}

static void append_oid(bson_t *doc, const char *key, struct random *random)
{
	uint64_t words[2] = {random_next(random), random_next(random)};
	bson_oid_t oid;

	memcpy(oid.bytes, words, sizeof(oid.bytes));
	BSON_APPEND_OID(doc, key, &oid);
}

static void append_scalar(bson_t *doc, const char *key, struct random *random)
{
	switch (random_below(random, 8)) {
	case 0:
		append_text(doc, key, random, 20);
		break;
	case 1:
		append_int32(doc, key, random);
		break;
	case 2:
		append_int64(doc, key, random);
		break;
	case 3:
		append_double(doc, key, random);
		break;
	case 4:
		append_date(doc, key, random);
		break;
	case 5:
		append_bool(doc, key, random);
		break;
	case 6:
		append_oid(doc, key, random);
		break;
	default:
		BSON_APPEND_NULL(doc, key);
	}
}

static void append_scalars(
	bson_t *doc, const char *key, struct random *random, uint32_t max)
{
	uint32_t len = (uint32_t)random_below(random, max + 1);
	char room[16];
	const char *index;
	bson_t array;

	BSON_APPEND_ARRAY_BEGIN(doc, key, &array);
	for (uint32_t i = 0; i < len; i++) {
		(void)bson_uint32_to_string(i, &index, room, sizeof(room));
		append_scalar(&array, index, random);
	}
	bson_append_array_end(doc, &array);
}

static void append_nested(
	bson_t *doc, const char *key, struct random *random, int depth)
{
	bson_t inner;

	BSON_APPEND_DOCUMENT_BEGIN(doc, key, &inner);
	if (!one_in(random, 8)) { /* else an empty document */
		append_scalar(&inner, "one", random);
		append_text(&inner, "two", random, 60);
		append_scalars(&inner, "three", random, 4);
		if (depth > 0)
			append_nested(&inner, "inner", random, depth - 1);
	}
	bson_append_document_end(doc, &inner);
}

static void order_fields(bson_t *doc, struct random *random)
{
	append_date(doc, "placed", random);
	append_bool(doc, "paid", random);
	append_nested(doc, "customer", random, 1);
	append_scalars(doc, "lines", random, 30);
	append_double(doc, "total", random);
	if (one_in(random, 3))
		append_text(doc, "remark", random, 1500);
	else
		BSON_APPEND_NULL(doc, "remark");
}

static void item_fields(bson_t *doc, struct random *random)
{
	append_text(doc, "name", random, 40);
	append_double(doc, "price", random);
	append_int64(doc, "stock", random);
	append_scalars(doc, "tags", random, 6);
	if (one_in(random, 5))
		append_bool(doc, "discontinued", random);
}

static void cart_fields(bson_t *doc, struct random *random)
{
	append_scalars(doc, "items", random, 12);
	append_date(doc, "touched", random);
	append_text(doc, "greeting", random, 300);
}

static void customer_fields(bson_t *doc, struct random *random)
{
	append_text(doc, "name", random, 60);
	append_date(doc, "born", random);
	append_nested(doc, "preferences", random, 3);
	append_text(
		doc, "history", random, one_in(random, 10) ? TEXT_MAX : 400);
}

static void session_fields(bson_t *doc, struct random *random)
{
	append_binary(doc, "token", random, 64);
	append_date(doc, "expires", random);
	append_oid(doc, "customer", random);
}

static void reading_fields(bson_t *doc, struct random *random)
{
	if (!one_in(random, 3))
		append_scalar(doc, "v", random);
}

static void file_fields(bson_t *doc, struct random *random)
{
	append_text(doc, "name", random, 30);
	append_binary(
		doc, "content", random, one_in(random, 4) ? BINARY_MAX : 1000);
}

static void oid_id(bson_t *doc, int64_t number)
{
	struct random mixer = {(uint64_t)number};
	uint64_t tail = random_next(&mixer);
	uint32_t head = htonl(0x60000000u + (uint32_t)number);
	bson_oid_t oid;

	memcpy(oid.bytes, &head, sizeof(head));
	memcpy(oid.bytes + sizeof(head), &tail, sizeof(tail));
	BSON_APPEND_OID(doc, "_id", &oid);
}

static void int32_id(bson_t *doc, int64_t number)
{
	BSON_APPEND_INT32(doc, "_id", (int32_t)(number * 3 - 1000));
}

/* Past 2^32, and on both sides of 0. */
static void int64_id(bson_t *doc, int64_t number)
{
	BSON_APPEND_INT64(doc, "_id", number * 10000000019 - 5000000000000);
}

static void plain_id(bson_t *doc, int64_t number)
{
	char id[40];

	(void)snprintf(id, sizeof(id), "customer-%08lld", (long long)number);
	BSON_APPEND_UTF8(doc, "_id", id);
}

static void odd_id(bson_t *doc, int64_t number)
{
	char id[40];

	(void)snprintf(
		id, sizeof(id), "%lld: Körbe & \"co\"", (long long)number);
	BSON_APPEND_UTF8(doc, "_id", id);
}

const struct collection collections[COLLECTION_COUNT] = {
	{"workload_shop", "orders", 30, oid_id, order_fields},
	{"workload_shop", "items", 15, int32_id, item_fields},
	{"workload_shop", "carts", 10, odd_id, cart_fields},
	{"workload_people", "customers", 15, plain_id, customer_fields},
	{"workload_people", "sessions", 10, oid_id, session_fields},
	{"workload_things", "readings", 15, int64_id, reading_fields},
	{"workload_things", "files", 5, int32_id, file_fields},
};

bson_t *document_id(const struct collection *collection, int64_t number)
{
	bson_t *doc = bson_new();

	collection->append_id(doc, number);
	return doc;
}

bson_t *document_make(const struct collection *collection, uint64_t seed,
	int64_t number, int32_t revision)
{
	bson_t *doc = document_id(collection, number);
	struct random random = {seed};

	/* Mixed in one after the other, so that no two of them can trade. */
	random.state =
		random_next(&random) ^ (uint64_t)(collection - collections);
	random.state = random_next(&random) ^ (uint64_t)number;
	random.state = random_next(&random) ^ (uint32_t)revision;
	BSON_APPEND_INT64(doc, "number", number);
	BSON_APPEND_INT32(doc, "revision", revision);
	collection->append_fields(doc, &random);
	return doc;
}

int64_t documents_of(const struct collection *collection, int64_t total)
{
	int64_t weights = 0, others = 0, share;

	for (size_t i = 0; i < COLLECTION_COUNT; i++)
		weights += collections[i].weight;
	if (collection == collections) { /* takes what rounding leaves */
		for (size_t i = 1; i < COLLECTION_COUNT; i++)
			others += documents_of(&collections[i], total);
		share = total - others;
	} else {
		share = total * collection->weight / weights;
	}
	return share < 1 ? 1 : share;
}
