#!/usr/bin/env bash
# The scripts by shellcheck, the words by codespell.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
bad=0
git ls-files -co --exclude-standard '*.sh' .ci/run | xargs -P "$(nproc)" -n 8 shellcheck -x -S warning || bad=1
git ls-files -co --exclude-standard '*.c' '*.h' '*.md' '*.sh' '*.txt' '*.go' | xargs codespell || bad=1
exit $bad
