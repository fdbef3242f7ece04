#!/usr/bin/env bash
# clang compiles all of ours, tests included, without a warning.  (gcc does so in
# build/tests; whether it links is gcc's affair.)
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/checks/commands.bash
configure clang -DCMAKE_C_COMPILER=clang-14 -DSYNCUP_WERROR=ON || exit 1
ninja -C build/clang -t targets all | sed -n 's/: C_COMPILER__.*//p' |
	xargs ninja -C build/clang --quiet
