#!/usr/bin/env bash
# The supervisor dies once at each point that has a name of its own: where it
# writes, syncs, renames, acts, looks and starts children, forward and back; then
# the plain command again, and the end is the same as without a death.
# tests/sim/README.md says how that is judged; here the sanitizers look on.
set -euo pipefail
exec "${BUILD:?the build tree}/tests/sim/laps" --build "$BUILD" --jobs "$((4 * $(nproc)))" names
