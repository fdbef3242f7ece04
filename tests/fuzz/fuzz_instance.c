/*
 * fuzz_instance.c - a sync process's own YAML file, which holds its passwords.
 *
 * What must hold: what is accepted has a port, two connection strings without
 * blanks and no control character, and is read back equal from a file that says
 * the same; a refusal is one clean sentence that shows no value, which the word
 * CANARY in the input stands for.
 */
#include <jansson.h>

#include "state/cleanup.h"
#include "supervisor/fleet/instance.h"
#include "tests/fuzz/fuzz.h"

#define CANARY "CANARY"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	json_object_seed(1);
	return 0;
}

static void check_uri(const struct secret *secret)
{
	const char *uri = secret_reveal(secret);

	FUZZ_CHECK(strchr(uri, ':') && !fuzz_has_control(uri));
	FUZZ_CHECK(!strchr(uri, ' '));
}

static void check_config(const struct instance_config *config)
{
	FUZZ_CHECK(config->port != 0);
	check_uri(&config->source);
	check_uri(&config->destination);
	FUZZ_CHECK(!fuzz_has_control(config->id));
	FUZZ_CHECK(!fuzz_has_control(config->log_path));
	FUZZ_CHECK(config->key_count <= INSTANCE_KEYS_MAX);
	for (unsigned i = 0; i < config->key_count; i++) {
		FUZZ_CHECK(config->key[i].name[0]);
		FUZZ_CHECK(!strchr(config->key[i].value, '/'));
	}
}

/* YAML reads some separators in JSON's text as ends of lines, or not at all. */
static bool is_same_in_yaml(const char *text)
{
	static const char *const odd[] = {"\xe2\x80\xa8", "\xe2\x80\xa9",
		"\xef\xbb\xbf", "\xef\xbf\xbe", "\xef\xbf\xbf"};
	unsigned brackets = 0;

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		if (strstr(text, odd[i]))
			return false;
	/* The reader counts them, and JSON has one more. */
	for (const char *c = text; (c = strpbrk(c, "[{")); c++)
		brackets++;
	return brackets < 100;
}

/* parse(print(x)) == x; JSON is YAML. */
static void check_read_back(const struct instance_config *config)
{
	struct instance_config again;
	struct err err = {0};
	_cleanup_json_ json_t *json =
		json_pack("{s:s, s:s, s:s, s:s, s:i, s:b}", "cluster0",
			secret_reveal(&config->source), "cluster1",
			secret_reveal(&config->destination), "id", config->id,
			"logPath", config->log_path, "port", config->port,
			"acceptDisclaimer", config->accept_disclaimer);
	_cleanup_free_ char *text = json ? json_dumps(json, 0) : NULL;

	FUZZ_CHECK(text);
	if (!is_same_in_yaml(text))
		return;
	if (!instance_config_read("again", text, strlen(text), &again, &err)) {
		(void)fprintf(stderr, "%s\n%s\n", err.msg, text);
		abort();
	}
	FUZZ_CHECK(again.port == config->port);
	FUZZ_CHECK(again.accept_disclaimer == config->accept_disclaimer);
	FUZZ_CHECK(strcmp(again.id, config->id) == 0);
	FUZZ_CHECK(strcmp(again.log_path, config->log_path) == 0);
	FUZZ_CHECK(strcmp(secret_reveal(&again.source),
			   secret_reveal(&config->source)) == 0);
	FUZZ_CHECK(strcmp(secret_reveal(&again.destination),
			   secret_reveal(&config->destination)) == 0);
	instance_config_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_text(data, size);
	struct instance_config config;
	struct err err = {0};

	if (!instance_config_read("shard0.yaml", text, size, &config, &err)) {
		fuzz_check_refusal(&err);
		FUZZ_CHECK(!strstr(err.msg, CANARY));
	} else {
		check_config(&config);
		check_read_back(&config);
	}
	instance_config_done(&config);
	scrub_forget();
	return 0;
}
