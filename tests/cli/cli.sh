# shellcheck shell=bash
# cli.sh - what the command line's tests ask beyond lib.sh: that a command said
# one clear thing, and that it touched nothing.
# shellcheck source-path=SCRIPTDIR source=../e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"
cli_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export cli_dir

# quick_world COUNT: as simple_world, with syncs whose movement is soon seen
quick_world() {
	simple_world light "$1"
	local name
	for name in "${NAMES[@]}"; do behave "$name" '{"noop_ms": 200}'; done
	cp "$W/fleet.yaml" "$W/good.yaml"
}

good_fleet() { cp "$W/good.yaml" "$W/fleet.yaml"; }
edit_fleet() { sed -i "$@" "$W/fleet.yaml"; }

# What a refused command must leave as it is: files and links, claims and
# versions, journals, and all that was ever done to the processes.
footprint() {
	find "$W/root" "$W/bin" "$W/state" ! -name lock ! -name '*.out' -type f -printf '%P %i %s %m\n'
	find "$W/root" "$W/bin" -type l -printf '%P -> %l\n' -o -type d -printf '%P/\n'
	jq -c 'select(.event == "signal" or .event == "panic" or .event == "exited" or
		(.event == "request" and .method != "GET"))' "$EFFECTS"
}

remember() { footprint | sort >"$W/before"; }
expect_untouched() { # what
	footprint | sort >"$W/after"
	diff "$W/before" "$W/after" >&2 || fail "$1 touched something"
}

# expect_sentence CODE REGEX WHAT: nothing on standard output, and on standard
# error one sentence and perhaps a line to type.
expect_sentence() {
	expect_code "$1" "$3"
	[ ! -s "$W/out.syncup" ] || fail "$3: it printed to standard output"
	[ "$(grep -c '^syncup: ' "$W/out.syncup.err")" = 1 ] || fail "$3: not one sentence"
	! grep -qvE '^(syncup|Type): ' "$W/out.syncup.err" || fail "$3: it said too much"
	grep -qE -e "^syncup: $2" "$W/out.syncup.err" || fail "$3: it did not say: $2"
}

expect_silence() { # what
	if [ -s "$W/out.syncup" ] || [ -s "$W/out.syncup.err" ]; then fail "$1: it spoke"; fi
}

# refused_early WHAT REGEX [CODE]: plan and run refuse at once
refused_early() {
	local verb
	remember
	for verb in plan run; do
		syncup $verb "$W/fleet.yaml"
		expect_sentence "${3:-3}" "$2" "$verb, $1"
	done
	expect_untouched "$1"
}

# expect_refusal FILE CHECK REGEX WHAT
expect_refusal() {
	grep -qE -e "^refusal  $2 +$3" "$1" || fail "$4: no such refusal: $2 $3"
}

# refused WHAT CHECK REGEX [CODE]: preflight refuses, in plan, in its JSON, in run
refused() {
	remember
	syncup plan "$W/fleet.yaml"
	expect_code "${4:-3}" "plan, $1"
	expect_refusal "$W/out.syncup" "$2" "$3" "plan, $1"
	said '^Refused: nothing will be touched'
	! grep -qv '^syncup: fetching ' "$W/out.syncup.err" || fail "plan, $1: it printed to standard error"
	syncup plan --json "$W/fleet.yaml"
	expect_code "${4:-3}" "plan --json, $1"
	jq -e --arg check "$2" '.schema == 1 and .refused and (.plan == null) and
		any(.findings[]; .level == "refusal" and .check == $check)' \
		"$W/out.syncup" >/dev/null || fail "plan --json, $1: not in it"
	syncup run "$W/fleet.yaml"
	expect_code "${4:-3}" "run, $1"
	expect_refusal "$W/out.syncup.err" "$2" "$3" "run, $1"
	said '^syncup: refused before anything was touched'
	[ ! -s "$W/out.syncup" ] || fail "run, $1: it printed to standard output"
	expect_untouched "$1"
}

journal() { printf '%s' "$W/state/test/run.journal"; }
run_id() { "$SYNCUP" status --json "$W/state/test" | jq -r .run; }

# A supervisor in the background, its pid in RUN
run_behind() {
	"$SYNCUP" run "$W/fleet.yaml" >"$W/out.run" 2>"$W/out.run.err" </dev/null &
	RUN=$!
}
begun() { grep -qs "\"kind\":\"intent\".*\"step\":\"$1\"" "$(journal)"; }
wait_begun() { until_true 20 begun "$1" || fail "$1 was not begun"; }
expect_end() { # CODE what: of the supervisor in the background
	CODE=0
	wait "$RUN" || CODE=$?
	expect_code "$1" "$2"
}

# expect_views OUTCOME: every view reads the journal, and changes nothing
expect_views() {
	remember
	syncup status "$W/fleet.yaml"
	expect_code 0 "status"
	said "^run $(run_id), started "
	said '^PROCESS +BEFORE +NOW'
	syncup status --json "$W/fleet.yaml"
	expect_code 0 "status --json"
	jq -e --arg outcome "$1" '.schema == 1 and .outcome == $outcome and (.lanes | length) > 0' \
		"$W/out.syncup" >/dev/null || fail "status --json: not $1"
	syncup journal show "$W/fleet.yaml"
	expect_code 0 "journal show"
	jq -se '[.[].seq] == [range(length)]' "$W/out.syncup" >/dev/null || fail "journal show: not every record"
	syncup journal verify "$W/fleet.yaml"
	expect_code 0 "journal verify"
	said "records of run $(run_id), all good"
	expect_untouched "a view"
}
