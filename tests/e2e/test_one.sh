#!/usr/bin/env bash
# One process, light mode: upgraded, once, and the next run has nothing to do.
. "$(dirname "$0")/lib.sh"

simple_world light 1
syncup plan "$W/fleet.yaml"
expect_code 0 "plan"
syncup run "$W/fleet.yaml"
expect_code 0 "run"
expect_upgraded
expect_effects 1 '.event == "request" and .path == "/api/v1/pause"'
expect_effects 1 '.event == "request" and .path == "/api/v1/resume"'
expect_effects 1 '.event == "signal"'
syncup run "$W/fleet.yaml"
expect_code 0 "a second run"
said 'nothing to do'
expect_effects 1 '.event == "signal"'
