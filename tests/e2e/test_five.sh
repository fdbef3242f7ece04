#!/usr/bin/env bash
# Five processes in one lane: all upgraded, each touched once; all are started
# before any is waited for; a stage costs one sync, not one for each process.
. "$(dirname "$0")/lib.sh"

simple_world light 5
syncup run "$W/fleet.yaml"
expect_code 0 "run"
expect_upgraded
expect_effects 5 '.event == "request" and .path == "/api/v1/pause"'
expect_effects 5 '.event == "request" and .path == "/api/v1/resume"'
expect_effects 5 '.event == "signal"'
expect_effects 1 '.event == "migrated"'
# The last start comes before the first resume; the last stop before any start.
jq -se '([.[] | select(.event == "started" and .version == "1.13.0") | .t_ns] | max) <
	([.[] | select(.path? == "/api/v1/resume") | .t_ns] | min)' "$EFFECTS" >/dev/null ||
	fail "a process was resumed before all were started"
jq -se '([.[] | select(.event == "exited") | .t_ns] | max) <
	([.[] | select(.event == "started" and .version == "1.13.0") | .t_ns] | min)' "$EFFECTS" >/dev/null ||
	fail "a process was started before all had ended"
# One batch holds all five INTENTs of a stage.
for kind in pause stop start resume; do
	batches=$("$SYNCUP" journal show "$W/fleet.yaml" |
		jq -s "[.[] | select(.kind == \"intent\" and .step == \"$kind\") | .batch] | unique | length")
	[ "$batches" = 1 ] || fail "$kind took $batches batches"
done
"$SYNCUP" status --json "$W/fleet.yaml" | jq -e '.outcome == "reached" and (.processes | length) == 5 and
	all(.processes[]; .now == "1.13.0" and .state == "RUNNING" and .paused_ms > 0 and .stopped_ms > 0)' >/dev/null ||
	fail "status does not tell it"
