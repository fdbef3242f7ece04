#!/usr/bin/env bash
# The unit tests under valgrind's memcheck, from a tree without sanitizers: no
# access outside of what is ours, no decision on what was never written, nothing
# lost, no descriptor left open.  Last line: "valgrind: N passed, N failed".
#
#   tests/checks/valgrind/run.sh [TEST...]     e.g. test_journal; default: all
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../../.." && pwd)
build=${BUILD:-$top/build/crash}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export here build
export SYNCUP_TEST_DATABASE=$top/build/database REFSYNC_DATABASE=$top/build/database

# Children of a test leave by _exit() with what they inherited: for them only
# these count.  The test itself must also give everything back.
export wrong='Invalid (read|write|free)|ninitialised|Mismatched|Source and dest|Illegal (ins|op)|points to un'

watch() { # test; in a folder of its own, with all it starts in one session
	local test=$1 alarm code bad=
	alarm=$(sed -nE "s/^$1 +(.*[^ ]) +#.*/\1/p" "$here/beyond.txt")
	mkdir "$1" && cd "$1" || return 1
	leaks=${alarm:+no} test=$1 setsid bash -c 'echo $$ >session
		exec timeout 240 bash -c "echo \$\$ >pid
			exec valgrind --quiet --error-exitcode=99 --track-fds=yes \
			--leak-check=${leaks:-full} --num-callers=20 --log-file=log.%p \
			--suppressions=\"$here/suppressions.txt\" \"$build/tests/unit/$test\""' \
		>out 2>&1 </dev/null
	code=$?
	pkill -KILL -s "$(cat session)"
	grep -lE "$wrong" log.* >/dev/null && bad="a memory error"
	if [ -z "$alarm" ]; then
		[ $code -eq 0 ] || bad="${bad:+$bad, }exit code $code"
		grep -A1 '^==[0-9]*== Open ' "log.$(cat pid)" | grep -qvE ' Open |inherited from parent|^--' &&
			bad="${bad:+$bad, }a descriptor left open"
	elif [ $code -eq 0 ]; then
		bad="passes: take it off beyond.txt"
	elif ! cat out log.* | grep -qF -- "$alarm"; then
		bad="${bad:+$bad, }exit code $code, but not for the reason in beyond.txt"
	fi
	[ -n "$bad" ] || { printf 'ok %s\n' "$test"; return 0; }
	printf 'FAIL %s: %s\n' "$test" "$bad"
	grep -vE 'RUN|  OK' out | tail -n 12
	grep -hE -A14 "$wrong|definitely lost" log.* | head -n 60
}
export -f watch

cd "$work" || exit 1
if [ $# -eq 0 ]; then
	for test in "$build"/tests/unit/test_*; do
		[ ! -f "$test" ] || [ ! -x "$test" ] || set -- "$@" "${test##*/}"
	done
fi
printf '%s\n' "$@" | xargs -P "$(nproc)" -I '{}' bash -c 'said=$(watch "$1"); printf "%s\n" "$said"' watch '{}' | tee results
passed=$(grep -c '^ok ' results)
failed=$(grep -c '^FAIL ' results)
[ $((passed + failed)) -eq $# ] || failed=$((failed + 1))
printf 'valgrind: %s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
