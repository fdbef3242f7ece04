#!/usr/bin/env bash
# Answers that do not come, lie, or are something else.
. "$(dirname "$0")/lib.sh"

# The effect happens, the answer is lost: it is seen, and not done twice.
(
	simple_world light 1
	behave shard0 '{"pause": {"kind": "effect_then_close", "times": 1}, "resume": {"kind": "effect_then_close", "times": 1}}'
	syncup run "$W/fleet.yaml"
	expect_code 0 "lost answers"
	expect_upgraded
	expect_effects 1 '.path? == "/api/v1/pause"'
	expect_effects 1 '.path? == "/api/v1/resume"'
) || exit 1

# 200, but it stays RUNNING: out of patience, the rest is resumed, exit 9.
(
	simple_world light 2
	behave shard1 '{"never_pauses": 1}'
	sed -i 's/timeouts: {pause: 20/timeouts: {pause: 3/' "$W/fleet.yaml"
	syncup run "$W/fleet.yaml"
	expect_code 9 "a pause that never comes"
	expect_back
	expect_effects 0 '.event == "signal"'
) || exit 1

# Garbage, errors and halves for a while are answered by looking again.
for kind in garbage half http_500 success_false reset; do
	(
		simple_world light 1
		behave shard0 "{\"progress\": {\"kind\": \"$kind\", \"times\": 3}}"
		"$SYNCUP" plan "$W/fleet.yaml" >/dev/null 2>&1 || true
		behave shard0 "{\"pause\": {\"kind\": \"$kind\", \"times\": 1}}"
		syncup run "$W/fleet.yaml"
		expect_code 0 "$kind"
		expect_upgraded
	) || exit 1
done

# A process that ignores its stop signal gets one only, and no SIGKILL.
(
	simple_world light 1
	behave shard0 '{"ignore_sigterm": 1}'
	sed -i 's/stop: 20/stop: 3/' "$W/fleet.yaml"
	syncup run "$W/fleet.yaml"
	expect_code 9 "ignored SIGTERM"
	expect_effects 1 '.event == "signal"'
	wait_state shard0 RUNNING
	expect_version shard0 $FROM
) || exit 1

# kill_after allows SIGKILL.
(
	simple_world light 1
	behave shard0 '{"ignore_sigterm": 1}'
	sed -i 's/idle: 3/idle: 3, kill_after: 2/' "$W/fleet.yaml"
	syncup run "$W/fleet.yaml"
	expect_code 0 "kill_after"
	expect_upgraded
	expect_effects 1 '.event == "signal"'
) || exit 1
