#!/usr/bin/env bash
# A bench that is ended in the middle of its work leaves nothing on the machine:
# no process, no cgroup, no mount, no link.  Two at a time do not meet.
set -euo pipefail

if [ "${1:-}" = hosts ]; then # a bench that waits to be ended
	. "$(dirname "$0")/bench.sh"
	bench_image
	host_new host1 host2
	boot host1 host2
	touch "$2"
	sleep 1000
fi

fail() { printf 'FAIL: %s\n' "$*" >&2; exit 1; }
until_true() { # seconds, command...
	local deadline=$((SECONDS + $1))
	until "${@:2}"; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.05
	done
}

scratch=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$scratch"' EXIT
# Its pid is in the name of its cgroups: who looks for it finds nobody else's.
cgroups_of() { unshare -m --propagation private sh -c "mount -t cgroup2 none /mnt && ls -d /mnt/syncup-bench.*.$1" 2>/dev/null; }
processes_of() { pgrep -f "test_goes_away.sh hosts $scratch/$1\$" || true; }
no_processes_of() { [ -z "$(processes_of "$1")" ]; }

first='' second=''
set -m # so that a bench in the background can be interrupted
for signal in TERM INT KILL; do
	for which in first second; do
		SYSTEM_COUNTS='' "$0" hosts "$scratch/$signal.$which" >"$scratch/$which.out" 2>&1 &
		declare "$which=$!"
	done
	for which in first second; do
		until_true 60 test -e "$scratch/$signal.$which" || { cat "$scratch/$which.out"; fail "no hosts"; }
	done
	[ "$(cgroups_of "$first")" ] || fail "a bench has no cgroups: this proves nothing"
	kill -"$signal" "$first"
	{ wait "$first" && fail "it ended well after SIG$signal"; } 2>/dev/null
	until_true 10 no_processes_of "$signal.first" || fail "processes outlive a bench after SIG$signal"
	kill -0 "$second" || fail "the other bench has gone as well"
	[ $signal = KILL ] || [ -z "$(cgroups_of "$first")" ] || fail "cgroups are left after SIG$signal"
	kill -TERM "$second"
	{ wait "$second" || true; } 2>/dev/null
	[ -z "$(cgroups_of "$second")" ] || fail "cgroups are left"
done
# Of what was killed, empty cgroups are left, until the next one comes.
"$0" hosts "$scratch/last" >/dev/null 2>&1 &
until_true 60 test -e "$scratch/last" || fail "no hosts"
[ -z "$(cgroups_of "$first")" ] || fail "cgroups are left of a bench that was killed"
kill -TERM $!
{ wait $! || true; } 2>/dev/null
