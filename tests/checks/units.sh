#!/usr/bin/env bash
# The systemd units are what systemd takes for good, and as closed as they say;
# the catalog explains each event, and nothing else.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
units=deploy/systemd
bad=0
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

wrong() { printf '%s\n' "$*"; bad=1; }

# The program is not installed here.
for unit in "$units"/*.service "$units"/*.timer; do
	sed 's|^ExecStart=/usr/bin/syncup |ExecStart=/bin/true |' "$unit" >"$dir/${unit##*/}"
done
said=$(systemd-analyze verify --man=no "$dir"/*.service "$dir"/*.timer 2>&1) && [ -z "$said" ] ||
	wrong "systemd-analyze verify: $said"
for unit in "$dir"/*.service; do
	said=$(systemd-analyze security --offline=yes --threshold=20 "$unit" 2>&1) ||
		wrong "${unit##*/}: $(tail -n 1 <<<"$said")"
done

# What is written twice is written alike.
section() { sed -n '/^\[Service\]/,/^\[Install\]/p' "$1" | grep -vE '^(#|\[|ExecStart=|$)'; }
diff <(section "$units/syncup@.service") <(section "$units/syncup-continue@.service") ||
	wrong "[Service] of the two services differs"
# A person has to act first: as supervisor/cli/README.md says.
grep -qx 'RestartPreventExitStatus=2 3 4 5 6 7 9' "$units/syncup@.service" ||
	wrong "syncup@.service: other exit codes start it again"

diff <(sed -n 's/^#define EVENT_ID_[A-Z_]* "\([0-9a-f]\{32\}\)"$/\1/p' supervisor/report/event_ids.h | sort) \
	<(sed -n 's/^-- \([0-9a-f]\{32\}\)$/\1/p' "$units/syncup.catalog" | sort) ||
	wrong "event_ids.h (<) and syncup.catalog (>) name different events"
mkdir -p "$dir/usr/lib/systemd/catalog" "$dir/var/lib/systemd/catalog"
cp "$units/syncup.catalog" "$dir/usr/lib/systemd/catalog/"
said=$(journalctl --root="$dir" --update-catalog 2>&1) && [ -z "$said" ] ||
	wrong "syncup.catalog: $said"
# Each says what it is, and what to type or that nothing has to be done.
awk -v RS= '/^-- /{ if ($0 !~ /\nSubject: .+\nDefined-By: syncup\n/) print "no subject: " $2 }' \
	"$units/syncup.catalog" | grep . && bad=1
[ "$(grep -c '^Subject: ' "$units/syncup.catalog")" = "$(grep -c '^-- ' "$units/syncup.catalog")" ] ||
	wrong "syncup.catalog: not one subject for each event"
exit $bad
