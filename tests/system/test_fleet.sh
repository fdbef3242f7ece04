#!/usr/bin/env bash
# Sync processes on three hosts, upgraded from a fourth one over ssh: nothing is
# installed there but the new version, and nothing else is left.
SCENARIOS=(six servers their_user jump mixed)
# What is installed gives /var/lib/syncup to another user.
[ "${1:-}" != their_user ] || WHO=mongosync STATE=/var/lib/mongosync/state
. "$(dirname "$0")/world.sh"

begin() { # HOST...: what has to be whole in the end
	start_all
	fleet
	remember "$@"
}

upgraded() { # HOST...
	syncup plan
	expect_code 0 "plan"
	syncup run
	expect_code 0 "run"
	expect_upgraded_once
	expect_no_trace "$@"
	expect_whole_lanes
	syncup run
	expect_code 0 "a second run"
	said 'nothing to do'
	expect_effects ${#NAMES[@]} '.event == "signal"'
}

# Two migrations, each with a process on each host.
six() {
	local host
	system_world ops host1 host2 host3
	lane north host1 host2 host3
	lane south host1 host2 host3
	begin host1 host2 host3
	slow
	syncup plan
	expect_code 0 "plan"
	for host in host1 host2 host3; do said "$host"; done
	expect_no_trace host1 host2 host3
	syncup_begin run
	wait_journal intent pause
	for host in host1 host2 host3; do
		[ "$(claims_on $host | wc -l)" -ge 2 ] || fail "there is no claim on $host"
		claims_on $host | xargs grep -q '"ops"' || fail "a claim on $host does not name ops"
	done
	syncup_ended
	expect_code 0 "run"
	expect_upgraded_once
	expect_no_trace host1 host2 host3
	expect_whole_lanes
	syncup run
	expect_code 0 "a second run"
	said 'nothing to do'
	expect_effects 6 '.event == "signal"'
}

# Real servers, a writer, a copy that is not at its end, and a password that must
# be nowhere but in the processes' own files.
servers() {
	needs_database
	system_world ops host1 host2 host3
	database_lane shop host1 host2 host3
	fleet
	remember host1 host2 host3
	syncup run
	expect_code 0 "run"
	expect_upgraded_once
	expect_no_trace host1 host2 host3
	expect_equal "$TO"
}

# Without root anywhere: as the user of the processes, who may manage their units.
their_user() {
	system_world ops host1 host2
	lane shop host1 host2
	begin host1 host2
	upgraded host1 host2
}

# host2 is reached through host1 only.
jump() {
	system_world ops host1 host2
	apart ops host2
	! on ops ssh -oConnectTimeout=1 host2 true 2>/dev/null || fail "host2 is reached: this proves nothing"
	on ops sh -c 'printf "Host host2\n\tProxyJump host1\n" | cat - /root/.ssh/config >/root/.ssh/new && mv /root/.ssh/new /root/.ssh/config' ||
		fail "no ssh_config"
	expect host2 on ops ssh host2 uname -n
	lane shop host1 host2
	begin host1 host2
	upgraded host1 host2
}

# One process here, one there.
mixed() {
	system_world ops host1
	lane shop ops host1
	begin host1
	upgraded host1
}

"$@"
