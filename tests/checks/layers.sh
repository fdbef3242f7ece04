#!/usr/bin/env bash
# Who may use whom: state uses nothing of ours; sync_client of state only err, sys
# and atomic_file; report and cli never look into the engine; steps never call
# each other's files; libmongoc is in the helper alone.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
bad=0

forbid() { # why, pattern, files...
	local why=$1 pattern=$2 hits
	shift 2
	hits=$(git ls-files -co --exclude-standard "$@" | grep '\.[ch]$' | xargs -r grep -nE "$pattern" /dev/null)
	[ -z "$hits" ] || { printf '%s:\n%s\n' "$why" "$hits"; bad=1; }
}

forbid "state/ knows nothing of ours" '#include "(sync_client|supervisor)/' state
forbid "sync_client/ uses only err, sys, atomic_file and cleanup of state/" \
	'#include "(supervisor/|state/(lock|record|journal|run_state|replay|temp_file))' sync_client
forbid "report/ and cli/ read run_state, not the engine's insides" \
	'#include "supervisor/engine/(internal|book)\.h"' supervisor/report supervisor/cli supervisor/steps supervisor/plan
forbid "a procedure is pure" '#include "(state/(sys|atomic_file|journal)|sync_client/http|supervisor/(process/(proc|spawn)|engine/(helper|child)))' \
	supervisor/plan/mongosync.c supervisor/plan/group.c supervisor/plan/preflight.c
forbid "libmongoc is held by the helper alone" '#include <(mongoc|bson)' state supervisor/cli supervisor/engine supervisor/fleet \
	supervisor/host supervisor/install supervisor/plan supervisor/process supervisor/report supervisor/steps
exit $bad
