#!/usr/bin/env bash
# The fleet file changes while a run is unfinished: exit 3 names the three ways
# on, and each works from the state folder alone.
. "$(dirname "$0")/cli.sh"

# unfinished_and_changed POINT
unfinished_and_changed() {
	quick_world 1
	die_at "$1"
	edit_fleet 's/pause: 20/pause: 25/'
}

test_refused() {
	unfinished_and_changed "before pause"
	remember
	syncup run "$W/fleet.yaml"
	expect_sentence 3 "$W/fleet.yaml has changed since run $(run_id) was planned: .*pause: 20 -> 25" "a changed fleet file"
	said "^Type: syncup run --as-planned $W/state/test   or syncup rollback $W/state/test   or syncup abort $W/state/test$"
	syncup run --unfinished "$W/fleet.yaml"
	expect_sentence 3 "$W/fleet.yaml has changed since" "a changed fleet file at boot"
	# Comments and order are no change; that it cannot be read is told first.
	edit_fleet 's/^version/verzion/'
	syncup run "$W/fleet.yaml"
	expect_sentence 3 "$W/fleet.yaml:[0-9]+: unknown key" "a broken fleet file"
	expect_untouched "a changed fleet file"
	good_fleet
	edit_fleet '1i # a comment'
	syncup run "$W/fleet.yaml"
	expect_code 0 "a comment"
	expect_upgraded
}

test_as_planned() {
	unfinished_and_changed "answer pause"
	syncup run --as-planned "$W/fleet.yaml"
	expect_code 0 "run --as-planned"
	expect_upgraded
	# Now the change is a plan of its own, and there is nothing to do.
	syncup run "$W/fleet.yaml"
	expect_code 0 "run of the changed file"
	said 'runs 1.13.0 already, nothing to do'
	expect_views reached
}

test_folder_alone() {
	unfinished_and_changed "after stop"
	rm "$W/fleet.yaml"
	syncup status "$W/state/test"
	expect_code 0 "status of a folder"
	said "no supervisor works on it; type: syncup run $W/state/test$"
	syncup run --unfinished "$W/state/test"
	expect_code 0 "run of a folder"
	expect_upgraded
	syncup run "$W/state/test"
	expect_code 0 "run of a finished folder"
	said "no run is unfinished in $W/state/test$"
}

test_rollback_of_a_folder() {
	unfinished_and_changed "after stop"
	rm "$W/fleet.yaml"
	syncup rollback "$W/state/test"
	expect_code 9 "rollback of a folder"
	expect_back
	good_fleet
	expect_views turned-back
	# It is not begun again by a timer, only by a person; a refusal does not
	# make that forgotten.
	remember
	syncup run "$W/fleet.yaml"
	expect_sentence 9 "this plan turned back in run $(run_id) and is not repeated by itself$" "run of a plan that turned back"
	said "^Type: syncup run --retry $W/fleet.yaml$"
	printf 'not a program\n' >"$W/bin/notes"
	edit_fleet "s#^link: .*#link: $W/bin/notes#"
	remember
	syncup run --retry "$W/fleet.yaml"
	expect_code 3 "a refused retry"
	good_fleet
	syncup run "$W/fleet.yaml"
	expect_code 9 "after a refused retry"
	syncup run --retry-of 20200101T000000Z-aaaaaa "$W/fleet.yaml"
	expect_code 9 "a retry of another run"
	expect_untouched "a plan that turned back"
	syncup run --retry-of "$(run_id)" "$W/fleet.yaml"
	expect_code 0 "run --retry-of"
	expect_upgraded
	[ "$(find "$W/state/test/history" -name '*.journal' | wc -l)" = 1 ] || fail "the first run is not in history"
	syncup journal verify "$(find "$W/state/test/history" -name '*.journal')"
	expect_code 0 "verify of history"
}

for test in test_refused test_as_planned test_folder_alone test_rollback_of_a_folder; do
	($test) || exit 1
done
