#!/usr/bin/env bash
# The model of the protocol: the right one must pass, searched to its end, and
# each planted mistake must be found.
#
#   tests/model/check.sh            all of it
#   BUDGET="KILLS=2" tests/model/check.sh right    one search, of your own
set -uo pipefail
cd "$(dirname "$0")" || exit 1
top=$(cd ../.. && pwd)
command -v spin >/dev/null || { printf 'model: spin is not installed\n' >&2; exit 1; }
work=$(mktemp -d "${BUILD:-/tmp}/model.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
model=$PWD/sync_upgrade.pml
begun=$SECONDS bad=0 states=0 mistakes=0 found=0

# Budgets; "-l" looks for runs that do not end as well.
right=("-l KILLS=1" "-l LOST=1" "-l DEATHS=1" "HOSTS=1" "ASKS=1" "DEATHS=1 RESTARTS=1" "LOST=2")
# Mistake, and with what budget it is found.
planted=("DONE_BEFORE_EFFECT ASKS=1" "INTENT_AFTER_EFFECT KILLS=1" "NO_HOLD RESTARTS=1"
	"RESUME_FOUND" "SYNC_SKIPPED HOSTS=1" "REPEAT_WITHOUT_QUIET KILLS=1" "NO_LOOK_AGAIN HOSTS=1"
	"NO_PROOF" "NO_LANDING ASKS=1" "NOT_OURS_NOT_LOOKED_AT HOSTS=1"
	"CLAIM_NOT_TAKEN_AGAIN -l HOSTS=1")

search() { # where, arguments and budgets
	local folder=$work/$1 word verifier=./safety
	local -a with=() args=(-m60000)
	shift
	for word in "$@"; do
		case $word in
		-l) verifier=./cycles args+=(-l) ;;
		*) with+=("$word") ;;
		esac
	done
	mkdir -p "$folder"
	(cd "$folder" && env "${with[@]+"${with[@]}"}" nice ".$verifier" "${args[@]}") >"$folder/out" 2>&1
}

figure() { # out, what
	case $2 in
	states) sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' "$1" ;;
	depth) sed -n 's/.*depth reached \([0-9]*\),.*/\1/p' "$1" ;;
	seconds) sed -n 's/^pan: elapsed time \([0-9.e+-]*\) seconds/\1/p' "$1" ;;
	esac
}

must_pass() {
	local out=$work/right/out
	# shellcheck disable=SC2086 # words
	search right $1
	printf 'right: %-22s states=%s depth=%s seconds=%s\n' "$1" "$(figure "$out" states)" \
		"$(figure "$out" depth)" "$(figure "$out" seconds)"
	if ! grep -q 'errors: 0$' "$out" || grep -qE 'Search not completed|max search depth too small|aborting|out of memory' "$out"; then
		bad=$((bad + 1))
		grep -E 'pan:1|errors|not completed|too small|memory' "$out"
		# shellcheck disable=SC2086 # words
		(cd "$work/right" && env ${1//-l/} "$([[ $1 = *-l* ]] && echo ../cycles || echo ../safety)" -r sync_upgrade.pml.trail 2>/dev/null |
			grep -oE '^ *((intent|done|failed|reopen|halt) [0-9]|turn$|taken up|what follows|process [01] |power cut|rollback is|the supervisor dies).*|START OF CYCLE' | tail -n 60)
	fi
	states=$((states + $(figure "$out" states)))
}

must_find() { # name, arguments and budgets
	local name=$1 number
	shift
	number=$(sed -n "s/^#define $name \\([0-9]*\\)\$/\\1/p" sync_upgrade.pml)
	mistakes=$((mistakes + 1))
	search planted "MISTAKE=${number:?$name}" "$@"
	if grep -q 'errors: [1-9]' "$work/planted/out"; then
		found=$((found + 1))
		printf 'found: %-24s states=%s\n' "$name" "$(figure "$work/planted/out" states)"
	else
		printf 'NOT FOUND: %s with %s\n' "$name" "$*"
	fi
}

# The README names functions of the code; they must be there.
names() {
	local file name
	while read -r file name; do
		grep -qE "^(static |bool |void |int |struct |json_t |enum |const ).*\\b$name\\(|^[a-z].* \\*?$name\\(" "$top/$file" || {
			printf 'README.md: %s has no function %s\n' "$file" "$name"
			bad=$((bad + 1))
		}
	done < <(sed -nE 's/^\| `([a-z_/]+\.c)` \| ([^|]*) \|.*/\1 \2/p' README.md |
		while read -r file list; do for name in ${list//[\`,]/}; do printf '%s %s\n' "$file" "$name"; done; done)
}

names
(cd "$work" && spin -a "$model" >spin.out 2>&1) || { cat "$work/spin.out"; exit 1; }
# Optimised it is twice as fast, and compiled twenty times as slowly.
(cd "$work" && gcc -O0 -w -DCOLLAPSE -DSAFETY -DMEMLIM=3000 -o safety pan.c &&
	gcc -O0 -w -DCOLLAPSE -DNP -DMEMLIM=3000 -o cycles pan.c) || exit 1
if [ "${1:-}" = right ]; then
	right=("${BUDGET:-KILLS=1}") planted=()
fi
for one in "${right[@]}"; do must_pass "$one"; done
for one in "${planted[@]}"; do
	# shellcheck disable=SC2086 # words
	must_find $one
done
printf 'model: %s s\n' $((SECONDS - begun))
printf 'model: states=%s errors=%s mistakes=%s found=%s\n' $states $bad $mistakes $found
[ $bad -eq 0 ] && [ $found -eq $mistakes ]
