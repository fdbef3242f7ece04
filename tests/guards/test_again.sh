#!/usr/bin/env bash
# A run that is taken up again before its first pause looks again first: what is
# forbidden by now is refused, and the run can still be ended without a trace.
. "$(dirname "$0")/guards.sh"
OLD=mongosync_reserved_for_internal_use
NEW=__mdb_internal_mongosync

# A second generation of metadata appears, as of somebody's own attempt.
forbid() {
	mkdir "$W/destination/$NEW"
	cp "$W/destination/$OLD/globalState.ndjson" "$W/destination/$NEW/"
}
allow() { rm -r "${W:?}/destination/$NEW"; }

# refused_again CHECK REGEX: nothing is touched, the run stays as it is
refused_again() {
	remember
	syncup run "$W/fleet.yaml"
	expect_code 3 "run, again"
	expect_refusal "$W/out.syncup.err" "$1" "$2" "run, again"
	said "^syncup: run $(run_id) has paused nothing yet, and would be refused now: nothing was touched, it stays unfinished$"
	said '^Type: syncup run .* syncup abort '
	expect_untouched "a run that is taken up again"
	tally "refusal $1"
}

mended() {
	quick_world 2
	die_at "before $1"
	forbid
	refused_again metadata 'test: the destination has two databases'
	allow
	syncup run "$W/fleet.yaml"
	expect_code 0 "run, mended"
	expect_upgraded
	expect_effects 2 '.event == "signal"'
}

ended() {
	quick_world 1
	die_at "before deliver"
	# A person has upgraded it meanwhile.
	local pid
	pid=$(pid_of shard0)
	kill -TERM "$pid"
	until_true 10 eval "! kill -0 $pid 2>/dev/null"
	unpack_version "$TO" "$W/elsewhere"
	launch shard0 "$W/elsewhere/mongosync"
	wait_state shard0 RUNNING
	refused_again version 'shard0: it ran 1.12.0 when the run was planned, and runs 1.13.0$'
	syncup abort "$W/fleet.yaml"
	expect_code 0 "abort"
	expect_no_claims
	expect_effects 0 '.event == "request" and .path == "/api/v1/pause"'
	wait_state shard0 RUNNING
}

# What has begun is not refused, although plan refuses a link that is held, nor
# is the way back.
not_later() {
	quick_world 2
	die_at "before stop"
	syncup plan "$W/fleet.yaml"
	expect_code 4 "plan, in the middle"
	expect_refusal "$W/out.syncup" link 'test: .* is held by run' "plan, in the middle"
	syncup run "$W/fleet.yaml"
	expect_code 0 "run, in the middle"
	expect_upgraded
}
rolled_back() {
	quick_world 1
	die_at "before deliver"
	forbid
	syncup rollback "$W/fleet.yaml"
	expect_code 9 "rollback"
	allow
	expect_back
	expect_effects 0 '.event == "request" and .path == "/api/v1/pause"'
}

for point in claim deliver adopt; do scenario "mended, died before $point" mended $point; done
scenario "ended" ended
scenario "not once something stands still" not_later
scenario "not on the way back" rolled_back
scenarios_end
