#!/usr/bin/env bash
# A new version that fails after it has begun to change the metadata.  With
# on_failure: restore the copy is put back and the fleet comes back by itself;
# with rollback it stops, says so (exit 7), and a person's word brings it back.
. "$(dirname "$0")/guards.sh"

SYNCS=mongosync_reserved_for_internal_use

documents() { # of the metadata, that a migration has to change
	cat "$W/destination/$SYNCS"/{resumeData,partitions,uuidMap,statistics}.ndjson | wc -l
}

# What a PAUSED or a quiet sync does not change itself.
still() { cat "$W/destination/$SYNCS"/{partitions,uuidMap,statistics}.ndjson; }

# All of it has the old form again, and is what it was.
expect_metadata_as_saved() {
	jq -se 'all(.documentVersion == 10) and all(has("migratingTo") | not)' \
		"$W/destination/$SYNCS"/*.ndjson >/dev/null || fail "$1: the metadata is not in its old form"
	diff <(still) "$W/still" >&2 || fail "$1: the metadata is not what was saved"
}

# A world whose copy is complete: from then on only the resume points move.
migrating_world() { # processes, on_failure
	ON_FAILURE=$2
	copied_world "$1"
	until_true 30 is_complete || fail "the copy does not end"
	until_true 30 light_is_equal || fail "the copy is not whole"
	still >"$W/still"
}

# Nothing runs the sync in any version, nobody was told to /start, and it says why.
expect_stopped() { # WHAT
	expect_code 7 "$1"
	said 'the new version has changed it'
	said "Type: syncup run "
	expect_effects "$2" '.event == "request" and .path == "/api/v1/start"'
	expect_effects 0 '.event == "resumed"'
	CODE=0
	syncup status "$W/fleet.yaml"
	said '  stopped: start shard0: '
	said '  its log: '
}

# Each death is seen twice: it is started once more before it is judged.
expect_deaths() {
	[ "$(effects '.event == "crash"')" = "$2" ] || fail "$1: $(effects '.event == "crash"') deaths, not $2"
}

deaths_restored() {
	local n most
	migrating_world 2 restore
	most=$(documents)
	[ "$most" -ge 5 ] || fail "there is too little to migrate"
	for ((n = 1; n <= most; n++)); do
		faulty "{\"migrate_dies_at\": $n}"
		syncup run --retry "$W/fleet.yaml"
		expect_code 9 "death at document $n of $most"
		said 'turned-back \(start shard0: it ended at once: fatal: Migrating the persisted metadata: migration died'
		expect_deaths "document $n" $((2 * n))
		came_back "death at document $n of $most"
		expect_metadata_as_saved "document $n"
	done
}

deaths_stopped() {
	local n most
	migrating_world 2 rollback
	most=$(documents)
	for ((n = 1; n <= most; n++)); do
		faulty "{\"migrate_dies_at\": $n}"
		: >"$EFFECTS"
		syncup run --retry "$W/fleet.yaml"
		expect_stopped "death at document $n of $most" 0
		expect_deaths "document $n" 2
		# The same again changes nothing: it is for a person to say.
		syncup rollback "$W/fleet.yaml"
		expect_code 7 "rollback without consent, document $n"
		syncup rollback --restore-metadata "$W/fleet.yaml"
		expect_code 9 "rollback with consent, document $n"
		expect_running "$FROM" "${NAMES[@]}"
		expect_whole
		expect_metadata_as_saved "document $n"
	done
}

# One that dies once does its work when it is started once more.
death_survived() {
	migrating_world 2 rollback
	faulty "{\"migrate_then_die\": 4}"
	syncup run "$W/fleet.yaml"
	expect_code 0 "a version that died once"
	expect_running "$TO" "${NAMES[@]}"
	expect_deaths "once" 1
	expect_effects 1 '.event == "migrated"'
	expect_whole
}

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

# Something else is in the archive than it says, and it migrates.
migrated_by_another() {
	migrating_world 1 restore
	another_version 1.18.0
	behave shard0 '{"1.18.0": {"accept_metadata": 10}}'
	syncup run "$W/fleet.yaml"
	said 'it came up as 1.18.0, not as 1.13.0'
	came_back "another version than it says"
	expect_metadata_as_saved "another version"
}

scenario "deaths at each document, restored" deaths_restored
scenario "deaths at each document, stopped" deaths_stopped
scenario "a death survived" death_survived
scenario "half, then IDLE, restored" half_then_idle restore
scenario "half, then IDLE, stopped" half_then_idle rollback
scenario "does not live, restored" does_not_live restore
scenario "does not live, stopped" does_not_live rollback
scenario "migrated by another version" migrated_by_another
scenarios_end
