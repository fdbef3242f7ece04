#!/usr/bin/env bash
# The main job, on real data: three sync processes in the middle of their initial
# copy are upgraded from 1.12.0 to 1.13.0 while somebody goes on writing, the
# supervisor is killed once on the way, and in the end source and destination
# are compared document by document.
#
#   SYNCUP_SOURCE_URI, SYNCUP_DESTINATION_URI   use these servers, not our own
#   DOCUMENTS=20000   how many to load      RATE=60   changes a second meanwhile
#
# The last line sums it up; the exit status is 0 only if nothing differs.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
from=1.12.0 to=1.13.0 documents=${DOCUMENTS:-20000} rate=${RATE:-60}
names=(shard0 shard1 shard2)

"$top/deploy/bootstrap.sh" packages build
build=$top/build/release
syncup=$build/supervisor/syncup
workload=$build/tests/workload/workload
dist=$build/tests/refsync/dist
work=$(mktemp -d "$top/build/demo.XXXXXX")
effects=$work/effects.ndjson
started=()

say() { printf '\n== %s\n' "$*"; }
die() { printf 'demo: %s (%s is kept)\n' "$*" "$work" >&2; trap stop_all EXIT; exit 1; }

stop_all() {
	local pid
	for pid in "${started[@]}" $(processes); do kill -KILL "$pid" 2>/dev/null || true; done
}
processes() { # the sync processes of this demo, whoever started them
	grep -lazF -e "$work/" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3 | grep -vx "$$" || true
}
trap 'stop_all; rm -rf "$work"' EXIT
until_true() { # seconds, command...
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $deadline ] || return 1
		sleep 0.1
	done
}
free_port() {
	while :; do
		port=$((20000 + RANDOM % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { printf '%s' "$port"; return; }
	done
}
api() { curl -sS -m 10 ${3+-d "$3"} "http://127.0.0.1:$1/api/v1/$2" 2>/dev/null; }
is_state() { [ "$(api "$1" progress | jq -r .progress.state 2>/dev/null)" = "$2" ]; }
has_intent() { grep -qs "\"kind\":\"intent\".*\"step\":\"$1\"" "$work/state/demo/run.journal"; }
partitions_done() { [ "$(grep -c '"event":"partition".*"complete":true' "$effects")" -ge "$1" ]; }

database() { # name: one of ours, its URI in REPLY
	local port
	port=$(free_port)
	mkdir -p "$work/$1"
	setsid "$top/build/database" --dir "$work/$1" --port "$port" --ready-file "$work/$1.ready" \
		>"$work/$1.log" 2>&1 </dev/null &
	started+=($!)
	disown
	until_true 30 test -s "$work/$1.ready" || die "the $1 database does not come up: $(tail -n 3 "$work/$1.log")"
	REPLY=mongodb://127.0.0.1:$port/
}

say "databases"
source=${SYNCUP_SOURCE_URI:-} destination=${SYNCUP_DESTINATION_URI:-}
[ -n "$source" ] || { database source; source=$REPLY; }
[ -n "$destination" ] || { database destination; destination=$REPLY; }
"$workload" load --uri "$source" --documents "$documents"

say "three sync processes at $from, started by hand as people do"
mkdir -p "$work/bin" "$work/root" "$work/log"
touch "$effects"
tar -xzf "$dist/mongosync-debian12-x86_64-$from.tgz" -C "$work/bin" --strip-components=2 --wildcards '*/bin/mongosync'
ports=()
for name in "${names[@]}"; do
	port=$(free_port)
	ports+=("$port")
	printf 'cluster0: "%s"\ncluster1: "%s"\nport: %s\nid: "%s"\nlogPath: "%s/log/%s"\nacceptDisclaimer: true\n' \
		"$source" "$destination" "$port" "$name" "$work" "$name" >"$work/$name.conf"
	chmod 600 "$work/$name.conf"
	printf '{"effects": "%s", "instances": ["shard0", "shard1", "shard2"], "partition_docs_per_s": 300, "partition_docs": 250, "silence_ms": 1000, "pause_ms": 300, "stop_ms": 200}\n' \
		"$effects" >"$work/$name.conf.refsync"
	(cd "$work" && exec env -i PATH="$PATH" HOME="${HOME:-/}" setsid "$work/bin/mongosync" \
		--config "$work/$name.conf" >"$work/$name.log" 2>&1 </dev/null) &
	started+=($!)
	disown
done
for port in "${ports[@]}"; do until_true 30 is_state "$port" IDLE || die "port $port does not become IDLE"; done
for port in "${ports[@]}"; do
	api "$port" start '{"source": "cluster0", "destination": "cluster1"}' | jq -e .success >/dev/null || die "port $port does not start"
done

say "a writer that goes on all the time: $rate changes a second"
"$workload" write --uri "$source" --rate "$rate" --until-file "$work/enough" >"$work/writer.log" 2>&1 &
writer=$!
started+=("$writer")
until_true 120 partitions_done 6 || die "the initial copy does not move"

tarball=$dist/mongosync-debian12-x86_64-$to.tgz
{
	printf 'name: demo\nversion: %s\nartifact: {file: "%s", sha256: %s}\n' "$to" "$tarball" "$(cut -d' ' -f1 "$tarball.sha256")"
	printf 'install_root: %s/root\nstate_dir: %s/state\nlink: %s/bin/mongosync\n' "$work" "$work" "$work"
	printf 'compat: %s/deploy/compat/mongosync.json\n' "$top"
	printf 'oplog_window: 86400\non_failure: rollback\ntimeouts: {movement: 20, pause_quiet: 5, start_quiet: 5, resume_quiet: 5}\ninstances:\n'
	for name in "${names[@]}"; do printf '  - {name: %s, config: %s/%s.conf}\n' "$name" "$work" "$name"; done
} >"$work/fleet.yaml"

say "syncup plan"
"$syncup" plan "$work/fleet.yaml"

say "syncup run, while the initial copy is under way"
complete=$(jq -sc '[.[] | select(.event == "partition" and .complete)] | length' "$effects")
printf '%s partitions are complete\n' "$complete"
"$syncup" run "$work/fleet.yaml" &
supervisor=$!
until_true 120 has_intent stop || die "the run did not come to stopping"
kill -KILL $supervisor
wait $supervisor 2>/dev/null || true
say "the supervisor was killed (SIGKILL); here is what status says"
"$syncup" status "$work/fleet.yaml"
say "the same command again"
"$syncup" run "$work/fleet.yaml" || die "the second run failed"

say "the writer stops, the sync catches up"
touch "$work/enough"
wait $writer || die "the writer failed: $(tail -n 3 "$work/writer.log")"
tail -n 1 "$work/writer.log"
"$workload" caught-up --source "$source" --destination "$destination" --instances 3 --timeout 600
compared=$("$workload" compare --source "$source" --destination "$destination") || true
printf '%s\n' "$compared"

say "syncup status"
"$syncup" status "$work/fleet.yaml"

# Judged by the sync processes' own log of what they did.
recopied=$(jq -sc '[.[] | select(.event == "partition" and .again == true) | .docs] | add // 0' "$effects")
gap=$(jq -sc 'def first(e): map(select(.event == "request" and .path == e) | .t_ns) | min;
	[group_by(.id)[] | ([.[] | select(.event == "resumed") | .t_ns] | max) - first("/api/v1/pause")] | max / 1000000 | floor' "$effects")
upgraded=0
for port in "${ports[@]}"; do is_state "$port" RUNNING && upgraded=$((upgraded + 1)); done
total=$(sed -n 's/^documents=\([0-9]*\) differing=.*/\1/p' <<<"$compared")
differing=$(sed -n 's/^documents=[0-9]* differing=\([0-9]*\)$/\1/p' <<<"$compared")
printf '\ndemo: processes=%s from=%s to=%s kills=1 documents=%s differing=%s recopied=%s longest_gap_ms=%s\n' \
	"$upgraded" "$from" "$to" "${total:-0}" "${differing:-all}" "$recopied" "$gap"
[ "${differing:-1}" = 0 ] && [ "$recopied" = 0 ] && [ "$upgraded" = 3 ]
