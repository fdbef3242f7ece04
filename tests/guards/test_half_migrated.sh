#!/usr/bin/env bash
# A new version that fails otherwise after it has begun to change the metadata:
# with on_failure: restore it comes back by itself, with rollback on a person's
# word.
. "$(dirname "$0")/guards.sh"
# shellcheck source=half.sh
. "$(dirname "$0")/half.sh"

half_then_idle() { # on_failure
	migrating_world 2 "$1"
	faulty '{"migrate_then_idle": 2}'
	syncup run "$W/fleet.yaml"
	said 'it stays IDLE: it did not find its sync'
	if [ "$1" = restore ]; then
		came_back "half migrated, then IDLE"
	else
		expect_stopped "half migrated, then IDLE" 2
		syncup rollback --restore-metadata "$W/fleet.yaml"
		expect_code 9 "rollback with consent"
		expect_running "$FROM" "${NAMES[@]}"
		expect_whole
	fi
	expect_metadata_as_saved "half migrated, then IDLE"
}

# It comes up, PAUSED, and dies before it can be resumed; again and again.
does_not_live() { # on_failure
	migrating_world 1 "$1"
	faulty '{"die_after_answers": 1}'
	syncup run "$W/fleet.yaml"
	said 'start shard0: it ended by itself; it was done 3 times before'
	if [ "$1" = restore ]; then
		came_back "comes up, and dies before it is resumed"
	else
		expect_stopped "comes up, and dies before it is resumed" 1
		syncup rollback --restore-metadata "$W/fleet.yaml"
		expect_code 9 "rollback with consent"
		expect_running "$FROM" "${NAMES[@]}"
		expect_whole
	fi
	expect_metadata_as_saved "comes up, and dies"
}

# Something else is in the archive than it says, and it migrates; from 1.20 on into
# a database of another name.
migrated_by_another() { # version [what else it does]
	migrating_world 1 restore
	another_version "$1"
	behave shard0 "{\"$1\": {\"accept_metadata\": 10${2:+, $2}}}"
	syncup run "$W/fleet.yaml"
	if [ "${2:-}" ]; then
		expect_code 9 "$1, which $2"
		said 'start shard0: it (ended at once: fatal: |came up as 1.20.0)'
	else
		said "it came up as $1, not as 1.13.0"
	fi
	came_back "another version than it says, $1 ${2:-}"
	expect_metadata_as_saved "another version"
}

scenario "half, then IDLE, restored" half_then_idle restore
scenario "half, then IDLE, stopped" half_then_idle rollback
scenario "does not live, restored" does_not_live restore
scenario "does not live, stopped" does_not_live rollback
scenario "migrated by another version" migrated_by_another 1.18.0
scenario "migrated into another database" migrated_by_another 1.20.0
scenario "a death on the way into another database" migrated_by_another 1.20.0 '"migrate_dies_at": 3'
scenarios_end
