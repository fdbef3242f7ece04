/*
 * fuzz_fleet.c - the fleet file, and the JSON that a journal keeps of it.
 *
 * What must hold: a fleet that is accepted can be frozen and read back, to the
 * same JSON and without a difference, or its run could not be continued; its
 * paths are absolute and its lists end; a refusal is one clean sentence that
 * shows no value, which the word CANARY/ in the input stands for.
 */
#include "state/cleanup.h"
#include "supervisor/fleet/fleet.h"
#include "supervisor/fleet/fleet_schema.h"
#include "tests/fuzz/fuzz.h"

#define CANARY "CANARY/"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	json_object_seed(1);
	return 0;
}

static void check_list(const struct fleet_strings *list)
{
	FUZZ_CHECK(list->count > 0 && list->item[list->count] == NULL);
	for (unsigned i = 0; i < list->count; i++)
		FUZZ_CHECK(list->item[i]);
}

static void check_instance(const struct fleet_instance *instance)
{
	FUZZ_CHECK(instance->name && instance->config[0] == '/');
	FUZZ_CHECK(instance->link[0] == '/');
	FUZZ_CHECK(!instance->spawn == (instance->command != NULL));
	if (instance->spawn) {
		check_list(&instance->spawn->argv);
		FUZZ_CHECK(instance->spawn->directory[0] == '/');
		FUZZ_CHECK(instance->spawn->output[0] == '/');
	} else {
		check_list(&instance->command->start);
		check_list(&instance->command->stop);
		check_list(&instance->command->status);
	}
}

static void check_fleet(const struct fleet *fleet)
{
	_cleanup_free_ char *place = fleet_state_path(fleet, "lock");

	FUZZ_CHECK(place[0] == '/');
	FUZZ_CHECK(fleet->install_root[0] == '/' && fleet->state_dir[0] == '/');
	FUZZ_CHECK(!fleet->artifact.file || fleet->artifact.file[0] == '/');
	FUZZ_CHECK(!fleet->artifact.sha256 ||
		   strlen(fleet->artifact.sha256) == 64);
	FUZZ_CHECK(fleet->keep_versions >= 1 && fleet->lanes_at_once >= 1);
	FUZZ_CHECK(fleet->instance_count >= 1 &&
		   fleet->instance_count <= FLEET_INSTANCES_MAX);
	for (unsigned i = 0; i < fleet->instance_count; i++)
		check_instance(&fleet->instance[i]);
}

static bool is_same(const char *a, const char *b)
{
	return !a == !b && (!a || strcmp(a, b) == 0);
}

static void check_same_list(
	const struct fleet_strings *a, const struct fleet_strings *b)
{
	FUZZ_CHECK(a->count == b->count);
	for (unsigned i = 0; i < a->count; i++)
		FUZZ_CHECK(is_same(a->item[i], b->item[i]));
}

static void check_same_instance(
	const struct fleet_instance *a, const struct fleet_instance *b)
{
	FUZZ_CHECK(is_same(a->name, b->name) && is_same(a->config, b->config));
	FUZZ_CHECK(is_same(a->lane, b->lane) && is_same(a->link, b->link));
	FUZZ_CHECK(!a->spawn == !b->spawn);
	if (a->spawn) {
		check_same_list(&a->spawn->argv, &b->spawn->argv);
		FUZZ_CHECK(is_same(a->spawn->directory, b->spawn->directory));
		FUZZ_CHECK(is_same(a->spawn->environment_file,
			b->spawn->environment_file));
		FUZZ_CHECK(is_same(a->spawn->output, b->spawn->output));
		FUZZ_CHECK(a->spawn->nofile == b->spawn->nofile);
	} else {
		check_same_list(&a->command->start, &b->command->start);
		check_same_list(&a->command->stop, &b->command->stop);
		check_same_list(&a->command->status, &b->command->status);
	}
}

static void check_same(const struct fleet *a, const struct fleet *b)
{
	FUZZ_CHECK(is_same(a->name, b->name));
	FUZZ_CHECK(is_same(a->procedure, b->procedure));
	FUZZ_CHECK(is_same(a->version, b->version));
	FUZZ_CHECK(is_same(a->artifact.file, b->artifact.file));
	FUZZ_CHECK(is_same(a->artifact.sha256, b->artifact.sha256));
	FUZZ_CHECK(is_same(a->artifact.url, b->artifact.url));
	FUZZ_CHECK(is_same(a->artifact.feed, b->artifact.feed));
	FUZZ_CHECK(is_same(a->artifact.platform, b->artifact.platform));
	FUZZ_CHECK(is_same(a->artifact.signature, b->artifact.signature));
	FUZZ_CHECK(is_same(a->artifact.keyring, b->artifact.keyring));
	FUZZ_CHECK(a->artifact.is_signed == b->artifact.is_signed);
	FUZZ_CHECK(is_same(a->artifact.ca, b->artifact.ca));
	FUZZ_CHECK(is_same(a->artifact.proxy, b->artifact.proxy));
	FUZZ_CHECK(is_same(a->artifact.cache_dir, b->artifact.cache_dir));
	FUZZ_CHECK(a->artifact.stall == b->artifact.stall);
	FUZZ_CHECK(a->artifact.tries == b->artifact.tries);
	FUZZ_CHECK(is_same(a->install_root, b->install_root));
	FUZZ_CHECK(is_same(a->state_dir, b->state_dir));
	FUZZ_CHECK(is_same(a->link, b->link));
	FUZZ_CHECK(a->on_failure == b->on_failure && a->pause == b->pause);
	FUZZ_CHECK(a->lane_complete == b->lane_complete);
	FUZZ_CHECK(a->oplog_window == b->oplog_window);
	FUZZ_CHECK(a->turn_back_at == b->turn_back_at);
	FUZZ_CHECK(!a->window == !b->window);
	if (a->window) {
		FUZZ_CHECK(is_same(a->window->from, b->window->from));
		FUZZ_CHECK(is_same(a->window->until, b->window->until));
		check_same_list(&a->window->days, &b->window->days);
	}
	FUZZ_CHECK(a->lanes_at_once == b->lanes_at_once);
	FUZZ_CHECK(a->keep_versions == b->keep_versions);
	FUZZ_CHECK(a->keep_metadata_days == b->keep_metadata_days);
	FUZZ_CHECK(
		memcmp(&a->timeouts, &b->timeouts, sizeof(a->timeouts)) == 0);
	FUZZ_CHECK(a->instance_count == b->instance_count);
	for (unsigned i = 0; i < a->instance_count; i++)
		check_same_instance(&a->instance[i], &b->instance[i]);
}

/* parse(print(x)) == x. */
static void check_read_back(const struct fleet *fleet)
{
	_cleanup_json_ json_t *json = fleet_to_json(fleet), *again = NULL;
	_cleanup_free_ char *differs = NULL;
	struct fleet *second = NULL;
	struct err err = {0};

	if (!fleet_from_json(json, &second, &err)) {
		(void)fprintf(stderr, "%s\n", err.msg);
		abort();
	}
	check_same(fleet, second);
	again = fleet_to_json(second);
	FUZZ_CHECK(json_equal(json, again));
	differs = fleet_difference(json, again);
	FUZZ_CHECK(!*differs);
	fleet_free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	struct fleet *fleet = NULL;
	struct err err = {0};

	if (!fleet_read(
		    "fleet.yaml", "/etc/syncup", text, size, &fleet, &err)) {
		fuzz_check_refusal(&err);
		FUZZ_CHECK(!strstr(err.msg, CANARY));
		return 0;
	}
	check_fleet(fleet);
	check_read_back(fleet);
	fleet_free(fleet);
	return 0;
}
