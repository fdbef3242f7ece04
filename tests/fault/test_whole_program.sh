#!/usr/bin/env bash
# A system call of the whole program fails: the supervisor's, that of what it
# forks, or its helper's.  It ends with the resumable code, or gets over it; a
# failed sync always ends it, and is never tried again.  Then the plain command
# finishes: nothing done twice, nobody left behind.
#
# A sample is taken of the calls that an undisturbed upgrade makes, so that each
# place that calls has its turn: SEED=N takes the same again, FULL=1 takes all.
. "$(dirname "$0")/../e2e/lib.sh"

SEED=${SEED:-1} # SEED=$RANDOM for another sample
LAPS=${LAPS:-20} # and half as many that begin with a death
AT_ONCE=${AT_ONCE_FAULTS:-4} # they mostly wait
FAILING=$BUILD/tests/fault/failing-syncup
mkdir -p "$BUILD/worlds"
SHARED=$(mktemp -d "$BUILD/worlds/faults.XXXXXX") # what the laps share
trap 'rm -rf "$SHARED"' EXIT

world_to_fail_in() {
	ON_FAILURE=stop simple_world light 1
	sed -i 's/ stop: 20/ stop: 4/; s/movement: 10/movement: 1/' "$W/fleet.yaml"
}

# faulty [fault]: its code in CODE, what fired in $W/fired
faulty() {
	CODE=0
	rm -f "$W/calls"
	: >"$W/fired"
	env ${1:+SYSFAULT="$1"} SYSFAULT_STATE="$W/calls" SYSFAULT_LOG="$W/fired" \
		SYNCUP_HELPER="$BUILD/tests/fault/failing-helper" "${@:2}" \
		"$FAILING" run "$W/fleet.yaml" >"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null || CODE=$?
	! grep -qE 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$W/out.syncup.err" ||
		fail "a sanitizer complained about $1"
}

# The calls of a run, and which place of the program each one is: that shows in
# what it works on, without random names.  Directories on the way to the world
# are one place.
places() { # name
	sed -E "s,$W,,; s/[0-9a-f]{6,}/X/g; s/[0-9]{8}T[0-9]{6}Z/T/g
		s, (${W//\//|}|/|${BUILD%/*}[^ ]*)\$, above," "$SHARED/trace" >"$SHARED/$1"
}

undisturbed() {
	world_to_fail_in
	faulty '' SYSFAULT_TRACE="$SHARED/trace"
	expect_code 0 "an undisturbed run"
	expect_end
	places first
}

continued() {
	world_to_fail_in
	die_at "before hold"
	rm -f "$SHARED/trace"
	faulty '' SYSFAULT_TRACE="$SHARED/trace"
	expect_code 0 "an undisturbed run that goes on after a death"
	expect_end
	places again
}

expect_end() {
	expect_upgraded
	expect_effects 1 '.event == "paused"'
	expect_effects 1 '.event == "signal"'
	expect_effects 1 '.event == "resumed"'
	expect_effects 1 ".event == \"started\" and .version == \"$TO\""
	"$SYNCUP" journal verify "$W/fleet.yaml" >/dev/null || fail "the journal does not verify"
}

check_ending() { # fault
	if [ ! -s "$W/fired" ]; then
		expect_code 0 "no call failed, with $1"
		return
	fi
	case $CODE in
	0 | 6 | 8) ;;
	3) # refused, and so it must be
		said 'refused before anything was touched|has paused nothing yet'
		[ "$(jq_journal '.kind == "intent" and .step == "pause"')" = 0 ] || fail "refused, and begun, with $1"
		;;
	*) fail "exit $CODE with $1, at $(head -n 1 "$W/fired")" ;;
	esac
	case $1 in
	fsync:*:E* | fdatasync:*:E*)
		[ "$CODE" = 8 ] || fail "exit $CODE, and $(head -n 1 "$W/fired") had failed"
		! grep -q '^again' "$W/fired" || fail "a failed sync was tried again: $(cat "$W/fired")"
		;;
	esac
	[ "$CODE" = 0 ] || [ -s "$W/out.syncup.err" ] || fail "exit $CODE without a word, with $1"
	printf '%s %s -> %s\n' "$1" "$(head -n 1 "$W/fired" | cut -d' ' -f4-)" "$CODE" >>"$SHARED/fired"
}

lap() { # fault, one in the run that goes on
	world_to_fail_in
	faulty "$1"
	check_ending "$1"
	if [ $CODE != 0 ]; then
		faulty "$2"
		[ ! -s "$W/fired" ] || check_ending "$2"
	fi
	finish_it "$@"
}

lap_after_death() { # fault
	world_to_fail_in
	die_at "before hold"
	faulty "$1"
	check_ending "$1"
	finish_it "$1"
}

finish_it() { # faults
	syncup run "$W/fleet.yaml"
	expect_code 0 "the plain command, after $*"
	expect_end
}

# What can happen to a call; "on" is for what goes on failing in the world: a
# full disk, a broken one.
faults_of() { # call number
	case $1 in
	write) printf '%s\n' ENOSPC:on EIO:once short:on EINTR:once ;;
	read) printf '%s\n' EIO:once short:on EINTR:once ;;
	fsync | fdatasync) printf '%s\n' EIO:once EIO:on ENOSPC:once ;;
	close) printf '%s\n' EIO:once ;;
	openat) printf '%s\n' EMFILE:once ENOSPC:once EIO:once EINTR:once ;;
	renameat2 | linkat | symlinkat | mkdirat) printf '%s\n' ENOSPC:on EIO:once ;;
	fallocate) printf '%s\n' ENOSPC:once EINTR:once ;;
	*) printf '%s\n' EIO:once ;;
	esac | sed "s/^/$1:$2:/"
}

wanted() { grep -E "^(${CALLS:-.*}) " "$SHARED/$1"; }

# Of each place one call, of those that write or sync some more, and of each one
# fault, as the seed decides.  What may lose something comes first.
sample() { # name of the calls, how many
	local call number rest
	while read -r call number rest; do
		faults_of "$call" "$number" | awk -v seed="$SEED" -v at="$number" \
			'{ line[NR] = $0 } END { print line[(seed + at) % NR + 1] }'
	done < <(wanted "$1" | awk -v seed="$SEED" '
		{ place = $1; for (i = 3; i <= NF; i++) place = place " " $i; at[place, count[place]++] = $0 }
		END { for (place in count) {
			step = place ~ /^(write|f(data)?sync) / ? 7 : count[place]
			for (i = seed % (step < count[place] ? step : count[place]); i < count[place]; i += step)
				print at[place, i] } }' | sort) |
		shuf --random-source=<(yes "$SEED") |
		awk '{ print /^(fsync|fdatasync|write|renameat2|fallocate)/ ? 0 : 1, $0 }' |
		sort -s -k1,1n | awk -v most="$2" 'NR <= most { print $2 }'
}

all() { # name of the calls
	local call number rest
	while read -r call number rest; do faults_of "$call" "$number"; done < <(wanted "$1")
}

scenario "an upgrade without faults" undisturbed
scenarios_end
scenario "one that goes on, without faults" continued
scenarios_end
if [ "${FULL:-}" ]; then
	all first >"$SHARED/faults"
	all again >"$SHARED/more"
else
	sample first "$LAPS" >"$SHARED/faults"
	sample again "$LAPS" >"$SHARED/more"
fi
mapfile -t faults <"$SHARED/faults"
mapfile -t more <"$SHARED/more"
# Three that went wrong once: the other claims of the batch synced the same
# directory again; what a save had left half made was taken for a lost run; and
# a copy whose folder could not be synced was made once more.
for place in "1 fsync [0-9]+ /root/.syncup/claims" "1 renameat2 [0-9]+ statistics.ndjson" \
	"9 fsync [0-9]+ /state/test/metadata"; do
	mapfile -t same < <(sed -nE "s,^(${place#* })\$,\1,p" "$SHARED/first" |
		awk -v most="${place%% *}" 'NR <= most { print $1 ":" $2 ":EIO:once" }')
	for fault in "${same[@]}"; do scenario "with $fault" lap "$fault" "${more[0]}"; done
done
half=$((${#more[@]} / 2))
for ((i = 0; i < ${#faults[@]}; i++)); do
	scenario "with ${faults[i]}" lap "${faults[i]}" "${more[i % ${#more[@]}]}"
done
for ((i = 0; i < half; i++)); do
	scenario "after a death, with ${more[i + half]}" lap_after_death "${more[i + half]}"
done
[ ! "${VERBOSE:-}" ] || cat "$SHARED/fired"
scenarios_end
printf 'seed=%s calls=%s places=%s fired=%s ended: %s\n' "$SEED" "$(wc -l <"$SHARED/first")" \
	"$(sed -E 's/ [0-9]+ / /' "$SHARED/first" | sort -u | wc -l)" "$(wc -l <"$SHARED/fired")" \
	"$(sed 's/.*-> //' "$SHARED/fired" | sort | uniq -c | awk '{ printf "%sx%s ", $2, $1 }')"
