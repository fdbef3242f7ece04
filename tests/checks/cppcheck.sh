#!/usr/bin/env bash
# cppcheck finds nothing but what cppcheck.txt lists, with reasons.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
mkdir -p build/cppcheck
cppcheck --quiet --error-exitcode=1 --enable=warning,portability --std=c11 -j "$(nproc)" -D_GNU_SOURCE \
	--cppcheck-build-dir=build/cppcheck --suppress=missingIncludeSystem \
	--suppressions-list=tests/checks/cppcheck.txt -I . state sync_client supervisor
