#!/usr/bin/env bash
# Every test of syncup on a Debian 12 machine, from a clean checkout.
#
#   tests/run.sh            all suites, each with its share of the time
#   tests/run.sh quick      checks and unit tests: about a minute once built; the
#                           slow checks look only at what has changed since
#   tests/run.sh SUITE...   check unit fault fuzz model cli guards e2e system demo
#                           valgrind crash
#   tests/run.sh crash      every crash point; among all suites it takes a sample
#
# Ends in a line "N passed, N failed" ("crash", "guards" and "system" alone: in their own);
# exit 0 only if nothing failed.
set -uo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/build/tests
passed=0 failed=0 skipped=0

# Seconds that a suite may take, building apart: on a quiet machine with 2 cores
# each takes less than half.
declare -A share=([check]=900 [unit]=240 [fault]=400 [fuzz]=60 [model]=240 [cli]=300
	[guards]=600 [e2e]=1200 [system]=900 [demo]=240 [valgrind]=600 [crash]=600)

suites=("$@")
[ $# -gt 0 ] || suites=(check unit fault fuzz model cli guards e2e system demo valgrind crash)
[ "${suites[*]}" != quick ] || suites=(check unit)
if [ $# -eq 0 ]; then # what this tree has
	for part in fuzz:fuzz model:model/check.sh crash:sim/crash.sh; do
		[ -e "$top/tests/${part#*:}" ] || mapfile -t suites < <(printf '%s\n' "${suites[@]}" | grep -vx "${part%:*}")
	done
fi

# The trees that these suites need; the checks and the demo make their own.
trees=()
for suite in "${suites[@]}"; do
	case $suite in
	valgrind | crash) tree=crash ;;
	check | demo) continue ;;
	*) tree=tests ;;
	esac
	[[ " ${trees[*]} " == *" $tree "* ]] || trees+=("$tree")
done

count() { # name, seconds
	local limit=${share[$1]:-600}
	if [ "$2" -gt "$limit" ]; then
		printf '== %s took %s s, its share is %s s\n' "$1" "$2" "$limit"
		failed=$((failed + 1))
	fi
}

# Adds what ctest's output says; false unless it says anything.
count_ctest() { # log
	local log=$1 total bad off
	total=$(sed -n 's/.* tests failed out of \([0-9]*\)$/\1/p' "$log")
	bad=$(sed -n 's/.*, \([0-9]*\) tests failed out of [0-9]*$/\1/p' "$log")
	off=$(grep -c '\*\*\*Skipped' "$log")
	if [ -z "$total" ]; then
		failed=$((failed + 1))
		return 1
	fi
	passed=$((passed + total - bad - off)) failed=$((failed + bad)) skipped=$((skipped + off))
}

ctest_suite() { # label
	local log=$build/$1.log
	(cd "$build" && SYNCUP_TEST_DATABASE=$top/build/database REFSYNC_DATABASE=$top/build/database \
		DATABASE=$top/build/database ctest -L "^$1\$" -j "$(nproc)" --output-on-failure --no-tests=error) | tee "$log"
	count_ctest "$log"
}

# Its tests, and one more: that together they prove enough.
own_suite() { # guards or system
	local log=$build/$1.log code before=$failed
	"$top/tests/$1/run.sh" | tee "$log"
	code=${PIPESTATUS[0]}
	count_ctest "$log"
	if [ "$code" = 0 ]; then
		passed=$((passed + 1))
	elif [ $failed = "$before" ]; then
		failed=$((failed + 1))
	fi
}

check_suite() {
	local check
	for check in "$top"/tests/checks/*.sh; do
		if "$check"; then
			passed=$((passed + 1))
		else
			printf 'FAIL: %s\n' "${check#"$top"/}"
			failed=$((failed + 1))
		fi
	done
}

script() { # a suite that is one program
	if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

valgrind_suite() {
	local log=$top/build/crash/valgrind.log ok bad
	"$top/tests/checks/valgrind/run.sh" | tee "$log"
	ok=$(sed -n 's/^valgrind: \([0-9]*\) passed.*/\1/p' "$log")
	bad=$(sed -n 's/^valgrind: .*, \([0-9]*\) failed$/\1/p' "$log")
	passed=$((passed + ${ok:-0})) failed=$((failed + ${bad:-1}))
}

"$top/deploy/bootstrap.sh" packages "${trees[@]}" || { printf '0 passed, 1 failed\n'; exit 1; }
case ${suites[*]} in
crash) exec "$top/tests/sim/crash.sh" ;;
guards | system) exec "$top/tests/${suites[0]}/run.sh" ;;
esac
for suite in "${suites[@]}"; do
	printf '\n== %s\n' "$suite"
	begun=$SECONDS
	case $suite in
	check) check_suite ;;
	demo) script "$top/deploy/demo.sh" ;;
	model) script "$top/tests/model/check.sh" ;;
	valgrind) valgrind_suite ;;
	guards | system) own_suite "$suite" ;;
	crash) SAMPLE=1 script "$top/tests/sim/crash.sh" ;;
	unit | fault | fuzz | cli | e2e) ctest_suite "$suite" ;;
	*) printf 'run.sh: unknown suite %s\n' "$suite" >&2; exit 2 ;;
	esac
	count "$suite" $((SECONDS - begun))
	printf '== %s: %s s\n' "$suite" $((SECONDS - begun))
done
[ $skipped -eq 0 ] || printf '%s skipped\n' $skipped
printf '%s passed, %s failed\n' $passed $failed
[ $failed -eq 0 ] && [ $passed -gt 0 ]
