#!/usr/bin/env bash
# cppcheck finds nothing but what cppcheck.txt lists, with reasons.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
mkdir -p build/cppcheck
# The loops of sys/queue.h are macros, and it does not look for system headers.
queue=$(cc -M -x c - <<<'#include <sys/queue.h>' | grep -o '/[^ ]*sys/queue\.h')
cppcheck --include="$queue" --quiet --error-exitcode=1 --enable=warning,portability --std=c11 -j "$(nproc)" -D_GNU_SOURCE \
	--cppcheck-build-dir=build/cppcheck --suppress=missingIncludeSystem \
	--suppressions-list=tests/checks/cppcheck.txt -I . state sync_client supervisor
