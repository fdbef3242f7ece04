#!/usr/bin/env bash
# pause: never stops running processes; they go on by themselves.
. "$(dirname "$0")/lib.sh"

simple_world light 3
fleet 'pause: never'
syncup run "$W/fleet.yaml"
expect_code 0 "run"
expect_upgraded
expect_effects 0 '.path? == "/api/v1/pause" or .path? == "/api/v1/resume"'
expect_effects 3 '.event == "signal"'
syncup plan "$W/fleet.yaml"
said 'no way back'
