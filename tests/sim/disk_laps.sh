#!/usr/bin/env bash
# The power goes at some operation of a run; the state directory, and with the
# host also the install root, become one of the disks that may be left; the same
# command again.  Judged by the reference processes' own account: it ends
# upgraded, nobody got a second stop signal, nobody is left paused.
#
#     BUILD=... tests/sim/disk_laps.sh        # about 40 s, by SEED
#     LAPS=N BUILD=... tests/sim/disk_laps.sh # so many
#     FULL=1 BUILD=... tests/sim/disk_laps.sh # each operation, both hosts
#     LAP="AT HOST KILLED DISK" ...           # one of them again, as it printed
. "$(dirname "$0")/../e2e/lib.sh"

RECORDED=$BUILD/tests/sim/syncup-recorded
STATES=$BUILD/tests/sim/disk-states
LIGHT_HELPER=$BUILD/tests/sim/light-helper-recorded
SECONDS_MAX=${SECONDS_MAX:-40}
seed=${SEED:-1}

random() { # below $1, in REPLY; always the same for a SEED
	seed=$(((seed * 1103515245 + 12345) & 0x7fffffff))
	REPLY=$(((seed >> 8) % $1))
}

recorded() { # cut at operation $1 (and by RECORD_CUT_AFTER): exit code in CODE
	CODE=0
	{ RECORD_INTO=$W/trace RECORD_ROOTS=$W/state:$W/root:$W/bin RECORD_CUT_AT=$1 \
		"$RECORDED" run "$W/fleet.yaml" >"$W/out.recorded" 2>&1 </dev/null || CODE=$?; } 2>/dev/null
}

end_recorded() { # whoever recorded and did not meet the cut itself
	local pid
	# shellcheck disable=SC2013 # the words are pids
	for pid in $(cut -f1 "$W/trace/trace" | sort -u); do
		case $(readlink "/proc/$pid/exe" 2>/dev/null) in
		*-recorded) kill -KILL "$pid" 2>/dev/null || true ;;
		esac
	done
}

host_dies() {
	local name pid
	for name in "${NAMES[@]}"; do
		! pid=$(pid_of "$name") || kill -KILL "$pid"
		until_true 10 eval "! pid_of $name >/dev/null" || fail "$name does not die"
	done
}

# Where no run is under way people start their syncs after a reboot.
is_under_way() { # a torn last line may follow
	[ -s "$W/state/test/run.journal" ] && ! grep -aq '"kind":"end"' "$W/state/test/run.journal"
}

people_start() {
	local name
	for name in "${NAMES[@]}"; do launch "$name"; done
	for name in "${NAMES[@]}"; do
		until_true 30 eval "[ \"\$(state_of $name)\" != '?' ]" || fail "$name does not come up"
	done
}

prepared_world() {
	simple_world light 2
	mkdir "$W/trace" "$W/left" "$W/left/state" "$W/left/root" "$W/left/bin"
	"$STATES" prepare "$W/trace" "$W/state:$W/root:$W/bin"
}

# Processes on another host keep their run files, and their host its disk.
put_state() {
	find "$W/state" -name '*.run' -exec mv {} "$W/left/" \;
	rm -rf "$W/state"
	mv "$W/left/state" "$W/state"
	if [ "$1" = other ]; then
		[ ! -d "$W/state/test" ] || find "$W/left" -maxdepth 1 -name '*.run' -exec mv {} "$W/state/test/" \;
	else
		rm -rf "${W:?}/root" "${W:?}/bin"
		mv "$W/left/root" "$W/root"
		mv "$W/left/bin" "$W/bin"
	fi
}

second_signals() { # processes that got more than one
	jq -sc '[.[] | select(.event == "signal")] | group_by(.pid) | map(select(length > 1)) | length' "$EFFECTS"
}

# Killed right behind such a change, before it is synced, and taken up again at
# once from what the kernel still has: it is found done.  Then the power goes.
# What a line of the trace has in it, and which of those lines it is: claims,
# the version, the link (adopted, held, switched), the copy and its mark, the
# last claim's end.
UNSYNCED=(- $'\tshard0.json 1' $'mongosync.json 2' $'\t1.13.0 1'
	$'\tmongosync 3' $'\tmongosync 5' $'\tmongosync 6'
	$'.partial\t 1' $'\tsettled 1' $'unlink\t 3')

killed() { # index of UNSYNCED: runs until it dies there
	RECORD_CUT_AFTER=${UNSYNCED[$1]% *} RECORD_CUT_MATCH=${UNSYNCED[$1]##* } recorded 0
	[ "$CODE" = 137 ] || fail "exit $CODE, it did not die behind ${UNSYNCED[$1]}"
	end_recorded
}

lap() { # operation, host (same|other), killed before (index), disk or ""
	local at=$1 host=$2 killed=$3 number=$4 count what
	prepared_world
	if [ "$killed" != 0 ]; then
		killed "$killed"
		at=$(($("$STATES" count "$W/trace") + at))
		number=${number:-0}
	fi
	recorded "$at"
	[ "$CODE" = 137 ] || [ "$CODE" = 0 ] || fail "exit $CODE before operation $at"
	end_recorded
	[ "$host" = other ] || host_dies
	"$STATES" list "$W/trace" >"$W/disks"
	count=$(wc -l <"$W/disks")
	[ -n "$number" ] || { random "$count"; number=$REPLY; }
	what=$(sed -n "$((number + 1))s/[0-9]* //p" "$W/disks")
	"$STATES" write "$W/trace" "$number" "$W/left/state" "$W/left/root" "$W/left/bin"
	put_state "$host"
	[ "$host" = other ] || is_under_way || people_start
	what="LAP=\"$1 $host $killed $number\" ($what, of $count)"
	syncup run "$W/fleet.yaml"
	expect_code 0 "$what"
	expect_upgraded
	[ "$(second_signals)" = 0 ] || fail "a second stop signal: $what"
	"$SYNCUP" journal verify "$W/fleet.yaml" >/dev/null || fail "the journal does not verify: $what"
	# What is left must not look like a run that is lost.
	syncup run "$W/fleet.yaml"
	expect_code 0 "once more: $what"
	printf 'ok %s\n' "$what"
}

if [ -n "${LAP:-}" ]; then
	read -r at host killed number <<<"$LAP"
	(lap "$at" "$host" "$killed" "$number")
	exit
fi

all=$( (prepared_world; recorded 0; [ "$CODE" = 0 ] || fail "exit $CODE undisturbed"; "$STATES" count "$W/trace") )
laps=0 begun=$SECONDS
one_lap() { # operation, host, killed before
	random 1000000
	SEED=$REPLY seed=$REPLY scenario "a power cut at operation $1, processes on the $2 host, killed before: ${UNSYNCED[$3]}" lap "$1" "$2" "$3" ""
	laps=$((laps + 1))
}
if [ -n "${FULL:-}" ]; then
	for ((at = 1; at <= all; at++)); do
		one_lap "$at" same 0
		one_lap "$at" other 0
	done
	for ((at = 1; at < ${#UNSYNCED[@]}; at++)); do
		for after in 2 10 30 90 1000; do
			one_lap "$after" same "$at"
		done
	done
else
	while [ "$laps" -lt "${LAPS:-1000000}" ] && { [ -n "${LAPS:-}" ] || [ $((SECONDS - begun)) -lt "$SECONDS_MAX" ]; }; do
		random "$all"
		at=$((REPLY + 1))
		random 2
		host=same
		[ "$REPLY" = 0 ] || host=other
		random 3
		if [ "$REPLY" = 0 ]; then
			random $((${#UNSYNCED[@]} - 1))
			killed=$((REPLY + 1))
			random 40
			one_lap "$((REPLY + 1))" same "$killed"
		else
			one_lap "$at" "$host" 0
		fi
	done
fi
while [ ${#SCENARIO[@]} -gt 0 ]; do scenario_end; done
took=$((SECONDS - begun))
printf 'disk_laps=%s operations=%s wrong=%s seed=%s seconds=%s\n' \
	"$laps" "$all" "$SCENARIOS_FAILED" "${SEED:-1}" "$took"
[ "$SCENARIOS_FAILED" = 0 ]
