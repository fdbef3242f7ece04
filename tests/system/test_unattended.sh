#!/usr/bin/env bash
# Nobody types anything: the units that come with syncup begin a run by their
# timer and finish it at boot, as the user of the sync processes.
SCENARIOS=(continues continues_elsewhere timer turned_back given_up)
WHO=mongosync
. "$(dirname "$0")/world.sh"

# A world whose fleet is known to the units: what differs is in a drop-in, as
# deploy/systemd/syncup@.service says.
unattended() { # HOST...
	local name
	system_world "$@"
	lane shop "${2:-$1}" "${3:-$1}"
	for name in "${NAMES[@]}"; do
		manager "$name" enable --quiet "${UNIT_OF[$name]}"
	done
	start_all
	fleet
	slow 1500
	# shellcheck disable=SC2016 # the host's own
	on ops sh -c 'cd /etc/systemd/system && mkdir syncup@.service.d && cat >syncup@.service.d/local.conf
		for u in continue failed continue-failed; do
			mkdir syncup-$u@.service.d && ln -s ../syncup@.service.d/local.conf syncup-$u@.service.d/
		done
		systemctl daemon-reload' <<-END
		[Service]
		User=mongosync
		Group=mongosync
		ReadWritePaths=$WORLDS
		SystemCallFilter=ptrace
		Environment=SYNCUP_HELPER=$SYNCUP_HELPER ASAN_OPTIONS=detect_leaks=0
		RestartSec=1s
		[Unit]
		StartLimitIntervalSec=0
	END
	on ops systemctl enable --quiet syncup-continue@test.service
}
journal_says() { grep -qE "$1" "$(journal_of_run)" 2>/dev/null; }
ends_as() { # OUTCOME
	until_true 90 journal_says "\"kind\":\"end\"" || fail "the run does not end: $(last_words)"
	person ops $SYNCUP status --json $FLEET | jq -e --arg outcome "$1" 'all(.lanes[]; .outcome == $outcome)' >/dev/null ||
		fail "it did not end as $1: $(last_words)"
}
last_words() { on ops journalctl -q -n 40 -o short-precise -u 'syncup*' 2>&1; }
is_over() { [ "$(on ops systemctl show -P ActiveState "$1")" = inactive ] || [ "$(on ops systemctl show -P ActiveState "$1")" = failed ]; }
code_of() { on ops systemctl show -P ExecMainStatus "$1"; }

# The power fails at one stage, and at another of the run that was continued.
continues() { # [HOST...]
	local step
	unattended ops "$@"
	on ops systemctl start --no-block syncup@test.service
	for step in pause stop start resume; do
		wait_journal intent $step
		power_cut ops
		boot ops
	done
	ends_as reached
	expect_running "$TO" "${NAMES[@]}"
	expect_effects 0 '.event == "panic" or .event == "crash"'
	expect_effects 1 '.event == "migrated"'
	count upgrades ${#NAMES[@]}
	expect_whole_lanes
	until_true 20 is_over syncup-continue@test.service || fail "it works on"
	[ "$(code_of syncup-continue@test.service)" = 0 ] || fail "the continuation failed: $(last_words)"
}

continues_elsewhere() { continues host1 host2; }

told_fleet() { # whose events are in $W/told
	on ops sh -c 'cat >/usr/local/bin/tell; chmod 755 /usr/local/bin/tell' <<-END
		#!/bin/sh
		cat >>$W/told
	END
	fleet 'notify: [/usr/local/bin/tell]'
}

each_second() { # the timer of the fleet
	on ops sh -c 'mkdir /etc/systemd/system/syncup@test.timer.d && cat >/etc/systemd/system/syncup@test.timer.d/time.conf
		systemctl daemon-reload; systemctl enable --quiet --now syncup@test.timer' <<-'END'
		[Timer]
		OnCalendar=
		OnCalendar=*-*-* *:*:0/2
		AccuracySec=100ms
	END
}
ticks() { on ops journalctl -q -o cat -u syncup@test.service | grep -c '^Starting '; }
has_ticked() { [ "$(ticks)" -ge "$1" ]; }

# A tick begins it, the power fails, and what comes at boot finishes it.  All ticks
# after that find nothing to do.
timer() {
	unattended ops
	each_second
	wait_journal intent start
	power_cut ops
	boot ops
	ends_as reached
	expect_running "$TO" "${NAMES[@]}"
	count upgrades ${#NAMES[@]}
	until_true 30 has_ticked $(($(ticks) + 2)) || fail "the timer does not tick: $(last_words)"
	expect_effects 2 ".event == \"signal\" and .version == \"$FROM\""
	[ "$(code_of syncup@test.service)" = 0 ] || fail "a tick failed: $(last_words)"
	expect_whole_lanes
}

# What turned back is not tried again by the next tick, nor told once more.
turned_back() {
	unattended ops
	TO=1.18.0
	told_fleet
	each_second
	ends_as turned-back
	expect_back
	until_true 30 has_ticked $(($(ticks) + 2)) || fail "the timer does not tick: $(last_words)"
	expect_effects 2 '.event == "paused"'
	expect_effects 2 '.event == "resumed"'
	until_true 10 is_over syncup@test.service
	[ "$(code_of syncup@test.service)" = 9 ] || fail "a tick ended with $(code_of syncup@test.service): $(last_words)"
	until_true 20 is_over syncup-failed@test.service || fail "it tells for ever"
	[ "$(jq -r .event "$W/told" | paste -sd' ')" = "started turned-back" ] || fail "told: $(cat "$W/told")"
	expect_whole_lanes
}

# A supervisor that dies each time: systemd gives it up, and the operator is told
# once; not when he stops it.
given_up() {
	local unit=syncup@test.service dropins=/etc/systemd/system
	unattended ops
	told_fleet
	slow 3000
	on ops sh -c "printf '[Unit]\nStartLimitIntervalSec=1h\n' >$dropins/syncup@.service.d/patience.conf; systemctl daemon-reload"
	on ops systemctl start --no-block $unit
	wait_journal intent pause
	on ops systemctl stop $unit
	until_true 20 is_over syncup-failed@test.service || fail "it tells for ever"
	on ops systemctl start --no-block $unit
	until_true 10 is_starting $unit || fail "it is not started: $(last_words)"
	until_true 60 killed_for_good $unit || fail "it is started for ever: $(last_words)"
	until_true 30 has_told failed || fail "nobody is told: $(last_words)"
	until_true 20 is_over syncup-failed@test.service || fail "it tells for ever"
	[ "$(on ops systemctl show -P Result syncup-failed@test.service)" = success ] || fail "it failed: $(last_words)"
	jq -se 'map(select(.event == "failed")) | length == 1 and (.[0].summary |
		test("^syncup@test.service has failed and is not started again: signal KILL; 0 of 2 ")) and
		(.[0].processes | length) == 2 and .[0].run != ""' "$W/told" >/dev/null || fail "told: $(cat "$W/told")"
	on ops journalctl --update-catalog
	on ops journalctl -q -x SYNCUP_FLEET=test | grep 'Subject: The supervisor of fleet test is not started again' >/dev/null ||
		fail "the catalog does not explain it: $(last_words)"
	# As it says: the run was not lost.
	on ops systemctl reset-failed $unit
	on ops systemctl start $unit
	ends_as reached
	expect_running "$TO" "${NAMES[@]}"
	count upgrades ${#NAMES[@]}
	until_true 20 is_over $unit || fail "it works on"
	expect_whole_lanes
}
is_starting() { [ "$(on ops systemctl show -P ActiveState "$1")" != failed ]; }
killed_for_good() {
	local pid
	[ "$(on ops systemctl show -P ActiveState "$1")" != failed ] || return 0
	pid=$(on ops systemctl show -P MainPID "$1")
	[ "$pid" = 0 ] || on ops kill -KILL "$pid" 2>/dev/null
	return 1
}
has_told() { jq -se --arg event "$1" 'any(.[]; .event == $event)' "$W/told" >/dev/null 2>&1; }

"$@"
