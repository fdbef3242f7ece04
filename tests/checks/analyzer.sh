#!/usr/bin/env bash
# gcc's -fanalyzer finds nothing in what is shipped but the false alarms that
# analyzer.txt lists, and still finds these.  The compiler cache remembers what
# it has looked at.  Of test code gcc 12 has more false alarms than it is worth;
# the sanitizers, valgrind and clang-tidy look at that.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/checks/commands.bash
configure analyzer -DSYNCUP_TESTS=OFF || exit 1
listed=tests/checks/analyzer.txt
found=build/analyzer.found

# "FILE FUNCTION WARNING LINE..."; what gcc has inlined counts for whom it was
# inlined into.
look() { # file, command, directory
	local object=$3/analyzed-${1//\//+}.o
	(cd "$3" && eval "ccache ${2/ -o * -c / -fanalyzer -fdiagnostics-path-format=none -fno-diagnostics-show-caret -o "$object" -c }") 2>&1 |
		LC_ALL=C awk -v file="$1" '
			/In function / || /inlined from / {
				match($0, /(function|from) .[^\47]*/)
				split(substr($0, RSTART, RLENGTH), part, "\47")
				name = part[2]
			}
			match($0, /-W(error=)?analyzer-[a-z-]+/) {
				kind = substr($0, RSTART, RLENGTH)
				sub(/.*analyzer-/, "", kind)
				print file, name, kind, $0
				next
			}
			/ error: / { print file, "?", "error", $0 }'
}
export -f look
export LC_ALL=C
each_file analyzer look | sort -u >"$found"

mapfile -t alarms < <(grep '^[^#]' "$listed")
used=() bad=0
while read -r file function kind said; do
	known=
	for i in "${!alarms[@]}"; do
		# shellcheck disable=SC2053 # it is a pattern
		[[ "$file $function $kind" == ${alarms[i]} ]] && used[i]=1 known=1
	done
	[ -n "$known" ] || { printf '%s, %s(): %s\n' "$file" "$function" "$said"; bad=1; }
done <"$found"
for i in "${!alarms[@]}"; do
	[ -n "${used[i]:-}" ] || { printf '%s: nothing fits any more: %s\n' "$listed" "${alarms[i]}"; bad=1; }
done
exit $bad
