#!/usr/bin/env bash
# Every test of syncup on a Debian 12 machine, from a clean checkout.
#
#   tests/run.sh            all suites, each with its share of the time
#   tests/run.sh quick      checks and unit tests: about a minute once built
#   tests/run.sh SUITE...   check unit fault cli e2e demo
#
# Ends in a line "N passed, N failed"; exit 0 only if nothing failed.
set -uo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/build/tests
passed=0 failed=0 skipped=0

# Seconds that a suite may take, building apart: 25 minutes for all of them.
declare -A share=([check]=180 [unit]=180 [fault]=120 [cli]=300 [e2e]=600 [demo]=240)

suites=("$@")
[ $# -gt 0 ] || suites=(check unit fault cli e2e demo)
[ "${suites[*]}" != quick ] || suites=(check unit)

count() { # name, seconds
	local limit=${share[$1]:-600}
	if [ "$2" -gt "$limit" ]; then
		printf '== %s took %s s, its share is %s s\n' "$1" "$2" "$limit"
		failed=$((failed + 1))
	fi
}

ctest_suite() { # label
	local log=$build/$1.log
	(cd "$build" && SYNCUP_TEST_DATABASE=$top/build/database REFSYNC_DATABASE=$top/build/database \
		DATABASE=$top/build/database ctest -L "^$1\$" -j "$(nproc)" --output-on-failure --no-tests=error) | tee "$log"
	local code=${PIPESTATUS[0]} total bad off
	total=$(sed -n 's/.* tests failed out of \([0-9]*\)$/\1/p' "$log")
	bad=$(sed -n 's/.*, \([0-9]*\) tests failed out of [0-9]*$/\1/p' "$log")
	off=$(grep -c '\*\*\*Skipped' "$log")
	if [ -z "$total" ]; then
		failed=$((failed + 1))
		return 1
	fi
	passed=$((passed + total - bad - off)) failed=$((failed + bad)) skipped=$((skipped + off))
	return "$code"
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

demo_suite() {
	if "$top/deploy/demo.sh"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

"$top/deploy/bootstrap.sh" packages tests || { printf '0 passed, 1 failed\n'; exit 1; }
for suite in "${suites[@]}"; do
	printf '\n== %s\n' "$suite"
	begun=$SECONDS
	case $suite in
	check) check_suite ;;
	demo) demo_suite ;;
	unit | fault | cli | e2e) ctest_suite "$suite" ;;
	*) printf 'run.sh: unknown suite %s\n' "$suite" >&2; exit 2 ;;
	esac
	count "$suite" $((SECONDS - begun))
	printf '== %s: %s s\n' "$suite" $((SECONDS - begun))
done
[ $skipped -eq 0 ] || printf '%s skipped\n' $skipped
printf '%s passed, %s failed\n' $passed $failed
[ $failed -eq 0 ] && [ $passed -gt 0 ]
