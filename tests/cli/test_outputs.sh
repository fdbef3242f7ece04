#!/usr/bin/env bash
# Outputs that fail or are not there do not stop a run.
. "$(dirname "$0")/cli.sh"

test_dead_reader() {
	local codes
	quick_world 1
	codes=$( (
		set +e
		"$SYNCUP" run "$W/fleet.yaml" 2>&1 </dev/null | head -n 1 >"$W/out.syncup"
		printf '%s' "${PIPESTATUS[0]}"
	))
	[ "$codes" = 0 ] || fail "exit $codes with a reader that died"
	expect_upgraded
	expect_views reached
}

# A descriptor that is closed would be the next file's: output must not end in a
# journal, a lock or a link.
test_closed_output() {
	local number
	quick_world 1
	"$SYNCUP" run "$W/fleet.yaml" <&- >&- 2>&- &
	RUN=$!
	wait_begun claim
	for number in 0 1 2; do
		[ "$(readlink "/proc/$RUN/fd/$number")" = /dev/null ] || fail "descriptor $number is a file of ours"
	done
	expect_end 0 "without any output"
	expect_upgraded
	expect_views reached
}

test_closed_output_of_a_refusal() {
	quick_world 1
	edit_fleet 's/^version/verzion/'
	remember
	CODE=0
	"$SYNCUP" run "$W/fleet.yaml" <&- >&- 2>&- || CODE=$?
	expect_code 3 "a refusal without any output"
	expect_untouched "a refusal without any output"
}

for test in test_dead_reader test_closed_output test_closed_output_of_a_refusal; do
	($test) || exit 1
done
