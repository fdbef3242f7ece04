#!/usr/bin/env bash
# The metadata that the new version will continue from: there is one of it, and
# it says what the processes say.
. "$(dirname "$0")/guards.sh"
OLD=mongosync_reserved_for_internal_use
NEW=__mdb_internal_mongosync

persisted() { # NAME STATE: what resumeData says of it
	jq -e --arg id "$1" --arg state "$2" -n \
		'[inputs] | any(._id == $id and .state == $state)' \
		"$W/destination/$OLD/resumeData.ndjson" >/dev/null 2>&1
}
lie() { # NAME STATE: its metadata says so, from now on
	behave "$1" "{\"noop_ms\": 200, \"metadata_state\": \"$2\"}"
	until_true 10 persisted "$1" "$2" || fail "$1: its metadata does not say $2"
}
honest() {
	behave "$1" '{"noop_ms": 200}'
	until_true 10 persisted "$1" RUNNING || fail "$1: its metadata does not say RUNNING"
}

states() {
	quick_world 2
	passes metadata "^test: $OLD, version 10, in the states that the APIs say"
	lie shard1 COMMITTED
	refuses metadata 'shard1: its API says RUNNING, its metadata on the destination COMMITTED, in two looks' "metadata that has cut over"
	lie shard1 PAUSED
	warns metadata '^shard1: its API says RUNNING, its metadata on the destination PAUSED'
	lie shard1 DREAMING
	warns metadata '^shard1: unproven: .*"DREAMING"'
	honest shard1
	passes metadata "^test: $OLD, version 10"
}

# A process that does not see what is there: it writes elsewhere, or another one
# of the same id is at work.
idle() {
	quick_world 1
	local pid
	pid=$(pid_of shard0)
	kill -TERM "$pid"
	until_true 10 eval "! kill -0 $pid 2>/dev/null"
	behave shard0 '{"start_idle": 1}'
	launch shard0
	wait_state shard0 IDLE
	refuses metadata 'shard0: its API says IDLE, its metadata on the destination RUNNING' "an IDLE process with metadata"
}

generations() {
	quick_world 1
	mkdir "$W/destination/$NEW"
	cp "$W/destination/$OLD/globalState.ndjson" "$W/destination/$NEW/"
	refuses metadata "test: the destination has two databases .*$NEW and $OLD" "two generations of metadata"
	rm -r "${W:?}/destination/$NEW"
	passes metadata "^test: $OLD, version 10"
}

absent() {
	world light
	instances 1
	unpack_version "$FROM"
	launch shard0
	wait_state shard0 IDLE
	fleet
	passes metadata '^test: none is on the destination$'
	passes phase '^test: no sync was started$'
}

# Whether that pair may be upgraded at all is not the question here.
renamed() {
	world light
	FROM=1.18.0 TO=1.20.0
	instances 1
	unpack_version "$FROM"
	start_all
	fleet
	syncup plan --json "$W/fleet.yaml"
	found pass metadata "^test: $OLD, version 13, .*; 1.20.0 renames it to $NEW\$" ||
		fail "the new name is not said"
}

# A state that is about to be written is no disagreement: the second look sees it.
settles() {
	quick_world 2
	lie shard1 PAUSED
	ASKED=$(effects '.event == "request" and .path == "/api/v1/progress"')
	"$SYNCUP" plan --json "$W/fleet.yaml" >"$W/out.plan" 2>"$W/out.plan.err" </dev/null &
	local plan=$!
	until_true 10 asked || fail "no first look"
	behave shard1 '{"noop_ms": 200}'
	wait "$plan" || fail "plan is refused"
	cp "$W/out.plan" "$W/out.syncup"
	found pass metadata "^test: $OLD" || fail "the second look does not count"
}
asked() { [ "$(effects '.event == "request" and .path == "/api/v1/progress"')" -gt "$ASKED" ]; }

scenario "states that agree, and that do not" states
scenario "a process that is IDLE beside its metadata" idle
scenario "two generations of databases" generations
scenario "no metadata" absent
scenario "a database that is renamed" renamed
scenario "a disagreement that passes" settles
scenarios_end
