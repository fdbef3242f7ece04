#!/usr/bin/env bash
# rollback from every point of an unfinished run: the supervisor is killed when it
# has just acted in a stage, then the fleet is taken back, RUNNING on the old version.
. "$(dirname "$0")/lib.sh"

stages="claim deliver adopt pause hold stop save activate"
for stage in ${STAGES:-$stages}; do
	(
		simple_world light 2
		die_at "after $stage"
		syncup rollback "$W/fleet.yaml"
		expect_code 9 "rollback from $stage"
		expect_back
		[ ! -L "$W/bin/mongosync" ] || fail "the adopted path was not given back"
		syncup rollback "$W/fleet.yaml"
		expect_code 0 "nothing is left to roll back"
	) || exit 1
done

# After the first start the metadata has changed: only with consent.
(
	simple_world light 2
	die_at "before resume"
	syncup rollback "$W/fleet.yaml"
	expect_code 7 "rollback without consent"
	said 'restore-metadata'
	# Refusing touched nothing; going forward is still possible.
	syncup run "$W/fleet.yaml"
	expect_code 0 "going on"
	expect_upgraded
) || exit 1
(
	simple_world light 2
	die_at "after start"
	until_true 10 eval '[ "$(effects ".event == \"migrated\"")" = 1 ]' || fail "it did not migrate"
	syncup rollback --restore-metadata "$W/fleet.yaml"
	expect_code 9 "rollback with consent"
	expect_back
) || exit 1
