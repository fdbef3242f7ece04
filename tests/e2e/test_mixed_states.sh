#!/usr/bin/env bash
# What was PAUSED stays PAUSED, what is IDLE is neither paused nor resumed.
. "$(dirname "$0")/lib.sh"

world light
IDS=()
instance only -
unpack_version $FROM
start_all
api only pause '{}' >/dev/null
wait_state only PAUSED
fleet
syncup run "$W/fleet.yaml"
expect_code 0 "a paused process"
wait_state only PAUSED
expect_version only $TO
expect_effects 1 '.path? == "/api/v1/pause"'
expect_effects 0 '.path? == "/api/v1/resume"'

# Another world in the same: one that never started a sync.
for pid in $(pids_of_world); do kill -KILL "$pid"; done
W2=$W/idle
mkdir -p "$W2"
SOURCE=light:$W2/source DESTINATION=light:$W2/destination
mkdir -p "$W2/source" "$W2/destination"
NAMES=() PORTS=()
instance idle -
rm -rf "$W/root" "$W/state" "$W/bin/mongosync"
mkdir -p "$W/root" "$W/state"
unpack_version $FROM
launch idle
wait_state idle IDLE
fleet
before=$(effects '.path? == "/api/v1/pause" or .path? == "/api/v1/resume" or .path? == "/api/v1/start"')
syncup run "$W/fleet.yaml"
expect_code 0 "an idle process"
wait_state idle IDLE
expect_version idle $TO
expect_effects "$before" '.path? == "/api/v1/pause" or .path? == "/api/v1/resume" or .path? == "/api/v1/start"'
expect_no_claims
