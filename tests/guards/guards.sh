# shellcheck shell=bash
# guards.sh - a check is proved by a fleet that it passes and by one that it does
# not, and a way back by a sync that is whole afterwards.
#
# What was proved goes, a line each, to the file GUARDS_TALLY, which run.sh counts:
#   pass CHECK | warning CHECK | refusal CHECK | turned-back WHAT | lost WHAT
# shellcheck source-path=SCRIPTDIR source=../cli/cli.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/cli.sh"

tally() { printf '%s\n' "$*" >>"${GUARDS_TALLY:-/dev/null}"; }

found() { # level, check, regex: a finding of the last plan --json
	jq -e --arg level "$1" --arg check "$2" --arg text "$3" \
		'any(.findings[]; .level == $level and .check == $check and (.subject + ": " + .text | test($text)))' \
		"$W/out.syncup" >/dev/null
}

expect_finding() { # level, check, regex, [options of plan]
	local level=$1 check=$2 regex=$3
	shift 3
	syncup plan --json "$@" "$W/fleet.yaml"
	expect_code 0 "plan, $check"
	found "$level" "$check" "$regex" || fail "plan --json has no $level of $check that says: $regex"
	tally "$level $check"
}

# passes CHECK REGEX [OPTIONS]: the plan is not refused, and says so of this check
passes() { expect_finding pass "$@"; }
# warns CHECK REGEX [OPTIONS]: it may be run, and says what about
warns() { expect_finding warning "$@"; }

# refuses CHECK REGEX WHAT: plan, its JSON and run refuse, and nothing was touched
refuses() {
	refused "$3" "$1" "$2"
	tally "refusal $1"
}
