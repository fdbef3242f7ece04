#!/usr/bin/env bash
# Supervisors on two machines want the same processes: the claims that the first
# one left on their hosts keep the second one away, also while nobody reaches
# the first one.
SCENARIOS=(meet both_at_once)
. "$(dirname "$0")/world.sh"

rivals() { # ops and host1 have the same fleet file
	local name
	system_world ops host1 host2 host3
	lane shop host2 host3
	start_all
	fleet
	person host1 sh -c "cat >$FLEET" <"$W/fleet.yaml"
	slow 2000
	remember host2 host3
}
rival() { # VERB: syncup on host1
	OPS=host1 syncup "$1"
}
kept_away() {
	rival run
	expect_code 4 "$1"
	said 'ops'
}

meet() {
	rivals
	syncup_begin run
	wait_journal intent pause
	kept_away "a second supervisor"
	cut_link ops
	kept_away "a second supervisor, with the first one's link cut"
	heal_link ops
	syncup_ended
	expect_code 0 "the first supervisor"
	rival run
	expect_code 0 "the second supervisor afterwards"
	said 'nothing to do'
	expect_upgraded_once
	expect_no_trace host2 host3
	expect_whole_lanes
}

# Whoever is first, each process is touched once.
both_at_once() {
	local first=0 second=0 pid
	rivals
	OPS=host1 syncup_begin run
	pid=$SUPERVISOR
	mv "$W/out.syncup.err" "$W/out.rival.err" 2>/dev/null || true
	syncup run
	first=$CODE
	{ wait "$pid" || second=$?; } 2>/dev/null
	case $first.$second in
	0.4 | 4.0 | 0.3 | 3.0) ;;
	0.0) ;; # the other one found it done
	*) fail "they ended with $first and $second" ;;
	esac
	expect_upgraded_once
	expect_no_trace host2 host3
	expect_whole_lanes
}

"$@"
