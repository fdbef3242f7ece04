#!/usr/bin/env bash
# Supervisors on two machines want the same processes: the claims that the first
# one left on their hosts keep the second one away, also while nobody reaches
# the first one; and when both begin at once, one of them gets all.
SCENARIOS=(meet both_at_once both_begin)
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

# Each has begun when the other has claimed nothing yet, and they call the hosts by
# names of opposite order: one gets all, the other nothing.
both_begin() {
	local first second host
	rivals
	for host in first:host3 second:host2; do
		printf 'Host %s\n\tHostName %s\n\tIdentityFile ~/.ssh/id_ed25519\n' "${host%:*}" "${ADDRESS[${host#*:}]}" |
			on host1 sh -c 'cat >>~root/.ssh/config'
	done
	on host1 sed -i 's/host: host3/host: first/; s/host: host2/host: second/' $FLEET
	OUT=rival OPS=host1 STALL="before claim" syncup_begin run
	second=$SUPERVISOR
	until_true 60 is_stalled host1 || fail "the second does not begin"
	STALL="answer claim" syncup_begin run
	first=$SUPERVISOR
	until_true 60 is_stalled ops || fail "the first does not claim"
	SUPERVISOR=$second go_on_stalled
	SUPERVISOR=$second syncup_ended
	[ "$CODE" = 4 ] || fail "the second ended with $CODE: $(tail -n 5 "$W/out.rival.err")"
	[ -z "$(claims_on host3)" ] || fail "who is refused has claims"
	SUPERVISOR=$first go_on_stalled
	SUPERVISOR=$first syncup_ended
	expect_code 0 "the first"
	expect_upgraded_once
	expect_no_trace host2 host3
	expect_whole_lanes
}
go_on_stalled() { pkill -CONT -P "$SUPERVISOR"; } # nsenter, which passes it on
is_stalled() { on "$1" pgrep -x --runstates T syncup >/dev/null; } # HOST

"$@"
