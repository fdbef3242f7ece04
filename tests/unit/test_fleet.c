#include "supervisor/fleet/fleet.h"

#include <glob.h>

#include "supervisor/fleet/instance.h"
#include "supervisor/fleet/secret.h"
#include "tests/unit/scratch.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define HEAD                                                                   \
	"name: shop\n"                                                         \
	"version: 1.13.0\n"                                                    \
	"artifact: {file: a.tgz, sha256: " ZEROS "}\n"                         \
	"install_root: /opt/mongosync\n" /* line 4 */
#define ONE "instances: [{name: a, config: a.yaml}]\n"
#define A "instances:\n- name: a\n  config: a.yaml\n"

static struct scratch scratch;

static int make_scratch(void **state)
{
	(void)state;
	scratch_make(&scratch);
	return 0;
}

static int remove_scratch(void **state)
{
	(void)state;
	scratch_remove(&scratch);
	return 0;
}

static bool load(const char *text, struct fleet **ret_fleet, struct err *err)
{
	const char *path = scratch_path(&scratch, "fleet.yaml");

	scratch_write(path, text, strlen(text));
	memset(err, 0, sizeof(*err));
	return fleet_load(path, ret_fleet, err);
}

static struct fleet *must_load(const char *text)
{
	struct fleet *fleet;
	struct err err;

	if (!load(text, &fleet, &err))
		fail_msg("%s", err.msg);
	return fleet;
}

static json_t *must_make_json(const char *text)
{
	struct fleet *fleet = must_load(text);
	json_t *json = fleet_to_json(fleet);

	fleet_free(fleet);
	return json;
}

static void assert_in_scratch(const char *path, const char *leaf)
{
	char *real = realpath(scratch.dir, NULL);

	assert_non_null(real);
	assert_int_equal(strncmp(path, real, strlen(real)), 0);
	assert_string_equal(path + strlen(real), leaf);
	free(real);
}

static void test_fleet_load_fills_in_defaults(void **state)
{
	struct fleet *fleet = must_load(HEAD ONE);
	const struct fleet_instance *a = &fleet->instance[0];

	(void)state;
	assert_string_equal(fleet->procedure, "mongosync");
	assert_string_equal(fleet->state_dir, "/var/lib/syncup");
	assert_null(fleet->link);
	assert_null(fleet->compat);
	assert_int_equal(fleet->on_failure, FLEET_FAILURE_UNSET);
	assert_int_equal(fleet->pause, FLEET_PAUSE_ALWAYS);
	assert_int_equal(fleet->lane_complete, FLEET_COMPLETE_CHECKED);
	assert_int_equal(fleet->oplog_window, 0);
	assert_int_equal(fleet->turn_back_at, 50);
	assert_null(fleet->window);
	assert_int_equal(fleet->lanes_at_once, 4);
	assert_int_equal(fleet->keep_versions, 2);
	assert_int_equal(fleet->keep_metadata_days, 7);
	assert_int_equal(fleet->timeouts.api, 15);
	assert_int_equal(fleet->timeouts.pause, 300);
	assert_int_equal(fleet->timeouts.stop, 300);
	assert_int_equal(fleet->timeouts.start, 2100);
	assert_int_equal(fleet->timeouts.resume, 600);
	assert_int_equal(fleet->timeouts.save, 900);
	assert_int_equal(fleet->timeouts.deliver, 3600);
	assert_int_equal(fleet->timeouts.movement, 600);
	assert_int_equal(fleet->timeouts.idle, 300);
	assert_int_equal(fleet->timeouts.pause_quiet, 30);
	assert_int_equal(fleet->timeouts.start_quiet, 60);
	assert_int_equal(fleet->timeouts.resume_quiet, 180);
	assert_int_equal(fleet->timeouts.kill_after, 0);
	assert_in_scratch(fleet->artifact.file, "/a.tgz");
	assert_in_scratch(a->config, "/a.yaml");
	assert_string_equal(a->link, "/opt/mongosync/shop/current");
	assert_null(a->command);
	assert_int_equal(a->spawn->argv.count, 3);
	assert_string_equal(a->spawn->argv.item[0],
		"/opt/mongosync/shop/current/bin/mongosync");
	assert_string_equal(a->spawn->argv.item[1], "--config");
	assert_string_equal(a->spawn->argv.item[2], a->config);
	assert_null(a->spawn->argv.item[3]);
	assert_in_scratch(a->spawn->directory, "");
	assert_null(a->spawn->environment_file);
	assert_string_equal(a->spawn->output, "/var/lib/syncup/shop/a.out");
	fleet_free(fleet);
}

static void test_fleet_load_takes_every_key(void **state)
{
	struct fleet *fleet = must_load(
		"name: shop\nprocedure: mongosync\nversion: 1.13.0-rc1\n"
		"artifact: {file: /a//b/./c.tgz, sha256: "
		"ABCDEF00000000000000000000000000000000000000000000000000000000"
		"00"
		"}\n"
		"install_root: /opt/m/\nstate_dir: /srv/state\nlink: /opt/l\n"
		"compat: /etc//mine.json\n"
		"on_failure: restore\npause: never\nlane_complete: assumed\n"
		"oplog_window: 86400\nturn_back_at: 30\n"
		"window: {from: 22:00, until: \"04:00\", days: [sat, sun]}\n"
		"notify: [tell, --all]\n"
		"limits: {lanes: 1, keep_versions: 3, keep_metadata_days: 0}\n"
		"timeouts: {kill_after: 9, pause: 8}\n"
		"instances:\n"
		"- name: a\n  config: /c/a.yaml\n  lane: north\n"
		"  link: /opt/north\n"
		"  spawn: {argv: [/bin/x, ''], directory: /d,\n"
		"    environment_file: e, output: o, nofile: 64000}\n"
		"- name: b\n  config: /c/b.yaml\n"
		"  command: {start: [run, b], stop: [/bin/halt],\n"
		"    status: [look]}\n");
	const struct fleet_instance *a = &fleet->instance[0];
	const struct fleet_instance *b = &fleet->instance[1];

	(void)state;
	assert_string_equal(fleet->version, "1.13.0-rc1");
	assert_string_equal(fleet->artifact.file, "/a/b/c.tgz");
	assert_memory_equal(fleet->artifact.sha256, "abcdef00", 8);
	assert_string_equal(fleet->install_root, "/opt/m");
	assert_string_equal(fleet->compat, "/etc/mine.json");
	assert_int_equal(fleet->on_failure, FLEET_FAILURE_RESTORE);
	assert_int_equal(fleet->pause, FLEET_PAUSE_NEVER);
	assert_int_equal(fleet->lane_complete, FLEET_COMPLETE_ASSUMED);
	assert_int_equal(fleet->oplog_window, 86400);
	assert_int_equal(fleet->turn_back_at, 30);
	assert_string_equal(fleet->window->from, "22:00");
	assert_string_equal(fleet->window->until, "04:00");
	assert_int_equal(fleet->window->days.count, 2);
	assert_string_equal(fleet->window->days.item[1], "sun");
	assert_int_equal(fleet->notify.count, 2);
	assert_string_equal(fleet->notify.item[1], "--all");
	assert_null(fleet->notify.item[2]);
	assert_int_equal(fleet->lanes_at_once, 1);
	assert_int_equal(fleet->keep_versions, 3);
	assert_int_equal(fleet->keep_metadata_days, 0);
	assert_int_equal(fleet->timeouts.kill_after, 9);
	assert_int_equal(fleet->timeouts.pause, 8);
	assert_int_equal(fleet->timeouts.stop, 300);
	assert_string_equal(a->link, "/opt/north");
	assert_int_equal(a->spawn->argv.count, 2);
	assert_string_equal(a->spawn->argv.item[1], "");
	assert_in_scratch(a->spawn->environment_file, "/e");
	assert_in_scratch(a->spawn->output, "/o");
	assert_int_equal(a->spawn->nofile, 64000);
	assert_string_equal(b->link, "/opt/l");
	assert_null(b->spawn);
	assert_string_equal(b->command->start.item[1], "b");
	assert_null(b->command->start.item[2]);
	assert_string_equal(b->command->stop.item[0], "/bin/halt");
	assert_string_equal(b->command->status.item[0], "look");
	fleet_free(fleet);
}

static void test_fleet_load_link_called_like_the_program(void **state)
{
	struct fleet *fleet =
		must_load(HEAD "link: /usr/local/bin/mongosync\n" ONE);

	(void)state;
	assert_string_equal(fleet->instance[0].spawn->argv.item[0],
		"/usr/local/bin/mongosync");
	assert_true(fleet_link_is_binary(
		fleet->instance[0].link, fleet->procedure));
	assert_false(
		fleet_link_is_binary("/opt/mongosync/current", "mongosync"));
	fleet_free(fleet);
}

static void test_fleet_load_lanes_have_links_of_their_own(void **state)
{
	struct fleet *fleet = must_load(
		HEAD "instances:\n- {name: a, config: a.yaml, lane: north}\n"
		     "- {name: b, config: b.yaml, lane: south}\n");

	(void)state;
	assert_string_equal(
		fleet->instance[0].link, "/opt/mongosync/north/current");
	assert_string_equal(
		fleet->instance[1].link, "/opt/mongosync/south/current");
	fleet_free(fleet);
}

static void test_fleet_load_refuses(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{HEAD "host: x\n" ONE, "fleet.yaml:5: unknown key \"host\""},
		{HEAD A "  prot: 1\n",
			":8: unknown key \"prot\" in instances[0]"},
		{HEAD "pause: maybe\n" ONE,
			":5: pause must be one of always, never"},
		{HEAD "on_failure: panic\n" ONE, ":5: on_failure must be one "
						 "of stop, rollback, restore"},
		{HEAD "lane_complete: yes\n" ONE,
			":5: lane_complete must be one of checked, assumed"},
		{HEAD "pause: 1\n" ONE, ":5: pause must be one of"},
		{HEAD "procedure: atlas\n" ONE,
			":5: procedure must be one of mongosync"},
		{HEAD "timeouts:\n  pause: 1.5\n" ONE,
			":6: timeouts.pause must be a whole number from 1"},
		{HEAD "timeouts: {stop: 0}\n" ONE, ":5: timeouts.stop must be"},
		{HEAD "limits: {keep_versions: 0}\n" ONE,
			":5: limits.keep_versions must be a whole number from"},
		{HEAD "turn_back_at: 0\n" ONE,
			":5: turn_back_at must be a whole number from 1"},
		{HEAD "turn_back_at: 101\n" ONE, ":5: turn_back_at must be"},
		{HEAD "oplog_window: 1d\n" ONE, ":5: oplog_window must be"},
		{HEAD "notify: []\n" ONE, "notify"},
		{HEAD "notify: [./tell]\n" ONE,
			":5: notify[0] must be an absolute path, or"},
		{HEAD "window: {from: 22:00}\n" ONE, "until"},
		{HEAD "window:\n  from: 22:00\n  until: 25:00\n" ONE,
			":7: window.until must be a time such as"},
		{HEAD "window: {from: 9pm, until: 04:00}\n" ONE,
			":5: window.from must be a time such as"},
		{HEAD "window: {from: 04:00, until: 04:00}\n" ONE,
			":5: window.until must not be the same as from"},
		{HEAD "window: {from: 04:00, until: 05:00, days: [Mon]}\n" ONE,
			":5: window.days[0] must be one of mon, tue"},
		{HEAD, "missing key \"instances\""},
		{HEAD "link: &l /l\nstate_dir: *l\n" ONE,
			"state_dir: aliases (*name) are not supported"},
		{HEAD "instances: []\n", ":5: instances must not be empty"},
		{"version: 1.0.0\n" ONE, "missing key \"name\""},
		{"name: a/b\n" HEAD ONE, "the key \"name\" is there twice"},
		{HEAD A "- name: a\n  config: b.yaml\n",
			":8: instances[1].name is the name of instances[0]"},
		{HEAD A "- name: b\n  config: .//a.yaml\n",
			":9: instances[1].config is the file of instances[0]"},
		{HEAD A "- name: ../b\n  config: b.yaml\n",
			":8: instances[1].name must be 1 to 64 of the "
			"characters"},
		{HEAD A "- name: -b\n  config: b.yaml\n",
			":8: instances[1].name must be"},
		{HEAD A "  lane: .x\n", ":8: instances[0].lane must be"},
		{HEAD A "  lane: versions\n",
			"instances[0].link must be a path of its own"},
		{HEAD A "  spawn: {}\n"
			"  command: {start: [a], stop: [b], status: [c]}\n",
			"instances[0] has several of spawn, command and unit"},
		{HEAD A "  unit: a.service\n  spawn: {}\n",
			"instances[0] has several of spawn, command and unit"},
		{HEAD A "  unit: a\n",
			":8: instances[0].unit must be the name"},
		{HEAD A "  unit: a.timer\n", ":8: instances[0].unit must be"},
		{HEAD A "  unit: a@.service\n",
			":8: instances[0].unit must be"},
		{HEAD A "  unit: -a.service\n",
			":8: instances[0].unit must be"},
		{HEAD A "  unit: a b.service\n",
			":8: instances[0].unit must be"},
		{HEAD A "  unit: ../a.service\n",
			":8: instances[0].unit must be"},
		{HEAD A "  manager: user\n",
			":8: instances[0].manager says nothing without unit"},
		{HEAD A "  unit: a.service\n  manager: mine\n", ":9: "},
		{HEAD A "  unit: a.service\n- name: b\n  config: b.yaml\n"
			"  unit: a.service\n",
			":11: instances[1].unit is the unit of instances[0]"},
		{HEAD A "  command: {start: [a], stop: [b]}\n",
			":8: missing key \"status\" in instances[0].command"},
		{HEAD A "  command: {start: [a], stop: [./b], status: [c]}\n",
			":8: instances[0].command.stop[0] must be an absolute"},
		{HEAD A "  spawn: {argv: [mongosync]}\n",
			":8: instances[0].spawn.argv[0] must be an absolute"},
		{HEAD A "  spawn: {argv: []}\n",
			":8: instances[0].spawn.argv must not be empty"},
		{HEAD A "  spawn: {nofile: -1}\n",
			":8: instances[0].spawn.nofile must be a whole"},
		{HEAD "link: opt/x\n" ONE, ":5: link must be an absolute path"},
		{HEAD "link: /opt/../x\n" ONE,
			":5: link must not have \"..\" in it"},
		{HEAD "link: /opt/mongosync\n" ONE,
			":5: link must be a path of its own"},
		{HEAD "link: /opt/mongosync/versions/x\n" ONE,
			":5: link must be a path of its own"},
		{HEAD "state_dir: x\n" ONE,
			":5: state_dir must be an absolute path"},
		{HEAD "state_dir: /\n" ONE,
			":5: state_dir must not be the root"},
		{HEAD "link: /l\ninstances:\n"
		      "- {name: a, config: a.yaml, lane: x}\n"
		      "- {name: b, config: b.yaml, lane: y}\n",
			":8: instances[1].link is also that of instances[0]"},
		{HEAD "state_dir: \"/a\\x85\"\n" ONE,
			":5: a text with a control character"},
		{HEAD A "  spawn: {argv: [/x, \"a\\0b\"]}\n",
			":8: a text with a control character"},
	};
	struct fleet *fleet;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (load(cases[i].text, &fleet, &err))
			fail_msg("not refused: %s", cases[i].says);
		assert_int_equal(err.code, ERR_CONFIG);
		if (!strstr(err.msg, cases[i].says))
			fail_msg("%s, not %s", err.msg, cases[i].says);
	}
}

static void test_fleet_load_version_and_sha256(void **state)
{
	static const char *const good[] = {
		"1.13.0", "10.0.123", "1.2.3-rc1", "1.2.3-beta.2"};
	static const char *const bad[] = {"1.13", "v1.13.0", "1.13.0.1",
		"1.13.x", "01.2.3", "1.2.3-", "1.2.3-../x", "1.2.3 "};
	char text[400];
	struct fleet *fleet;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < 12; i++) {
		const char *version = i < 4 ? good[i] : bad[i - 4];

		(void)snprintf(text, sizeof(text),
			"name: x\nversion: '%s'\n"
			"artifact: {file: a, sha256: " ZEROS "}\n"
			"install_root: /o\n" ONE,
			version);
		assert_int_equal(load(text, &fleet, &err), i < 4);
		if (i < 4)
			fleet_free(fleet);
		else
			assert_non_null(strstr(err.msg, ":2: version must be"));
	}
	for (i = 62; i <= 66; i++) {
		(void)snprintf(text, sizeof(text),
			"name: x\nversion: 1.2.3\n"
			"artifact: {file: a, sha256: '%.*s'}\n"
			"install_root: /o\n" ONE,
			(int)i, ZEROS "00");
		assert_int_equal(load(text, &fleet, &err), i == 64);
		if (i == 64)
			fleet_free(fleet);
		else
			assert_non_null(strstr(err.msg, ":3: artifact.sha256"));
	}
}

static void test_fleet_load_refuses_secrets_without_showing_them(void **state)
{
	static const char *const texts[] = {
		HEAD A "  command: {start: [x, 'mongodb://u:hunter2@h'],\n"
		       "    stop: [x], status: [x]}\n",
		HEAD A "  spawn: {argv: [/x, --password=hunter2]}\n",
		HEAD "'mongodb://u:hunter2@h': x\n" ONE,
		HEAD "hunter2 hunter2: x\n" ONE,
	};
	struct fleet *fleet;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_false(load(texts[i], &fleet, &err));
		assert_int_equal(err.code, ERR_CONFIG);
		assert_null(strstr(err.msg, "hunter2"));
	}
}

static void test_fleet_load_no_such_file(void **state)
{
	struct fleet *fleet;
	struct err err;

	(void)state;
	assert_false(fleet_load(
		scratch_path(&scratch, "missing.yaml"), &fleet, &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(
		strstr(err.msg, "missing.yaml: No such file or directory"));
}

static void assert_round_trip(const json_t *json)
{
	char *before = json_dumps(json, 0), *after;
	struct fleet *fleet;
	json_t *again;
	struct err err;

	if (!fleet_from_json(json, &fleet, &err))
		fail_msg("%s", err.msg);
	assert_null(fleet->file);
	again = fleet_to_json(fleet);
	after = json_dumps(again, 0);
	assert_string_equal(before, after);
	json_decref(again);
	fleet_free(fleet);
	free(before);
	free(after);
}

static void test_fleet_from_json_round_trip(void **state)
{
	static const char *const texts[] = {
		HEAD ONE,
		HEAD "on_failure: stop\npause: never\nlimits: {lanes: 9}\n"
		     "timeouts: {api: 1, kill_after: 604800}\n" ONE,
		HEAD A "  unit: mongosync@a.service\n",
		HEAD A "  unit: mongosync@a\\x2db.service\n  manager: user\n",
		HEAD "oplog_window: 3600\nturn_back_at: 99\n"
		     "window: {from: 22:00, until: 04:00}\n" ONE,
		HEAD "window: {from: 01:00, until: 02:00, days: [mon]}\n" ONE,
		HEAD "notify: [/bin/tell, 'a b']\n" ONE,
		HEAD A
		"  command:\n    start:\n    - sh\n    - -c\n"
		"    - |\n      a \"b\" 'c' \\d # e: f\n\n      {g}, [h]\n"
		"    stop: [x, '', '~', 'null', ' y ']\n"
		"    status: [\"\xc3\xa4 \xe2\x82\xac "
		"\xf0\x9f\x98\x80\", \"tab\\there\", '%20 & *']\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		json_t *json = must_make_json(texts[i]);

		assert_round_trip(json);
		json_decref(json);
	}
}

static void test_fleet_to_json_same_for_other_spelling(void **state)
{
	json_t *plain = must_make_json(HEAD ONE);
	json_t *other = must_make_json("instances:\n"
				       "- config: ./a.yaml\n  name: 'a'\n"
				       "timeouts: {api: 15}\n"
				       "pause: always\n" HEAD);
	char *one = json_dumps(plain, 0), *two = json_dumps(other, 0);

	(void)state;
	assert_string_equal(one, two);
	free(one);
	free(two);
	json_decref(plain);
	json_decref(other);
}

static void test_fleet_from_json_refuses(void **state)
{
	json_t *json = must_make_json(HEAD ONE);
	json_t *entry = json_array_get(json_object_get(json, "instances"), 0);
	struct fleet *fleet;
	struct err err;

	(void)state;
	json_object_set_new(entry, "config", json_string("a.yaml"));
	assert_false(fleet_from_json(json, &fleet, &err));
	assert_non_null(strstr(
		err.msg, "instances[0].config must be an absolute path"));
	json_object_set_new(json, "hosts", json_true());
	assert_false(fleet_from_json(json, &fleet, &err));
	assert_non_null(strstr(err.msg, "recorded fleet:"));
	assert_non_null(strstr(err.msg, "unknown key \"hosts\""));
	json_decref(json);
}

/* It would be frozen, and then nobody could read it to continue the run. */
static void test_fleet_load_refuses_what_becomes_too_long(void **state)
{
	static const char *const texts[] = {
		HEAD "instances: [{name: a, config: %s}]\n",
		HEAD "state_dir: /%s\n" ONE,
		HEAD ONE "link: /%s\n",
	};
	static const char *const says[] = {
		"instances[0].config must not have more than 4000 bytes",
		"instances[0].spawn.output must not have more than 4000 bytes",
		NULL, /* the link itself is short enough */
	};
	char name[3995], text[5000];
	struct fleet *fleet;
	struct err err;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		const char *hole = strstr(texts[i], "%s");

		(void)snprintf(text, sizeof(text), "%.*s%s%s",
			(int)(hole - texts[i]), texts[i], name, hole + 2);
		if (!says[i]) {
			json_t *json = must_make_json(text);

			assert_round_trip(json);
			json_decref(json);
			continue;
		}
		assert_false(load(text, &fleet, &err));
		if (!strstr(err.msg, says[i]))
			fail_msg("%s", err.msg);
	}
}

/* Brackets in strings: each path with some is in the JSON several times. */
static void test_fleet_from_json_many_brackets(void **state)
{
	json_t *json = must_make_json(
		HEAD "instances:\n- name: a\n  config: '[[[[[[[[[[[[[[[[[[[["
		     "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[/c'\n");

	(void)state;
	assert_round_trip(json);
	json_decref(json);
}

static void test_fleet_difference_names_what_changed(void **state)
{
	json_t *was = must_make_json(
		HEAD "link: /l\ninstances: [{name: a, config: /a},\n"
		     "  {name: b, config: /b}]\n");
	json_t *is = must_make_json(
		"name: shop\nversion: 1.14.0\n"
		"artifact: {file: a.tgz, sha256: " ZEROS "}\n"
		"install_root: /opt/mongosync\nlink: /l\non_failure: stop\n"
		"timeouts: {stop: 7}\n"
		"instances: [{name: c, config: /c}, {name: a, config: /a2,\n"
		"  spawn: {argv: [/x], directory: /}}]\n");
	char *lines = fleet_difference(was, is);

	(void)state;
	assert_string_equal(lines,
		"version: 1.13.0 -> 1.14.0\n"
		"timeouts.stop: 300 -> 7\n"
		"instances[a].config: /a -> /a2\n"
		"instances[a].spawn.argv: [\"/l/bin/mongosync\", \"--config\", "
		"\"/a\"] -> [\"/x\"]\n"
		"instances[b]: removed\n"
		"instances[c]: added\n"
		"on_failure: (not set) -> stop\n");
	free(lines);
	json_decref(was);
	json_decref(is);
}

static void test_fleet_difference_none_for_another_order(void **state)
{
	json_t *was = must_make_json(HEAD
		"instances: [{name: a, config: a}, {name: b, config: b}]\n");
	json_t *is = must_make_json(HEAD
		"instances: [{name: b, config: b}, {name: a, config: a}]\n");
	char *lines = fleet_difference(was, is);

	(void)state;
	assert_string_equal(lines, "");
	free(lines);
	json_decref(was);
	json_decref(is);
}

static void test_fleet_state_path_with_and_without_leaf(void **state)
{
	struct fleet *fleet = must_load(HEAD "state_dir: /s//t/\n" ONE);
	char *dir = fleet_state_path(fleet, NULL);
	char *leaf = fleet_state_path(fleet, "run.journal");

	(void)state;
	assert_string_equal(dir, "/s/t/shop");
	assert_string_equal(leaf, "/s/t/shop/run.journal");
	free(dir);
	free(leaf);
	fleet_free(fleet);
}

static void find_examples(const char *pattern, glob_t *ret_found)
{
	char path[PATH_MAX];

	(void)snprintf(
		path, sizeof(path), SOURCE_TOP "/deploy/examples/%s", pattern);
	assert_int_equal(glob(path, 0, NULL, ret_found), 0);
}

static void test_fleet_load_every_example(void **state)
{
	glob_t found;
	size_t i;

	(void)state;
	find_examples("*.yaml", &found);
	assert_true(found.gl_pathc >= 5);
	for (i = 0; i < found.gl_pathc; i++) {
		struct fleet *fleet;
		struct err err;
		json_t *json;

		if (!fleet_load(found.gl_pathv[i], &fleet, &err))
			fail_msg("%s", err.msg);
		assert_string_equal(fleet->file, found.gl_pathv[i]);
		json = fleet_to_json(fleet);
		assert_round_trip(json);
		json_decref(json);
		fleet_free(fleet);
	}
	globfree(&found);
}

static void test_instance_config_load_every_example(void **state)
{
	glob_t found;
	size_t i;

	(void)state;
	find_examples("instances/*.yaml", &found);
	for (i = 0; i < found.gl_pathc; i++) {
		struct instance_config config;
		struct err err;

		if (!instance_config_load(found.gl_pathv[i], &config, &err))
			fail_msg("%s", err.msg);
		instance_config_done(&config);
	}
	globfree(&found);
	scrub_forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fleet_load_fills_in_defaults),
		cmocka_unit_test(test_fleet_load_takes_every_key),
		cmocka_unit_test(test_fleet_load_link_called_like_the_program),
		cmocka_unit_test(test_fleet_load_lanes_have_links_of_their_own),
		cmocka_unit_test(test_fleet_load_refuses),
		cmocka_unit_test(test_fleet_load_refuses_what_becomes_too_long),
		cmocka_unit_test(test_fleet_from_json_many_brackets),
		cmocka_unit_test(test_fleet_load_version_and_sha256),
		cmocka_unit_test(
			test_fleet_load_refuses_secrets_without_showing_them),
		cmocka_unit_test(test_fleet_load_no_such_file),
		cmocka_unit_test(test_fleet_from_json_round_trip),
		cmocka_unit_test(test_fleet_to_json_same_for_other_spelling),
		cmocka_unit_test(test_fleet_from_json_refuses),
		cmocka_unit_test(test_fleet_difference_names_what_changed),
		cmocka_unit_test(test_fleet_difference_none_for_another_order),
		cmocka_unit_test(test_fleet_state_path_with_and_without_leaf),
		cmocka_unit_test(test_fleet_load_every_example),
		cmocka_unit_test(test_instance_config_load_every_example),
	};

	return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
