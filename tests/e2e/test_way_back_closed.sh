#!/usr/bin/env bash
# Once the sync ran on the new version, its old metadata is never put back, and
# who asks for it finds everything as it was.
. "$(dirname "$0")/lib.sh"

untouched() { # the new version runs, and the run can still go on
	local name
	for name in "${NAMES[@]}"; do
		wait_state "$name" RUNNING
		expect_version "$name" $TO
	done
	expect_effects 1 '.event == "signal"'
	[ "$(jq_journal '.kind == "turn"')" = 0 ] || fail "it turned"
	syncup run "$W/fleet.yaml"
	expect_code 0 "going on"
	expect_upgraded
}

# We resumed it.
(
	simple_world light 1
	die_at "answer resume"
	wait_state shard0 RUNNING
	syncup rollback --restore-metadata "$W/fleet.yaml"
	expect_code 7 "after our resume"
	untouched
) || exit 1

# A person resumed it.
(
	simple_world light 1
	die_at "answer start"
	wait_state shard0 PAUSED
	api shard0 resume '{}' >/dev/null
	wait_state shard0 RUNNING
	syncup rollback --restore-metadata "$W/fleet.yaml"
	expect_code 7 "after a person's resume"
	untouched
) || exit 1

# The digest of the saved metadata survives all looking again: without it
# nobody could tell that the new version has changed it.
(
	simple_world light 1
	cp "$W/bin/mongosync" "$W/bin/elsewhere"
	die_at "before start"
	launch shard0 "$W/bin/elsewhere"
	wait_state shard0 PAUSED
	die_at "before resume"
	[ "$(jq_journal '.kind == "done" and .step == "save" and (.saw.digest | not)')" = 0 ] ||
		fail "the digest is lost"
	syncup rollback "$W/fleet.yaml"
	expect_code 7 "rollback without consent"
	said 'restore-metadata'
) || exit 1
