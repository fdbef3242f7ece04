#include "supervisor/fleet/fleet_keys.h"

#include <stdio.h>
#include <string.h>

#define PATH_LEN 200u

/* clang-format off */

const struct fleet_key fleet_keys[] = {
	{"name",
		"Names the fleet: its state folder, its link's folder, what "
		"messages call it."},
	{"procedure", "What kind of sync it is. Default: mongosync."},
	{"version", "The version to reach."},
	{"artifact",
		"Where the new version comes from: exactly one of file, url "
		"and feed."},
	{"artifact.file", "An archive (.tgz) on this host; needs sha256."},
	{"artifact.url", "The https:// address of an archive; needs sha256."},
	{"artifact.feed",
		"The https:// address of the vendor's list of releases."},
	{"artifact.sha256",
		"The archive's digest, from where you trust it. With feed it "
		"may be left out, or both must agree."},
	{"artifact.platform",
		"What the feed calls this host, as ubuntu2204. Default: by "
		"/etc/os-release."},
	{"artifact.signature",
		"A detached OpenPGP signature of the archive, a path or an "
		"https:// address."},
	{"artifact.keyring",
		"A file with the public keys that may have made the signature; "
		"no others count."},
	{"artifact.signed",
		"Whether a version without a signature is refused. Default: "
		"optional."},
	{"artifact.ca",
		"A file with the certificates to trust for https://. Default: "
		"the system's."},
	{"artifact.proxy",
		"The http:// address of a proxy, without a password. Default: "
		"as the environment says."},
	{"artifact.cache_dir",
		"Where what was fetched is kept. Default: <state_dir>/.cache."},
	{"artifact.stall",
		"So many seconds without a byte end a try to fetch."},
	{"artifact.tries", "So often one thing is tried to be fetched."},
	{"install_root",
		"Versions are unpacked into <install_root>/versions."},
	{"state_dir",
		"Where journals and saved metadata are; a local disk. Default: "
		"/var/lib/syncup."},
	{"link",
		"The path that the processes are started by, if an instance has "
		"none of its own. One that is called like the program stands "
		"for the executable itself, any other for the version's "
		"directory. Default: <install_root>/<lane, or name>/current."},
	{"compat",
		"The table of which version can be upgraded to which. Default: "
		"/etc/syncup/mongosync.json if it is there, else the one that "
		"came with syncup."},
	{"on_failure",
		"What a lane does when it fails: stop there, go back where that "
		"is provably safe, or go back and put saved metadata back if "
		"need be. A run without a terminal is refused unless it is set."},
	{"pause",
		"Whether processes are paused before they are stopped. "
		"Default: always."},
	{"lane_complete",
		"Whether the metadata has to show that no process of a migration "
		"is missing here; assumed: you say so. Default: checked."},
	{"oplog_window",
		"How many seconds the source's oplog holds at the least, for "
		"when nothing else tells; 0: not known."},
	{"turn_back_at",
		"When this percentage of the time that the sync may stand still "
		"is used, the lane turns back."},
	{"window", "When a run may pause processes. Default: at any time."},
	{"window.from", "When it opens, HH:MM in local time."},
	{"window.until",
		"When it closes; at or before from, it is that of the next day."},
	{"window.days",
		"On which days it opens: mon, tue, wed, thu, fri, sat, sun. "
		"Default: on all."},
	{"notify",
		"A command, with its arguments, that is told when a run has "
		"started, needs a person, turned back or is done, or its "
		"supervisor is not started again by systemd: one JSON "
		"object on its standard input, 30 seconds for each. Default: "
		"nobody is told."},
	{"limits", "How much at once, and how much is kept."},
	{"limits.lanes", "So many lanes are upgraded at the same time."},
	{"limits.keep_versions", "So many old versions stay unpacked."},
	{"limits.keep_metadata_days",
		"So many days saved metadata is kept; 0: it goes at once."},
	{"timeouts", "How long what may take, in seconds."},
	{"timeouts.pause", "Until a process says PAUSED."},
	{"timeouts.stop", "Until a process is gone."},
	{"timeouts.start", "Until the new version answers."},
	{"timeouts.resume", "Until a process says RUNNING."},
	{"timeouts.save", "Copying the sync's metadata."},
	{"timeouts.deliver", "Fetching the archive, and again unpacking it."},
	{"timeouts.movement", "It is warned of when nothing has moved by then."},
	{"timeouts.idle",
		"A process that is IDLE so long after its start has not found "
		"its sync."},
	{"timeouts.api", "One question to a process."},
	{"timeouts.pause_quiet", "Before a pause without an answer is repeated."},
	{"timeouts.start_quiet", "Before a start without an outcome is repeated."},
	{"timeouts.resume_quiet",
		"Before a resume without an answer is repeated."},
	{"timeouts.reach", "For a host that is out of reach."},
	{"timeouts.kill_after", "SIGKILL so long after SIGTERM; 0: never."},
	{"instances", "The sync processes."},
	{"instances[].name", "Names the process in messages and files."},
	{"instances[].host",
		"Where the process is, an ssh destination. All its paths, "
		"install_root and link are paths there, and absolute. Default: "
		"this machine."},
	{"instances[].config",
		"The process's own configuration file, absolute or relative to "
		"the fleet file; port, id and connection strings come from "
		"there."},
	{"instances[].lane",
		"Joins instances into one lane, which moves together. Default: "
		"all processes of one migration are a lane."},
	{"instances[].link", "As link above, for this process only."},
	{"instances[].unit",
		"It is a unit of systemd, such as mongosync@shard0.service, "
		"which is stopped and started as it is."},
	{"instances[].manager",
		"Whose unit: system, the default, or user for that of the user "
		"who runs syncup."},
	{"instances[].spawn",
		"It is started by syncup, detached. Default, if nothing else is "
		"there."},
	{"instances[].spawn.argv",
		"The arguments to start it with. Default: <link>/bin/mongosync, "
		"--config, <config>."},
	{"instances[].spawn.directory",
		"Its working directory. Default: that of config."},
	{"instances[].spawn.environment_file",
		"A file of KEY=value lines for its environment."},
	{"instances[].spawn.output",
		"A file for its output. Default: "
		"<state_dir>/<name>/<instance>.out."},
	{"instances[].spawn.nofile",
		"Its limit of open files. Default: that of syncup."},
	{"instances[].command",
		"It is started and stopped by commands of yours, argument lists "
		"that exit 0 when done."},
	{"instances[].command.start", "Starts it."},
	{"instances[].command.stop", "Asks it to end."},
	{"instances[].command.status",
		"Exits 0 while it runs, 3 when it is proved to be gone."},
	{0},
};

/* clang-format on */

struct walk {
	void (*seen)(const struct fleet_key_seen *key, void *arg);
	void *arg;
};

static const char *help_of(const char *path)
{
	for (const struct fleet_key *key = fleet_keys; key->path; key++)
		if (strcmp(key->path, path) == 0)
			return key->help;
	return NULL;
}

static const struct fleet_number *number_of(
	const char *prefix, const char *name)
{
	static const struct {
		const char *prefix;
		const struct fleet_number *numbers;
	} tables[] = {
		{"", fleet_numbers},
		{"limits.", fleet_limits},
		{"timeouts.", fleet_timeouts},
		{"artifact.", fleet_fetch},
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		const struct fleet_number *number = tables[i].numbers;

		if (strcmp(tables[i].prefix, prefix) != 0)
			continue;
		for (; number->key; number++)
			if (strcmp(number->key, name) == 0)
				return number;
	}
	return NULL;
}

/* NULL for what has no keys. */
static const cyaml_schema_field_t *keys_in(const cyaml_schema_value_t *value)
{
	if (value->type == CYAML_SEQUENCE)
		value = value->sequence.entry;
	return value->type == CYAML_MAPPING ? value->mapping.fields : NULL;
}

/* prefix: "", or it ends in a point.  The schema nests three deep. */
static void walk_fields(const struct walk *walk, const char *prefix,
	const cyaml_schema_field_t *field)
{
	for (; field->key; field++) {
		const cyaml_schema_field_t *inner = keys_in(&field->value);
		char path[PATH_LEN], below[PATH_LEN + 4];
		struct fleet_key_seen key = {
			.path = path,
			.field = field,
			.number = number_of(prefix, field->key),
		};

		(void)snprintf(path, sizeof(path), "%s%s", prefix, field->key);
		key.help = help_of(path);
		walk->seen(&key, walk->arg);
		(void)snprintf(below, sizeof(below), "%s%s.", path,
			field->value.type == CYAML_SEQUENCE ? "[]" : "");
		if (inner)
			walk_fields(walk, below, inner);
	}
}

void fleet_keys_walk(
	void (*seen)(const struct fleet_key_seen *key, void *arg), void *arg)
{
	const struct walk walk = {seen, arg};

	walk_fields(&walk, "", fleet_schema.mapping.fields);
}

struct sought {
	const char *path;
	bool found;
};

static void compare(const struct fleet_key_seen *key, void *arg)
{
	struct sought *sought = arg;

	if (strcmp(key->path, sought->path) == 0)
		sought->found = true;
}

bool fleet_key_exists(const char *path)
{
	struct sought sought = {path, false};

	fleet_keys_walk(compare, &sought);
	return sought.found;
}
