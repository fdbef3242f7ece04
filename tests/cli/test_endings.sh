#!/usr/bin/env bash
# How runs end: with a failure, turned back, refused a way back, not begun.
. "$(dirname "$0")/cli.sh"

# A step fails, nothing may turn back: exit 6, and the same line goes on.
test_failed() {
	ON_FAILURE=stop quick_world 1
	behave shard0 '{"never_pauses": 1}'
	edit_fleet 's/pause: 20/pause: 2/'
	syncup run "$W/fleet.yaml"
	expect_code 6 "a pause that never comes"
	said '^syncup: lane test: pause shard0: not there after 2 s: '
	said "^Type: syncup run $W/fleet.yaml   to go on, or syncup rollback $W/fleet.yaml$"
	expect_views unfinished
	behave shard0 '{}'
	syncup run "$W/fleet.yaml"
	expect_code 0 "after the reason is gone"
	expect_upgraded
}

# Turned back by itself: exit 9, every view says so.
test_turned_back() {
	quick_world 1
	behave shard0 '{"never_pauses": 1}'
	edit_fleet 's/pause: 20/pause: 2/'
	syncup run "$W/fleet.yaml"
	expect_code 9 "a pause that never comes"
	said "^Type: syncup run --retry $W/fleet.yaml   when the reason is gone$"
	expect_back
	expect_views turned-back
	syncup run --unfinished "$W/fleet.yaml"
	expect_code 0 "run --unfinished after turning back"
}

# The way back needs leave to put metadata back: refused, and forward is open.
test_rollback_without_leave() {
	quick_world 1
	die_at "before resume"
	syncup rollback "$W/fleet.yaml"
	expect_code 7 "rollback without leave"
	said 'the way back is closed: prove metadata:test: '
	syncup run --unfinished "$W/fleet.yaml"
	expect_code 0 "forward"
	expect_upgraded
	syncup rollback "$W/fleet.yaml"
	expect_code 0 "rollback of a finished run"
	said 'no run is unfinished'
	expect_upgraded
}

test_unfinished_without_a_run() {
	quick_world 1
	remember
	syncup run --unfinished "$W/fleet.yaml"
	expect_code 0 "run --unfinished without a run"
	expect_silence "run --unfinished without a run"
	for verb in rollback abort; do
		syncup $verb "$W/fleet.yaml"
		expect_code 0 "$verb without a run"
		said "^syncup: there is no run in $W/state/test$"
	done
	syncup status "$W/fleet.yaml"
	expect_code 0 "status without a run"
	said "^no run yet in $W/state/test$"
	syncup journal show "$W/fleet.yaml"
	expect_sentence 3 "reading the journal $(journal): No such file or directory$" "journal show without a run"
	expect_untouched "looking for a run"
	[ -z "$(ls -A "$W/state")" ] || fail "a state folder was made"
}

for test in test_failed test_turned_back test_rollback_without_leave test_unfinished_without_a_run; do
	($test) || exit 1
done
