#!/usr/bin/env bash
# abort: the run ends as it is, nothing is touched, and what a person would type
# is said.  It works without the fleet file.
. "$(dirname "$0")/cli.sh"

# abort leaves everything as it is, says how it is, and gives the claims back.
test_abort_of_a_folder() {
	local effects
	quick_world 1
	die_at "answer pause"
	wait_state shard0 PAUSED
	rm "$W/fleet.yaml"
	effects=$(wc -l <"$EFFECTS")
	syncup abort "$W/state/test"
	expect_code 0 "abort"
	said '^lane test: aborted'
	said "^shard0: it runs 1.12.0 and is PAUSED\.  To resume it: curl -d '\{\}' http://127.0.0.1:$(port_of shard0)/api/v1/resume$"
	tail -n "+$((effects + 1))" "$EFFECTS" | jq -e 'select(.event == "signal" or .method? == "POST")' >/dev/null &&
		fail "abort touched a process"
	expect_no_claims
	is_state shard0 PAUSED || fail "abort resumed it"
	good_fleet
	expect_views aborted
	syncup abort "$W/fleet.yaml"
	expect_code 0 "abort without a run"
	said 'no run is unfinished'
	# A later run begins anew, and leaves it PAUSED, for it did not pause it.
	syncup run "$W/fleet.yaml"
	expect_code 0 "run after abort"
	is_state shard0 PAUSED || fail "what was PAUSED before is $(state_of shard0)"
	expect_version shard0 $TO
}

# What was held and stopped is said with what a person would type.
test_abort_of_a_stopped_sync() {
	quick_world 1
	die_at "before activate"
	syncup abort "$W/state/test"
	expect_code 0 "abort"
	said "^$W/bin/mongosync: it refuses to start anything\.  To let the old version start: ln -sfn $W/root/versions/1.12.0/bin/mongosync $W/bin/mongosync$"
	said "^shard0: it does not run\.  To start it: $W/bin/mongosync --config $W/shard0.conf$"
	expect_no_claims
	good_fleet
	refused "the link that an aborted run held" link "test: $W/bin/mongosync is held by run $(run_id)$"
	# Typed, it lets the old version start.
	ln -sfn "$W/root/versions/1.12.0/bin/mongosync" "$W/bin/mongosync"
	launch shard0
	wait_state shard0 PAUSED
	expect_version shard0 $FROM
	syncup run "$W/fleet.yaml"
	expect_code 0 "run after abort"
	expect_version shard0 $TO
}

for test in test_abort_of_a_folder test_abort_of_a_stopped_sync; do
	($test) || exit 1
done
