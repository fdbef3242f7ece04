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

# What systemd gave up is told by what it starts then (MONITOR_*); what the
# supervisor told itself is not told twice.
gave_up() { # RESULT CODE STATUS [INVOCATION]
	CODE=0
	MONITOR_UNIT=syncup@test.service MONITOR_SERVICE_RESULT=$1 MONITOR_EXIT_CODE=$2 MONITOR_EXIT_STATUS=$3 \
		MONITOR_INVOCATION_ID=${4:-a1} "$SYNCUP" failed "$W/fleet.yaml" >"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null || CODE=$?
	expect_code 0 "failed"
}
told_failed() { # COUNT: and the start, by whoever came to tell it first
	[ "$(jq -r .event "$W/events" | grep -c '^failed$')" = "$1" ] || fail "told: $(events)"
}
test_failed() {
	local status
	told_world 2
	gave_up signal killed KILL a0
	expect_events "failed"
	event_is '.[0].run == "" and .[0].processes == []' "without a run"
	: >"$W/events"
	die_at "before stop"
	for status in 3 4 5 6 7 8 9; do
		gave_up exit-code exited $status
		expect_silence "exit $status"
	done
	told_failed 0
	gave_up signal killed KILL
	gave_up signal killed KILL
	grep -qE '^syncup: syncup@test.service has failed and is not started again: signal KILL; 0 of 2 ' \
		"$W/out.syncup.err" || fail "it does not say so"
	told_failed 1
	event_is '.[-1].exit == null and (.[-1].id | test("/failed/a1$")) and .[-1].run == .[0].run and
		(.[-1].summary | test("^syncup@test.service has failed .*; lane test: stopping ")) and
		(.[-1].next | test("^journalctl -eu syncup@test.service .*systemctl start syncup@test.service$")) and
		all(.[-1].processes[]; .paused)' "failed"
	# Another time, and a bug that nothing was told of.
	gave_up watchdog killed ABRT a2
	gave_up exit-code exited 1 a3
	told_failed 3
	# Somebody is at it.
	behave shard0 '{"stop_ms": 15000}'
	run_behind
	until_true 10 grep -qs '"kind":"resumed"' "$(journal)" || fail "it does not go on"
	gave_up signal killed KILL a4
	expect_silence "while another works"
	kill -TERM "$RUN"
	expect_end 8 "the other"
	told_failed 3
}

scenario "a supervisor that is given up" test_failed
scenario "a command that hangs" test_it_hangs
scenario "done" test_done
scenario "turned back" test_turned_back
scenario "needs a person" test_needs_person
scenario "killed while it tells" test_killed
scenario "a command that fails" test_it_fails
scenario "refused" test_refused
scenarios_end
