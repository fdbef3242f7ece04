#!/usr/bin/env bash
# A host loses its power in the middle and comes up again, with all units that are
# enabled: the run goes on, or the same command finishes it.
TIMEOUTS='pause: 100, stop: 100, start: 100, resume: 40, movement: 10, idle: 3, pause_quiet: 1, start_quiet: 1, resume_quiet: 1'
STAGES=(deliver pause stop start resume)
SCENARIOS=("${STAGES[@]}" in_order)
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
	case $CODE in
	0) ;;
	6 | 7 | 8)
		# There are ends to our patience.
		said 'Type: syncup run'
		syncup run
		expect_code 0 "the same command after $1"
		;;
	*) fail "exit $CODE with $1" ;;
	esac
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

in_order() { # all units are stopped by the host itself
	two_hosts
	syncup_begin run
	wait_journal intent stop
	reboot host2
	finished "a reboot at stop"
}

case $1 in
in_order) in_order ;;
*) at "$1" ;;
esac
