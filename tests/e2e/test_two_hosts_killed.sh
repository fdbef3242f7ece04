#!/usr/bin/env bash
# The supervisor of processes on two other hosts dies at each stage, before and
# after it acts; the same command ends as if it had not.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosts.sh"

dies() { # at
	two_hosts
	die_at "$1"
	syncup run "$W/fleet.yaml"
	expect_code 0 "it died: $1"
	expect_hosts_upgraded
}

for kind in claim deliver adopt pause hold stop save activate start resume release; do
	scenario "it dies before $kind" dies "before $kind"
	scenario "it dies after $kind" dies "after $kind"
done
scenarios_end
