#!/usr/bin/env bash
# The host goes down with everything on it, and what starts through the link may
# come up before the run is taken up again.
. "$(dirname "$0")/lib.sh"

reboot() {
	local name pid
	for name in "${NAMES[@]}"; do
		! pid=$(pid_of "$name") || kill -KILL "$pid"
		until_true 10 eval "! pid_of $name >/dev/null" || fail "$name does not die"
	done
}

# Nothing comes up by itself: we start it, at whatever step we were.
for point in "answer start" "before resume" "answer resume" "before release" "answer release" "after release"; do
	(
		simple_world light 2
		die_at "$point"
		reboot
		syncup run "$W/fleet.yaml"
		expect_code 0 "after a reboot at: $point"
		expect_upgraded
		expect_effects 1 '.event == "migrated"'
	) || exit 1
done

# One that a person paused before we came to it is not ours to resume, but must not stay down.
(
	simple_world light 1
	die_at "before deliver"
	api shard0 pause '{}' >/dev/null
	wait_state shard0 PAUSED
	die_at "before settle"
	reboot
	syncup run "$W/fleet.yaml"
	expect_code 0 "after a reboot of one that a person paused"
	wait_state shard0 PAUSED
	expect_version shard0 $TO
	expect_effects 0 '.path? == "/api/v1/resume"'
) || exit 1

# The new version comes up by the link before we meant to start it: its migrated
# metadata is not taken for what was saved.
(
	simple_world light 1
	die_at "answer activate"
	launch shard0
	wait_state shard0 PAUSED
	die_at "before resume"
	[ "$(jq_journal '.kind == "intent" and .step == "save"')" = 1 ] || fail "migrated metadata was saved"
	syncup rollback "$W/fleet.yaml"
	expect_code 7 "rollback without consent"
	syncup run "$W/fleet.yaml"
	expect_code 0 "going on"
	expect_upgraded
) || exit 1
