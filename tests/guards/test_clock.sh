#!/usr/bin/env bash
# The clock of the oplog: a lane whose time runs out turns back by itself while
# that is certainly without loss, and warns when it is not.
. "$(dirname "$0")/guards.sh"

turning() { [ "$(jq_journal '.kind == "turn"')" = 1 ]; }
hang() { for name in "${NAMES[@]}"; do behave "$name" "{\"$TO\": {\"hang_at_start\": 1}}"; done; }
loud() { [ "$(jq_journal ".kind == \"clock\" and .loud >= $1")" -ge 1 ]; }
was_read() { [ "$(jq_journal '.kind == "clock" and .resume_s')" -ge 1 ]; }
# How many seconds the newest clock record says that it stood.
stood() { cut -d' ' -f2- "$(journal)" | jq -s 'map(select(.kind == "clock")) | last | .stood_ms / 1000 | floor'; }

# Twelve minutes of oplog, of which two percent may be used.
clock_world() {
	copied_world 2
	oplog 720
	edit_fleet "\$a turn_back_at: 2"
}

expect_clock() { # what is known when it pauses
	[ "$(jq_journal '.kind == "clock" and .how == "oplog" and .margin_s > 600 and
		(.stood // {} | keys) == ["shard0", "shard1"]')" -ge 1 ] ||
		fail "the journal does not note who stood still since when, and the margin"
}

test_turns_back() {
	clock_world
	hang
	run_behind
	wait_begun start
	syncup status "$W/fleet.yaml"
	said '^  stands still for [0-9]+ s, 1[0-9] min left \(read from the oplog\)'
	syncup status --json "$W/fleet.yaml"
	jq -e '.lanes[0].clock | .left_ms > 500000 and .how == "oplog" and .stood_ms > 0' \
		"$W/out.syncup" >/dev/null || fail "status --json has no clock"
	until_true 60 turning || fail "it did not turn back"
	expect_end 9 "half of the time is gone"
	came_back "the clock"
	expect_clock
	grep -q 'turns back: it has stood still for [0-9]* s, and may for .*turn_back_at: 2' "$W/out.run" ||
		fail "it does not say why"
	[ "$(jq_journal '.kind == "clock" and .over')" = 1 ] || fail "the clock does not end"
}

# The oplog runs away while the new version is silent: what was twelve minutes
# is one, and that is seen at the next reading.
test_oplog_runs_away() {
	clock_world
	edit_fleet 's/^turn_back_at: .*/turn_back_at: 4/'
	hang
	run_behind
	wait_begun start
	oplog 60
	until_true 40 turning || fail "it did not turn back"
	[ "$(stood)" -lt 28 ] || fail "it waited as if nothing had happened"
	expect_end 9 "the oplog runs away"
	came_back "an oplog that runs away"
}

# After the point of no return it warns, louder and louder, and goes on.
test_no_way_back() {
	clock_world
	# The metadata is migrated at once, and then nobody answers for a while.
	for name in "${NAMES[@]}"; do behave "$name" '{"silence_ms": 22000}'; done
	run_behind
	wait_begun start
	until_true 20 eval "[ \"\$(effects '.event == \"migrated\"')\" = 1 ]" || fail "it does not migrate"
	oplog 300
	until_true 40 loud 2 || fail "it does not warn louder"
	expect_end 0 "a run that has no way back"
	[ "$(jq_journal '.kind == "turn"')" = 0 ] || fail "it turned back"
	grep -q 'Warning, time runs out: lane test stands still for .*; it cannot turn back: ' "$W/out.run" || fail "it does not say so"
	expect_upgraded
	expect_whole
}

is_closed() { [ "$(jq_journal ".kind == \"clock\" and (.text | test(\"cannot turn back: .*told to fail with .$1\"))")" -ge 1 ]; }

# refuse_proof CODE: of each digest that is asked for from now on
refuse_proof() {
	printf '{"fail_op": "digest", "code": "%s"}\n' "$1" >"$W/destination/faults.new"
	mv "$W/destination/faults.new" "$W/destination/helper_faults.json"
}

# goes_on CODE: it neither turned nor stands there, and another run is not needed
goes_on() {
	until_true 30 is_closed "$1" || fail "the proof is not refused"
	rm "$W/destination/helper_faults.json"
	[ "$(jq_journal '.kind == "halt" or .kind == "turn"')" = 0 ] || fail "it stands there, or turned"
	# Who hangs is started again, and does not hang now.
	for name in "${NAMES[@]}"; do
		behave "$name" '{}'
		stays_dead "$name"
	done
	expect_end 0 "a refused proof"
	expect_upgraded
	expect_whole
}

# Unchanged when the clock asked, changed when the lane was about to turn.
test_refused_at_last() {
	clock_world
	hang
	printf '{"delay_ms": 3000}\n' >"$W/destination/helper_faults.json"
	run_behind
	wait_begun start
	until_true 60 loud 1 || fail "it is not late"
	sleep 1
	refuse_proof decide
	goes_on decide
}

# A look beside the steps that fails must not hold them up for ever.
test_proof_fails() {
	clock_world
	hang
	run_behind
	wait_begun start
	refuse_proof storage
	goes_on storage
}

# The same clock after a kill: what passed meanwhile has passed.
test_killed_supervisor() {
	clock_world
	edit_fleet 's/^turn_back_at: .*/turn_back_at: 3/'
	hang
	run_behind
	wait_begun start
	until_true 20 was_read || fail "no reading"
	kill -KILL "$RUN"
	wait "$RUN" 2>/dev/null || true
	local since until=$((SECONDS + 12))
	since=$(cut -d' ' -f2- "$(journal)" | jq -s 'map(select(.kind == "clock"))[0].since')
	syncup status "$W/fleet.yaml"
	said '^  stands still for '
	until_true 30 eval "[ \$SECONDS -ge $until ]"
	run_behind
	until_true 30 turning || fail "it did not turn back"
	[ "$(stood)" -ge 15 ] || fail "the time in which nobody watched is not counted"
	[ "$(jq_journal ".kind == \"clock\" and .since and .since != $since")" = 0 ] || fail "the clock began anew"
	expect_end 9 "killed and continued"
	came_back "the clock after a kill"
}

# A helper that hangs in it holds nobody up.
test_helper_hangs() {
	local began
	quick_world 2
	oplog 86400
	die_at "before pause"
	printf '{"hang_op": "oplog"}\n' >"$W/source/helper_faults.json"
	began=$SECONDS
	syncup run "$W/fleet.yaml"
	expect_code 0 "a helper that hangs"
	expect_upgraded
	[ $((SECONDS - began)) -lt 18 ] || fail "it waited for the clock"
	# It goes by what was read before the pause.
	[ "$(jq_journal '.kind == "clock" and .how == "oplog" and .margin_s > 80000')" = 1 ] ||
		fail "the margin that was planned is not in the journal"
}

scenario "turns back" test_turns_back
scenario "the oplog runs away" test_oplog_runs_away
scenario "no way back" test_no_way_back
scenario "refused at last" test_refused_at_last
scenario "a proof that fails" test_proof_fails
scenario "a killed supervisor" test_killed_supervisor
scenario "a helper that hangs" test_helper_hangs
scenarios_end
