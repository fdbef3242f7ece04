#!/usr/bin/env bash
# An upgrade of one process in which an allocation fails, once or from then on:
# it goes on, or ends cleanly and resumably and says why; then the plain command
# finishes, and nothing was done twice.
#
# What fails are places in the code of syncup and of its libraries, see sites.c.
# Each world meets several of them, one failure after the other.  SEED=N takes
# the same order again; TIME is for how many seconds; FULL=1 tries all of them.
. "$(dirname "$0")/../../e2e/lib.sh"

SEED=${SEED:-1} # SEED=$RANDOM for another order
TIME=${TIME:-40}
[ -z "${FULL:-}" ] || TIME=1000000
WORKERS=3 # they mostly wait
LONG=150 # seconds: more than all patience of a run; who works on then never ends
MOST=5 # failures in one world before the plain command has its turn
BROKEN=$BUILD/tests/fault/memory/syncup-alloc
PLAIN=$SYNCUP
mkdir -p "$BUILD/worlds"
SHARED=$(mktemp -d "$BUILD/worlds/memory.XXXXXX")
trap 'rm -rf "$SHARED"' EXIT

world_without_memory() {
	simple_world light 1
	# A stop that may have been sent is not repeated before its patience is out.
	sed -i 's/ stop: 20/ stop: 4/; s/movement: 10/movement: 1/' "$W/fleet.yaml"
}

# "PLACE SKIP ON" for each failure to try.  Most of what jansson and libevent
# want comes through one place, so that one is taken often.
list_failures() {
	local place times
	world_without_memory
	export SYNCUP_ALLOC_SITES=$SHARED/sites
	SYNCUP=$BROKEN syncup run "$W/fleet.yaml"
	unset SYNCUP_ALLOC_SITES
	expect_code 0 "an undisturbed run"
	expect_upgraded
	# Children of syncup tell what they do, and not how often.
	while read -r place times; do
		printf '%s 0 0\n%s 0 1\n' "$place" "$place"
		[ "$times" -lt 3 ] || printf '%s %s 0\n' "$place" $((times / 2))
		for ((; times > 200; times -= 200)); do printf '%s %s 0\n' "$place" $((times - 100)); done
	done < <(sort -k1,1 -k2,2nr "$SHARED/sites" | awk '!seen[$1]++ { print $1, ($2 ? $2 : 0) }') |
		shuf --random-source=<(yes "$SEED") >"$SHARED/failures"
}

next_failure() { # sets REPLY; false: there is none, or the time is over
	local number
	[ $SECONDS -lt $((BEGUN + TIME)) ] || return 1
	exec 8>>"$SHARED/lock"
	flock 8
	number=$(($(cat "$SHARED/next" 2>/dev/null || printf 0) + 1))
	printf '%s\n' $number >"$SHARED/next"
	exec 8>&-
	REPLY=$(sed -n "${number}p" "$SHARED/failures")
	[ -n "$REPLY" ]
}

# One failure; the code is in CODE.  What may be wrong with it is all here.
run_broken() { # place skip on
	local what="allocation $2 at $1, on: $3"
	rm -f "$W/fired"
	local -a on=()
	[ "$3" = 0 ] || on=(SYNCUP_ALLOC_ON=1)
	CODE=0
	env SYNCUP_ALLOC_FAIL="$1" SYNCUP_ALLOC_SKIP="$2" SYNCUP_ALLOC_FIRED="$W/fired" "${on[@]}" \
		timeout -s KILL $LONG "$BROKEN" run "$W/fleet.yaml" >"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null || CODE=$?
	[ -e "$W/fired" ] || { [ "$CODE" = 0 ] || fail "exit $CODE, and nothing had failed: $what"; return 0; }
	printf '%s %s\n' "$CODE" "$what" >>"$SHARED/fired"
	case $CODE in
	0 | 8) ;;
	137) fail "it had not ended after $LONG s: $what" ;;
	3) # also of a run that is taken up again before its first pause
		[ "$(jq_journal '.kind == "intent" and .step == "pause"')" = 0 ] || fail "exit 3 in the middle of a run: $what"
		;;
	# libarchive crashed in a child, again and again, before anything was paused.
	9) [[ $1 == libarchive* && $3 = 1 ]] || fail "exit 9: $what" ;;
	*) fail "exit $CODE: $what" ;;
	esac
	[ "$CODE" = 0 ] || grep -qi -e memory -e libarchive -e decompression -e 'ended by signal' "$W/out.syncup.err" ||
		fail "it does not say why: $what"
	[ ! -e "$W/state/test/run.journal" ] || "$PLAIN" journal verify "$W/fleet.yaml" >"$W/out.verify" 2>&1 ||
		fail "the journal does not verify: $what"
}

expect_once() {
	expect_effects 1 '.event == "signal"'
	expect_effects 1 '.event == "paused"'
	expect_effects 1 '.event == "resumed"'
	expect_effects 1 ".event == \"started\" and .version == \"$TO\""
	[ -z "$(find "$W/root/versions" -name '.partial-*' 2>/dev/null)" ] || fail "a part of a version is left"
}

lap() { # one world
	local tries=0 retry=
	world_without_memory
	CODE=1
	while [ "$CODE" != 0 ] && [ "$CODE" != 9 ] && [ $tries -lt $MOST ] && next_failure; do
		read -ra REPLY <<<"$REPLY"
		run_broken "${REPLY[@]}"
		[ "$CODE" = 3 ] || tries=$((tries + 1))
	done
	if [ "$CODE" != 0 ]; then
		[ "$CODE" != 9 ] || retry=--retry
		syncup run ${retry:+"$retry"} "$W/fleet.yaml"
		expect_code 0 "the plain command"
	fi
	expect_upgraded
	expect_once
	"$PLAIN" journal verify "$W/fleet.yaml" >/dev/null || fail "the journal does not verify"
}

laps() {
	while [ $SECONDS -lt $((BEGUN + TIME)) ] && [ "$(cat "$SHARED/next" 2>/dev/null || printf 0)" -lt "$ALL" ]; do
		(lap)
	done
}

# The helper dies as libbson does when it has no memory: another is asked.
helper_dies() { # how many times
	local i
	world_without_memory
	# shellcheck disable=SC2016 # the helper's own
	printf '#!/bin/sh\nfor i in %s; do mkdir "%s/died.$i" 2>/dev/null && kill -ABRT $$; done\nexec "%s"\n' \
		"$(seq -s ' ' "$1")" "$W" "$SYNCUP_HELPER" >"$W/helper"
	chmod 700 "$W/helper"
	# The survey asks three times and refuses when nobody answers.
	for ((i = 0; i < $1; i++)); do
		SYNCUP_HELPER=$W/helper syncup run "$W/fleet.yaml"
		case $CODE in
		0) break ;;
		3 | 8) ;;
		*) fail "exit $CODE" ;;
		esac
		said "signal 6"
	done
	syncup run "$W/fleet.yaml"
	expect_code 0 "the plain command"
	expect_upgraded
	expect_once
}

# The real helper, in which libbson aborts; what is ours in it ends by itself.
# Three helpers fail, each at a place of its own, then they are well.
helper_without_memory() {
	local i place
	local -a places
	simple_world database 1
	cat >"$W/helper" <<-END
		#!/bin/sh
		for i in 1 2 3; do
			[ -s "$W/fail.\$i" ] && mkdir "$W/failed.\$i" 2>/dev/null || continue
			read -r SYNCUP_ALLOC_FAIL SYNCUP_ALLOC_SKIP <"$W/fail.\$i"
			SYNCUP_ALLOC_FIRED=$W/fired.\$i
			export SYNCUP_ALLOC_FAIL SYNCUP_ALLOC_SKIP SYNCUP_ALLOC_FIRED
			break
		done
		exec "$BUILD/tests/fault/memory/syncup-helper-alloc"
	END
	chmod 700 "$W/helper"
	SYNCUP_HELPER=$W/helper
	SYNCUP_ALLOC_SITES=$W/sites syncup plan "$W/fleet.yaml"
	expect_code 0 "plan"
	mapfile -t places < <(grep -E '^(libbson|syncup-helper-alloc)[^ ]*$' "$W/sites" | sort -u |
		shuf --random-source=<(yes "$SEED"))
	for i in 1 2 3; do
		place=${places[$((i % ${#places[@]}))]}
		[ $i != 1 ] || place=$(grep -m 1 '^libbson' "$W/sites")
		printf '%s %s\n' "${place%% *}" $((SEED * i % 3)) >"$W/fail.$i"
	done
	for i in 1 2 3 4; do
		syncup run "$W/fleet.yaml"
		case $CODE in
		0) break ;;
		3 | 8) said 'the helper|memory' ;;
		*) fail "exit $CODE" ;;
		esac
	done
	expect_code 0 "the plain command"
	[ -e "$W/fired.1" ] || fail "no helper failed"
	expect_upgraded
	expect_once
}

(list_failures)
ALL=$(wc -l <"$SHARED/failures")
BEGUN=$SECONDS
AT_ONCE=$WORKERS
for ((i = 0; i < WORKERS - 1; i++)); do scenario "laps" laps; done
scenario "the helper dies" helper_dies 4
if [ -x "$DATABASE" ]; then scenario "the helper has no memory" helper_without_memory; fi
scenarios_end
awk '{ count[$1]++ } END { for (code in count) printf "%s ended in %s, ", count[code], code }' "$SHARED/fired"
printf '%s of %s failures tried, SEED=%s\n' "$(wc -l <"$SHARED/fired")" "$ALL" "$SEED"
[ -s "$SHARED/fired" ]
