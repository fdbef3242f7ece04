#!/usr/bin/env bash
# Calls that the house does without, and words of unfinished work.
# shellcheck disable=SC2086 # the list of files is split on purpose
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
sources=$(git ls-files -co --exclude-standard '*.c' '*.h')
bad=0

hits=$(grep -nE '(^|[^_[:alnum:]])(strcpy|strcat|sprintf|vsprintf|gets|strtok|system|popen|atoi|atol)[[:space:]]*\(' $sources)
[ -z "$hits" ] || { printf 'banned calls:\n%s\n' "$hits"; bad=1; }
hits=$(git ls-files -co --exclude-standard '*.c' '*.h' '*.sh' '*.go' | grep -v checks/banned.sh | xargs grep -nwE 'TODO|FIXME|XXX|HACK')
[ -z "$hits" ] || { printf 'unfinished:\n%s\n' "$hits"; bad=1; }
hits=$(git ls-files -co --exclude-standard supervisor sync_client state | grep '\.[ch]$' | xargs wc -l | awk '$2 != "total" && $1 > 620')
[ -z "$hits" ] || { printf 'longer than 600 lines:\n%s\n' "$hits"; bad=1; }
exit $bad
