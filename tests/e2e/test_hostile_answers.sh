#!/usr/bin/env bash
# A sync process that answers as no honest one would: at any pace, any length,
# in any protocol, or for somebody else.  What must hold: little memory, no more
# time than the fleet file gives, one clear sentence, no request sent twice, and
# nobody touched who is not ours.
. "$(dirname "$0")/lib.sh"

PLAIN=$(dirname "$BUILD")/crash/supervisor/syncup # without sanitizers, if built
MEMORY_KIB=$((32 << 10))
OK='HTTP/1.1 200 OK\r\n'
YES='{"success":true}'
GOOD='{"progress":{"state":"RUNNING","lagTimeSeconds":1},"success":true}'

# bytes NAME FORMAT: a file of raw bytes, by printf
# shellcheck disable=SC2059 # the format is the bytes
bytes() { printf "$2" >"$W/$1.raw"; }
body() { # NAME STATUS TEXT: an answer as it should be, with any text in it
	printf 'HTTP/1.1 %s X\r\nContent-Length: %d\r\n\r\n%s' "$2" "$(printf %s "$3" | wc -c)" "$3" >"$W/$1.raw"
}
raw() { # NAME [MEMBERS]: the fault that answers with that file, as JSON
	jq -nc --arg file "$W/$1.raw" "{kind: \"raw\", file: \$file} + {${2:-}}"
}
times() { # COUNT STRING: it, so often, with commas between
	local text
	# shellcheck disable=SC2046 # one word for each
	text=$(printf "${2//%/%%},%.0s" $(seq "$1"))
	printf '%s' "${text%,}"
}

# All ways to answer; with yes as the words that count.
hostile_bytes() { # WORDS
	local words=$1 len=${#1}
	: >"$W/nothing.raw"
	bytes slow "${OK}Content-Length: $len\r\n\r\n$words"
	bytes redirect "HTTP/1.1 307 Away\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
	bytes http09 "$words\r\n"
	bytes tls '\x15\x03\x01\x00\x02\x02\x46'
	bytes ssh 'SSH-2.0-OpenSSH_9.2p1\r\n'
	bytes early "${OK}Content-Length: 4000\r\n\r\n$words"
	bytes length "${OK}Content-Length: 1073741824\r\n\r\n"
	bytes nolength "$OK\r\n"
	bytes chunks "${OK}Transfer-Encoding: chunked\r\n\r\n"
	bytes chunk '1\r\n \r\n'
	bytes extension "${OK}Transfer-Encoding: chunked\r\n\r\n1"
	bytes continue 'HTTP/1.1 100 Continue\r\n\r\n'
	bytes headers "$OK"
	bytes header 'X-More: of it\r\n'
	body bad 500 "$words"
	body garbage 200 "$(printf '{"a":"\377\376"}')"
	body twice 200 "${words%\}},${words#\{}"
	{
		bytes head "${OK}Transfer-Encoding: gzip, chunked\r\n\r\n"
		printf %s "$words" | gzip >"$W/words.gz"
		cat "$W/head.raw"
		printf '%x\r\n' "$(stat -c %s "$W/words.gz")"
		cat "$W/words.gz"
		printf '\r\n0\r\n\r\n'
	} >"$W/gzip.raw"
}

# ---- looking

# looks_bad WHAT FAULT WHY: plan refuses it, soon, and says why in one sentence
looks_bad() {
	local begun=$SECONDS
	behave shard0 "{\"progress\": $2}"
	syncup plan "$W/fleet.yaml"
	expect_code 3 "plan: $1"
	[ $((SECONDS - begun)) -le 15 ] || fail "$1: plan took $((SECONDS - begun)) s"
	grep -qE "^refusal +api +shard0: its API on port [0-9]+ does not answer: .*$3" "$W/out.syncup" || fail "$1: not said: $3"
	[ "$(grep -c ^refusal "$W/out.syncup")" = 1 ] || fail "$1: more than one sentence"
}

looking() {
	local unit deep
	simple_world light 1
	sed -i 's/timeouts: {/timeouts: {api: 2, /' "$W/fleet.yaml"
	hostile_bytes "$GOOD"
	looks_bad "byte by byte" "$(raw slow 'gap_ms: 100')" 'timed out'
	looks_bad silence "$(raw nothing 'end: "open"')" 'timed out'
	looks_bad "a chunk's name without end" "$(raw extension "filler: \"$W/chunk.raw\", mb: 1024")" '(timed out|chunk)'
	looks_bad "1 GB, announced" "$(raw length 'mb: 1024')" 'too long'
	looks_bad "1 GB, not announced" "$(raw nolength 'mb: 1024')" 'too long'
	looks_bad "chunks without end" "$(raw chunks "filler: \"$W/chunk.raw\", mb: 1024")" 'too long'
	looks_bad "100 Continue without end" "$(raw nothing "filler: \"$W/continue.raw\", mb: 1024")" 'headers are too long'
	looks_bad "headers without end" "$(raw headers "filler: \"$W/header.raw\", mb: 1024")" 'headers are too long'
	looks_bad "closed" "$(raw nothing)" 'closed without an answer'
	looks_bad "reset" "$(raw nothing 'end: "reset"')" '[Rr]eset'
	looks_bad "closed early" "$(raw early)" 'closed before the answer was complete'
	looks_bad "reset early" "$(raw early 'end: "reset"')" '[Rr]eset|complete'
	looks_bad "a redirect" "$(raw redirect)" 'HTTP status 307: a redirect is not followed'
	looks_bad "HTTP/0.9" "$(raw http09)" 'not HTTP/1'
	looks_bad "TLS" "$(raw tls)" 'not HTTP/1'
	looks_bad "SSH" "$(raw ssh 'end: "open"')" 'not HTTP/1'
	looks_bad "gzip that nobody asked for" "$(raw gzip)" 'encoded, unasked'
	looks_bad "no UTF-8" "$(raw garbage)" 'not a JSON object'
	looks_bad "members that are there twice" "$(raw twice)" 'not a JSON object'
	deep=$(printf '%*s' 60000 '')
	body deep 200 "{\"progress\":${deep// /[}"
	looks_bad "nested without end" "$(raw deep)" 'not a JSON object'
	for unit in '{"state":7}' '{"state":null}' '{"state":["RUNNING"]}' '"RUNNING"' '[]'; do
		body type 200 "{\"progress\":$unit,\"success\":true}"
		looks_bad "progress is $unit" "$(raw type)" 'names no state'
	done
	# Numbers beyond any type are no reason to stop, nor is what we do not know:
	# with an oplog that can be read nobody has to believe that lag.
	printf '{"first": "%s.1", "last": "%s.1"}\n' $(($(date +%s) - 86400)) "$(date +%s)" >"$W/source/oplog.json"
	body numbers 200 '{"progress":{"state":"RUNNING","lagTimeSeconds":1e300,"totalEventsApplied":9223372036854775807,"x":[1]},"success":true}'
	behave shard0 "{\"progress\": $(raw numbers)}"
	syncup plan "$W/fleet.yaml"
	expect_code 0 "huge numbers"
	expect_effects 0 '.event == "request" and .method == "POST" and .path != "/api/v1/start"'
}

# uses_little WHAT VERB CODE: the program without sanitizers, measured
uses_little() {
	local code=0 peak
	"$BUILD/tests/e2e/peak" "$W/peak" "$PLAIN" "$2" "$W/fleet.yaml" >"$W/out.syncup" 2>"$W/out.syncup.err" </dev/null || code=$?
	[ $code = "$3" ] || { CODE=$code; expect_code "$3" "$1"; }
	peak=$(cat "$W/peak")
	[ "$peak" -lt $MEMORY_KIB ] || fail "$1: $peak KiB"
	[ "$peak" -le "$MOST" ] || MOST=$peak
}

memory() {
	local unit name MOST=0
	simple_world light 4
	hostile_bytes "$GOOD"
	for unit in '[]' '{}' '{"a":1}' '"a"' 1e9; do
		# as much as is read, and eight times as much
		for size in 130000 1040000; do
			body wide 200 "{\"progress\":[$(times $((size / (${#unit} + 1))) "$unit")]}"
			for name in "${NAMES[@]}"; do behave "$name" "{\"progress\": $(raw wide)}"; done
			uses_little "$size bytes of $unit" plan 3
		done
	done
	for name in "${NAMES[@]}"; do behave "$name" "{\"progress\": $(raw nolength 'mb: 1024')}"; done
	uses_little "four times 1 GB" plan 3
	for name in "${NAMES[@]}"; do
		behave "$name" "{\"pause\": $(raw nolength 'mb: 1024, effect: true'), \"resume\": $(raw headers "filler: \"$W/header.raw\", mb: 1024, effect: true")}"
	done
	uses_little "a run with 1 GB for each answer" run 0
	printf 'hostile-memory: most_kib=%s limit_kib=%s\n' "$MOST" $MEMORY_KIB
}

# ---- asking

# Every instance answers badly to /pause and /resume, each in its own way.
WAYS=(nothing nothing nothing slow redirect http09 early nolength bad continue)
MORE=('' 'end: "reset"' 'end: "open"' 'gap_ms: 400' '' '' '' 'mb: 1024' '' 'mb: 1024')
all_hostile() { # MEMBERS
	local i fault
	hostile_bytes "$YES"
	for i in "${!NAMES[@]}"; do
		fault=$(raw "${WAYS[i]}" "${MORE[i]}${MORE[i]:+, }times: 1, $1")
		behave "${NAMES[i]}" "{\"pause\": $fault, \"resume\": $fault}"
	done
}

asked() { # COUNT: so many POSTs of each kind came to each, one for each INTENT
	local name path intents
	for name in "${NAMES[@]}"; do
		for path in pause resume; do
			expect_effects "$1" ".event == \"request\" and .id == \"$name\" and .path == \"/api/v1/$path\""
			intents=$(jq_journal ".kind == \"intent\" and .target == \"$name\" and .step == \"$path\"")
			[ "$intents" = "$1" ] || fail "$name: $intents INTENTs of $path, not $1"
		done
	done
}

hostile_run() { # MEMBERS COUNT
	local begun
	simple_world light ${#WAYS[@]}
	sed -i 's/pause: 20/pause: 8/; s/resume: 20/resume: 8/' "$W/fleet.yaml"
	all_hostile "$1"
	begun=$SECONDS
	syncup run "$W/fleet.yaml"
	expect_code 0 "hostile answers to requests"
	[ $((SECONDS - begun)) -le 75 ] || fail "it took $((SECONDS - begun)) s"
	asked "$2"
	expect_effects ${#WAYS[@]} '.event == "paused"'
	expect_effects ${#WAYS[@]} '.event == "resumed"'
	expect_upgraded
}

# /progress turns bad in the middle, for good; then the process is well again.
gone_bad() { # ON_FAILURE CODE CODE_AT_THE_END
	local begun
	ON_FAILURE=$1
	simple_world light 2
	sed -i 's/pause: 20/pause: 5/; s/resume: 20/resume: 5/' "$W/fleet.yaml"
	hostile_bytes "$GOOD"
	die_at "after pause"
	behave shard1 "{\"progress\": $(raw redirect)}"
	begun=$SECONDS
	syncup run "$W/fleet.yaml"
	expect_code "$2" "progress has gone bad"
	[ $((SECONDS - begun)) -le 40 ] || fail "it took $((SECONDS - begun)) s"
	grep -qE '^syncup: .*shard1: .*its API does not answer: HTTP status 307: a redirect is not followed' "$W/out.syncup.err" ||
		fail "not said who, and why"
	said 'shard0.* (PAUSED|paused)|(PAUSED|paused).* shard0'
	behave shard1 '{}'
	syncup run "$W/fleet.yaml"
	expect_code "$3" "the same command, once it is well again"
	expect_no_claims
	wait_state shard0 RUNNING
	wait_state shard1 RUNNING
	[ "$3" != 0 ] || expect_upgraded
	[ "$3" != 9 ] || expect_back
	[ "$(effects '.event == "request" and .path == "/api/v1/pause"')" -le 2 ] || fail "a pause was asked for twice"
}

# ---- for somebody else

acts_on() { # NAME: how much was done to it
	local pid
	pid=$(pid_of "$1")
	effects ".pid == $pid and (.event == \"signal\" or (.event == \"request\" and .method == \"POST\"))"
}

# swapped INSTANCES FAULT POINT: shard0 answers as another from there on
swapped() {
	local before
	simple_world light "$1"
	die_at "$3"
	until_true 10 settled || fail "no pause or resume comes to rest"
	before=$(acts_on shard0)
	behave shard0 "{\"progress\": \"$2\"}"
	syncup run "$W/fleet.yaml"
	expect_code 7 "$2 $3"
	grep -qE '^syncup: .*shard0: port [0-9]+ is answered by .*"intruder"' "$W/out.syncup.err" || fail "it did not say who answers"
	[ "$(acts_on shard0)" = "$before" ] || fail "$2 $3: it was touched"
	behave shard0 '{}'
	syncup run "$W/fleet.yaml"
	expect_code 0 "it is itself again"
	expect_upgraded
}
settled() { is_state shard0 PAUSED || is_state shard0 RUNNING; }

# stranger: another migration, without ids as ours, on the port of shard0
stranger() {
	mkdir -p "$W/else/source" "$W/else/destination"
	jq -nc --arg effects "$W/stranger" '{effects: $effects}' >"$W/else.conf.refsync"
	sed "s|$W/source|$W/else/source|; s|$W/destination|$W/else/destination|" "$W/shard0.conf" >"$W/else.conf"
	chmod 600 "$W/else.conf"
	setsid "$W/bin/stranger" --config "$W/else.conf" >"$W/out.else" 2>&1 </dev/null &
	disown
	start_syncs
}
stranger_posts() { jq -sc '[.[] | select(.event == "request" and .method == "POST" and .path != "/api/v1/start")] | length' "$W/stranger"; }

# Ours ends, and somebody else's takes its port, in the same words.
port_taken_by_stranger() {
	ON_FAILURE=stop
	simple_world light 1
	cp "$W/bin/mongosync" "$W/bin/stranger"
	sed -i 's/pause: 20/pause: 3/' "$W/fleet.yaml"
	die_at "before pause"
	kill -KILL "$(pid_of shard0)"
	until_true 10 is_state shard0 '?' || fail "it does not end"
	stranger
	syncup run "$W/fleet.yaml"
	expect_code 6 "a stranger on its port"
	said 'port [0-9]+ belongs to process [0-9]+, whose --config is another'
	[ "$(stranger_posts)" = 0 ] || fail "a stranger was asked to pause"
}

# What we start cannot get its port: what answers there is not it.
port_held_by_stranger() {
	ON_FAILURE=stop
	simple_world light 1
	cp "$W/bin/mongosync" "$W/bin/stranger"
	sed -i 's/start: 30/start: 3/' "$W/fleet.yaml"
	behave shard0 '{"hang_at_start": 1}'
	die_at "answer start"
	stranger
	syncup run "$W/fleet.yaml"
	expect_code 6 "a stranger on the port of what was started"
	said 'port [0-9]+ belongs to process [0-9]+, not to process [0-9]+'
	[ "$(stranger_posts)" = 0 ] || fail "a stranger was asked"
}

# ---- words

# Its words reach the screen and the journal: no secret, no escape sequence, and
# no cut through a character, which the journal cannot hold.
words() {
	local pad uri="mongodb:\\/\\/admin:$SECRET@db.example\\/?x=y"
	ON_FAILURE=stop
	simple_world light 1
	for pad in '' a ab; do
		body no 200 "{\"success\":false,\"error\":\"No$pad\\u001b[2J $uri\",\"errorDescription\":\"$(times 300 $'\u00e9') $uri\"}"
		behave shard0 "{\"pause\": $(raw no)}"
		syncup run "$W/fleet.yaml"
		expect_code 6 "a refusal in many words"
		said "pause shard0: HTTP status 200: No$pad \[2J mongodb://\*\*\*@db.example"
		! grep -q $'\x1b' "$W/out.syncup" "$W/out.syncup.err" || fail "an escape sequence"
		"$SYNCUP" journal verify "$W/fleet.yaml" >/dev/null || fail "the journal cannot be read"
		! grep -q $'\x1b' "$W/state/test/run.journal" || fail "an escape sequence is in the journal"
	done
	body odd 200 "{\"progress\":{\"state\":\"$uri\",\"info\":\"$uri\"},\"success\":true}"
	behave shard0 "{\"progress\": $(raw odd)}"
	syncup plan "$W/fleet.yaml"
	behave shard0 '{}'
	syncup run "$W/fleet.yaml"
	expect_code 0 "the same command, once it agrees"
	expect_upgraded
	rm "$W/no.raw" "$W/odd.raw" # theirs: where the password may be
}

scenario "requests that are done, answered badly" hostile_run 'effect: true' 1
scenario "requests that are not done, answered badly" hostile_run 'effect: false' 2
scenario "looking" looking
scenario "progress goes bad, stop" gone_bad stop 6 0
scenario "progress goes bad, turn back" gone_bad rollback 6 9
for point in pause hold resume; do
	scenario "another id before $point" swapped 2 other_id "before $point"
done
scenario "another id where there was none" swapped 1 other_id "before pause"
scenario "another id after the start" swapped 1 other_id "before resume"
scenario "another migration" swapped 2 other_lane "before hold"
scenario "a stranger takes the port" port_taken_by_stranger
scenario "a stranger holds the port" port_held_by_stranger
scenario "words" words
if [ -x "$PLAIN" ]; then
	scenario "memory" memory
else
	printf 'no %s: memory is not measured\n' "$PLAIN"
fi
scenarios_end
