#!/usr/bin/env bash
# The connection to one of two hosts breaks while something is under way there, at
# each stage: what was begun is looked at again, and nothing is done twice.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hosts.sh"

cut_when() { # what is said, how often
	local i
	for ((i = 0; i < $2; i++)); do
		until grep -qsE "$1" "$W/out.syncup"; do sleep 0.02; done
		cut_off db2
		sleep 0.7
	done
}

breaks() { # what is said, how often
	two_hosts
	cut_when "$1" "$2" &
	syncup run "$W/fleet.yaml"
	expect_code 0 "a cut at: $1"
	kill %% 2>/dev/null || true
	grep -qE "$1" "$W/out.syncup" || fail "nobody said: $1"
	expect_hosts_upgraded
}

for doing in 'claiming shard2' 'bringing the version to host:db2' 'adopting what runs at link:test.db2' \
	'pausing shard2' 'holding link:test.db2' 'stopping shard2' 'saving metadata' \
	'switching link:test.db2' 'starting shard2' 'resuming shard2' 'watching shard2' 'releasing'; do
	scenario "a cut at $doing" breaks "$doing" 1
done
scenario "three cuts, from the pause on" breaks 'pausing shard2' 3
scenario "three cuts, from the start on" breaks 'starting shard2' 3
scenarios_end
