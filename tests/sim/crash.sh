#!/usr/bin/env bash
# Dies in every way we know, and counts how often the same command finished.
#
#   tests/sim/crash.sh           everything once: at most 45 minutes on 2 cores
#   SAMPLE=1 tests/sim/crash.sh  a bounded sample of each kind, a few minutes
#   FULL=1 tests/sim/crash.sh    no bound, and the disk laps at every operation
#   SEED=n                       which pairs, moments and samples (default 1)
#
# Figures go to build/crash-report.txt; the last line is theirs.
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
BUILD=${BUILD:-$top/build/crash}
export BUILD SEED=${SEED:-1} DATABASE=${DATABASE:-$top/build/database}
report=$top/build/crash-report.txt
jobs=$((8 * $(nproc)))
laps=$BUILD/tests/sim/laps
bad=0

if [ "${SAMPLE:-}" ]; then
	kills=(--every 16 --doubles 20 --seconds 100) moments=(--laps 24 --seconds 50)
	disk_seconds=25 faults=12
elif [ "${FULL:-}" ]; then
	kills=(--every 1 --doubles 2000 --seconds 86400) moments=(--laps 3000 --seconds 86400)
	disk_seconds=86400 faults=2000
else
	kills=(--every 1 --doubles 760 --seconds 1700) moments=(--laps 300 --seconds 420)
	disk_seconds=150 faults=40
fi
[ -x "$DATABASE" ] || kills+=(--no-database)

note() { printf '%s\n' "$*" | tee -a "$report"; }
part() { # name, command...: its output is shown, and kept in $log
	log=$BUILD/crash-$1.log
	local begun=$SECONDS code=0
	"${@:2}" 2>&1 | tee "$log" | grep -vE '^(ok |\[ )'
	code=${PIPESTATUS[0]}
	[ "$code" = 0 ] || bad=$((bad + 1))
	note "$1: exit $code after $((SECONDS - begun)) s"
}
field() { # line's first word, field: of what the last part printed
	sed -nE "s/^$1 .*\\b$2=([0-9]+).*/\\1/p" "$log" | tail -n 1
}

rm -f "$report"
note "crash: seed=$SEED on $(nproc) cores, $(git -C "$top" describe --always --dirty 2>/dev/null || echo 'no git')"

# How fast this machine is at it, before anything long begins.
part speed "$laps" --build "$BUILD" --seed "$SEED" --jobs "$jobs" --every 97 --doubles 0 --no-database kills
note "laps per second: $(sed -nE 's/.*laps_per_second=([0-9.]+).*/\1/p' "$log")"

part kills "$laps" --build "$BUILD" --seed "$SEED" --jobs "$jobs" "${kills[@]}" kills
points=$(field once laps) points_ok=$(field once converged)
double=$(field twice laps) double_ok=$(field twice converged)
doubled=$(($(field once duplicated_effects) + $(field twice duplicated_effects)))
grep -E '^(kills:|once|twice)' "$log" >>"$report"

part random "$laps" --build "$BUILD" --seed "$SEED" --jobs "$jobs" "${moments[@]}" random
random=$(field random laps) random_ok=$(field random converged)
doubled=$((doubled + $(field random duplicated_effects)))
grep -E '^random' "$log" >>"$report"

states=0 states_wrong=0
for test in journal files damage; do
	part "disk-$test" "$BUILD/tests/sim/test_disk_$test"
	count=$(grep -oE 'disk_states=[0-9]+' "$log" | cut -d= -f2 | paste -sd+ | bc)
	states=$((states + ${count:-0}))
	grep -qE '^\[  PASSED  \]' "$log" || states_wrong=$((states_wrong + 1))
	states_wrong=$((states_wrong + $(grep -cE '^\[  FAILED  \] [a-z]' "$log")))
done
part disk-laps env SECONDS_MAX="$disk_seconds" "$top/tests/sim/disk_laps.sh"
states=$((states + $(sed -nE 's/^disk_laps=([0-9]+).*/\1/p' "$log")))
states_wrong=$((states_wrong + $(sed -nE 's/^disk_laps=.* wrong=([0-9]+).*/\1/p' "$log")))

fired=0 fired_wrong=0
for test in faults install_faults metadata_faults; do
	part "$test" env TMPDIR=/dev/shm "$BUILD/tests/fault/test_$test"
	count=$(grep -oE '[0-9]+ calls failed' "$log" | cut -d' ' -f1 | paste -sd+ | bc)
	fired=$((fired + ${count:-0}))
	fired_wrong=$((fired_wrong + $(grep -cE '^\[  FAILED  \] [a-z]' "$log")))
done
part whole-program env LAPS="$faults" "$top/tests/fault/test_whole_program.sh"
fired=$((fired + $(sed -nE 's/^seed=.* fired=([0-9]+).*/\1/p' "$log")))
fired_wrong=$((fired_wrong + $(grep -cE '^FAIL: (with|after)' "$log")))

note "crash: points=$points converged=$points_ok double=$double converged=$double_ok" \
	"random=$random converged=$random_ok disk_states=$states wrong=$states_wrong" \
	"faults=$fired wrong=$fired_wrong duplicated_effects=$doubled"
[ $bad = 0 ]
