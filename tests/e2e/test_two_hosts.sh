#!/usr/bin/env bash
# Four processes on two other hosts are one migration: brought there, held,
# stopped and started on both, side by side.  The effects log is the judge.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosts.sh"

upgrade() {
	two_hosts
	syncup plan "$W/fleet.yaml"
	expect_code 0 "a plan for two hosts"
	said 'reach +db1: 2 of the processes'
	said 'reach +db2: 2 of the processes'
	expect_effects 0 '.event == "paused"'
	syncup run "$W/fleet.yaml"
	expect_code 0 "an upgrade on two hosts"
	expect_hosts_upgraded
	syncup run "$W/fleet.yaml"
	expect_code 0 "the same again"
	expect_effects 4 '.event == "paused"'
}

# The new version refuses the metadata: the old one runs again on both hosts.
turned_back() {
	local host
	TO=1.18.0 two_hosts
	syncup run "$W/fleet.yaml"
	expect_code 9 "a version that refuses"
	said 'start shard[0-3]: it ended at once: (fatal: )?Persisted metadata version: 10 is lower'
	expect_back
	expect_no_claims_on db1 db2
	for host in db1 db2; do
		[ ! -L "$W/on/$host/bin/mongosync" ] || fail "the path was not given back on $host"
	done
	expect_effects 4 '.event == "paused"'
	expect_effects 4 '.event == "resumed"'
}

# One that is held on the one host leaves the other untouched.
held_on_one() {
	two_hosts
	mkdir -p "$W/on/db2/root/.syncup/claims"
	printf '%s' '{"run":"other","host":"elsewhere","pid":1,"state_dir":"/s","fleet":"f","since":1,"versions":["1.12.0","1.13.0"]}' \
		>"$W/on/db2/root/.syncup/claims/shard3.json"
	syncup run "$W/fleet.yaml"
	expect_code 4 "another run's claim on db2"
	said 'claim +shard3: it belongs to run other'
	expect_effects 0 '.event == "paused" or .event == "signal"'
	[ ! -e "$W/on/db1/root/.syncup" ] || fail "db1 was touched"
	[ ! -e "$W/on/db1/root/versions" ] || fail "db1 was touched"
}

out_of_reach_at_plan() {
	two_hosts
	out_of_reach db2
	syncup plan "$W/fleet.yaml"
	expect_code 3 "a host out of reach"
	said 'refusal +reach +db2: .*No route to host'
	said 'ssh -o BatchMode=yes db2 true'
	said 'pass +process +shard0'
	syncup run "$W/fleet.yaml"
	expect_code 3 "a run with a host out of reach"
	expect_effects 0 '.event == "paused" or .event == "signal"'
	in_reach db2
	syncup run "$W/fleet.yaml"
	expect_code 0 "in reach again"
	expect_hosts_upgraded
}

# What cannot be reached when the claims are to go is said, and the run goes on;
# those of the other host go.
out_of_reach_at_release() { # host, the other
	two_hosts
	sed -i 's/timeouts: {/&reach: 8, /' "$W/fleet.yaml"
	(until grep -qs 'settling lane' "$W/out.syncup" || grep -qs 'watching' "$W/out.syncup"; do sleep 0.05; done
		out_of_reach "$1") &
	syncup run "$W/fleet.yaml"
	wait
	expect_code 6 "a host out of reach when claims go"
	said "release lane:test: .*$1.*claims are left in"
	expect_no_claims_on "$2"
	in_reach "$1"
	syncup run "$W/fleet.yaml"
	expect_code 0 "in reach again"
	expect_hosts_upgraded
}

# A process here and one there, in one migration.
here_and_there() {
	world light
	hosts_world db1
	IDS=(shard0 shard1)
	instance shard0
	instance_on db1 shard1
	unpack_version $FROM
	unpack_version $FROM "$W/on/db1/bin"
	launch shard0
	launch_on db1 shard1
	start_syncs
	fleet
	syncup run "$W/fleet.yaml"
	expect_code 0 "here and there"
	expect_upgraded
	expect_no_claims_on db1
	[ -x "$W/root/versions/$TO/bin/mongosync" ] || fail "$TO is not here"
	[ -x "$W/on/db1/root/versions/$TO/bin/mongosync" ] || fail "$TO is not there"
	expect_effects 2 '.event == "signal"'
	expect_effects 2 '.event == "resumed"'
}

scenario "an upgrade" upgrade
scenario "a version that refuses" turned_back
scenario "another's claim on one host" held_on_one
scenario "a host out of reach at plan" out_of_reach_at_plan
scenario "the first host out of reach at release" out_of_reach_at_release db1 db2
scenario "the second host out of reach at release" out_of_reach_at_release db2 db1
scenario "processes here and there" here_and_there
scenarios_end
