#!/usr/bin/env bash
# The new version comes up by the link before we meant to start it (a reboot):
# going back takes it away like one that we started.
. "$(dirname "$0")/lib.sh"

(
	simple_world light 1
	die_at "answer activate"
	launch shard0
	wait_state shard0 PAUSED
	syncup rollback "$W/fleet.yaml"
	expect_code 7 "rollback without consent"
	said 'restore-metadata'
	syncup rollback --restore-metadata "$W/fleet.yaml"
	expect_code 9 "rollback with consent"
	expect_back
) || exit 1
