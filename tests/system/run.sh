#!/usr/bin/env bash
# Runs every test on the bench, and adds up what they did.  The last line is:
#   system: hosts=<n> processes=<n> upgrades=<n> cuts=<n> reboots=<n> failed=<n> skipped=<n>
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$top/build/tests}
counts=$build/tests/system
export DATABASE=${DATABASE:-$top/build/database}

rm -f "$counts"/*.counts # what an earlier run did, does not count now
log=$(mktemp)
trap 'rm -f "$log"' EXIT
(cd "$build" && ctest -L '^system$' -j "$(nproc)" --output-on-failure --no-tests=error) | tee "$log"
code=${PIPESTATUS[0]}
failed=$(sed -n 's/.*, \([0-9]*\) tests failed out of [0-9]*$/\1/p' "$log")
[ "$code" = 0 ] || [ "${failed:-0}" -gt 0 ] || failed=1

sum() { cat "$counts"/*.counts 2>/dev/null | awk -v what="$1" '$1 == what { n += $2 } END { print n + 0 }'; }
printf 'system: hosts=%s processes=%s upgrades=%s cuts=%s reboots=%s failed=%s skipped=%s\n' \
	"$(sum hosts)" "$(sum processes)" "$(sum upgrades)" "$(sum cuts)" "$(sum reboots)" "${failed:-0}" "$(sum skipped)"
[ "${failed:-0}" = 0 ] && [ "$code" = 0 ]
