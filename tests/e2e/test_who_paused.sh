#!/usr/bin/env bash
# Whose pause is it?  Only ours is undone.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"

# Our pause was refused, then a person paused: it stays paused.
(
	simple_world light 1
	behave shard0 '{"pause": {"kind": "success_false", "times": 1}}'
	sed -i 's/pause_quiet: 1,/pause_quiet: 15,/' "$W/fleet.yaml"
	"$SYNCUP" run "$W/fleet.yaml" >"$W/out.syncup" 2>&1 </dev/null &
	run=$!
	until_true 20 eval '[ "$(effects ".path? == \"/api/v1/pause\"")" = 1 ]' || fail "no pause was sent"
	sleep 0.3
	api shard0 pause '{}' | jq -e .success >/dev/null || fail "the person's pause was refused"
	wait $run || fail "exit $?"
	wait_state shard0 PAUSED
	expect_version shard0 $TO
	expect_effects 0 '.path? == "/api/v1/resume"'
) || exit 1

# A cut-over under way is not disturbed, whatever the operator answers.
(
	simple_world light 1
	behave shard0 '{"commit_ms": 600000}'
	die_at "before pause"
	until_true 30 eval "api shard0 progress | jq -e .progress.canCommit >/dev/null" || fail "it cannot commit"
	api shard0 commit '{}' >/dev/null
	wait_state shard0 COMMITTING
	syncup run "$W/fleet.yaml"
	expect_code 7 "during a commit"
	cp "$W/out.syncup" "$W/out.first"; syncup run --answer pause@shard0=again "$W/fleet.yaml"
	expect_code 7 "answered again during a commit"
	expect_effects 0 '.path? == "/api/v1/pause"'
) || exit 1
