#!/usr/bin/env bash
# A version that refuses the metadata: the fleet comes back by itself, RUNNING
# on the old version, and the sync is the same.
. "$(dirname "$0")/lib.sh"

TO_REFUSES=1.14.0
simple_world light 3
TO=$TO_REFUSES
fleet
syncup run "$W/fleet.yaml"
expect_code 9 "run"
said 'is lower than the minimum supported metadata version'
expect_back
expect_effects 0 '.event == "migrated"'
# Resume points and partitions were kept: nothing was copied a second time.
expect_effects 0 '.event == "partition" and .again == true'
signals=$(effects '.event == "signal"')
# A timer's next tick must not interrupt it again.
syncup run "$W/fleet.yaml"
expect_code 9 "the same again"
said 'run --retry'
expect_effects "$signals" '.event == "signal"'
expect_back
# A person may.
syncup run --retry "$W/fleet.yaml"
expect_code 9 "retry"
expect_back
