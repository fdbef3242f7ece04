#!/usr/bin/env bash
# What is refused before preflight looks: exit 3, and nothing is touched.  What
# preflight refuses is in tests/guards.
. "$(dirname "$0")/cli.sh"

test_no_terminal_and_no_on_failure() {
	edit_fleet '/^on_failure/d'
	remember
	syncup run "$W/fleet.yaml"
	expect_sentence 3 "$W/fleet.yaml: on_failure: is not set, and a run without a terminal" "no on_failure"
	said '^Type: on_failure: rollback'
	expect_untouched "no on_failure"
	syncup plan "$W/fleet.yaml"
	expect_code 0 "plan without on_failure"
	good_fleet
}

test_state_on_tmpfs() {
	[ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] || { printf 'skipped: no tmpfs\n'; return; }
	SHM=$(mktemp -d /dev/shm/syncup-test-XXXXXX)
	edit_fleet "s#^state_dir: .*#state_dir: $SHM#"
	remember
	syncup run "$W/fleet.yaml"
	expect_sentence 3 "$SHM/test is on tmpfs" "a state folder on tmpfs"
	expect_untouched "a state folder on tmpfs"
	[ -z "$(find "$SHM" -type f)" ] || fail "a file was left on tmpfs"
	rm -rf "$SHM"
	good_fleet
}

quick_world 1
test_no_terminal_and_no_on_failure
test_state_on_tmpfs
[ ! -e "$(journal)" ] || fail "a journal was begun"
