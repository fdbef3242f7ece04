#!/usr/bin/env bash
# clang compiles all of ours without a warning, and cppcheck finds nothing.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
dir=build/clang
cmake -S . -B $dir -G Ninja -DCMAKE_C_COMPILER=clang-14 -DCMAKE_C_COMPILER_LAUNCHER=ccache \
	-DSYNCUP_WERROR=ON >$dir.log 2>&1 || { cat $dir.log; exit 1; }
cmake --build $dir -- --quiet || exit 1
cppcheck --quiet --error-exitcode=1 --enable=warning,portability --std=c11 -j 2 -D_GNU_SOURCE \
	--suppress=missingIncludeSystem --suppressions-list=tests/checks/cppcheck.txt -I . state sync_client supervisor
