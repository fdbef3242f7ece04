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

scenario "an upgrade" upgrade
scenarios_end
