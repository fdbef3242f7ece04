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
# And who tells is confined like them; where each writes is its own.
hardening() { section "$1" | sed -n '/^NoNewPrivileges=/,$p' | grep -v '^ReadWritePaths='; }
diff <(hardening "$units/syncup@.service") <(hardening "$units/syncup-failed@.service") ||
	wrong "syncup-failed@.service may do something else than syncup@.service"
diff <(sed -n '/^\[Unit\]/,$p' "$units/syncup-failed@.service" | grep -v '^#') \
	<(sed -n '/^\[Unit\]/,$p' "$units/syncup-continue-failed@.service" | grep -v '^#') ||
	wrong "the two units that tell of a failure differ"
# Each of its own, or systemd does not say which it was.
for unit in syncup syncup-continue; do
	grep -qx "OnFailure=$unit-failed@%i.service" "$units/$unit@.service" ||
		wrong "$unit@.service: nobody is told when it has failed for good"
done
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
