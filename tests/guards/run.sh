#!/usr/bin/env bash
# Runs every guard test, and counts what they proved.
#
# Every check of preflight has to be seen passing, and seen not passing; every
# fleet that came back by itself is compared with its source afterwards.  The
# last line is:
#   guards: checks=<n> refused_before_pause=<n> turned_back=<n> syncs_lost=<n>
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$top/build/tests}
tallies=$build/tests/guards
export DATABASE=${DATABASE:-$top/build/database}

rm -f "$tallies"/*.tally # what an earlier run proved, proves nothing now
code=0
(cd "$build" && ctest -L '^guards$' -j "$(nproc)" --output-on-failure --no-tests=error) || code=1

tally=$(cat "$tallies"/*.tally 2>/dev/null)
count() { grep -cE "^($1) " <<<"$tally"; }

# Exit 1, and who is missing, unless both were seen of this check.
seen_both_ways() {
	local check=$1 level result=0
	for level in pass 'warning|refusal'; do
		grep -qxE "($level) $check" <<<"$tally" && continue
		printf 'guards: check %s was never seen %s\n' "$check" \
			"$([ "$level" = pass ] && printf 'passing' || printf 'not passing')"
		result=1
	done
	return $result
}

checks=0
names=$("$tallies/check-names") && [ "$names" ] || code=1
for name in $names; do
	if seen_both_ways "$name"; then checks=$((checks + 1)); else code=1; fi
done

printf 'guards: checks=%s refused_before_pause=%s turned_back=%s syncs_lost=%s\n' \
	"$checks" "$(count refusal)" "$(count turned-back)" "$(count lost)"
[ "$(count lost)" = 0 ] || code=1
exit $code
