#!/usr/bin/env bash
# A run that is lost: its supervisor is dead and its state gone, but its claims
# stand.  Another may take its place if it is named, also if it is killed on the
# way, and nothing of the lost one is left behind.
# shellcheck source-path=SCRIPTDIR source=../cli/cli.sh
. "$(dirname "$0")/../cli/cli.sh"

claims_of() { # how many claims of this run
	cat "$W"/root/.syncup/claims/*.json 2>/dev/null | jq -s --arg run "$1" 'map(select(.run == $run)) | length'
}

# Another supervisor of the same processes, by other names; its state is elsewhere.
rescuer() {
	sed -i "s#^state_dir: .*#state_dir: $W/state2#; s/^name: test/name: rescue/; s/name: shard1/name: second/" "$W/fleet.yaml"
	mkdir "$W/state2"
}

lose_run() { # the run in LOST loses its state
	die_at "before pause"
	LOST=$(run_id)
	rm -rf "$W/state/test"
	[ "$(claims_of "$LOST")" = 3 ] || fail "no claims to take"
}

# "number name" of the points to die at: those of the first two claims (one that
# is replaced, one of another name), with FULL=1 of all; but none where folders
# are made that are there, nor two with nothing in between.
chosen() {
	awk -v full="${FULL:-}" '/ answer claim$/ { claims++ } !/ (mkdir|sync|rename|sync-dir)$/ && (full || claims < 3)'
}

# die_taking AT|ON POINT [OPTION...]: it dies there, on the way to the first pause
die_taking() {
	local code=0 what=$1 point=$2
	shift 2
	{ env "SYNCUP_CRASH_$what=$point" "$SYNCUP" run "$@" "$W/fleet.yaml" \
		>"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null || code=$?; } 2>/dev/null
	[ $code = 137 ] || fail "exit $code, it did not die $what $point"
}

# Killed at each point between the first claim and the last.
test_kills() {
	local n name points=0 file
	quick_world 2
	lose_run
	rescuer
	refused "a lost run" claim "shard0: it belongs to run $LOST of fleet test, " 4
	syncup run --take-over "$LOST-1" "$W/fleet.yaml"
	expect_code 4 "taking over another run"
	# From here on the journal knows whose claims may be taken: it goes on
	# without being told again, and without children that pass points, too.
	die_taking ON "before claim" --take-over "$LOST"
	mkdir "$W/lost"
	cp -a "$W/root" "$W/state2" "$W/lost"
	SYNCUP_CRASH_LOG=$W/points die_taking ON "before pause"
	sed -n '/ before claim$/,/ before preflight$/p' "$W/points" | chosen >"$W/chosen"
	while read -r n name; do
		rm -rf "$W/root" "$W/state2"
		cp -a "$W/lost/root" "$W/lost/state2" "$W"
		die_taking AT "$n"
		points=$((points + 1))
		die_taking ON "before pause"
		[ "$(claims_of "$LOST")" = 0 ] || fail "killed at point $n, $name: claims of the lost run are left"
		[ "$(claims_of "$("$SYNCUP" status --json "$W/state2/rescue" | jq -r .run)")" = 3 ] ||
			fail "killed at point $n, $name: not all is claimed"
	done <"$W/chosen"
	[ $points -gt 15 ] || fail "only $points points"
	# Kills leave temporary files; young ones stay, as they may be somebody's.
	for file in "$W/root/.syncup/claims/.shard0.json.tmp-0123abcd" "$W/root/.syncup/claims/.shard1.json.tmp-0123abcd"; do
		: >"$file"
	done
	touch -d '2 days ago' "$W/root/.syncup/claims/.shard0.json.tmp-0123abcd"
	mkdir -p "$W/root/versions/.hold-old/bin" "$W/root/versions/.hold-young"
	touch -d '2 days ago' "$W/root/versions/.hold-old"
	syncup run "$W/fleet.yaml"
	expect_code 0 "the plain command at last"
	expect_upgraded_as shard0 shard1
	[ ! -e "$W/root/.syncup/claims/.shard0.json.tmp-0123abcd" ] || fail "an old temporary file is left"
	[ -e "$W/root/.syncup/claims/.shard1.json.tmp-0123abcd" ] || fail "a young temporary file is gone"
	[ ! -e "$W/root/versions/.hold-old" ] || fail "an old hold is left"
	[ -e "$W/root/versions/.hold-young" ] || fail "a young hold is gone"
	grep -q "\"take_over\":\"$LOST\"" "$W/state2/rescue/run.journal" || fail "what was taken over is not in the journal"
	printf 'points=%s\n' $points
}

expect_upgraded_as() { # names: as they run, each touched once
	local event
	expect_upgraded
	for event in paused signal resumed; do expect_effects $# ".event == \"$event\""; done
}

# Its journal is lost, and what it saved is not; a person put back its link.
test_copy() {
	local run
	quick_world 1
	die_at "before activate"
	run=$(run_id)
	rm "$(journal)" "$(journal).prev" 2>/dev/null || true
	ln -sfn "$W/root/versions/$FROM/bin/mongosync" "$W/bin/mongosync"
	launch shard0
	wait_state shard0 PAUSED
	syncup run --take-over "$run" "$W/fleet.yaml"
	expect_code 0 "taking over from a run that had saved"
	expect_version shard0 "$TO"
	wait_state shard0 PAUSED # as it was found
	expect_no_claims
	[ -e "$W/state/test/metadata/$run-test-1/settled" ] || fail "the lost run's copy is still waited for"
	syncup run "$W/fleet.yaml"
	expect_code 0 "the next run"
	said 'nothing to do'
}

# The lost one comes back when its place is taken: it does nothing, and can be ended.
test_comes_back() {
	quick_world 2
	die_at "before pause"
	LOST=$(run_id)
	cp "$W/fleet.yaml" "$W/lost.yaml"
	rescuer
	die_taking ON "before stop" --take-over "$LOST"
	# One claim is still the lost one's, as if it had more to claim than we.
	sed "s#\"run\":\"[^\"]*\"#\"run\":\"$LOST\"#" "$W/root/.syncup/claims/second.json" \
		>"$W/root/.syncup/claims/shard1.json"
	rm "$W/root/.syncup/claims/second.json"
	syncup run "$W/lost.yaml"
	expect_code 4 "the lost run goes on"
	said "is claimed by run .* of fleet rescue on "
	syncup abort "$W/lost.yaml"
	expect_code 0 "the lost run is ended"
	[ "$(claims_of "$LOST")" = 0 ] || fail "its own claim is left"
	[ "$(find "$W/root/.syncup/claims" -name '*.json' | wc -l)" = 2 ] || fail "it removed claims that are not its own"
	expect_effects 2 '.event == "request" and .path == "/api/v1/pause"'
	expect_effects 0 '.event == "signal"'
}

[ -z "${ONLY:-}" ] || { "$ONLY"; exit; } # one of them
scenario "killed while it takes over" test_kills
scenario "a copy that nobody waits for" test_copy
scenario "the lost one comes back" test_comes_back
scenarios_end
