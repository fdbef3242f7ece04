#!/usr/bin/env bash
# The link to one host is cut when the run begins each of its stages there, and
# healed: nobody acts on what cannot be seen, and the run goes on by itself.
#
# preflight, verify and watch only look, so that no INTENT tells of them: there it
# is cut when the stage before is done.  What verify looks at is the destination,
# which no host has; so the next to miss the host is resume.
STAGES=(claim deliver pause hold stop save activate start resume settle release)
declare -A BEFORE=([preflight]=claim [verify]=start [watch]=resume)
SCENARIOS=("${STAGES[@]}" "${!BEFORE[@]}" adopt revive silent outlasts)
AT_ONCE=${AT_ONCE:-3} # they mostly wait
. "$(dirname "$0")/world.sh"
CUT_S=3 # so long it is cut

two_hosts() {
	system_world ops host1 host2
	lane shop host1 host2
	start_all
	fleet
	slow
	remember host1 host2
}

finished() {
	expect_upgraded_once
	expect_no_trace host1 host2
	expect_whole_lanes
}

# The connection is dead when the link is healed: it is made again.
at() { # STAGE
	two_hosts
	syncup_begin run
	wait_journal intent "$1"
	cut_for_a_while "$1"
	finished
}

after() { # STAGE, all of which is done
	local name
	two_hosts
	syncup_begin run
	for name in "${NAMES[@]}"; do wait_journal "done" "$1" "$name"; done
	cut_for_a_while "$2"
	finished
}

cut_for_a_while() { # STAGE
	break_link host2
	sleep $CUT_S
	heal_link host2
	syncup_ended
	expect_code 0 "with the link cut at $1"
}

# Both run from a plain file, which becomes a version and a link to it.
adopt() {
	local host
	PLAIN=/opt/plain/mongosync
	at adopt
	for host in host1 host2; do
		[ "$(on "$host" readlink $PLAIN)" = "$ROOT/versions/$TO/bin/mongosync" ] || fail "nothing was adopted on $host"
		[ -x "$(disk_of "$host" "$ROOT/versions/$FROM/bin/mongosync")" ] || fail "what ran before is not kept on $host"
	done
}

# One that ends by itself when the run has begun is started again.
revive() {
	two_hosts
	syncup_begin run
	wait_journal intent deliver
	manager shop1 kill --signal=KILL "${UNIT_OF[shop1]}"
	wait_journal intent revive shop1
	cut_for_a_while revive
	finished
}

# Nobody tells that the connection is dead: it has to be noticed.
silent() {
	two_hosts
	syncup_begin run
	wait_journal intent stop
	cut_link host2
	sleep 30
	heal_link host2
	syncup_ended
	expect_code 0 "with the link cut for half a minute"
	finished
}

# It stays cut for longer than anybody waits.  When it is healed, the same command
# brings both to the same version.
outlasts() {
	TIMEOUTS='reach: 10, api: 5, pause: 10, stop: 10, start: 10, resume: 10, movement: 10, idle: 3, pause_quiet: 1, start_quiet: 1, resume_quiet: 1'
	two_hosts
	syncup_begin run
	wait_journal intent stop
	cut_link host2
	syncup_ended
	[ "$CODE" = 6 ] || [ "$CODE" = 7 ] || [ "$CODE" = 9 ] || fail "exit $CODE with a host that stays away"
	said 'host2'
	heal_link host2
	syncup run
	case $CODE in
	0) finished ;;
	9) # host1's process was not left alone
		expect_back
		expect_whole_lanes
		;;
	*) fail "exit $CODE with the link healed" ;;
	esac
}

case $1 in
adopt | revive | silent | outlasts) "$1" ;;
preflight | verify | watch) after "${BEFORE[$1]}" "$1" ;;
*) at "$1" ;;
esac
