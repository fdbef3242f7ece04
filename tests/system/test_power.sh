#!/usr/bin/env bash
# A host loses its power in the middle and comes up again, with all units that are
# enabled: the run goes on, or the same command finishes it.
STAGES=(deliver pause stop start resume)
SCENARIOS=("${STAGES[@]}" in_order)
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
	6 | 8) # there are ends to our patience
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
