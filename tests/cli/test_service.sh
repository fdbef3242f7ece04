#!/usr/bin/env bash
# Under a service manager: what it is told, and lines with priorities.
. "$(dirname "$0")/cli.sh"

# with_manager ARGUMENT...: as a service with a watchdog of two seconds
with_manager() {
	python3 "$cli_dir/manager.py" "$W/notify" "$W/told" &
	disown
	until_true 10 test -S "$W/notify" || fail "no socket"
	CODE=0
	(
		export NOTIFY_SOCKET=$W/notify WATCHDOG_USEC=2000000 WATCHDOG_PID=$BASHPID
		printf '%s' "$BASHPID" >"$W/pid"
		exec "$SYNCUP" "$@"
	) >"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null || CODE=$?
}
told() { jq -se "$1" "$W/told" >/dev/null || fail "$2: $(tail -n 5 "$W/told")"; }

test_life() {
	quick_world 3
	behave shard1 '{"noop_ms": 200, "silence_ms": 3000}'
	with_manager run "$W/fleet.yaml"
	expect_code 0 "run"
	expect_upgraded
	told '[.[] | select(.READY)] | length == 1' "not READY once"
	# As soon as it has its plan, before it begins to pause.
	told '.[:3] | any(.[]; .READY == "1")' "READY comes late"
	told 'any(.[]; .STATUS // "" | test("^0 of 3 processes on 1.13.0; lane test: pausing shard"))' "no status of the pause"
	told 'any(.[]; .STATUS // "" | test("lane test: starting shard[0-9].*, turn back by [0-2][0-9]:[0-5][0-9]$"))' "no deadline"
	told '.[-1].STOPPING == "1" and .[-1].STATUS == "3 of 3 processes on 1.13.0; lane test: reached"' "not the end"
	# It never was silent for as long as the watchdog bears.
	told '[.[] | select(.WATCHDOG).at] | length > 2 and . as $at |
		all(range(1; length); $at[.] - $at[. - 1] < 2)' "the watchdog bites"
}

# Nothing to do is a service that was started, too.
test_nothing_to_do() {
	quick_world 1
	with_manager run --unfinished "$W/fleet.yaml"
	expect_code 0 "without a run"
	told 'length == 1 and .[0].READY == "1"' "without a run"
}

# Refused: it never was started.
test_refused() {
	quick_world 1
	edit_fleet 's/^on_failure.*//'
	with_manager run "$W/fleet.yaml"
	expect_code 3 "without on_failure"
	[ ! -s "$W/told" ] || fail "it was READY"
}

test_stopped() {
	quick_world 1
	behave shard0 '{"never_pauses": 1}'
	with_manager run "$W/fleet.yaml" &
	wait_begun pause
	kill -TERM "$(cat "$W/pid")"
	until_true 10 grep -qs STOPPING "$W/told" || fail "it does not say that it stops"
	told 'any(.[]; .STOPPING == "1" and (.STATUS | test("SIGTERM")))' "not why"
	wait
}

# Where standard output and error are read by the journal, each line says how
# important it is; elsewhere none does.
test_priorities() {
	quick_world 1
	behave shard0 '{"never_pauses": 1}'
	edit_fleet 's/pause: 20/pause: 2/'
	: >"$W/out.journal"
	JOURNAL_STREAM=$(stat -c %d:%i "$W/out.journal") syncup_to "$W/out.journal" run "$W/fleet.yaml"
	expect_code 9 "a pause that never comes"
	grep -q '^<6>pausing shard0$' "$W/out.journal" || fail "no line of a step"
	grep -q '^<4>lane test turns back: ' "$W/out.journal" || fail "no warning"
	grep -q '^<5>Type: syncup run --retry ' "$W/out.journal" || fail "no line to type"
	JOURNAL_STREAM=1:1 syncup_to "$W/out.other" run "$W/fleet.yaml"
	expect_code 9 "again"
	! grep -q '^<' "$W/out.other" || fail "priorities where no journal reads"
}
syncup_to() { # file, arguments
	local file=$1
	shift
	CODE=0
	"$SYNCUP" "$@" >>"$file" 2>&1 </dev/null || CODE=$?
}

# Handed over is nothing that has a password, and nothing where there is nobody.
test_not_detached() {
	quick_world 1
	remember
	CODE=0
	https_proxy="http://me:$SECRET@proxy:3128" "$SYNCUP" run --detach "$W/fleet.yaml" \
		>"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null || CODE=$?
	expect_sentence 3 '--detach: https_proxy holds a password' "a password in the environment"
	CODE=0
	DBUS_SYSTEM_BUS_ADDRESS=unix:path=$W/nobody DBUS_SESSION_BUS_ADDRESS=unix:path=$W/nobody \
		"$SYNCUP" run --detach "$W/fleet.yaml" >"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null || CODE=$?
	expect_sentence 3 '--detach: .*(does not answer|no service manager of yours)' "no manager"
	expect_untouched "what was not handed over"
}

for test in test_life test_nothing_to_do test_refused test_stopped test_priorities test_not_detached; do
	($test) || exit 1
done
