#!/usr/bin/env bash
# A sync process: does it run, as what, does it answer, and as whom?
. "$(dirname "$0")/guards.sh"

not_running() {
	stays_dead shard1
	refuses process 'shard1: it is not running: ' "a process that is not there"
	expect_refusal "$W/out.syncup.err" api 'shard1: its API on port [0-9]+ does not answer: ' "its API"
}

hanging() {
	behave shard1 '{"silence_ms": 600000, "silence_hangs": 1}'
	launch shard1
	until_true 20 eval "(exec 3<>/dev/tcp/127.0.0.1/$(port_of shard1)) 2>/dev/null" || fail "it does not listen"
	edit_fleet 's/timeouts: {/&api: 1, /'
	refuses api 'shard1: its API on port [0-9]+ does not answer: .*(timed out|Timeout)' "a process that hangs"
	good_fleet
	stays_dead shard1
	behave shard1 '{}'
	launch shard1
	wait_state shard1 RUNNING
}

odd_answers() {
	behave shard1 '{"progress": "other_id"}'
	refuses identity 'shard1: port [0-9]+ is answered by mongosyncID "[^"]+", but .*shard1.conf says id "shard1"$' "a foreign mongosyncID"
	behave shard1 '{"progress": "garbage"}'
	refuses api 'shard1: its API on port [0-9]+ does not answer: ' "an answer that is no JSON"
	behave shard1 '{"progress": "http_500"}'
	refuses api 'shard1: its API on port [0-9]+ does not answer: .*500' "an error"
	behave shard1 '{}'
}

port_of_a_stranger() {
	local port listener
	command -v python3 >/dev/null || { printf 'skipped: no python3\n'; return; }
	free_port
	port=$REPLY
	setsid python3 -m http.server --bind 127.0.0.1 --directory "$W/bin" "$port" >"$W/out.http" 2>&1 </dev/null &
	listener=$!
	until_true 20 eval "(exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null" || fail "no http.server"
	cp "$W/shard1.conf" "$W/good.conf"
	sed -i "s/^port: .*/port: $port/" "$W/shard1.conf"
	refuses process 'shard1: ' "a port of another program"
	expect_refusal "$W/out.syncup.err" api "shard1: its API on port $port does not answer: " "its API"
	cp "$W/good.conf" "$W/shard1.conf"
	kill "$listener"
}

# As syncup would: from the folder of its file, and with next to no environment.
launch_plainly() { # NAME
	(cd "$W" && exec setsid env -i PATH="$PATH" "$W/bin/mongosync" \
		--config "$W/$1.conf" >>"$W/out.$1" 2>&1 </dev/null) &
	disown
}

quick_world 2
planned "all is well"
also process 'shard0: it runs'
also version 'shard0: pid [0-9]+ runs 1.12.0'
also api 'shard0: it answers on port [0-9]+'
also identity 'shard0: mongosyncID "shard0"'
also verifier 'shard0: it has not started: nothing is lost'
also start 'shard0: it will be started otherwise than it runs now: working directory'
stays_dead shard0
launch_plainly shard0
wait_state shard0 RUNNING
api shard0 pause '{}' >/dev/null
wait_state shard0 PAUSED
planned "started plainly, and paused"
also start 'shard0: no difference'
also verifier 'shard0: it has not started'
not_running
hanging
odd_answers
port_of_a_stranger
[ ! -e "$(journal)" ] || fail "a journal was begun"
