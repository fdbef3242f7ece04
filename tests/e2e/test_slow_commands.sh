#!/usr/bin/env bash
# Commands that take their time: what is under way ends before the lane turns.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"

commands() { # start, stop and status of shard0; start returns before it is up
	cat >"$W/start.sh" <<-END
		#!/bin/bash
		printf 'start\n' >>"$W/called"
		(sleep 0.7; exec setsid "$W/bin/mongosync" --config "$W/shard0.conf" >>"$W/out.shard0" 2>&1 </dev/null) &
	END
	cat >"$W/stop.sh" <<-END
		#!/bin/bash
		printf 'stop\n' >>"$W/called"
		sleep 2
		grep -lzxF -e "$W/shard0.conf" /proc/[0-9]*/cmdline 2>/dev/null | while IFS=/ read -r _ _ pid _; do kill -TERM "\$pid"; done
		printf 'stopped\n' >>"$W/called"
	END
	cat >"$W/status.sh" <<-END
		#!/bin/bash
		grep -qlzxF -e "$W/shard0.conf" /proc/[0-9]*/cmdline 2>/dev/null || exit 3
	END
	chmod +x "$W"/*.sh
	EXTRA[shard0]=", command: {start: [$W/start.sh], stop: [$W/stop.sh], status: [$W/status.sh]}"
	fleet
}
called() { grep -cx "$1" "$W/called" || true; }

# A start that returns early is no failed start.
(
	simple_world light 1
	commands
	sed -i 's/start_quiet: 1/start_quiet: 5/' "$W/fleet.yaml"
	syncup run "$W/fleet.yaml"
	expect_code 0 "commands"
	expect_upgraded
	[ "$(called start)" = 1 ] || fail "it was started $(called start) times"
) || exit 1

# rollback while the stop command works: it ends, and nothing is lost.
(
	simple_world light 1
	commands
	sed -i 's/start_quiet: 1/start_quiet: 5/' "$W/fleet.yaml"
	"$SYNCUP" run "$W/fleet.yaml" >"$W/out.run" 2>&1 </dev/null &
	run=$!
	until_true 20 eval '[ "$(called stop)" = 1 ]' || fail "no stop"
	syncup rollback "$W/fleet.yaml"
	expect_code 9 "rollback during a stop command"
	wait $run || true
	expect_back
	expect_effects 1 '.event == "signal"'
) || exit 1

# abort and again abort, while the way back waits for a status command.
(
	simple_world light 1
	commands
	"$SYNCUP" run "$W/fleet.yaml" >"$W/out.run" 2>&1 </dev/null &
	run=$!
	until_true 20 eval '[ "$(called stop)" = 1 ]' || fail "no stop"
	printf '{"what":"rollback","restore":false}' >"$W/state/test/request"
	until_true 20 eval '[ "$(jq_journal ".kind == \"turn\"")" = 1 ]' || fail "it does not turn"
	syncup abort "$W/fleet.yaml"
	expect_code 0 "abort on the way back"
	code=0
	wait $run || code=$?
	[ $code = 0 ] || fail "the supervisor ended with $code"
	! grep -q 'AddressSanitizer' "$W/out.run" || fail "memory"
	expect_no_claims
) || exit 1
