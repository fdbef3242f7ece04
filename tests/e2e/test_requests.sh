#!/usr/bin/env bash
# rollback, abort and SIGTERM while a supervisor works.
. "$(dirname "$0")/lib.sh"

begin() { # runs in the background until the step's INTENT is there
	"$SYNCUP" run "$W/fleet.yaml" >"$W/out.run" 2>&1 </dev/null &
	RUN=$!
	until_true 30 eval "[ \"\$(jq_journal '.kind == \"intent\" and .step == \"$1\"')\" != 0 ]" ||
		fail "it never came to $1"
}
end() { # code
	local code=0
	wait $RUN || code=$?
	[ $code = "$1" ] || fail "the supervisor ended with $code, not $1"
}

# rollback asks the one who works.
(
	simple_world light 2
	for name in "${NAMES[@]}"; do behave "$name" '{"stop_ms": 2000}'; done
	begin stop
	syncup rollback "$W/fleet.yaml"
	expect_code 9 "rollback while a supervisor works"
	end 9
	expect_back
	expect_effects 2 '.event == "signal"'
) || exit 1

# abort leaves everything as it is.
(
	simple_world light 2
	for name in "${NAMES[@]}"; do behave "$name" '{"pause_ms": 2000}'; done
	begin pause
	syncup abort "$W/fleet.yaml"
	expect_code 0 "abort while a supervisor works"
	end 0
	for name in "${NAMES[@]}"; do
		wait_state "$name" PAUSED
		expect_version "$name" $FROM
	done
	expect_effects 0 '.event == "signal"'
	expect_effects 0 '.path? == "/api/v1/resume"'
	expect_no_claims
) || exit 1

# SIGTERM stops it where it is; the same line goes on.
for step in pause stop save start resume; do
	(
		simple_world light 2
		for name in "${NAMES[@]}"; do
			behave "$name" '{"pause_ms": 700, "stop_ms": 700, "silence_ms": 700, "resume_ms": 700}'
		done
		begin $step
		kill -TERM $RUN
		end 8
		syncup run "$W/fleet.yaml"
		expect_code 0 "after SIGTERM in $step"
		expect_upgraded
		expect_effects 2 '.event == "signal"'
		expect_effects 2 '.event == "paused"'
		expect_effects 2 ".event == \"started\" and .version == \"$TO\""
	) || exit 1
done

# A request that an earlier run did not live to see is not for this one.
(
	simple_world light 1
	mkdir -p "$W/state/test"
	printf '{"what":"rollback","restore":false}' >"$W/state/test/request"
	syncup run "$W/fleet.yaml"
	expect_code 0 "an old request"
	expect_upgraded
) || exit 1
