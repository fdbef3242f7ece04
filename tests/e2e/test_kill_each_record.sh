#!/usr/bin/env bash
# The supervisor dies at every record that it writes; the plain command again,
# and the end is the same as without a death: nothing done twice, nobody left.
. "$(dirname "$0")/lib.sh"

lap() { # n: dies at crash point n; returns 1 when the run ended before it
	local code=0
	SYNCUP_CRASH_AT=$1 "$SYNCUP" run "$W/fleet.yaml" >"$W/out.syncup" 2>&1 </dev/null || code=$?
	[ $code = 137 ]
}

n=${FIRST:-1} step=${STEP:-7} laps=0
while :; do
	(
		simple_world light 2
		lap "$n" || exit 77
		syncup run "$W/fleet.yaml"
		expect_code 0 "the plain command after a death at $n"
		expect_upgraded
		expect_effects 2 '.event == "signal"'
		expect_effects 1 '.event == "migrated"'
		# A pause or resume whose answer was lost may be sent again, once.
		[ "$(effects '.path? == "/api/v1/pause"')" -le 3 ] || fail "paused too often"
		[ "$(effects '.event == "paused"')" = 2 ] || fail "paused twice"
		[ "$(effects '.event == "started" and .version == "1.13.0"')" = 2 ] || fail "started twice"
		"$SYNCUP" journal verify "$W/fleet.yaml" >/dev/null || fail "the journal does not verify"
	) && code=0 || code=$?
	[ $code = 77 ] && break
	[ $code = 0 ] || { printf 'FAIL: crash point %s\n' "$n" >&2; exit 1; }
	laps=$((laps + 1)) n=$((n + step))
done
[ $laps -gt 5 ] || { printf 'FAIL: only %s laps\n' $laps >&2; exit 1; }
printf 'laps=%s last_point=%s\n' $laps $n
