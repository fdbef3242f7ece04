#!/usr/bin/env bash
# Signals: which of them stop a run, and that it can be continued.
. "$(dirname "$0")/cli.sh"

# slow_world: a pause takes seconds, so that there is time to interfere
slow_world() {
	quick_world 1
	behave shard0 "{\"noop_ms\": 200, \"pause_ms\": ${1:-2000}}"
}

# stopped_by SIGNAL: exit 8, and the same line goes on
stopped_by() {
	slow_world 1500
	edit_fleet 's/pause_quiet: 1/pause_quiet: 20/'
	run_behind
	wait_begun pause
	kill "-$1" "$RUN"
	expect_end 8 "$1"
	grep -qx "syncup: stopped by SIG$1" "$W/out.run.err" || fail "it does not say what stopped it"
	grep -qE "^Type: syncup run $W/fleet.yaml   to go on, or syncup rollback" "$W/out.run.err" || fail "it does not say how to go on"
	expect_views unfinished
	syncup status "$W/fleet.yaml"
	said '^no supervisor works on it; type: syncup run '
	syncup run --unfinished "$W/fleet.yaml"
	expect_code 0 "going on after $1"
	expect_upgraded
	expect_effects 1 '.path? == "/api/v1/pause"'
}

test_term() { stopped_by TERM; }
# Without a terminal nobody pressed it by mistake.
test_int() { stopped_by INT; }

test_hup_and_pipe_are_ignored() {
	slow_world
	run_behind
	wait_begun pause
	kill -HUP "$RUN"
	kill -PIPE "$RUN"
	expect_end 0 "SIGHUP and SIGPIPE"
	expect_upgraded
}

for test in test_term test_int test_hup_and_pipe_are_ignored; do
	($test) || exit 1
done
