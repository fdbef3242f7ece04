#!/usr/bin/env bash
# A claim is taken over when the supervisor has written its INTENT and has not
# acted yet: the act itself looks at the claim, on the process's own host, and
# does nothing.
# shellcheck disable=SC2016 # what is awaited is expanded when it is asked
. "$(dirname "$0")/lib.sh"
# shellcheck source=../guards/units.sh
. "$here/../guards/units.sh"
. "$here/hosts.sh"

# run_until POINT: the supervisor stops itself there
run_until() {
	SYNCUP_STALL_ON=$1 "$SYNCUP" run "$W/fleet.yaml" >"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null &
	RUN=$!
	until_true 120 eval '[ "$(cut -d" " -f3 "/proc/$RUN/stat")" = T ]' || fail "it never came to: $1"
}

# goes_on_without CLAIM: which is another run's from now on
goes_on_without() {
	jq -c '.run = "20260101T000000Z-abcdef"' "$1" >"$W/claim"
	cp "$W/claim" "$1"
	kill -CONT "$RUN"
	CODE=0
	wait "$RUN" || CODE=$?
	expect_code 4 "a claim that was taken over"
	said 'is claimed by run 20260101T000000Z-abcdef'
}

not_stopped() { # CLAIM NAME
	run_until "before stop"
	goes_on_without "$1"
	[ "$(effects ".event == \"signal\" and .id == \"$2\"")" = 0 ] || fail "$2 got a stop signal"
	wait_state "$2" PAUSED
}
not_started() { # CLAIM NAME
	run_until "before start"
	goes_on_without "$1"
	[ "$(effects ".event == \"started\" and .id == \"$2\"")" = 1 ] || fail "$2 was started"
}

here_it_is() { # WHAT
	simple_world light 2
	"$1" "$W/root/.syncup/claims/shard1.json" shard1
}
on_another_host() { # WHAT
	two_hosts
	"$1" "$W/on/db2/root/.syncup/claims/shard3.json" shard3
}
as_unit() { # WHAT
	units_world 2
	"$1" "$W/root/.syncup/claims/shard1.json" shard1
}

for what in not_stopped not_started; do
	scenario "here, $what" here_it_is $what
	scenario "on another host, $what" on_another_host $what
	scenario "a unit, $what" as_unit $what
done
scenarios_end
