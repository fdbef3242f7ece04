#!/usr/bin/env bash
# The supervisor dies at every record of a way back; the plain command again.
. "$(dirname "$0")/lib.sh"

n=${FIRST:-1} step=${STEP:-11} laps=0
while :; do
	(
		simple_world light 2
		die_at "before activate"
		code=0
		SYNCUP_CRASH_AT=$n "$SYNCUP" rollback "$W/fleet.yaml" >"$W/out.back" 2>&1 </dev/null || code=$?
		[ $code = 137 ] || exit 77
		syncup rollback "$W/fleet.yaml"
		# The last records: it may have ended already.
		[ $CODE = 9 ] || [ $CODE = 0 ] || fail "exit $CODE after a death at $n"
		expect_back
		expect_effects 2 '.event == "signal"'
		expect_effects 2 '.event == "paused"'
		expect_effects 4 ".event == \"started\""
		[ ! -L "$W/bin/mongosync" ] || fail "the adopted path was not given back"
		"$SYNCUP" journal verify "$W/fleet.yaml" >/dev/null || fail "the journal does not verify"
	) && code=0 || code=$?
	[ "$code" = 77 ] && break
	[ "$code" = 0 ] || { printf 'FAIL: crash point %s\n' "$n" >&2; exit 1; }
	laps=$((laps + 1)) n=$((n + step))
done
[ $laps -gt 3 ] || { printf 'FAIL: only %s laps\n' $laps >&2; exit 1; }
printf 'laps=%s last_point=%s\n' $laps "$n"
