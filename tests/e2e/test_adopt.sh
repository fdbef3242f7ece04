#!/usr/bin/env bash
# How what people installed and started by hand becomes versions and links, goes
# through two upgrades in a row, and comes back; and how processes that syncup
# started outlive it.
. "$(dirname "$0")/lib.sh"

sum() { sha256sum <"$1" | cut -d' ' -f1; }
versions() { (cd "$W/root/versions" && printf '%s\n' * | tr '\n' ' '); }
program_of() { tr '\0' '\n' <"/proc/$(pid_of "$1")/cmdline" | head -n 1; }

expect_versions() { # words
	[ "$(versions)" = "$* " ] || fail "versions are $(versions), not $*"
}

expect_started_as() { # path
	local name
	for name in "${NAMES[@]}"; do
		[ "$(program_of "$name")" = "$1" ] || fail "$name runs as $(program_of "$name"), not $1"
	done
}

expect_link() { # path target
	[ "$(readlink "$1")" = "$2" ] || fail "$1 goes to $(readlink "$1"), not $2"
}

upgrade_to() { # version [yaml lines...]
	TO=$1
	shift
	fleet "$@"
	syncup run "$W/fleet.yaml"
	expect_code 0 "to $TO"
	expect_upgraded
}

expect_touched() { # how often each of two processes was
	expect_effects $((2 * $1)) '.event == "paused"'
	expect_effects $((2 * $1)) '.event == "signal"'
	expect_effects $((2 * $1)) '.event == "resumed"'
	expect_effects "$1" '.event == "migrated"'
	expect_effects 0 '.event == "partition" and .again == true'
}

# A plain executable, as people copy it to /usr/local/bin.
plain_path() {
	local before mode
	simple_world light 2
	chmod 751 "$W/bin/mongosync"
	before=$(sum "$W/bin/mongosync")
	syncup plan "$W/fleet.yaml"
	said 'will be adopted'
	[ ! -L "$W/bin/mongosync" ] || fail "a plan has touched the path"
	upgrade_to 1.13.0
	expect_link "$W/bin/mongosync" "$W/root/versions/1.13.0/bin/mongosync"
	expect_started_as "$W/bin/mongosync"
	[ "$(sum "$W/root/versions/1.12.0/bin/mongosync")" = "$before" ] || fail "what is kept is not what ran"
	upgrade_to 1.18.0 'limits: {keep_versions: 1}'
	expect_link "$W/bin/mongosync" "$W/root/versions/1.18.0/bin/mongosync"
	expect_versions 1.13.0 1.18.0
	expect_touched 2
	# What is there already is not installed again.
	syncup run "$W/fleet.yaml"
	expect_code 0 "nothing to do"
	said 'nothing to do'
	expect_touched 2
}

# Started from a folder of somebody's own; afterwards they run through a link.
default_link() {
	local old
	world light
	instances 2
	old=$W/somewhere/else
	unpack_version $FROM "$old"
	start_all "$old/mongosync"
	LINK=
	upgrade_to 1.13.0
	expect_link "$W/root/test/current" "$W/root/versions/1.13.0"
	expect_started_as "$W/root/test/current/bin/mongosync"
	[ "$(sum "$old/mongosync")" = "$(sum "$W/root/versions/1.12.0/bin/mongosync")" ] || fail "what is kept is not what ran"
	[ ! -L "$old/mongosync" ] || fail "a path that is nobody's link was touched"
	upgrade_to 1.18.0 'limits: {keep_versions: 3}'
	expect_versions 1.12.0 1.13.0 1.18.0
	expect_started_as "$W/root/test/current/bin/mongosync"
	expect_touched 2
}

# Their executable is gone, as after a package's upgrade: it is still kept.
deleted_executable() {
	world light
	instances 2
	unpack_version $FROM "$W/somewhere"
	start_all "$W/somewhere/mongosync"
	rm "$W/somewhere/mongosync"
	LINK='' ON_FAILURE=rollback fleet
	die_at "after save"
	syncup rollback "$W/fleet.yaml"
	expect_code 9 "rollback"
	expect_back
	expect_started_as "$W/root/test/current/bin/mongosync"
	expect_versions 1.12.0 1.13.0
}

given_back() { # killed at that point, rolled back, then upgraded after all
	local before
	simple_world light 2
	chmod 751 "$W/bin/mongosync"
	before=$(stat -c %a "$W/bin/mongosync")$(sum "$W/bin/mongosync")
	die_at "$1"
	syncup rollback "$W/fleet.yaml"
	expect_code 9 "rollback from: $1"
	expect_back
	[ ! -L "$W/bin/mongosync" ] || fail "the path is still a link"
	[ "$(stat -c %a "$W/bin/mongosync")$(sum "$W/bin/mongosync")" = "$before" ] || fail "another file was given back"
	syncup run --retry "$W/fleet.yaml"
	expect_code 0 "after all"
	expect_upgraded
	expect_link "$W/bin/mongosync" "$W/root/versions/$TO/bin/mongosync"
}

# All that belongs to the supervisor dies at once; what it started goes on, and
# is found again by its lock while its port is still silent.
outlives_us() {
	local name pids=()
	simple_world light 2
	for name in "${NAMES[@]}"; do behave "$name" '{"silence_ms": 5000}'; done
	SYNCUP_CRASH_ON="answer start" setsid "$SYNCUP" run "$W/fleet.yaml" >"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null &
	wait $! && fail "it did not die"
	kill -KILL -- -$! 2>/dev/null || true # whatever is left of its group
	for name in "${NAMES[@]}"; do
		until_true 10 pid_of "$name" >/dev/null || fail "$name does not run"
		pids+=("$(pid_of "$name")")
		! flock -n "$W/state/test/$name.run" true || fail "$name does not hold its lock"
		! (exec 3<>"/dev/tcp/127.0.0.1/$(port_of "$name")") 2>/dev/null || fail "$name listens already"
	done
	syncup run "$W/fleet.yaml"
	expect_code 0 "the plain command again"
	expect_upgraded
	[ "$(pid_of shard0) $(pid_of shard1)" = "${pids[*]}" ] || fail "others run now"
	expect_effects 2 ".event == \"started\" and .version == \"$TO\""
	expect_touched 1
}

scenario "a plain path, two upgrades in a row" plain_path
scenario "the default link, two upgrades in a row" default_link
scenario "an executable that was deleted" deleted_executable
scenario "given back before the stop" given_back "after adopt"
scenario "given back after the stop" given_back "after activate"
scenario "processes outlive the supervisor" outlives_us
scenarios_end
