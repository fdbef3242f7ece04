#!/usr/bin/env bash
# clang-format 14 has nothing to change.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format-14 --dry-run -Werror 2>&1 | head -n 20
exit "${PIPESTATUS[1]}"
