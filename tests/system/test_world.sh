#!/usr/bin/env bash
# Sync processes of two migrations on three hosts, as units: they run, the referee
# sees them, and they go on after a power cut.  syncup has no part in it yet.
. "$(dirname "$0")/world.sh"

system_world ops host1 host2
lane north host1 host1 host2
lane south host2
start_all
for name in "${NAMES[@]}"; do expect_version "$name" "$FROM"; done
remember host1 host2
expect_no_trace host1 host2
on host1 systemctl enable --quiet "${UNIT_OF[north0]}" "${UNIT_OF[north1]}"
power_cut host1
! pid_of north0 >/dev/null || fail "north0 outlives its host"
boot host1
for name in "${NAMES[@]}"; do wait_state "$name" RUNNING; done
expect_whole_lanes
expect_effects 2 '.event == "started" and .id == "north0"'
