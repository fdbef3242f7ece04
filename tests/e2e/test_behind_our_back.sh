#!/usr/bin/env bash
# People act while the run is under way.
. "$(dirname "$0")/lib.sh"

# An operator resumes what we paused: it is paused again before it is stopped.
(
	simple_world light 2
	for name in "${NAMES[@]}"; do behave "$name" '{"stop_ms": 50}'; done
	die_at "before hold"
	api shard0 resume '{}' >/dev/null
	wait_state shard0 RUNNING
	syncup run "$W/fleet.yaml"
	expect_code 0 "after a resume behind our back"
	expect_upgraded
	expect_effects 2 '.event == "signal"'
	expect_effects 3 '.event == "paused"'
) || exit 1

# An operator commits: nothing is touched any more, and a person is asked.
(
	simple_world light 1
	for name in "${NAMES[@]}"; do behave "$name" '{"commit_ms": 600000}'; done
	die_at "before hold"
	api shard0 resume '{}' >/dev/null
	wait_state shard0 RUNNING
	until_true 30 eval "api shard0 progress | jq -e .progress.canCommit >/dev/null" || fail "it cannot commit"
	api shard0 commit '{}' >/dev/null
	wait_state shard0 COMMITTING
	syncup run "$W/fleet.yaml"
	expect_code 7 "during a commit"
	said 'cut over'
	said 'run --answer'
	expect_effects 0 '.event == "signal"'
	is_state shard0 COMMITTING || fail "the commit was disturbed"
) || exit 1

# Somebody starts the old version between stop and start, not by the link.
(
	simple_world light 2
	cp "$W/bin/mongosync" "$W/bin/elsewhere"
	die_at "before activate"
	launch shard0 "$W/bin/elsewhere"
	wait_state shard0 PAUSED
	syncup run "$W/fleet.yaml"
	expect_code 0 "after a start behind our back"
	expect_upgraded
	expect_effects 3 '.event == "signal"'
) || exit 1

# Somebody tries to start it by the link: the hold refuses.
(
	simple_world light 1
	die_at "before save"
	code=0
	"$W/bin/mongosync" --config "$W/shard0.conf" >"$W/out.held" 2>&1 || code=$?
	[ $code = 75 ] || fail "the held link exited $code"
	grep -q "$("$SYNCUP" status --json "$W/fleet.yaml" | jq -r .run)" "$W/out.held" || fail "the hold does not name its run"
	syncup run "$W/fleet.yaml"
	expect_code 0 "after the hold"
	expect_upgraded
) || exit 1
