/*
 * fuzz_compat.c - the table of versions, and questions to it.
 *
 * The input is a table.  Asked are all pairs of the versions that stand in it,
 * and some others.
 *
 * What must hold: a refusal is one clean sentence; older is a downgrade, equal
 * is documented, and nothing else is said of them; a step that is proposed
 * leads upwards and is documented; asking twice gives the same; with blanks in
 * it the table gives the same answers.
 */
#include <jansson.h>

#include "state/cleanup.h"
#include "sync_client/compat.h"
#include "tests/fuzz/fuzz.h"

#define VERSIONS_MAX 24u

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	json_object_seed(1);
	return 0;
}

struct versions {
	char version[VERSIONS_MAX][VERSION_MAX];
	unsigned count;
};

static void add(struct versions *versions, const char *text, size_t len)
{
	char version[VERSION_MAX];

	if (len >= sizeof(version) || versions->count == VERSIONS_MAX)
		return;
	memcpy(version, text, len);
	version[len] = '\0';
	if (!version_is_valid(version))
		return;
	for (unsigned i = 0; i < versions->count; i++)
		if (strcmp(versions->version[i], version) == 0)
			return;
	memcpy(versions->version[versions->count++], version, sizeof(version));
}

/* Whatever stands between quotes. */
static void collect(struct versions *versions, const char *text)
{
	add(versions, "0.0.0", 5);
	add(versions, "1.13.0", 6);
	add(versions, "1.13.0-rc1", 10);
	for (; (text = strchr(text, '"')); text++)
		add(versions, text + 1, strcspn(text + 1, "\""));
}

static bool is_same(
	const struct compat_answer *a, const struct compat_answer *b)
{
	return a->verdict == b->verdict && a->is_stated == b->is_stated &&
	       strcmp(a->nearest, b->nearest) == 0 &&
	       strcmp(a->note, b->note) == 0 &&
	       strcmp(a->documented, b->documented) == 0;
}

static struct compat_answer ask(
	const struct compat *compat, const char *from, const char *to)
{
	struct compat_answer answer, again;

	FUZZ_CHECK(compat_judge(compat, from, to, &answer, NULL));
	FUZZ_CHECK(compat_judge(compat, from, to, &again, NULL));
	FUZZ_CHECK(is_same(&answer, &again));
	FUZZ_CHECK(answer.note[0] && !fuzz_has_control(answer.note));
	FUZZ_CHECK(
		answer.documented[0] && !fuzz_has_control(answer.documented));
	FUZZ_CHECK(compat_verdict_name(answer.verdict)[0]);
	return answer;
}

static void check_pair(const struct compat *compat, const struct compat *spaced,
	const char *from, const char *to)
{
	struct compat_answer answer = ask(compat, from, to);
	struct compat_answer same = ask(spaced, from, to), step;
	int order = version_compare(from, to);

	FUZZ_CHECK(is_same(&answer, &same));
	FUZZ_CHECK((order > 0) == (answer.verdict == COMPAT_DOWNGRADE));
	FUZZ_CHECK(order != 0 || answer.verdict == COMPAT_DOCUMENTED);
	if (!answer.nearest[0])
		return;
	FUZZ_CHECK(answer.verdict == COMPAT_IMPOSSIBLE);
	FUZZ_CHECK(version_compare(from, answer.nearest) < 0);
	FUZZ_CHECK(version_compare(to, answer.nearest) != 0);
	step = ask(compat, from, answer.nearest);
	FUZZ_CHECK(step.verdict == COMPAT_DOCUMENTED);
}

/* The same table, written in another way. */
static struct compat *read_spaced(const char *text, size_t size)
{
	_cleanup_json_ json_t *json =
		json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	_cleanup_free_ char *spaced =
		json_dumps(json, JSON_INDENT(3) | JSON_SORT_KEYS);
	struct compat *compat = NULL;

	FUZZ_CHECK(spaced);
	FUZZ_CHECK(compat_read("table", spaced, strlen(spaced), &compat, NULL));
	return compat;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	struct versions versions = {.count = 0};
	struct compat *compat = NULL, *spaced;
	struct err err = {0};

	if (!compat_read("table", text, size, &compat, &err)) {
		FUZZ_CHECK(err.code == ERR_CONFIG);
		fuzz_check_refusal(&err);
		return 0;
	}
	spaced = read_spaced(text, size);
	collect(&versions, text);
	for (unsigned a = 0; a < versions.count; a++)
		for (unsigned b = 0; b < versions.count; b++)
			check_pair(compat, spaced, versions.version[a],
				versions.version[b]);
	compat_free(spaced);
	compat_free(compat);
	return 0;
}
