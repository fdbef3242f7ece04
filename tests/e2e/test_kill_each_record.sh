#!/usr/bin/env bash
# The supervisor dies where it writes, and where it acts; then the plain command
# again, and the end is the same as without a death: nothing done twice, nobody
# left behind.
#
# The places are the crash points of a test build.  A sample is taken that has
# every name of them at least once: SEED=N takes the same again, FULL=1 all.
. "$(dirname "$0")/lib.sh"

SEED=${SEED:-1} # SEED=$RANDOM for another sample
AT_ONCE=$((AT_ONCE * 2)) # they mostly wait
mkdir -p "$BUILD/worlds"
KILLS=$(mktemp -d "$BUILD/worlds/kills.XXXXXX") # what the laps share
trap 'rm -rf "$KILLS"' EXIT

world_to_die_in() { # version to upgrade to
	simple_world light 2
	TO=$1
	fleet
	# A stop that may have been sent is not repeated before its patience is out.
	sed -i 's/ stop: 20/ stop: 4/; s/movement: 10/movement: 1/' "$W/fleet.yaml"
	# It is the supervisor that dies, and what it forked; not its helper.
	printf '#!/bin/sh\nunset SYNCUP_CRASH_AT SYNCUP_CRASH_ON SYNCUP_CRASH_LOG\nexec "%s"\n' \
		"$SYNCUP_HELPER" >"$W/helper"
	chmod 700 "$W/helper"
	SYNCUP_HELPER=$W/helper
}

undisturbed() { # version, exit code, name for what it leaves in $KILLS
	world_to_die_in "$1"
	SYNCUP_CRASH_LOG=$KILLS/$3.points syncup run "$W/fleet.yaml"
	expect_code "$2" "an undisturbed run"
	remains >"$KILLS/$3.remains"
}

# What lies there in the end, but for names that differ from run to run.  What
# a death may leave beside it is harmless: the journal before the last
# continuation, temporary files, a hold that nothing points to, and, on the way
# back, the note of a link that is none any more.
remains() { # [what else is harmless]
	(cd "$W" && find root state bin -printf '%y %p %l\n') |
		sed -E "s,$W,,; s/[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}(-test-[0-9]+)?/RUN/
			s,(links/)[0-9a-f]{16},\1LINK," |
		grep -vE "/run\.journal\.prev |/\.[^/]*\.tmp-[0-9a-f]{8} |/\.hold-RUN${1:+|$1}" | sort -u
}

# die AT number | die ON name: the supervisor dies there.  If it is a child of it
# that comes there, both die, as by a loss of power.  False: it never came there.
die() {
	local code=0 pid pattern="^$2 "
	[ "$1" = AT ] || pattern="^[0-9]+ $2\$"
	rm -f "$W/points"
	env "SYNCUP_CRASH_$1=$2" SYNCUP_CRASH_LOG="$W/points" "$SYNCUP" run "$W/fleet.yaml" \
		>"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null &
	pid=$!
	{
		while kill -0 $pid; do
			if grep -qsE "$pattern" "$W/points"; then kill -KILL $pid || true; fi
			sleep 0.1
		done
		wait $pid || code=$?
	} 2>/dev/null
	grep -sE "$pattern" "$W/points" | cut -d' ' -f2- >>"$KILLS/died" || return 1
	[ $code = 137 ] || fail "exit $code, it did not die at: $2"
}

# What happened to each process, by its own account.
expect_history() { # paused, signals, starts of FROM, resumed, starts of TO
	jq -sce --arg from "$FROM" --arg to "$TO" --argjson expected "[$(IFS=,; printf '%s' "$*")]" '
		def count(f): map(select(f)) | length;
		group_by(.id) | map([count(.event == "paused"), count(.event == "signal"),
			count(.event == "started" and .version == $from), count(.event == "resumed"),
			count(.event == "started" and .version == $to)]) |
		., (length == 2 and all(.[]; .[:($expected | length)] == $expected))' \
		"$EFFECTS" >"$W/out.history" || fail "not $* for each process, but $(head -n 1 "$W/out.history")"
}

expect_same_end() { # name of the undisturbed run, [what else is harmless]
	"$SYNCUP" journal verify "$W/fleet.yaml" >/dev/null || fail "the journal does not verify"
	remains "${2:-}" | diff "$KILLS/$1.remains" - >"$W/out.diff" || fail "something else is left"
}

forward_again() {
	syncup run "$W/fleet.yaml"
	expect_code 0 "the plain command again"
	expect_upgraded
	expect_history 1 1 1 1 1
	expect_effects 1 '.event == "migrated"'
	# A request whose answer was lost may be sent again.
	jq -se '[.[] | select(.method == "POST") | [.id, .path]] | group_by(.) | all(.[]; length <= 2)' \
		"$EFFECTS" >/dev/null || fail "asked more than twice"
	expect_same_end forward
}

# A place that is not reached is no failure: what was missed is seen to below.
forward_lap() { # AT number or ON name, perhaps again for the recovery
	world_to_die_in 1.13.0
	while [ $# -gt 0 ]; do
		die "$1" "$2" || true
		shift 2
	done
	forward_again
}

back_lap() { # AT number or ON name
	world_to_die_in 1.14.0
	die "$1" "$2" || true
	syncup run "$W/fleet.yaml"
	expect_code 9 "the plain command again, on the way back"
	expect_back
	expect_history 1 1 2 1
	expect_effects 0 '.event == "migrated"'
	expect_same_end back links/LINK
}

# One "number name" for each name; which of its occurrences, the seed decides.
sample() {
	awk -v seed="$SEED" '{ line = $0; sub(/^[0-9]+ /, ""); at[$0, count[$0]++] = line }
		END { for (name in count) print at[name, seed % count[name]] }' "$1" | sort -n
}

names() { cut -d' ' -f2- "$1" | sort -u; }

scenario "an upgrade without deaths" undisturbed 1.13.0 0 forward
scenario "a way back without deaths" undisturbed 1.14.0 9 back
scenarios_end

# The way back begins with the second hold.
awk '/before hold/ { holds++ } holds == 2' "$KILLS/back.points" >"$KILLS/back.half"

if [ "${FULL:-}" ]; then
	mapfile -t numbers < <(cut -d' ' -f1 "$KILLS/forward.points" | sort -nu)
	for n in "${numbers[@]}"; do scenario "killed at point $n" forward_lap AT "$n"; done
	back=$(cut -d' ' -f1 "$KILLS/back.half" | sort -nu)
else
	# One half by number, the other half by name in the recoveries.  Those of
	# children are in the first: two deaths of a child are a failed step.
	mapfile -t places < <(sample "$KILLS/forward.points" | grep ' install:' &&
		sample "$KILLS/forward.points" | grep -v ' install:')
	half=$(((${#places[@]} + 1) / 2))
	for ((i = 0; i < half; i++)); do
		n=${places[i]%% *} name=${places[i + half]:-1 write}
		name=${name#* }
		scenario "killed at point $n, then at: $name" forward_lap AT "$n" ON "$name"
	done
	back=$(sample "$KILLS/back.half" | awk -v seed="$SEED" 'NR % 8 == seed % 8 { print $1 }')
fi
for n in $back; do scenario "killed at point $n, on the way back" back_lap AT "$n"; done
for name in "before restore" "after restore" "before unadopt" "after unadopt"; do
	scenario "killed at: $name" back_lap ON "$name"
done
scenarios_end

# Numbers shift a little from run to run: what was missed is taken by name.
names "$KILLS/forward.points" | grep -vxFf "$KILLS/died" >"$KILLS/missed" || true
while read -r name; do
	scenario "killed at: $name" forward_lap ON "$name"
done <"$KILLS/missed"
scenarios_end
! names "$KILLS/forward.points" | grep -vxFf "$KILLS/died" || { printf "FAIL: no death there\n" >&2; exit 1; }
printf 'seed=%s points=%s names=%s deaths=%s\n' "$SEED" "$(wc -l <"$KILLS/forward.points")" \
	"$(names "$KILLS/forward.points" | wc -l)" "$(wc -l <"$KILLS/died")"
