#!/usr/bin/env bash
# syncup under a real systemd: handed over with --detach, killed by its watchdog,
# what the system's journal and the operator's command are told.
SCENARIOS=(detached detached_by_a_person not_detached retried_once watchdog journal journal_hangs stopped)
case ${1:-} in
detached_by_a_person) WHO=alice ;;
watchdog | journal | journal_hangs | stopped) WHO=mongosync ;; # who has the rights that the unit gives
esac
. "$(dirname "$0")/world.sh"

DETACHED=syncup-run-test.service

service_world() { # lines of the fleet file
	system_world ops
	lane shop ops ops
	start_all
	fleet "$@"
}
slow() {
	local name
	for name in "${NAMES[@]}"; do
		behave "$name" '{"pause_ms": 1500, "stop_ms": 1500, "silence_ms": 1500, "resume_ms": 1500}'
	done
}
# the_unit LINES...: a drop-in, as deploy/systemd/syncup@.service says
the_unit() {
	printf '%s\n' '[Service]' User=mongosync Group=mongosync "ReadWritePaths=$WORLDS" SystemCallFilter=ptrace \
		"Environment=SYNCUP_HELPER=$SYNCUP_HELPER ASAN_OPTIONS=detect_leaks=0" RestartSec=1s "$@" |
		on ops sh -c 'mkdir -p /etc/systemd/system/syncup@.service.d &&
			cat >/etc/systemd/system/syncup@.service.d/local.conf && systemctl daemon-reload'
}
manager_of_who() { # systemctl of who types
	if [ "$WHO" = alice ]; then person ops systemctl --user "$@"; else on ops systemctl "$@"; fi
}
begin() { on ops systemctl start syncup@test.service || fail "it does not start: $(on ops journalctl -q -n 40)"; }
unit_is() { [ "$(manager_of_who show -P ActiveState "$1")" = "$2" ]; }
has_ended_as() { jq -se --arg how "$1" 'any(.[]; .kind == "end" and .outcome == $how)' <(cut -d' ' -f2- "$(journal_of_run)") >/dev/null 2>&1; }
ends_as() { until_true 90 has_ended_as "$1" || fail "it did not end as $1: $(on ops journalctl -q -n 40)"; }

# The caller is let go as soon as the run has begun; it goes on without him.
detached() {
	service_world
	slow
	syncup run --detach
	expect_code 0 "run --detach"
	said "^syncup: handed over to $DETACHED: 0 of 2 processes on 1.13.0"
	said "^To follow it: journalctl -fu $DETACHED   or: syncup status $FLEET\$"
	! has_ended_as reached || fail "it waited for the end"
	unit_is $DETACHED active || fail "the unit does not work"
	syncup run --detach
	expect_code 4 "a second one"
	said "$DETACHED works on fleet test already"
	ends_as reached
	expect_upgraded_once
	until_true 20 unit_is $DETACHED inactive || fail "the unit does not end"
	syncup run --detach --scheduled
	expect_code 0 "nothing to do"
	said "^syncup: handed over to $DETACHED: nothing to do$"
	# A name that systemd would take for a variable.
	on ops mv $FLEET '/etc/syncup/a${HOME}$$.yaml'
	FLEET='/etc/syncup/a${HOME}$$.yaml' syncup run --detach --scheduled
	expect_code 0 "a fleet file with a dollar"
	said "^syncup: handed over to $DETACHED: nothing to do$"
}

# By her own manager, which has to stay when she logs out.
detached_by_a_person() {
	service_world
	slow
	syncup run --detach
	expect_code 0 "run --detach"
	said "journalctl --user -fu $DETACHED"
	ends_as reached
	expect_upgraded_once
	until_true 20 unit_is $DETACHED inactive || fail "the unit does not end"
	on ops systemctl start user@871.service
	on ops loginctl disable-linger alice
	if person ops systemctl --user is-system-running >/dev/null 2>&1; then
		syncup run --detach
		expect_code 3 "without lingering"
		said 'lingering is off for you; type: loginctl enable-linger'
	fi
	on ops systemctl stop user@871.service
	syncup run --detach
	expect_code 3 "without a manager"
	said 'there is no service manager of yours'
}

# A run that fails at once does so here, with its own code and words; what is
# secret is not handed over.
not_detached() {
	service_world
	on ops sed -i 's/^version: .*/version: 1.11.0/' $FLEET
	syncup run --detach
	expect_code 3 "a version that is refused"
	said "^syncup: $DETACHED ended at once with exit 3$"
	said '^  refusal  version'
	fleet
	CODE=0
	on ops env https_proxy="http://me:$SECRET@proxy:3128" "$SYNCUP" run --detach $FLEET >"$W/out.syncup" 2>&1 || CODE=$?
	expect_code 3 "a password in the environment"
	said '^syncup: --detach: https_proxy holds a password'
	! has_ended_as reached || fail "it ran"
}

# The supervisor of a retried run dies when that has turned back, too: systemd
# starts it again, and it leaves the sync alone.
retried_once() {
	service_world
	TO=1.18.0
	fleet
	syncup run
	expect_code 9 "the first run"
	on ops sh -c 'cat >/usr/local/bin/tell; chmod 755 /usr/local/bin/tell' <<-END
		#!/bin/sh
		grep -q '"event": *"turned-back"' && mkdir $W/once && kill -KILL \$PPID
	END
	fleet 'notify: [/usr/local/bin/tell]'
	syncup run --detach --retry
	expect_code 0 "run --detach --retry"
	until_true 60 test -d "$W/once" || fail "it does not turn back: $(on ops journalctl -q -n 40)"
	until_true 60 has_started_again || fail "systemd does not start it again: $(on ops journalctl -q -n 40)"
	until_true 20 unit_is $DETACHED failed || fail "the unit does not end"
	[ "$(on ops systemctl show -P ExecMainStatus $DETACHED)" = 9 ] || fail "not exit 9: $(on ops journalctl -q -n 40)"
	expect_effects 4 '.event == "paused"'
	expect_effects 4 '.event == "resumed"'
}
has_started_again() { [ "$(on ops systemctl show -P NRestarts $DETACHED)" = 1 ] && ! unit_is $DETACHED activating; }

# A supervisor that hangs is killed and started again, and finishes.
watchdog() {
	local pid
	service_world
	slow
	the_unit WatchdogSec=8s TimeoutAbortSec=1s
	begin
	wait_journal intent stop
	pid=$(on ops systemctl show -P MainPID syncup@test.service)
	on ops kill -STOP "$pid"
	ends_as reached
	on ops journalctl -q -u syncup@test.service | grep 'Watchdog timeout' >/dev/null ||
		fail "it was not the watchdog: $(on ops journalctl -q -u syncup@test.service)"
	[ "$(on ops journalctl -q -o cat -u syncup@test.service | grep -c '^run .* is taken up again$')" = 1 ] ||
		fail "not started again once: $(on ops journalctl -q -u syncup@test.service)"
	expect_upgraded_once
}

# What an operator searches the journal for, and reads there; and the command.
journal() {
	local status
	service_world 'notify: [/usr/local/bin/tell]'
	on ops sh -c 'cat >/usr/local/bin/tell; chmod 755 /usr/local/bin/tell' <<-END
		#!/bin/sh
		cat >>$W/told
	END
	on ops journalctl --update-catalog
	slow
	the_unit
	begin
	wait_journal intent stop
	status=$(on ops systemctl show -P StatusText syncup@test.service)
	[[ $status == "0 of 2 processes on 1.13.0; lane shop: stopping shop"*", turn back by "* ]] || fail "status: $status"
	ends_as reached
	until_true 20 unit_is syncup@test.service inactive || fail "the unit does not end"
	on ops journalctl -q -o json SYNCUP_FLEET=test >"$W/events"
	jq -se --arg run "$(run_of_it)" 'map(.SYNCUP_RUN) | unique == [$run]' "$W/events" >/dev/null || fail "not this run: $(cat "$W/events")"
	jq -se 'length == 2 and all(.[]; .MESSAGE_ID and ._SYSTEMD_UNIT == "syncup@test.service" and .PRIORITY == "5") and
		.[0].MESSAGE != .[1].MESSAGE and .[1].SYNCUP_EXIT == "0"' "$W/events" >/dev/null || fail "not begun and done: $(cat "$W/events")"
	on ops journalctl -q -x SYNCUP_FLEET=test | grep 'Subject: Fleet test is upgraded' >/dev/null || fail "the catalog does not explain it"
	# Preflight's, and no others.
	! on ops journalctl -q -o cat -p warning -u syncup@test.service | grep -v '^warning  ' || fail "warnings"
	# Each line once, without the time that the journal has anyhow.
	[ "$(on ops journalctl -q -o cat -u syncup@test.service | grep -c '^stopping shop0$')" = 1 ] || fail "not each line once"
	[ "$(jq -r .event "$W/told" | paste -sd' ')" = "started done" ] || fail "told: $(cat "$W/told")"
	jq -se 'all(.[]; .host == "ops" and (.status | test("/etc/syncup/test.yaml$")))' "$W/told" >/dev/null || fail "what it was told"
}
run_of_it() { person ops "$SYNCUP" status --json $FLEET | jq -r .run; }

# A journal that takes nothing any more, and whose queue is full, holds nothing
# up: what could not be an event is a line, and is there when it works again.
journal_hangs() {
	local journald
	service_world
	slow
	the_unit
	begin
	wait_journal intent pause
	journald=$(on ops systemctl show -P MainPID systemd-journald.service)
	on ops kill -STOP "$journald"
	# shellcheck disable=SC2016 # the host's own
	on ops sh -c 'while echo MESSAGE=more | timeout 1 logger --journald; do :; done'
	until_true 60 unit_is syncup@test.service inactive || fail "it waits for the journal"
	has_ended_as reached || fail "it did not reach its end"
	on ops kill -CONT "$journald"
	until_true 20 journal_tells 'end reached' || fail "the end was not told: $(on ops journalctl -q -n 40)"
	expect_upgraded_once
}
journal_tells() { on ops journalctl -q -o cat -u syncup@test.service | grep "$1" >/dev/null; }

# "systemctl stop" ends it at once, resumably, and starts nothing again.
stopped() {
	service_world
	slow
	the_unit
	begin
	wait_journal intent stop
	on ops systemctl stop syncup@test.service
	[ "$(on ops systemctl show -P ExecMainStatus syncup@test.service)" = 8 ] || fail "not exit 8"
	! has_ended_as reached || fail "it ended"
	on ops systemctl reset-failed syncup@test.service
	begin
	ends_as reached
	expect_upgraded_once
}

"$@"
