#!/usr/bin/env bash
# A host loses its power when the run begins a stage there, or is rebooted in
# order, and comes up again with all units that are enabled: the run goes on by
# itself and ends well, whatever became of what was under way.
#
# That is promised for a host that is back within the patience of the stage, and
# each of these is longer than any machine takes to boot it.  Not for longer: who
# is out of patience halts or turns back (test_cut.sh, outlasts).
TIMEOUTS='reach: 400, pause: 400, stop: 400, start: 400, resume: 400, movement: 10, idle: 3, pause_quiet: 1, start_quiet: 1, resume_quiet: 1'
STAGES=(claim deliver pause hold stop activate start resume settle release)
REBOOTS=(deliver stop start)
SCENARIOS=("${STAGES[@]}" "${REBOOTS[@]/#/in_order_}")
AT_ONCE=${AT_ONCE:-3} # they mostly wait
. "$(dirname "$0")/world.sh"

two_hosts() {
	local name
	system_world ops host1 host2
	lane shop host1 host2
	for name in "${NAMES[@]}"; do manager "$name" enable --quiet "${UNIT_OF[$name]}"; done
	start_all
	fleet
	slow
	remember host1 host2
}

finished() { # WHAT
	syncup_ended
	expect_code 0 "$1"
	expect_running "$TO" "${NAMES[@]}"
	expect_effects 0 '.event == "panic" or .event == "crash"'
	expect_effects 1 '.event == "migrated"'
	count upgrades ${#NAMES[@]}
	expect_no_trace host1 host2
	expect_whole_lanes
}

at() { # STAGE
	two_hosts
	syncup_begin run
	wait_journal intent "$1"
	power_cut host2
	boot host2
	finished "a power cut at $1"
}

in_order() { # STAGE: all units are stopped by the host itself
	two_hosts
	syncup_begin run
	wait_journal intent "$1"
	reboot host2
	finished "a reboot at $1"
}

case $1 in
in_order_*) in_order "${1#in_order_}" ;;
*) at "$1" ;;
esac
