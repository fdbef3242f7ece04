#!/usr/bin/env bash
# A sync process that ends by itself, at whatever moment of the run, is started
# again: nobody has to do it by hand, and nobody is left behind.
. "$(dirname "$0")/lib.sh"

dies() { # NAME
	local pid
	pid=$(pid_of "$1") || fail "$1 does not run"
	kill -KILL "$pid"
	until_true 10 eval "! pid_of $1 >/dev/null" || fail "$1 does not die"
}

forward() { # crash point at which the supervisor is while the process dies
	simple_world light 2
	die_at "$1"
	dies shard1
	syncup run "$W/fleet.yaml"
	expect_code 0 "after shard1 died at: $1"
	expect_upgraded
	expect_effects 1 '.event == "migrated"'
}

back() { # crash point
	simple_world light 2
	die_at "$1"
	dies shard1
	syncup rollback "$W/fleet.yaml"
	expect_code 9 "rollback after shard1 died at: $1"
	expect_back
	expect_effects 0 '.event == "migrated"'
}

# The supervisor works while it dies: it is told by nobody.
under_our_eyes() {
	local run
	simple_world light 3
	behave shard0 '{"pause_ms": 3000}' # the others wait for it, paused
	"$SYNCUP" run "$W/fleet.yaml" >"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null &
	run=$!
	wait_state shard2 PAUSED
	dies shard2
	CODE=0
	wait $run || CODE=$?
	expect_code 0 "it went on"
	expect_upgraded
}

# Before it was paused: it has to come up again, to be paused.
never_paused() {
	local run
	simple_world light 2
	behave shard1 '{"pause": {"kind": "success_false"}}'
	"$SYNCUP" run "$W/fleet.yaml" >"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null &
	run=$!
	until_true 10 grep -q '"path":"/api/v1/pause".*"fault"' "$EFFECTS" || fail "no pause was asked for"
	dies shard1
	behave shard1 '{}'
	CODE=0
	wait $run || CODE=$?
	expect_code 0 "it went on"
	expect_upgraded
	expect_effects 3 ".event == \"started\" and .version == \"$FROM\""
	expect_effects 2 '.event == "paused"'
}

for point in "before claim" "before deliver" "before pause" "answer pause" "before hold" "answer stop"; do
	scenario "forward, $point" forward "$point"
done
for point in "before pause" "answer pause" "before hold" "before stop"; do
	scenario "back, $point" back "$point"
done
scenario "while we look" under_our_eyes
scenario "before it was paused" never_paused
scenarios_end
