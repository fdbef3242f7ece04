#!/usr/bin/env bash
# Two fleets that want one process, each with a state directory of its own: the
# claims on the host keep them apart, however they call the process and its
# link, and whoever started them.  The second touches nothing and exits 4.
# shellcheck source-path=SCRIPTDIR source=../cli/cli.sh
. "$(dirname "$0")/../cli/cli.sh"

ROUNDS=${ROUNDS:-8}

# The first supervisor, which may be at work, writes its journal meanwhile.
eval "all_$(declare -f footprint)"
footprint() { all_footprint | grep -v '^test/run\.journal '; }

# other_fleet [SED EXPRESSION...]: $W/other.yaml, of another state directory
other_fleet() {
	mkdir -p "$W/state2"
	sed -e "s#^state_dir: .*#state_dir: $W/state2#" "${@/#/-e}" "$W/good.yaml" >"$W/other.yaml"
}

# refused_other WHAT: it names the run of the first fleet, and touches nothing
refused_other() {
	local run
	run=$(run_id)
	remember
	"${UNDER[@]}" "$SYNCUP" run "$W/other.yaml" >"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null && CODE=0 || CODE=$?
	expect_code 4 "$1"
	said "^refusal  claim .* it belongs to run $run of fleet test, begun from host $(uname -n) \(state in $W/state/test\)$"
	said "^syncup: refused before anything was touched"
	expect_untouched "$1"
	[ ! -e "$W/state2/test/run.journal" ] || fail "$1: a run was begun"
}
UNDER=(env)

# While the first works.
test_names() {
	local name="s/name: shard0/name: another/"
	quick_world 1
	mkdir "$W/bound"
	ln -s bin "$W/alias"
	behave shard0 '{"never_pauses": 1, "noop_ms": 200}'
	run_behind
	wait_begun pause
	other_fleet
	refused_other "the same names"
	other_fleet 's/^name: test/name: fleet2/'
	refused_other "another fleet's name"
	other_fleet "$name" "s#^link: .*#link: $W/elsewhere/mongosync#"
	refused_other "another name of the process"
	grep -q '^refusal  claim *another: ' "$W/out.syncup.err" || fail "the process is not named"
	# The same link, and a process of another name on another port.
	sed 's/^port: .*/port: 19999/' "$W/shard0.conf" >"$W/shard1.conf"
	chmod 600 "$W/shard1.conf"
	for link in "$W/bin/mongosync" "$W/alias/mongosync"; do
		other_fleet 's/name: shard0/name: shard1/' "s#shard0.conf#shard1.conf#" "s#^link: .*#link: $link#"
		refused_other "the same link as $link"
		grep -q "^refusal  claim *$link: " "$W/out.syncup.err" || fail "$link is not named"
	done
	other_fleet "s#^link: .*#link: $W/bin/sub/../mongosync#"
	syncup run "$W/other.yaml"
	expect_sentence 3 "$W/other.yaml:[0-9]+: link must not have \"..\" in it$" "a way round"
	other_fleet 's/name: shard0/name: shard1/' "s#shard0.conf#shard1.conf#" "s#^link: .*#link: $W/bound/mongosync#"
	# shellcheck disable=SC2016 # its own variables
	UNDER=(unshare -m sh -c 'mount --bind "$0/bin" "$0/bound" && exec "$@"' "$W")
	if "${UNDER[@]}" true 2>/dev/null; then
		refused_other "the same link, mounted elsewhere"
	else
		printf 'skipped: no mounts here\n'
	fi
	# A run that works is not lost.
	other_fleet
	remember
	syncup run --take-over "$(run_id)" "$W/other.yaml"
	expect_sentence 4 "run $(run_id) is not lost: $W/state/test/lock is held by pid $RUN on $(uname -n) since " "taking over a run at work"
	expect_untouched "taking over a run at work"
	behave shard0 '{"noop_ms": 200}'
	expect_end 0 "the first"
	expect_upgraded
	for event in paused signal resumed; do expect_effects 1 ".event == \"$event\""; done
	syncup run "$W/other.yaml"
	expect_code 0 "the second, when the first has ended"
	said 'nothing to do'
}

# Both at the same moment.  Who wins dies before it does anything.
test_same_moment() {
	local round a b codes
	quick_world 2
	other_fleet 's/^name: test/name: other/' 's/shard0/shardX/; s/shard1/shard0/; s/shardX/shard1/'
	mkfifo "$W/barrier"
	exec {BARRIER}<>"$W/barrier"
	for ((round = 0; round < ROUNDS; round++)); do
		for fleet in fleet other; do
			(
				read -r _ <&"$BARRIER"
				SYNCUP_CRASH_ON='before pause' exec "$SYNCUP" run "$W/$fleet.yaml"
			) >"$W/out.$fleet" 2>"$W/out.$fleet.err" </dev/null &
			[ $fleet = fleet ] && a=$! || b=$!
		done
		printf '\n\n' >&"$BARRIER"
		codes=
		wait $a && codes+=' 0' || codes+=" $?"
		wait $b && codes+=' 0' || codes+=" $?"
		case $codes in
		' 137 4' | ' 4 137') ;;
		*) fail "round $round: exit$codes" ;;
		esac
		[ "$(cat "$W"/root/.syncup/claims/*.json | jq -s 'length, (map(.run) | unique | length)' | xargs)" = '3 1' ] ||
			fail "round $round: not one run has all"
		for fleet in fleet other; do
			syncup abort "$W/$fleet.yaml"
			expect_code 0 "abort"
		done
		expect_no_claims
	done 2>/dev/null
	expect_effects 0 '.event == "signal" or (.event == "request" and .path == "/api/v1/pause")'
}

as_nobody() { # verb...
	CODE=0
	setpriv --reuid=65534 --regid=65534 --clear-groups "$SYNCUP" "$@" \
		>"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null || CODE=$?
	! grep -qE 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$W/out.syncup.err" || fail "a sanitizer complained"
}

# Somebody who may read claims and not write them.
test_users() {
	local run
	[ "$(id -u)" = 0 ] || { printf 'skipped: one user alone\n'; return; }
	quick_world 1
	setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$SYNCUP" ||
		{ printf 'skipped: the other user cannot reach the program\n'; return; }
	other_fleet
	chmod 755 "$W"
	chmod 644 "$W/other.yaml" "$W/shard0.conf"
	chown -R 65534:65534 "$W/state2"
	remember
	as_nobody run "$W/other.yaml"
	expect_code 3 "a root that is not writable"
	said "^refusal  claim +$W/root: claims cannot be written in $W/root as uid 65534: Permission denied$"
	expect_untouched "a root that is not writable"
	die_at "before pause"
	run=$(run_id)
	remember
	as_nobody run "$W/other.yaml"
	expect_code 4 "another user's claims"
	said "^refusal  claim +shard0: it belongs to run $run "
	as_nobody run --take-over "$run" "$W/other.yaml"
	expect_sentence 4 "run $run may not be lost, that cannot be told: .*$W/state/test/lock: Permission denied$" "another user's run"
	expect_untouched "another user's claims"
	chmod 600 "$W/root/.syncup/claims/shard0.json"
	remember
	for verb in plan run; do
		as_nobody $verb "$W/other.yaml"
		expect_code 3 "$verb with a claim that cannot be read"
		said "$W/root/.syncup/claims/shard0.json: Permission denied"
	done
	expect_untouched "a claim that cannot be read"
	syncup run "$W/fleet.yaml"
	expect_code 0 "the first user's own"
	expect_upgraded
}

[ -z "${ONLY:-}" ] || { "$ONLY"; exit; } # one of them
scenario "other names of the same" test_names
scenario "both at the same moment" test_same_moment
scenario "two users" test_users
scenarios_end
