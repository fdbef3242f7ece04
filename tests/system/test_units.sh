#!/usr/bin/env bash
# Sync processes that are units of the machine on which syncup works: it asks
# systemd, and systemd does not start anything behind its back.
SCENARIOS=(plain restart_always reboot_under_hold refuses_to_start last_words circles remains user_manager user_manager_elsewhere killed_service)
case ${1:-} in user_manager*) WHO=alice ;; esac
. "$(dirname "$0")/world.sh"

units() { # COUNT LINES...: RUNNING, enabled, with these lines in each
	local count=$1 name hosts
	shift
	system_world ops
	mapfile -t hosts < <(yes ops | head -n "$count")
	lane shop "${hosts[@]}"
	for name in "${NAMES[@]}"; do
		[ $# = 0 ] || unit_says "$name" "$@"
		manager "$name" enable --quiet "${UNIT_OF[$name]}"
	done
	UNIT_FILES=$(unit_files)
	start_all
	fleet
}
unit_files() { (cd "$(disk_of ops '')" && find . -path './etc/systemd/*' -printf '%p %s %l\n' -o -path './home/*systemd/*' -printf '%p %s %l\n' | sort); }

expect_units_alone() { # nobody has edited a unit, and they are active
	local name
	[ "$UNIT_FILES" = "$(unit_files)" ] || fail "units were changed"
	for name in "${NAMES[@]}"; do
		[ "$(manager "$name" is-active "${UNIT_OF[$name]}")" = active ] || fail "${UNIT_OF[$name]} is not active"
		[ "$(manager "$name" show -P MainPID "${UNIT_OF[$name]}")" = "$(pid_in ops "$name")" ] ||
			fail "$name runs beside its unit"
	done
}

# The pid of a process as its host has it.
pid_in() { on "$1" pgrep -fx ".*/mongosync --config $(conf_of "$2")"; }

plain() {
	units 2
	syncup plan
	expect_code 0 "plan"
	syncup run
	expect_code 0 "run"
	expect_upgraded_once
	expect_units_alone
	expect_whole_lanes
	syncup run
	expect_code 0 "a second run"
	said 'nothing to do'
	expect_effects 2 '.event == "signal"'
}

# Without a start limit a unit goes in circles on the hold, for as long as it has to.
restart_always() {
	units 2 Restart=always RestartSec=50ms
	behave shop0 '{"stop_ms": 1500}'
	syncup run
	expect_code 0 "run with Restart=always"
	expect_upgraded_once
	expect_effects 2 ".event == \"started\" and .version == \"$FROM\""
	expect_units_alone
	expect_whole_lanes
}

# The host goes down while the processes are stopped.  It starts its units as it
# comes up, and the hold refuses.
reboot_under_hold() {
	units 2 Restart=always
	die_at "before save"
	reboot ops
	until_true 20 holds shop0 || fail "the unit was not started at boot: this proves nothing"
	expect_effects 0 ".event == \"started\" and .version == \"$TO\""
	expect_effects 2 '.event == "started"'
	syncup run
	expect_code 0 "run after the reboot"
	expect_upgraded_once
	expect_units_alone
	expect_whole_lanes
}
holds() { on ops journalctl -b -q -u "${UNIT_OF[$1]}" | grep -q 'is held by syncup'; }

# The new version ends at once; its last words are in the unit's journal.
refuses_to_start() {
	units 2
	TO=1.18.0
	fleet
	syncup run
	expect_code 9 "a version that refuses"
	said 'Persisted metadata version: 10 is lower'
	expect_back
	expect_effects 2 '.event == "resumed"'
	expect_whole_lanes
}

# What it says to nobody but its unit's journal is told to the operator.
last_words() {
	units 2
	mkdir -p "$W/pack/top/bin"
	cat >"$W/pack/top/bin/mongosync" <<-END
		#!/bin/sh
		[ "\$1" != --version ] || { echo "mongosync version: $TO"; exit; }
		echo "this licence ended yesterday" >&2
		exit 1
	END
	chmod 755 "$W/pack/top/bin/mongosync"
	tar -czf "$W/pack/other.tgz" -C "$W/pack" top
	ARCHIVE=$W/pack/other.tgz fleet
	syncup run
	expect_code 9 "a version without a licence"
	said 'this licence ended yesterday'
	expect_back
	expect_units_alone
	expect_whole_lanes
}

# The same with units that are started again and again: they fail at their limit.
circles() {
	units 2 Restart=always RestartSec=10ms
	TO=1.18.0
	fleet
	syncup run
	expect_code 9 "a version that refuses, in circles"
	said 'Persisted metadata version: 10 is lower'
	expect_back
	expect_units_alone
	expect_whole_lanes
}

# RemainAfterExit=: a unit whose process has ended is active all the same, and to
# start it would do nothing.
remains() {
	units 2 RemainAfterExit=yes
	die_at "before pause"
	on ops pkill -TERM -fx ".*/mongosync --config $(conf_of shop0)"
	until_true 20 eval '[ "$(on ops systemctl show -P SubState "${UNIT_OF[shop0]}")" = exited ]' || fail "it does not end"
	syncup run
	expect_code 0 "run, with a unit that remains"
	expect_upgraded
	expect_units_alone
	expect_whole_lanes
}

# A person's own units, in her user manager, without any right over the system's.
# The host goes down while they are stopped, too.
user_manager() {
	units 2 Restart=always
	behave shop1 '{"stop_ms": 1000}'
	syncup plan
	expect_code 0 "plan by alice"
	die_at "before save"
	reboot ops
	syncup run
	expect_code 0 "run by alice"
	expect_upgraded_once
	expect_units_alone
	expect_whole_lanes
	[ -z "$(on ops find /home/alice/mongosync /home/alice/state ! -user alice)" ] || fail "somebody else did it"
}

# The same on another host; the system's manager there has units of the same name,
# which are nobody's business.
user_manager_elsewhere() {
	local name before
	system_world ops host1
	lane shop host1 host1
	start_all
	for name in "${NAMES[@]}"; do
		printf '[Service]\nExecStart=sleep infinity\n' |
			on host1 sh -c "cat >'/etc/systemd/system/${UNIT_OF[$name]}'; systemctl daemon-reload; systemctl start '${UNIT_OF[$name]}'"
	done
	before=$(lives_on_host1)
	fleet
	syncup run
	expect_code 0 "run by alice, of what is on another host"
	expect_upgraded_once
	expect_whole_lanes
	[ "$(lives_on_host1)" = "$before" ] || fail "a unit of the system was stopped"
}
lives_on_host1() { on host1 systemctl show -P InvocationID -P ActiveState "${UNIT_OF[@]}"; }

# syncup as a service itself, killed with all that is in its cgroup at each stage:
# what it started lives on, and the next start finishes.
killed_service() {
	local step
	units 2
	for name in "${NAMES[@]}"; do behave "$name" '{"pause_ms": 700, "stop_ms": 700, "silence_ms": 700, "resume_ms": 700}'; done
	for step in pause stop start resume; do
		service
		wait_journal intent $step
		on ops systemctl kill --signal KILL upgrade.service
		until_true 10 eval '! on ops systemctl is-active --quiet upgrade.service' || fail "it is not killed"
		on ops systemctl reset-failed upgrade.service 2>/dev/null || true
	done
	service --wait
	expect_upgraded_once
	expect_units_alone
	expect_whole_lanes
}
service() { # [--wait]
	on ops systemd-run --quiet --unit upgrade --setenv SYNCUP_HELPER=$SYNCUP_HELPER "$@" $SYNCUP run $FLEET ||
		fail "the service failed: $(on ops journalctl -u upgrade -n 20)"
}

"$@"
