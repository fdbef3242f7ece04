#!/usr/bin/env bash
# A new version that dies in the middle of its migration, at every document.  It is
# started once more, then judged: with on_failure: restore the copy is put back and
# the fleet comes back by itself; with rollback it stops, says so (exit 7), and a
# person's word brings it back.
. "$(dirname "$0")/guards.sh"
# shellcheck source=half.sh
. "$(dirname "$0")/half.sh"

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
		if [ "$n" = 1 ]; then
			syncup rollback "$W/fleet.yaml"
			expect_code 7 "rollback without consent, document $n"
		fi
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

scenario "deaths at each document, restored" deaths_restored
scenario "deaths at each document, stopped" deaths_stopped
scenario "a death survived" death_survived
scenarios_end
