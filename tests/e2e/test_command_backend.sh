#!/usr/bin/env bash
# Processes that the operator's own commands start and stop, by scripts that
# keep a pid file as many do.
. "$(dirname "$0")/lib.sh"
# shellcheck source=documents.sh
. "$(dirname "$0")/documents.sh"
# shellcheck source=commands.sh
. "$(dirname "$0")/commands.sh"

expect_calls() { # count words...
	[ "$(grep -c "^$2" "$W/calls")" = "$1" ] || fail "not $1 calls of $2: $(tr '\n' ';' <"$W/calls")"
}

expect_touched_once() { # how many processes
	expect_effects "$1" '.event == "paused"'
	expect_effects "$1" '.event == "signal"'
	expect_effects "$1" '.event == "resumed"'
	expect_effects "$1" ".event == \"started\" and .version == \"$TO\""
	expect_calls "$1" stop
	expect_calls "$1" start
	expect_calls "$1" "start .* $W/root/versions/$TO/"
}

undisturbed() {
	commands_world 3
	syncup plan "$W/fleet.yaml"
	said 'warning +link .*start command'
	syncup run "$W/fleet.yaml"
	expect_code 0 "run"
	expect_upgraded
	expect_touched_once 3
}

killed() { # at that point
	commands_world 2
	# A stop that may have been sent is not repeated before its patience is out.
	sed -i 's/ stop: 20/ stop: 4/' "$W/fleet.yaml"
	die_at "$1"
	syncup run "$W/fleet.yaml"
	expect_code 0 "the plain command after a death at: $1"
	expect_upgraded
	expect_effects 2 '.event == "paused"'
	expect_effects 2 '.event == "signal"'
	expect_effects 2 '.event == "resumed"'
	expect_effects 2 ".event == \"started\" and .version == \"$TO\""
}

failing_start() {
	commands_world 2
	touch "$W/start_fails"
	syncup run "$W/fleet.yaml"
	expect_code 9 "a start command that fails"
	said 'no licence for this version'
	expect_back
	expect_effects 0 ".version == \"$TO\""
}

lying_status() { # says that what runs does not: it is not believed
	commands_world 1
	printf '#!/bin/sh\nexit 3\n' >"$W/status"
	syncup run "$W/fleet.yaml"
	expect_code 3 "a status command that lies"
	said 'status command says not running, but'
	expect_effects 0 '.event == "paused"'
}

scenario "three processes" undisturbed
for point in "before stop" "answer stop" "before start" "answer start"; do
	scenario "killed: $point" killed "$point"
done
scenario "a start command that fails" failing_start
scenario "a status command that lies" lying_status
scenarios_end
