#!/usr/bin/env bash
# Will it be over in time?  By --finish-by, by a window, by what earlier runs took.
. "$(dirname "$0")/guards.sh"

hour_from_now() { date -d "$1 minutes" +%H:%M; }
window() { # minutes from now: opens, closes
	edit_fleet '/^window/d'
	edit_fleet "\$a window: {from: \"$(hour_from_now "$1")\", until: \"$(hour_from_now "$2")\"}"
}

test_finish_by() {
	passes time 'it is assumed to take 15 min, no earlier run of this fleet is known; no time is set'
	passes time 'assumed to take 15 min.*, and has (89|90) min, until ' --finish-by +90m
	remember
	for verb in plan run; do
		syncup $verb --finish-by +5m "$W/fleet.yaml"
		expect_code 3 "$verb --finish-by too soon"
		said '^refusal  time +test: it is assumed to take 15 min.*, and has [0-9]+ (s|min), until '
	done
	syncup run --finish-by yesterday "$W/fleet.yaml"
	expect_code 2 "run --finish-by yesterday"
	expect_untouched "--finish-by"
	tally refusal time
}

test_window() {
	local today tomorrow
	window -60 60
	passes time 'assumed to take 15 min.*, and has (5[89]|60) min, until '
	window 120 180
	refuses time "test: the window $(hour_from_now 120) to $(hour_from_now 180) is shut; it opens " "a window that is shut"
	window -60 6
	refuses time 'test: it is assumed to take 15 min' "a window that closes too soon"
	# Over midnight or not, the day is the one on which it opens.
	today=$(date -d '-60 minutes' +%a | tr '[:upper:]' '[:lower:]')
	tomorrow=$(date -d '+3 days' +%a | tr '[:upper:]' '[:lower:]')
	window -60 60
	edit_fleet "s/^window: {/&days: [$today], /"
	passes time 'until '
	edit_fleet "s/days: \[$today\]/days: [$tomorrow]/"
	refuses time 'test: the window .* is shut' "a window of another day"
	good_fleet
}

quick_world 2
test_finish_by
test_window
[ ! -e "$(journal)" ] || fail "a journal was begun"

# What a run takes is known from the one before.
syncup run --finish-by +60m "$W/fleet.yaml"
expect_code 0 "a run that is in time"
expect_upgraded
cp "$(journal)" "$BUILD/worlds/earlier.$$"
AT_END+=('rm -f "$BUILD/worlds/earlier.$$"')

# One that becomes late turns back while it can, by itself.
late_world() {
	copied_world 2
	mkdir -p "$W/state/test/history"
	cp "$BUILD/worlds/earlier.$1" "$W/state/test/history/20200101T000000Z-abcdef.journal"
	for name in "${NAMES[@]}"; do behave "$name" "{\"$TO\": {\"hang_at_start\": 1}}"; done
}
turning() { [ "$(jq_journal '.kind == "turn"')" = 1 ]; }

test_late_turns_back() {
	late_world "$1"
	passes time 'it takes about [0-9]+ s \(median of 1 earlier run\)'
	"$SYNCUP" run --finish-by +30s "$W/fleet.yaml" >"$W/out.run" 2>"$W/out.run.err" </dev/null &
	RUN=$!
	until_true 60 turning || fail "it did not turn back"
	expect_end 9 "a run that is late"
	grep -q 'turns back: it is late, it would not be over by ' "$W/out.run" || fail "it does not say why"
	came_back "a run that is late"
}

# With on_failure: stop it only says so, and goes on.
test_late_goes_on() {
	late_world "$1"
	edit_fleet 's/^on_failure: .*/on_failure: stop/'
	"$SYNCUP" run --finish-by +20s "$W/fleet.yaml" >"$W/out.run" 2>"$W/out.run.err" </dev/null &
	RUN=$!
	until_true 60 grep -q 'lane test: it is late, cannot turn back, and goes on' "$W/out.run" ||
		fail "it does not say that it is late"
	syncup status --json "$W/fleet.yaml"
	jq -e '.time.finish_by > 0' "$W/out.syncup" >/dev/null || fail "status does not know the time"
	kill -TERM "$RUN"
	expect_end 8 "stopped"
}

scenario "late: turns back" test_late_turns_back $$
scenario "late: goes on" test_late_goes_on $$
scenarios_end
