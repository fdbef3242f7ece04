#!/usr/bin/env bash
# A process that runs and is silent is waited for, never started a second time.
. "$(dirname "$0")/lib.sh"

(
	simple_world light 2
	for name in "${NAMES[@]}"; do behave "$name" '{"silence_ms": 6000}'; done
	die_at "answer start"
	syncup run "$W/fleet.yaml"
	expect_code 0 "a long silence after a kill"
	expect_upgraded
	expect_effects 2 ".event == \"started\" and .version == \"$TO\""
	expect_effects 1 '.event == "migrated"'
	[ "$(jq_journal '.kind == "intent" and .step == "start"')" -le 3 ] || fail "it was started again"
) || exit 1

# Going back while one process is still ending: it is waited for, and started.
(
	simple_world light 2
	behave shard0 '{"stop_ms": 9000}'
	behave shard1 '{"ignore_sigterm": 1}'
	sed -i 's/stop: 20/stop: 4/' "$W/fleet.yaml"
	syncup run "$W/fleet.yaml"
	expect_code 9 "a stop that is slow"
	expect_back
	expect_effects 2 '.event == "signal"'
	[ "$(jq_journal '.kind == "intent" and .step == "start" and .target == "shard0"')" = 1 ] ||
		fail "shard0 was started while it was still ending"
) || exit 1
