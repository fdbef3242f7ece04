#!/usr/bin/env bash
# What belongs together is told by the clusters: one destination under two
# names is one lane, and a lane that lacks one of its processes is refused.
. "$(dirname "$0")/lib.sh"

expect_touched() { # how many processes were paused, stopped and resumed
	expect_effects "$1" '.event == "paused"'
	expect_effects "$1" '.event == "signal"'
	expect_effects "$1" '.event == "resumed"'
}

expect_one_lane() { # identity
	local lanes
	syncup plan --json "$W/fleet.yaml"
	expect_code 0 "plan"
	lanes=$(jq -c '[.plan.lanes[] | [.identity, .proved]]' "$W/out.syncup")
	[ "$lanes" = "[[\"$1\",true]]" ] || fail "not one lane with the proved identity $1, but $lanes"
}

# two_names FIRST SECOND: of one destination, for shard0 and shard1
two_names() {
	IDS=(shard0 shard1)
	DESTINATION=$1
	instance shard0
	DESTINATION=$2
	instance shard1
	unpack_version "$FROM"
	start_all
	fleet
}

two_names_of_one_cluster() {
	world light
	printf 'cluster:60f1a2\n' >"$W/destination/identity"
	two_names "light:$W/destination" "light:$W/source/../destination"
	expect_one_lane cluster:60f1a2
	syncup run "$W/fleet.yaml"
	expect_code 0 "run"
	expect_upgraded
	expect_touched 2
	expect_effects 1 '.event == "migrated"'
}

# The same, where the text of the URIs is all that is known.
unproved_names() {
	world light
	two_names "light:$W/destination" "light:$W/source/../destination"
	syncup run "$W/fleet.yaml"
	expect_code 3 "one cluster under two names, which nothing proves"
	expect_touched 0
	# A person may say that they belong together.
	EXTRA[shard0]=', lane: shop' EXTRA[shard1]=', lane: shop'
	fleet
	syncup run "$W/fleet.yaml"
	expect_code 0 "joined by the fleet file"
	said 'does not tell its own identity'
	expect_upgraded
	expect_touched 2
}

missing_instance() {
	simple_world light 3
	NAMES=(shard0 shard1)
	fleet
	syncup run "$W/fleet.yaml"
	expect_code 3 "one of three processes is not in the fleet file"
	said 'metadata names "shard2", which no instance'
	said 'lane_complete: assumed'
	expect_touched 0
	expect_no_claims
	[ ! -e "$W/state/test/run.journal" ] || fail "a refused run has a journal"
	fleet 'lane_complete: assumed'
	syncup plan "$W/fleet.yaml"
	expect_code 0 "plan, assumed"
	said 'warning +complete .*shard2'
}

# One that is gone for good, though the metadata names it.
lost_instance_assumed() {
	simple_world light 2
	NAMES=(shard0)
	kill -KILL "$(pid_of shard1)"
	behave shard0 '{"instances": ["shard0"]}'
	fleet 'lane_complete: assumed'
	syncup run "$W/fleet.yaml"
	expect_code 0 "a lane that is assumed to be complete"
	said 'warning +complete .*shard1'
	expect_upgraded
	expect_touched 1
}

sharded_source() {
	simple_world light 2
	printf '["shard0", "shard1", "shard2"]\n' >"$W/source/shards.json"
	syncup run "$W/fleet.yaml"
	expect_code 3 "a shard without an instance"
	said 'listShards names "shard2"'
	expect_touched 0
	printf '["shard0", "shard1"]\n' >"$W/source/shards.json"
	syncup run "$W/fleet.yaml"
	expect_code 0 "all shards have an instance"
	expect_upgraded
}

# A real server: config.version names the cluster, whatever its host is called.
two_hosts_of_one_server() {
	world database
	# shellcheck disable=SC2016 # $oid is for the server
	printf '{"commands": [{"command": "find", "db": "config", "collection": "version",
		"documents": [{"_id": 1, "clusterId": {"$oid": "65a1b2c3d4e5f60718293a4b"}}]}]}\n' >"$W/version.json"
	database target "$W/version.json"
	two_names "$REPLY" "${REPLY/127.0.0.1/localhost}"
	expect_one_lane cluster:65a1b2c3d4e5f60718293a4b
	syncup run "$W/fleet.yaml"
	expect_code 0 "run"
	expect_upgraded
	expect_touched 2
	expect_effects 1 '.event == "migrated"'
}

scenario "one cluster under two names" two_names_of_one_cluster
scenario "two names that nothing proves to be one" unproved_names
scenario "an instance is missing in the fleet file" missing_instance
scenario "an instance is gone for good" lost_instance_assumed
scenario "a sharded source lacks an instance" sharded_source
if [ -x "$DATABASE" ]; then
	scenario "one server under two names" two_hosts_of_one_server
else
	printf 'no database at %s: one scenario is left out\n' "$DATABASE"
fi
scenarios_end
