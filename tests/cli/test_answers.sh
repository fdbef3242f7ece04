#!/usr/bin/env bash
# Runs that end with a question (exit 7), and what a person may answer.
. "$(dirname "$0")/cli.sh"

# asked: the saving of the metadata wants a person
asked() {
	quick_world 1
	die_at "before save"
	printf '{"fail_op": "save", "code": "decide"}' >"$W/destination/helper_faults.json"
	syncup run "$W/fleet.yaml"
	expect_code 7 "a question"
	said '^syncup: lane test: save metadata:test: '
	said '^shard0 is stopped; lane test stands still for [0-9]+ s, .* left \(oplog_window'
	said "^Type: syncup run --answer save@metadata:test=again $W/fleet.yaml   \(or =done, if you made it so; or =stop\)$"
	expect_views unfinished
	jq -e '.lanes[0] | .exit == 7 and .decide == "save@metadata:test"' <("$SYNCUP" status --json "$W/fleet.yaml") >/dev/null ||
		fail "status --json does not tell the question"
}

# wrong_answer ANSWER REGEX
wrong_answer() {
	syncup run --answer "$1" "$W/fleet.yaml"
	expect_sentence 2 "--answer$2" "the answer $1"
}

test_answers() {
	asked
	remember
	wrong_answer save ' wants STEP@TARGET=again\|done\|stop$'
	wrong_answer save@metadata:test ' wants STEP@TARGET=again\|done\|stop$'
	wrong_answer save=again ' wants STEP@TARGET=again\|done\|stop$'
	wrong_answer save@metadata:test= ' wants again, done or stop, not ""$'
	wrong_answer save@metadata:test=maybe ' wants again, done or stop, not "maybe"$'
	# An answer to what was not asked would be believed when it is.
	wrong_answer start@shard0=done ': the run did not stop with a question about start@shard0$'
	expect_untouched "a wrong answer"
	syncup run --answer save@metadata:test=stop "$W/fleet.yaml"
	expect_code 7 "the answer stop"
	said 'the operator answered: stop'
	expect_effects 1 '.event == "signal"'
	rm "$W/destination/helper_faults.json"
	syncup run --answer save@metadata:test=again "$W/fleet.yaml"
	expect_code 0 "the answer again"
	expect_upgraded
	remember
	wrong_answer save@metadata:test=again ': no run is unfinished$'
	expect_untouched "an answer to a finished run"
}

# Killed after the answer: the same line is the way to recover.
test_answer_twice() {
	asked
	rm "$W/destination/helper_faults.json"
	CODE=0
	{ SYNCUP_CRASH_ON="before activate" "$SYNCUP" run --answer save@metadata:test=again "$W/fleet.yaml" \
		>"$W/out.syncup" 2>&1 </dev/null || CODE=$?; } 2>/dev/null
	[ $CODE = 137 ] || fail "exit $CODE, it did not die"
	wrong_answer save@metadata:test=done ': the run did not stop with a question about save@metadata:test$'
	syncup run --answer save@metadata:test=again "$W/fleet.yaml"
	expect_code 0 "the same line"
	expect_upgraded
}

test_answer_done() {
	quick_world 1
	die_at "before start"
	printf '{"fail_op": "summary", "code": "decide"}' >"$W/destination/helper_faults.json"
	syncup run "$W/fleet.yaml"
	expect_code 7 "a question"
	syncup run --answer verify@metadata:test=done "$W/fleet.yaml"
	expect_code 0 "the answer done"
	expect_upgraded
	expect_views reached
}

# A claim that somebody removed: nothing is touched any more.
test_removed_claim() {
	quick_world 1
	die_at "before pause"
	mv "$W/root/.syncup/claims/shard0.json" "$W/shard0.claim"
	syncup run "$W/fleet.yaml"
	expect_code 7 "a removed claim"
	said 'pause shard0: its claim is gone: somebody removed it from '
	expect_effects 0 '.path? == "/api/v1/pause"'
	mv "$W/shard0.claim" "$W/root/.syncup/claims/shard0.json"
	syncup run "$W/fleet.yaml"
	expect_code 0 "with the claim brought back"
	expect_upgraded
}

for test in test_answers test_answer_twice test_answer_done test_removed_claim; do
	($test) || exit 1
done
