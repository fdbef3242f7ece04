#!/usr/bin/env bash
# Two that want the same: two supervisors of one fleet, two runs of one process.
. "$(dirname "$0")/cli.sh"

# A supervisor works: another is refused and told who; a timer's is content.
test_lock() {
	quick_world 1
	behave shard0 '{"never_pauses": 1}'
	run_behind
	wait_begun pause
	# Why it waits it writes down once; from then on nothing changes.
	until_true 20 grep -q '"kind":"note".*waiting for PAUSED' "$(journal)" || fail "it does not say why it waits"
	remember
	syncup run "$W/fleet.yaml"
	expect_sentence 4 "$W/state/test/lock is held by pid $RUN on [^ ]+ since 20[0-9-]+ [0-9:]+ UTC$" "a second supervisor"
	said "^Type: syncup status $W/fleet.yaml$"
	expect_untouched "a second supervisor"
	syncup run --unfinished "$W/fleet.yaml"
	expect_code 0 "run --unfinished beside a supervisor"
	expect_silence "run --unfinished beside a supervisor"
	syncup status "$W/fleet.yaml"
	expect_code 0 "status beside a supervisor"
	said "is held by pid $RUN on "
	expect_untouched "looking at a supervisor"
	# What is asked of a working run is done by its supervisor.
	syncup abort "$W/fleet.yaml"
	expect_code 0 "abort beside a supervisor"
	said "^syncup: asking the supervisor: .* held by pid $RUN"
	expect_end 0 "the supervisor that was asked to abort"
	expect_no_claims
	expect_views aborted
}

# Looking every moment never keeps a supervisor from its lock.
test_status_is_no_rival() {
	local looker i
	quick_world 1
	die_at "before pause"
	(while :; do "$SYNCUP" status "$W/fleet.yaml" >/dev/null; done) &
	looker=$!
	for i in 1 2 3; do
		syncup run --answer pause@shard0=again "$W/fleet.yaml"
		expect_code 2 "run beside status, try $i"
	done
	kill $looker
	wait $looker 2>/dev/null || true
}

# A claim of another fleet's run: refused, unless it is taken over by name.
test_claims() {
	local lost
	quick_world 1
	die_at "before pause"
	lost=$(run_id)
	edit_fleet 's/^name: .*/name: other/'
	refused "claims of another run" claim "shard0: it belongs to run $lost of fleet test, begun from host [^ ]+ \(state in $W/state/test\)$" 4
	said "-> finish that run there; if it is lost: syncup run --take-over $lost"
	[ "$(grep -c '^refusal ' "$W/out.syncup.err")" = 2 ] || fail "not both claims are named"
	remember
	syncup run --take-over 2 "$W/fleet.yaml"
	expect_code 4 "taking over a run that is not the owner"
	syncup run --take-over "${lost%?}" "$W/fleet.yaml"
	expect_code 4 "taking over half a name"
	expect_untouched "taking over from the wrong run"
	syncup run --take-over "$lost" "$W/fleet.yaml"
	expect_code 0 "taking over"
	expect_upgraded
	grep -q "\"taken_from\":\"$lost\"" "$W/state/other/run.journal" || fail "taking over is not in the journal"
}

for test in test_lock test_status_is_no_rival test_claims; do
	($test) || exit 1
done
