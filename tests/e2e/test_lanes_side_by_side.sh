#!/usr/bin/env bash
# Two migrations side by side: one turns back alone, the other goes on.
. "$(dirname "$0")/lib.sh"

two_lanes() { # a and b, each with a cluster and a link of its own
	local name
	world light
	IDS=()
	for name in a b; do
		mkdir -p "$W/$name-source" "$W/$name-destination" "$W/$name-bin"
		SOURCE=light:$W/$name-source DESTINATION=light:$W/$name-destination
		instance "$name" -
		unpack_version $FROM
		mv "$W/bin/mongosync" "$W/$name-bin/mongosync"
		launch "$name" "$W/$name-bin/mongosync"
		EXTRA[$name]=", link: $W/$name-bin/mongosync"
	done
	for name in a b; do
		wait_state "$name" IDLE
		api "$name" start '{"source":"cluster0","destination":"cluster1"}' >/dev/null
		wait_state "$name" RUNNING
	done
	LINK='' fleet "$@"
}

outcomes() { "$SYNCUP" status --json "$W/fleet.yaml" | jq -c '[.lanes[] | {(.name): .outcome}] | add'; }

# The pause of b never comes.
(
	two_lanes
	behave b '{"never_pauses": 1}'
	sed -i 's/timeouts: {pause: 20/timeouts: {pause: 3/' "$W/fleet.yaml"
	syncup run "$W/fleet.yaml"
	expect_code 9 "one of two lanes fails"
	wait_state a RUNNING
	wait_state b RUNNING
	expect_version a $TO
	expect_version b $FROM
	expect_effects 1 '.event == "signal"'
	expect_no_claims
) || exit 1

# One lane at a time: the second begins although the first turned back.
(
	two_lanes 'limits: {lanes: 1}'
	behave a '{"ignore_sigterm": 1}'
	sed -i 's/stop: 20/stop: 3/' "$W/fleet.yaml"
	syncup run "$W/fleet.yaml"
	expect_code 9 "the first of two lanes fails"
	wait_state a RUNNING
	wait_state b RUNNING
	expect_version a $FROM
	expect_version b $TO
	expect_no_claims
) || exit 1

# One lane at a time, killed: who stands still does not wait for who was halted.
(
	ON_FAILURE=stop two_lanes 'limits: {lanes: 1}'
	behave a '{"never_pauses": 1}'
	sed -i 's/timeouts: {pause: 20/timeouts: {pause: 4/' "$W/fleet.yaml"
	die_at "before hold"
	wait_state b PAUSED
	syncup run "$W/fleet.yaml"
	expect_code 6 "the first lane is halted again"
	expect_version b $TO
	wait_state b RUNNING
	cut -d' ' -f2- "$W/state/test/run.journal" | jq -se '
		(map(select(.kind == "halt" and .lane == "a")) | last | .seq) >
		(map(select(.kind == "done" and .lane == "b" and .step == "resume")) | last | .seq)' >/dev/null ||
		fail "it waited for the other"
) || exit 1

# A kill while one lane is on its way back and the other on its way forward.
(
	two_lanes
	behave a '{"never_pauses": 1}'
	behave b '{"stop_ms": 5000}'
	sed -i 's/timeouts: {pause: 20/timeouts: {pause: 2/' "$W/fleet.yaml"
	die_at "before release"
	syncup run "$W/fleet.yaml"
	expect_code 9 "after the kill"
	wait_state a RUNNING
	wait_state b RUNNING
	expect_version a $FROM
	expect_version b $TO
	expect_effects 1 '.event == "signal"'
	expect_no_claims
) || exit 1
