# shellcheck shell=bash
# guards.sh - a check is proved by a fleet that it passes and by one that it does
# not, and a way back by a sync that is whole afterwards.
#
# What was proved goes, a line each, to the file GUARDS_TALLY, which run.sh counts:
#   pass CHECK | warning CHECK | refusal CHECK | turned-back WHAT | lost WHAT
# shellcheck source-path=SCRIPTDIR source=../cli/cli.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/cli.sh"
# shellcheck source=../e2e/documents.sh
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/documents.sh"

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

# refuses CHECK REGEX WHAT [CODE]: plan, its JSON and run refuse, and nothing was
# touched
refuses() {
	refused "$3" "$1" "$2" "${4:-3}"
	tally "refusal $1"
}

# also CHECK REGEX: the last plan said this as well, without another look
also() {
	grep -qE -e "^(pass|warning) +$1 +$2" "$W/out.plan" || fail "plan did not say: $1 $2"
	tally "$(grep -oE -e "^(pass|warning) +$1 +$2" "$W/out.plan" | head -n 1 | grep -oE '^[a-z]+') $1"
}

# planned WHAT: the plan is not refused; also() asks what it said
planned() {
	syncup plan "$W/fleet.yaml"
	expect_code 0 "plan, $1"
	cp "$W/out.syncup" "$W/out.plan"
}

stays_dead() { # NAME: ends its process, as nobody would
	local pid
	pid=$(pid_of "$1") || fail "$1 does not run"
	kill -KILL "$pid"
	until_true 20 eval "! kill -0 $pid 2>/dev/null" || fail "$1 does not die"
}

# --- fleets that come back by themselves

# copied_world COUNT: so many processes on FROM, RUNNING, with documents
copied_world() {
	world light
	light_documents 300
	instances "$1"
	unpack_version "$FROM"
	start_all
	fleet
	cp "$W/fleet.yaml" "$W/good.yaml"
}

# faulty JSON: as what the new version is, on each process
faulty() {
	local name
	for name in "${NAMES[@]}"; do behave "$name" "{\"$TO\": $1}"; done
}

# another_version V: what lies in the archive says that it is TO, and starts V
another_version() {
	unpack_version "$1" "$W/inside"
	mkdir -p "$W/pack/top/bin"
	# shellcheck disable=SC2016 # the script is to expand them
	printf '#!/bin/sh\ncase $1 in --version) echo "mongosync version: %s" ;; *) exec %s/inside/mongosync "$@" ;; esac\n' \
		"$TO" "$W" >"$W/pack/top/bin/mongosync"
	chmod 755 "$W/pack/top/bin/mongosync"
	tar -czf "$W/other.tgz" -C "$W/pack" top
	edit_fleet "s#^artifact: .*#artifact: {file: \"$W/other.tgz\", sha256: $(sha256sum "$W/other.tgz" | cut -d' ' -f1)}#"
}

sync_lost() { # why
	tally "lost $*"
	fail "the sync is lost: $*"
}

# came_back WHAT: after a run that ended in exit 9 every process is RUNNING on the
# old version, and the sync is whole
came_back() {
	expect_code 9 "$1"
	expect_running "$FROM" "${NAMES[@]}"
	expect_effects 0 '.event == "panic"'
	expect_whole
	tally "turned-back $1"
}

# oplog SECONDS: the light source's oplog begins so many seconds ago
oplog() {
	local now
	now=$(date +%s)
	printf '{"first": "%s.1", "last": "%s.1"}\n' $((now - $1)) "$now" >"$W/source/oplog.new"
	mv "$W/source/oplog.new" "$W/source/oplog.json"
}
