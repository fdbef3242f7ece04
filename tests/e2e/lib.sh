# shellcheck shell=bash
# lib.sh - a world for end-to-end tests: clusters, reference sync processes, a
# fleet file, and questions to the effects log, which is the referee.
#
# A test sources it, calls world, and uses the functions below.  BUILD is the
# build tree (set by ctest).  Everything is below $W and goes away with it.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=${BUILD:?the build tree}
DATABASE=${DATABASE:-$(dirname "$BUILD")/database}
DIST=${DIST:-$BUILD/tests/refsync/dist}
SYNCUP=$BUILD/supervisor/syncup
WORLDS=${WORLDS:-$BUILD/worlds}
SECRET='c4n4ry%21pass' # a password that must never be seen outside config files
SECRET_PLAIN='c4n4ry!pass'
export SYNCUP_HELPER=
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1} LC_ALL=C

fail() {
	printf 'FAIL: %s\n' "$*" >&2
	for log in "$W"/out.* "$W"/state/*/*.out; do
		[ -f "$log" ] || continue
		printf -- '--- %s\n' "${log#"$W"/}" >&2
		tail -n "${TAIL:-25}" "$log" >&2
	done
	exit 1
}

pids_that() { # grep's arguments: processes whose arguments match
	local pid
	# shellcheck disable=SC2013 # the words are pids
	for pid in $(grep -l "$@" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3); do
		[ ! -d "/proc/$pid" ] || printf '%s\n' "$pid" # grep finds itself, too
	done
}

pids_of_world() { # every process that has a path of this world among its arguments
	pids_that -azF -e "$W/" | grep -vx $$ || true
}

none_is_left() { # ends every process of this world; true when they are gone
	local pid
	for pid in $(pids_of_world); do kill -KILL "$pid" 2>/dev/null || true; done
	[ -z "$(pids_of_world)" ]
}

AT_END=() # what has to be done before: not by a trap, which would lose the code

clean_up() {
	local code=$? command
	trap - EXIT
	for command in "${AT_END[@]}"; do eval "$command" || true; done
	canary || code=1
	until_true 10 none_is_left || { printf 'FAIL: processes outlive the world\n' >&2; code=1; }
	rm -f "${PORT_LOCKS[@]:-}"
	if [ "${KEEP:-}" ]; then printf 'kept %s\n' "$W" >&2; else rm -rf "$W"; fi
	exit $code
}

# The password stands in the config files only: not in journals, logs, outputs,
# states, argument lists.  Saved metadata and databases are not searched.
canary() { # SEARCHED: the places, if not $W
	local found pid
	found=$(grep -rlF -e "$SECRET" -e "$SECRET_PLAIN" "${SEARCHED[@]:-$W}" --include='*' \
		--exclude-dir=source --exclude-dir=destination --exclude='*.conf' 2>/dev/null || true)
	[ -z "$found" ] || { printf 'FAIL: the password is in %s\n' "$found" >&2; return 1; }
	for pid in $(pids_of_world); do
		! tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -e "$SECRET" -e "$SECRET_PLAIN" ||
			{ printf 'FAIL: the password is in the arguments of %s\n' "$pid" >&2; return 1; }
	done
}

PORT_LOCKS=()
free_port() { # sets REPLY; no two tests of this machine get the same one
	local port dir=${TMPDIR:-/tmp}/syncup-test-ports
	mkdir -p "$dir"
	find "$dir" -type f -mmin +120 -delete 2>/dev/null || true
	while :; do
		port=$((20000 + RANDOM % 12000))
		(set -o noclobber; : >"$dir/$port") 2>/dev/null || continue
		PORT_LOCKS+=("$dir/$port")
		! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || continue
		REPLY=$port
		return
	done
}

until_true() { # seconds, command...: polls it
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.05
	done
}

# world light|database: directories, clusters, nothing started yet
world() {
	mkdir -p "$WORLDS"
	W=$(mktemp -d "$WORLDS/XXXXXX")
	trap clean_up EXIT
	MODE=$1 NAMES=() PORTS=() FROM=1.12.0 TO=1.13.0
	EFFECTS=$W/effects.ndjson
	touch "$EFFECTS"
	mkdir -p "$W/root" "$W/state" "$W/bin"
	if [ "$MODE" = light ]; then
		mkdir -p "$W/source" "$W/destination"
		SOURCE=light:$W/source DESTINATION=light:$W/destination
		SYNCUP_HELPER=${LIGHT_HELPER:-$BUILD/tests/refsync/light_helper/light-helper}
	else
		database source && SOURCE=$REPLY
		database destination && DESTINATION=$REPLY
		SYNCUP_HELPER=$BUILD/supervisor/helper/syncup-helper
	fi
}

database() { # name [override.json]: a real database, its URI with a password in REPLY
	free_port
	mkdir -p "$W/$1"
	setsid "$DATABASE" --dir "$W/$1" --port "$REPLY" --ready-file "$W/$1.ready" \
		${2:+--override "$2"} >"$W/out.$1" 2>&1 </dev/null &
	disown
	until_true 30 test -s "$W/$1.ready" || fail "the $1 database does not come up"
	# With PLAIN it takes any password, so that there is one to be looked for.
	REPLY="mongodb://sync:$SECRET@127.0.0.1:$REPLY/?authMechanism=PLAIN"
}

conf_of() { printf '%s' "$W/$1.conf"; } # as its arguments say

# instance NAME [ID]: its own config; "-" as ID: no id
instance() {
	free_port
	local name=$1 id=${2:-$1}
	NAMES+=("$name") PORTS+=("$REPLY")
	{
		printf 'cluster0: "%s"\ncluster1: "%s"\nport: %s\n' "$SOURCE" "$DESTINATION" "$REPLY"
		printf 'logPath: "%s/log/%s"\nacceptDisclaimer: true\nverbosity: INFO\n' "$W" "$name"
		[ "$id" = - ] || printf 'id: "%s"\n' "$id"
	} >"$W/$name.conf"
	chmod 600 "$W/$name.conf"
	mkdir -p "$W/log/$name"
	behave "$name" '{}'
}

# behave NAME JSON: settings of the reference process, also while it runs.  A
# quiet sync's resume point moves often, so that nobody waits for movement.
behave() {
	local ids
	ids=$(printf '%s\n' "${IDS[@]:-}" | jq -Rsc 'split("\n") | map(select(. != ""))')
	jq -c --arg effects "$EFFECTS" --argjson ids "$ids" \
		'{effects: $effects, noop_ms: 300} + (if ($ids | length) > 1 then {instances: $ids} else {} end) + .' \
		<<<"$2" >"$W/$1.conf.refsync.new"
	mv "$W/$1.conf.refsync.new" "$W/$1.conf.refsync"
}

port_of() {
	local i
	for i in "${!NAMES[@]}"; do
		[ "${NAMES[i]}" = "$1" ] && { printf '%s' "${PORTS[i]}"; return; }
	done
	return 1
}

# unpack_version V [DIR]: what a person had installed by hand, as DIR/mongosync
unpack_version() {
	local dir=${2:-$W/bin}
	mkdir -p "$dir"
	tar -xzf "$DIST/mongosync-debian12-x86_64-$1.tgz" -C "$dir" --strip-components=2 \
		--wildcards '*/bin/mongosync'
}

launch() { # NAME [executable]: as a person would by hand
	setsid "${2:-$W/bin/mongosync}" --config "$W/$1.conf" >>"$W/out.$1" 2>&1 </dev/null &
	disown
}

api() { # NAME path [body]
	curl -sS -m 10 ${3+-d "$3"} "http://127.0.0.1:$(port_of "$1")/api/v1/$2" 2>/dev/null
}

state_of() { api "$1" progress | jq -r '.progress.state // "?"' 2>/dev/null || printf '?\n'; }
is_state() { [ "$(state_of "$1")" = "$2" ]; }
wait_state() { until_true "${3:-30}" is_state "$1" "$2" || fail "$1 is $(state_of "$1"), not $2"; }

# fleet [yaml lines...]: writes $W/fleet.yaml from what the world has
# shellcheck disable=SC2120 # tests give them
fleet() {
	local name tarball=$DIST/mongosync-debian12-x86_64-$TO.tgz
	{
		printf 'name: test\nprocedure: mongosync\nversion: %s\n' "$TO"
		printf 'artifact: {file: "%s", sha256: %s}\n' "$tarball" "$(sha256sum "$tarball" | cut -d' ' -f1)"
		printf 'install_root: %s/root\nstate_dir: %s/state\n' "$W" "$W"
		# A table that calls all possible: how else would we see one refused?
		printf 'compat: %s/compat-lies.json\n' "$here"
		[ -n "${LINK-$W/bin/mongosync}" ] && printf 'link: %s\n' "${LINK-$W/bin/mongosync}"
		printf 'on_failure: %s\n' "${ON_FAILURE:-rollback}"
		[ -z "${OPLOG_WINDOW-86400}" ] || printf 'oplog_window: %s\n' "${OPLOG_WINDOW-86400}"
		printf 'timeouts: {pause: 20, stop: 20, start: 30, resume: 20, movement: 10, idle: 3, pause_quiet: 1, start_quiet: 1, resume_quiet: 1}\n'
		printf '%s\n' "$@"
		printf 'instances:\n'
		for name in "${NAMES[@]}"; do
			printf '  - {name: %s, config: %s/%s.conf%s}\n' "$name" "$W" "$name" "${EXTRA[$name]:-}"
		done
	} >"$W/fleet.yaml"
}
declare -A EXTRA=()

syncup() { # verb...: standard output in $W/out.syncup, its code in CODE
	CODE=0
	"$SYNCUP" "$@" >"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null || CODE=$?
	! grep -qE 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$W/out.syncup.err" ||
		{ cat "$W/out.syncup.err" >&2; fail "a sanitizer complained"; }
}

expect_code() { [ "$CODE" = "$1" ] || fail "exit $CODE, not $1: $2"; }
said() { grep -qE -e "$1" "$W/out.syncup" "$W/out.syncup.err" || fail "it did not say: $1"; }

# effects FILTER: how many lines of the log the jq filter takes
effects() { jq -sc "[.[] | select($1)] | length" "$EFFECTS"; }
expect_effects() { # count filter
	local count
	count=$(effects "$2")
	[ "$count" = "$1" ] || fail "$count effects, not $1, with $2"
}

running_version() { # what the very process executes
	local pid
	pid=$(pid_of "$1") && "/proc/$pid/exe" --version | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1
}
pid_of() {
	local pid
	for pid in $(pids_that -zxF -e "$(conf_of "$1")"); do
		case $(readlink "/proc/$pid/exe" 2>/dev/null) in
		*/mongosync | *"/mongosync (deleted)" | */elsewhere) ;;
		*) continue ;;
		esac
		printf '%s\n' "$pid"
		return
	done
	return 1
}

expect_version() { [ "$(running_version "$1")" = "$2" ] || fail "$1 runs $(running_version "$1"), not $2"; }

# instances COUNT: shard0, shard1, ...; one alone has no id
instances() {
	local i
	IDS=()
	[ "$1" = 1 ] || for ((i = 0; i < $1; i++)); do IDS+=("shard$i"); done
	for ((i = 0; i < $1; i++)); do
		if [ "$1" = 1 ]; then instance shard0 -; else instance "shard$i"; fi
	done
}

# simple_world MODE COUNT: so many instances, running FROM, RUNNING
simple_world() {
	world "$1"
	instances "$2"
	unpack_version $FROM
	start_all
	fleet
}

# shellcheck disable=SC2120 # tests give it
start_all() { # [executable]
	local name
	for name in "${NAMES[@]}"; do launch "$name" "$@"; done
	start_syncs
}

start_syncs() { # by their APIs; returns when all are RUNNING
	local name
	for name in "${NAMES[@]}"; do wait_state "$name" IDLE; done
	for name in "${NAMES[@]}"; do
		api "$name" start '{"source":"cluster0","destination":"cluster1"}' | jq -e .success >/dev/null ||
			fail "$name does not start"
	done
	for name in "${NAMES[@]}"; do wait_state "$name" RUNNING; done
}

expect_running() { # version names...
	local version=$1 name
	shift
	for name; do
		wait_state "$name" RUNNING
		expect_version "$name" "$version"
	done
	expect_no_claims
}

expect_upgraded() { # every process on TO, RUNNING
	expect_running "$TO" "${NAMES[@]}"
	expect_effects 0 '.event == "panic" or .event == "crash"'
}

expect_back() { # every process on FROM and RUNNING
	expect_running "$FROM" "${NAMES[@]}"
	expect_effects 0 '.event == "panic" or .event == "crash"'
}

expect_no_claims() {
	[ -z "$(find "$W/root/.syncup/claims" -name '[!.]*.json' 2>/dev/null)" ] || fail "claims are left"
}

# die_at POINT: runs the supervisor, which dies by SIGKILL at that crash point
# ("before pause": the INTENT is on disk, nothing was done yet; "after pause")
die_at() {
	local code=0
	{ SYNCUP_CRASH_ON=$1 "$SYNCUP" run "$W/fleet.yaml" >"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null || code=$?; } 2>/dev/null
	[ $code = 137 ] || fail "exit $code, it did not die at: $1"
}

# jq_journal FILTER: how many records of the run the jq filter takes
jq_journal() {
	cut -d' ' -f2- "$W/state/test/run.journal" 2>/dev/null | jq -sc "[.[] | select($1)] | length"
}

# scenario WHAT FUNCTION [ARGUMENT...]: in a subshell, for a world of its own;
# up to AT_ONCE of them side by side.  What one says is printed when it has
# ended.  scenarios_end waits for all of them, and fails if one did.
AT_ONCE=${AT_ONCE:-2}
declare -A SCENARIO=() # pid: what it shows
SCENARIOS_FAILED=0
scenario() {
	local what=$1 out
	shift
	while [ ${#SCENARIO[@]} -ge "$AT_ONCE" ]; do scenario_end; done
	mkdir -p "$BUILD/worlds"
	out=$(mktemp "$BUILD/worlds/out.XXXXXX")
	("$@") >"$out" 2>&1 &
	SCENARIO[$!]="$out $what"
}

scenario_end() {
	local pid code=0 out what
	wait -n -p pid "${!SCENARIO[@]}" || code=$?
	read -r out what <<<"${SCENARIO[$pid]}"
	unset "SCENARIO[$pid]"
	cat "$out" && rm -f "$out"
	[ $code = 0 ] && return
	printf 'FAIL: %s\n' "$what" >&2
	SCENARIOS_FAILED=$((SCENARIOS_FAILED + 1))
}

scenarios_end() {
	while [ ${#SCENARIO[@]} -gt 0 ]; do scenario_end; done
	[ $SCENARIOS_FAILED = 0 ] || { printf 'FAIL: %s scenarios\n' $SCENARIOS_FAILED >&2; exit 1; }
}
