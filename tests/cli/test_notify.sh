#!/usr/bin/env bash
# notify: a command of the operator's is told what he wants to know, at least
# once, and never changes a run.
. "$(dirname "$0")/cli.sh"

# told_world COUNT: whose command keeps what it is told in events; a script
# "first" is run instead the first time, by each event's name.
told_world() {
	quick_world "$1"
	cat >"$W/tell" <<-'END'
		#!/bin/bash
		world=$1 event=$(cat)
		printf '%s\n' "$event" >>"$world/events"
		name=$(jq -r .event <<<"$event")
		if [ -e "$world/first.$name" ] && mkdir "$world/once.$name" 2>/dev/null; then
			. "$world/first.$name"
		fi
	END
	chmod 700 "$W/tell"
	sed -i "1i notify: [$W/tell, $W]" "$W/fleet.yaml"
	cp "$W/fleet.yaml" "$W/good.yaml"
	: >"$W/events"
}

events() { jq -r .event "$W/events" | paste -sd' '; }
expect_events() { # names
	[ "$(events)" = "$1" ] || fail "events: $(events), not: $1"
}
event_is() { # filter what
	jq -se "$1" "$W/events" >/dev/null || fail "$2: $(tail -n 1 "$W/events")"
}

test_done() {
	told_world 2
	syncup run "$W/fleet.yaml"
	expect_code 0 "run"
	expect_events "started done"
	event_is 'all(.[]; .schema == 1 and .fleet == "test" and .run != "" and .host != "" and
		.at > 1700000000000 and (.status | test("^syncup status /")))' "what all have"
	event_is '(map(.id) | unique | length) == 2' "ids"
	event_is '.[0].exit == null and .[0].next == "" and
		all(.[0].processes[]; .before == "1.12.0" and .now == "1.12.0")' "started"
	event_is '.[1].exit == 0 and .[1].next == "" and (.[1].processes | length) == 2 and
		(.[1].summary | test("^2 of 2 processes on 1.13.0")) and
		all(.[1].processes[]; .now == "1.13.0" and .state == "RUNNING")' "done"
	# A tick that finds nothing to do is no event.
	for words in --scheduled --unfinished; do
		syncup run $words "$W/fleet.yaml"
		expect_code 0 "the next tick"
	done
	expect_events "started done"
}

test_turned_back() {
	told_world 1
	behave shard0 '{"never_pauses": 1}'
	edit_fleet 's/pause: 20/pause: 2/'
	syncup run --scheduled "$W/fleet.yaml"
	expect_code 9 "run"
	syncup run --scheduled "$W/fleet.yaml"
	expect_code 9 "the next tick"
	expect_events "started turned-back"
	event_is '.[1].exit == 9 and (.[1].next | test("^syncup run --retry /.*fleet.yaml ")) and
		(.[1].summary | test("pause shard0: not there after 2 s"))' "turned-back"
	behave shard0 '{}'
	edit_fleet 's/pause: 2,/pause: 20,/'
	syncup run --retry "$W/fleet.yaml"
	expect_code 0 "run --retry"
	expect_events "started turned-back started done"
}

# A lane that stops at the same place again was told; after a person's word it
# is news.
test_needs_person() {
	ON_FAILURE=stop told_world 1
	behave shard0 '{"never_pauses": 1}'
	edit_fleet 's/pause: 20/pause: 2/'
	for _ in 1 2; do
		syncup run "$W/fleet.yaml"
		expect_code 6 "run"
	done
	expect_events "started needs-person"
	event_is '.[1].exit == 6 and (.[1].next | test("^syncup run /.*fleet.yaml   to go on, or syncup rollback ")) and
		(.[1].summary | test("^lane test stops: "))' "needs-person"
	# Who is told may be mended in the middle of a run.
	edit_fleet "s|^notify: .*|notify: [\"$W/tell\", $W, more]|"
	behave shard0 '{}'
	syncup run "$W/fleet.yaml"
	expect_code 0 "run"
	expect_events "started needs-person done"
}

# The supervisor dies while it tells the start, and again while it tells the
# end: each is told again, with the same id.
test_killed() {
	told_world 1
	# shellcheck disable=SC2016 # the command's own
	echo 'kill -KILL $PPID; sleep 10' | tee "$W/first.started" >"$W/first.done"
	syncup run "$W/fleet.yaml"
	expect_code 137 "while it told the start"
	syncup run "$W/fleet.yaml"
	expect_code 137 "while it told the end"
	expect_upgraded
	syncup run "$W/fleet.yaml"
	expect_code 0 "a run that has ended"
	said 'nothing to do$'
	expect_events "started started done done"
	event_is '.[0].id == .[1].id and .[2].id == .[3].id and .[0].run == .[3].run' "other ids"
}

test_it_fails() {
	told_world 1
	printf 'echo something; echo no such channel >&2; exit 3\n' | tee "$W/first.started" >"$W/first.done"
	syncup run "$W/fleet.yaml"
	expect_code 0 "run"
	expect_upgraded
	expect_events "started done"
	[ "$(grep -c "^syncup: notify: $W/tell: exit 3: no such channel$" "$W/out.syncup.err")" = 2 ] || fail "it does not warn"
	edit_fleet "s|^notify: .*|notify: [$W/not-there]|"
	edit_fleet 's/^version: .*/version: 1.12.0/'
	syncup run "$W/fleet.yaml"
	said "^syncup: notify: $W/not-there: .*No such file"
}

# One that never ends does not hold the run up, and has half a minute.
test_it_hangs() {
	local begun=$SECONDS
	told_world 1
	echo 'exec sleep 300' >"$W/first.started"
	run_behind
	until_true 25 grep -qs '"kind":"end"' "$(journal)" || fail "the run waits for it"
	expect_upgraded
	expect_end 0 "run"
	[ $((SECONDS - begun)) -lt 60 ] || fail "it had more than its time"
	grep -q "^syncup: notify: $W/tell: it had not ended after 30 s" "$W/out.run.err" || fail "it does not warn"
	expect_events "started done"
}

# Refused with nobody there to read it: once for the same reason.
test_refused() {
	told_world 1
	edit_fleet 's/^version: .*/version: 1.11.0/'
	for _ in 1 2; do
		syncup run --scheduled "$W/fleet.yaml"
		expect_code 3 "the wrong version"
	done
	expect_events "needs-person"
	event_is '.[0].exit == 3 and .[0].run == "" and (.[0].summary | test("^refused: ")) and
		(.[0].next | test("^syncup plan /"))' "refused"
	good_fleet
	syncup run --scheduled "$W/fleet.yaml"
	expect_code 0 "mended"
	expect_events "needs-person started done"
}

scenario "a command that hangs" test_it_hangs
scenario "done" test_done
scenario "turned back" test_turned_back
scenario "needs a person" test_needs_person
scenario "killed while it tells" test_killed
scenario "a command that fails" test_it_fails
scenario "refused" test_refused
scenarios_end
