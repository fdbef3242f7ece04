#!/usr/bin/env bash
# No descriptor is left for a while: what cannot be looked at is not taken for
# failed, and nothing is done twice.
. "$(dirname "$0")/lib.sh"

starve() { # step: from its INTENT on, for some seconds
	"$SYNCUP" run "$W/fleet.yaml" >"$W/out.run" 2>&1 </dev/null &
	run=$!
	until_true 20 eval "[ \"\$(jq_journal '.kind == \"intent\" and .step == \"$1\"')\" != 0 ]" ||
		fail "it never came to $1"
	prlimit --pid $run --nofile=9:4096
	sleep 3
	prlimit --pid $run --nofile=4096:4096 2>/dev/null || true # it has ended
	code=0
	wait $run || code=$?
	# A file that could not be written stops it; the same line goes on.
	[ $code = 0 ] || [ $code = 8 ] || fail "exit $code after no descriptors in $1"
	[ $code = 0 ] || syncup run "$W/fleet.yaml"
	expect_upgraded
	expect_effects 2 '.event == "signal"'
	expect_effects 2 '.event == "paused"'
	expect_effects 2 ".event == \"started\" and .version == \"$TO\""
	[ "$(jq_journal '.kind == "turn"')" = 0 ] || fail "it turned"
}

for step in ${STEPS:-pause stop save start resume}; do
	(
		simple_world light 2
		for name in "${NAMES[@]}"; do
			behave "$name" '{"pause_ms": 600, "stop_ms": 600, "silence_ms": 600, "resume_ms": 600}'
		done
		starve "$step"
	) || exit 1
done
