#!/usr/bin/env bash
# clang-tidy 14 finds nothing in any C file of ours: .clang-tidy says what it
# looks for, what not, and why not.
#
# A file is looked at again when what the preprocessor makes of it, the command
# that compiles it, or one of the lists has changed: build/tidy remembers.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/checks/commands.bash
configure clang -DCMAKE_C_COMPILER=clang-14 -DSYNCUP_WERROR=ON || exit 1
mkdir -p build/tidy
lists=$(find . -path ./build -prune -o -name .clang-tidy -print | LC_ALL=C sort | xargs cat && clang-tidy-14 --version)
export lists

look() { # file, command, directory
	local stamp=build/tidy/${1//\//+} sum
	sum=$({
		printf '%s\n' "$lists" "$2"
		cd "$3" && eval "${2/ -o * -c / -E -C }"
	} | sha256sum)
	[ "$sum" != "$(cat "$stamp" 2>/dev/null)" ] || return 0
	if clang-tidy-14 --quiet -p build/clang "$1" 2>"$stamp.err"; then
		printf '%s\n' "$sum" >"$stamp"
		return 0
	fi
	grep -v 'warnings\? generated\.$' "$stamp.err"
	return 1
}
export -f look
each_file clang look
