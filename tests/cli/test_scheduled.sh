#!/usr/bin/env bash
# Started by a clock: silent when there is nothing to do, and never again what
# turned back.
. "$(dirname "$0")/cli.sh"

pauses() { effects '.event == "request" and .path == "/api/v1/pause"'; }

test_up_to_date() {
	quick_world 1
	syncup run --scheduled "$W/fleet.yaml"
	expect_code 0 "the first tick"
	expect_upgraded
	remember
	for words in "" --unfinished; do
		# shellcheck disable=SC2086 # one word or none
		syncup run --scheduled $words "$W/fleet.yaml"
		expect_code 0 "the next tick"
		expect_silence "the next tick"
	done
	expect_untouched "the next tick"
}

test_turned_back() {
	local before
	quick_world 1
	behave shard0 '{"never_pauses": 1}'
	edit_fleet 's/pause: 20/pause: 2/'
	syncup run --scheduled "$W/fleet.yaml"
	expect_code 9 "the first tick"
	expect_back
	before=$(pauses)
	remember
	syncup run --scheduled "$W/fleet.yaml"
	expect_sentence 9 'this plan turned back in run .* and is not repeated by itself$' "the next tick"
	syncup run --scheduled --unfinished "$W/fleet.yaml"
	expect_code 0 "the next minute"
	expect_silence "the next minute"
	expect_untouched "the next tick"
	[ "$(pauses)" = "$before" ] || fail "it was paused once more"
}

test_somebody_is_at_it() {
	quick_world 1
	behave shard0 '{"never_pauses": 1}'
	run_behind
	wait_begun pause
	for words in "" --unfinished; do
		# shellcheck disable=SC2086 # one word or none
		syncup run --scheduled $words "$W/fleet.yaml"
		expect_code 0 "while another works"
		expect_silence "while another works"
	done
	syncup run "$W/fleet.yaml"
	expect_code 4 "typed by a person"
	kill -TERM "$RUN"
	expect_end 8 "the other"
}

# It was told when it stopped: what comes each minute does not repeat it.
test_waits_for_a_person() {
	local records
	quick_world 1
	die_at "before resume"
	syncup rollback "$W/fleet.yaml"
	expect_code 7 "rollback without leave"
	records=$(wc -l <"$(journal)")
	remember
	syncup run --scheduled --unfinished "$W/fleet.yaml"
	expect_code 7 "the next minute"
	expect_silence "the next minute"
	expect_untouched "the next minute"
	[ "$(wc -l <"$(journal)")" = "$records" ] || fail "it was taken up again"
	syncup run --scheduled "$W/fleet.yaml"
	expect_code 0 "the next night"
	expect_upgraded
}

# What was cut short goes on.
test_cut_short() {
	quick_world 1
	die_at "after stop"
	syncup run --scheduled --unfinished "$W/fleet.yaml"
	expect_code 0 "the next minute"
	expect_upgraded
}

for test in test_up_to_date test_turned_back test_somebody_is_at_it test_waits_for_a_person test_cut_short; do
	($test) || exit 1
done
