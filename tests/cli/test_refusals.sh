#!/usr/bin/env bash
# What preflight refuses about artifacts, processes and lanes: exit 3 before
# anything is touched.
. "$(dirname "$0")/cli.sh"

# artifact FILE: the fleet asks for this archive
artifact() {
	edit_fleet "s#^artifact: .*#artifact: {file: \"$1\", sha256: $(sha256sum "$1" | cut -d' ' -f1)}#"
}

test_artifacts() {
	edit_fleet 's/sha256: [0-9a-f]\{8\}/sha256: 00000000/'
	refused "a wrong checksum" artifact '[^ ]+.tgz: has SHA-256 [0-9a-f]{64}, not 00000000'
	good_fleet
	edit_fleet 's#file: "[^"]*"#file: /nowhere/mongosync.tgz#'
	refused "a missing artifact" artifact '/nowhere/mongosync.tgz: .*No such file or directory'
	good_fleet
	edit_fleet 's/^version: .*/version: 1.14.0/'
	refused "an artifact of another version" artifact '.*says version 1.13.0, the fleet asks for 1.14.0$'
	good_fleet

	mkdir -p "$W/pack/top/bin"
	printf 'no program\n' >"$W/pack/top/README"
	tar -czf "$W/empty.tgz" -C "$W/pack" top
	artifact "$W/empty.tgz"
	refused "an artifact without mongosync" artifact '[^ ]+: the archive has no executable file named mongosync$'
	printf 'no program\n' >"$W/pack/top/bin/mongosync"
	tar -czf "$W/data.tgz" -C "$W/pack" top
	artifact "$W/data.tgz"
	refused "a mongosync that is no executable" artifact '[^ ]+: .*"top/bin/mongosync" is not executable$'
	printf '#!/bin/sh\nexit 1\n' >"$W/pack/top/bin/mongosync"
	chmod 755 "$W/pack/top/bin/mongosync"
	tar -czf "$W/dumb.tgz" -C "$W/pack" top
	artifact "$W/dumb.tgz"
	refused "a mongosync that does not tell its version" artifact '[^ ]+: top/bin/mongosync --version names no version'
	printf 'no archive\n' >"$W/text.tgz"
	artifact "$W/text.tgz"
	refused "a text file" artifact '[^ ]+text.tgz: the archive cannot be read: '
	good_fleet
}

test_process_not_running() {
	local pid
	pid=$(pid_of shard1)
	kill -KILL "$pid"
	until_true 10 eval "! kill -0 $pid 2>/dev/null"
	refused "a process that is not there" process 'shard1: it is not running: '
	expect_refusal "$W/out.syncup.err" api 'shard1: its API on port [0-9]+ does not answer: ' "its API"
	launch shard1
	wait_state shard1 RUNNING
}

test_process_hangs() {
	local pid
	pid=$(pid_of shard1)
	kill -KILL "$pid"
	until_true 10 eval "! kill -0 $pid 2>/dev/null"
	behave shard1 '{"silence_ms": 600000, "silence_hangs": 1}'
	launch shard1
	until_true 10 eval "(exec 3<>/dev/tcp/127.0.0.1/$(port_of shard1)) 2>/dev/null" || fail "it does not listen"
	edit_fleet 's/timeouts: {/&api: 1, /'
	refused "a process that hangs" api 'shard1: its API on port [0-9]+ does not answer: .*(timed out|Timeout)'
	good_fleet
	kill -KILL "$(pid_of shard1)"
	behave shard1 '{}'
	launch shard1
	wait_state shard1 RUNNING
}

test_answers_of_another_process() {
	local port listener
	behave shard1 '{"progress": "other_id"}'
	refused "a foreign mongosyncID" identity 'shard1: port [0-9]+ is answered by mongosyncID "[^"]+", but .*shard1.conf says id "shard1"$'
	behave shard1 '{"progress": "garbage"}'
	refused "an answer that is no JSON" api 'shard1: its API on port [0-9]+ does not answer: '
	behave shard1 '{"progress": "http_500"}'
	refused "an error" api 'shard1: its API on port [0-9]+ does not answer: .*500'
	behave shard1 '{}'

	command -v python3 >/dev/null || { printf 'skipped: no python3\n'; return; }
	free_port
	port=$REPLY
	setsid python3 -m http.server --bind 127.0.0.1 --directory "$W/bin" "$port" >"$W/out.http" 2>&1 </dev/null &
	listener=$!
	until_true 10 eval "(exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null" || fail "no http.server"
	cp "$W/shard1.conf" "$W/good.conf"
	sed -i "s/^port: .*/port: $port/" "$W/shard1.conf"
	refused "a port of another program" process 'shard1: '
	expect_refusal "$W/out.syncup.err" api "shard1: its API on port $port does not answer: " "its API"
	cp "$W/good.conf" "$W/shard1.conf"
	kill "$listener"
}

# The metadata names an instance that the fleet lacks.
test_incomplete_lane() {
	edit_fleet '/name: shard1/d'
	refused "a lane that lacks an instance" complete "test: the sync's metadata names \"shard1\", which no instance of this lane"
	edit_fleet "\$a lane_complete: assumed"
	remember
	syncup plan "$W/fleet.yaml"
	expect_code 0 "lane_complete: assumed"
	said "^warning  complete +test: the sync's metadata names \"shard1\""
	expect_untouched "lane_complete: assumed"
	good_fleet
}

test_no_terminal_and_no_on_failure() {
	edit_fleet '/^on_failure/d'
	remember
	syncup run "$W/fleet.yaml"
	expect_sentence 3 "$W/fleet.yaml: on_failure: is not set, and a run without a terminal" "no on_failure"
	said '^Type: on_failure: rollback'
	expect_untouched "no on_failure"
	syncup plan "$W/fleet.yaml"
	expect_code 0 "plan without on_failure"
	good_fleet
}

test_state_on_tmpfs() {
	[ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] || { printf 'skipped: no tmpfs\n'; return; }
	SHM=$(mktemp -d /dev/shm/syncup-test-XXXXXX)
	edit_fleet "s#^state_dir: .*#state_dir: $SHM#"
	remember
	syncup run "$W/fleet.yaml"
	expect_sentence 3 "$SHM/test is on tmpfs" "a state folder on tmpfs"
	expect_untouched "a state folder on tmpfs"
	[ -z "$(find "$SHM" -type f)" ] || fail "a file was left on tmpfs"
	rm -rf "$SHM"
	good_fleet
}

quick_world 2
test_artifacts
test_process_not_running
test_process_hangs
test_answers_of_another_process
test_incomplete_lane
test_no_terminal_and_no_on_failure
test_state_on_tmpfs
[ ! -e "$(journal)" ] || fail "a journal was begun"
